use std::{collections::HashSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Money;
use crate::record::Tokens;

/// Longest pattern, in bytes.
const MAX_PATTERN: usize = 200;
/// The highest price there may be: dollars per million tokens.
const MAX_PRICE: Money = Money::from_dollars(1_000_000);
const MILLION: u128 = 1_000_000;

/// Which models a price is of: one name, or with a `*` at its end all that begin so. In lower case, as models are compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModelPattern(Box<str>);

/// US dollars per million tokens, by what they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Price {
    /// Of the prompt.
    pub input: Money,
    /// Of the prompt, read from the provider's cache; like `input` where it is not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_read: Option<Money>,
    /// Of the prompt, written to the provider's cache; like `input` where it is not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<Money>,
    /// Of the answer.
    pub output: Money,
    /// Of the reasoning before the answer; like `output` where it is not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Money>,
}

/// The price of a model, or of several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct PriceRow {
    /// Of which.
    #[serde(serialize_with = "as_text")]
    pub model: ModelPattern,
    /// How much.
    #[serde(flatten)]
    pub price: Price,
}

/// Whether these rows can stand in one table.
///
/// # Errors
/// A clause that says what is wrong.
pub fn check_rows(rows: &[PriceRow], most: usize) -> Result<(), String> {
    if rows.len() > most {
        return Err(format!("must not be more than {most}"));
    }
    let mut seen = HashSet::new();
    match rows.iter().find(|row| !seen.insert(&row.model)) {
        Some(row) => Err(format!("has '{}' twice; leave one of the two out", row.model)),
        None => Ok(()),
    }
}

impl ModelPattern {
    /// The text that names begin with, and whether they may go on after it.
    pub(super) fn parts(&self) -> (&str, bool) {
        match self.0.strip_suffix('*') {
            Some(beginning) => (beginning, true),
            None => (&self.0, false),
        }
    }
}

impl FromStr for ModelPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !(1..=MAX_PATTERN).contains(&text.len()) || text.contains(|c: char| c.is_control() || c == ' ') {
            return Err(format!(
                "must be a model's name of 1 to {MAX_PATTERN} bytes, without spaces and control characters"
            ));
        }
        if text.strip_suffix('*').unwrap_or(text).contains('*') {
            return Err("may have a '*' at its end only".into());
        }
        Ok(Self(text.to_ascii_lowercase().into()))
    }
}

impl fmt::Display for ModelPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn as_text<S: serde::Serializer>(model: &ModelPattern, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(model)
}

impl Price {
    /// The same for every token.
    pub fn flat(price: Money) -> Self {
        Self { input: price, cached_read: None, cache_write: None, output: price, reasoning: None }
    }

