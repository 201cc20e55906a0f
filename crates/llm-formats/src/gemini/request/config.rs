//! `generationConfig`: how an answer is made.

use std::borrow::Cow;

use crate::{
    gemini::{schema, spelling, thinking},
    json::{Json, Members},
    neutral::{
        Error, Logprobs, Losses, Output, Request, Sampling,
        fields::{Fields, Path},
    },
};

/// Gemini takes no more texts that end an answer.
const MAX_STOPS: usize = 5;
const JSON: &str = "application/json";

/// Reads a `generationConfig` into a request.
pub(super) fn read<'a>(
    json: Json<'a>,
    path: Path<'_>,
    request: &mut Request<'a>,
    losses: &mut Losses,
) -> Result<(), Error> {
    let mut fields = spelling::fields(json, path)?;
    request.max_tokens = fields.count("maxOutputTokens")?;
    request.sampling = read_sampling(&mut fields)?;
    for (index, stop) in fields.array("stopSequences")?.into_iter().enumerate() {
        match stop {
            Json::String(stop) => request.stop.push(stop),
            _ => return Err(path.member("stopSequences").item(index).error("must be a string")),
        }
    }
    request.choices = fields.count("candidateCount")?;
    let top = fields.count("logprobs")?;
    let wants_logprobs = fields.flag("responseLogprobs")?.unwrap_or(false);
    request.logprobs = wants_logprobs.then_some(Logprobs { top });
    request.output = read_output(&mut fields, losses)?;
    if let Some(json) = fields.json("thinkingConfig") {
        request.thinking = Some(thinking::read(json, path.member("thinkingConfig"), losses)?);
    }
    only_words(&mut fields)?;
    fields.finish(losses);
    Ok(())
}

fn read_sampling(fields: &mut Fields<'_, '_>) -> Result<Sampling, Error> {
    Ok(Sampling {
        temperature: fields.number("temperature")?,
        top_p: fields.number("topP")?,
        top_k: fields.count("topK")?,
        presence_penalty: fields.number("presencePenalty")?,
        frequency_penalty: fields.number("frequencyPenalty")?,
        seed: read_seed(fields)?,
    })
}

#[expect(clippy::cast_possible_truncation, reason = "a seed is an i32 and the range is checked")]
fn read_seed(fields: &mut Fields<'_, '_>) -> Result<Option<i64>, Error> {
    let Some(seed) = fields.number("seed")? else { return Ok(None) };
    let is_seed = seed.fract() == 0.0 && (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&seed);
    is_seed
        .then_some(Some(seed as i64))
        .ok_or_else(|| fields.path.member("seed").error("must be a whole number of 32 bits"))
}

fn read_output<'a>(fields: &mut Fields<'a, '_>, losses: &mut Losses) -> Result<Output<'a>, Error> {
    let mime = fields.text("responseMimeType")?;
    let openapi = fields.json("responseSchema").map(schema::from_openapi);
    let schema = fields.json("responseJsonSchema").or(openapi);
    Ok(match (mime.as_deref(), schema) {
        (Some(JSON), Some(schema)) => {
            Output::JsonSchema { name: None, description: None, schema, strict: None }
        }
        (Some(JSON), None) => Output::JsonObject,
        (None | Some("" | "text/plain"), None) => Output::Text,
        _ => {
            losses.lose(&fields.path.member("responseMimeType"));
            Output::Text
        }
    })
}

/// Who asks for pictures or speech must not get words.
fn only_words(fields: &mut Fields<'_, '_>) -> Result<(), Error> {
    let modalities = fields.array("responseModalities")?;
    if modalities
        .iter()
        .all(|modality| modality.as_str().is_some_and(|name| name.eq_ignore_ascii_case("text")))
    {
        return Ok(());
    }
    let what = fields.path.member("responseModalities").to_string();
    Err(Error::NoCounterpart { what: what.into() })
}

/// Takes what belongs there out of a request.
pub(super) fn write<'a>(request: &mut Request<'a>, losses: &mut Losses) -> Members<'a> {
    let Sampling { temperature, top_p, top_k, presence_penalty, frequency_penalty, seed } = request.sampling;
    let seed = seed.filter(|seed| kept(i32::try_from(*seed).is_ok(), "seed", losses));
    let mut stops = std::mem::take(&mut request.stop);
    kept(stops.len() <= MAX_STOPS, "stop", losses);
    stops.truncate(MAX_STOPS);
    let stops: Option<Json<'a>> = (!stops.is_empty()).then(|| stops.into_iter().map(Json::String).collect());
    let thinking = request.thinking.and_then(|thinking| thinking::write(thinking, &request.model, losses));
    let config = Members::new()
        .with_some("maxOutputTokens", request.max_tokens)
        .with_some("temperature", temperature)
        .with_some("topP", top_p)
        .with_some("topK", top_k)
        .with_some("presencePenalty", presence_penalty)
        .with_some("frequencyPenalty", frequency_penalty)
        .with_some("seed", seed)
        .with_some("stopSequences", stops)
        .with_some("candidateCount", request.choices)
        .with_some("responseLogprobs", request.logprobs.map(|_| true))
        .with_some("logprobs", request.logprobs.and_then(|logprobs| logprobs.top).filter(|top| *top > 0))
        .with_some("thinkingConfig", thinking);
    write_output(std::mem::take(&mut request.output), config, losses)
}

