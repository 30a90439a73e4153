//! Where an entry of `reattach` stands, as far as evidence tells. Nothing is changed here.

use std::sync::Arc;
use std::time::Duration;

use super::attacher::{Attacher, Next, State};
use crate::delete_on_release::DeleteOnRelease;
use crate::engine::flag_view::FlagView;
use crate::engine::hosts::{Presence, Shown, hosts_of, presence_of};
use crate::engine::object::Object;

use crate::flag::{Applicability, Flag};
use crate::id::{InterfaceId, ObjectId};
use crate::intent::Reattach;
use crate::interface::{Interface, InterfaceFacts, InterfaceStatus};
use crate::reason::Reason;
use crate::resource::{Place, Resource};
use crate::retention::AttachPhase;
use crate::surroundings::Power;
use crate::verdict::Verdict;

/// A request whose answer was lost is given up when two complete sweeps that began after it, and this long, have gone by
/// without its effect: the pace of the sweeps says nothing of how long the cloud takes.
const LOST_AFTER: Duration = Duration::from_mins(2);

/// What stands against it. A line that is written ahead waits for the interface to be free; one that won't fit then either
/// is told so at once.
fn obstacle(facts: &InterfaceFacts, shown: Shown<'_>, is_node: bool) -> Option<(AttachPhase, Reason)> {
    match (interface_obstacle(facts), misfit(facts, shown, is_node)) {
        (Some((_, Reason::InUse)), never @ Some((_, Reason::ZoneMismatch))) => never,
        (obstacle, misfit) => obstacle.or(misfit),
    }
}

/// What stands against it on the side of the interface.
fn interface_obstacle(facts: &InterfaceFacts) -> Option<(AttachPhase, Reason)> {
    match DeleteOnRelease::applicability(facts) {
        Applicability::No(reason) => return Some((AttachPhase::Refused, reason)),
        Applicability::Unreadable => return Some((AttachPhase::Refused, Reason::FieldUnreadable)),
        Applicability::Yes => {}
    }
    match (facts.status, Interface::place(facts)) {
        (Some(InterfaceStatus::Available), Place::Free) => None,
        (Some(InterfaceStatus::InUse), _) => Some((AttachPhase::Waiting, Reason::InUse)),
        _ => Some((AttachPhase::Waiting, Reason::AttachWaits)),
    }
}

/// What stands against it between the interface and the instance. The vendor's page on attaching: same zone, same VPC, the
/// instance running or stopped. Terway takes over every secondary interface of a Node that it isn't told to leave alone.
fn misfit(facts: &InterfaceFacts, shown: Shown<'_>, is_node: bool) -> Option<(AttachPhase, Reason)> {
    let (carried, there) = (&facts.belongings, shown.surroundings);
    let differ = |mine: &Option<Arc<str>>, theirs: &Option<Arc<str>>, reason| match (mine, theirs) {
        (Some(mine), Some(theirs)) if mine == theirs => None,
        (Some(_), Some(_)) => Some((AttachPhase::Refused, reason)),
        _ => Some((AttachPhase::Refused, Reason::FieldUnreadable)),
    };
    differ(&facts.zone_id, &there.zone_id, Reason::ZoneMismatch)
        .or_else(|| differ(&carried.vpc_id, &there.vpc_id, Reason::VpcMismatch))
        .or_else(|| {
            ((is_node || shown.facts.in_cluster()) && !facts.excluded_from_terway())
                .then_some((AttachPhase::Refused, Reason::TerwayWouldTake))
        })
        .or(match there.power {
            Some(Power::Running | Power::Stopped) => None,
            Some(Power::Between) => Some((AttachPhase::Waiting, Reason::InstanceNotReady)),
            None => Some((AttachPhase::Refused, Reason::FieldUnreadable)),
        })
}

