//! one-api and new-api: one service for each channel. Their clients speak `OpenAI`'s Chat Completions, whatever the
//! channel's API does, and so they go on to.

use std::collections::BTreeMap;

use serde_json::Value;

pub use crate::channel_types::Product;
use crate::{
    Error, Findings, Record, Tables,
    channel_types::{Api, api},
    draft::{Draft, FoundKey},
};

/// The table that is read.
pub const TABLES: [&str; 1] = ["channels"];

/// Of channels, and of keys within one.
const ENABLED: i64 = 1;
const EXPECTED: &str = "a database of one-api or new-api: it has no table channels";

/// What a database holds.
pub fn from_tables(product: Product, tables: &Tables) -> Result<Findings, Error> {
    let channels = tables.get("channels").ok_or(Error::NotThat { expected: EXPECTED })?;
    if channels.iter().any(|channel| !channel.contains_key("type") || !channel.contains_key("key")) {
        return Err(Error::NotThat { expected: EXPECTED });
    }
    let mut findings = Findings::default();
    for channel in channels {
        take(&mut findings, product, channel);
    }
    Ok(findings)
}

fn take(findings: &mut Findings, product: Product, channel: &Record) {
    let text = |name: &str| channel.get(name).map_or("", String::as_str).trim();
    let number = |name: &str| text(name).parse::<i64>().ok();
    let name = if text("name").is_empty() { "channel" } else { text("name") };
    let mut leave = |why: &str| findings.left_behind.push((name.to_owned(), why.to_owned()));
    let Api { format, base_url, path } = match api(product, number("type").unwrap_or_default()) {
        Ok(api) => api,
        Err(why) => return leave(&why),
    };
    let own = text("base_url").trim_end_matches('/');
    let base = if own.is_empty() { base_url } else { own };
    if base.is_empty() {
        return leave("has no base URL");
    }
    let base = if base.ends_with(path) { base.to_owned() } else { format!("{base}{path}") };
    let mut draft = Draft::new(name, format, &base);
    draft.fields.is_active = number("status").unwrap_or(ENABLED) == ENABLED;
    if !path.is_empty() {
        draft.remarks.push("its address has the version in it: clients leave out /v1".into());
    }
    let names = model_names(text("model_mapping"));
    if format != "openai_compatible" {
        draft.fields.output_format = Some("openai".into());
        draft.fields.options.model_aliases = names;
    } else if !names.is_empty() {
        draft.remarks.push("models are not renamed: clients ask for them by the API's names".into());
    }
    set_headers(text("header_override"), &mut draft);
    if !matches!(text("param_override"), "" | "{}" | "null") {
        draft.remarks.push("parameters that it sets in requests are not carried over".into());
    }
    draft.keys = keys(channel.get("key").map_or("", String::as_str), text("channel_info"));
    findings.take(draft);
}

/// Keys stand in lines; in new-api also in a JSON array, and some of them may be switched off.
fn keys(text: &str, info: &str) -> Vec<FoundKey> {
    let array: Option<Vec<Value>> = Some(text.trim())
        .filter(|text| text.starts_with('['))
        .and_then(|text| serde_json::from_str(text).ok());
    let texts: Vec<String> = match array {
        Some(array) => array
            .into_iter()
            .map(|key| match key {
                Value::String(text) => text,
                // Credentials of another kind than keys.
                other => other.to_string(),
            })
            .collect(),
        None => text.trim_matches('\n').split('\n').map(|line| line.trim().to_owned()).collect(),
    };
    let info: Value = serde_json::from_str(info).unwrap_or_default();
    let status = |index: usize| info.get("multi_key_status_list")?.get(index.to_string())?.as_i64();
    let found = |(index, text): (usize, String)| FoundKey {
        text,
        is_active: status(index).unwrap_or(ENABLED) == ENABLED,
        note: String::new(),
    };
    texts.into_iter().enumerate().map(found).filter(|key| !key.text.is_empty()).collect()
}

fn model_names(mapping: &str) -> BTreeMap<String, String> {
    serde_json::from_str(mapping).unwrap_or_default()
}

