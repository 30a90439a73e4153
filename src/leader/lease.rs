//! Reads and writes one Lease, and says nothing about what it means.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio::time::timeout;

use super::candidate::{Claim, RELEASED, Record, Sign, Written};
use crate::kubernetes::summary;

/// Why the Lease could not be read or written, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    pub what: String,
    /// The API server refuses us, and only a person can change that.
    pub refused: bool,
}

pub struct LeaseAccess {
    api: Api<Lease>,
    name: String,
    identity: String,
    duration: Duration,
    /// As it was seen last: what others keep in it is theirs.
    seen: Option<Lease>,
}

impl LeaseAccess {
    /// Access to the Lease of this name. Nothing is read or written yet.
    pub fn new(client: Client, namespace: &str, name: &str, identity: &str, duration: Duration) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            name: name.to_owned(),
            identity: identity.to_owned(),
            duration,
            seen: None,
        }
    }

    pub async fn look(&mut self, within: Duration) -> Result<Option<Record>, Trouble> {
        let found = bounded(within, self.api.get_opt(&self.name)).await?.map_err(|error| trouble(&error))?;
        self.seen = found;
        Ok(self.seen.as_ref().map(record))
    }

    pub async fn create(&mut self, claim: Claim, within: Duration) -> Result<Written, Trouble> {
        let spec = self.spec(LeaseSpec::default(), claim);
        self.make(spec, within).await
    }

    async fn make(&mut self, spec: LeaseSpec, within: Duration) -> Result<Written, Trouble> {
        let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
        let lease = Lease { metadata, spec: Some(spec) };
        let made = bounded(within, self.api.create(&PostParams::default(), &lease)).await?;
        match made {
            Err(kube::Error::Api(status)) if status.is_not_found() => {
                let what = "its namespace does not exist; check --namespace".to_owned();
                Err(Trouble { what, refused: true })
            }
            made => self.stands(made),
        }
    }

    /// Makes it anew, held by nobody: everybody waits for a whole span from when they see it.
    pub async fn restore(&mut self, transitions: i32, within: Duration) -> Result<Written, Trouble> {
        let spec = LeaseSpec {
            lease_duration_seconds: Some(whole_seconds(self.duration)),
            lease_transitions: Some(transitions),
            renew_time: Some(MicroTime(Timestamp::now())),
            ..LeaseSpec::default()
        };
        self.make(spec, within).await
    }

    pub async fn replace(
        &mut self,
        version: &str,
        claim: Claim,
        within: Duration,
    ) -> Result<Written, Trouble> {
        let mut lease = self.seen.clone().unwrap_or_default();
        lease.metadata.resource_version = Some(version.to_owned());
        lease.metadata.managed_fields = None;
        lease.spec = Some(self.spec(lease.spec.unwrap_or_default(), claim));
        let replaced = bounded(within, self.api.replace(&self.name, &PostParams::default(), &lease)).await?;
        self.stands(replaced)
    }

    /// Empties the holder, if that is this replica, so that nobody has to wait. Whether it was.
    pub async fn release(&mut self, within: Duration) -> Result<bool, Trouble> {
        let found = self.look(within).await?;
        if found.is_none_or(|record| record.sign.holder != self.identity) {
            return Ok(false);
        }
        let mut lease = self.seen.clone().unwrap_or_default();
        lease.metadata.managed_fields = None;
        lease.spec = lease.spec.map(|spec| LeaseSpec {
            holder_identity: None,
            lease_duration_seconds: Some(whole_seconds(RELEASED)),
            renew_time: Some(MicroTime(Timestamp::now())),
            ..spec
        });
        let replaced = bounded(within, self.api.replace(&self.name, &PostParams::default(), &lease)).await?;
        Ok(matches!(self.stands(replaced)?, Written::Stands(_)))
    }

    fn spec(&self, old: LeaseSpec, claim: Claim) -> LeaseSpec {
        // For people alone. What decides is told by a monotonic clock.
        let now = MicroTime(Timestamp::now());
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: Some(whole_seconds(self.duration)),
            lease_transitions: Some(claim.transitions),
            acquire_time: if claim.takes { Some(now.clone()) } else { old.acquire_time.clone() },
            renew_time: Some(now),
            ..old
        }
    }

    fn stands(&mut self, answer: Result<Lease, kube::Error>) -> Result<Written, Trouble> {
        match answer {
            Ok(lease) => {
                let record = record(&lease);
                self.seen = Some(lease);
                Ok(Written::Stands(record))
            }
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_not_found() => {
                Ok(Written::Overtaken)
            }
            Err(error) => Err(trouble(&error)),
        }
    }
}

fn record(lease: &Lease) -> Record {
    let spec = lease.spec.clone().unwrap_or_default();
    let duration = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    Record {
        version: lease.metadata.resource_version.clone().unwrap_or_default(),
        sign: Sign {
            holder: spec.holder_identity.unwrap_or_default(),
            duration: duration.map(Duration::from_secs),
            transitions: spec.lease_transitions.unwrap_or_default(),
            renewed: spec.renew_time.map(|time| time.0.to_string()),
        },
    }
}

/// The span as a Lease has it: whole seconds, rather more than less.
pub fn whole_seconds(span: Duration) -> i32 {
    let seconds = span.as_secs() + u64::from(span.subsec_nanos() > 0);
    i32::try_from(seconds).unwrap_or(i32::MAX).max(1)
}

async fn bounded<T>(
    within: Duration,
    call: impl Future<Output = Result<T, kube::Error>>,
) -> Result<Result<T, kube::Error>, Trouble> {
    let late = |_| Trouble { what: "the API server did not answer in time".to_owned(), refused: false };
    timeout(within, call).await.map_err(late)
}

fn trouble(error: &kube::Error) -> Trouble {
    let refused = matches!(error, kube::Error::Api(status) if matches!(status.code, 401 | 403));
    Trouble { what: summary(error), refused }
}
