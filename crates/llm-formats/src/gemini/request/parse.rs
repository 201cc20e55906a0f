//! Reading a request.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet, VecDeque},
};

use super::{config, tools};
use crate::{
    gemini::{
        part::{self, Piece, WirePart},
        parts::ModelParts,
        spelling,
    },
    json::Json,
    neutral::{
        Content, Error, Losses, Message, Part, Request, Role, ServiceTier, ToolResult,
        fields::{Fields, Path},
    },
};

/// Reads a request. Its model and whether to stream stand in the path: the caller has to fill them in.
pub(crate) fn parse_request<'a>(body: Json<'a>, losses: &mut Losses) -> Result<Request<'a>, Error> {
    let mut fields = spelling::fields(body, Path::BODY)?;
    if fields.json("cachedContent").is_some() {
        return Err(Error::NoCounterpart { what: "cachedContent (a prompt that only Google has)".into() });
    }
    let mut messages = instructions(&mut fields, losses)?;
    messages.extend(turns(&mut fields, losses)?);
    let mut request = Request {
        messages,
        tools: tools::read_tools(fields.array("tools")?, Path::BODY.member("tools"), losses)?,
        service_tier: service_tier(&mut fields)?,
        metadata: fields.json("labels"),
        ..Request::default()
    };
    if let Some(json) = fields.json("toolConfig") {
        request.tool_choice = tools::read_choice(json, Path::BODY.member("toolConfig"), losses)?;
    }
    if let Some(json) = fields.json("generationConfig") {
        config::read(json, Path::BODY.member("generationConfig"), &mut request, losses)?;
    }
    fields.ignore(&["model"]);
    fields.finish(losses);
    Ok(request)
}

fn service_tier(fields: &mut Fields<'_, '_>) -> Result<Option<ServiceTier>, Error> {
    let Some(tier) = fields.text("serviceTier")? else { return Ok(None) };
    match tier.to_ascii_lowercase().as_str() {
        "unspecified" => Ok(None),
        "standard" => Ok(Some(ServiceTier::Standard)),
        "flex" => Ok(Some(ServiceTier::Flex)),
        "priority" => Ok(Some(ServiceTier::Priority)),
        _ => Err(Path::BODY.member("serviceTier").error("must be standard, flex or priority")),
    }
}

/// SDKs may send a content, a part, or a text alone.
fn instructions<'a>(fields: &mut Fields<'a, '_>, losses: &mut Losses) -> Result<Vec<Message<'a>>, Error> {
    let path = Path::BODY.member("systemInstruction");
    let parts = match fields.json("systemInstruction") {
        None => return Ok(Vec::new()),
        Some(Json::String(text)) => vec![Part::text(text)],
        Some(json) => {
            let mut fields = spelling::fields(json, path)?;
            fields.ignore(&["role"]);
            let items = fields.array("parts")?;
            let parts = match fields.text("text")? {
                Some(text) => vec![Part::text(text)],
                None => texts(items, path.member("parts"), losses)?,
            };
            fields.finish(losses);
            parts
        }
    };
    Ok(if parts.is_empty() { Vec::new() } else { vec![Message::new(Role::System, parts)] })
}

fn texts<'a>(items: Vec<Json<'a>>, path: Path<'_>, losses: &mut Losses) -> Result<Vec<Part<'a>>, Error> {
    let mut texts = Vec::with_capacity(items.len());
    for (index, json) in items.into_iter().enumerate() {
        match part::read(json, path.item(index), losses)?.piece {
            Some(Piece::Text { text, .. }) => texts.push(Part::text(text)),
            None => {}
            Some(_) => return Err(path.item(index).error("must be a text")),
        }
    }
    Ok(texts)
}

/// A turn as it stands in the request: calls and results may have no ids yet.
struct Turn<'a> {
    role: Role,
    parts: Vec<WirePart<'a>>,
}

fn turns<'a>(fields: &mut Fields<'a, '_>, losses: &mut Losses) -> Result<Vec<Message<'a>>, Error> {
    let path = Path::BODY.member("contents");
    let contents = fields.array("contents")?;
    if contents.is_empty() {
        return Err(path.error("must have at least one content"));
    }
    let mut turns = Vec::with_capacity(contents.len());
    for (index, json) in contents.into_iter().enumerate() {
        turns.push(turn(json, path.item(index), losses)?);
    }
    let mut calls = Calls::of(&turns);
    Ok(turns.into_iter().map(|turn| calls.message(turn)).collect())
}

