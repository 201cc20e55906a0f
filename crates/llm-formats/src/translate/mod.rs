//! From a client's format to an API's and back: a request, its answer, its stream, its errors.

mod formats;
mod stream;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::{
    count_tokens,
    embeddings::Wants,
    endpoint::{Call, Framing, Operation},
    format::Format,
    json::Json,
    models,
    neutral::{ApiError, Asked, Content, Error, Losses, Request, Response, fields::Path},
};

pub use stream::StreamTranslator;
use stream::{Reader, Writer};

/// A request for another API, and what its answer has to know of it.
#[derive(Debug)]
pub struct TranslatedRequest {
    /// The path at the API, with its query.
    pub path: Cow<'static, str>,
    /// The body; `None` for a request that has none.
    pub body: Option<Vec<u8>>,
    /// What could not be carried over.
    pub losses: Losses,
    /// For the answer.
    pub translation: Translation,
}

/// How the answer to a translated request comes back.
#[derive(Debug)]
pub struct Translation {
    call: Call,
    api: Format,
    asked: Asked,
    is_stream: bool,
    wants: Wants,
}

/// Translates a request; one without a body has an empty one. `alias` tells the API's name for a model, where it has
/// another; `id` and `now`, in seconds since 1970, are for an answer to which the API gives none.
///
/// # Errors
/// The body is not what the client's format demands, or asks for what the API has nothing like.
pub fn translate_request(
    call: Call,
    api: Format,
    body: &[u8],
    alias: impl Fn(&str) -> Option<String>,
    id: String,
    now: u64,
) -> Result<TranslatedRequest, Error> {
    let mut losses = Losses::default();
    let mut asked = Asked { id, now, ..Asked::default() };
    let (mut is_stream, mut wants) = (false, Wants::default());
    let size = body.len();
    // What the client calls the model, and what the API does.
    let names = |in_body: &str| {
        let client = call.model.as_deref().unwrap_or(in_body);
        let api = alias(client).unwrap_or_else(|| client.to_owned());
        if api.is_empty() {
            Err(Path::BODY.member("model").error("is missing"))
        } else {
            Ok((client.to_owned(), api))
        }
    };
    let (model, body) = match call.operation {
        Operation::Generate | Operation::CountTokens => {
            let mut request = parse_prompt(&call, Json::parse(body)?, &mut losses)?;
            let (client, model) = names(&request.model)?;
            request.model = Cow::Owned(client);
            asked = Asked::of(&request, asked.id, asked.now);
            is_stream = request.stream;
            request.model = Cow::Owned(model.clone());
            let body = formats::build_request(api, request, &mut losses)?;
            let body = match call.operation {
                Operation::CountTokens => count_tokens::counting(api, body, &model)?,
                _ => body,
            };
            (model, Some(text_of(&body, size)))
        }
        Operation::Embed | Operation::EmbedBatch => {
            let request = formats::parse_embeddings_request(call.format, Json::parse(body)?, &mut losses)?;
            let (client, model) = names(&request.model)?;
            (asked.model, wants) = (client, request.wants);
            let body = formats::build_embeddings_request(api, request, &model);
            (model, Some(body.to_vec()))
        }
        Operation::Model => (names("")?.1, None),
        Operation::Models => (String::new(), None),
    };
    let path = call.path_at(api, &model, is_stream).ok_or_else(|| no_endpoint(call.operation))?;
    let translation = Translation { call, api, asked, is_stream, wants };
    Ok(TranslatedRequest { path, body, losses, translation })
}

fn parse_prompt<'a>(call: &Call, body: Json<'a>, losses: &mut Losses) -> Result<Request<'a>, Error> {
    let body = match call.operation {
        Operation::CountTokens => count_tokens::counted(call.format, body)?,
        _ => body,
    };
    let mut request = formats::parse_request(call.format, body, losses)?;
    request.stream |= call.stream.is_some();
    Ok(request)
}

/// The text of a body that was made of one of this size, which it will roughly have.
fn text_of(body: &Json<'_>, size: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(size + size / 4);
    body.write(&mut text);
    text
}

