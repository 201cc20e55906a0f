//! `OpenAI`'s `/embeddings`.

use std::borrow::Cow;

use super::{EmbeddingsRequest, EmbeddingsResponse, Wants};
use crate::{
    gemini::base64,
    json::{Json, Members},
    neutral::{
        Error, Losses,
        fields::{Fields, Path},
    },
};

/// Reads a request.
pub(crate) fn parse_request<'a>(body: Json<'a>, losses: &mut Losses) -> Result<EmbeddingsRequest<'a>, Error> {
    let mut fields = Fields::of(body, Path::BODY)?;
    let wants = match fields.text("encoding_format")?.as_deref() {
        None | Some("float") => Wants::Numbers,
        Some("base64") => Wants::Base64,
        Some(_) => return Err(Path::BODY.member("encoding_format").error("must be float or base64")),
    };
    let request = EmbeddingsRequest {
        model: fields.need_text("model")?,
        inputs: inputs(fields.json("input"))?,
        dimensions: fields.count("dimensions")?,
        wants,
    };
    fields.finish(losses);
    Ok(request)
}

fn inputs(input: Option<Json<'_>>) -> Result<Vec<Cow<'_, str>>, Error> {
    let path = Path::BODY.member("input");
    match input {
        Some(Json::String(text)) => Ok(vec![text]),
        Some(Json::Array(items)) if !items.is_empty() => {
            let texts = items.into_iter().enumerate().map(|(index, item)| match item {
                Json::String(text) => Ok(text),
                Json::Number(_) | Json::Array(_) => {
                    Err(Error::NoCounterpart { what: "input as numbers of tokens".into() })
                }
                _ => Err(path.item(index).error("must be a string")),
            });
            texts.collect()
        }
        _ => Err(path.error("must be a string or a list of strings, not empty")),
    }
}

/// Writes a request. Not every server knows base64; numbers are known to all.
pub(crate) fn build_request(request: EmbeddingsRequest<'_>) -> Json<'_> {
    let inputs: Json<'_> = request.inputs.into_iter().map(Json::String).collect();
    Members::new()
        .with("model", request.model)
        .with("input", inputs)
        .with_some("dimensions", request.dimensions)
        .with("encoding_format", "float")
        .into()
}

/// Reads an answer.
pub(crate) fn parse_response(body: Json<'_>) -> Result<EmbeddingsResponse<'_>, Error> {
    let mut fields = Fields::of(body, Path::BODY)?;
    let model = fields.text("model").ok().flatten().unwrap_or_default();
    let path = Path::BODY.member("data");
    let mut vectors = Vec::new();
    for (place, json) in fields.array("data")?.into_iter().enumerate() {
        let mut item = Fields::of(json, path.item(place))?;
        let vector = item.json("embedding").and_then(vector);
        let vector = vector.ok_or_else(|| path.item(place).member("embedding").error("must be a vector"))?;
        vectors.push((item.count("index")?.unwrap_or(place as u64), vector));
    }
    vectors.sort_by_key(|(index, _)| *index);
    let usage = fields.json("usage").and_then(|json| Fields::of(json, Path::BODY).ok());
    let tokens = usage.and_then(|mut usage| usage.count("prompt_tokens").ok().flatten());
    Ok(EmbeddingsResponse { model, vectors: vectors.into_iter().map(|(_, vector)| vector).collect(), tokens })
}

fn vector(json: Json<'_>) -> Option<Vec<f64>> {
    match json {
        Json::Array(numbers) => numbers.iter().map(Json::as_f64).collect(),
        Json::String(text) => {
            let bytes = base64::decode(&text)?;
            let (numbers, rest) = bytes.as_chunks();
            rest.is_empty().then(|| numbers.iter().map(|bytes| f32::from_le_bytes(*bytes).into()).collect())
        }
        _ => None,
    }
}

/// Writes an answer. `model` is the client's name for the model.
pub(crate) fn build_response<'a>(response: EmbeddingsResponse<'a>, model: &str, wants: Wants) -> Json<'a> {
    let data = response.vectors.into_iter().zip(0_u64..).map(|(vector, index)| {
        let embedding: Json<'a> = match wants {
            Wants::Base64 => packed(&vector).into(),
            Wants::Numbers | Wants::Single => vector.into_iter().map(Json::from).collect(),
        };
        let item = Members::new().with("object", "embedding").with("index", index);
        Json::Object(item.with("embedding", embedding))
    });
    let data: Json<'a> = data.collect();
    let tokens = response.tokens.unwrap_or_default();
    let model = if model.is_empty() { response.model } else { model.to_owned().into() };
    Members::new()
        .with("object", "list")
        .with("data", data)
        .with("model", model)
        .with("usage", Members::new().with("prompt_tokens", tokens).with("total_tokens", tokens))
        .into()
}

