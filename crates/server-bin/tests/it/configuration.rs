use std::collections::HashMap;

use serde_json::{Value, json};
use server_bin::config::variables::{ALL, Unset, Visibility};

use crate::support::{Folder, PASSWORD};

/// A wrong value of every variable that has wrong values.
const WRONG: &[(&str, &str)] = &[
    ("ADMIN_USERNAME", "line\nbreak"),
    ("ADMIN_PASSWORD", "canary"),
    ("JWT_SECRET", "canary-but-short"),
    ("GLOBAL_PROXY_KEYS", "canary-ключ-0123456789"),
    ("ENCRYPTION_KEY", "canary"),
    ("ENCRYPTION_KEY_PREVIOUS", "canary"),
    ("METRICS_TOKEN", "canary"),
    ("BIND_ADDRESS", "localhost"),
    ("BACKEND_PORT", "65536"),
    ("PROXY_PUBLIC_BASE_URL", "rotator.example.com"),
    ("TLS_CERT_FILE", "/nowhere/tls.crt"),
    ("TLS_KEY_FILE", "/nowhere/tls.key"),
    ("WORKERS", "0"),
    ("MAX_BODY_BYTES", "fifty"),
    ("SHUTDOWN_DELAY", "-1"),
    ("DRAIN_TIMEOUT", "-1"),
    ("DEBUG_HEADERS", "maybe"),
    ("LOG_LEVEL", "loud"),
    ("LOG_FORMAT", "xml"),
    ("REQUEST_LOG_DAYS", "0"),
    ("REQUEST_LOG_MAX_BYTES", "0"),
    ("PROXY_TIMEOUT", "soon"),
    ("LLM_TIMEOUT", "0"),
    ("CONNECT_TIMEOUT", "99999999999999999999"),
    ("STREAM_IDLE_TIMEOUT", "1.5"),
    ("MAX_ATTEMPTS", "11"),
    ("UPSTREAM_ADDRESS_POLICY", "friends"),
    ("UPSTREAM_CA_FILE", "/etc/hostname"),
    ("KEY_LIMIT_REST", "0"),
    ("KEY_LIMIT_REST_MAX", "4s"),
    ("KEY_REJECTED_REST", "99ms"),
    ("KEY_REJECTED_REST_MAX", "25h"),
    ("HTTP_PROXY", "socks5://canary@proxy:1080"),
    ("HTTPS_PROXY", "canary"),
    ("DATABASE_PATH", "/"),
    ("RESET_DB_TABLES", "perhaps"),
    ("DATABASE_URL", "postgres://user:canary@host/db"),
    ("DB_HOST", "http://host"),
    ("DB_PORT", "0"),
    ("DB_TLS", "perhaps"),
    ("DB_CA_FILE", "/nowhere/ca.pem"),
    ("REDIS_URL", "http://:canary@host"),
    ("REDIS_HOST", "host/0"),
    ("REDIS_PORT", "many"),
    ("REDIS_DB", "-1"),
    ("REDIS_CA_FILE", "/nowhere/ca.pem"),
    ("REDIS_PREFIX", "{akr}:"),
    ("REDIS_TIMEOUT", "never"),
    ("ROTATION_LEASE", "0"),
];
/// Whatever is written here may be right.
const FREE: &[&str] = &["NO_PROXY", "DB_USER", "DB_PASSWORD", "DB_NAME", "REDIS_USERNAME", "REDIS_PASSWORD"];

#[test]
fn every_wrong_value_is_one_sentence_that_names_its_variable() {
    let wrong: HashMap<_, _> = WRONG.iter().copied().collect();
    for variable in ALL.iter().filter(|variable| !FREE.contains(&variable.name)) {
        let value =
            wrong.get(variable.name).unwrap_or_else(|| panic!("no wrong value for {}", variable.name));
        let folder = Folder::new();
        let ended = folder.run(&[], &[(variable.name, value)]);

        assert!(ended.is_refusal_about(variable.name), "{}: {ended:?}", variable.name);
        assert!(!ended.err.contains("canary"), "{}", ended.err);
        assert!(ended.err.contains("the environment"), "{}", ended.err);
        assert!(!folder.path("data").exists(), "{} is wrong, yet something was written", variable.name);
    }
}

