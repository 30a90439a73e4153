//! Where log lines go, and what must never get there.

use std::io;

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use tracing_subscriber::{Layer, fmt};

use crate::cli::{LogFormat, LogOptions};

/// Sends log lines to standard error, each with its time in RFC 3339, for the rest of the process's life.
pub fn init(options: &LogOptions) -> Result<(), TryInitError> {
    subscriber(options, io::stderr).try_init()
}

fn subscriber<W>(options: &LogOptions, writer: W) -> impl tracing::Subscriber + Send + Sync + 'static
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = fmt::layer().with_writer(writer).with_ansi(false);
    let layer = match options.log_format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(filter(options.log_level.into())))
}

/// The chosen level is that of our own packages. What we are built from speaks up from a warning on, except for the
/// Kubernetes client: when an answer doesn't decode, it warns with the whole body, which may hold every object of a
/// kind. The error itself reaches us, and our own line about it.
fn filter(level: Level) -> Targets {
    Targets::new()
        .with_default(Level::WARN)
        .with_target("ecs_keeper", level)
        .with_target("keeper_core", level)
        .with_target("keeper_alicloud", level)
        .with_target("kube_client::client", Level::ERROR)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use jiff::Timestamp;

    use super::*;
    use crate::cli::LogLevel;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is logged while `act` runs.
    fn logged(log_format: LogFormat, log_level: LogLevel, act: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let options = LogOptions { log_format, log_level };
        tracing::subscriber::with_default(subscriber(&options, move || writer.clone()), act);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    /// The Kubernetes client's own words when an answer doesn't decode: the body, then the error.
    #[test]
    fn bodies_that_do_not_decode_are_never_logged() {
        for level in [LogLevel::Info, LogLevel::Trace] {
            let text = logged(LogFormat::Text, level, || {
                tracing::warn!(target: "kube_client::client", "{}, {:?}", "the whole body", "error");
                tracing::trace!(target: "kube_client::client::builder", "the whole body");
                tracing::warn!(target: "kube_client::config", "a warning that matters");
            });
            assert!(!text.contains("the whole body"), "{text}");
            assert!(text.contains("a warning that matters"), "{text}");
        }
    }

    #[test]
    fn the_level_is_that_of_our_own_packages() {
        let text = logged(LogFormat::Text, LogLevel::Debug, || {
            tracing::debug!(target: "keeper_alicloud::client", "ours");
            tracing::trace!(target: "ecs_keeper::run", "too much of ours");
            tracing::info!(target: "hyper_util::client", "theirs");
        });
        assert!(text.contains(" ours"), "{text}");
        assert!(!text.contains("too much") && !text.contains("theirs"), "{text}");
    }

    #[test]
    fn each_line_begins_with_its_time_and_json_is_flat() {
        let say = || tracing::info!(target: "ecs_keeper::run", request_id = "R-1", "done");
        let text = logged(LogFormat::Text, LogLevel::Info, say);
        let time = text.split_whitespace().next().unwrap();
        assert!(time.ends_with('Z') && time.parse::<Timestamp>().is_ok(), "{text}");

        let line: serde_json::Value =
            serde_json::from_str(&logged(LogFormat::Json, LogLevel::Info, say)).unwrap();
        assert_eq!((&line["message"], &line["request_id"]), (&"done".into(), &"R-1".into()));
        assert!(line["timestamp"].as_str().unwrap().parse::<Timestamp>().is_ok(), "{line}");
    }
}
