//! What the rotator answers beside its data path, as far as a benchmark needs it: admin API, readiness, metrics.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::{
    fixture::{CHAT_SLUG, MESSAGES_SLUG, Route, SLUG, UPSTREAM_KEYS},
    wire::Head,
};

/// Of the one admin.
pub(crate) const PASSWORD: &str = "bench-Passw0rd-5b1f";
const PATIENCE: Duration = Duration::from_mins(1);

/// A session.
pub(crate) struct Admin {
    address: SocketAddr,
    token: String,
}

impl Admin {
    /// Logs in.
    pub(crate) fn login(address: SocketAddr) -> Result<Self> {
        let mut admin = Self { address, token: String::new() };
        let credentials = json!({ "username": "admin", "password": PASSWORD });
        let session = admin.call("POST", "/api/admin/login", &credentials)?;
        admin.token = session["access_token"].as_str().context("a login without a token")?.into();
        Ok(admin)
    }

    /// Registers the mock upstream with its keys, as a service of any REST API and as an LLM's, whose streams are of
    /// this route.
    pub(crate) fn register(&self, upstream: SocketAddr, chat: Route) -> Result<()> {
        let mut ids = vec![self.add_config(SLUG, upstream)?];
        for (slug, output_format) in [(CHAT_SLUG, "none"), (MESSAGES_SLUG, "anthropic")] {
            ids.push(self.add(&json!({
                "name": slug, "slug": slug, "config_type": "LLM", "is_active": true,
                "target_base_url": format!("http://{upstream}{}", chat.path()),
                "api_format": "openai_compatible", "output_format": output_format,
            }))?);
        }
        ids.iter().try_for_each(|id| self.add_keys(id, &UPSTREAM_KEYS))
    }

    /// Adds a service of a REST API and says its id.
    pub(crate) fn add_config(&self, slug: &str, upstream: SocketAddr) -> Result<String> {
        self.add(&json!({
            "name": slug, "slug": slug, "config_type": "GENERIC", "is_active": true, "method": "ANY",
            "target_url": format!("http://{upstream}"), "api_key_location": "header", "api_key_name": "X-Api-Key",
        }))
    }

    fn add(&self, config: &Value) -> Result<String> {
        let answer = self.call("POST", "/api/admin/proxy-configs", config)?;
        Ok(answer["id"].as_i64().context("a config without an id")?.to_string())
    }

    /// Adds keys in one call.
    pub(crate) fn add_keys(&self, config: &str, keys: &[impl AsRef<str>]) -> Result<()> {
        let keys: Vec<&str> = keys.iter().map(AsRef::as_ref).collect();
        let path = format!("/api/admin/proxy-configs/{config}/keys/batch");
        let answer = self.call("POST", &path, &json!({ "keys": keys }))?;
        ensure!(answer["success_count"] == keys.len(), "not every key was added: {answer}");
        Ok(())
    }

    /// The first page of a config's keys, and how many there are in all.
    pub(crate) fn first_page(&self, config: &str) -> Result<u64> {
        let path = format!("/api/admin/proxy-configs/{config}/keys?limit=50");
        let page = self.call("GET", &path, &Value::Null)?;
        page["total"].as_u64().context("a page without a total")
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let session = match self.token.as_str() {
            "" => String::new(),
            token => format!("Authorization: Bearer {token}\r\n"),
        };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{session}\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        let (status, answer) = exchange(self.address, &head, &body)?;
        ensure!(status.starts_with('2'), "{method} {path} answered {status}: {answer}");
        serde_json::from_str(&answer).with_context(|| format!("{method} {path} answered no JSON: {answer}"))
    }
}

/// Whether the rotator says that it is ready.
pub(crate) fn is_ready(address: SocketAddr) -> bool {
    get(address, "/readyz").is_ok()
}

/// How many records of requests it says did not reach the request log.
pub(crate) fn records_lost(address: SocketAddr) -> Result<f64> {
    let metrics = get(address, "/metrics")?;
    ["akr_request_records_dropped_total", "akr_request_records_unwritten_total"]
        .into_iter()
        .map(|name| metric(&metrics, name).with_context(|| format!("/metrics does not tell {name}")))
        .sum()
}

/// A metric without labels, from the text that Prometheus reads.
fn metric(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

fn get(address: SocketAddr, path: &str) -> Result<String> {
    let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let (status, answer) = exchange(address, &head, "")?;
    ensure!(status == "200", "{path} answered {status}");
    Ok(answer)
}

/// One request on a connection of its own.
fn exchange(address: SocketAddr, head: &str, body: &str) -> Result<(String, String)> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.write_all(head.as_bytes())?;
    socket.write_all(body.as_bytes())?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer)?;
    let head = Head::parse(&answer)?.context("an answer that was cut")?;
    ensure!(
        head.header("transfer-encoding").is_none(),
        "an admin answer in chunks, which this client cannot read"
    );
    Ok((head.second_word().into(), String::from_utf8(answer[head.len()..].to_vec())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_found_by_its_whole_name() {
        let text = "# HELP a_total Help.\n# TYPE a_total counter\na_total_more 7\na_total 3\n";

        assert_eq!(metric(text, "a_total"), Some(3.0));
        assert_eq!(metric(text, "a"), None);
    }
}
