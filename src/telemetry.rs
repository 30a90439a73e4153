//! Where log lines go, and what must never get there.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};
use std::{io, thread};

use tracing::{Level, error};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use tracing_subscriber::{Layer, fmt};

use crate::cli::{LogFormat, LogOptions};

/// Sends log lines to standard error, each with its time in RFC 3339, for the rest of the process's life. A panic is a
/// line like any other.
pub fn init(options: &LogOptions) -> Result<(), TryInitError> {
    subscriber(options, io::stderr).try_init()?;
    panic::set_hook(Box::new(tell_panic));
    Ok(())
}

fn tell_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string);
    let trace = Backtrace::capture();
    // As RUST_BACKTRACE asks for it.
    let backtrace = (trace.status() == BacktraceStatus::Captured).then(|| trace.to_string());
    let thread = thread::current();
    let said = panic.payload().downcast_ref::<String>().map(String::as_str);
    error!(
        panic = panic.payload().downcast_ref::<&str>().copied().or(said),
        location,
        thread = thread.name(),
        backtrace,
        "internal error, shutting down; please report it"
    );
}

fn subscriber<W>(options: &LogOptions, writer: W) -> impl tracing::Subscriber + Send + Sync + 'static
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = fmt::layer().with_writer(writer).with_ansi(false);
    let layer = match options.log_format {
        LogFormat::Text => layer.boxed(),
        // The list of spans holds the current one, too.
        LogFormat::Json => layer.json().flatten_event(true).with_current_span(false).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(filter(options.log_level.into())))
}

/// The chosen level is that of our own packages. What we are built from speaks up from a warning on, except for the
/// Kubernetes client: when an answer doesn't decode, it warns with the whole body, which may hold every object of a
/// kind. The error itself reaches us, and our own line about it.
///
/// There are no directives for the levels of others: what HTTP clients tell below a warning holds headers and bodies, and
/// so perhaps a token.
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

    /// The hook is the process's: other tests' panics are left to the one before.
    #[test]
    fn a_panic_is_one_line_that_says_where() {
        let before: Arc<dyn Fn(&PanicHookInfo<'_>) + Send + Sync> = panic::take_hook().into();
        let (here, others) = (thread::current().id(), before.clone());
        panic::set_hook(Box::new(move |panic| {
            if thread::current().id() == here { tell_panic(panic) } else { others(panic) }
        }));
        let text = logged(LogFormat::Json, LogLevel::Error, || {
            panic::catch_unwind(|| panic!("two\nlines, {} of them", 2)).unwrap_err();
        });
        panic::set_hook(Box::new(move |panic| before(panic)));
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&line["level"], &line["panic"]), (&"ERROR".into(), &"two\nlines, 2 of them".into()));
        assert!(line["location"].as_str().unwrap().starts_with("src/telemetry.rs:"), "{line}");
        assert_eq!(line["target"], "ecs_keeper::telemetry");
    }

    #[test]
    fn a_line_names_the_account_the_region_and_the_operation() {
        let text = logged(LogFormat::Json, LogLevel::Debug, || {
            let scope =
                tracing::info_span!(target: "ecs_keeper::worker", "region", region = "cn-hangzhou").entered();
            tracing::debug_span!(target: "keeper_alicloud::client", "call", operation = "DescribeInstances")
                .in_scope(
                    || tracing::debug!(target: "keeper_alicloud::client", request_id = "R-1", "answered"),
                );
            drop(scope);
        });
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        let spans = &line["spans"];
        assert_eq!(
            (&spans[0]["region"], &spans[1]["operation"]),
            (&"cn-hangzhou".into(), &"DescribeInstances".into())
        );
        assert_eq!(line.get("span"), None, "{line}");
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
