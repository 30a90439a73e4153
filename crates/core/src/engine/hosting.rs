//! The hosts of objects change: what that makes of the targets on them.

use std::collections::BTreeSet;
use std::time::Duration;

use super::host_changes::HostChanges;
use super::hosts::{Hosts, Presence, Role, hosts_of};
use super::targets::Targets;
use super::turn::Turn;
use crate::id::{CallId, InstanceId, ObjectId};
use crate::instance::Instance;
use crate::intent::Intent;
use crate::resource::Resource;
use crate::time::Moment;

/// A first sweep waits this long for the instances whose interfaces it is to find: what it shows before that would have to
/// be read twice.
const HOSTS_WITHIN: Duration = Duration::from_secs(10);

/// Those of the instances that a call from this one on has shown; `None`: some have not been looked at yet.
pub(crate) fn shown_since(
    targets: &Targets<Instance>,
    ids: &BTreeSet<InstanceId>,
    since: CallId,
) -> Option<BTreeSet<InstanceId>> {
    let mut shown = BTreeSet::new();
    for id in ids {
        let target = targets.inventory.get(id)?;
        target.newest_call().filter(|call| *call >= since)?;
        // Who selects one by tag can't be told where its tags can't be read.
        let readable = target.evidence.as_ref().is_some_and(|e| Instance::tags(&e.facts).is_some());
        if target.absence.is_none() && readable {
            shown.insert(id.clone());
        }
    }
    Some(shown)
}

/// Whether anybody asks after instances on behalf of what is on them.
pub(crate) fn has_hosts(targets: &Targets<Instance>) -> bool {
    targets.keys.keeps_surroundings()
}

/// The objects that ask so after an instance.
pub(crate) fn asking_after(
    targets: &Targets<Instance>,
    id: &InstanceId,
    so: fn(&Intent<Instance>) -> bool,
) -> Vec<ObjectId> {
    let candidates = targets.index.candidates(id, targets.inventory.tags(id), targets.inventory.place(id));
    let asks = |name: &&ObjectId| targets.objects.get(*name).is_some_and(|object| so(&object.intent));
    candidates.into_iter().filter(asks).cloned().collect()
}

/// What one object makes of an instance is about to change. `had`: the targets that it has only because of a host.
pub(super) fn host_changes<R: Resource>(
    targets: &mut Targets<R>,
    turn: &Turn<'_>,
    name: &ObjectId,
    host: &InstanceId,
    had: BTreeSet<R::Id>,
) {
    host_changes_for(targets, turn, name, host);
    targets.host_changes.entry(name.clone()).or_default().had.extend(had);
}

/// What one object makes of an instance is about to change.
pub(crate) fn host_changes_for<R: Resource>(
    targets: &mut Targets<R>,
    turn: &Turn<'_>,
    name: &ObjectId,
    host: &InstanceId,
) {
    let role = hosts_of(turn.hosts, name).and_then(|hosts| hosts.role(host));
    let changes = targets.host_changes.entry(name.clone()).or_default();
    changes.before.entry(host.clone()).or_insert(role);
}

/// What is known of an instance has changed, which these objects ask after now.
pub(crate) fn host_changed<R: Resource>(targets: &mut Targets<R>, host: &InstanceId, asking: &[ObjectId]) {
    for name in asking {
        let changes = targets.host_changes.entry(name.clone()).or_default();
        changes.before.entry(host.clone()).or_insert(None);
    }
}

/// An object asks for other hosts. `former`: those that it had.
pub(super) fn rehost<R: Resource>(
    targets: &mut Targets<R>,
    turn: &mut Turn<'_>,
    name: &ObjectId,
    former: BTreeSet<InstanceId>,
) {
    let mut changes = targets.host_changes.remove(name).unwrap_or_default();
    // What somebody edits is no loss.
    changes.had.clear();
    let hosts = hosts_of(turn.hosts, name);
    changes.before = hosts.into_iter().flat_map(Hosts::iter).map(|(id, _)| (id.clone(), None)).collect();
    changes.before.extend(former.iter().map(|id| (id.clone(), None)));
    if let Some(object) = targets.objects.get_mut(name) {
        object.hosted = former;
    }
    settle_hosts_of(targets, turn, name, &changes);
}

/// Sees to all hosts that have changed. The answer: the targets that objects had only because of them.
pub(super) fn settle_hosts<R: Resource>(
    targets: &mut Targets<R>,
    turn: &mut Turn<'_>,
) -> Vec<(ObjectId, BTreeSet<R::Id>)> {
    let mut had = Vec::new();
    for (name, changes) in std::mem::take(&mut targets.host_changes) {
        settle_hosts_of(targets, turn, &name, &changes);
        if !changes.had.is_empty() {
            had.push((name, changes.had));
        }
    }
    had
}