#[test]
fn samples_and_empty_secrets_are_refused() {
    for (name, value) in [
        ("ADMIN_PASSWORD", "admin123"),
        ("ADMIN_PASSWORD", "your_password"),
        ("ADMIN_PASSWORD", "your_admin_password"),
        ("ADMIN_PASSWORD", ""),
        ("JWT_SECRET", "your-secret-key"),
        ("JWT_SECRET", "your_very_long_jwt_secret"),
        ("JWT_SECRET", "your_jwt_secret_that_is_long_enough_for_anybody"),
        ("JWT_SECRET", ""),
        ("GLOBAL_PROXY_KEYS", "your-global-proxy-key"),
        ("GLOBAL_PROXY_KEYS", "pk-0123456789abcdef,key2"),
        ("GATEWAY_API_KEYS", "your_proxy_key"),
        ("ENCRYPTION_KEY", ""),
    ] {
        let ended = Folder::new().run(&["check-config"], &[(name, value)]);
        let name = if name == "GATEWAY_API_KEYS" { "GLOBAL_PROXY_KEYS" } else { name };
        assert!(ended.is_refusal_about(name), "{name}={value}: {ended:?}");
        assert!(ended.err.contains("generated"), "{}", ended.err);
    }
}

#[test]
fn a_stronger_source_overrides_a_weaker_one() {
    let folder = Folder::new();
    folder.write(
        "rotator.toml",
        "log_level = 'warn'\nmax_attempts = 4\nllm_timeout = '4m'\nproxy_timeout = 44\n",
    );
    folder.write(".env", "MAX_ATTEMPTS=5\nLLM_TIMEOUT=5m\nPROXY_TIMEOUT=55 # seconds\n");

    let variables = [("LLM_TIMEOUT", "6m"), ("PROXY_TIMEOUT", "66"), ("LOG_LEVEL", "error")];
    let ended = folder.run(&["check-config", "--config", "rotator.toml", "--log-level", "off"], &variables);

    let shown =
        |line: &str| ended.out.lines().any(|l| l.split_whitespace().collect::<Vec<_>>().join(" ") == line);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(shown("MAX_ATTEMPTS 5 .env"), "{}", ended.out);
    assert!(shown("LLM_TIMEOUT 6m the environment"), "{}", ended.out);
    assert!(shown("LOG_LEVEL off the command line"), "{}", ended.out);
    assert!(shown("CONNECT_TIMEOUT 10s default"), "{}", ended.out);
}

#[test]
fn a_longest_rest_that_is_shorter_than_the_first_is_named_with_what_to_mend() {
    for (first, longest, named) in [
        (("KEY_LIMIT_REST", "20s"), ("KEY_LIMIT_REST_MAX", "10s"), "KEY_LIMIT_REST, 20s"),
        (("KEY_REJECTED_REST", "2h"), ("KEY_REJECTED_REST_MAX", "1h"), "KEY_REJECTED_REST, 7200s"),
    ] {
        let ended = Folder::new().run(&["check-config"], &[first, longest]);

        assert!(ended.is_refusal_about(longest.0), "{ended:?}");
        assert!(ended.err.contains(&format!("must not be shorter than {named}; it is")), "{}", ended.err);
    }
    assert_eq!(Folder::new().run(&["check-config"], &[("KEY_LIMIT_REST", "10m")]).code, Some(0));
}

#[test]
fn an_alias_counts_where_the_name_itself_is_absent() {
    let folder = Folder::new();
    folder.write(".env", "http_proxy=http://proxy:3128\n");
    let ended =
        folder.run(&["check-config"], &[("PORT", "9000"), ("GATEWAY_API_KEYS", "pk-0123456789abcdef")]);
    let source_of = |name: &str| ended.out.lines().find(|l| l.starts_with(name)).map(str::to_owned).unwrap();

    // BACKEND_PORT is set by the test itself, and wins.
    assert!(source_of("BACKEND_PORT").contains(" 0 "), "{}", ended.out);
    assert!(source_of("GLOBAL_PROXY_KEYS").ends_with("the environment"), "{}", ended.out);
    assert!(source_of("HTTP_PROXY").contains(" .env"), "{}", ended.out);
}

#[test]
fn check_config_shows_no_secret_and_writes_nothing() {
    let secrets: Vec<_> = ALL.iter().filter(|v| v.visibility == Visibility::Secret).map(|v| v.name).collect();
    let value = |name: &str| match name {
        "HTTP_PROXY" | "HTTPS_PROXY" => "http://user:canary-0123456789@proxy:3128",
        _ => "canary-0123456789-0123456789-0123456789",
    };
    // These ask for a database that is not in this build.
    let variables: Vec<_> = secrets
        .iter()
        .filter(|name| !["DATABASE_URL", "REDIS_URL"].contains(name))
        .map(|name| (*name, value(name)))
        .collect();
    let folder = Folder::new();
    let ended = folder.run(&["check-config"], &variables);

    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(ended.out.matches("(set)").count(), variables.len(), "{}", ended.out);
    assert!(!(ended.out + &ended.err).contains("canary"));
    assert!(!folder.path("data").exists());
}