fn set_headers(headers: &str, draft: &mut Draft) {
    let headers: BTreeMap<String, Value> = serde_json::from_str(headers).unwrap_or_default();
    for (name, value) in headers {
        match value {
            Value::String(value) if !value.contains('{') => {
                draft.fields.options.set_headers.insert(name, value);
            }
            _ => draft.remarks.push(format!("the header {name} has variables in it and is not carried over")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(columns: &[(&str, &str)]) -> Record {
        let mut channel = Record::from([("type".into(), "1".into()), ("key".into(), "sk-test-1".into())]);
        channel.extend(columns.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        channel
    }

    fn found(product: Product, columns: &[(&str, &str)]) -> Findings {
        from_tables(product, &Tables::from([("channels".into(), vec![channel(columns)])])).unwrap()
    }

    #[test]
    fn a_channel_becomes_a_service_with_a_key_per_line() {
        let findings = found(
            Product::OneApi,
            &[("name", "My Channel"), ("key", "sk-test-1\nsk-test-2\r\n\nsk-test-1\n"), ("status", "2")],
        );

        let service = &findings.services[0];
        assert_eq!(service.spec.slug.as_str(), "my-channel");
        assert_eq!(service.spec.target.url().as_str(), "https://api.openai.com");
        assert!(!service.spec.is_active, "a disabled channel stays disabled");
        assert_eq!((service.keys.len(), service.repeated), (2, 1));
    }

    #[test]
    fn keys_that_are_switched_off_stay_so() {
        let info = r#"{"is_multi_key": true, "multi_key_status_list": {"1": 3}}"#;
        for keys in ["sk-test-1\nsk-test-2\nsk-test-3", r#"["sk-test-1", "sk-test-2", "sk-test-3"]"#] {
            let findings = found(Product::NewApi, &[("key", keys), ("channel_info", info)]);

            let active: Vec<bool> = findings.services[0].keys.iter().map(|key| key.is_active).collect();
            assert_eq!(active, [true, false, true]);
        }
    }

    #[test]
    fn the_same_number_means_one_api_in_one_product_and_another_in_the_other() {
        for (product, number, url) in [
            (Product::OneApi, "40", "https://ark.cn-beijing.volces.com/api/v3"),
            (Product::NewApi, "40", "https://api.siliconflow.cn"),
            (Product::NewApi, "4", "http://localhost:11434"),
            (Product::NewApi, "26", "https://open.bigmodel.cn/api/paas/v4"),
        ] {
            let findings = found(product, &[("type", number)]);
            assert_eq!(findings.services[0].spec.target.url().as_str(), url);
        }
    }

    #[test]
    fn clients_go_on_to_speak_openai_to_an_api_that_does_not() {
        let findings = found(
            Product::NewApi,
            &[
                ("type", "14"),
                ("model_mapping", r#"{"gpt-5": "claude-opus"}"#),
                ("base_url", "https://a.example.com/"),
            ],
        );

        let fields = rotator_core::model::ConfigFields::from(&findings.services[0].spec);
        assert_eq!(fields.output_format.as_deref(), Some("openai"));
        assert_eq!(fields.target_base_url.as_deref(), Some("https://a.example.com"));
        assert_eq!(fields.options.model_aliases["gpt-5"], "claude-opus");
    }

    #[test]
    fn what_has_no_like_here_is_left_behind_with_the_reason() {
        for (number, why) in [("3", "Azure"), ("33", "type 33"), ("8", "no base URL"), ("x", "type 0")] {
            let findings = found(Product::NewApi, &[("type", number), ("name", "n")]);
            assert!(findings.services.is_empty());
            assert!(findings.left_behind[0].1.contains(why), "{:?}", findings.left_behind);
        }
    }

    #[test]
    fn another_programs_tables_are_refused() {
        let other = Tables::from([("channels".into(), vec![Record::from([("id".into(), "1".into())])])]);
        assert!(from_tables(Product::OneApi, &other).is_err());
        assert!(from_tables(Product::OneApi, &Tables::new()).is_err());
    }
}
