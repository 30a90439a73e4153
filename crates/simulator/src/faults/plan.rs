//! What the rules in force do to one call.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::rule::Fault;
use crate::state::{Effect, Ending, NetworkInterface};
use crate::wire::Refusal;

/// Answers that are given instead of carrying a call out.
#[derive(Clone, Debug)]
pub(crate) enum Instead {
    Refuse(Refusal),
    Answer { status: u16, content_type: String, body: String },
    Drop,
    Deny { always_forbidden: bool },
}

/// Which items of an answer a fault means. What isn't said is any.
#[derive(Clone, Debug, Default)]
pub(crate) struct Target {
    pub(crate) instance_id: Option<String>,
    pub(crate) network_interface_id: Option<String>,
}

impl Target {
    pub(crate) fn is_instance(&self, id: &str) -> bool {
        self.instance_id.as_deref().is_none_or(|instance| instance == id)
    }

    pub(crate) fn is_interface(&self, id: &str) -> bool {
        self.network_interface_id.as_deref().is_none_or(|interface| interface == id)
    }
}

/// A change of a member in an answer.
#[derive(Clone, Debug)]
pub(crate) struct OddField {
    pub(crate) target: Target,
    pub(crate) path: String,
    /// None takes the member away.
    pub(crate) value: Option<Value>,
}

/// What is done to the pages of a listing.
#[derive(Clone, Debug, Default)]
pub(crate) struct PageFaults {
    pub(crate) items: Option<u32>,
    pub(crate) skip: u32,
    pub(crate) repeat: u32,
    pub(crate) hidden: Vec<Target>,
    pub(crate) odd: Vec<OddField>,
}

impl PageFaults {
    /// Whether an instance is left out. A rule that names an interface means only that interface.
    pub(crate) fn hides_instance(&self, id: &str) -> bool {
        self.hidden.iter().any(|target| target.network_interface_id.is_none() && target.is_instance(id))
    }

    /// Whether an interface is left out of the list that an instance shows.
    pub(crate) fn hides_interface_of(&self, instance: &str, interface: &NetworkInterface) -> bool {
        let id = &interface.network_interface_id;
        self.hidden
            .iter()
            .any(|target| target.network_interface_id.as_ref() == Some(id) && target.is_instance(instance))
    }

    /// Whether an interface is left out of a listing of interfaces. A rule that names an instance means all of its
    /// interfaces.
    pub(crate) fn hides_interface(&self, interface: &NetworkInterface) -> bool {
        let instance = interface.instance_id.as_deref().unwrap_or_default();
        let id = &interface.network_interface_id;
        self.hidden.iter().any(|target| target.is_interface(id) && target.is_instance(instance))
    }
}

/// All that happens to one call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) latency: Duration,
    pub(crate) instead: Option<Instead>,
    pub(crate) effect: Effect,
    pub(crate) lose_answer: bool,
    /// How the asynchronous part of the call ends.
    pub(crate) ending: Ending,
    pub(crate) page: PageFaults,
}

impl Plan {
    pub(super) fn add(&mut self, fault: Fault, target: Target, chance: &mut impl FnMut() -> u64) {
        match fault {
            Fault::Latency { millis, jitter_millis } => {
                let jitter = if jitter_millis == 0 { 0 } else { chance() % (jitter_millis + 1) };
                self.latency += Duration::from_millis(millis + jitter);
            }
            Fault::DropAfter => self.lose_answer = true,
            Fault::Ignore => self.effect = Effect::Ignored,
            Fault::Delay { millis, reads } => {
                self.effect = Effect::Delayed { time: millis.map(Duration::from_millis), reads };
            }
            Fault::ShortPages { items } => self.page.items = Some(items),
            Fault::MovingPages { skip, repeat } => {
                self.page.skip = skip;
                self.page.repeat = repeat;
            }
            Fault::FailLater => self.ending = Ending::Failure,
            Fault::Hide => self.page.hidden.push(target),
            Fault::OddField { path, value, remove } => {
                self.page.odd.push(OddField { target, path, value: (!remove).then_some(value) });
            }
            Fault::Throttle { .. }
            | Fault::RateLimit { .. }
            | Fault::Error { .. }
            | Fault::Answer { .. }
            | Fault::DropBefore
            | Fault::Deny { .. } => {}
        }
    }
}

/// What a fault that decides a call's answer gives instead of it.
pub(super) fn instead(fault: Fault, now: Timestamp) -> Option<Instead> {
    let throttled = |code: Option<String>, retry_after: Option<u64>| {
        let code = code.unwrap_or_else(|| "Throttling".to_owned());
        let refusal = Refusal::new(400, code, "Too many calls: wait.");
        Instead::Refuse(match retry_after {
            Some(millis) => refusal.retry_after(millis),
            None => refusal,
        })
    };
    Some(match fault {
        Fault::Throttle { code, retry_after_millis } => throttled(code, retry_after_millis),
        Fault::RateLimit { .. } => {
            let into_minute = now.as_millisecond().rem_euclid(60_000).unsigned_abs();
            throttled(Some("Throttling.User".to_owned()), Some(60_000 - into_minute))
        }
        Fault::Error { code, status, message } => {
            let status = status.unwrap_or_else(|| documented_status(&code));
            let message = message.unwrap_or_else(|| format!("The simulator was told to answer {code}."));
            Instead::Refuse(Refusal::new(status, code, message))
        }
        Fault::Answer { status, content_type, body } => Instead::Answer { status, content_type, body },
        Fault::DropBefore => Instead::Drop,
        Fault::Deny { always_forbidden } => Instead::Deny { always_forbidden },
        _ => return None,
    })
}

/// The HTTP status that the vendor's pages give for a code, where they give one that isn't 400.
fn documented_status(code: &str) -> u16 {
    match code {
        "InternalError" => 500,
        "ServiceUnavailable" => 503,
        "IdempotentParameterMismatch"
        | "InvalidChargeType.ValueNotSupported"
        | "InvalidEniState"
        | "LastTokenProcessing"
        | "IncorrectInstanceStatus"
        | "IncorrectInstanceStatus.Initializing"
        | "InstanceLockedForSecurity"
        | "InvalidOperation.DeletionProtection"
        | "InvalidOperation.InvalidRegion"
        | "InvalidUser.Unauthorized"
        | "Operation.Conflict"
        | "OperationDenied"
        | "EniPerInstanceLimitExceeded"
        | "MaxEniCountExceeded"
        | "SecurityGroupInstanceLimitExceed"
        | "InvalidOperation.AvailabilityZoneMismatch"
        | "InvalidOperation.VpcMismatch"
        | "InvalidOperation.InvalidEniType"
        | "InvalidOperation.EniServiceManaged"
        | "InvalidOperation.ResourceManagedByCloudProduct"
        | "InvalidOperation.HotPlugNotSupport"
        | "InvalidOperation.EniLinked"
        | "InvalidOperation.Ipv4CountExceeded"
        | "InvalidOperation.Ipv6NotSupport"
        | "NoPermission" => 403,
        "EntityNotExist.Role"
        | "InvalidInstanceStatus.NeedRestart"
        | "InvalidOperation.PrimaryEniOnlySupportModifyNameAndDesc" => 404,
        "Forbidden.RegionId" => 400,
        _ if code.starts_with("AuthenticationFail.") => 401,
        _ if code.starts_with("Forbidden.") => 403,
        _ if code.ends_with(".NotFound") => 404,
        _ => 400,
    }
}
