//! Gemini's `:embedContent` and `:batchEmbedContents`.

use std::borrow::Cow;

use super::{EmbeddingsRequest, EmbeddingsResponse, Wants};
use crate::{
    gemini::spelling,
    json::{Json, Members},
    neutral::{
        Error, Losses,
        fields::{Fields, Path},
    },
};

/// Reads a request of either method. The model stands in the path: the caller has to fill it in.
pub(crate) fn parse_request<'a>(body: Json<'a>, losses: &mut Losses) -> Result<EmbeddingsRequest<'a>, Error> {
    let mut fields = spelling::fields(body, Path::BODY)?;
    let requests = fields.array("requests")?;
    if requests.is_empty() {
        let (text, dimensions) = one(fields, losses)?;
        let inputs = vec![text];
        return Ok(EmbeddingsRequest { model: "".into(), inputs, dimensions, wants: Wants::Single });
    }
    fields.finish(losses);
    let path = Path::BODY.member("requests");
    let (mut inputs, mut of_all) = (Vec::with_capacity(requests.len()), None);
    for (index, json) in requests.into_iter().enumerate() {
        let path = path.item(index);
        let (text, dimensions) = one(spelling::fields(json, path)?, losses)?;
        if *of_all.get_or_insert(dimensions) != dimensions {
            return Err(path.member("outputDimensionality").error("must be the same in all requests"));
        }
        inputs.push(text);
    }
    let dimensions = of_all.flatten();
    Ok(EmbeddingsRequest { model: "".into(), inputs, dimensions, wants: Wants::Numbers })
}

fn one<'a>(mut fields: Fields<'a, '_>, losses: &mut Losses) -> Result<(Cow<'a, str>, Option<u64>), Error> {
    let dimensions = fields.count("outputDimensionality")?;
    let content = fields.json("content");
    let path = fields.path.member("content");
    let content = content.ok_or_else(|| path.error("is missing"))?;
    let mut content = spelling::fields(content, path)?;
    let parts_path = path.member("parts");
    let mut texts = Vec::new();
    for (index, json) in content.array("parts")?.into_iter().enumerate() {
        let mut part = spelling::fields(json, parts_path.item(index))?;
        texts.push(part.need_text("text")?);
        part.finish(losses);
    }
    content.ignore(&["role"]);
    content.finish(losses);
    fields.ignore(&["model"]);
    fields.finish(losses);
    // Gemini makes one vector of all parts of a content.
    let text = if texts.len() == 1 { texts.swap_remove(0) } else { texts.concat().into() };
    Ok((text, dimensions))
}

/// Writes a request for `:batchEmbedContents`. `model` is its name in the path.
pub(crate) fn build_request<'a>(request: EmbeddingsRequest<'a>, model: &str) -> Json<'a> {
    let resource = if model.starts_with("models/") { model.to_owned() } else { format!("models/{model}") };
    let requests = request.inputs.into_iter().map(|text| {
        let part = Members::new().with("text", text).into();
        let content = Members::new().with("parts", vec![part]);
        let one = Members::new().with("model", resource.clone()).with("content", content);
        Json::Object(one.with_some("outputDimensionality", request.dimensions))
    });
    Members::new().with("requests", requests.collect::<Json<'a>>()).into()
}

/// Reads an answer of either method.
pub(crate) fn parse_response(body: Json<'_>) -> Result<EmbeddingsResponse<'_>, Error> {
    let mut fields = spelling::fields(body, Path::BODY)?;
    let usage = fields.json("usageMetadata").and_then(|json| spelling::fields(json, Path::BODY).ok());
    let tokens = usage.and_then(|mut usage| usage.count("promptTokenCount").ok().flatten());
    let (items, path) = match fields.json("embedding") {
        Some(only) => (vec![only], Path::BODY.member("embedding")),
        None => (fields.array("embeddings")?, Path::BODY.member("embeddings")),
    };
    let vectors = items.into_iter().map(|json| {
        let numbers = spelling::fields(json, path)?.array("values")?;
        let vector: Option<Vec<f64>> = numbers.iter().map(Json::as_f64).collect();
        vector.ok_or_else(|| path.member("values").error("must be numbers"))
    });
    Ok(EmbeddingsResponse { model: "".into(), vectors: vectors.collect::<Result<_, _>>()?, tokens })
}

/// Writes an answer to the method that was asked.
pub(crate) fn build_response(response: EmbeddingsResponse<'_>, wants: Wants) -> Json<'static> {
    let mut embeddings = response.vectors.into_iter().map(|vector| {
        let values: Json<'static> = vector.into_iter().map(Json::from).collect();
        Json::Object(Members::new().with("values", values))
    });
    let answer = match wants {
        Wants::Single => Members::new().with_some("embedding", embeddings.next()),
        Wants::Numbers | Wants::Base64 => Members::new().with("embeddings", embeddings.collect::<Json<'_>>()),
    };
    let usage = response.tokens.map(|tokens| Members::new().with("promptTokenCount", tokens));
    answer.with_some("usageMetadata", usage).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<(EmbeddingsRequest<'_>, Losses), Error> {
        let mut losses = Losses::default();
        parse_request(Json::parse(text.as_bytes()).unwrap(), &mut losses).map(|request| (request, losses))
    }

    fn written(json: &Json<'_>) -> String {
        String::from_utf8(json.to_vec()).unwrap()
    }

    #[test]
    fn one_content_or_several_are_read_and_several_are_written() {
        let (one, losses) = parsed(
            r#"{"model":"models/m","content":{"parts":[{"text":"a"},{"text":"b"}]},"task_type":"RETRIEVAL_QUERY"}"#,
        )
        .unwrap();
        assert_eq!((one.inputs, one.wants), (vec!["ab".into()], Wants::Single));
        assert_eq!(losses.names(), ["taskType"]);

        let text = concat!(
            r#"{"requests":[{"model":"models/m","content":{"parts":[{"text":"a"}]},"outputDimensionality":3},"#,
            r#"{"model":"models/m","content":{"parts":[{"text":"b"}]},"outputDimensionality":3}]}"#
        );
        let (several, losses) = parsed(text).unwrap();
        assert!(losses.is_empty());
        assert_eq!(written(&build_request(several, "m")), text);
    }

    #[test]
    fn what_cannot_be_right_is_named() {
        for (text, message) in [
            ("{}", "`content` is missing"),
            (r#"{"requests":[{}]}"#, "`requests[0].content` is missing"),
            (
                r#"{"requests":[{"content":{}},{"content":{},"output_dimensionality":2}]}"#,
                "`requests[1].outputDimensionality` must be the same in all requests",
            ),
            (r#"{"content":{"parts":[{"inlineData":{}}]}}"#, "`content.parts[0].text` is missing"),
        ] {
            assert_eq!(parsed(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn the_answer_is_that_of_the_method_that_was_asked() {
        let response =
            || EmbeddingsResponse { model: "".into(), vectors: vec![vec![1.0, 0.5]], tokens: Some(2) };

        let several = written(&build_response(response(), Wants::Numbers));
        let one = written(&build_response(response(), Wants::Single));

        assert_eq!(
            several,
            r#"{"embeddings":[{"values":[1.0,0.5]}],"usageMetadata":{"promptTokenCount":2}}"#
        );
        assert_eq!(one, r#"{"embedding":{"values":[1.0,0.5]},"usageMetadata":{"promptTokenCount":2}}"#);
        for text in [several, one] {
            assert_eq!(parse_response(Json::parse(text.as_bytes()).unwrap()).unwrap(), response());
        }
    }
}
