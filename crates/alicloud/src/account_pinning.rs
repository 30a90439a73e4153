//! A key that is used only for the account that it is meant for (I17).
//!
//! # Guarantees
//!
//! Before a key signs anything else, the cloud is asked whose it is. A key of another account than the pinned one signs
//! nothing but that question. As long as the key stays the same, or is renewed as one of the same session, the question is
//! asked once, however many calls wait.
//!
//! # Caveats
//!
//! Whose a key is can be known only from the cloud's own answer: whoever can answer in its place can say anything.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use keeper_core::call::Identity;
use keeper_core::failure::Class;
use keeper_core::id::{AccountName, RequestId};
use tracing::{info, warn};

use crate::client::Client;
use crate::credentials::{Credentials, CredentialsSource, StaticCredentials};
use crate::endpoint::Endpoints;
use crate::error::{Error, OwnCode};
use crate::get_caller_identity::{Caller, OPERATION};
use crate::observe::Observer;
use crate::session::account_of_arn;
use crate::sign::LeaseGuard;
use crate::transport::Transport;

/// Where the key is that is to be used now.
pub trait KeySource: Send + Sync {
    /// The key, or why there is none, once that is known; the same allocation as long as it stays the same.
    fn current(&self) -> impl Future<Output = Result<Arc<Credentials>, Error>> + Send;

    /// Is told that the cloud takes this key for expired.
    fn expired(&self, key: &Arc<Credentials>);
}

/// There is no key. What is not called is what a key is used for first.
pub fn no_key() -> Error {
    Error::unanswered(OPERATION, OwnCode::NoAccessKey)
}

/// Which account of the cloud each name stands for: as the administrator has pinned it, or else as the first key has shown,
/// for as long as the process lives.
#[derive(Debug, Default)]
pub struct AccountPinning {
    accounts: Mutex<BTreeMap<AccountName, Box<str>>>,
}

impl AccountPinning {
    /// What the administrator has pinned.
    pub fn new(pinned: impl IntoIterator<Item = (AccountName, Box<str>)>) -> Self {
        Self { accounts: Mutex::new(pinned.into_iter().collect()) }
    }

    /// Whether a key that belongs to this account may be used under this name.
    fn admit(&self, name: &AccountName, account_id: &str) -> bool {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        // Under two names one account would be served by engines that don't know of each other's holds.
        let taken = accounts.iter().find(|(other, id)| *other != name && &***id == account_id);
        if let Some((other, _)) = taken {
            warn!(
                account = name.as_str(),
                other = other.as_str(),
                account_id,
                "access key refused: another account of the configuration already uses this cloud account"
            );
            return false;
        }
        match accounts.entry(name.clone()) {
            Entry::Occupied(pinned) if &**pinned.get() == account_id => true,
            Entry::Occupied(pinned) => {
                let (account, pinned) = (name.as_str(), &**pinned.get());
                warn!(
                    account,
                    account_id,
                    pinned,
                    "access key refused: it belongs to another cloud account than the pinned one"
                );
                false
            }
            Entry::Vacant(free) => {
                free.insert(account_id.into());
                true
            }
        }
    }
}

/// A source that hands out a key only after the cloud has said that it belongs to the right account. One for each client,
/// so that a region in which the question is not answered holds up no other.
#[derive(Debug)]
pub struct VerifiedCredentials<K> {
    account: AccountName,
    keys: K,
    pinning: Arc<AccountPinning>,
    transport: Transport,
    endpoints: Endpoints,
    known: Mutex<Option<Known>>,
    /// How often the question was left without a usable answer.
    failures: AtomicU64,
    asking: tokio::sync::Mutex<Option<Error>>,
    observer: Option<Arc<dyn Observer>>,
}

/// What is known of a key.
#[derive(Debug)]
struct Known {
    key: Arc<Credentials>,
    caller: Caller,
    admitted: bool,
    identity: Identity,
}

impl<K: KeySource> VerifiedCredentials<K> {
    /// A source of these keys for the account of this name; the question goes to these endpoints.
    pub fn new(
        account: AccountName,
        keys: K,
        pinning: Arc<AccountPinning>,
        transport: Transport,
        endpoints: Endpoints,
    ) -> Self {
        Self {
            account,
            keys,
            pinning,
            transport,
            endpoints,
            known: Mutex::default(),
            failures: AtomicU64::new(0),
            asking: tokio::sync::Mutex::default(),
            observer: None,
        }
    }

