//! The other side of the server: everything that is not `/proxy` or `/llm`, on a runtime of its own.

use std::{future::Future, net::IpAddr, pin::Pin, sync::Arc};

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tracing::error;

use crate::{connection::Connection, response::ControlBody};

/// A request for the control side.
pub struct ControlRequest {
    /// The request.
    pub request: Request<Incoming>,
    /// The client's address.
    pub client: IpAddr,
    /// Whether the client came over TLS.
    pub is_tls: bool,
    /// What the answer will carry as `x-request-id`.
    pub request_id: String,
}

type Answering = Pin<Box<dyn Future<Output = Response<ControlBody>> + Send>>;

/// Hands requests over to the control side.
#[derive(Clone)]
pub struct Control {
    runtime: Handle,
    handler: Arc<dyn Fn(ControlRequest) -> Answering + Send + Sync>,
}

impl Control {
    /// Requests are answered by `handler`, on `runtime`.
    pub fn new<F>(runtime: Handle, handler: impl Fn(ControlRequest) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response<ControlBody>> + Send + 'static,
    {
        Self { runtime, handler: Arc::new(move |request| Box::pin(handler(request))) }
    }

    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    pub(crate) async fn respond(
        &self,
        request: Request<Incoming>,
        connection: &Connection,
        request_id: &str,
    ) -> Response<ControlBody> {
        let request = ControlRequest {
            request,
            client: connection.client,
            is_tls: connection.is_tls,
            request_id: request_id.to_owned(),
        };
        // A client that leaves does not stop what it asked for half-way.
        self.runtime.spawn((self.handler)(request)).await.unwrap_or_else(|error| {
            error!(%error, request_id, "a control request failed");
            let mut response = Response::new(Full::default().map_err(|never| match never {}).boxed_unsync());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        })
    }
}
