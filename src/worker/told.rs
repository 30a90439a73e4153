//! What the log says of calls that have ended.

use std::sync::Arc;

use keeper_core::failure::Failure;
use keeper_core::id::{InstanceId, RequestId, ScalingGroupId};
use keeper_core::on_behalf::OnBehalf;
use tracing::{info, warn};

use crate::metrics::Sort;

/// What of a call is told in the log.
pub enum Told {
    ReadFailed(Failure),
    Written(WrittenFlag, Result<RequestId, Failure>),
    /// Of an automatic release time also what it was.
    Cancelled(InstanceId, Arc<str>, OnBehalf, Result<RequestId, Failure>),
    /// Of members of a scaling group, whether with the protected value.
    Members {
        group: ScalingGroupId,
        instances: Vec<InstanceId>,
        on_behalf: Vec<OnBehalf>,
        protected: bool,
        outcome: Result<RequestId, Failure>,
    },
    Attached {
        interface: String,
        instance: String,
        outcome: Result<RequestId, Failure>,
    },
}

/// A flag that was to be written, on whose behalf, and whether with its protected value.
pub struct WrittenFlag {
    pub name: &'static str,
    pub sort: Sort,
    pub target: String,
    pub on_behalf: OnBehalf,
    pub protected: bool,
}

impl Told {
    /// Says so in the log.
    pub fn log(&self) {
        match self {
            Self::ReadFailed(failure) => {
                let request_id = failure.request_id.as_ref().map(RequestId::as_str);
                warn!(
                    operation = failure.operation,
                    class = failure.class.as_str(),
                    code = &*failure.code,
                    request_id,
                    "{} failed",
                    failure.operation.unwrap_or("read")
                );
            }
            Self::Written(flag, outcome) => log_written(flag, outcome),
            Self::Cancelled(instance, was, on_behalf, outcome) => {
                log_cancelled(instance, was, on_behalf, outcome);
            }
            Self::Members { group, instances, on_behalf, protected, outcome } => {
                log_members(group, instances, (*protected, on_behalf), outcome);
            }
            Self::Attached { interface, instance, outcome: Ok(request_id) } => {
                let request_id = request_id.as_str();
                info!(network_interface = interface, instance, request_id, "attachment requested");
            }
            Self::Attached { interface, instance, outcome: Err(failure) } => {
                let (code, request_id) = (&*failure.code, failure.request_id.as_ref().map(RequestId::as_str));
                let operation = failure.operation;
                warn!(
                    network_interface = interface,
                    instance, operation, code, request_id, "attachment refused"
                );
            }
        }
    }
}

fn log_written(flag: &WrittenFlag, outcome: &Result<RequestId, Failure>) {
    // A field that is `None` is left out.
    let (instance, network_interface) = match flag.sort {
        Sort::Instance => (Some(&*flag.target), None),
        Sort::NetworkInterface => (None, Some(&*flag.target)),
        Sort::ScalingMember => (None, None),
    };
    let deletion_protection = instance.map(|_| flag.protected);
    let delete_on_release = network_interface.map(|_| !flag.protected);
    let OnBehalf { object, generation, reason } = &flag.on_behalf;
    let (namespace, name, reason) = (object.namespace(), object.name(), reason.as_str());
    match outcome {
        Ok(request_id) => info!(
            instance,
            deletion_protection,
            network_interface,
            delete_on_release,
            namespace,
            name,
            generation,
            reason,
            request_id = request_id.as_str(),
            "flag written"
        ),
        Err(failure) => warn!(
            instance,
            deletion_protection,
            network_interface,
            delete_on_release,
            namespace,
            name,
            generation,
            reason,
            operation = failure.operation,
            code = &*failure.code,
            request_id = failure.request_id.as_ref().map(RequestId::as_str),
            "failed to write flag"
        ),
    }
}

fn log_members(
    group: &ScalingGroupId,
    instances: &[InstanceId],
    (protected, on_behalf): (bool, &[OnBehalf]),
    outcome: &Result<RequestId, Failure>,
) {
    let (scaling_group, protected_from_scale_in) = (group.as_str(), protected);
    // Most calls are for one object.
    let mut objects: Vec<String> = on_behalf
        .iter()
        .map(|OnBehalf { object, generation, reason }| {
            format!("{}/{} generation {generation} {}", object.namespace(), object.name(), reason.as_str())
        })
        .collect();
    objects.sort();
    objects.dedup();
    match outcome {
        Ok(request_id) => info!(
            scaling_group,
            ?instances,
            protected_from_scale_in,
            ?objects,
            request_id = request_id.as_str(),
            "flag written"
        ),
        Err(failure) => warn!(
            scaling_group,
            ?instances,
            protected_from_scale_in,
            ?objects,
            operation = failure.operation,
            code = &*failure.code,
            request_id = failure.request_id.as_ref().map(RequestId::as_str),
            "failed to write flag"
        ),
    }
}

/// The cloud keeps no record of what the time was: the log does, whatever becomes of the Event.
fn log_cancelled(
    instance: &InstanceId,
    was: &str,
    OnBehalf { object, generation, reason }: &OnBehalf,
    outcome: &Result<RequestId, Failure>,
) {
    let (namespace, name, reason) = (object.namespace(), object.name(), reason.as_str());
    let (instance, auto_release_time) = (instance.as_str(), was);
    match outcome {
        Ok(request_id) => {
            info!(
                instance,
                auto_release_time,
                namespace,
                name,
                generation,
                reason,
                request_id = request_id.as_str(),
                "removal of automatic release time accepted"
            );
        }
        Err(failure) => warn!(
            instance,
            auto_release_time,
            namespace,
            name,
            generation,
            reason,
            operation = failure.operation,
            code = &*failure.code,
            request_id = failure.request_id.as_ref().map(RequestId::as_str),
            "failed to remove automatic release time"
        ),
    }
}
