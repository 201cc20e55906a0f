//! Who is told of what happens, by webhook.

use std::{collections::BTreeSet, str::FromStr};

use axum::{Json, extract::State};
use rotator_core::{
    notifications::{
        Event, EventKind, Format, Language, Letter, Notifications, SigningSecret, Webhook, WebhookUrl,
    },
    store::StoreError,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    admin::Admin,
    body::{Body, Form},
    error::ApiError,
    state::AdminState,
};

/// Most webhooks that an admin may write.
const MAX_WEBHOOKS: usize = 10;
/// Largest number of keys at which a service may be called low.
const MAX_LOW_KEYS: u32 = 1_000_000;
/// What stands for a secret that is there.
const HIDDEN: &str = "***";

/// Who is told of what happens.
#[derive(Serialize, ToSchema)]
#[schema(as = Notifications)]
pub(crate) struct NotificationsView {
    /// A service is low with fewer keys than this that can be used; one that has no more in all, when one of them cannot be.
    low_keys: u32,
    /// Who is told.
    webhooks: Vec<WebhookView>,
}

/// A webhook; its address is masked, since whoever knows it may post to it.
#[derive(Serialize, ToSchema)]
#[schema(as = Webhook)]
struct WebhookView {
    /// By which it is known.
    id: u32,
    /// Enough of the address to recognise it by.
    #[schema(example = "https://hooks.example.com/***xyz")]
    url: String,
    /// `***` when letters are signed, empty when not.
    secret: &'static str,
    /// How a letter is written: `json`, `feishu` or `dingtalk`.
    #[schema(value_type = String)]
    format: Format,
    /// In which language: `en` or `zh`.
    #[schema(value_type = String)]
    language: Language,
    /// Of what it wants to hear.
    #[schema(value_type = Vec<String>, example = json!(["pool_low", "pool_empty"]))]
    events: BTreeSet<EventKind>,
}

/// Who is to be told of what happens. It replaces what was written before.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NotificationsForm {
    /// From 1 to 1 000 000. A service is low with fewer keys than this that can be used; one that has no more in all, when
    /// one of them cannot be.
    #[schema(required, nullable = false, minimum = 1, maximum = 1_000_000)]
    low_keys: Option<u32>,
    /// At most 10.
    #[schema(required, nullable = false)]
    webhooks: Option<Vec<WebhookForm>>,
}

/// A webhook as an admin writes it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookForm {
    /// Of one that is there already: what is left out, or sent back as it was shown, stays as it is.
    id: Option<u32>,
    /// Its address: `https://…` or `http://…`. Needed for a new one.
    url: Option<String>,
    /// What letters are signed with, by HMAC-SHA256: `whsec_` and base64, or any text of 16 bytes or more. Empty for
    /// letters without a signature.
    secret: Option<String>,
    /// How a letter is written: `json` (also what Slack takes), `feishu` (Lark too) or `dingtalk` (`WeCom` too). `json`
    /// by default.
    #[schema(value_type = Option<String>)]
    format: Option<Format>,
    /// In which language its sentence is: `en` or `zh`. `en` by default.
    #[schema(value_type = Option<String>)]
    language: Option<Language>,
    /// Of what it wants to hear: `pool_low`, `pool_empty`, `pool_recovered`, `keys_rejected`, `keys_exhausted`,
    /// `dependency_degraded`, `dependency_recovered`. All of them by default.
    #[schema(value_type = Option<Vec<String>>)]
    events: Option<BTreeSet<EventKind>>,
}

/// What a webhook answered.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeliveryReport {
    /// Whether it took the letter: a status from 200 to 299.
    ok: bool,
    /// Its status; null when it could not be reached.
    #[schema(required)]
    status: Option<u16>,
    /// How long it took.
    latency_ms: u64,
    /// The beginning of its answer, or why there is none. Bots tell there what is wrong, though their status is 200.
    message: String,
}

