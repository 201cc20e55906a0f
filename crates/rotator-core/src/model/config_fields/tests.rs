use proptest::prelude::*;

use serde_json::json;

use super::*;
use crate::model::{ConfigSpec, ConfigType, TargetFields};

#[expect(clippy::unnecessary_wraps, reason = "the fields are options")]
fn some(text: &str) -> Option<String> {
    Some(text.into())
}

fn generic() -> ConfigFields {
    ConfigFields {
        name: "Weather".into(),
        slug: "weather".into(),
        config_type: "GENERIC".into(),
        is_active: true,
        api_key_location: some("query"),
        api_key_name: some("appid"),
        target_url: some("https://api.example.com/data/2.5"),
        ..ConfigFields::default()
    }
}

fn llm() -> ConfigFields {
    ConfigFields {
        name: "Chat".into(),
        slug: "chat".into(),
        config_type: "LLM".into(),
        target_base_url: some("https://api.example.com/v1"),
        ..ConfigFields::default()
    }
}

/// Every optional field set that is not an LLM service's alone, to something other than its default.
fn full_options() -> ConfigOptions {
    ConfigOptions {
        more_targets: vec![
            target("https://eu.example.com/v1", 1000, 0),
            target("http://10.0.0.1:8080", 1, 9),
        ],
        max_attempts: Some(10),
        max_retries: Some(0),
        total_timeout_ms: Some(1),
        connect_timeout_ms: Some(1),
        response_timeout_ms: Some(86_400_000),
        idle_timeout_ms: Some(1500),
        max_body_bytes: Some(1),
        max_concurrent: Some(1),
        max_per_minute: Some(2),
        max_tokens_per_minute: None,
        key_max_concurrent: Some(3),
        key_max_per_minute: Some(u32::MAX),
        key_max_tokens_per_minute: None,
        max_queue_wait_ms: Some(4),
        set_headers: [("x-Team", "a"), ("X-Region", "eu\t1"), ("anthropic-beta", "")]
            .map(|(name, value)| (name.into(), value.into()))
            .into(),
        remove_headers: vec!["User-Agent".into(), "x-debug".into()],
        rules: serde_json::from_value(json!([
            {"name": "error inside", "status": ["200"], "body": ["\"error\""], "outcome": "rate_limited", "rest": "90s"},
            {"name": "x", "status": ["500-504", "418"], "headers": {"X-Why": "quota"}, "outcome": "quota_exhausted",
             "scope": "key_model", "until": "midnight_utc", "perhaps_the_request": true, "unprocessed": true},
        ]))
        .unwrap(),
        prices: Vec::new(),
        sticky_header: some("X-Conversation"),
        probe_keys: true,
        hedge: true,
        allow_encoded_slashes: true,
        accept_invalid_certs: true,
        body_api_key: false,
        translation_strict: false,
        model_aliases: BTreeMap::new(),
    }
}

fn rule(name: &str, status: &[&str]) -> Rule {
    serde_json::from_value(json!({"name": name, "status": status, "outcome": "key_rejected"})).unwrap()
}

fn prices(models: &[&str]) -> Vec<PriceRow> {
    let row = |model| {
        serde_json::from_value(json!({"model": model, "input": 0, "output": 2.5, "cached_read": 0.25}))
    };
    models.iter().map(row).collect::<Result<_, _>>().unwrap()
}

fn target(url: &str, weight: u16, priority: u16) -> TargetFields {
    TargetFields { url: url.into(), weight, priority }
}

fn spec(fields: &ConfigFields) -> ConfigSpec {
    ConfigSpec::try_from(fields).unwrap()
}

/// The names of the fields that are wrong.
fn wrong(fields: &ConfigFields) -> Vec<&'static str> {
    ConfigSpec::try_from(fields).unwrap_err().into_iter().map(|error| error.field).collect()
}

