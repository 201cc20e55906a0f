use rotator_core::model::ConfigFields;

use super::*;

const KEY: &str = "a-key-of-gpt-load";
/// `sk-test-sealed`, encrypted under that key by another implementation.
const SEALED: &str = "000102030405060708090a0bf897114c595ef752edaf6e47276001244c3b81f72ce1f2e39a2c14554b8f";

fn row(columns: &[(&str, &str)]) -> Record {
    columns.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

fn group(columns: &[(&str, &str)]) -> Record {
    let mut group = row(&[
        ("id", "1"),
        ("name", "main"),
        ("display_name", "Main Group"),
        ("channel_type", "openai"),
        ("upstreams", r#"[{"url": "https://api.openai.com", "weight": 1}]"#),
    ]);
    group.extend(row(columns));
    group
}

fn tables(groups: Vec<Record>, keys: Vec<Record>) -> Tables {
    Tables::from([("groups".into(), groups), ("api_keys".into(), keys)])
}

fn closed() -> Opener {
    Opener::new(None).unwrap()
}

#[test]
fn a_group_becomes_a_service_with_its_keys() {
    let keys = vec![
        row(&[("group_id", "1"), ("key_value", "sk-test-1"), ("status", "active")]),
        row(&[("group_id", "1"), ("key_value", "sk-test-2"), ("status", "invalid"), ("notes", "Bob's")]),
        row(&[("group_id", "2"), ("key_value", "sk-test-3"), ("status", "active")]),
    ];
    let findings = from_tables(&tables(vec![group(&[])], keys), &closed()).unwrap();

    let service = &findings.services[0];
    assert_eq!((service.spec.slug.as_str(), service.spec.name.as_str()), ("main", "Main Group"));
    assert_eq!(service.keys.len(), 2);
    assert!(service.keys[0].is_active && !service.keys[1].is_active);
    assert_eq!(service.keys[1].note, "Bob's (invalid in gpt-load)");
}

#[test]
fn upstreams_keep_their_shares() {
    let upstreams = r#"[{"url": "https://a.example.com", "weight": 30}, {"url": "https://off.example.com", "weight": 0},
                        {"url": "https://b.example.com", "weight": 10}]"#;
    let findings =
        from_tables(&tables(vec![group(&[("upstreams", upstreams)])], Vec::new()), &closed()).unwrap();

    let spec = &findings.services[0].spec;
    assert_eq!(spec.target.url().as_str(), "https://b.example.com");
    assert_eq!(spec.more_targets.len(), 1);
    assert_eq!((spec.more_targets[0].weight.get(), spec.more_targets[0].priority), (3, 0));
}

#[test]
fn settings_that_have_a_like_here_are_kept_and_the_others_told() {
    let findings = from_tables(
        &tables(
            vec![group(&[
                ("config", r#"{"max_retries": 3, "connect_timeout": 15, "proxy_url": "http://proxy:1"}"#),
                (
                    "header_rules",
                    r#"[{"key": "X-Team", "value": "a", "action": "set"}, {"key": "X-Out", "action": "remove"},
                        {"key": "X-Ip", "value": "${CLIENT_IP}", "action": "set"}]"#,
                ),
                ("param_overrides", r#"{"temperature": 1}"#),
                ("model_redirect_rules", "{}"),
            ])],
            Vec::new(),
        ),
        &closed(),
    );

    let service = &findings.unwrap().services[0];
    let options = ConfigFields::from(&service.spec).options;
    assert_eq!((options.max_attempts, options.connect_timeout_ms), (Some(4), Some(15_000)));
    assert_eq!(options.set_headers["x-team"], "a");
    assert_eq!(options.remove_headers, ["x-out"]);
    assert_eq!(service.remarks.len(), 3, "{:?}", service.remarks);
}

#[test]
fn what_has_no_like_here_is_left_behind() {
    let groups = vec![
        group(&[("group_type", "aggregate")]),
        group(&[("channel_type", "azure")]),
        group(&[("upstreams", "[]")]),
        group(&[("upstreams", r#"[{"url": "not a url", "weight": 1}]"#)]),
    ];
    let findings = from_tables(&tables(groups, Vec::new()), &closed()).unwrap();

    assert!(findings.services.is_empty());
    assert_eq!(findings.left_behind.len(), 4);
}

#[test]
fn encrypted_keys_open_with_the_key_of_gpt_load_and_with_no_other() {
    let with = |value: &str, hash: &str| {
        let key = row(&[("group_id", "1"), ("key_value", value), ("key_hash", hash)]);
        tables(vec![group(&[])], vec![key])
    };
    let sealed = with(SEALED, "of another kind");

    let opened = from_tables(&sealed, &Opener::new(Some(KEY)).unwrap()).unwrap();
    assert_eq!(opened.services[0].keys[0].secret.expose(), "sk-test-sealed");
    assert_eq!(from_tables(&sealed, &closed()).err(), Some(Error::Encrypted));
    let wrong = Opener::new(Some("another key")).unwrap();
    assert_eq!(from_tables(&sealed, &wrong).err(), Some(Error::WrongKey));

    // A key that looks like it, and is none: its digest says so.
    let plain = "ab".repeat(32);
    let hash = "271a413bd339c5709fdceaec41f14f11e9fbfb5042d72d331c65f32b284cd09a";
    let found = from_tables(&with(&plain, hash), &closed()).unwrap();
    assert_eq!(found.services[0].keys[0].secret.expose(), plain);
}

#[test]
fn a_key_that_looks_encrypted_and_has_no_digest_is_taken_as_it_is_and_told() {
    let plain = "ab".repeat(32);
    let export = format!(
        r#"{{"name": "a", "channel_type": "openai", "upstreams": [{{"url": "https://a.example.com"}}],
            "keys": ["{plain}", "sk-test-1", "{SEALED}"]}}"#
    );

    let blind = from_export(&export, &closed()).unwrap();
    let service = &blind.services[0];
    assert_eq!(service.keys[0].secret.expose(), plain);
    assert!(service.remarks[0].starts_with("2 of its keys may be encrypted"), "{:?}", service.remarks);

    let opened = from_export(&export, &Opener::new(Some(KEY)).unwrap()).unwrap();
    let service = &opened.services[0];
    let texts: Vec<_> = service.keys.iter().map(|key| key.secret.expose()).collect();
    assert_eq!(texts, [&plain, "sk-test-1", "sk-test-sealed"]);
    assert!(service.remarks[0].starts_with("1 of its keys may be encrypted"), "{:?}", service.remarks);
}

#[test]
fn an_export_is_read_whether_it_holds_one_group_or_several() {
    let one = r#"{"group": {"name": "a", "channel_type": "gemini", "upstreams": [{"url": "https://g.example.com"}]},
                  "keys": [{"key_value": "sk-test-1", "status": "active"}, "sk-test-2"]}"#;
    for text in [one.to_owned(), format!("[{one}]"), format!("{{\"data\": {{\"groups\": [{one}]}}}}")] {
        let findings = from_export(&text, &closed()).unwrap();
        assert_eq!(findings.services[0].keys.len(), 2, "{text}");
    }
}

#[test]
fn what_is_no_export_or_of_another_version_is_refused_without_being_shown() {
    for text in ["{\"key\": \"sk-canary", "{}", "[]", "7", "{\"groups\": [{\"name\": \"sk-canary\"}]}"] {
        let error = from_export(text, &closed()).err().unwrap();
        assert!(!error.to_string().contains("canary"), "{error}");
    }
    let newer = Tables::from([("groups".into(), Vec::new()), ("credentials".into(), Vec::new())]);
    assert_eq!(from_tables(&newer, &closed()).err(), Some(Error::GptLoad2));
    assert!(matches!(from_tables(&Tables::new(), &closed()), Err(Error::NotThat { .. })));
}
