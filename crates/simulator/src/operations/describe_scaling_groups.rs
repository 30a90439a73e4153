//! DescribeScalingGroups.

use serde_json::{Value, json};

use super::call::{Call, Done};
use super::honours::Honours;
use super::listing::{self, Largest};
use crate::clock::to_the_minute;
use crate::faults::PageFaults;
use crate::state::{GroupState, LifecycleState, Mark, ScalingGroup, SpotStrategy, World, scaling};
use crate::wire::{Params, Refusal};

/// The simulator's groups have neither tags nor a resource group.
pub(super) const HONOURS: Honours = Honours {
    any: &[
        "PageNumber",
        "PageSize",
        "RegionId",
        "ScalingGroupIds.N",
        "ScalingGroupName",
        "ScalingGroupNames.N",
    ],
    only: &[("GroupType", &["ECS"])],
};

const LARGEST: Largest = Largest { by_token: 50, by_number: 50 };
/// Lists hold at most so many values, after the metadata of the older version.
const LIST: usize = 20;

struct Filter {
    ids: Option<Vec<String>>,
    names: Vec<String>,
    name: Option<String>,
}

impl Filter {
    fn parse(params: &Params) -> Result<Self, Refusal> {
        let list = |name: &str| {
            let values: Vec<String> = params.list(name).into_iter().map(str::to_owned).collect();
            if values.len() > LIST { Err(Refusal::invalid(name)) } else { Ok(values) }
        };
        Ok(Self {
            ids: Some(list("ScalingGroupIds")?).filter(|ids| !ids.is_empty()),
            names: list("ScalingGroupNames")?,
            name: params.get("ScalingGroupName").map(str::to_owned),
        })
    }
}

impl listing::Filter<ScalingGroup> for Filter {
    fn ids(&self) -> Option<&[String]> {
        self.ids.as_deref()
    }

    fn mark(&self) -> Option<Mark> {
        None
    }

    fn is_capped(&self) -> bool {
        false
    }

    fn hidden(&self, _: &ScalingGroup, _: &PageFaults) -> bool {
        false
    }

    fn matches(&self, group: &ScalingGroup) -> bool {
        let listed = self.ids.is_some() || !self.names.is_empty();
        // Documented: groups that aren't active are left out where they are asked for by a list.
        !(listed && group.lifecycle_state == GroupState::Inactive)
            && (self.names.is_empty() || self.names.contains(&group.scaling_group_name))
            && self.name.as_ref().is_none_or(|name| *name == group.scaling_group_name)
    }
}

pub(crate) fn run(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let region = call.region()?;
    let filter = Filter::parse(call.params)?;
    let account = &call.caller.account;
    let page = listing::page(world, call, (&region, &filter, LARGEST), |world| {
        Some(&mut world.accounts.get_mut(account)?.scaling_groups)
    })?;
    let items: Vec<Value> = page.items.iter().map(|group| item(world, account, group)).collect();
    Ok(Done::answer(json!({
        "TotalCount": page.total,
        "PageNumber": page.number,
        "PageSize": page.size,
        "ScalingGroups": items,
    })))
}

fn item(world: &World, account: &str, group: &ScalingGroup) -> Value {
    let members = scaling::members(world, account, group);
    let count =
        |state: LifecycleState| members.iter().filter(|member| member.lifecycle_state == state).count();
    let spot = members.iter().filter(|member| member.spot_strategy != SpotStrategy::NoSpot).count();
    let checks: Vec<_> = group.health_check_types.iter().map(|check| check.as_str()).collect();
    let policies: Vec<_> = group.removal_policies.iter().map(|policy| policy.as_str()).collect();
    let mut shown = json!({
        "ScalingGroupId": group.scaling_group_id,
        "ScalingGroupName": group.scaling_group_name,
        "RegionId": group.region_id,
        "GroupType": "ECS",
        "LifecycleState": group.lifecycle_state.as_str(),
        "GroupDeletionProtection": group.group_deletion_protection,
        "HealthCheckType": checks.first(),
        "HealthCheckTypes": checks,
        "ScalingPolicy": group.scaling_policy.as_str(),
        "MinSize": group.min_size,
        "MaxSize": group.max_size,
        "EnableDesiredCapacity": group.desired_capacity.is_some(),
        "TotalCapacity": members.len(),
        "TotalInstanceCount": members.len(),
        "ActiveCapacity": count(LifecycleState::InService),
        "ProtectedCapacity": count(LifecycleState::Protected),
        "StandbyCapacity": count(LifecycleState::Standby),
        "RemovingCapacity": count(LifecycleState::Removing),
        "RemovingWaitCapacity": count(LifecycleState::RemovingWait),
        "PendingCapacity": count(LifecycleState::Pending),
        "PendingWaitCapacity": count(LifecycleState::PendingWait),
        "StoppedCapacity": count(LifecycleState::Stopped),
        "SpotCapacity": spot,
        "RemovalPolicies": policies,
        "SystemSuspended": false,
        "SpotInstanceRemedy": false,
        "AutoRebalance": false,
        "CreationTime": to_the_minute(group.creation_time),
    });
    if let (Some(desired), Value::Object(members)) = (group.desired_capacity, &mut shown) {
        members.insert("DesiredCapacity".to_owned(), desired.into());
    }
    shown
}
