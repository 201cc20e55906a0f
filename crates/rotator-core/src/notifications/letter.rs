use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::{Affected, Event, Format, PoolState, Service, SigningSecret, Webhook, WebhookUrl};
use crate::model::KeyId;

/// An event as one webhook gets it: the body of a `POST`, and the headers of the Standard Webhooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Where it goes.
    pub to: WebhookUrl,
    /// By which it is known again when it comes twice: `webhook-id`.
    pub id: String,
    /// When it was written, in seconds since 1970: `webhook-timestamp`.
    pub timestamp: i64,
    /// By which the receiver can tell that it is from us: `webhook-signature`.
    pub signature: Option<String>,
    /// JSON.
    pub body: Bytes,
}

/// An event with all that is known.
#[derive(Serialize)]
struct Told<'a> {
    event: &'static str,
    at: Timestamp,
    server: &'a str,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a Service>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usable_keys: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_keys: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    affected_keys: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_ids: Option<&'a [KeyId]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dependency: Option<&'static str>,
}

/// How many keys a letter names.
const KEYS: usize = 20;

impl Letter {
    /// Of an event on the server that is reached under this address.
    pub fn new(webhook: &Webhook, event: &Event, server: &str, at: Timestamp, id: String) -> Self {
        let text = event.text(webhook.language);
        let body = match webhook.format {
            Format::Json => json!(Told::of(event, &text, server, at)),
            Format::Feishu => json!({ "msg_type": "text", "content": { "text": text } }),
            Format::Dingtalk => json!({ "msgtype": "text", "text": { "content": text } }),
        };
        let (body, timestamp) = (Bytes::from(body.to_string()), at.as_second());
        let signature = webhook.secret.as_ref().map(|secret| sign(secret, &id, timestamp, &body));
        Self { to: webhook.url.clone(), id, timestamp, signature, body }
    }
}

impl<'a> Told<'a> {
    fn of(event: &'a Event, text: &'a str, server: &'a str, at: Timestamp) -> Self {
        let told = Self {
            event: event.name(),
            at,
            server,
            text,
            service: None,
            usable_keys: None,
            total_keys: None,
            affected_keys: None,
            key_ids: None,
            dependency: None,
        };
        match event {
            Event::Pool(_, PoolState { service, usable, total }) => {
                Self { service: Some(service), usable_keys: Some(*usable), total_keys: Some(*total), ..told }
            }
            Event::KeysRejected(Affected { service, keys })
            | Event::KeysExhausted(Affected { service, keys }) => Self {
                service: Some(service),
                affected_keys: Some(keys.len()),
                key_ids: Some(&keys[..keys.len().min(KEYS)]),
                ..told
            },
            Event::Degraded(part) | Event::Recovered(part) => {
                Self { dependency: Some(part.as_str()), ..told }
            }
            Event::Test => told,
        }
    }
}

/// HMAC-SHA256 of the id, the time and the body, as the Standard Webhooks write it.
fn sign(secret: &SigningSecret, id: &str, timestamp: i64, body: &[u8]) -> String {
    let mut message = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &secret.bytes()));
    message.update(format!("{id}.{timestamp}.").as_bytes());
    message.update(body);
    format!("v1,{}", STANDARD.encode(message.sign()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::{
        model::ConfigId,
        notifications::{Language, Level, WatchedPart},
    };

    fn webhook(format: Format) -> Webhook {
        let url = "https://hooks.example.com/x".parse().unwrap();
        Webhook { id: 1, url, secret: None, format, language: Language::En, events: BTreeSet::new() }
    }

    fn body(format: Format, event: &Event) -> Value {
        let at = Timestamp::from_second(1_767_225_600).unwrap();
        let letter = Letter::new(&webhook(format), event, "https://keys.example.com", at, "m".into());
        serde_json::from_slice(&letter.body).unwrap()
    }

    fn openai() -> Service {
        Service { id: ConfigId(7), name: "OpenAI".into(), slug: "openai".into() }
    }

    #[test]
    fn a_letter_tells_people_and_programs_what_happened() {
        let low = Event::Pool(Level::Low, PoolState { service: openai(), usable: 2, total: 40 });
        let wanted = json!({
            "event": "pool_low",
            "at": "2026-01-01T00:00:00Z",
            "server": "https://keys.example.com",
            "text": "API Key Rotator: OpenAI (openai) is low on keys: 2 of 40 can be used.",
            "service": { "id": 7, "name": "OpenAI", "slug": "openai" },
            "usable_keys": 2,
            "total_keys": 40,
        });
        assert_eq!(body(Format::Json, &low), wanted);

        let keys = (1..=50).map(KeyId).collect();
        let rejected = body(Format::Json, &Event::KeysRejected(Affected { service: openai(), keys }));
        assert_eq!(
            (&rejected["affected_keys"], rejected["key_ids"].as_array().unwrap().len()),
            (&json!(50), 20)
        );
        assert!(rejected["text"].as_str().unwrap().contains("50 keys of OpenAI (openai) are"), "{rejected}");

        let down = body(Format::Json, &Event::Degraded(WatchedPart::Database));
        assert_eq!(
            (&down["event"], &down["dependency"]),
            (&json!("dependency_degraded"), &json!("database"))
        );
    }

    #[test]
    fn bots_get_the_sentence_where_they_look_for_it() {
        let text = body(Format::Json, &Event::Test)["text"].clone();

        assert_eq!(
            body(Format::Feishu, &Event::Test),
            json!({ "msg_type": "text", "content": { "text": text } })
        );
        assert_eq!(
            body(Format::Dingtalk, &Event::Test),
            json!({ "msgtype": "text", "text": { "content": text } })
        );
    }

    /// The example of the specification's own libraries.
    #[test]
    fn a_signature_is_that_of_the_standard_webhooks() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();

        let signature =
            sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);

        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
