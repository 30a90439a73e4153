//! What is counted about the credentials of accounts.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use keeper_core::failure::Class;
use keeper_core::id::AccountName;

use super::registry::Metrics;

/// Counts for one source of credentials, which several accounts may share.
#[derive(Clone)]
pub struct CredentialMetrics {
    metrics: Arc<Metrics>,
    source: &'static str,
}

impl CredentialMetrics {
    pub fn new(metrics: Arc<Metrics>, source: &'static str) -> Self {
        Self { metrics, source }
    }

    /// The source has given a key of another identity than before.
    pub fn obtained(&self, accounts: &[AccountName], before: Option<&str>, now: Option<&str>) {
        for account in accounts {
            let labels = |arn| [account.as_str(), self.source, role(arn)];
            // An error says that there was none.
            let _ = self.metrics.credentials.remove_label_values(&labels(before));
            self.metrics.credentials.with_label_values(&labels(now)).set(1);
        }
    }

    /// A session was issued that ends, and is renewed, after these times.
    pub fn issued(&self, accounts: &[AccountName], ends: Duration, renewed: Duration) {
        // Beyond the end of the calendar it is never.
        let at = |after: Duration| {
            let at = Timestamp::now().checked_add(after);
            at.map_or(f64::INFINITY, |at| at.as_duration().as_secs_f64())
        };
        for account in accounts {
            let labels = [account.as_str(), self.source];
            self.metrics.credentials_end.with_label_values(&labels).set(at(ends));
            self.metrics.credentials_due.with_label_values(&labels).set(at(renewed));
        }
    }

    /// A key was issued that does not end.
    pub fn issued_for_good(&self, accounts: &[AccountName]) {
        for account in accounts {
            let labels = [account.as_str(), self.source];
            // An error says that there was none.
            let _ = self.metrics.credentials_end.remove_label_values(&labels);
            let _ = self.metrics.credentials_due.remove_label_values(&labels);
        }
    }

    /// No key was issued.
    pub fn failed(&self, accounts: &[AccountName], class: Class) {
        for account in accounts {
            let labels = [account.as_str(), self.source, class.as_str()];
            self.metrics.credentials_failures.with_label_values(&labels).inc();
        }
    }
}

/// The name of the role in the ARN of one of its sessions, `acs:ram::<account>:role/<name>/<session>`. The id of the account is
/// nobody's business who reads metrics.
fn role(arn: Option<&str>) -> &str {
    arn.and_then(|arn| arn.split('/').nth(1)).unwrap_or_default()
}
