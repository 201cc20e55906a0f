//! What is in `deploy/` fits the program: names of metrics and settings above all.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use server_bin::config::variables::{ALL, Visibility};

use crate::support::Folder;

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy")
}

fn text(path: &str) -> String {
    fs::read_to_string(deploy().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every word of a text that begins like this.
fn words(text: &str, prefix: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c: char| !is_part(c)).filter(|word| word.starts_with(prefix)).map(Into::into).collect()
}

/// The names of the metrics that a running server tells of.
fn metrics() -> BTreeSet<String> {
    let folder = Folder::new();
    let server = folder.serve_known();
    let (status, body) = server.get("/metrics");
    assert_eq!(status, 200);
    body.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).map(Into::into).collect()
}

/// A series of a histogram is the histogram's.
fn family(name: &str, known: &BTreeSet<String>) -> String {
    let histogram = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
    histogram.filter(|histogram| known.contains(*histogram)).unwrap_or(name).to_owned()
}

#[test]
fn dashboard_and_alerts_name_metrics_that_exist_and_the_dashboard_all_of_them() {
    let known = metrics();
    let named = |path: &str| -> BTreeSet<_> {
        words(&text(path), "akr_").iter().map(|name| family(name, &known)).collect()
    };
    let (dashboard, alerts) =
        (named("grafana/api-key-rotator.json"), named("prometheus/api-key-rotator.rules.yml"));

    assert_eq!(dashboard, known);
    assert!(!alerts.is_empty());
    assert!(alerts.is_subset(&known), "{:?}", alerts.difference(&known).collect::<Vec<_>>());
}

#[test]
fn the_dashboard_is_json_whose_panels_have_ids_of_their_own() {
    let dashboard: serde_json::Value = serde_json::from_str(&text("grafana/api-key-rotator.json")).unwrap();
    let ids: Vec<_> =
        dashboard["panels"].as_array().unwrap().iter().map(|p| p["id"].as_i64().unwrap()).collect();

    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
}

/// Names of variables as manifests and units set them.
fn settings(text: &str) -> BTreeSet<String> {
    let is_name = |word: &str| {
        word.len() > 3
            && word.starts_with(|c: char| c.is_ascii_uppercase())
            && word.contains('_')
            && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    };
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| is_name(word))
        .map(Into::into)
        .collect()
}

#[test]
fn manifests_units_and_compose_files_set_only_what_there_is() {
    // Of systemd, and of the images of MySQL and Redis.
    const OTHERS: &[&str] = &["AF_INET", "AF_UNIX", "MYSQL_", "REDISCLI_AUTH"];
    let files = [
        "kubernetes/lightweight.yaml",
        "kubernetes/enterprise.yaml",
        "helm/api-key-rotator/values.yaml",
        "helm/api-key-rotator/templates/deployment.yaml",
        "helm/api-key-rotator/templates/secret.yaml",
        "systemd/api-key-rotator.service",
        "../docker-compose.yml",
        "../docker-compose.prod.yml",
    ];
    for file in files {
        for name in settings(&text(file)) {
            let secret = name.strip_suffix("_FILE").unwrap_or("");
            let exists = ALL.iter().any(|variable| {
                variable.name == name
                    || (variable.name == secret && variable.visibility == Visibility::Secret)
            });
            assert!(
                exists || OTHERS.iter().any(|other| name.starts_with(other)),
                "{file} sets {name}, which does not exist"
            );
        }
    }
}

#[test]
fn a_supervisor_waits_longer_than_requests_are_given_to_end() {
    let drain: u64 = 30;
    let number = |text: &str, lead: &str| -> u64 {
        let rest = text.split_once(lead).unwrap_or_else(|| panic!("{lead} is missing")).1;
        rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
    };
    for (file, lead) in [
        ("kubernetes/lightweight.yaml", "terminationGracePeriodSeconds: "),
        ("kubernetes/enterprise.yaml", "terminationGracePeriodSeconds: "),
        ("helm/api-key-rotator/values.yaml", "terminationGracePeriodSeconds: "),
        ("systemd/api-key-rotator.service", "TimeoutStopSec="),
        ("../docker-compose.yml", "stop_grace_period: "),
        ("../docker-compose.prod.yml", "stop_grace_period: "),
    ] {
        assert!(number(&text(file), lead) > drain + 5, "{file}");
    }
    let default = ALL.iter().find(|variable| variable.name == "DRAIN_TIMEOUT").unwrap();
    assert_eq!(default.unset, server_bin::config::variables::Unset::Default("30s"));
}

#[test]
fn chart_and_panel_have_the_version_of_the_program() {
    let version = env!("CARGO_PKG_VERSION");
    let chart = text("helm/api-key-rotator/Chart.yaml");
    let package: serde_json::Value = serde_json::from_str(&text("../web/package.json")).unwrap();

    for line in [format!("version: {version}"), format!("appVersion: {version}")] {
        assert!(chart.lines().any(|other| other == line), "the chart has no line {line:?}");
    }
    assert_eq!(package["version"], version);
}