/// Where an entry stands, as far as evidence tells.
pub(super) fn assess(
    view: FlagView<'_, DeleteOnRelease>,
    attacher: &Attacher,
    name: &ObjectId,
    entry: &Reattach,
) -> Next {
    use AttachPhase::{Attached, Obsolete, Refused, Requested, Waiting};
    let Some(object) = view.objects.get(name) else { return Next::Say(Waiting, Reason::AttachWaits) };
    let id = &entry.interface;
    let state = attacher.state(name, id);
    if let Some(state) = state.filter(|e| e.row.ended()) {
        return Next::Say(state.row.phase, state.row.reason);
    }
    let sent = state.and_then(|e| e.sent);
    let wanted = match state.filter(|_| sent.is_some()) {
        Some(state) => state.row.instance.as_ref(),
        None => entry.instance.as_ref(),
    };
    let target = view.inventory.get(id);
    let verdict = view.verdict(id, view.horizon(), object.tag_epoch);
    if verdict == Some(Verdict::Unknown(Reason::NotFound))
        || object.memory.departed.get(id).is_some_and(|departure| departure.reason == Reason::Departed)
    {
        return Next::Say(Obsolete, Reason::InterfaceGone);
    }
    let seen = target
        .filter(|t| t.absence.is_none())
        .and_then(|t| t.evidence.as_ref())
        .filter(|e| e.seen >= view.horizon());
    let there = seen.is_some_and(|e| {
        e.facts.status == Some(InterfaceStatus::InUse)
            && wanted.is_some_and(|instance| Interface::place(&e.facts) == Place::On(instance))
    });
    if there {
        return Next::Say(Attached, Reason::AttachDone);
    }
    let host = wanted
        .and_then(|instance| Some((instance, hosts_of(view.hosts, name)?.get(instance)?)))
        .map(|(instance, host)| presence_of(*view, instance, host));
    let gone = matches!(host, Some(Presence::Gone(_)));
    if let Some(at) = sent {
        let given_up = view.reader.swept_twice_since(at).then(|| at.after(LOST_AFTER));
        return match seen.map(|e| (e.facts.status, e.seen)) {
            Some((Some(InterfaceStatus::Available), _)) if gone => Next::Say(Obsolete, Reason::InstanceGone),
            Some((Some(InterfaceStatus::Available), seen)) if given_up.is_some_and(|at| seen >= at) => {
                Next::Say(Refused, Reason::AttachLost)
            }
            Some((Some(InterfaceStatus::InUse), _)) => Next::Say(Refused, Reason::AttachedElsewhere),
            _ => Next::Say(Requested, Reason::AttachRequested),
        };
    }
    if !object.intent.may.attach {
        return Next::Say(Refused, Reason::NotGranted);
    }
    if object.intent.observe {
        return Next::Say(Waiting, Reason::ObserveOnly);
    }
    if object.intent.deleting.is_some() {
        // It would be attached only to be given up.
        return Next::Say(Waiting, Reason::AttachWaits);
    }
    if let Some(obstacle) = unretained(view, object, id) {
        return obstacle;
    }
    if contended(view, attacher, name, id) {
        return Next::Say(Refused, Reason::Contended);
    }
    let Some(instance) = wanted else { return Next::Say(Waiting, Reason::NodeUnknown) };
    let Some(facts) = seen.map(|e| &e.facts) else {
        let why = match verdict {
            Some(Verdict::Unknown(reason)) => reason,
            _ => Reason::AwaitingEvidence,
        };
        return Next::Say(Waiting, why);
    };
    let shown = match host {
        Some(Presence::Gone(_)) => return Next::Say(Obsolete, Reason::InstanceGone),
        Some(Presence::Shown(shown)) => shown,
        Some(Presence::Unknown(reason)) => return Next::Say(Waiting, reason),
        None => return Next::Say(Waiting, Reason::AwaitingEvidence),
    };
    if let Some((phase, reason)) = obstacle(facts, shown, entry.is_node) {
        return Next::Say(phase, reason);
    }
    if !view.opaque.is_empty() {
        return Next::Say(Waiting, Reason::OpaqueRival);
    }
    if view.breaker.is_open() {
        return Next::Say(Waiting, Reason::CircuitBreaker);
    }
    // A request that status still tells of although it was taken back would pass for the next one: that it was has to
    // be durable, too, or a process that starts meanwhile would send it once more.
    let stands =
        attacher.requested(name, id).is_some() && state.is_none_or(|e| e.row.phase != AttachPhase::Requested);
    match state.filter(|e| e.not_before > view.now || stands) {
        Some(state) => Next::Say(state.row.phase, state.row.reason),
        None if stands => Next::Say(Waiting, Reason::AttachWaits),
        None => Next::Ready(instance.clone()),
    }
}

/// Only what the object retains, and its status says so durably, is attached.
fn unretained(
    view: FlagView<'_, DeleteOnRelease>,
    object: &Object<Interface>,
    id: &InterfaceId,
) -> Option<Next> {
    let durable = object.memory.durable.as_ref().is_some_and(|ids| ids.contains(id));
    let awaited = unread(view, object, id);
    match (object.memory.kept.contains_key(id) && object.intent.protect, durable) {
        (true, true) => None,
        (true, false) => Some(Next::Say(AttachPhase::Waiting, Reason::AttachWaits)),
        (false, _) if awaited => Some(Next::Say(AttachPhase::Waiting, Reason::AwaitingEvidence)),
        (false, _) => Some(Next::Say(AttachPhase::Refused, Reason::NotRetained)),
    }
}

/// Whether it can't be known yet whether the object will retain this.
fn unread(view: FlagView<'_, DeleteOnRelease>, object: &Object<Interface>, id: &InterfaceId) -> bool {
    !object.settled && view.inventory.get(id).is_none_or(|t| t.evidence.is_none() && t.absence.is_none())
}

/// Whether another object wants to attach the same interface. Who has asked the cloud already goes on.
fn contended(
    view: FlagView<'_, DeleteOnRelease>,
    attacher: &Attacher,
    name: &ObjectId,
    id: &InterfaceId,
) -> bool {
    if attacher.state(name, id).is_some_and(|state| state.row.phase == AttachPhase::Requested) {
        return false;
    }
    let others = attacher.objects().filter_map(|other| view.objects.get_key_value(other));
    others.into_iter().any(|(other, object)| {
        let wants = object.intent.reattach.iter().any(|entry| entry.interface == *id);
        let state = attacher.state(other, id);
        let ended = state.is_some_and(|state| state.row.ended());
        other != name && ((wants && !ended) || state.is_some_and(State::under_way))
    })
}
