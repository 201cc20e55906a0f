//! The document that describes the API, in OpenAPI 3.1: what the routes say of themselves, what they all have in
//! common, and the paths that the server answers without us.

use axum::{http::header, response::IntoResponse};
use utoipa::{
    OpenApi,
    openapi::{
        Content, HttpMethod, OpenApi as Document, PathItem, Ref, RefOr, Required, Response, ResponseBuilder,
        path::{Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn},
        schema::{ObjectBuilder, Type},
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

use crate::{
    admin::Admin,
    error::{ApiError, ErrorBody},
    notifications::NotificationLetter,
};

/// What stands in the document before the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "API Key Rotator",
        description = "One address and one proxy key for all third-party APIs: register a service, give it a pool of \
                       keys, and call it under `/proxy/{slug}` or `/llm/{slug}`.\n\nEvery failure under `/api/admin` \
                       is an `Error`. Unknown fields are refused. No answer may be cached.",
        license(name = "MIT", identifier = "MIT")
    ),
    tags(
        (name = "session", description = "Signing in and out"),
        (name = "installation", description = "About this installation, and the instances of it that run"),
        (name = "proxy configs", description = "The services that clients reach through the proxy"),
        (name = "keys", description = "The keys of a service; always masked, except when revealed or exported on purpose"),
        (name = "jobs", description = "What is done to many keys at once"),
        (name = "proxy keys", description = "The keys that clients show to the proxy"),
        (name = "prices", description = "What tokens cost"),
        (name = "notifications", description = "Who is told of what happens"),
        (name = "audit log", description = "Who changed what, and when"),
        (name = "request log", description = "What became of each request that clients sent through the proxy"),
        (name = "proxy", description = "What clients call"),
        (name = "health", description = "For load balancers and monitoring"),
    ),
    components(schemas(ErrorBody, NotificationLetter)),
    security(("bearer" = []), ("cookie" = []))
)]
struct Preface;

/// Methods, each with what tells its operation's id from the others'.
type Methods = &'static [(HttpMethod, &'static str)];
/// A path that the server answers without us: methods, path, operation id, tag, summary.
type Elsewhere = (Methods, &'static str, &'static str, &'static str, &'static str);

const GET: Methods = &[(HttpMethod::Get, "")];
const ANY: Methods = &[
    (HttpMethod::Get, "Get"),
    (HttpMethod::Post, "Post"),
    (HttpMethod::Put, "Put"),
    (HttpMethod::Patch, "Patch"),
    (HttpMethod::Delete, "Delete"),
];
const ELSEWHERE: [Elsewhere; 9] = [
    (GET, "/livez", "live", "health", "Whether the process runs"),
    (GET, "/readyz", "ready", "health", "Whether the process serves: 503 before it does and while it stops"),
    (GET, "/health", "health", "health", "The same as /readyz"),
    (GET, "/healthz", "healthz", "health", "The same as /readyz"),
    (GET, "/api/health", "apiHealth", "health", "The same as /readyz"),
    (GET, "/metrics", "metrics", "health", "Metrics in the Prometheus text format"),
    (ANY, "/proxy/{slug}", "proxyRoot", "proxy", "Call a GENERIC service at its target_url"),
    (ANY, "/proxy/{slug}/{rest}", "proxy", "proxy", "Call a GENERIC service below its target_url"),
    (ANY, "/llm/{slug}/{rest}", "llm", "proxy", "Call an LLM service below its target_base_url"),
];

/// The document as JSON, pretty and with its names always in the same order.
pub fn openapi_json() -> Result<String, serde_json::Error> {
    let (_, mut document) = crate::routes().split_for_parts();
    for item in document.paths.paths.values_mut() {
        for (reads, operation) in operations(item) {
            add_common_failures(operation, reads);
        }
    }
    add_elsewhere(&mut document);
    document.to_pretty_json()
}