#[test]
fn a_spec_comes_back_from_its_form() {
    let generic = ConfigFields {
        api_key_location: some("header"),
        api_key_name: some("X-Key"),
        api_key_template: some("Token token={key}"),
        method: some("post"),
        strategy: some("least_connections"),
        options: full_options(),
        ..generic()
    };
    let llm = ConfigFields {
        api_format: some("anthropic_native"),
        output_format: some("openai"),
        strategy: some("conversation_hash"),
        options: ConfigOptions {
            body_api_key: true,
            max_tokens_per_minute: Some(5),
            key_max_tokens_per_minute: Some(6),
            translation_strict: true,
            prices: prices(&["gpt-*", "mine"]),
            model_aliases: [("claude-opus-4-5".into(), "gemini-2.5-pro".into())].into(),
            ..full_options()
        },
        ..llm()
    };
    let llm_with_place =
        ConfigFields { api_key_location: some("header"), api_key_name: some("api-key"), ..llm.clone() };

    for fields in [generic, llm, llm_with_place, self::generic(), self::llm()] {
        let spec = spec(&fields);
        assert_eq!(self::spec(&ConfigFields::from(&spec)), spec, "{fields:?}");
    }
}

#[test]
fn a_form_without_options_stays_without() {
    for fields in [generic(), llm()] {
        assert_eq!(ConfigFields::from(&spec(&fields)).options, ConfigOptions::default());
    }
}

#[test]
fn the_type_is_read_in_either_case_as_the_old_project_wrote_it() {
    for (text, config_type) in [("llm", ConfigType::Llm), ("Llm", ConfigType::Llm), ("LLM", ConfigType::Llm)]
    {
        let fields = ConfigFields { config_type: text.into(), ..llm() };
        assert_eq!(spec(&fields).target.config_type(), config_type);
    }
    for text in ["generic", "GENERIC"] {
        let fields = ConfigFields { config_type: text.into(), ..generic() };
        assert_eq!(spec(&fields).target.config_type(), ConfigType::Generic);
    }
}

#[test]
fn white_space_around_and_empty_fields_do_not_count() {
    let fields = ConfigFields {
        name: "  Weather ".into(),
        target_url: some(" https://api.example.com/data/2.5\n"),
        method: some(" "),
        strategy: some(""),
        api_key_template: some(""),
        ..generic()
    };

    assert_eq!(spec(&fields), spec(&generic()));
}

