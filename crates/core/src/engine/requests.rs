//! What objects ask for: the only part of the engine that knows of generations.

use std::collections::BTreeSet;
use std::time::Duration;

use super::hosting::{ascertain_exclusion, rehost};
use super::object::Object;
use super::targets::Targets;
use super::turn::Turn;
use crate::id::{Generation, ObjectId};
use crate::intent::Intent;
use crate::resource::Resource;

/// People wait for what they changed this long at most; then it is background like everything else.
const HOT: Duration = Duration::from_mins(2);

/// What has changed with an object's intent.
#[derive(Debug)]
pub(crate) struct Edit<R: Resource> {
    /// Its generation is another one.
    pub edited: bool,
    /// It was known before, and its generation is the same.
    pub same: bool,
    /// The targets that it may have now.
    pub reach: Vec<R::Id>,
}

/// An object asks nothing of these targets, or does not exist any more; or, if it is `opaque`, can't be read: then it
/// may be a hold on anything.
pub(crate) fn drop_object<R: Resource>(
    targets: &mut Targets<R>,
    turn: &mut Turn<'_>,
    object: &ObjectId,
    opaque: bool,
) {
    drop_intent(targets, turn, object);
    targets.holds_changed |=
        if opaque { targets.opaque.insert(object.clone()) } else { targets.opaque.remove(object) };
}

fn drop_intent<R: Resource>(targets: &mut Targets<R>, turn: &mut Turn<'_>, object: &ObjectId) {
    let Some(old) = targets.objects.remove(object) else { return };
    targets.holds_changed = true;
    targets.reader.unlist(object);
    let reach: Vec<R::Id> = targets.view(turn).reach(&old).cloned().collect();
    release(targets, object, &old);
    targets.by_host.remove(object);
    targets.unprotecting.remove(object);
    targets.host_changes.remove(object);
    if R::REPORTED && !old.intent.enumerates {
        turn.context.untouch(object);
        turn.reporter.forget(object);
    }
    for id in old.memory.kept.keys() {
        targets.index.unname(object, id);
    }
    for instance in &old.hosted {
        targets.index.remove_host(object, instance);
    }
    for id in reach {
        targets.unselect(&id);
    }
    let clock = turn.context.wall_clock();
    targets.carried_out.insert(object.clone(), old.aside.into_carried_out());
    targets.carried_out.retain(|_, done| !done.expire(clock, turn.now));
}

/// Takes what an intent selects out of the index.
fn release<R: Resource>(targets: &mut Targets<R>, object: &ObjectId, old: &Object<R>) {
    targets.keys.release(&old.intent.selector);
    if old.intent.enumerates {
        targets.keys.release_surroundings();
    }
    targets.index.remove(object, &old.intent.selector);
}