    /// This source, with somebody who is told how each question ended.
    #[must_use]
    pub fn observed_by(self, observer: Arc<dyn Observer>) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// What is known of this very key.
    fn verdict(&self, key: &Arc<Credentials>) -> Option<Result<Identity, Error>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // A renewed session of the same ARN is the same identity, and STS itself has said so. Nor is it to be asked again: it may
        // be away by now.
        let renewed = |known: &Known| {
            let account = key.session().and_then(account_of_arn);
            known.key.session() == key.session() && account == Some(&*known.caller.account_id)
        };
        let known = known.as_ref().filter(|known| Arc::ptr_eq(&known.key, key) || renewed(known))?;
        Some(if known.admitted {
            Ok(known.identity)
        } else {
            Err(Error::unanswered(OPERATION, OwnCode::WrongAccount))
        })
    }

    fn learn(&self, key: &Arc<Credentials>, caller: Caller) {
        let admitted = self.pinning.admit(&self.account, &caller.account_id);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // A temporary key that was renewed is the same identity; without a name nobody knows.
        let same = |before: &Known| {
            before.caller.account_id == caller.account_id
                && before.caller.arn == caller.arn
                && caller.arn.is_some()
        };
        let identity = match known.as_ref() {
            None => Identity::default(),
            Some(before) if same(before) => before.identity,
            Some(before) => Identity(before.identity.0 + 1),
        };
        let region = self.endpoints.region().as_str();
        if admitted {
            let (account, account_id, arn) =
                (self.account.as_str(), &*caller.account_id, caller.arn.as_deref());
            info!(account, region, account_id, arn, "identity verified");
        }
        *known = Some(Known { key: Arc::clone(key), caller, admitted, identity });
    }

    /// What it means to whoever wants to use the key that STS did not answer. That it throttles, or is not there, says
    /// nothing of the service that was to be called.
    fn meaning(&self, error: &Error) -> Class {
        match error.class {
            class if &*error.code == OwnCode::LeaseLost.as_str() || !class.heals_itself() => class,
            _ if self.endpoints.lacks_sts_in_vpc() && error.http_status.is_none() => Class::StsOutsideVpc,
            _ => Class::NoIdentity,
        }
    }

    /// Asks whose the key is, unless somebody did while we waited.
    async fn ask(&self, key: &Arc<Credentials>, guard: &dyn LeaseGuard) -> Result<Identity, Error> {
        let failures = self.failures.load(Ordering::Relaxed);
        let mut failed = self.asking.lock().await;
        if let Some(verdict) = self.verdict(key) {
            return verdict;
        }
        if let Some(error) = failed.as_ref().filter(|_| failures != self.failures.load(Ordering::Relaxed)) {
            return Err(error.again());
        }
        let asker = Client::new(
            self.transport.clone(),
            self.endpoints.clone(),
            StaticCredentials::new(Arc::clone(key)),
        );
        let asker = match &self.observer {
            Some(observer) => asker.observed_by(Arc::clone(observer)),
            None => asker,
        };
        match asker.caller_identity(guard).await {
            Ok(caller) => {
                self.learn(key, caller);
                self.verdict(key).unwrap_or_else(|| Err(no_key()))
            }
            Err(error) => {
                if error.says_expired() {
                    self.keys.expired(key);
                }
                let class = self.meaning(&error);
                let error = error.classed(class);
                let (account, region) = (self.account.as_str(), self.endpoints.region().as_str());
                let request_id = error.request_id.as_ref().map(RequestId::as_str);
                let (operation, class, code) = (error.operation, error.class.as_str(), &*error.code);
                warn!(account, region, operation, class, code, request_id, "GetCallerIdentity failed");
                self.failures.fetch_add(1, Ordering::Relaxed);
                *failed = Some(error.again());
                Err(error)
            }
        }
    }
}

impl<K: KeySource> CredentialsSource for VerifiedCredentials<K> {
    async fn credentials(&self, guard: &dyn LeaseGuard) -> Result<(Arc<Credentials>, Identity), Error> {
        let key = self.keys.current().await?;
        let identity = match self.verdict(&key) {
            Some(verdict) => verdict?,
            None => self.ask(&key, guard).await?,
        };
        Ok((key, identity))
    }

    fn expired(&self, credentials: &Arc<Credentials>) {
        self.keys.expired(credentials);
    }
}

#[cfg(test)]
mod tests {
    use keeper_core::id::Region;

    use super::*;
    use crate::endpoint::Network;
    use crate::transport::Timeouts;

    #[derive(Debug)]
    struct NoKey;

    impl KeySource for NoKey {
        async fn current(&self) -> Result<Arc<Credentials>, Error> {
            Err(no_key())
        }

        fn expired(&self, _key: &Arc<Credentials>) {}
    }

    fn pinned(region: &str, network: Network) -> VerifiedCredentials<NoKey> {
        let transport = Transport::new(Timeouts::default()).unwrap();
        let endpoints = Endpoints::of_region(&Region::new(region), network).unwrap();
        VerifiedCredentials::new(AccountName::new("a"), NoKey, Arc::default(), transport, endpoints)
    }

    /// What passes by itself says nothing of the service that was to be called; what is wrong with the key does.
    #[test]
    fn i29_what_sts_does_not_say_is_no_failure_of_another_service() {
        let refused = |code: &str| Error::refused(OPERATION, code.into(), "", 503, None, None);
        let silent = |code| Error::unanswered(OPERATION, code);
        let usual = pinned("cn-hangzhou", Network::Vpc);
        let outside = pinned("ap-south-1", Network::Vpc);
        let public = pinned("ap-south-1", Network::Public);
        for (error, class, class_outside) in [
            (silent(OwnCode::Timeout), Class::NoIdentity, Class::StsOutsideVpc),
            (silent(OwnCode::ConnectionFailed), Class::NoIdentity, Class::StsOutsideVpc),
            (silent(OwnCode::ConnectionLost), Class::NoIdentity, Class::StsOutsideVpc),
            // It was reached.
            (refused("ServiceUnavailable"), Class::NoIdentity, Class::NoIdentity),
            (refused("Throttling.User"), Class::NoIdentity, Class::NoIdentity),
            (refused("SignatureDoesNotMatch"), Class::Credentials, Class::Credentials),
            (refused("InvalidAccessKeyId.NotFound"), Class::Credentials, Class::Credentials),
            (refused("InvalidTimeStamp.Expired"), Class::Clock, Class::Clock),
            (refused("Forbidden.RAM"), Class::Permission, Class::Permission),
            (refused("Mystery"), Class::Unrecognized, Class::Unrecognized),
            // Nobody was asked.
            (silent(OwnCode::LeaseLost), Class::Transient, Class::Transient),
        ] {
            assert_eq!(usual.meaning(&error), class, "{error}");
            assert_eq!(public.meaning(&error), class, "{error}");
            assert_eq!(outside.meaning(&error), class_outside, "{error}");
        }
    }
}