#[test]
fn each_wrong_field_is_named() {
    let options = |change: fn(&mut ConfigOptions)| {
        let mut fields = generic();
        change(&mut fields.options);
        fields
    };
    let cases = vec![
        ("name", ConfigFields { name: " ".into(), ..generic() }),
        ("name", ConfigFields { name: "n".repeat(201), ..generic() }),
        ("name", ConfigFields { name: "a\u{7}b".into(), ..generic() }),
        ("slug", ConfigFields { slug: "Weather!".into(), ..generic() }),
        ("config_type", ConfigFields { config_type: "SOAP".into(), ..generic() }),
        ("api_key_location", ConfigFields { api_key_location: None, ..generic() }),
        ("api_key_location", ConfigFields { api_key_location: some("cookie"), ..generic() }),
        ("api_key_name", ConfigFields { api_key_name: None, ..generic() }),
        ("api_key_template", ConfigFields { api_key_template: some("Bearer"), ..generic() }),
        ("method", ConfigFields { method: some("CONNECT"), ..generic() }),
        ("target_url", ConfigFields { target_url: None, ..generic() }),
        ("target_url", ConfigFields { target_url: some("ftp://a"), ..generic() }),
        ("target_base_url", ConfigFields { target_base_url: some("localhost"), ..llm() }),
        ("api_format", ConfigFields { api_format: some("soap"), ..llm() }),
        ("output_format", ConfigFields { output_format: some("soap"), ..llm() }),
        ("strategy", ConfigFields { strategy: some("best"), ..llm() }),
        ("max_attempts", options(|o| o.max_attempts = Some(0))),
        ("max_attempts", options(|o| o.max_attempts = Some(11))),
        ("rules", options(|o| o.rules = vec![rule("", &["401"])])),
        ("rules", options(|o| o.rules = vec![rule("r", &[])])),
        ("rules", options(|o| o.rules = vec![rule("all", &["200-299"])])),
        ("rules", options(|o| o.rules = vec![rule("r", &["401"]); 51])),
        ("max_concurrent", options(|o| o.max_concurrent = Some(0))),
        ("key_max_per_minute", options(|o| o.key_max_per_minute = Some(0))),
        ("max_queue_wait_ms", options(|o| o.max_queue_wait_ms = Some(0))),
        ("max_retries", options(|o| o.max_retries = Some(6))),
        ("total_timeout_ms", options(|o| o.total_timeout_ms = Some(0))),
        ("more_targets", options(|o| o.more_targets = vec![target("ftp://a", 1, 1)])),
        ("more_targets", options(|o| o.more_targets = vec![target("http://a", 0, 1)])),
        ("more_targets", options(|o| o.more_targets = vec![target("http://a", 1001, 1)])),
        ("more_targets", options(|o| o.more_targets = vec![target("http://a", 1, 10)])),
        ("more_targets", options(|o| o.more_targets = vec![target("http://a", 1, 1); 21])),
        ("connect_timeout_ms", options(|o| o.connect_timeout_ms = Some(0))),
        ("response_timeout_ms", options(|o| o.response_timeout_ms = Some(86_400_001))),
        ("idle_timeout_ms", options(|o| o.idle_timeout_ms = Some(u64::MAX))),
        ("max_body_bytes", options(|o| o.max_body_bytes = Some(0))),
        ("set_headers", options(|o| drop(o.set_headers.insert("bad name".into(), String::new())))),
        (
            "set_headers",
            options(|o| o.set_headers.extend([("x-a".into(), "1".into()), ("X-A".into(), "2".into())])),
        ),
        ("remove_headers", options(|o| o.remove_headers.push("é".into()))),
        ("sticky_header", options(|o| o.sticky_header = some("a:b"))),
    ];
    for (field, fields) in cases {
        assert_eq!(wrong(&fields), [field], "{fields:?}");
    }
}

