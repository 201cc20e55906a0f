//! How much a model may think: a budget of tokens up to Gemini 2.5, a level from Gemini 3 on.

use super::spelling;
use crate::{
    json::{Json, Members},
    neutral::{Effort, Error, Losses, Thinking, ThinkingAmount, fields::Path},
};

/// How a model is told how much it may think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Control {
    /// Not at all: it does not think.
    Nothing,
    /// By tokens, within these bounds; less than the least is none, if `may_be_none`.
    Budget { least: u64, most: u64, may_be_none: bool },
    /// By one of the levels.
    Level { has_minimal: bool, has_medium: bool },
}

/// Reads a `thinkingConfig`.
pub(super) fn read(json: Json<'_>, path: Path<'_>, losses: &mut Losses) -> Result<Thinking, Error> {
    let mut fields = spelling::fields(json, path)?;
    let is_shown = fields.flag("includeThoughts")?;
    let budget = fields.number("thinkingBudget")?;
    let level = fields.text("thinkingLevel")?;
    fields.finish(losses);
    let amount = match (budget, level) {
        (Some(tokens), _) => amount_of(tokens).ok_or_else(|| {
            path.member("thinkingBudget").error("must be a number of tokens, or -1 for as many as it takes")
        })?,
        (None, Some(level)) => level_named(&level)
            .ok_or_else(|| path.member("thinkingLevel").error("must be MINIMAL, LOW, MEDIUM or HIGH"))?,
        (None, None) => ThinkingAmount::Adaptive,
    };
    Ok(Thinking { amount, is_shown })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
fn amount_of(tokens: f64) -> Option<ThinkingAmount> {
    match tokens {
        -1.0 => Some(ThinkingAmount::Adaptive),
        0.0 => Some(ThinkingAmount::Effort(Effort::None)),
        1.0..=1e9 if tokens.fract() == 0.0 => Some(ThinkingAmount::Budget(tokens as u64)),
        _ => None,
    }
}

fn level_named(level: &str) -> Option<ThinkingAmount> {
    match level.to_ascii_lowercase().as_str() {
        "thinking_level_unspecified" => Some(ThinkingAmount::Adaptive),
        level @ ("minimal" | "low" | "medium" | "high") => Effort::named(level).map(ThinkingAmount::Effort),
        _ => None,
    }
}

/// The `thinkingConfig` for a model; none where nothing is to be said.
pub(super) fn write(thinking: Thinking, model: &str, losses: &mut Losses) -> Option<Members<'static>> {
    let config = Members::new().with_some("includeThoughts", thinking.is_shown);
    let config = match Control::of(model) {
        Control::Nothing => {
            if thinking.amount != ThinkingAmount::Effort(Effort::None) {
                losses.lose_named("reasoning_effort");
            }
            return None;
        }
        Control::Budget { least, most, may_be_none } => {
            let tokens = match thinking.amount {
                ThinkingAmount::Adaptive => return Some(config.with("thinkingBudget", -1_i64)),
                ThinkingAmount::Effort(effort) => effort.budget(),
                ThinkingAmount::Budget(tokens) => tokens,
            };
            let is_none = tokens == 0 && may_be_none;
            if tokens == 0 && !may_be_none {
                losses.lose_named("reasoning_effort");
            }
            config.with("thinkingBudget", if is_none { 0 } else { tokens.clamp(least, most) })
        }
        Control::Level { has_minimal, has_medium } => {
            let effort = match thinking.amount {
                ThinkingAmount::Adaptive => return (!config.is_empty()).then_some(config),
                ThinkingAmount::Effort(effort) => effort,
                ThinkingAmount::Budget(tokens) => Effort::of_budget(tokens),
            };
            if effort == Effort::None {
                losses.lose_named("reasoning_effort");
            }
            let level = match effort {
                Effort::None | Effort::Minimal if has_minimal => "MINIMAL",
                Effort::None | Effort::Minimal | Effort::Low => "LOW",
                Effort::Medium if has_medium => "MEDIUM",
                Effort::Medium | Effort::High | Effort::XHigh | Effort::Max => "HIGH",
            };
            config.with("thinkingLevel", level)
        }
    };
    Some(config)
}

/// Whether a model is of the third generation or newer, as those are whose names have no version.
pub(super) fn is_gemini_3(model: &str) -> bool {
    model.contains("gemini") && version(model).is_none_or(|version| version >= (3, 0))
}

impl Control {
    /// A name without a version, such as `gemini-flash-latest`, may be either generation; the newer one still takes
    /// budgets.
    fn of(model: &str) -> Self {
        let is_flash = model.contains("flash");
        match version(model) {
            _ if model.contains("gemma") => Self::Nothing,
            Some(version) if version < (2, 5) => Self::Nothing,
            Some(version) if version >= (3, 0) => Self::Level {
                has_minimal: is_flash && version < (3, 8),
                has_medium: is_flash || version > (3, 0),
            },
            _ if model.contains("flash-lite") => Self::Budget { least: 512, most: 24_576, may_be_none: true },
            _ if is_flash => Self::Budget { least: 1, most: 24_576, may_be_none: true },
            _ => Self::Budget { least: 128, most: 32_768, may_be_none: false },
        }
    }
}

