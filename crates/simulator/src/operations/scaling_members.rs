//! The operations on instances of a group that aren't about protection: they come, go, are set aside and called ill.

use std::sync::Arc;

use serde_json::json;

use super::call::{Body, Call, Done, once};
use super::honours::Honours;
use super::scaling_call::{active_group, activity, instance_ids, member, refuse_busy, wrong_state};
use crate::state::{
    ChargeType, CreationType, Effect, HealthStatus, Joining, Leaving, LifecycleState, ScalingGroup,
    ScalingMember, Status, World, scaling,
};
use crate::wire::Refusal;

/// The simulator has no lifecycle hooks, which these operations then don't trigger, and no load balancers.
const NO_HOOK: (&str, &[&str]) = ("LifecycleHook", &["false"]);
pub(super) const ATTACH: Honours = Honours {
    any: &["ClientToken", "Entrusted", "InstanceIds.N", "RegionId", "ScalingGroupId"],
    only: &[NO_HOOK],
};
pub(super) const DETACH: Honours = Honours {
    any: &[
        "ClientToken",
        "DecreaseDesiredCapacity",
        "IgnoreInvalidInstance",
        "InstanceIds.N",
        "ScalingGroupId",
    ],
    only: &[("DetachOption", &["both"]), NO_HOOK],
};
pub(super) const REMOVE: Honours = Honours::any(&[
    "ClientToken",
    "DecreaseDesiredCapacity",
    "IgnoreInvalidInstance",
    "InstanceIds.N",
    "RegionId",
    "RemovePolicy",
    "ScalingGroupId",
]);
const AT_ONCE: &[(&str, &[&str])] = &[("Async", &["false"])];
pub(super) const ENTER_STANDBY: Honours =
    Honours { any: &["ClientToken", "InstanceIds.N", "ScalingGroupId"], only: AT_ONCE };
pub(super) const EXIT_STANDBY: Honours =
    Honours { any: &["ClientToken", "InstanceIds.N", "RegionId", "ScalingGroupId"], only: AT_ONCE };
pub(super) const HEALTH: Honours = Honours::any(&["HealthStatus", "InstanceId"]);

/// Refuses more members than a group may have.
pub(super) fn refuse_too_many(
    world: &World,
    call: &Call<'_>,
    group: &ScalingGroup,
    more: usize,
) -> Result<(), Refusal> {
    let members = scaling::members(world, &call.caller.account, group).len();
    if members + more > usize::try_from(group.max_size).unwrap_or(usize::MAX) {
        return Err(Refusal::new(
            400,
            "IncorrectCapacity.MaxSize",
            "The group would have more members than its MaxSize.",
        ));
    }
    Ok(())
}

/// Refuses instances that can't be added to a group: the pages of AttachInstances and EnableScalingGroup have the list.
pub(super) fn refuse_to_attach(
    world: &World,
    call: &Call<'_>,
    group: &ScalingGroup,
    ids: &[String],
) -> Result<(), Refusal> {
    let account = &call.caller.account;
    for id in ids {
        let instance = world
            .find(account, id)
            .filter(|instance| instance.region_id == group.region_id)
            .ok_or_else(|| Refusal::no_such_instance(id))?;
        if instance.status != Status::Running || scaling::member(world, account, id).is_some() {
            let text = format!("The instance {id} doesn't run, or is in a scaling group.");
            return Err(Refusal::new(400, "IncorrectInstanceStatus", text));
        }
        if call.params.flag("Entrusted")? && instance.instance_charge_type == ChargeType::PrePaid {
            return Err(Refusal::invalid("Entrusted"));
        }
    }
    refuse_too_many(world, call, group, ids.len())
}

/// Adds instances to a group.
pub(super) fn attach_all(
    world: &mut World,
    call: &Call<'_>,
    group: &ScalingGroup,
    (ids, entrusted): (&[String], bool),
) -> bool {
    let joining = Joining {
        creation_type: CreationType::Attached,
        entrusted,
        lifecycle_state: LifecycleState::Pending,
    };
    let mut changed = false;
    for id in ids {
        let place = (group.scaling_group_id.as_str(), id.as_str());
        changed |= scaling::join(world, &call.caller.account, place, joining, call.effect);
    }
    scaling::carry_on(world);
    changed
}

pub(crate) fn attach(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let ids = instance_ids(call)?;
    let entrusted = call.params.flag("Entrusted")?;
    once(world, call, "AttachInstances", |world| {
        let group = active_group(world, call)?;
        refuse_busy(world, call, &group)?;
        refuse_to_attach(world, call, &group, &ids)?;
        let id = &group.scaling_group_id;
        let more = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        let changed = attach_all(world, call, &group, (&ids, entrusted));
        // Documented: the number that is wanted grows with the instances that are added.
        scaling::change_group(world, &call.caller.account, id, call.effect, |group| {
            group.desired_capacity = group.desired_capacity.map(|desired| desired.saturating_add(more));
        });
        Ok(activity(world, changed))
    })
}

