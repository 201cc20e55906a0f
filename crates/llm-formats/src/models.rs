//! Which models there are: `GET models` and `GET models/{id}` of `OpenAI`, Anthropic and Gemini.
//!
//! Follows <https://platform.openai.com/docs/api-reference/models>, <https://docs.claude.com/en/api/models-list> and
//! <https://ai.google.dev/api/models> as of November 2026.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::{
    dialect::Dialect,
    gemini::spelling,
    json::{Json, Members},
    neutral::{
        Error,
        fields::{Fields, Path},
    },
};

/// Google's names for models begin with it.
const RESOURCE: &str = "models/";
/// What clients of Gemini look for before they use a model.
const METHODS: [&str; 2] = ["generateContent", "countTokens"];

/// A list of models, or a page of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Models<'a> {
    /// The models.
    pub(crate) models: Vec<Model<'a>>,
    /// What to ask the next page with. `OpenAI` has no pages.
    pub(crate) next: Option<Cow<'a, str>>,
}

/// A model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Model<'a> {
    /// Its name in requests.
    pub(crate) id: Cow<'a, str>,
    /// Its name for people.
    pub(crate) display_name: Option<Cow<'a, str>>,
    /// Whose it is.
    pub(crate) owner: Option<Cow<'a, str>>,
    /// Since when there is it, in seconds since 1970.
    pub(crate) created: Option<i64>,
    /// How many tokens a prompt may have.
    pub(crate) input_limit: Option<u64>,
    /// How many tokens an answer may have.
    pub(crate) output_limit: Option<u64>,
}