#[test]
fn every_secret_may_come_from_a_file() {
    // These ask for a database that is not in this build.
    let of_others = ["DATABASE_URL", "REDIS_URL"];
    for variable in ALL.iter().filter(|v| v.visibility == Visibility::Secret) {
        let folder = Folder::new();
        let value = if variable.name.ends_with("_PROXY") {
            "http://user:canary-0123456789@proxy:3128"
        } else {
            "canary-0123456789-0123456789-0123456789"
        };
        let path = folder.write("secret", &format!("{value}\n"));
        let ended =
            folder.run(&["check-config"], &[(&format!("{}_FILE", variable.name), path.to_str().unwrap())]);

        if of_others.contains(&variable.name) {
            assert!(ended.is_refusal_about(variable.name), "{ended:?}");
            continue;
        }
        assert_eq!(ended.code, Some(0), "{}: {}", variable.name, ended.err);
        let line = ended.out.lines().find(|line| line.starts_with(&format!("{} ", variable.name))).unwrap();
        assert_eq!(
            line.split_whitespace().collect::<Vec<_>>()[1..],
            ["(set)", "the", "environment"],
            "{}",
            ended.out
        );
        assert!(!ended.out.contains("canary"), "{}", ended.out);
    }
}

#[test]
fn a_password_from_a_file_is_what_the_file_says_without_its_last_line_break() {
    let folder = Folder::new();
    folder.write("password", &format!("{PASSWORD}\r\n"));
    // As a compose file has it that passes on what is not set.
    folder.write(".env", "ADMIN_PASSWORD=\nADMIN_PASSWORD_FILE=password\n");
    let server = folder.serve(&[]);

    assert!(server.sign_in(PASSWORD).is_some());
}

#[test]
fn a_secret_that_is_set_twice_or_whose_file_is_missing_is_refused() {
    let folder = Folder::new();
    let path = folder.write("secret", "canary-0123456789");
    let file = path.to_str().unwrap();
    for (variables, told) in [
        (&[("METRICS_TOKEN", "canary-0123456789"), ("METRICS_TOKEN_FILE", file)][..], "METRICS_TOKEN_FILE"),
        (&[("GATEWAY_API_KEYS", "canary-0123456789"), ("GLOBAL_PROXY_KEYS_FILE", file)], "GLOBAL_PROXY_KEYS"),
        (&[("ADMIN_PASSWORD_FILE", "/nowhere/password")], "/nowhere/password"),
    ] {
        let ended = folder.run(&["check-config"], variables);

        assert!(ended.is_refusal_about(told), "{ended:?}");
        assert!(!ended.err.contains("canary"), "{}", ended.err);
    }
}

#[test]
fn files_with_settings_are_refused_by_name_and_without_their_text() {
    for (file, text, told) in [
        (".env", "ADMIN_PASSWORD='canary\n", ".env"),
        ("rotator.toml", "admin_password = 'canary\n", "rotator.toml"),
        ("rotator.toml", "admin_passwort = 'canary'\n", "admin_passwort"),
        ("rotator.toml", "[log_level]\ncanary = 1\n", "log_level"),
    ] {
        let folder = Folder::new();
        folder.write("rotator.toml", "");
        folder.write(file, text);
        let ended = folder.run(&["check-config", "--config", "rotator.toml"], &[]);

        assert!(ended.is_refusal_about(told), "{text}: {ended:?}");
        assert!(!ended.err.contains("canary"), "{}", ended.err);
    }
    assert!(Folder::new().run(&["check-config", "--env-file", "gone.env"], &[]).is_refusal_about("gone.env"));
}

#[test]
fn a_server_that_is_not_in_this_build_is_refused_with_the_way_out() {
    for (name, value) in [
        ("DATABASE_URL", "mysql://user:canary@tcp(host:3306)/db?charset=utf8mb4"),
        ("DB_HOST", "mysql"),
        ("REDIS_URL", "redis://:canary@localhost:6379/0"),
        ("REDIS_HOST", "redis"),
    ] {
        let ended = Folder::new().run(&[], &[(name, value)]);
        assert!(ended.is_refusal_about(name), "{ended:?}");
        assert!(ended.err.contains("enterprise") && !ended.err.contains("canary"), "{}", ended.err);
    }
    for arguments in [
        ["migrate", "--from=sqlite", "--to=mysql://user:canary@host/db"],
        ["import", "--from=one-api", "mysql://user:canary@host/db"],
    ] {
        let ended = Folder::new().run(&arguments, &[]);
        assert!(ended.is_refusal_about("enterprise build"), "{ended:?}");
        assert!(!ended.err.contains("canary"), "{}", ended.err);
    }
}

