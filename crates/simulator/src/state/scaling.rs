//! Auto Scaling at work: instances join a group and leave it, and a group keeps its size.
//!
//! A group releases the instances that it made although their release protection is on. That is documented, and is what
//! its own protection is for.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::{
    CreationType, Effect, GroupSeed, GroupState, HealthCheck, HealthStatus, Leaving, LifecycleState, Mark,
    MemberSeed, ReclaimMode, ReleaseReason, RemovalPolicy, ScalingGroup, ScalingMember, Seed, Status,
    Template, World,
};
use crate::regions;

/// The tag that Auto Scaling puts on the instances of a group: the one sign of it that DescribeInstances shows.
const GROUP_TAG: &str = "acs:autoscaling:scalingGroupId";

/// How an instance comes into its group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Joining {
    pub(crate) creation_type: CreationType,
    pub(crate) entrusted: bool,
    /// `Pending` ends by itself.
    pub(crate) lifecycle_state: LifecycleState,
}

/// The true state of a group.
pub(crate) fn group<'w>(world: &'w World, account: &str, id: &str) -> Option<&'w Arc<ScalingGroup>> {
    world.accounts.get(account)?.scaling_groups.get(id)
}

/// The true state of a member.
pub(crate) fn member<'w>(world: &'w World, account: &str, id: &str) -> Option<&'w Arc<ScalingMember>> {
    world.accounts.get(account)?.scaling_members.get(id)
}

/// The members of a group, in the order in which they came.
pub(crate) fn members(world: &World, account: &str, group: &ScalingGroup) -> Vec<Arc<ScalingMember>> {
    let Some(state) = world.accounts.get(account) else { return Vec::new() };
    let mark = Mark::ScalingGroup(group.scaling_group_id.clone());
    state.scaling_members.marked(&group.region_id, &mark).cloned().collect()
}

/// Puts a group into an account.
pub(crate) fn insert_group(world: &mut World, account: &str, group: ScalingGroup, effect: Effect) -> String {
    let id = group.scaling_group_id.clone();
    let sequence = world.next();
    let state = world.account(account);
    state.scaling_groups.remove(&id);
    state.scaling_groups.insert(sequence, group, effect, Instant::now());
    id
}

/// Changes a group and says whether anything is different.
pub(crate) fn change_group(
    world: &mut World,
    account: &str,
    id: &str,
    effect: Effect,
    change: impl FnOnce(&mut ScalingGroup),
) -> bool {
    let Some(state) = world.accounts.get_mut(account) else { return false };
    state.scaling_groups.change(id, effect, Instant::now(), change)
}

/// Changes a member and says whether anything is different.
pub(crate) fn change_member(
    world: &mut World,
    account: &str,
    id: &str,
    effect: Effect,
    change: impl FnOnce(&mut ScalingMember),
) -> bool {
    let Some(state) = world.accounts.get_mut(account) else { return false };
    state.scaling_members.change(id, effect, Instant::now(), change)
}

/// Makes an instance a member, which it then shows by its tag.
pub(crate) fn join(
    world: &mut World,
    account: &str,
    (group, instance): (&str, &str),
    joining: Joining,
    effect: Effect,
) -> bool {
    let Some(found) = world.find(account, instance).cloned() else { return false };
    if effect == Effect::Ignored {
        return false;
    }
    let due = end_of_activity(world).filter(|_| joining.lifecycle_state == LifecycleState::Pending);
    let address = world.interfaces_of(account, instance);
    let member = ScalingMember {
        instance_id: instance.to_owned(),
        scaling_group_id: group.to_owned(),
        region_id: found.region_id.clone(),
        zone_id: found.zone_id.clone(),
        private_ip_address: address.first().map(|it| it.primary_ip_address.clone()).unwrap_or_default(),
        lifecycle_state: joining.lifecycle_state,
        creation_type: joining.creation_type,
        entrusted: joining.entrusted,
        health_status: HealthStatus::Healthy,
        spot_strategy: found.spot_strategy,
        created_time: world.now(),
        settles: due,
        leaving: None,
    };
    let sequence = world.next();
    let state = world.account(account);
    state.scaling_members.remove(instance);
    state.scaling_members.insert(sequence, member, effect, Instant::now());
    world.change(account, instance, effect, |it| {
        it.tags.insert(GROUP_TAG.to_owned(), group.to_owned());
    });
    plan(world, account, instance, due);
    true
}

/// Sends members on their way out. They are gone when the activity is over.
pub(crate) fn leave(
    world: &mut World,
    account: &str,
    ids: &[String],
    fate: impl Fn(&ScalingMember) -> Leaving,
    effect: Effect,
) -> bool {
    let due = end_of_activity(world);
    let mut changed = false;
    for id in ids {
        let left = change_member(world, account, id, effect, |member| {
            member.leaving = Some(fate(member));
            member.lifecycle_state = LifecycleState::Removing;
            member.settles = due;
        });
        if left {
            plan(world, account, id, due);
        }
        changed |= left;
    }
    changed
}

