//! What goes wrong with Redis, in words that hold no secret.

use std::{io, time::Duration};

use deadpool_redis::redis::RedisError;
use rotator_core::cache::CacheError;

/// What went wrong with Redis.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be used: a clause that follows the name of the variable.
    #[error("{0}")]
    Address(&'static str),
    /// There is no thread to speak with it.
    #[error("the thread that speaks with Redis cannot be started")]
    Thread(#[source] io::Error),
    /// There is no connection at the moment.
    #[error("Redis is away")]
    Away,
    /// It took longer than it may.
    #[error("Redis did not answer within {0:?}")]
    Slow(Duration),
    /// The connection failed.
    #[error("the connection to Redis failed: {0}")]
    Broken(String),
    /// It answered with an error.
    #[error("Redis refused a command: {0}")]
    Refused(String),
}

impl From<RedisError> for Error {
    fn from(error: RedisError) -> Self {
        // The text of an error of the server may repeat the command, and with it the password.
        match error.code() {
            Some(code) => Self::Refused(explain(code)),
            None => Self::Broken(error.to_string()),
        }
    }
}

impl From<Error> for CacheError {
    fn from(error: Error) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

/// What the first word of an error means, and what mends it.
fn explain(code: &str) -> String {
    let meaning = match code {
        "WRONGPASS" | "NOAUTH" => "it does not accept REDIS_USERNAME and REDIS_PASSWORD",
        "NOPERM" => "its ACL does not let this user do what is needed",
        "LOADING" => "it is loading its data",
        "OOM" => "its memory is full; raise maxmemory",
        "READONLY" => "it is a read-only replica; name the primary",
        "MOVED" | "CROSSSLOT" => "it is a cluster; name a server of its own",
        _ => return format!("{code}; Redis 6 or later is needed, or Valkey"),
    };
    format!("{meaning} ({code})")
}

#[cfg(test)]
mod tests {
    use deadpool_redis::redis::{Value, parse_redis_value};

    use super::*;

    #[test]
    fn what_a_server_repeats_of_a_command_is_not_told() {
        for (answer, told) in [
            (
                "-ERR unknown command 'HELLO', with args beginning with: 'AUTH' 'canary'\r\n",
                "Redis 6 or later",
            ),
            ("-WRONGPASS canary\r\n", "REDIS_PASSWORD"),
            ("-CANARY canary\r\n", "CANARY"),
        ] {
            let error = parse_redis_value(answer.as_bytes()).and_then(Value::extract_error).unwrap_err();
            let text = Error::from(error).to_string();
            assert!(text.contains(told) && !text.contains("canary"), "{text}");
        }
    }
}
