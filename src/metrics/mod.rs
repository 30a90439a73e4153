//! What Prometheus is told. Every number is kept where its fact changes, so that a scrape has nothing to count.
//!
//! Labels are words of bounded sets: accounts, regions, kinds, operations, classes, reasons. Never the name of an object
//! or of its namespace, an id, or the text of an error: whoever may scrape need not be allowed to read those.
//!
//! The library is `prometheus` and not `prometheus-client`, which writes OpenMetrics alone: promtool judges the older
//! text format only (github.com/prometheus/prometheus/issues/8932).

mod credential_metrics;
mod registry;
mod scope_metrics;

pub(crate) use credential_metrics::CredentialMetrics;
pub(crate) use registry::{CONTENT_TYPE, Ended, Judged, Patched, Publishing};
pub use registry::{Description, Metrics};
pub(crate) use scope_metrics::{CallMetrics, ScopeMetrics, Sort};

#[cfg(test)]
mod tests;