/// Reads a list.
///
/// # Errors
/// It is none, or one of its models has no name.
pub(crate) fn parse_models(dialect: Dialect, body: Json<'_>) -> Result<Models<'_>, Error> {
    let mut fields = spelling::fields(body, Path::BODY)?;
    let name = if dialect == Dialect::Gemini { "models" } else { "data" };
    let path = Path::BODY.member(name);
    let mut models = Vec::new();
    for (index, json) in fields.array(name)?.into_iter().enumerate() {
        models.push(read(dialect, json, path.item(index))?);
    }
    let has_more = fields.flag("hasMore").ok().flatten().unwrap_or(false);
    let next = match dialect {
        Dialect::Gemini => text(&mut fields, "nextPageToken"),
        Dialect::Anthropic if has_more => text(&mut fields, "lastId"),
        Dialect::Anthropic | Dialect::OpenAi => None,
    };
    Ok(Models { models, next })
}

/// Reads a model.
///
/// # Errors
/// It is none, or has no name.
pub(crate) fn parse_model(dialect: Dialect, body: Json<'_>) -> Result<Model<'_>, Error> {
    read(dialect, body, Path::BODY)
}

fn read<'a>(dialect: Dialect, json: Json<'a>, path: Path<'_>) -> Result<Model<'a>, Error> {
    let mut fields = spelling::fields(json, path)?;
    Ok(match dialect {
        Dialect::OpenAi => Model {
            id: fields.need_text("id")?,
            owner: text(&mut fields, "ownedBy"),
            created: fields.count("created").ok().flatten().and_then(|created| i64::try_from(created).ok()),
            ..Model::default()
        },
        Dialect::Anthropic => Model {
            id: fields.need_text("id")?,
            display_name: text(&mut fields, "displayName"),
            owner: Some("anthropic".into()),
            created: text(&mut fields, "createdAt").and_then(|time| seconds(&time)),
            ..Model::default()
        },
        Dialect::Gemini => Model {
            id: without_resource(fields.need_text("name")?),
            display_name: text(&mut fields, "displayName"),
            owner: Some("google".into()),
            created: None,
            input_limit: fields.count("inputTokenLimit").ok().flatten(),
            output_limit: fields.count("outputTokenLimit").ok().flatten(),
        },
    })
}

fn text<'a>(fields: &mut Fields<'a, '_>, name: &str) -> Option<Cow<'a, str>> {
    fields.text(name).ok().flatten().filter(|text| !text.is_empty())
}

fn seconds(time: &str) -> Option<i64> {
    // Providers write the epoch where they do not know.
    time.parse::<Timestamp>().ok().map(Timestamp::as_second).filter(|seconds| *seconds > 0)
}

fn without_resource(name: Cow<'_, str>) -> Cow<'_, str> {
    match name {
        Cow::Borrowed(name) => name.strip_prefix(RESOURCE).unwrap_or(name).into(),
        Cow::Owned(name) => name.strip_prefix(RESOURCE).map(str::to_owned).unwrap_or(name).into(),
    }
}

/// Writes a list.
pub(crate) fn build_models(dialect: Dialect, models: Models<'_>) -> Json<'_> {
    let Models { models, next } = models;
    let edges = models.first().zip(models.last()).map(|(first, last)| (first.id.clone(), last.id.clone()));
    let items: Json<'_> = models.into_iter().map(|model| build_model(dialect, model)).collect();
    match dialect {
        Dialect::OpenAi => Members::new().with("object", "list").with("data", items),
        Dialect::Anthropic => {
            let (first, last) =
                edges.map_or((Json::Null, Json::Null), |(first, last)| (first.into(), last.into()));
            Members::new()
                .with("data", items)
                .with("has_more", next.is_some())
                .with("first_id", first)
                .with("last_id", next.map_or(last, Json::String))
        }
        Dialect::Gemini => Members::new().with("models", items).with_some("nextPageToken", next),
    }
    .into()
}

/// Writes a model.
pub(crate) fn build_model(dialect: Dialect, model: Model<'_>) -> Json<'_> {
    let created = model.created.unwrap_or_default();
    let display_name = model.display_name.unwrap_or_else(|| model.id.clone());
    match dialect {
        Dialect::OpenAi => Members::new()
            .with("id", model.id)
            .with("object", "model")
            .with("created", created)
            .with("owned_by", model.owner.unwrap_or("unknown".into())),
        Dialect::Anthropic => Members::new()
            .with("type", "model")
            .with("id", model.id)
            .with("display_name", display_name)
            .with("created_at", Timestamp::from_second(created).unwrap_or_default().to_string()),
        Dialect::Gemini => {
            let methods: Json<'_> = METHODS.into_iter().map(Json::from).collect();
            Members::new()
                .with("name", format!("{RESOURCE}{}", model.id))
                .with("displayName", display_name)
                .with_some("inputTokenLimit", model.input_limit)
                .with_some("outputTokenLimit", model.output_limit)
                .with("supportedGenerationMethods", methods)
        }
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPENAI: &str = concat!(
        r#"{"object":"list","data":[{"id":"gpt-5.2","object":"model","created":1764000000,"owned_by":"openai"},"#,
        r#"{"id":"gpt-5","object":"model","created":1754000000,"owned_by":"system"}]}"#
    );
    const ANTHROPIC: &str = concat!(
        r#"{"data":[{"type":"model","id":"claude-sonnet-4-5","display_name":"Claude Sonnet 4.5","#,
        r#""created_at":"2025-09-29T00:00:00Z"}],"has_more":true,"first_id":"claude-sonnet-4-5","#,
        r#""last_id":"claude-sonnet-4-5"}"#
    );
    const GEMINI: &str = concat!(
        r#"{"models":[{"name":"models/gemini-2.5-pro","displayName":"Gemini 2.5 Pro","inputTokenLimit":1048576,"#,
        r#""outputTokenLimit":65536,"supportedGenerationMethods":["generateContent","countTokens"]}],"#,
        r#""nextPageToken":"n"}"#
    );

    fn models(dialect: Dialect, text: &str) -> Models<'_> {
        parse_models(dialect, Json::parse(text.as_bytes()).unwrap()).unwrap()
    }

    fn written(json: &Json<'_>) -> String {
        String::from_utf8(json.to_vec()).unwrap()
    }

    #[test]
    fn every_list_is_read_and_written_again() {
        for (dialect, text) in
            [(Dialect::OpenAi, OPENAI), (Dialect::Anthropic, ANTHROPIC), (Dialect::Gemini, GEMINI)]
        {
            assert_eq!(written(&build_models(dialect, models(dialect, text))), text);
        }
    }

    #[test]
    fn a_list_of_one_api_is_a_list_of_another() {
        assert_eq!(
            written(&build_models(Dialect::Gemini, models(Dialect::Anthropic, ANTHROPIC))),
            concat!(
                r#"{"models":[{"name":"models/claude-sonnet-4-5","displayName":"Claude Sonnet 4.5","#,
                r#""supportedGenerationMethods":["generateContent","countTokens"]}],"#,
                r#""nextPageToken":"claude-sonnet-4-5"}"#
            )
        );
        assert_eq!(
            written(&build_models(Dialect::OpenAi, models(Dialect::Gemini, GEMINI))),
            r#"{"object":"list","data":[{"id":"gemini-2.5-pro","object":"model","created":0,"owned_by":"google"}]}"#
        );
        assert_eq!(
            written(&build_models(Dialect::Anthropic, Models::default())),
            r#"{"data":[],"has_more":false,"first_id":null,"last_id":null}"#
        );
    }

    #[test]
    fn one_model_is_told_in_every_format() {
        let gemini = r#"{"name":"models/gemini-2.5-pro","version":"2.5","displayName":"Gemini 2.5 Pro"}"#;
        let model = parse_model(Dialect::Gemini, Json::parse(gemini.as_bytes()).unwrap()).unwrap();

        assert_eq!(
            written(&build_model(Dialect::Anthropic, model.clone())),
            concat!(
                r#"{"type":"model","id":"gemini-2.5-pro","display_name":"Gemini 2.5 Pro","#,
                r#""created_at":"1970-01-01T00:00:00Z"}"#
            )
        );
        let anthropic = build_model(Dialect::Anthropic, model);
        assert_eq!(parse_model(Dialect::Anthropic, anthropic).unwrap().created, None);
    }

    #[test]
    fn a_model_without_a_name_is_named_by_its_place() {
        let json = Json::parse(br#"{"models":[{}]}"#).unwrap();

        let error = parse_models(Dialect::Gemini, json).unwrap_err();

        assert_eq!(error.to_string(), "`models[0].name` is missing");
    }
}
