//! SetInstancesProtection: keeps instances of one group from scale-in, or gives them up to it.

use super::call::{Call, Done};
use super::honours::Honours;
use super::scaling_call::{active_group, instance_ids, member, wrong_state};
use crate::state::{LifecycleState, World, scaling};
use crate::wire::Refusal;

/// There is no RegionId, and none is looked at.
pub(super) const HONOURS: Honours =
    Honours::any(&["InstanceIds.N", "ProtectedFromScaleIn", "ScalingGroupId"]);

/// All or none: whether the cloud protects some when one is refused isn't documented.
pub(crate) fn run(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let ids = instance_ids(call)?;
    call.params.required("ProtectedFromScaleIn")?;
    let protect = call.params.flag("ProtectedFromScaleIn")?;
    let group = active_group(world, call)?;
    for id in &ids {
        let member = member(world, call, &group, id)?;
        if !member.lifecycle_state.is_settled() {
            return Err(wrong_state(&member));
        }
    }
    let state = if protect { LifecycleState::Protected } else { LifecycleState::InService };
    let mut changed = false;
    for id in &ids {
        changed |= scaling::change_member(world, &call.caller.account, id, call.effect, |member| {
            member.lifecycle_state = state;
        });
    }
    Ok(Done::write(changed))
}
