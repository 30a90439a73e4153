//! DescribeScalingInstances: the members of scaling groups, in pages by number, which are no snapshot.

use super::call::{Body, Call, Done};
use super::honours::Honours;
use super::listing::{self, Filter as _, Largest};
use super::scaling_call::no_such_group;
use super::scaling_page::ScalingPage;
use crate::faults::PageFaults;
use crate::state::{
    CreationType, HealthStatus, LifecycleState, Mark, ScalingMember, SpotStrategy, World, scaling,
};
use crate::wire::{Params, Refusal};

/// The simulator has neither scaling configurations nor a record of activities to look for.
pub(super) const HONOURS: Honours = Honours::any(&[
    "CreationType",
    "CreationTypes.N",
    "HealthStatus",
    "InstanceIds.N",
    "LifecycleState",
    "LifecycleStates.N",
    "PageNumber",
    "PageSize",
    "RegionId",
    "ScalingGroupId",
]);

/// There are no tokens.
const LARGEST: Largest = Largest { by_token: 100, by_number: 100 };
/// The page gives no limit. Every other list of ids of this product stops here.
const INSTANCES: usize = 20;

/// All filters of a call.
struct Filter {
    ids: Option<Vec<String>>,
    group: Option<String>,
    states: Vec<LifecycleState>,
    /// None is for members outside the cloud, of which there are none.
    creation_types: Vec<Option<CreationType>>,
    health: Option<HealthStatus>,
}

impl Filter {
    fn parse(params: &Params) -> Result<Self, Refusal> {
        let mut ids: Vec<String> = params.list("InstanceIds").into_iter().map(str::to_owned).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.len() > INSTANCES {
            return Err(Refusal::invalid("InstanceIds"));
        }
        Ok(Self {
            ids: Some(ids).filter(|ids| !ids.is_empty()),
            group: params.get("ScalingGroupId").map(str::to_owned),
            states: one_or_many(params, ("LifecycleState", "LifecycleStates"), LifecycleState::parse)?,
            creation_types: one_or_many(params, ("CreationType", "CreationTypes"), creation_type)?,
            health: params
                .get("HealthStatus")
                .map(|word| HealthStatus::parse(word).ok_or_else(|| Refusal::invalid("HealthStatus")))
                .transpose()?,
        })
    }
}

/// The vendor's third word is for members outside the cloud.
#[expect(clippy::option_option, reason = "no word, a word without members, a word with some")]
fn creation_type(word: &str) -> Option<Option<CreationType>> {
    if word == "Managed" { Some(None) } else { CreationType::parse(word).map(Some) }
}

/// Words that are given as one or as a list, but not as both.
fn one_or_many<T>(
    params: &Params,
    (one, many): (&str, &str),
    parse: fn(&str) -> Option<T>,
) -> Result<Vec<T>, Refusal> {
    let (given, listed) = (params.get(one), params.list(many));
    if given.is_some() && !listed.is_empty() {
        return Err(Refusal::invalid(one));
    }
    let name = if given.is_some() { one } else { many };
    given.into_iter().chain(listed).map(|word| parse(word).ok_or_else(|| Refusal::invalid(name))).collect()
}

impl listing::Filter<ScalingMember> for Filter {
    fn ids(&self) -> Option<&[String]> {
        self.ids.as_deref()
    }

    fn mark(&self) -> Option<Mark> {
        self.group.clone().map(Mark::ScalingGroup)
    }

    fn is_capped(&self) -> bool {
        false
    }

    fn hidden(&self, member: &ScalingMember, faults: &PageFaults) -> bool {
        faults.hides_instance(&member.instance_id)
    }

    fn matches(&self, member: &ScalingMember) -> bool {
        self.group.as_ref().is_none_or(|group| *group == member.scaling_group_id)
            && (self.states.is_empty() || self.states.contains(&member.lifecycle_state))
            && (self.creation_types.is_empty() || self.creation_types.contains(&Some(member.creation_type)))
            && self.health.is_none_or(|health| health == member.health_status)
    }
}

pub(crate) fn run(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let region = call.region()?;
    let filter = Filter::parse(call.params)?;
    let account = &call.caller.account;
    if let Some(id) = &filter.group {
        scaling::group(world, account, id)
            .filter(|group| group.region_id == region)
            .ok_or_else(|| no_such_group(id))?;
    }
    let page = listing::page(world, call, (&region, &filter, LARGEST), |world| {
        Some(&mut world.accounts.get_mut(account)?.scaling_members)
    })?;
    let state = world.accounts.get(account);
    let is_spot = |member: &ScalingMember| member.spot_strategy != SpotStrategy::NoSpot;
    let spot = state
        .into_iter()
        .flat_map(|state| state.scaling_members.all())
        .filter(|member| member.region_id == region && is_spot(member) && filter.matches(member))
        .count();
    Ok(Done { body: Body::Members(ScalingPage::new(page, spot)), mutated: false })
}
