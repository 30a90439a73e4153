//! CreateScalingGroup, ModifyScalingGroup, EnableScalingGroup, DisableScalingGroup and DeleteScalingGroup.

use serde_json::json;

use super::call::{Body, Call, Done, once};
use super::honours::Honours;
use super::scaling_call::{group, instance_ids, wrong_status};
use super::scaling_members::{attach_all, refuse_to_attach};
use super::texts;
use crate::state::{
    Effect, GroupState, HealthCheck, ReclaimMode, RemovalPolicy, ScalingGroup, Template, World, scaling,
};
use crate::wire::{Params, Refusal};

/// The simulator has groups of ECS instances, in one VPC, without load balancers and databases.
pub(super) const CREATE: Honours = Honours {
    any: &[
        "ClientToken",
        "DesiredCapacity",
        "GroupDeletionProtection",
        "HealthCheckType",
        "HealthCheckTypes.N",
        "InstanceId",
        "MaxSize",
        "MinSize",
        "RegionId",
        "RemovalPolicies.N",
        "ScalingGroupName",
        "ScalingPolicy",
    ],
    only: &[("GroupType", &["ECS"])],
};
pub(super) const MODIFY: Honours = Honours::any(&[
    "DesiredCapacity",
    "DisableDesiredCapacity",
    "GroupDeletionProtection",
    "HealthCheckType",
    "HealthCheckTypes.N",
    "MaxSize",
    "MinSize",
    "RemovalPolicies.N",
    "ScalingGroupId",
    "ScalingGroupName",
    "ScalingPolicy",
]);
pub(super) const ENABLE: Honours = Honours::any(&["InstanceIds.N", "RegionId", "ScalingGroupId"]);
pub(super) const DISABLE: Honours = Honours::any(&["ScalingGroupId"]);
pub(super) const DELETE: Honours = Honours::any(&["ForceDelete", "RegionId", "ScalingGroupId"]);

/// The most members that a group can have, after the sample answer of DescribeLimitation.
const LARGEST: u32 = 2_000;

/// What a call says of a group.
struct Wanted {
    name: Option<String>,
    min_size: Option<u32>,
    max_size: Option<u32>,
    desired_capacity: Option<u32>,
    without_desired_capacity: bool,
    group_deletion_protection: Option<bool>,
    health_check_types: Option<Vec<HealthCheck>>,
    removal_policies: Option<Vec<RemovalPolicy>>,
    scaling_policy: Option<ReclaimMode>,
}

impl Wanted {
    fn parse(params: &Params) -> Result<Self, Refusal> {
        let size = |name| texts::number(params, name, 0..=LARGEST);
        let checks = words(params, "HealthCheckTypes", HealthCheck::parse)?;
        Ok(Self {
            name: texts::group_name(params)?,
            min_size: size("MinSize")?,
            max_size: size("MaxSize")?,
            desired_capacity: size("DesiredCapacity")?,
            without_desired_capacity: params.flag("DisableDesiredCapacity")?,
            group_deletion_protection: params.boolean("GroupDeletionProtection")?,
            // Documented: the list is passed over where the one word is given.
            health_check_types: word(params, "HealthCheckType", HealthCheck::parse)?
                .map(|check| vec![check])
                .or(checks),
            removal_policies: words(params, "RemovalPolicies", RemovalPolicy::parse)?,
            scaling_policy: word(params, "ScalingPolicy", ReclaimMode::parse)?,
        })
    }

    fn apply(&self, group: &mut ScalingGroup) {
        fn set<T: Clone>(place: &mut T, value: Option<&T>) {
            if let Some(value) = value {
                place.clone_from(value);
            }
        }
        set(&mut group.scaling_group_name, self.name.as_ref());
        set(&mut group.min_size, self.min_size.as_ref());
        set(&mut group.max_size, self.max_size.as_ref());
        set(&mut group.group_deletion_protection, self.group_deletion_protection.as_ref());
        set(&mut group.health_check_types, self.health_check_types.as_ref());
        set(&mut group.removal_policies, self.removal_policies.as_ref());
        set(&mut group.scaling_policy, self.scaling_policy.as_ref());
        if self.without_desired_capacity {
            group.desired_capacity = None;
        } else if self.desired_capacity.is_some() {
            group.desired_capacity = self.desired_capacity;
        }
    }
}

fn word<T>(params: &Params, name: &str, parse: fn(&str) -> Option<T>) -> Result<Option<T>, Refusal> {
    params.get(name).map(|text| parse(text).ok_or_else(|| Refusal::invalid(name))).transpose()
}

fn words<T>(params: &Params, name: &str, parse: fn(&str) -> Option<T>) -> Result<Option<Vec<T>>, Refusal> {
    let words = params.list(name);
    let parsed: Result<Vec<T>, Refusal> =
        words.into_iter().map(|text| parse(text).ok_or_else(|| Refusal::invalid(name))).collect();
    Ok(Some(parsed?).filter(|parsed| !parsed.is_empty()))
}