    /// What these tokens cost, rounded to the nearest billionth of a dollar.
    pub fn cost(&self, tokens: Tokens) -> Money {
        let Self { input, cached_read, cache_write, output, reasoning } = *self;
        let prices = [
            input,
            cached_read.unwrap_or(input),
            cache_write.unwrap_or(input),
            output,
            reasoning.unwrap_or(output),
        ];
        let of_bucket = |(tokens, price): (u64, Money)| u128::from(tokens) * u128::from(price.nanos());
        let sum = tokens.buckets().into_iter().zip(prices).map(of_bucket).fold(0, u128::saturating_add);
        let nanos = sum.saturating_add(MILLION / 2) / MILLION;
        Money::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl TryFrom<Map<String, Value>> for PriceRow {
    type Error = String;

    /// Reads a row as JSON has it. What is wrong is told with the model, so that the row is found.
    fn try_from(mut fields: Map<String, Value>) -> Result<Self, String> {
        const NO_MODEL: &str = "each row must have a model, such as gpt-5 or gpt-5*";
        let Some(Value::String(model)) = fields.remove("model") else { return Err(NO_MODEL.into()) };
        let of_row = |name: &str, reason: String| format!("the row of '{model}': {name} {reason}");
        let pattern = model.parse().map_err(|reason| of_row("model", reason))?;
        let mut price = |name: &str| {
            let value = fields.remove(name).filter(|value| !value.is_null());
            value.map(|value| amount(&value).map_err(|reason| of_row(name, reason))).transpose()
        };
        let missing = |name: &str| of_row(name, "is required: dollars per million tokens, 0 for none".into());
        let row = Self {
            price: Price {
                input: price("input")?.ok_or_else(|| missing("input"))?,
                cached_read: price("cached_read")?,
                cache_write: price("cache_write")?,
                output: price("output")?.ok_or_else(|| missing("output"))?,
                reasoning: price("reasoning")?,
            },
            model: pattern,
        };
        match fields.keys().next() {
            None => Ok(row),
            Some(name) => {
                let known = "input, cached_read, cache_write, output and reasoning";
                Err(of_row(&format!("'{name}'"), format!("is not known; beside the model it has {known}")))
            }
        }
    }
}

/// A price in JSON: a number, or its digits as text.
fn amount(value: &Value) -> Result<Money, String> {
    let text = match value {
        Value::String(text) => text.clone(),
        // The shortest digits that stand for this float are those that were written, up to 15 of them: more than a
        // price may have.
        Value::Number(number) => match number.as_f64() {
            Some(float) if !number.is_u64() => float.to_string(),
            _ => number.to_string(),
        },
        _ => return Err("must be a number of dollars, such as 1.25".into()),
    };
    match text.parse()? {
        price if price > MAX_PRICE => Err(format!("must not be more than {MAX_PRICE} dollars")),
        price => Ok(price),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn row(json: Value) -> Result<PriceRow, String> {
        serde_json::from_value(json).map_err(|error| error.to_string())
    }

    #[test]
    fn a_row_reads_back_as_it_was_written() {
        let text = r#"{"model":"o9*","input":2.5,"cached_read":0.003625,"output":10,"reasoning":0.000001}"#;

        let row: PriceRow = serde_json::from_str(text).unwrap();

        assert_eq!(serde_json::to_string(&row).unwrap(), text);
        assert_eq!(row.price.cached_read, Some(Money::from_nanos(3_625_000)));
        assert_eq!(row.price.cache_write, None);
        let quoted: PriceRow =
            serde_json::from_str(r#"{"model":"O9*","input":"2.50","cached_read":"0.003625","cache_write":null,"output":"10","reasoning":1e-6}"#).unwrap();
        assert_eq!(quoted, row);
    }

    #[test]
    fn what_is_wrong_with_a_row_is_told_with_its_model() {
        for (json, wanted) in [
            (json!({ "input": 1, "output": 1 }), "each row must have a model"),
            (json!({ "model": "m", "output": 1 }), "the row of 'm': input is required"),
            (json!({ "model": "m", "input": 1 }), "the row of 'm': output is required"),
            (json!({ "model": "m", "input": -1, "output": 1 }), "the row of 'm': input must be a number"),
            (json!({ "model": "m", "input": true, "output": 1 }), "the row of 'm': input must be a number"),
            (json!({ "model": "m", "input": "1e3", "output": 1 }), "the row of 'm': input must be a number"),
            (
                json!({ "model": "m", "input": 1_000_001, "output": 1 }),
                "the row of 'm': input must not be more than 1000000",
            ),
            (json!({ "model": "m", "input": 1, "output": 1e300 }), "the row of 'm': output is more than"),
            (
                json!({ "model": "m", "input": 1, "output": 1, "ouput": 1 }),
                "the row of 'm': 'ouput' is not known",
            ),
            (
                json!({ "model": "a*b", "input": 1, "output": 1 }),
                "the row of 'a*b': model may have a '*' at its end",
            ),
            (json!({ "model": "", "input": 1, "output": 1 }), "the row of '': model must be"),
        ] {
            let error = row(json.clone()).unwrap_err();

            assert!(error.starts_with(wanted), "{json}: {error}");
        }
    }

    #[test]
    fn a_model_has_one_price_in_a_table() {
        let rows = ["a", "a*", "A"]
            .map(|model| PriceRow { model: model.parse().unwrap(), price: Price::flat(Money::default()) });

        assert_eq!(check_rows(&rows[..2], 2), Ok(()));
        assert!(check_rows(&rows[..2], 1).unwrap_err().contains("more than 1"));
        assert!(check_rows(&rows, 3).unwrap_err().contains("'a' twice"));
    }

    #[test]
    fn every_bucket_has_its_price_or_the_one_it_falls_back_to() {
        let million = Tokens {
            input: 1_000_000,
            cached_read: 1_000_000,
            cache_write: 1_000_000,
            output: 1_000_000,
            reasoning: 1_000_000,
        };
        let [one, ten] = [1, 10].map(Money::from_dollars);
        let price = Price { output: ten, ..Price::flat(one) };

        assert_eq!(price.cost(million).to_string(), "23");
        let [a, b, c] = [100, 1_000, 10_000].map(Money::from_dollars).map(Some);
        let price = Price { cached_read: a, cache_write: b, reasoning: c, ..price };
        assert_eq!(price.cost(million).to_string(), "11111");
    }

    #[test]
    fn a_cost_is_rounded_once_and_never_overflows() {
        let half = Price::flat(Money::from_nanos(500_000));
        let cost = |input, output| half.cost(Tokens { input, output, ..Tokens::default() }).nanos();

        assert_eq!((cost(1, 0), cost(1, 1), cost(1, 2)), (1, 1, 2));
        let [most, prices] = [u64::MAX; 2];
        let most =
            Tokens { input: most, cached_read: most, cache_write: most, output: most, reasoning: most };
        assert_eq!(Price::flat(Money::from_nanos(prices)).cost(most).nanos(), u64::MAX);
        assert_eq!(Price::flat(Money::default()).cost(most).nanos(), 0);
    }

    proptest! {
        #[test]
        fn a_price_in_json_is_exact_whether_it_is_a_number_or_text(nanos in 0..=MAX_PRICE.nanos()) {
            let money = Money::from_nanos(nanos);
            let number: Value = serde_json::from_str(&money.to_string()).unwrap();

            prop_assert_eq!(amount(&number), Ok(money));
            prop_assert_eq!(amount(&json!(money.to_string())), Ok(money));
        }

        #[test]
        fn a_cost_is_that_of_its_parts(
            input in 0_u64..1 << 40, output in 0_u64..1 << 40, [a, b] in prop::array::uniform2(0_u64..1 << 20),
        ) {
            // Whole billionths a token, so that nothing is rounded.
            let price = Price {
                output: Money::from_nanos(b * 1_000_000), ..Price::flat(Money::from_nanos(a * 1_000_000))
            };

            let cost = price.cost(Tokens { input, output, ..Tokens::default() });

            prop_assert_eq!(cost.nanos(), input * a + output * b);
        }
    }
}
