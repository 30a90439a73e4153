//! Keeps a source's key fresh, and tells everybody who uses it.

use std::convert::Infallible;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use keeper_alicloud::credentials::Credentials;
use keeper_core::id::AccountName;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, info, warn};

use super::current_key::{CurrentKey, Held, NoKey, State};
use super::error::CredentialError;
use super::issued::Issued;
use super::schedule::{renewed_after, retried_after, used_for};
use super::source::{Issue, Source};
use crate::causes::told;
use crate::metrics::{CredentialMetrics, Metrics};

/// A key that the cloud takes for expired is renewed at once, unless it was issued less than this ago: then it is as with
/// failures.
const YOUNG: Duration = Duration::from_mins(1);

/// Looks after the key of one source.
pub struct Provider<S = Source> {
    source: S,
    accounts: Vec<AccountName>,
    state: watch::Sender<State>,
    /// The key that the cloud took for expired last, of which the other end is with those who use it.
    expired: watch::Receiver<Option<Arc<Credentials>>>,
    metrics: CredentialMetrics,
    chance: RandomState,
    identity: Option<Box<str>>,
    /// How it fails, if it does.
    complaint: Option<String>,
    failures: u32,
    /// How many keys in a row were taken for expired while they were young.
    refused_young: u32,
}

impl<S: Issue> Provider<S> {
    /// One that has not asked yet.
    pub fn new(source: S, metrics: Arc<Metrics>) -> (Self, CurrentKey) {
        let metrics = CredentialMetrics::new(metrics, source.name());
        let (told, state) = watch::channel(State::Awaited);
        let (expired, refused) = watch::channel(None);
        let provider = Self {
            source,
            accounts: Vec::new(),
            state: told,
            expired: refused,
            metrics,
            chance: RandomState::new(),
            identity: None,
            complaint: None,
            failures: 0,
            refused_young: 0,
        };
        (provider, CurrentKey { state, expired })
    }

    /// Notes that an account uses the key, for the log and the metrics.
    pub fn used_by(&mut self, account: AccountName) {
        self.accounts.push(account);
    }

    pub fn source(&self) -> &S {
        &self.source
    }

    pub fn accounts(&self) -> &[AccountName] {
        &self.accounts
    }

    /// Keeps the key fresh for ever.
    pub async fn run(mut self) -> Infallible {
        loop {
            // A session is counted from before it was asked for.
            let asked = Instant::now();
            let due = match self.source.issue().await {
                Ok(issued) => self.take(issued, asked),
                Err(error) => Some(self.fail(&error)),
            };
            self.wait(asked, due).await;
        }
    }

    /// Waits until the source is to be asked again.
    async fn wait(&mut self, asked: Instant, mut due: Option<Instant>) {
        loop {
            // A key whose renewal fails is used until its end, and no longer.
            let end = match &*self.state.borrow() {
                State::Usable(held) if self.complaint.is_some() => held.until,
                _ => None,
            };
            tokio::select! {
                () = sleep_at(due) => return,
                () = self.source.changed() => return,
                Ok(()) = self.expired.changed() => {
                    // What is renewed already, or is tried again soon enough, has no need of it.
                    if !self.holds_refused() || self.complaint.is_some() {
                        continue;
                    }
                    let again = if asked.elapsed() < YOUNG {
                        self.refused_young = self.refused_young.saturating_add(1);
                        retried_after(self.refused_young, false, self.chance())
                    } else {
                        self.refused_young = 0;
                        Duration::ZERO
                    };
                    warn!(accounts = ?self.accounts, source = self.source.name(), "credentials refused as expired: renewing them");
                    let again = Instant::now() + again;
                    due = Some(due.map_or(again, |due| due.min(again)));
                }
                () = sleep_at(end) => {
                    warn!(accounts = ?self.accounts, source = self.source.name(), "credentials ended before they could be renewed");
                    return;
                }
            }
        }
    }

    /// Whether the key that the cloud took for expired is still the one that is used.
    fn holds_refused(&mut self) -> bool {
        let refused = self.expired.borrow_and_update().clone();
        refused.is_some_and(|refused| {
            matches!(&*self.state.borrow(), State::Usable(held) if Arc::ptr_eq(&held.key, &refused))
        })
    }

    /// A number from 0 to below 1, another one each time.
    fn chance(&self) -> f64 {
        let bits = self.chance.hash_one(Instant::now()) >> 32;
        f64::from(u32::try_from(bits).unwrap_or_default()) / (f64::from(u32::MAX) + 1.0)
    }

    /// A key was issued. When it is renewed.
    fn take(&mut self, issued: Issued, asked: Instant) -> Option<Instant> {
        let source = self.source.name();
        let Issued { key, lifetime } = issued;
        let identity: Option<Box<str>> = key.session().map(Into::into);
        let until = lifetime.map(|lifetime| asked + used_for(lifetime));
        let due = lifetime.map(|lifetime| asked + renewed_after(lifetime, self.chance()));
        // A key that does not end is another one, or it would not be asked for.
        let other = self.identity != identity || lifetime.is_none() || self.is_awaited();
        if self.complaint.take().is_some() || other {
            info!(accounts = ?self.accounts, source, identity = identity.as_deref(), "credentials obtained");
            self.metrics.obtained(&self.accounts, self.identity.as_deref(), identity.as_deref());
        } else {
            debug!(accounts = ?self.accounts, source, "credentials renewed");
        }
        self.identity = identity;
        self.failures = 0;
        match (lifetime, due) {
            (Some(lifetime), Some(due)) => self.metrics.issued(&self.accounts, lifetime, due - asked),
            _ => self.metrics.issued_for_good(&self.accounts),
        }
        self.state.send_if_modified(|state| match state {
            // The same key is not verified anew.
            State::Usable(held) if *held.key == *key => {
                held.until = until;
                false
            }
            state => {
                *state = State::Usable(Held { key, until });
                true
            }
        });
        due
    }

    /// No key was issued. When to try again.
    fn fail(&mut self, error: &CredentialError) -> Instant {
        let (source, class) = (self.source.name(), error.class());
        let (why, alike) = (told(error), error.alike());
        let now = Instant::now();
        let keeps = matches!(&*self.state.borrow(), State::Usable(held) if held.until.is_some_and(|until| now < until));
        if self.complaint.as_ref() != Some(&alike) {
            let class = class.as_str();
            if keeps {
                warn!(accounts = ?self.accounts, source, class, why, "failed to renew credentials: using the old ones until they end");
            } else {
                warn!(accounts = ?self.accounts, source, class, why, "no credentials");
            }
        }
        self.complaint = Some(alike);
        self.failures = self.failures.saturating_add(1);
        self.metrics.failed(&self.accounts, class);
        if !keeps {
            let none = NoKey { of_call: error.of_call(), why };
            self.state.send_if_modified(|state| {
                let same = matches!(state, State::Failed(known)
                    if known.of_call.class == none.of_call.class && known.of_call.code == none.of_call.code);
                *state = State::Failed(none);
                !same
            });
        }
        now + retried_after(self.failures, error.is_final(), self.chance())
    }

    fn is_awaited(&self) -> bool {
        matches!(&*self.state.borrow(), State::Awaited)
    }
}

async fn sleep_at(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