/// The body of a letter in the format `json`. What a field is about decides whether it is there.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its shape is what matters")]
pub(crate) struct NotificationLetter {
    /// `pool_low`, `pool_empty`, `pool_recovered`, `keys_rejected`, `keys_exhausted`, `dependency_degraded`,
    /// `dependency_recovered` or `test`.
    #[schema(example = "pool_low")]
    event: String,
    /// When it was told.
    #[schema(format = DateTime)]
    at: String,
    /// Which installation tells it: the address under which clients reach it.
    server: String,
    /// A sentence for people.
    text: String,
    /// Which service it is about.
    service: Option<NotificationService>,
    /// How many keys of it can be used.
    usable_keys: Option<u64>,
    /// How many are in rotation.
    total_keys: Option<u64>,
    /// To how many keys it happened.
    affected_keys: Option<u64>,
    /// The first 20 of them.
    key_ids: Option<Vec<i64>>,
    /// `database` or `cache`.
    dependency: Option<String>,
}

/// The service that a letter is about.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its shape is what matters")]
struct NotificationService {
    id: i64,
    name: String,
    slug: String,
}

impl Form for NotificationsForm {}
impl Form for WebhookForm {}

/// Show who is told of what happens
#[utoipa::path(
    get,
    path = "/notifications",
    operation_id = "showNotifications",
    tag = "notifications",
    responses((status = 200, description = "The webhooks", body = NotificationsView))
)]
pub(crate) async fn show(
    _: Admin,
    State(state): State<AdminState>,
) -> Result<Json<NotificationsView>, ApiError> {
    Ok(Json(NotificationsView::of(&state.store().notifications().await?)))
}

/// Say who is told of what happens
///
/// A letter is a `POST` with a `NotificationLetter`, or with what the bots of Feishu and `DingTalk` want. It carries the
/// headers of the [Standard Webhooks](https://www.standardwebhooks.com): `webhook-id`, the same when a letter comes
/// twice; `webhook-timestamp`; and, where there is a secret, `webhook-signature`: `v1,` and the base64 of the HMAC-SHA256
/// of `{id}.{timestamp}.{body}`. What answers with anything but a status from 200 to 299 within ten seconds is asked
/// twice more where that may help; redirects are not followed. Addresses that no service may have
/// (`UPSTREAM_ADDRESS_POLICY`) are not called.
///
/// Of several instances the one that leads sends. The same thing is told at most once in five minutes, with all that has
/// come together since; that a service has run out of keys does not wait for what was told of it before. How many keys can
/// be used is told when it has been so for 15 seconds.
#[utoipa::path(
    put,
    path = "/notifications",
    operation_id = "replaceNotifications",
    tag = "notifications",
    request_body = NotificationsForm,
    responses((status = 200, description = "The webhooks", body = NotificationsView))
)]
pub(crate) async fn replace(
    admin: Admin,
    State(state): State<AdminState>,
    Body(form): Body<NotificationsForm>,
) -> Result<Json<NotificationsView>, ApiError> {
    let low_keys = form.low_keys.ok_or_else(|| ApiError::field("low_keys", "is required"))?;
    if !(1..=MAX_LOW_KEYS).contains(&low_keys) {
        return Err(ApiError::field("low_keys", format!("must be from 1 to {MAX_LOW_KEYS}")));
    }
    let forms =
        form.webhooks.ok_or_else(|| ApiError::field("webhooks", "is required: a list, empty for none"))?;
    if forms.len() > MAX_WEBHOOKS {
        return Err(ApiError::field("webhooks", format!("must not be more than {MAX_WEBHOOKS}")));
    }
    let store = state.store();
    let known = match store.notifications().await {
        // What nobody can read any more is mended by writing it anew.
        Err(StoreError::Inconsistent { .. }) => Notifications::default(),
        known => known?,
    };
    let mut last_id = known.last_id;
    let mut webhooks = Vec::with_capacity(forms.len());
    for (form, number) in forms.into_iter().zip(1..) {
        let is_new = form.id.is_none();
        let mut webhook = form.onto(&known.webhooks).map_err(|(field, reason)| {
            ApiError::field("webhooks", format!("number {number}: {field} {reason}"))
        })?;
        if is_new {
            last_id += 1;
            webhook.id = last_id;
        }
        webhooks.push(webhook);
    }
    let notifications = Notifications { low_keys, webhooks, last_id };
    store.replace_notifications(&notifications, &admin.change()).await?;
    Ok(Json(NotificationsView::of(&notifications)))
}