fn turn<'a>(json: Json<'a>, path: Path<'_>, losses: &mut Losses) -> Result<Turn<'a>, Error> {
    let mut fields = spelling::fields(json, path)?;
    let role = match fields.text("role")?.as_deref() {
        None | Some("user" | "function" | "") => Role::User,
        Some("model") => Role::Assistant,
        Some(_) => return Err(path.member("role").error("must be user or model")),
    };
    let parts_path = path.member("parts");
    let mut parts = Vec::new();
    for (index, json) in fields.array("parts")?.into_iter().enumerate() {
        let part = part::read(json, parts_path.item(index), losses)?;
        let misplaced = match &part.piece {
            Some(Piece::Call { .. }) if role == Role::User => {
                "functionCall belongs into a content of the model"
            }
            Some(Piece::Result { .. }) if role == Role::Assistant => {
                "functionResponse belongs into a content of the user"
            }
            _ => {
                parts.push(part);
                continue;
            }
        };
        return Err(parts_path.item(index).error(format!("is misplaced: a {misplaced}")));
    }
    fields.finish(losses);
    Ok(Turn { role, parts })
}

/// Gives ids to calls that have none, and finds the call that a result answers.
struct Calls<'a> {
    /// The ids that are in the request.
    taken: HashSet<String>,
    /// How many ids were tried out so far.
    made_up: usize,
    /// The calls without results so far, by the tool.
    open: HashMap<String, VecDeque<Cow<'a, str>>>,
    /// The ids of those with results, as long as they stand among the open ones too.
    answered: HashSet<String>,
}