fn no_endpoint(operation: Operation) -> Error {
    let what = match operation {
        Operation::Generate => "generating",
        Operation::CountTokens => "counting tokens",
        Operation::Embed | Operation::EmbedBatch => "an embedding",
        Operation::Models | Operation::Model => "a list of models",
    };
    Error::NoEndpoint { what }
}

impl Translation {
    /// The client's format.
    pub fn client(&self) -> Format {
        self.call.format
    }

    /// The API's format.
    pub fn api(&self) -> Format {
        self.api
    }

    /// Whether the client waits for a stream.
    pub fn is_stream(&self) -> bool {
        self.is_stream
    }

    /// Whether that stream is one of server-sent events.
    pub fn is_event_stream(&self) -> bool {
        self.is_stream && self.call.stream != Some(Framing::Array)
    }

    /// A whole answer in the client's format.
    ///
    /// # Errors
    /// It is not in the API's.
    pub fn answer(&self, body: &[u8]) -> Result<Vec<u8>, Error> {
        let (client, api) = (self.call.format, self.api);
        let answer = match self.call.operation {
            Operation::Generate => return self.answer_of_model(body),
            Operation::CountTokens => {
                count_tokens::build_count(client, count_tokens::parse_count(api, Json::parse(body)?)?)
                    .to_vec()
            }
            Operation::Embed | Operation::EmbedBatch => {
                let vectors = formats::parse_embeddings(api, Json::parse(body)?)?;
                formats::build_embeddings(client, vectors, &self.asked.model, self.wants).to_vec()
            }
            Operation::Models => {
                let list = models::parse_models(api.dialect(), Json::parse(body)?)?;
                models::build_models(client.dialect(), list).to_vec()
            }
            Operation::Model => {
                let model = models::parse_model(api.dialect(), Json::parse(body)?)?;
                models::build_model(client.dialect(), model).to_vec()
            }
        };
        Ok(answer)
    }

    /// A whole answer as the stream that the client waits for, from an API that does not stream.
    ///
    /// # Errors
    /// It is not in the API's format.
    pub fn answer_as_stream(&self, body: &[u8]) -> Result<Vec<u8>, Error> {
        let mut stream = Vec::new();
        let mut writer = Writer::new(self.call.format, self.call.stream, self.asked.clone());
        for event in self.response(body)?.into_events() {
            writer.write(event, &mut stream);
        }
        Ok(stream)
    }

    /// An answer's stream, piece by piece.
    pub fn stream(&self) -> StreamTranslator {
        let writer = Writer::new(self.call.format, self.call.stream, self.asked.clone());
        StreamTranslator::new(Reader::new(self.api, &self.asked), writer, self.asked.clone())
    }

    /// An error that the API tells: its status and body for the client.
    pub fn error(&self, status: u16, body: &[u8], request_id: &str) -> (u16, Vec<u8>) {
        let client = self.call.format;
        let error = formats::parse_error(self.api, status, body);
        let error = ApiError { status: status_for(client, error.status), ..error };
        (error.status, formats::build_error(client, &error, request_id).to_vec())
    }

    fn answer_of_model(&self, body: &[u8]) -> Result<Vec<u8>, Error> {
        let response = self.response(body)?;
        Ok(text_of(&formats::build_response(self.call.format, response, &self.asked), body.len()))
    }

    fn response<'a>(&self, body: &'a [u8]) -> Result<Response<'a>, Error> {
        let mut response = formats::parse_response(self.api, Json::parse(body)?, &self.asked)?;
        for part in response.choices.iter_mut().flat_map(|choice| &mut choice.parts) {
            if let Content::ToolCall(call) = &mut part.content
                && !call.is_free_form
                && self.asked.is_free_form(&call.name)
            {
                *call = call.clone().into_free_form();
            }
        }
        Ok(response)
    }
}

/// Only Anthropic has a status of its own for an API that has too much to do.
fn status_for(client: Format, status: u16) -> u16 {
    if status == 529 && client != Format::Anthropic { 503 } else { status }
}