/// Send a test to a webhook
///
/// To one that is there already, or to one as it would be written: nothing is kept.
#[utoipa::path(
    post,
    path = "/notifications/test",
    operation_id = "testNotification",
    tag = "notifications",
    request_body = WebhookForm,
    responses((status = 200, description = "What it answered", body = DeliveryReport))
)]
pub(crate) async fn test(
    admin: Admin,
    State(state): State<AdminState>,
    Body(form): Body<WebhookForm>,
) -> Result<Json<DeliveryReport>, ApiError> {
    let known = state.store().notifications().await?;
    let webhook = form.onto(&known.webhooks).map_err(|(field, reason)| ApiError::field(field, reason))?;
    let change = admin.change();
    let (server, id) = (&state.settings().proxy_public_base_url, format!("test-{}", change.request_id));
    let receipt = state.courier().deliver(Letter::new(&webhook, &Event::Test, server, change.at, id)).await;
    let latency_ms = u64::try_from(receipt.latency.as_millis()).unwrap_or(u64::MAX);
    let ok = receipt.is_delivered();
    Ok(Json(DeliveryReport { ok, status: receipt.status, latency_ms, message: receipt.message }))
}

impl WebhookForm {
    /// The webhook that it makes of those that are there; else which field is wrong, and why.
    fn onto(self, known: &[Webhook]) -> Result<Webhook, (&'static str, String)> {
        let before = match self.id {
            Some(id) => {
                let before = known.iter().find(|webhook| webhook.id == id);
                Some(
                    before
                        .ok_or_else(|| ("id", "is of no webhook; leave it out for a new one".to_owned()))?,
                )
            }
            None => None,
        };
        let url = match (self.url, before) {
            (None, Some(before)) => before.url.clone(),
            (Some(url), Some(before)) if url == before.url.masked() => before.url.clone(),
            (Some(url), _) => parse::<WebhookUrl>("url", &url)?,
            (None, None) => return Err(("url", "is required".into())),
        };
        let secret = match self.secret.as_deref() {
            None | Some(HIDDEN) => before.and_then(|before| before.secret.clone()),
            Some("") => None,
            Some(secret) => Some(parse::<SigningSecret>("secret", secret)?),
        };
        Ok(Webhook {
            id: before.map_or(0, |before| before.id),
            url,
            secret,
            format: self.format.or_else(|| before.map(|before| before.format)).unwrap_or_default(),
            language: self.language.or_else(|| before.map(|before| before.language)).unwrap_or_default(),
            events: self
                .events
                .or_else(|| before.map(|before| before.events.clone()))
                .unwrap_or_else(|| BTreeSet::from(EventKind::ALL)),
        })
    }
}

fn parse<T: FromStr<Err = String>>(field: &'static str, text: &str) -> Result<T, (&'static str, String)> {
    text.parse().map_err(|reason| (field, reason))
}

impl NotificationsView {
    fn of(notifications: &Notifications) -> Self {
        let view = |webhook: &Webhook| WebhookView {
            id: webhook.id,
            url: webhook.url.masked(),
            secret: if webhook.secret.is_some() { HIDDEN } else { "" },
            format: webhook.format,
            language: webhook.language,
            events: webhook.events.clone(),
        };
        Self { low_keys: notifications.low_keys, webhooks: notifications.webhooks.iter().map(view).collect() }
    }
}