fn end_of_activity(world: &World) -> Option<Timestamp> {
    world.now().checked_add(SignedDuration::from_millis(i64::from(world.settings.scaling_millis))).ok()
}

fn plan(world: &mut World, account: &str, instance: &str, due: Option<Timestamp>) {
    world.scaling_agenda.extend(due.map(|due| (due, account.to_owned(), instance.to_owned())));
}

/// Ends the activities whose time has come. Called before every look at the state.
pub(crate) fn carry_on(world: &mut World) {
    let now = world.now();
    while let Some((due, ..)) = world.scaling_agenda.first()
        && *due <= now
    {
        let Some((due, account, id)) = world.scaling_agenda.pop_first() else { return };
        // The plan may have been changed in the meantime.
        if member(world, &account, &id).is_some_and(|member| member.settles == Some(due)) {
            settle(world, &account, &id);
        }
    }
}

fn settle(world: &mut World, account: &str, id: &str) {
    let Some(settled) = member(world, account, id).cloned() else { return };
    let Some(leaving) = settled.leaving else {
        change_member(world, account, id, Effect::Immediate, |member| {
            member.lifecycle_state = LifecycleState::InService;
            member.settles = None;
        });
        return;
    };
    if leaving == Leaving::Stop {
        world.change(account, id, Effect::Immediate, |instance| instance.status = Status::Stopped);
        change_member(world, account, id, Effect::Immediate, |member| {
            member.lifecycle_state = LifecycleState::Stopped;
            member.settles = None;
            member.leaving = None;
        });
    } else {
        if let Some(state) = world.accounts.get_mut(account) {
            state.scaling_members.remove(id);
        }
        if leaving == Leaving::Release {
            world.release(account, id, ReleaseReason::ScalingGroup);
        } else {
            world.change(account, id, Effect::Immediate, |instance| {
                instance.tags.remove(GROUP_TAG);
            });
        }
    }
    bury(world, account, &settled.scaling_group_id);
    balance(world, account, &settled.scaling_group_id);
}

/// Takes a group that is being deleted out of the world, once it has no members.
fn bury(world: &mut World, account: &str, id: &str) {
    let Some(found) = group(world, account, id).cloned() else { return };
    if found.lifecycle_state == GroupState::Deleting
        && members(world, account, &found).is_empty()
        && let Some(state) = world.accounts.get_mut(account)
    {
        state.scaling_groups.remove(id);
    }
}

/// Deletes a group with its members, protected or not: those that it made are released.
pub(crate) fn delete_group(world: &mut World, account: &str, id: &str, effect: Effect) -> bool {
    let Some(found) = group(world, account, id).cloned() else { return false };
    if effect == Effect::Ignored {
        return false;
    }
    change_group(world, account, id, effect, |group| group.lifecycle_state = GroupState::Deleting);
    let ids: Vec<_> =
        members(world, account, &found).iter().map(|member| member.instance_id.clone()).collect();
    leave(world, account, &ids, ScalingMember::fate, effect);
    bury(world, account, id);
    carry_on(world);
    true
}

/// The members that count for the size of a group: all that aren't on their way out, or stopped.
fn serving(world: &World, account: &str, group: &ScalingGroup) -> usize {
    let counts = |member: &&Arc<ScalingMember>| {
        !member.lifecycle_state.is_leaving() && member.lifecycle_state != LifecycleState::Stopped
    };
    members(world, account, group).iter().filter(counts).count()
}

/// Makes as many instances as a group is short of, or removes as many as it has too many.
pub(crate) fn balance(world: &mut World, account: &str, id: &str) {
    let Some(found) = group(world, account, id).cloned() else { return };
    if found.lifecycle_state != GroupState::Active {
        return;
    }
    let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let serving = serving(world, account, &found);
    let (least, most) = found.wanted();
    if serving > count(most) {
        take(world, account, &found, serving - count(most));
    }
    let Some(template) = &found.template else { return };
    for _ in serving..count(least) {
        let instance = world.seed_one(account, &template.seed(&found.region_id));
        let joining = Joining {
            creation_type: CreationType::AutoCreated,
            entrusted: false,
            lifecycle_state: LifecycleState::Pending,
        };
        join(world, account, (id, &instance), joining, Effect::Immediate);
    }
}

/// Removes up to so many members that nothing protects, in the order of the group's policies. Answers which.
fn take(world: &mut World, account: &str, group: &ScalingGroup, count: usize) -> Vec<String> {
    let mut all = members(world, account, group);
    if group.newest_first() {
        all.reverse();
    }
    let in_service = |member: &&Arc<ScalingMember>| member.lifecycle_state == LifecycleState::InService;
    let ids: Vec<_> =
        all.iter().filter(in_service).take(count).map(|member| member.instance_id.clone()).collect();
    let keeps = group.scaling_policy.keeps();
    let fate = |member: &ScalingMember| match member.fate() {
        Leaving::Release if keeps => Leaving::Stop,
        fate => fate,
    };
    leave(world, account, &ids, fate, Effect::Immediate);
    ids
}

