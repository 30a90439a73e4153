//! Watches that begin anew after any failure.

use std::sync::Arc;

use futures::stream::{Stream, StreamExt as _};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event};
use tracing::warn;

use crate::metrics::Metrics;

/// A watch whose failures are told and waited out.
pub fn backed_off<K: Clone + Send + 'static>(
    watch: impl Stream<Item = Result<Event<K>, watcher::Error>> + Send,
    what: &'static str,
    metrics: Arc<Metrics>,
) -> impl Stream<Item = Event<K>> + Send {
    watch.default_backoff().filter_map(move |event| {
        let event = event.inspect_err(|error| tell_failure(what, error, &metrics));
        std::future::ready(event.ok())
    })
}

/// Tells that a watch has failed.
pub fn tell_failure(what: &'static str, error: &watcher::Error, metrics: &Metrics) {
    metrics.watch_failed(what);
    warn!(resource = what, error = summary(error), "watch failed, restarting it");
}

/// What went wrong with a watch, without the bodies that kube's own text may quote.
fn summary(error: &watcher::Error) -> String {
    let cause = match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => crate::kubernetes::summary(error),
        watcher::Error::WatchError(status) => format!("{} ({})", status.message, status.code),
        watcher::Error::NoResourceVersion => "the API server gave no resourceVersion".to_owned(),
    };
    let hint = if cause.contains("forbidden") { "; check the operator's ClusterRole" } else { "" };
    format!("{cause}{hint}")
}