#[test]
fn an_empty_list_of_proxy_keys_lets_nobody_in() {
    for empty in ["", ",,"] {
        let folder = Folder::new();
        let server = folder.serve(&[("GLOBAL_PROXY_KEYS", empty)]);
        let (status, _) = server.call("GET", "/proxy/any/thing", &[("x-proxy-key", "")], "");

        assert_eq!(status, 401);
        assert!(server.log().contains("GLOBAL_PROXY_KEYS is empty"), "{}", server.log());
    }
}

#[test]
fn the_env_examples_are_what_the_table_says() {
    for (language, committed) in [
        ("en", include_str!("../../../../.env.example.en")),
        ("cn", include_str!("../../../../.env.example.cn")),
    ] {
        let printed = Folder::new().run(&["env-example", "--lang", language], &[]).out;

        assert!(printed == committed, ".env.example.{language} is stale: run `make env-examples`");
        for variable in ALL {
            assert!(committed.contains(&format!("\n# {}=", variable.name)), "{}", variable.name);
        }
    }
}

#[test]
fn the_configuration_reference_is_what_the_table_says() {
    for (language, committed) in [
        ("en", include_str!("../../../../docs/CONFIGURATION.md")),
        ("cn", include_str!("../../../../docs/CONFIGURATION_CN.md")),
    ] {
        let printed = Folder::new().run(&["config-reference", "--lang", language], &[]).out;

        assert!(printed == committed, "the reference in {language} is stale: run `make config-reference`");
        for variable in ALL {
            assert!(committed.contains(&format!("\n| `{}` |", variable.name)), "{}", variable.name);
        }
    }
}

#[test]
fn the_readmes_explain_every_variable_in_the_words_of_the_table() {
    let (english, chinese) =
        (include_str!("../../../../README.md"), include_str!("../../../../README_CN.md"));
    for variable in ALL {
        for (readme, words) in [(english, variable.english), (chinese, variable.chinese)] {
            let row = readme.lines().find(|line| line.starts_with(&format!("| `{}` |", variable.name)));
            let row = row.unwrap_or_else(|| panic!("{} is in no table", variable.name));
            assert!(row.contains(words), "{row}\nshould say: {words}");
        }
    }
}

#[test]
fn every_default_and_example_is_a_value_that_is_accepted() {
    // These need a file, another build, or a secret of one's own.
    let not_here = [
        "TLS_CERT_FILE",
        "TLS_KEY_FILE",
        "UPSTREAM_CA_FILE",
        "DATABASE_URL",
        "DB_HOST",
        "DB_CA_FILE",
        "REDIS_URL",
        "REDIS_HOST",
        "REDIS_CA_FILE",
    ];
    let secrets = ["ENCRYPTION_KEY_PREVIOUS", "METRICS_TOKEN"];
    for variable in ALL.iter().filter(|v| !not_here.contains(&v.name) && !secrets.contains(&v.name)) {
        let (Unset::Default(value) | Unset::Nothing(value)) = variable.unset else { continue };
        let ended = Folder::new().run(&["check-config"], &[(variable.name, value)]);
        assert_eq!(ended.code, Some(0), "{}: {}", variable.name, ended.err);
    }
}

#[test]
fn a_running_server_shows_what_is_in_effect_and_no_secret() {
    let folder = Folder::new();
    folder.write(".env", "REQUEST_LOG_DAYS=9\n");
    let server = folder.serve(&[("ADMIN_PASSWORD", PASSWORD), ("GLOBAL_PROXY_KEYS", "canary-0123")]);
    let admin = server.sign_in(PASSWORD).unwrap();

    let shown = admin.call("GET", "/settings", &Value::Null).1;

    let settings = shown["settings"].as_array().unwrap();
    assert_eq!(settings.len(), ALL.len());
    let of = |name: &str| {
        let found = settings.iter().find(|setting| setting["name"] == name).unwrap();
        (found["value"].clone(), found["source"].as_str().unwrap())
    };
    assert_eq!(of("REQUEST_LOG_DAYS"), (json!("9"), ".env"));
    assert_eq!(of("LOG_FORMAT"), (json!("json"), "the environment"));
    assert_eq!(of("GLOBAL_PROXY_KEYS"), (Value::Null, "the environment"));
    assert_eq!(of("JWT_SECRET").0, Value::Null);
    assert_eq!(of("WORKERS"), (Value::Null, ""));
    assert!(
        shown["warnings"][0].as_str().unwrap().starts_with("GLOBAL_PROXY_KEYS has a key of fewer"),
        "{shown}"
    );
    let text = shown.to_string();
    assert!(!text.contains("canary") && !text.contains(PASSWORD), "{text}");
}
