//! The key of a source as it is now, for everybody who uses it.

use std::sync::Arc;
use std::time::Duration;

use keeper_alicloud::account_pinning::no_key;
use keeper_alicloud::credentials::Credentials;
use tokio::sync::watch;
use tokio::time::Instant;

/// The key of a source, as it is now. Clones see the same.
#[derive(Debug, Clone)]
pub struct CurrentKey {
    pub(super) state: watch::Receiver<State>,
    /// The key that the cloud took for expired last.
    pub(super) expired: watch::Sender<Option<Arc<Credentials>>>,
}

/// What is known of a source's key.
#[derive(Debug)]
pub enum State {
    /// The source has not answered yet.
    Awaited,
    Usable(Held),
    Failed(NoKey),
}

/// Why there is no key.
#[derive(Debug)]
pub struct NoKey {
    /// What calls fail with.
    pub of_call: keeper_alicloud::Error,
    /// The whole of it, for the administrator.
    pub why: String,
}

/// A key that can be used.
#[derive(Debug)]
pub struct Held {
    pub key: Arc<Credentials>,
    /// From when on it is not used any more.
    pub until: Option<Instant>,
}

impl CurrentKey {
    /// Waits until there is another key than was last obtained, or none any more.
    pub async fn changed(&mut self) {
        // The provider ends only with the process.
        if self.state.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// How much longer the key is used; `None`: it has no end, or there is none.
    pub fn lasts(&self) -> Option<Duration> {
        match &*self.state.borrow() {
            State::Usable(Held { until: Some(until), .. }) => {
                Some(until.saturating_duration_since(Instant::now()))
            }
            _ => None,
        }
    }

    /// The key, or why there is none, once the source has answered.
    pub async fn obtained(&mut self) -> Result<Arc<Credentials>, NoKey> {
        let state = self.state.wait_for(|state| !matches!(state, State::Awaited)).await;
        match state.as_deref() {
            Ok(State::Usable(held)) if held.until.is_none_or(|until| Instant::now() < until) => {
                Ok(Arc::clone(&held.key))
            }
            Ok(State::Failed(NoKey { of_call, why })) => {
                Err(NoKey { of_call: of_call.again(), why: why.clone() })
            }
            // The process ends, or has slept past the end of the key.
            Ok(State::Usable(_) | State::Awaited) | Err(_) => {
                Err(NoKey { of_call: no_key(), why: "the session has ended".to_owned() })
            }
        }
    }
}

impl keeper_alicloud::KeySource for CurrentKey {
    async fn current(&self) -> Result<Arc<Credentials>, keeper_alicloud::Error> {
        self.clone().obtained().await.map_err(|none| none.of_call)
    }

    fn expired(&self, key: &Arc<Credentials>) {
        let current = matches!(&*self.state.borrow(), State::Usable(held) if Arc::ptr_eq(&held.key, key));
        if current && key.is_temporary() {
            // Several calls are refused with one key.
            self.expired.send_if_modified(|known| {
                let new = known.as_ref().is_none_or(|known| !Arc::ptr_eq(known, key));
                *known = Some(Arc::clone(key));
                new
            });
        }
    }
}
