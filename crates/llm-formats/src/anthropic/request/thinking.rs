//! How much a model may think. Older models are given a budget of tokens, newer ones an effort.

use crate::{
    anthropic::model::Generation,
    json::Members,
    neutral::{Effort, Error, Losses, Thinking, ThinkingAmount, fields::Fields},
};

/// The answer's tokens where the client tells no limit, which Anthropic wants. Every model since Claude 4 has as many.
const DEFAULT_MAX_TOKENS: u64 = 32_000;
/// The least budget that Anthropic takes.
const MIN_BUDGET: u64 = 1_024;

/// Reads `thinking`, with the effort that stands elsewhere. An effort tells more about what is wanted than a budget,
/// which is only a limit.
pub(super) fn read(
    fields: &mut Fields<'_, '_>,
    effort: Option<Effort>,
    losses: &mut Losses,
) -> Result<Option<Thinking>, Error> {
    let path = fields.path;
    let Some(thinking) = fields.json("thinking") else {
        return Ok(effort.map(|effort| Thinking { amount: ThinkingAmount::Effort(effort), is_shown: None }));
    };
    let at = path.member("thinking");
    let mut thinking = Fields::of(thinking, at)?;
    let told = effort.map(ThinkingAmount::Effort);
    let shown = thinking.text("display")?.map(|display| display != "omitted");
    let read = match &*thinking.need_text("type")? {
        "disabled" => {
            if told.is_some() {
                losses.lose_named("output_config.effort");
            }
            Thinking { amount: ThinkingAmount::Effort(Effort::None), is_shown: None }
        }
        "enabled" => {
            let budget = thinking.count("budget_tokens")?.map(ThinkingAmount::Budget);
            if told.is_some() && budget.is_some() {
                losses.lose_named("thinking.budget_tokens");
            }
            let amount = told.or(budget).unwrap_or(ThinkingAmount::Adaptive);
            Thinking { amount, is_shown: Some(shown.unwrap_or(true)) }
        }
        "adaptive" => Thinking { amount: told.unwrap_or(ThinkingAmount::Adaptive), is_shown: shown },
        _ => {
            losses.lose(&at.member("type"));
            Thinking { amount: told.unwrap_or(ThinkingAmount::Adaptive), is_shown: shown }
        }
    };
    thinking.finish(losses);
    Ok(Some(read))
}

/// How a request has its model think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    mode: Mode,
    is_shown: Option<bool>,
    /// What stands in `output_config`.
    pub(super) effort: Option<Effort>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// As the model does of its own accord.
    Untold,
    Adaptive,
    Budget(u64),
}

impl Plan {
    /// What is nearest to what was asked.
    pub(super) fn of(thinking: Option<Thinking>, generation: Generation, losses: &mut Losses) -> Self {
        let untold = Self { mode: Mode::Untold, is_shown: None, effort: None };
        let Some(Thinking { amount, is_shown }) = thinking else { return untold };
        let effort = match amount {
            ThinkingAmount::Effort(effort) => Some(effort),
            ThinkingAmount::Budget(tokens) => Some(Effort::of_budget(tokens)),
            ThinkingAmount::Adaptive => None,
        };
        match (effort, amount) {
            (Some(Effort::None), _) if generation.always_thinks() => {
                losses.lose_named("reasoning_effort");
                Self { effort: Some(Effort::Low), ..untold }
            }
            (Some(Effort::None), _) => untold,
            _ if generation.is_adaptive() => {
                let effort = effort.map(|effort| match effort {
                    Effort::Minimal => Effort::Low,
                    Effort::XHigh if !generation.has_xhigh() => Effort::High,
                    effort => effort,
                });
                Self { mode: Mode::Adaptive, is_shown, effort }
            }
            (_, ThinkingAmount::Budget(tokens)) => {
                Self { mode: Mode::Budget(tokens.max(MIN_BUDGET)), is_shown, effort: None }
            }
            (effort, _) => {
                let budget = effort.unwrap_or(Effort::Medium).budget();
                Self { mode: Mode::Budget(budget), is_shown, effort: None }
            }
        }
    }

    /// Gives a budget up that the rest of the request does not allow.
    pub(super) fn forbid_budget(&mut self, losses: &mut Losses) {
        if matches!(self.mode, Mode::Budget(_)) {
            losses.lose_named("reasoning_effort");
            self.mode = Mode::Untold;
        }
    }

    /// Whether the model is told to think.
    pub(super) fn is_on(self) -> bool {
        self.mode != Mode::Untold
    }

    /// The limit of the answer's tokens, thoughts included. Anthropic wants it above the budget; where it is not, the
    /// words alone keep as many tokens as were told.
    pub(super) fn max_tokens(self, told: Option<u64>) -> u64 {
        let limit = told.unwrap_or(DEFAULT_MAX_TOKENS);
        match self.mode {
            Mode::Budget(budget) if limit <= budget => limit.saturating_add(budget),
            _ => limit,
        }
    }

    /// The member `thinking`.
    pub(super) fn write(self) -> Option<Members<'static>> {
        let thinking = match self.mode {
            Mode::Untold => return None,
            Mode::Adaptive => Members::new().with("type", "adaptive"),
            Mode::Budget(budget) => Members::new().with("type", "enabled").with("budget_tokens", budget),
        };
        let display = self.is_shown.map(|is_shown| if is_shown { "summarized" } else { "omitted" });
        Some(thinking.with_some("display", display))
    }
}