fn settle_hosts_of<R: Resource>(
    targets: &mut Targets<R>,
    turn: &mut Turn<'_>,
    name: &ObjectId,
    changes: &HostChanges<R>,
) {
    let upcoming = turn.context.upcoming_call();
    let hosts = hosts_of(turn.hosts, name);
    let Some(object) = targets.objects.get_mut(name) else { return };
    let by_host = object.intent.hosts.is_some();
    let (mut excludes, mut since) = (false, CallId(0));
    let mut there = BTreeSet::new();
    for (id, was) in &changes.before {
        let host = hosts.and_then(|hosts| hosts.get(id));
        let shuns = |role: Option<Role>| role == Some(Role::Excluded);
        excludes |= shuns(host.map(|host| host.role)) && !shuns(*was);
        there.extend(targets.index.on(id).cloned());
        let Some(host) = host.filter(|host| by_host && host.role.selects()) else {
            if object.hosted.remove(id) {
                targets.index.remove_host(name, id);
            }
            continue;
        };
        let listed = match host.presence {
            Presence::Shown(shown) => R::listed(shown.as_host(id)).unwrap_or_default().to_vec(),
            Presence::Gone(_) => Vec::new(),
            // One that can't be read keeps what it was last known to have.
            Presence::Unknown(_) => targets.index.listed_on(id).to_vec(),
        };
        targets.index.add_host(name, id, &listed, upcoming);
        since = since.max(targets.index.hosted_since(id));
        object.hosted.insert(id.clone());
        there.extend(targets.index.on(id).cloned());
    }
    if excludes {
        object.exclusion_since = upcoming;
        ascertain_exclusion(targets, name);
    }
    if by_host {
        await_listing(targets, name, since);
    }
    visit(targets, turn, name, &there);
}

/// What the object remembers is excluded only if it is still on the excluded instance, or still has the tag: that is
/// looked at soon.
pub(super) fn ascertain_exclusion<R: Resource>(targets: &mut Targets<R>, name: &ObjectId) {
    let Some(object) = targets.objects.get(name) else { return };
    let excludes = !object.intent.selector.exclude_tags.is_empty() || object.intent.excludes_hosts();
    if excludes && !object.memory.kept.is_empty() {
        targets.reader.sweep_soon();
    }
}

/// Whether all that is on the object's hosts is known, is told by a listing that began when somebody asked for it.
fn await_listing<R: Resource>(targets: &mut Targets<R>, name: &ObjectId, since: CallId) {
    let Some(object) = targets.objects.get_mut(name) else { return };
    object.listing_since = object.listing_since.max(since);
    object.listed = targets.reader.listed(object.listing_since);
    if object.listed.is_none() {
        targets.reader.sweep_soon();
    }
}

/// Looks at targets that an object may have come to have, or have lost.
pub(super) fn visit<R: Resource>(
    targets: &mut Targets<R>,
    turn: &mut Turn<'_>,
    name: &ObjectId,
    ids: &BTreeSet<R::Id>,
) {
    let Some(object) = targets.objects.get(name) else { return };
    let hot = object.hot(turn.now);
    let mut unread = Vec::new();
    for id in ids {
        if !targets.view(turn).reaches(name, id) {
            targets.unselect(id);
            continue;
        }
        let target = targets.inventory.expect(id);
        if target.evidence.is_none() && target.absence.is_none() {
            unread.push(id.clone());
        } else {
            targets.reconsider(id);
        }
    }
    // A listing has to be made anyway: it is left to that what would take more than one call.
    if hot && unread.len() <= R::IDS_PER_READ {
        for id in &unread {
            targets.reader.read_changed(id);
        }
    } else if !unread.is_empty() {
        targets.reader.sweep_soon();
    }
    turn.context.touch(name.clone());
}

/// Until when the first sweep should wait for hosts.
pub(crate) fn hosts_awaited<R: Resource>(targets: &Targets<R>, turn: &Turn<'_>) -> Option<Moment> {
    let view = targets.view(turn);
    let objects = targets.by_host.iter().filter_map(|name| targets.objects.get_key_value(name));
    let waits = objects.filter(|(name, object)| {
        turn.now.since(object.born) < HOSTS_WITHIN
            && hosts_of(view.hosts, name).is_none_or(|hosts| hosts.openness().awaits)
    });
    waits.map(|(_, object)| object.born.after(HOSTS_WITHIN)).min()
}