fn write_output<'a>(output: Output<'a>, config: Members<'a>, losses: &mut Losses) -> Members<'a> {
    match output {
        Output::Text => config,
        Output::JsonObject => config.with("responseMimeType", JSON),
        Output::JsonSchema { description, schema, .. } => {
            let schema = described(schema::to_subset(schema, "response_format.schema", losses), description);
            config.with("responseMimeType", JSON).with("responseJsonSchema", schema)
        }
    }
}

/// What a schema is for stands in the schema.
fn described<'a>(schema: Json<'a>, description: Option<Cow<'a, str>>) -> Json<'a> {
    match schema {
        Json::Object(members) if members.get("description").is_none() && members.get("$ref").is_none() => {
            members.with_some("description", description).into()
        }
        schema => schema,
    }
}

/// Whether something stays; if it does not, its name is told.
fn kept(is_kept: bool, name: &str, losses: &mut Losses) -> bool {
    if !is_kept {
        losses.lose_named(name);
    }
    is_kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<(Request<'_>, Losses), Error> {
        let (mut request, mut losses) = (Request::default(), Losses::default());
        let json = Json::parse(text.as_bytes()).unwrap();
        read(json, Path::BODY.member("generationConfig"), &mut request, &mut losses)?;
        Ok((request, losses))
    }

    #[test]
    fn what_is_read_is_written_again() {
        let text = concat!(
            r#"{"maxOutputTokens":5,"temperature":0.5,"topP":0.9,"topK":40,"presencePenalty":0.1,"#,
            r#""frequencyPenalty":-0.1,"seed":-7,"stopSequences":["END"],"candidateCount":2,"#,
            r#""responseLogprobs":true,"logprobs":3,"thinkingConfig":{"includeThoughts":true,"thinkingBudget":512},"#,
            r#""responseMimeType":"application/json","responseJsonSchema":{"type":"object"}}"#
        );
        let (mut request, mut losses) = parsed(text).unwrap();
        request.model = "gemini-2.5-flash".into();

        let written = write(&mut request, &mut losses);

        assert_eq!(String::from_utf8(Json::from(written).to_vec()).unwrap(), text);
        assert!(losses.is_empty());
    }

    #[test]
    fn an_older_schema_is_read_as_json_schema() {
        let (request, _) = parsed(
            r#"{"response_mime_type":"application/json","response_schema":{"type":"ARRAY","items":{"type":"STRING"}}}"#,
        )
        .unwrap();

        let Output::JsonSchema { schema, .. } = request.output else { panic!() };
        assert_eq!(schema.to_vec(), br#"{"type":"array","items":{"type":"string"}}"#);
    }

    #[test]
    fn who_asks_for_pictures_does_not_get_words() {
        assert!(parsed(r#"{"responseModalities":["TEXT"]}"#).is_ok());
        let error = parsed(r#"{"responseModalities":["TEXT","IMAGE"]}"#).unwrap_err();
        assert!(matches!(error, Error::NoCounterpart { .. }));
    }

    #[test]
    fn what_gemini_does_not_take_is_told() {
        let mut losses = Losses::default();
        let mut request = Request {
            stop: vec!["a".into(); 6],
            sampling: Sampling { seed: Some(1 << 40), ..Sampling::default() },
            ..Request::default()
        };

        let written = write(&mut request, &mut losses);

        assert_eq!(Json::from(written).to_vec(), br#"{"stopSequences":["a","a","a","a","a"]}"#);
        assert_eq!(losses.names(), ["seed", "stop"]);
    }

    #[test]
    fn a_wrong_value_is_named() {
        for (text, message) in [
            (r#"{"seed":1.5}"#, "`generationConfig.seed` must be a whole number of 32 bits"),
            (r#"{"stop_sequences":[1]}"#, "`generationConfig.stopSequences[0]` must be a string"),
            (r#"{"topP":"x"}"#, "`generationConfig.topP` must be a number"),
        ] {
            assert_eq!(parsed(text).unwrap_err().to_string(), message);
        }
    }
}
