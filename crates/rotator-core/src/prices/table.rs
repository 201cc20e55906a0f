use std::{borrow::Cow, collections::HashMap, iter::successors};

use super::{Price, PriceRow};

/// Prices by model.
///
/// A model is looked up by the name in the request, in either case; then without what stands before its first slash, and
/// so on, for routers and resource names put a provider or `models/` before it. Of each of these names first the row that
/// names it counts, then the row that names it without the date, `-latest` or number of its version, then the row with
/// the longest beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PriceTable {
    exact: HashMap<Box<str>, Price>,
    /// The longest first.
    beginnings: Vec<(Box<str>, Price)>,
}

impl PriceTable {
    /// A table with these rows.
    pub fn new(rows: &[PriceRow]) -> Self {
        let mut table = Self::default();
        for PriceRow { model, price } in rows {
            match model.parts() {
                (name, false) => drop(table.exact.insert(name.into(), *price)),
                (beginning, true) => table.beginnings.push((beginning.into(), *price)),
            }
        }
        table.beginnings.sort_by_key(|(beginning, _)| std::cmp::Reverse(beginning.len()));
        table
    }

    /// The price of a model.
    pub fn find(&self, model: &str) -> Option<&Price> {
        let model = if model.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(model.to_ascii_lowercase())
        } else {
            Cow::Borrowed(model)
        };
        let mut names = successors(Some(&*model), |name| Some(name.split_once('/')?.1));
        names.find_map(|name| self.find_name(name))
    }

    fn find_name(&self, name: &str) -> Option<&Price> {
        let exact = |name: &str| self.exact.get(name);
        exact(name).or_else(|| exact(without_version(name)?)).or_else(|| {
            let is_of = |(beginning, _): &&(Box<str>, Price)| name.starts_with(&**beginning);
            self.beginnings.iter().find(is_of).map(|(_, price)| price)
        })
    }
}

/// A model's name without what tells its versions apart: `-latest`, a date (`-2024-08-06`, `-20250929`, `@20250929`,
/// `-0613`) or a number of three digits (`-001`). `None` when it has none.
fn without_version(name: &str) -> Option<&str> {
    let bare = name.strip_suffix("-latest").or_else(|| {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let (bare, version) = name.rsplit_once(['-', '@']).filter(|(_, version)| digits(version))?;
        match version.len() {
            3 | 4 | 8 => Some(bare),
            2 => {
                let mut parts = bare.rsplitn(3, '-');
                let (month, year) = (parts.next()?, parts.next()?);
                let is_date = month.len() == 2 && year.len() == 4 && digits(month) && digits(year);
                parts.next().filter(|_| is_date)
            }
            _ => None,
        }
    })?;
    Some(bare).filter(|bare| !bare.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::prices::Money;

    /// A table in which each pattern has the price of its place.
    fn table(patterns: &[&str]) -> PriceTable {
        let rows: Vec<_> = (0..)
            .zip(patterns)
            .map(|(place, pattern)| PriceRow {
                model: pattern.parse().unwrap(),
                price: Price::flat(Money::from_nanos(place)),
            })
            .collect();
        PriceTable::new(&rows)
    }

    /// The pattern that decides about a model.
    fn found<'a>(patterns: &[&'a str], model: &str) -> Option<&'a str> {
        let price = *table(patterns).find(model)?;
        Some(patterns[usize::try_from(price.input.nanos()).unwrap()])
    }

    #[test]
    fn the_row_that_says_the_most_about_a_name_decides() {
        const PATTERNS: &[&str] =
            &["*", "gpt-4o", "gpt-*", "gpt-4*", "gpt-4o-2024-05-13", "azure/gpt-4o", "router/*", "o3"];
        for (model, pattern) in [
            ("gpt-4o", "gpt-4o"),
            ("GPT-4o", "gpt-4o"),
            ("gpt-4o-2024-05-13", "gpt-4o-2024-05-13"),
            ("gpt-4o-2024-08-06", "gpt-4o"),
            ("gpt-4o-latest", "gpt-4o"),
            ("gpt-4o-mini", "gpt-4*"),
            ("gpt-5", "gpt-*"),
            ("azure/gpt-4o", "azure/gpt-4o"),
            ("router/gpt-4o", "router/*"),
            ("o3", "o3"),
            ("o3-mini", "*"),
            ("", "*"),
        ] {
            assert_eq!(found(PATTERNS, model), Some(pattern), "{model}");
        }
    }

    #[test]
    fn a_provider_before_the_name_does_not_hide_it() {
        for model in ["m", "models/m", "p/m", "accounts/p/models/m", "P/M-20250929"] {
            assert_eq!(found(&["m"], model), Some("m"), "{model}");
        }
        for model in ["m/p", "pm", "m:free", "p/m:free", "m-mini", "", "/"] {
            assert_eq!(found(&["m"], model), None, "{model}");
        }
    }

    #[test]
    fn versions_of_a_model_cost_what_it_does() {
        for version in ["-latest", "-2024-08-06", "-20250929", "@20250929", "-001", "-0613"] {
            assert_eq!(found(&["m-4"], &format!("m-4{version}")), Some("m-4"), "{version}");
        }
        for version in ["-1", "-12", "-08-06", "-24-08-06", "-v2", "-12345", "-2024-08-6", "latest", "-"] {
            assert_eq!(found(&["m-4"], &format!("m-4{version}")), None, "{version}");
        }
        assert_eq!(without_version("-latest"), None);
    }

    proptest! {
        #[test]
        fn any_name_is_looked_up_without_harm(model: String, patterns in prop::collection::vec("[a-b/@0-9-]{1,6}\\*?", 0..6)) {
            let mut known: Vec<&str> = patterns.iter().map(String::as_str).collect();
            known.dedup();
            found(&known, &model);
        }

        #[test]
        fn a_name_finds_its_own_row_among_any_others(
            name in "[a-z0-9/.@-]{1,12}", others in prop::collection::vec("[a-z0-9/.@-]{0,8}\\*", 0..6),
        ) {
            let patterns: Vec<&str> = others.iter().map(String::as_str).chain([&*name]).collect();

            prop_assert_eq!(found(&patterns, &name), Some(&*name));
        }

        #[test]
        fn of_two_beginnings_the_longer_one_decides(name in "[a-z-]{4,12}", at in 1_usize..4) {
            let (short, long) = (format!("{}*", &name[..at - 1]), format!("{}*", &name[..at]));

            prop_assert_eq!(found(&[&short, &long], &name), Some(&*long));
        }
    }
}