#[expect(clippy::cast_possible_truncation, reason = "the format has numbers of 32 bits")]
fn packed(vector: &[f64]) -> String {
    let bytes: Vec<u8> = vector.iter().flat_map(|number| (*number as f32).to_le_bytes()).collect();
    base64::encode(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<EmbeddingsRequest<'_>, Error> {
        parse_request(Json::parse(text.as_bytes()).unwrap(), &mut Losses::default())
    }

    fn written(json: &Json<'_>) -> String {
        String::from_utf8(json.to_vec()).unwrap()
    }

    #[test]
    fn a_request_has_one_text_or_several() {
        let one = parsed(r#"{"model":"m","input":"a","encoding_format":"base64"}"#).unwrap();
        assert_eq!((one.inputs, one.wants), (vec!["a".into()], Wants::Base64));

        let text = r#"{"model":"m","input":["a","b"],"dimensions":3,"encoding_format":"float"}"#;
        assert_eq!(written(&build_request(parsed(text).unwrap())), text);
    }

    #[test]
    fn what_cannot_be_right_is_named() {
        for (text, message) in [
            (r#"{"model":"m"}"#, "`input` must be a string or a list of strings, not empty"),
            (r#"{"model":"m","input":["a",true]}"#, "`input[1]` must be a string"),
            (r#"{"input":"a"}"#, "`model` is missing"),
            (
                r#"{"model":"m","input":"a","encoding_format":"hex"}"#,
                "`encoding_format` must be float or base64",
            ),
        ] {
            assert_eq!(parsed(text).unwrap_err().to_string(), message);
        }
        for tokens in ["[1,2]", "[[1,2]]"] {
            let text = format!(r#"{{"model":"m","input":{tokens}}}"#);
            assert!(matches!(parsed(&text).unwrap_err(), Error::NoCounterpart { .. }));
        }
    }

    #[test]
    fn vectors_are_numbers_or_base64_of_little_endian_ones() {
        let response = || EmbeddingsResponse {
            model: "theirs".into(),
            vectors: vec![vec![1.0, -0.5], vec![0.25, 2.0]],
            tokens: Some(4),
        };

        let numbers = written(&build_response(response(), "m", Wants::Numbers));
        let base64 = written(&build_response(response(), "m", Wants::Base64));

        assert_eq!(
            numbers,
            concat!(
                r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[1.0,-0.5]},"#,
                r#"{"object":"embedding","index":1,"embedding":[0.25,2.0]}],"model":"m","#,
                r#""usage":{"prompt_tokens":4,"total_tokens":4}}"#
            )
        );
        assert!(base64.contains(r#""embedding":"AACAPwAAAL8=""#), "{base64}");
        for text in [numbers, base64] {
            let parsed = parse_response(Json::parse(text.as_bytes()).unwrap()).unwrap();
            assert_eq!(parsed, EmbeddingsResponse { model: "m".into(), ..response() });
        }
    }

    #[test]
    fn vectors_stand_in_the_order_of_their_texts() {
        let text = r#"{"data":[{"index":1,"embedding":[2]},{"index":0,"embedding":[1]}]}"#;

        let parsed = parse_response(Json::parse(text.as_bytes()).unwrap()).unwrap();

        assert_eq!(parsed.vectors, [[1.0], [2.0]]);
        let broken = r#"{"data":[{"embedding":"AACAPw=x"}]}"#;
        assert!(parse_response(Json::parse(broken.as_bytes()).unwrap()).is_err());
    }
}