/// The version in `gemini-2.5-pro`, with or without a path before it.
fn version(model: &str) -> Option<(u32, u32)> {
    let (_, rest) = model.split_once("gemini-")?;
    let number = rest.split('-').next().unwrap_or_default();
    let (major, minor) = number.split_once('.').unwrap_or((number, "0"));
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(amount: ThinkingAmount, model: &str) -> (String, Vec<String>) {
        let mut losses = Losses::default();
        let config = write(Thinking { amount, is_shown: None }, model, &mut losses);
        let text =
            config.map_or_else(String::new, |config| String::from_utf8(Json::from(config).to_vec()).unwrap());
        (text, losses.names().to_vec())
    }

    #[test]
    fn an_effort_is_a_budget_up_to_2_5_and_a_level_from_3_on() {
        for (effort, model, expected) in [
            (Effort::Medium, "gemini-2.5-pro", r#"{"thinkingBudget":8192}"#),
            (Effort::Max, "gemini-2.5-flash", r#"{"thinkingBudget":24576}"#),
            (Effort::None, "models/gemini-2.5-flash", r#"{"thinkingBudget":0}"#),
            (Effort::Low, "gemini-flash-latest", r#"{"thinkingBudget":2048}"#),
            (Effort::Medium, "gemini-3-pro-preview", r#"{"thinkingLevel":"HIGH"}"#),
            (Effort::Medium, "gemini-3.1-pro-preview", r#"{"thinkingLevel":"MEDIUM"}"#),
            (Effort::Minimal, "gemini-3-flash-preview", r#"{"thinkingLevel":"MINIMAL"}"#),
            (Effort::Minimal, "gemini-3.8-flash", r#"{"thinkingLevel":"LOW"}"#),
        ] {
            assert_eq!(written(ThinkingAmount::Effort(effort), model), (expected.into(), vec![]), "{model}");
        }
    }

    #[test]
    fn what_a_model_cannot_do_is_told() {
        let lost = vec!["reasoning_effort".to_owned()];
        for (effort, model, expected) in [
            (Effort::None, "gemini-2.5-pro", r#"{"thinkingBudget":128}"#),
            (Effort::None, "gemini-3-pro-preview", r#"{"thinkingLevel":"LOW"}"#),
            (Effort::High, "gemini-2.0-flash", ""),
            (Effort::High, "gemma-3-27b-it", ""),
        ] {
            assert_eq!(
                written(ThinkingAmount::Effort(effort), model),
                (expected.into(), lost.clone()),
                "{model}"
            );
        }
    }

    #[test]
    fn a_budget_is_kept_or_becomes_a_level() {
        for (amount, model, expected) in [
            (ThinkingAmount::Budget(50_000), "gemini-2.5-pro", r#"{"thinkingBudget":32768}"#),
            (ThinkingAmount::Budget(7), "gemini-2.5-flash-lite", r#"{"thinkingBudget":512}"#),
            (ThinkingAmount::Adaptive, "gemini-2.5-flash", r#"{"thinkingBudget":-1}"#),
            (ThinkingAmount::Adaptive, "gemini-3-flash-preview", ""),
            (ThinkingAmount::Budget(2_000), "gemini-3-pro-preview", r#"{"thinkingLevel":"LOW"}"#),
        ] {
            assert_eq!(written(amount, model).0, expected, "{model}");
        }
    }

    #[test]
    fn a_generation_is_told_by_the_name() {
        for model in ["gemini-3-pro-preview", "models/gemini-3.8-flash", "gemini-flash-latest"] {
            assert!(is_gemini_3(model), "{model}");
        }
        for model in ["gemini-2.5-pro", "gemini-2.0-flash", "gemma-3-27b-it", ""] {
            assert!(!is_gemini_3(model), "{model}");
        }
    }

    #[test]
    fn budgets_and_levels_are_read_in_both_spellings() {
        let read = |text: &str| {
            let json = Json::parse(text.as_bytes()).unwrap();
            super::read(json, Path::BODY, &mut Losses::default()).map(|thinking| thinking.amount)
        };

        for (text, amount) in [
            (r#"{"thinking_budget":-1}"#, ThinkingAmount::Adaptive),
            (r#"{"thinkingBudget":0}"#, ThinkingAmount::Effort(Effort::None)),
            (r#"{"thinkingBudget":8192}"#, ThinkingAmount::Budget(8_192)),
            (r#"{"thinkingLevel":"high"}"#, ThinkingAmount::Effort(Effort::High)),
            (r#"{"include_thoughts":true}"#, ThinkingAmount::Adaptive),
        ] {
            assert_eq!(read(text).unwrap(), amount, "{text}");
        }
        assert!(read(r#"{"thinkingLevel":"huge"}"#).is_err());
        assert!(read(r#"{"thinkingBudget":-2}"#).is_err());
    }
}
