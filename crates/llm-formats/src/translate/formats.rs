//! Which format's code does what.

use crate::{
    anthropic,
    embeddings::{self, EmbeddingsRequest, EmbeddingsResponse, Wants},
    format::Format,
    gemini,
    json::Json,
    neutral::{ApiError, Asked, Error, Losses, Request, Response},
    openai_chat, openai_responses,
};

pub(super) fn parse_request<'a>(
    format: Format,
    body: Json<'a>,
    losses: &mut Losses,
) -> Result<Request<'a>, Error> {
    match format {
        Format::OpenAiChat => openai_chat::parse_request(body, losses),
        Format::OpenAiResponses => openai_responses::parse_request(body, losses),
        Format::Anthropic => anthropic::parse_request(body, losses),
        Format::Gemini => gemini::parse_request(body, losses),
    }
}

pub(super) fn build_request<'a>(
    format: Format,
    request: Request<'a>,
    losses: &mut Losses,
) -> Result<Json<'a>, Error> {
    match format {
        Format::OpenAiChat => openai_chat::build_request(request, losses),
        Format::OpenAiResponses => openai_responses::build_request(request, losses),
        Format::Anthropic => anthropic::build_request(request, losses),
        Format::Gemini => gemini::build_request(request, losses),
    }
}

pub(super) fn parse_response<'a>(
    format: Format,
    body: Json<'a>,
    asked: &Asked,
) -> Result<Response<'a>, Error> {
    match format {
        Format::OpenAiChat => openai_chat::parse_response(body, asked),
        Format::OpenAiResponses => openai_responses::parse_response(body, asked),
        Format::Anthropic => anthropic::parse_response(body, asked),
        Format::Gemini => gemini::parse_response(body, asked),
    }
}

pub(super) fn build_response<'a>(format: Format, response: Response<'a>, asked: &Asked) -> Json<'a> {
    match format {
        Format::OpenAiChat => openai_chat::build_response(response, asked),
        Format::OpenAiResponses => openai_responses::build_response(response, asked),
        Format::Anthropic => anthropic::build_response(response, asked),
        Format::Gemini => gemini::build_response(response, asked),
    }
}

pub(super) fn parse_error(format: Format, status: u16, body: &[u8]) -> ApiError<'_> {
    match format {
        Format::OpenAiChat => openai_chat::parse_error(status, body),
        Format::OpenAiResponses => openai_responses::parse_error(status, body),
        Format::Anthropic => anthropic::parse_error(status, body),
        Format::Gemini => gemini::parse_error(status, body),
    }
}

pub(super) fn build_error(format: Format, error: &ApiError<'_>, request_id: &str) -> Json<'static> {
    match format {
        Format::OpenAiChat => openai_chat::build_error(error, request_id),
        Format::OpenAiResponses => openai_responses::build_error(error, request_id),
        Format::Anthropic => anthropic::build_error(error, request_id),
        Format::Gemini => gemini::build_error(error, request_id),
    }
}

pub(super) fn parse_embeddings_request<'a>(
    format: Format,
    body: Json<'a>,
    losses: &mut Losses,
) -> Result<EmbeddingsRequest<'a>, Error> {
    match format {
        Format::Gemini => embeddings::gemini::parse_request(body, losses),
        _ => embeddings::openai::parse_request(body, losses),
    }
}

pub(super) fn build_embeddings_request<'a>(
    format: Format,
    request: EmbeddingsRequest<'a>,
    model: &str,
) -> Json<'a> {
    match format {
        Format::Gemini => embeddings::gemini::build_request(request, model),
        _ => {
            embeddings::openai::build_request(EmbeddingsRequest { model: model.to_owned().into(), ..request })
        }
    }
}

pub(super) fn parse_embeddings(format: Format, body: Json<'_>) -> Result<EmbeddingsResponse<'_>, Error> {
    match format {
        Format::Gemini => embeddings::gemini::parse_response(body),
        _ => embeddings::openai::parse_response(body),
    }
}

pub(super) fn build_embeddings<'a>(
    format: Format,
    response: EmbeddingsResponse<'a>,
    model: &str,
    wants: Wants,
) -> Json<'a> {
    match format {
        Format::Gemini => embeddings::gemini::build_response(response, wants),
        _ => embeddings::openai::build_response(response, model, wants),
    }
}