/// What a scaling rule does: a group gets smaller by so many members, but not smaller than its least size. Protected ones
/// stay. Answers who goes.
pub(crate) fn scale_in(world: &mut World, account: &str, id: &str, count: usize) -> Vec<String> {
    let Some(found) = group(world, account, id).cloned() else { return Vec::new() };
    if found.lifecycle_state != GroupState::Active {
        return Vec::new();
    }
    let least = usize::try_from(found.min_size).unwrap_or(usize::MAX);
    let spare = serving(world, account, &found).saturating_sub(least);
    let ids = take(world, account, &found, count.min(spare));
    want_fewer(world, account, id, ids.len());
    carry_on(world);
    ids
}

/// Lowers the number of members that a group wants, if it has one.
pub(crate) fn want_fewer(world: &mut World, account: &str, id: &str, by: usize) {
    let by = u32::try_from(by).unwrap_or(u32::MAX);
    change_group(world, account, id, Effect::Immediate, |group| {
        let least = group.min_size;
        if let Some(desired) = &mut group.desired_capacity {
            *desired = desired.saturating_sub(by).max(least);
        }
    });
}

/// What the health check does: members whose instance doesn't run, or that somebody called unhealthy, are removed, and
/// others made in their place. It neither looks at protected members nor at those on standby, as documented. Answers who
/// goes.
pub(crate) fn check_health(world: &mut World, account: &str, id: &str) -> Vec<String> {
    let Some(found) = group(world, account, id).cloned() else { return Vec::new() };
    if found.lifecycle_state != GroupState::Active {
        return Vec::new();
    }
    let checks = found.health_check_types.contains(&HealthCheck::Ecs);
    let mut ill = Vec::new();
    for member in members(world, account, &found) {
        if member.lifecycle_state != LifecycleState::InService {
            continue;
        }
        let id = &member.instance_id;
        let runs = world.find(account, id).is_some_and(|instance| instance.status == Status::Running);
        if checks && !runs {
            change_member(world, account, id, Effect::Immediate, |member| {
                member.health_status = HealthStatus::Unhealthy;
            });
        }
        if (checks && !runs) || member.health_status == HealthStatus::Unhealthy {
            ill.push(id.clone());
        }
    }
    leave(world, account, &ill, ScalingMember::fate, Effect::Immediate);
    carry_on(world);
    ill
}

/// Makes a group with its members from a seed, and answers its id. An id that exists already is replaced.
pub(crate) fn seed_group(world: &mut World, account: &str, seed: &GroupSeed) -> String {
    let (number, now) = (world.next(), world.now());
    let region = seed.region_id.clone().unwrap_or_else(|| "cn-hangzhou".to_owned());
    let id = seed.scaling_group_id.clone().unwrap_or_else(|| new_group_id(&region, number));
    let template = Template::of(&world.instance(&Seed::new(&region)));
    let group = ScalingGroup {
        scaling_group_name: seed.scaling_group_name.clone().unwrap_or_else(|| id.clone()),
        scaling_group_id: id.clone(),
        region_id: region.clone(),
        lifecycle_state: seed.lifecycle_state.unwrap_or(GroupState::Active),
        min_size: seed.min_size,
        max_size: seed.max_size.unwrap_or(1_000),
        desired_capacity: seed.desired_capacity,
        group_deletion_protection: seed.group_deletion_protection,
        health_check_types: seed.health_check_types.clone().unwrap_or_else(|| vec![HealthCheck::Ecs]),
        removal_policies: seed.removal_policies.clone().unwrap_or_else(|| RemovalPolicy::USUAL.to_vec()),
        scaling_policy: seed.scaling_policy.unwrap_or(ReclaimMode::Release),
        template: Some(template),
        creation_time: now,
    };
    insert_group(world, account, group, Effect::Immediate);
    for members in &seed.members {
        seed_members(world, account, &id, members);
    }
    id
}

/// The id of a new group.
pub(crate) fn new_group_id(region: &str, number: u64) -> String {
    let mark = regions::find(region).map_or("sim", |region| region.mark);
    format!("asg-{mark}{number:017}")
}

/// Adds members to a group as a seed says, and answers the ids of their instances.
pub(crate) fn seed_members(world: &mut World, account: &str, id: &str, seed: &MemberSeed) -> Vec<String> {
    let Some(found) = group(world, account, id).cloned() else { return Vec::new() };
    let mut ids = seed.instance_ids.clone();
    if let Some(instances) = &seed.instances {
        let region_id = instances.region_id.clone().or(Some(found.region_id.clone()));
        ids.extend(world.seed(account, &Seed { region_id, ..instances.clone() }));
    }
    let joining = Joining {
        creation_type: seed.creation_type.unwrap_or(CreationType::AutoCreated),
        entrusted: seed.entrusted,
        lifecycle_state: seed.lifecycle_state.unwrap_or(LifecycleState::InService),
    };
    ids.retain(|instance| {
        let joined = join(world, account, (id, instance), joining, Effect::Immediate);
        // What a test has put into a state stays there.
        change_member(world, account, instance, Effect::Immediate, |member| member.settles = None);
        joined
    });
    ids
}
