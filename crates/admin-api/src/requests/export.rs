//! The request log as a file, made while it is sent.

use std::{fmt::Display, future::ready};

use axum::{
    body::Body as Answer,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, stream};
use rotator_core::{
    record::{RequestRecord, Tokens},
    store::{AuditAction, LoggedRequest, RequestQuery, StoreError},
};
use tracing::warn;

use super::{
    params::{FileParams, Filter, Format},
    view::{RequestDetail, Services},
};
use crate::{admin::Admin, csv::cell, error::ApiError, query::TwoParams, state::AdminState};

/// How many are in memory at once.
const PIECE: u32 = 500;

/// A column of a CSV file: its name, and what stands in it.
type Column = (&'static str, fn(&LoggedRequest, &Services) -> String);

const COLUMNS: [Column; 26] = [
    ("request_id", |logged, _| logged.record.request_id.to_string()),
    ("cursor", |logged, _| logged.row.to_string()),
    ("started_at", |logged, _| logged.record.started_at.to_string()),
    ("config_id", |logged, _| told(logged.record.config_id)),
    ("config_slug", |logged, services| told(logged.record.config_id.and_then(|id| services.slug(id)))),
    ("config_name", |logged, services| told(logged.record.config_id.and_then(|id| services.name(id)))),
    ("key_id", |logged, _| told(logged.record.key_id)),
    ("proxy_key", |logged, _| told(logged.record.proxy_key)),
    ("method", |logged, _| logged.record.method.to_string()),
    ("path", |logged, _| logged.record.path.to_string()),
    ("status", |logged, _| logged.record.status.to_string()),
    ("outcome", |logged, _| logged.record.outcome.as_str().into()),
    ("attempts", |logged, _| logged.record.attempts.to_string()),
    ("duration_us", |logged, _| logged.record.duration_us.to_string()),
    ("first_byte_us", |logged, _| told(logged.record.first_byte_us)),
    ("bytes_in", |logged, _| logged.record.bytes_in.to_string()),
    ("bytes_out", |logged, _| logged.record.bytes_out.to_string()),
    ("client", |logged, _| logged.record.client.to_string()),
    ("model", |logged, _| told(logged.record.model.as_deref())),
    ("input_tokens", |logged, _| used(&logged.record, |tokens| tokens.input)),
    ("cached_read_tokens", |logged, _| used(&logged.record, |tokens| tokens.cached_read)),
    ("cache_write_tokens", |logged, _| used(&logged.record, |tokens| tokens.cache_write)),
    ("output_tokens", |logged, _| used(&logged.record, |tokens| tokens.output)),
    ("reasoning_tokens", |logged, _| used(&logged.record, |tokens| tokens.reasoning)),
    ("usage_estimated", |logged, _| logged.record.usage_estimated.to_string()),
    ("cost", |logged, _| told(logged.record.cost)),
];

/// How far an export is.
struct Walk {
    state: AdminState,
    query: RequestQuery,
    format: Format,
    /// How many more requests may be in it.
    left: u32,
    is_over: bool,
}

/// Export requests as a file
///
/// In the order of the list, made while it is sent: as CSV (RFC 4180) with a head, in which a cell that a spreadsheet
/// would run as a formula begins with `'`, or as one JSON object in each line, with all that is told of a single
/// request. The `cursor` of the last one leads on to the next file. A file that breaks off is not
/// complete. Written down in the audit log, and refused when that cannot be.
#[utoipa::path(
    get,
    path = "/requests/export",
    operation_id = "exportRequests",
    tag = "request log",
    params(FileParams, Filter),
    responses((status = 200, description = "The requests", content(
        (String = "text/csv"),
        (String = "application/jsonl"),
    )))
)]
pub(crate) async fn export(
    admin: Admin,
    State(state): State<AdminState>,
    TwoParams(filter, file): TwoParams<Filter, FileParams>,
) -> Result<Response, ApiError> {
    let (format, left, page) = file.read()?;
    let query = filter.into_query(page)?;
    let (name, content_type) = match format {
        Format::Csv => ("csv", "text/csv; charset=utf-8"),
        Format::JsonLines => ("jsonl", "application/jsonl"),
    };
    state.store().audit(AuditAction::RequestsExported(name), &admin.change()).await?;
    let head = match format {
        Format::Csv => line(&COLUMNS.map(|(name, _)| name.to_owned())),
        Format::JsonLines => String::new(),
    };
    let walk = Walk { state, query, format, left, is_over: false };
    let pieces = stream::try_unfold(walk, Walk::next);
    let headers = [
        (header::CONTENT_TYPE, content_type.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"requests.{name}\"")),
    ];
    let text = stream::once(ready(Ok(head))).chain(pieces);
    Ok((headers, Answer::from_stream(text)).into_response())
}

impl Walk {
    /// The next lines. A failure breaks the file off: it never looks complete.
    async fn next(mut self) -> Result<Option<(String, Self)>, StoreError> {
        while !self.is_over {
            self.query.page.limit = PIECE.min(self.left);
            let page = self.state.store().requests(&self.query).await.inspect_err(|error| {
                warn!(error = error as &dyn std::error::Error, "an export of requests broke off");
            })?;
            self.left = self.left.saturating_sub(u32::try_from(page.items.len()).unwrap_or(u32::MAX));
            self.is_over = page.next.is_none() || self.left == 0;
            self.query.page.after = page.next;
            // Where few requests fit the filter, a piece of the log may have none.
            if !page.items.is_empty() {
                let services = Services::of(&self.state, &page.items).await;
                let lines = page.items.into_iter().map(|logged| self.format.line(logged, &services));
                return Ok(Some((lines.collect(), self)));
            }
        }
        Ok(None)
    }
}

impl Format {
    fn line(self, logged: LoggedRequest, services: &Services) -> String {
        match self {
            Self::Csv => line(&COLUMNS.map(|(_, text)| text(&logged, services))),
            // Nothing in it can fail to be written as JSON.
            Self::JsonLines => {
                serde_json::to_string(&RequestDetail::of(logged, services)).unwrap_or_default() + "\n"
            }
        }
    }
}

/// A line of a CSV file.
fn line<const N: usize>(cells: &[String; N]) -> String {
    cells.each_ref().map(|text| cell(text)).join(",") + "\r\n"
}

/// What is known, or nothing.
fn told(value: Option<impl Display>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn used(record: &RequestRecord, count: impl Fn(&Tokens) -> u64) -> String {
    told(record.usage.as_ref().map(count))
}
