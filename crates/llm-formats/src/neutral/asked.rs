//! What an answer has to know of the request it answers.

use std::sync::Arc;

use super::{Request, ToolInput};
use crate::json::Json;

/// Members of a request that its answers repeat; big ones, as tools are, so they are not copied.
pub type Repeated = Arc<Vec<(&'static str, Json<'static>)>>;

/// What an answer has to know of the request it answers, and of the moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Asked {
    /// The model, by the name the client has for it.
    pub model: String,
    /// Whether a Chat Completions stream ends with the usage.
    pub include_usage: bool,
    /// The names of the tools. A format in which one cannot stand finds it here again.
    pub tools: Vec<String>,
    /// The names of the tools that take plain text instead of JSON.
    pub free_form_tools: Vec<String>,
    /// Whether a call is told as the `function_call` that Chat Completions had before tools.
    pub has_functions: bool,
    /// Members of the request that a Responses answer repeats.
    pub repeated: Repeated,
    /// The id of an answer to which the provider gives none.
    pub id: String,
    /// The time, in seconds since 1970.
    pub now: u64,
}

impl Asked {
    /// What the answer to a request has to know of it. `id` and `now` are for an answer that comes without.
    pub fn of(request: &Request<'_>, id: String, now: u64) -> Self {
        let free_form = request.tools.iter().filter(|tool| matches!(tool.input, ToolInput::FreeForm { .. }));
        Self {
            model: request.model.to_string(),
            include_usage: request.include_usage,
            tools: request.tools.iter().map(|tool| tool.name.to_string()).collect(),
            free_form_tools: free_form.map(|tool| tool.name.to_string()).collect(),
            has_functions: request.has_functions,
            repeated: Arc::clone(&request.repeated),
            id,
            now,
        }
    }

    /// Whether a tool takes plain text.
    pub fn is_free_form(&self, tool: &str) -> bool {
        self.free_form_tools.iter().any(|name| name == tool)
    }
}
