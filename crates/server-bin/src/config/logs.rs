//! What is written down, and for how long.

use std::{str::FromStr as _, time::Duration};

use tracing_subscriber::filter::Directive;

use super::{ConfigError, Values, parse, variables as var};

/// What is written down, and for how long.
#[derive(Debug, Clone)]
pub struct Logs {
    /// Rules in the syntax of `tracing_subscriber::EnvFilter`.
    pub filter: String,
    /// How a line looks.
    pub format: LogFormat,
    /// How long request records are kept.
    pub request_log_age: Duration,
    /// How large the request log may grow, in bytes.
    pub request_log_bytes: u64,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
const LEVEL: &str = "must be off, error, warn, info, debug or trace, or rules such as info,proxy_hyper=debug";
/// Libraries log what passes through them, headers and addresses included; a plain level is about our own code.
const OWN_CRATES: [&str; 9] = [
    "server_bin",
    "rotator_core",
    "proxy_hyper",
    "admin_api",
    "llm_formats",
    "store_sqlite",
    "store_mysql",
    "cache_memory",
    "cache_redis",
];
const MAX_DAYS: u32 = 3650;
const DAY: u64 = 24 * 60 * 60;

impl Logs {
    pub(super) fn read(values: &Values) -> Result<Self, ConfigError> {
        Ok(Self {
            filter: values.required(&var::LOG_LEVEL, filter)?,
            format: values.required(&var::LOG_FORMAT, format)?,
            request_log_age: values.required(&var::REQUEST_LOG_DAYS, days)?,
            request_log_bytes: values.required(&var::REQUEST_LOG_MAX_BYTES, parse::size)?,
        })
    }
}

/// A level for our own crates, with libraries no louder than warnings; or rules, taken as they are.
fn filter(text: &str) -> Result<String, String> {
    let rules = text.trim().to_ascii_lowercase();
    if rules.contains([',', '=']) {
        let known =
            |rule: &str| Directive::from_str(rule).is_ok() && (rule.contains('=') || LEVELS.contains(&rule));
        return if parse::list(&rules).all(known) { Ok(rules) } else { Err(LEVEL.into()) };
    }
    let level = match rules.as_str() {
        "warning" => "warn",
        level if LEVELS.contains(&level) => level,
        _ => return Err(LEVEL.into()),
    };
    let libraries = if matches!(level, "off" | "error") { level } else { "warn" };
    Ok(OWN_CRATES.iter().fold(libraries.to_owned(), |rules, name| format!("{rules},{name}={level}")))
}

fn format(text: &str) -> Result<LogFormat, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("must be text or json".into()),
    }
}

fn days(text: &str) -> Result<Duration, String> {
    parse::count(text, MAX_DAYS).map(|days| Duration::from_secs(u64::from(days) * DAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_level_leaves_libraries_at_warnings() {
        let rules = filter("TRACE").unwrap();

        assert!(rules.starts_with("warn,"), "{rules}");
        assert!(rules.contains(",proxy_hyper=trace"), "{rules}");
        assert!(filter("off").unwrap().starts_with("off,"));
    }

    #[test]
    fn rules_are_taken_as_they_are_and_words_are_checked() {
        assert_eq!(filter("info,hyper=debug"), Ok("info,hyper=debug".into()));
        for wrong in ["verbose", "info,loud", "hyper=loud", "="] {
            assert!(filter(wrong).is_err(), "{wrong}");
        }
    }
}
