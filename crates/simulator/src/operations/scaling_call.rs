//! What the operations of Auto Scaling have in common: they name a group, and up to twenty of its instances.

use std::sync::Arc;

use serde_json::json;

use super::call::{Body, Call, Done};
use crate::state::{GroupState, ScalingGroup, ScalingMember, World, scaling};
use crate::wire::Refusal;

/// At most so many instances in a call, after the metadata of the older version, 2014-08-28: the newer one gives no number.
const INSTANCES: usize = 20;

/// The group that a call names. Most of these operations have no RegionId: the endpoint alone says where it is.
pub(super) fn group(world: &World, call: &Call<'_>) -> Result<Arc<ScalingGroup>, Refusal> {
    let id = call.params.required("ScalingGroupId")?;
    let region = call.params.get("RegionId").map(|_| call.region()).transpose()?;
    scaling::group(world, &call.caller.account, id)
        .filter(|group| call.reaches(&group.region_id))
        .filter(|group| region.as_ref().is_none_or(|region| group.region_id == *region))
        .cloned()
        .ok_or_else(|| no_such_group(id))
}

pub(super) fn no_such_group(id: &str) -> Refusal {
    Refusal::new(404, "InvalidScalingGroupId.NotFound", format!("There is no scaling group {id} here."))
}

/// The group that a call names, which has to be active.
pub(super) fn active_group(world: &World, call: &Call<'_>) -> Result<Arc<ScalingGroup>, Refusal> {
    let group = group(world, call)?;
    if group.lifecycle_state == GroupState::Active {
        return Ok(group);
    }
    let state = group.lifecycle_state.as_str();
    Err(wrong_status(format!("The scaling group is {state}, and not active.")))
}

pub(super) fn wrong_status(text: impl Into<String>) -> Refusal {
    Refusal::new(400, "IncorrectScalingGroupStatus", text)
}

/// The members that came into a group or leave it at the moment keep it busy. That there must be no activity is documented
/// for RemoveInstances; it is read so for the other operations that change who is in a group.
pub(super) fn refuse_busy(world: &World, call: &Call<'_>, group: &ScalingGroup) -> Result<(), Refusal> {
    let busy = |member: &Arc<ScalingMember>| member.settles.is_some();
    if scaling::members(world, &call.caller.account, group).iter().any(busy) {
        return Err(Refusal::new(
            400,
            "ScalingActivityInProgress",
            "A scaling activity of the group is under way.",
        ));
    }
    Ok(())
}

/// `InstanceIds.N`.
pub(super) fn instance_ids(call: &Call<'_>) -> Result<Vec<String>, Refusal> {
    let mut ids: Vec<String> = call.params.list("InstanceIds").into_iter().map(str::to_owned).collect();
    ids.retain(|id| !id.is_empty());
    match ids.len() {
        0 => Err(Refusal::missing("InstanceIds")),
        1..=INSTANCES => Ok(ids),
        _ => Err(Refusal::invalid("InstanceIds")),
    }
}

/// A member of a group. One bad id fails the whole call.
pub(super) fn member(
    world: &World,
    call: &Call<'_>,
    group: &ScalingGroup,
    id: &str,
) -> Result<Arc<ScalingMember>, Refusal> {
    scaling::member(world, &call.caller.account, id)
        .filter(|member| member.scaling_group_id == group.scaling_group_id)
        .cloned()
        .ok_or_else(|| {
            let text = format!("The instance {id} is not in this scaling group.");
            Refusal::new(404, "InvalidInstanceId.NotFound", text)
        })
}

/// A member stands where an operation can't take it from. No page names a code for this; the vendor's Terraform provider
/// knows this one of operations of this product.
pub(super) fn wrong_state(member: &ScalingMember) -> Refusal {
    let text = format!("The instance {} is {}.", member.instance_id, member.lifecycle_state.as_str());
    Refusal::new(400, "IncorrectInstanceStatus", text)
}

/// The answer of an operation that begins an activity.
pub(super) fn activity(world: &mut World, mutated: bool) -> Done {
    let number = world.next();
    Done { body: Body::Value(json!({ "ScalingActivityId": format!("asa-sim{number:017}") })), mutated }
}
