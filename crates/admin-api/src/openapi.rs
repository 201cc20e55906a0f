//! The document that describes the API, in OpenAPI 3.1.

use utoipa::openapi::OpenApi;

/// What stands in the document before the routes.
pub(crate) fn preface() -> OpenApi {
    OpenApi::default()
}

/// The document as JSON, pretty and with its keys always in the same order.
pub fn openapi_json() -> String {
    let (_, document) = crate::routes().split_for_parts();
    document.to_pretty_json().unwrap_or_default()
}
