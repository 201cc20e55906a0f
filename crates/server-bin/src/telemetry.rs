//! Logs, and what becomes of a panic.

use std::{
    any::Any,
    io::{self, IsTerminal as _},
    panic, thread,
};

use tracing::error;
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, Logs};

/// Sends logs to standard output from now on, and panics to the logs.
pub fn init(logs: &Logs, colour: bool) -> anyhow::Result<()> {
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::builder().parse(&logs.filter)?)
        .with_writer(io::stdout)
        .with_ansi(colour && io::stdout().is_terminal());
    let started = match logs.format {
        LogFormat::Text => subscriber.try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).with_current_span(false).try_init(),
    };
    started.map_err(anyhow::Error::from_boxed)?;
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let thread = thread::current();
        error!(place, thread = thread.name(), message_text = fixed_text(info.payload()), "panicked");
    }));
    Ok(())
}

/// The message of a panic, when it was written down in the source; a formatted one may hold anything.
fn fixed_text(payload: &(dyn Any + Send)) -> &'static str {
    payload.downcast_ref::<&'static str>().copied().unwrap_or("(not shown)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_fixed_panic_message_is_shown() {
        let secret = "sk-canary";
        let formatted = panic::catch_unwind(|| panic!("key {secret}")).unwrap_err();
        let fixed = panic::catch_unwind(|| panic!("out of paper")).unwrap_err();

        assert_eq!((fixed_text(&*formatted), fixed_text(&*fixed)), ("(not shown)", "out of paper"));
    }
}