/// What stands in the document before the routes.
pub(crate) fn preface() -> Document {
    let mut document = Preface::openapi();
    let components = document.components.get_or_insert_default();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    let cookie = ApiKeyValue::with_description(
        crate::admin::SESSION_COOKIE,
        "For browsers. Every write must carry the session's CSRF token in the header `x-csrf-token`.",
    );
    let proxy_key = ApiKeyValue::with_description(
        "X-Proxy-Key",
        "A proxy key. Also accepted as a bearer token and, under `/llm`, where the SDKs put their keys.",
    );
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    components.add_security_scheme("proxy key", SecurityScheme::ApiKey(ApiKey::Header(proxy_key)));
    document
}

/// Show the document that describes this API
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "showDocument",
    tag = "installation",
    responses((status = 200, description = "An OpenAPI 3.1 document", body = serde_json::Value))
)]
pub(crate) async fn show(_: Admin) -> Result<impl IntoResponse, ApiError> {
    let text = openapi_json().map_err(ApiError::internal)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text))
}

/// A path's operations, each with whether it only reads.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (bool, &mut Operation)> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    let writes = [put, post, delete, patch].into_iter().flatten().map(|operation| (false, operation));
    get.iter_mut().map(|operation| (true, operation)).chain(writes)
}

fn add_common_failures(operation: &mut Operation, reads: bool) {
    let parameters = operation.parameters.as_deref().unwrap_or_default();
    let is_id = |parameter: &RefOr<Parameter>| matches!(parameter, RefOr::T(p) if p.parameter_in == ParameterIn::Path);
    let has_id = parameters.iter().any(is_id);
    let has_query = !parameters.iter().all(is_id);
    let has_body = operation.request_body.is_some();
    let is_public = operation.security.is_some();
    let failures = [
        (has_id || has_query || has_body, "400", "The path, the query or the body cannot be read"),
        (!is_public, "401", "There is no valid session"),
        (
            !is_public && !reads,
            "403",
            "A write with the cookie lacks the CSRF token, or comes from another site",
        ),
        (has_id, "404", "There is no such proxy config, key or job"),
        (has_body, "408", "The body did not arrive in time"),
        (has_body, "413", "The body is too large"),
        (has_body, "415", "The body is not application/json"),
        (
            has_query || has_body,
            "422",
            "Fields or parameters are not acceptable; `fields` says which and why",
        ),
        (true, "503", "The database does not answer"),
        (!reads, "507", "There is no space left to write"),
    ];
    for (_, status, description) in failures.into_iter().filter(|(applies, ..)| *applies) {
        let known = &mut operation.responses.responses;
        known.entry(status.into()).or_insert_with(|| failure(description).into());
    }
}

fn failure(description: &str) -> Response {
    let body = Content::new(Some(Ref::from_schema_name("Error")));
    ResponseBuilder::new().description(description).content("application/json", body).build()
}

fn add_elsewhere(document: &mut Document) {
    for (methods, path, id, tag, summary) in ELSEWHERE {
        for (method, suffix) in methods {
            let mut operation = OperationBuilder::new()
                .operation_id(Some(format!("{id}{suffix}")))
                .tag(tag)
                .summary(Some(summary))
                .response("default", Response::new("What the server or the service answers"));
            for parameter in ["slug", "rest"].into_iter().filter(|name| path.contains(&format!("{{{name}}}")))
            {
                let text = ObjectBuilder::new().schema_type(Type::String).build();
                operation = operation.parameter(
                    ParameterBuilder::new()
                        .name(parameter)
                        .parameter_in(ParameterIn::Path)
                        .required(Required::True)
                        .schema(Some(text)),
                );
            }
            operation = match tag {
                "proxy" => operation.security(SecurityRequirement::new("proxy key", [""; 0])),
                _ => operation.securities(Some([])),
            };
            document.paths.add_path_operation(path, vec![method.clone()], operation);
        }
    }
}
