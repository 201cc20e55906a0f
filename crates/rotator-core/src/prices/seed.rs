use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::{PriceRow, PriceTable};

/// The prices that every build carries. A test sees to it that they can be read.
static SEED: LazyLock<Seed> = LazyLock::new(|| read(include_str!("seed.json")).unwrap_or_default());
/// The version of the seed's form that this program reads.
const VERSION: u32 = 1;

/// Prices of well-known models, as they were known at a time.
#[derive(Debug, Default)]
pub struct Seed {
    /// What the prices are, and what they are not.
    pub note: Box<str>,
    /// By who takes them.
    pub providers: Vec<ProviderPrices>,
    /// All of them.
    pub(super) table: PriceTable,
}

/// What a provider takes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderPrices {
    /// Its name.
    pub name: Box<str>,
    /// Where it tells its prices.
    pub prices_at: Box<str>,
    /// The month in which they were known to be these, such as `2026-10`.
    pub as_of: Box<str>,
    /// By model.
    pub prices: Vec<PriceRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    note: Box<str>,
    providers: Vec<ProviderPrices>,
}

/// The seed.
pub fn seed() -> &'static Seed {
    &SEED
}

fn read(text: &str) -> Option<Seed> {
    let File { version, note, providers } = serde_json::from_str(text).ok()?;
    let rows: Vec<PriceRow> = providers.iter().flat_map(|provider| &provider.prices).cloned().collect();
    (version == VERSION).then(|| Seed { note, table: PriceTable::new(&rows), providers })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prices::check_rows;

    #[test]
    fn the_seed_can_be_read_and_names_each_model_once() {
        let seed = read(include_str!("seed.json")).unwrap();
        let rows: Vec<PriceRow> =
            seed.providers.iter().flat_map(|provider| &provider.prices).cloned().collect();

        assert_eq!(check_rows(&rows, usize::MAX), Ok(()));
        for ProviderPrices { name, prices_at, as_of, .. } in &seed.providers {
            assert!(prices_at.starts_with("https://") && as_of.starts_with("202"), "{name}");
        }
        assert!(read(&include_str!("seed.json").replace("\"version\": 1", "\"version\": 2")).is_none());
    }

    #[test]
    fn models_have_their_prices_under_the_names_that_apis_give_them() {
        let input = |model: &str| seed().table.find(model).map(|price| price.input.to_string());

        for (model, dollars) in [
            ("gpt-4o", "2.5"),
            ("gpt-4o-2024-08-06", "2.5"),
            ("gpt-4o-2024-05-13", "5"),
            ("gpt-4o-mini", "0.15"),
            ("openai/gpt-4o-mini", "0.15"),
            ("claude-sonnet-4-5-20250929", "3"),
            ("claude-sonnet-4-5@20250929", "3"),
            ("models/gemini-2.5-flash", "0.3"),
            ("deepseek-v4-pro", "0.435"),
        ] {
            assert_eq!(input(model).as_deref(), Some(dollars), "{model}");
        }
        for model in ["gpt-4o-audio-preview", "llama3.2", "deepseek-v4-flash:free"] {
            assert_eq!(input(model), None, "{model}");
        }
    }
}