/// Takes members out of a group by name. That they are protected, or their instances, makes no difference.
fn take_out(
    world: &mut World,
    call: &Call<'_>,
    ids: &[String],
    fate: impl Fn(&ScalingGroup, &ScalingMember) -> Leaving,
) -> Result<Done, Refusal> {
    let account = &call.caller.account;
    let group = active_group(world, call)?;
    refuse_busy(world, call, &group)?;
    let lenient = call.params.flag("IgnoreInvalidInstance")?;
    let (mut known, mut ignored) = (Vec::new(), Vec::new());
    for id in ids {
        match member(world, call, &group, id) {
            Ok(_) => known.push(id.clone()),
            Err(refusal) if lenient => ignored.push(json!({
                "InstanceId": id,
                "Code": refusal.code,
                "Message": refusal.message,
            })),
            Err(refusal) => return Err(refusal),
        }
    }
    // Documented of RemoveInstances, and of DetachInstances too.
    let left = scaling::members(world, account, &group).len().saturating_sub(known.len());
    let fewer = call.params.boolean("DecreaseDesiredCapacity")? != Some(false);
    if left < usize::try_from(group.min_size).unwrap_or(usize::MAX) {
        return Err(Refusal::new(
            400,
            "IncorrectCapacity.MinSize",
            "The group would have fewer members than its MinSize.",
        ));
    }
    let changed = scaling::leave(world, account, &known, |member| fate(&group, member), call.effect);
    if fewer && call.effect != Effect::Ignored {
        scaling::want_fewer(world, account, &group.scaling_group_id, known.len());
    }
    scaling::carry_on(world);
    let mut done = activity(world, changed);
    if let Body::Value(answer) = &mut done.body
        && !ignored.is_empty()
    {
        answer["IgnoredInstances"] = ignored.into();
    }
    Ok(done)
}

/// Members that the group made, or was given, are released, or stopped where both the group and the call want it so.
pub(crate) fn remove(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let ids = instance_ids(call)?;
    let recycles = match call.params.get("RemovePolicy") {
        None | Some("release") => false,
        Some("recycle") => true,
        Some(_) => return Err(Refusal::invalid("RemovePolicy")),
    };
    once(world, call, "RemoveInstances", |world| {
        take_out(world, call, &ids, |group, member| match member.fate() {
            Leaving::Release if recycles && group.scaling_policy.keeps() => Leaving::Stop,
            fate => fate,
        })
    })
}

/// Nothing is released.
pub(crate) fn detach(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let ids = instance_ids(call)?;
    once(world, call, "DetachInstances", |world| take_out(world, call, &ids, |_, _| Leaving::Out))
}

fn set_aside(
    world: &mut World,
    call: &Call<'_>,
    (from, to): (&[LifecycleState], LifecycleState),
) -> Result<Done, Refusal> {
    let ids = instance_ids(call)?;
    let group = active_group(world, call)?;
    for id in &ids {
        let member = member(world, call, &group, id)?;
        if !from.contains(&member.lifecycle_state) {
            return Err(wrong_state(&member));
        }
    }
    let mut changed = false;
    for id in &ids {
        changed |= scaling::change_member(world, &call.caller.account, id, call.effect, |member| {
            member.lifecycle_state = to;
        });
    }
    Ok(activity(world, changed))
}

/// Whether a protected member can be set aside isn't documented: it can't.
pub(crate) fn enter_standby(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let change = (&[LifecycleState::InService][..], LifecycleState::Standby);
    once(world, call, "EnterStandby", |world| set_aside(world, call, change))
}

pub(crate) fn exit_standby(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let change = (&[LifecycleState::Standby][..], LifecycleState::InService);
    once(world, call, "ExitStandby", |world| set_aside(world, call, change))
}

/// The health check looks at once. It leaves protected members and those on standby alone, as documented.
pub(crate) fn set_health(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let id = call.params.required("InstanceId")?;
    let text = call.params.required("HealthStatus")?;
    let health = HealthStatus::parse(text).ok_or_else(|| Refusal::invalid("HealthStatus"))?;
    let account = &call.caller.account;
    let member: Arc<ScalingMember> = scaling::member(world, account, id)
        .filter(|member| call.reaches(&member.region_id))
        .cloned()
        .ok_or_else(|| Refusal::no_such_instance(id))?;
    let changed =
        scaling::change_member(world, account, id, call.effect, |member| member.health_status = health);
    if changed {
        scaling::check_health(world, account, &member.scaling_group_id);
    }
    Ok(Done::write(changed))
}
