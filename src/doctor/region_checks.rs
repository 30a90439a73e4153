//! The regions: whether their endpoints answer, and what the identity may read there. What it may write can't be told by reading.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use keeper_alicloud::{ATTRIBUTION_OPERATIONS, Always, Error, WireResource};
use keeper_core::call::{Query, ReadCall};
use keeper_core::failure::Class;
use keeper_core::instance::Instance;
use keeper_core::interface::Interface;
use keeper_core::scaling_member::ScalingMember;
use keeper_core::trail::{TrailQuery, TrailedFlag};
use tokio::time::Instant;

use super::finding::{Check, Findings, Level};
use crate::causes::told;
use crate::cloud::Cloud;
use crate::clouds::Clouds;
use crate::scope::Scope;
use crate::tls_trouble::TlsTrouble;

/// STS is asked whose a key is before that key is used.
const GET_CALLER_IDENTITY: &str = "GetCallerIdentity";

/// What it means that ActionTrail can't be asked.
const WITHOUT_ATTRIBUTION: &str = " Attribution says nothing; nothing else depends on it.";

/// The listings that not every operator needs.
#[derive(Debug, Clone, Copy)]
pub struct Asks {
    /// Whether an object asks for scale-in; `None`: nobody knows.
    pub members: Option<bool>,
    /// Whether ActionTrail is asked who has switched a flag off.
    pub trail: bool,
}

/// Examines one region of one account with five calls at most, one of them to STS.
pub async fn examine(clouds: &Clouds, scope: &Scope, asks: Asks, findings: &mut Findings) {
    let place = format!("{} (account {})", scope.region, scope.account);
    let (cloud, address) = match clouds.of(scope) {
        Ok(reach) => (reach.cloud, reach.address),
        Err(error) => {
            return findings.add(Level::Failure, Check::Endpoint, format!("{place}: {}", told(&error)));
        }
    };
    // With the first call come a connection and, from STS, whose the key is: the second one tells how fast the endpoint is.
    let instances = cloud.may_list_instances(&Always).await;
    let began = Instant::now();
    let interfaces = one_page::<Interface>(&cloud).await;
    let took = began.elapsed();
    let (level, check, message) = endpoint(&place, &address, took, [&instances, &interfaces]);
    findings.add(level, check, message);
    let mut permissions = Permissions { place, may: Vec::new(), findings };
    for (operation, answer) in [(Instance::READ.name(), instances), (Interface::READ.name(), interfaces)] {
        // What has no answer is told of the endpoint.
        if answer.as_ref().err().is_none_or(|error| error.http_status.is_some()) {
            permissions.take(operation, answer, Level::Failure, "");
        }
    }
    match asks.members {
        Some(true) => {
            let answer = one_page::<ScalingMember>(&cloud).await;
            permissions.take(ScalingMember::READ.name(), answer, Level::Failure, "");
        }
        Some(false) => {}
        None => permissions.unasked(ScalingMember::READ.name()),
    }
    if asks.trail {
        let [lookup] = ATTRIBUTION_OPERATIONS;
        match recent_events(&cloud).await {
            Some(answer) => permissions.take(lookup.name(), answer, Level::Warning, WITHOUT_ATTRIBUTION),
            None => permissions.without_endpoint(lookup.name()),
        }
    }
    permissions.close();
}

/// Asks ActionTrail for the calls of the last minute; `None`: nobody knows where to ask.
async fn recent_events(cloud: &Cloud) -> Option<Result<(), Error>> {
    if !cloud.knows_actiontrail() {
        return None;
    }
    let now = Timestamp::now();
    let query = TrailQuery {
        flag: TrailedFlag::DeletionProtection,
        target: None,
        from: now - SignedDuration::from_mins(1),
        until: now,
        page: None,
    };
    Some(cloud.events(&query, &Always).await.map(|_| ()))
}

/// Whether the cloud itself has answered one of two calls: what is between us and the cloud, such as a proxy, gives no id of a request.
fn endpoint(
    place: &str,
    address: &str,
    took: Duration,
    answers: [&Result<(), Error>; 2],
) -> (Level, Check, String) {
    let by_cloud = |answer: &&Result<(), Error>| match answer {
        Ok(()) => true,
        Err(error) => error.request_id.is_some() && error.operation != GET_CALLER_IDENTITY,
    };
    if answers.iter().any(by_cloud) {
        let message = format!("{place}: {address} answers in {} ms", took.as_millis());
        return (Level::Ok, Check::Endpoint, message);
    }
    let [Err(error), _] = answers else {
        return (Level::Unknown, Check::Endpoint, format!("{place}: {address} was not asked"));
    };
    let help = TlsTrouble::of(error).map(|trouble| format!(". {trouble}")).unwrap_or_default();
    (Level::Failure, Check::Endpoint, format!("{place}: {address}: {}{help}", told(error)))
}

async fn one_page<R: WireResource>(cloud: &Cloud) -> Result<(), Error> {
    cloud.read(&ReadCall::<R> { query: Query::Region, page: None }, &Always).await.map(|_| ())
}

/// What may be called in one region.
struct Permissions<'a> {
    place: String,
    may: Vec<&'static str>,
    findings: &'a mut Findings,
}

impl Permissions<'_> {
    /// `level`: how bad it is if the operation can't be called, and `effect` says what comes of that.
    fn take(&mut self, operation: &'static str, answer: Result<(), Error>, level: Level, effect: &str) {
        let Err(error) = answer else { return self.may.push(operation) };
        if error.operation == GET_CALLER_IDENTITY {
            // That is told of the endpoint, or of the account.
            return;
        }
        let place = &self.place;
        let (level, check, help) = match error.class {
            _ if error.http_status.is_none() => (level, Check::Endpoint, ""),
            Class::Permission => (
                level,
                Check::Permission,
                " Compare its policy with what ecs-keeper ram policy prints for this configuration (--config).",
            ),
            Class::Throttled => {
                (Level::Warning, Check::Throttling, " Others use up the quota of the account.")
            }
            class if class.heals_itself() => (Level::Warning, Check::Permission, " Try again."),
            _ => (level, Check::Permission, ""),
        };
        self.findings.add(level, check, format!("{place}: {}.{help}{effect}", told(&error)));
    }

    fn unasked(&mut self, operation: &'static str) {
        let message = format!(
            "{}: {operation} was not asked for: the objects that say whether it is needed were not read",
            self.place
        );
        self.findings.add(Level::Unknown, Check::Permission, message);
    }

    fn without_endpoint(&mut self, operation: &'static str) {
        let message = format!(
            "{}: attribution is not possible: no endpoint for {operation} is known in the region. Set \
             endpoints.regions[].actiontrail.",
            self.place
        );
        self.findings.add(Level::Warning, Check::Endpoint, message);
    }

    fn close(self) {
        if !self.may.is_empty() {
            let message = format!(
                "{}: may call {} (whether it may write can't be told by reading)",
                self.place,
                self.may.join(", ")
            );
            self.findings.add(Level::Ok, Check::Permission, message);
        }
    }
}