#[test]
fn tokens_are_capped_for_llm_services_only_and_never_at_nothing() {
    for (most, is_fine) in [(Some(1), true), (Some(0), false), (None, true)] {
        let options = ConfigOptions {
            max_tokens_per_minute: most,
            key_max_tokens_per_minute: most,
            ..ConfigOptions::default()
        };
        let both = ["max_tokens_per_minute", "key_max_tokens_per_minute"];
        let llm = ConfigFields { options: options.clone(), ..llm() };
        let generic = ConfigFields { options, ..generic() };

        assert_eq!(ConfigSpec::try_from(&llm).is_ok(), is_fine, "{most:?}");
        assert_eq!(ConfigSpec::try_from(&generic).is_ok(), most.is_none(), "{most:?}");
        if most.is_some() {
            assert_eq!(wrong(&generic), both);
        }
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let fields = ConfigFields {
        slug: String::new(),
        api_key_location: None,
        target_url: None,
        method: some("TRACE"),
        strategy: some("best"),
        options: ConfigOptions { max_attempts: Some(0), ..ConfigOptions::default() },
        ..generic()
    };

    assert_eq!(
        wrong(&fields),
        ["slug", "api_key_location", "target_url", "method", "strategy", "max_attempts"]
    );
}

#[test]
fn no_field_smuggles_a_header_in() {
    const BREAKS: [&str; 4] = ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b"];
    for text in BREAKS {
        let header = ConfigFields { api_key_location: some("header"), ..generic() };
        assert_eq!(wrong(&ConfigFields { api_key_name: some(text), ..header.clone() }), ["api_key_name"]);

        let template = some(&format!("{text} {{key}}"));
        assert_eq!(
            wrong(&ConfigFields { api_key_template: template, ..header.clone() }),
            ["api_key_template"]
        );

        for (name, value) in [(text, "v"), ("x-a", text)] {
            let mut fields = header.clone();
            fields.options.set_headers.insert(name.into(), value.into());
            assert_eq!(wrong(&fields), ["set_headers"], "{name:?}: {value:?}");
        }
    }
}

#[test]
fn no_field_takes_over_what_http_itself_sets() {
    for name in
        ["Host", "content-length", "Transfer-Encoding", "connection", "upgrade", "TE", "trailer", "expect"]
    {
        let key = ConfigFields { api_key_location: some("header"), api_key_name: some(name), ..generic() };
        assert_eq!(wrong(&key), ["api_key_name"], "{name}");

        let mut set = generic();
        set.options.set_headers.insert(name.into(), "x".into());
        assert_eq!(wrong(&set), ["set_headers"], "{name}");
    }
}

fn any_options() -> impl Strategy<Value = ConfigOptions> {
    let headers = prop::collection::btree_map(any::<String>(), any::<String>(), 0..3);
    (any::<[Option<u64>; 4]>(), any::<Option<u8>>(), headers, any::<Vec<String>>(), any::<Option<String>>())
        .prop_map(
            |([connect, response, idle, body], max_attempts, set_headers, remove_headers, sticky_header)| {
                ConfigOptions {
                    max_attempts,
                    connect_timeout_ms: connect,
                    response_timeout_ms: response,
                    idle_timeout_ms: idle,
                    max_body_bytes: body,
                    set_headers,
                    remove_headers,
                    sticky_header,
                    ..ConfigOptions::default()
                }
            },
        )
}

/// Any text, and often one that a field takes.
fn any_text() -> impl Strategy<Value = String> {
    let taken = [
        "GENERIC",
        "llm",
        "header",
        "query",
        "x-key",
        "Bearer {key}",
        "ANY",
        "https://a.example/v1",
        "gemini",
    ];
    prop_oneof![any::<String>(), prop::sample::select(taken.map(String::from).to_vec())]
}

proptest! {
    #[test]
    fn any_text_is_refused_or_taken_for_good(
        base in prop::sample::select(vec![generic(), llm()]),
        texts in prop::array::uniform12(prop::option::weighted(0.2, any_text())),
        options in prop::option::of(any_options()),
    ) {
        let [name, slug, config_type, place, key, template, method, url, base_url, api, output, strategy] = texts;
        let fields = ConfigFields {
            name: name.unwrap_or(base.name),
            slug: slug.unwrap_or(base.slug),
            config_type: config_type.unwrap_or(base.config_type),
            is_active: base.is_active,
            api_key_location: place.or(base.api_key_location),
            api_key_name: key.or(base.api_key_name),
            api_key_template: template,
            method,
            target_url: url.or(base.target_url),
            target_base_url: base_url.or(base.target_base_url),
            api_format: api,
            output_format: output,
            strategy,
            options: options.unwrap_or_default(),
        };
        if let Ok(spec) = ConfigSpec::try_from(&fields) {
            prop_assert_eq!(ConfigSpec::try_from(&ConfigFields::from(&spec)), Ok(spec));
        }
    }
}

#[test]
fn prices_are_an_llm_services_and_name_each_model_once() {
    let with = |fields: ConfigFields, models: &[&str]| ConfigFields {
        options: ConfigOptions { prices: prices(models), ..ConfigOptions::default() },
        ..fields
    };
    let many: Vec<String> = (0..101).map(|number| format!("model-{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();

    assert_eq!(wrong(&with(generic(), &["a"])), ["prices"]);
    assert_eq!(wrong(&with(llm(), &["a", "A"])), ["prices"]);
    assert_eq!(wrong(&with(llm(), &many)), ["prices"]);
    spec(&with(llm(), &many[1..]));
}
