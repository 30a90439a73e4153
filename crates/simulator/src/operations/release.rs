//! DeleteInstance and DeleteInstances: the releases that protection stops.

use std::collections::BTreeSet;

use super::call::{Call, Done, once};
use super::honours::Honours;
use crate::state::{ChargeType, Effect, Instance, LockReason, ReleaseReason, Status, World};
use crate::wire::{Params, Refusal};

/// ForceStop says how a forced release stops the guest: at once, unless it is false.
const FORCE_STOP: (&str, &[&str]) = ("ForceStop", &["true"]);
pub(super) const ONE: Honours =
    Honours { any: &["DryRun", "Force", "InstanceId", "TerminateSubscription"], only: &[FORCE_STOP] };
pub(super) const MANY: Honours = Honours {
    any: &["ClientToken", "DryRun", "Force", "InstanceId.N", "RegionId", "TerminateSubscription"],
    only: &[FORCE_STOP],
};

/// How a release is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    pub(crate) force: bool,
    pub(crate) terminate_subscription: bool,
    /// A dry run doesn't look at protection: the vendor's pages list what it checks, and protection isn't in the
    /// list. A client that takes a dry run for a proof would be wrong.
    pub(crate) dry_run: bool,
}

impl Manner {
    fn parse(params: &Params) -> Result<Self, Refusal> {
        Ok(Self {
            force: params.flag("Force")?,
            terminate_subscription: params.flag("TerminateSubscription")?,
            dry_run: params.flag("DryRun")?,
        })
    }
}

/// Says why an instance can't be released, if it can't.
pub(crate) fn refuse_release(
    instance: &Instance,
    manner: Manner,
    now: jiff::Timestamp,
) -> Result<(), Refusal> {
    if instance.deletion_protection && !manner.dry_run {
        return Err(Refusal::new(
            403,
            "InvalidOperation.DeletionProtection",
            format!("The instance {} is under release protection.", instance.instance_id),
        ));
    }
    let expired = instance.expired_time.is_some_and(|end| end <= now);
    if instance.instance_charge_type == ChargeType::PrePaid && !(expired && manner.terminate_subscription) {
        return Err(Refusal::new(
            403,
            "ChargeTypeViolation",
            "A subscription that is running can't be released.",
        ));
    }
    if instance.locked_for(LockReason::Security) {
        return Err(Refusal::new(
            403,
            "InstanceLockedForSecurity",
            "The instance is locked for security reasons.",
        ));
    }
    match instance.status {
        Status::Pending => {
            Err(Refusal::new(403, "IncorrectInstanceStatus.Initializing", "The instance is being created."))
        }
        Status::Stopped => Ok(()),
        Status::Running if manner.force => Ok(()),
        Status::Running | Status::Starting | Status::Stopping => Err(Refusal::new(
            403,
            "IncorrectInstanceStatus",
            format!("An instance that is {} can't be released like this.", instance.status.as_str()),
        )),
    }
}

fn release(world: &mut World, call: &Call<'_>, id: &str) -> bool {
    call.effect != Effect::Ignored && world.release(&call.caller.account, id, ReleaseReason::Manual)
}

pub(crate) fn delete_instance(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let id = call.params.required("InstanceId")?;
    let manner = Manner::parse(call.params)?;
    let instance = world
        .find(&call.caller.account, id)
        .filter(|instance| call.reaches(&instance.region_id))
        .ok_or_else(|| Refusal::no_such_instance(id))?;
    refuse_release(instance, manner, call.now)?;
    if manner.dry_run {
        return Err(Refusal::new(400, "DryRunOperation", "The request would have passed."));
    }
    Ok(Done::write(release(world, call, id)))
}

/// All or none: whether the cloud releases some when one is refused isn't documented, and a client that counts on
/// either would be wrong.
pub(crate) fn delete_instances(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let region = call.region()?;
    let ids: BTreeSet<&str> = call.params.list("InstanceId").into_iter().collect();
    let manner = Manner::parse(call.params)?;
    if ids.is_empty() {
        return Err(Refusal::missing("InstanceId"));
    }
    if ids.len() > 100 {
        return Err(Refusal::new(403, "InvalidParameter.TooManyInstanceIds", "At most 100 ids in one call."));
    }
    once(world, call, "DeleteInstances", |world| {
        for id in &ids {
            let instance = world.find(&call.caller.account, id).ok_or_else(|| {
                Refusal::new(404, "InvalidInstanceIds.NotFound", format!("There is no instance {id}."))
            })?;
            if instance.region_id != region {
                return Err(Refusal::new(
                    400,
                    "InvalidParameter.CrossRegionNotSupport",
                    format!("The instance {id} is in another region."),
                ));
            }
            refuse_release(instance, manner, call.now)?;
        }
        if manner.dry_run {
            return Err(Refusal::new(400, "DRYRUN.SUCCESS", "The request would have passed."));
        }
        let released = ids.iter().filter(|id| release(world, call, id)).count();
        Ok(Done::write(released > 0))
    })
}