impl<'a> Calls<'a> {
    fn of(turns: &[Turn<'a>]) -> Self {
        let pieces = turns.iter().flat_map(|turn| &turn.parts).filter_map(|part| part.piece.as_ref());
        let ids = pieces.filter_map(|piece| match piece {
            Piece::Call { id, .. } | Piece::Result { id, .. } => id.as_deref().map(str::to_owned),
            Piece::Text { .. } | Piece::Media(_) => None,
        });
        Self { taken: ids.collect(), made_up: 0, open: HashMap::new(), answered: HashSet::new() }
    }

    fn message(&mut self, turn: Turn<'a>) -> Message<'a> {
        let parts = match turn.role {
            Role::Assistant => self.said(turn.parts),
            _ => turn.parts.into_iter().filter_map(|part| self.asked(part.piece?)).collect(),
        };
        Message::new(turn.role, parts)
    }

    fn said(&mut self, wire: Vec<WirePart<'a>>) -> Vec<Part<'a>> {
        let mut parts = ModelParts::default();
        for part in wire {
            let tool = match &part.piece {
                Some(Piece::Call { name, .. }) => name.to_string(),
                _ => String::new(),
            };
            parts.push(part, |id| {
                let id = id.unwrap_or_else(|| self.new_id());
                self.open.entry(tool).or_default().push_back(id.clone());
                id
            });
        }
        parts.into_parts()
    }

    fn asked(&mut self, piece: Piece<'a>) -> Option<Part<'a>> {
        match piece {
            Piece::Text { text, .. } => Some(Part::text(text)),
            Piece::Media(media) => Some(Content::Media(media).into()),
            Piece::Result { id, name, parts, is_error } => {
                let id = self.call_of(id, &name);
                let result = ToolResult { id, name: Some(name), parts, is_error, is_free_form: false };
                Some(Content::ToolResult(result).into())
            }
            Piece::Call { .. } => None,
        }
    }

    /// By the id, or else the first call of this tool that has no result yet.
    fn call_of(&mut self, id: Option<Cow<'a, str>>, tool: &str) -> Cow<'a, str> {
        if let Some(id) = id {
            self.answered.insert(id.to_string());
            return id;
        }
        while let Some(id) = self.open.get_mut(tool).and_then(VecDeque::pop_front) {
            if !self.answered.remove(&*id) {
                return id;
            }
        }
        self.new_id()
    }

    fn new_id(&mut self) -> Cow<'a, str> {
        loop {
            self.made_up += 1;
            let id = format!("call_{}", self.made_up);
            if !self.taken.contains(&id) {
                return id.into();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<(Request<'_>, Losses), Error> {
        let mut losses = Losses::default();
        parse_request(Json::parse(text.as_bytes()).unwrap(), &mut losses).map(|request| (request, losses))
    }

    /// The ids of calls and of results, in their order.
    fn ids(contents: &str) -> Vec<String> {
        let text = format!(r#"{{"contents":[{contents}]}}"#);
        let (request, _) = parsed(&text).unwrap();
        let parts = request.messages.into_iter().flat_map(|message| message.parts);
        let ids = parts.filter_map(|part| match part.content {
            Content::ToolCall(call) => Some(format!("{}!", call.id)),
            Content::ToolResult(result) => Some(result.id.to_string()),
            _ => None,
        });
        ids.collect()
    }

    #[test]
    fn calls_without_ids_get_one_and_results_find_them_by_name_and_order() {
        let contents = r#"
            {"role":"model","parts":[{"functionCall":{"name":"f"}},{"functionCall":{"name":"g"}},
                {"functionCall":{"name":"f"}}]},
            {"role":"function","parts":[{"functionResponse":{"name":"g"}},{"functionResponse":{"name":"f"}},
                {"functionResponse":{"name":"f"}},{"functionResponse":{"name":"f"}}]}"#;

        assert_eq!(ids(contents), ["call_1!", "call_2!", "call_3!", "call_2", "call_1", "call_3", "call_4"]);
    }

    #[test]
    fn ids_of_the_client_are_kept_and_never_made_up_again() {
        let contents = r#"
            {"role":"model","parts":[{"functionCall":{"name":"f","id":"call_1"}},{"functionCall":{"name":"f"}}]},
            {"role":"user","parts":[{"functionResponse":{"name":"f","id":"call_1"}},
                {"functionResponse":{"name":"f"}}]}"#;

        assert_eq!(ids(contents), ["call_1!", "call_2!", "call_1", "call_2"]);
    }

    #[test]
    fn instructions_may_be_a_content_a_part_or_a_text() {
        for instruction in
            [r#""Be brief.""#, r#"{"text":"Be brief."}"#, r#"{"parts":[{"text":"Be brief."}]}"#]
        {
            let text = format!(r#"{{"system_instruction":{instruction},"contents":[{{"parts":[]}}]}}"#);

            let (request, losses) = parsed(&text).unwrap();

            assert_eq!(request.messages[0], Message::new(Role::System, vec![Part::text("Be brief.")]));
            assert_eq!(request.messages[1].role, Role::User);
            assert!(losses.is_empty());
        }
    }

    #[test]
    fn what_nobody_else_has_is_told() {
        let (request, losses) = parsed(
            r#"{"contents":[{"parts":[{"text":"a"}]}],"safetySettings":[{}],"tools":[{"googleSearch":{}}],
                "labels":{"a":"b"},"serviceTier":"flex"}"#,
        )
        .unwrap();

        assert_eq!(losses.names(), ["tools[].googleSearch", "safetySettings"]);
        assert_eq!(request.service_tier, Some(ServiceTier::Flex));
        assert_eq!(request.metadata.unwrap().to_vec(), br#"{"a":"b"}"#);
    }

    #[test]
    fn what_cannot_be_right_is_named_by_its_place() {
        for (text, message) in [
            ("{}", "`contents` must have at least one content"),
            (r#"{"contents":[{"role":"system"}]}"#, "`contents[0].role` must be user or model"),
            (
                r#"{"contents":[{"parts":[{"functionCall":{"name":"f"}}]}]}"#,
                "`contents[0].parts[0]` is misplaced: a functionCall belongs into a content of the model",
            ),
            (r#"{"contents":[{}],"serviceTier":"x"}"#, "`serviceTier` must be standard, flex or priority"),
        ] {
            assert_eq!(parsed(text).unwrap_err().to_string(), message);
        }
        let cached = parsed(r#"{"cached_content":"cachedContents/1","contents":[{}]}"#).unwrap_err();
        assert!(matches!(cached, Error::NoCounterpart { .. }));
    }
}