/// Refuses sizes that don't fit each other, and a name that another group of the region has.
fn refuse(world: &World, call: &Call<'_>, group: &ScalingGroup) -> Result<(), Refusal> {
    if group.min_size > group.max_size {
        return Err(Refusal::invalid("MinSize"));
    }
    if group.desired_capacity.is_some_and(|desired| !(group.min_size..=group.max_size).contains(&desired)) {
        return Err(Refusal::invalid("DesiredCapacity"));
    }
    let state = world.accounts.get(&call.caller.account);
    let mut others = state.into_iter().flat_map(|state| state.scaling_groups.all()).filter(|other| {
        other.region_id == group.region_id && other.scaling_group_id != group.scaling_group_id
    });
    if others.any(|other| other.scaling_group_name == group.scaling_group_name) {
        return Err(Refusal::new(
            400,
            "InvalidScalingGroupName.Duplicate",
            "Another scaling group of the region has this name.",
        ));
    }
    Ok(())
}

/// A new group is switched off. It makes instances like the one that `InstanceId` names; without one it makes none.
pub(crate) fn create(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let region_id = call.region()?;
    let wanted = Wanted::parse(call.params)?;
    let min_size = wanted.min_size.ok_or_else(|| Refusal::missing("MinSize"))?;
    let max_size = wanted.max_size.ok_or_else(|| Refusal::missing("MaxSize"))?;
    let account = &call.caller.account;
    let template = match call.params.get("InstanceId") {
        None => None,
        Some(id) => {
            let instance = world.find(account, id).filter(|instance| instance.region_id == region_id);
            Some(Template::of(instance.ok_or_else(|| Refusal::no_such_instance(id))?))
        }
    };
    once(world, call, "CreateScalingGroup", |world| {
        let (number, creation_time) = (world.next(), world.now());
        let id = scaling::new_group_id(&region_id, number);
        let mut group = ScalingGroup {
            scaling_group_name: id.clone(),
            scaling_group_id: id,
            region_id,
            lifecycle_state: GroupState::Inactive,
            min_size,
            max_size,
            desired_capacity: None,
            group_deletion_protection: false,
            health_check_types: vec![HealthCheck::Ecs],
            removal_policies: RemovalPolicy::USUAL.to_vec(),
            scaling_policy: ReclaimMode::Release,
            template,
            creation_time,
        };
        wanted.apply(&mut group);
        refuse(world, call, &group)?;
        let id = group.scaling_group_id.clone();
        let mutated = call.effect != Effect::Ignored;
        if mutated {
            scaling::insert_group(world, account, group, call.effect);
        }
        Ok(Done { body: Body::Value(json!({ "ScalingGroupId": id })), mutated })
    })
}

/// Changes a group, which then makes or removes instances to be of its new size.
pub(crate) fn modify(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let group = group(world, call)?;
    let wanted = Wanted::parse(call.params)?;
    if group.lifecycle_state == GroupState::Deleting {
        return Err(wrong_status("The scaling group is being deleted."));
    }
    let mut changed = ScalingGroup::clone(&group);
    wanted.apply(&mut changed);
    refuse(world, call, &changed)?;
    let (account, id) = (&call.caller.account, &group.scaling_group_id);
    let changed = scaling::change_group(world, account, id, call.effect, |group| wanted.apply(group));
    if changed {
        scaling::balance(world, account, id);
        scaling::carry_on(world);
    }
    Ok(Done::write(changed))
}

/// A group that can't make instances must be given some.
pub(crate) fn enable(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let group = group(world, call)?;
    let ids = if call.params.list("InstanceIds").is_empty() { Vec::new() } else { instance_ids(call)? };
    if group.lifecycle_state != GroupState::Inactive {
        return Err(wrong_status("The scaling group is enabled already, or being deleted."));
    }
    if ids.is_empty() && group.template.is_none() {
        return Err(Refusal::missing("InstanceIds"));
    }
    refuse_to_attach(world, call, &group, &ids)?;
    let (account, id) = (&call.caller.account, &group.scaling_group_id);
    let changed = scaling::change_group(world, account, id, call.effect, |group| {
        group.lifecycle_state = GroupState::Active;
    });
    attach_all(world, call, &group, (&ids, false));
    if changed {
        scaling::balance(world, account, id);
        scaling::carry_on(world);
    }
    Ok(Done::write(changed))
}

pub(crate) fn disable(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let group = group(world, call)?;
    if group.lifecycle_state != GroupState::Active {
        return Err(wrong_status("The scaling group is not active."));
    }
    let (account, id) = (&call.caller.account, &group.scaling_group_id);
    let changed = scaling::change_group(world, account, id, call.effect, |group| {
        group.lifecycle_state = GroupState::Inactive;
    });
    Ok(Done::write(changed))
}

/// With force, a group goes with all its members, also the protected ones: the pages don't say that it spares them.
pub(crate) fn delete(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let group = group(world, call)?;
    let force = call.params.flag("ForceDelete")?;
    if group.lifecycle_state == GroupState::Deleting {
        return Err(wrong_status("The scaling group is being deleted."));
    }
    if group.group_deletion_protection {
        return Err(wrong_status("The scaling group is under deletion protection."));
    }
    let account = &call.caller.account;
    if !force && !scaling::members(world, account, &group).is_empty() {
        return Err(wrong_status("The scaling group has members: delete it with force."));
    }
    Ok(Done::write(scaling::delete_group(world, account, &group.scaling_group_id, call.effect)))
}