/// An object's newest generation asks this. `None`: that is known, or something newer.
pub(crate) fn set_intent<R: Resource>(
    targets: &mut Targets<R>,
    turn: &mut Turn<'_>,
    object: &ObjectId,
    generation: Generation,
    intent: Intent<R>,
) -> Option<Edit<R>> {
    targets.holds_changed |= targets.opaque.remove(object);
    if let Some(known) = targets.objects.get(object)
        && (generation < known.generation || (generation == known.generation && intent == known.intent))
    {
        return None;
    }
    targets.holds_changed = true;
    let old = targets.objects.remove(object);
    // The new keys are held before the old ones are released, so that what both need is not read again.
    let mut tag_epoch = targets.keys.need(&intent.selector);
    if intent.enumerates {
        tag_epoch = tag_epoch.max(targets.keys.need_surroundings());
    }
    let mut reached: BTreeSet<R::Id> = BTreeSet::new();
    if let Some(old) = &old {
        reached.extend(targets.view(turn).reach(old).cloned());
        release(targets, object, old);
    }
    {
        let known = targets.inventory.iter().map(|(id, _)| (id, targets.inventory.tags(id)));
        targets.index.insert(object, &intent.selector, &known);
    }
    for id in intent.selector.named() {
        targets.inventory.expect(id);
    }
    let rehosts = old.as_ref().map_or(intent.hosts.is_some(), |old| old.intent.hosts != intent.hosts);
    let relists = old.as_ref().is_none_or(|old| !old.listed_alike(&intent));
    let fresh_listing = relists && intent.selector.needs_listing();
    let edited = old.as_ref().is_none_or(|old| old.generation != generation);
    let same = old.as_ref().is_some_and(|old| old.generation == generation);
    let carried_out = targets.carried_out.remove(object);
    let mut entry = Object {
        tag_epoch,
        hot_until: turn.context.has_polled().then(|| turn.now.after(HOT)),
        ..Object::following(old, generation, intent, (turn.now, turn.context.upcoming_call()))
    };
    if let Some(carried_out) = carried_out {
        entry.aside.carried_out = carried_out;
    }
    // An entry that is there again later is another one.
    entry.aside.carried_out.exceptions.retain(|id, _| entry.intent.exceptions.contains_key(id));
    // Where the hosts are others, what is on them is looked at when it is known which they are.
    let former = if rehosts { std::mem::take(&mut entry.hosted) } else { BTreeSet::new() };
    for id in entry.memory.kept.keys() {
        targets.index.name(object, id);
    }
    if entry.intent.hosts.is_some() {
        targets.by_host.insert(object.clone());
    } else {
        targets.by_host.remove(object);
    }
    if entry.intent.unprotecting().is_some() {
        targets.unprotecting.insert(object.clone());
    } else {
        targets.unprotecting.remove(object);
    }
    let hot = entry.hot(turn.now);
    let awaited = (!entry.settled).then_some(entry.born);
    if R::REPORTED && !entry.intent.enumerates {
        turn.reporter.changed(turn.now, object, edited, awaited);
    }
    targets.objects.insert(object.clone(), entry);
    turn.context.touch(object.clone());
    if edited && hot {
        targets.reader.spec_changed(turn.now);
    }
    let reach = revisit(targets, turn, object, edited, &reached);
    if rehosts {
        rehost(targets, turn, object, former);
    }
    if edited {
        // What it selected by tag before is not asked for any more.
        targets.reader.unlist(object);
    }
    if fresh_listing {
        let tags = targets.objects.get(object).map(|o| (o.intent.selector.tags.clone(), o.hot(turn.now)));
        if let Some((tags, urgent)) = tags {
            targets.reader.list(object, &tags, urgent);
        }
    } else if edited {
        ascertain_exclusion(targets, object);
    }
    for id in reached {
        targets.unselect(&id);
    }
    Some(Edit { edited, same, reach })
}

/// Looks at every target of an object whose intent changed.
fn revisit<R: Resource>(
    targets: &mut Targets<R>,
    turn: &mut Turn<'_>,
    object: &ObjectId,
    edited: bool,
    before: &BTreeSet<R::Id>,
) -> Vec<R::Id> {
    let Some(entry) = targets.objects.get(object) else { return Vec::new() };
    let (hot, epoch) = (entry.hot(turn.now), entry.tag_epoch);
    let reach: Vec<R::Id> = targets.view(turn).reach(entry).cloned().collect();
    for id in &reach {
        targets.inventory.expect(id);
        if let (true, Some(absence)) = (edited, targets.inventory.absence_mut(id)) {
            absence.refused = false;
        }
        let unread = targets.inventory.evidence(id).is_none_or(|e| e.tag_epoch < epoch);
        // What was there before the start is read by the first sweep: nobody's change may wait behind it. And what was
        // selected before the Nodes, or what is watched, changed is being read already.
        if unread && hot && (edited || !before.contains(id)) {
            targets.reader.read_changed(id);
        } else {
            targets.reconsider(id);
        }
    }
    reach
}
