//! The automatic release times of instances: the call that takes one away, and what is said of them. Whether one is to be taken
//! away is decided as for any flag ([`FlagKeeper::reconsider`]).

use std::sync::Arc;

use super::action::Action;
use super::flag_keeper::FlagKeeper;
use super::flag_view::FlagView;
use super::membership::{Member, member, selectors_of};
use super::object::Object;
use super::targets::{Before, Targets};
use super::turn::Turn;
use crate::auto_release_time::{AutoReleaseTime, Cancelled};
use crate::call::{FlagWrite, WriteCall};
use crate::flag::Flag;
use crate::id::{CallId, InstanceId, ObjectId};
use crate::instance::{Instance, InstanceFacts};
use crate::reason::Reason;
use crate::verdict::Verdict;

/// Has the release time of an instance taken away. What it was goes along, for the log: the cloud does not keep it.
pub(super) fn cancel(targets: &Targets<Instance>, call: CallId, write: FlagWrite<AutoReleaseTime>) -> Action {
    let id = match write.call {
        WriteCall::Protect(id) => id,
        WriteCall::Unprotect(permit) => permit.never(),
    };
    let was = targets.inventory.evidence(&id).and_then(|e| release_time(&e.facts)).cloned();
    Action::CancelReleaseTime(call, id, was.unwrap_or_default(), write.on_behalf)
}

fn release_time(facts: &InstanceFacts) -> Option<&Arc<str>> {
    facts.auto_release.as_ref()?.as_ref()
}

/// A release time is not there any more that a write of ours was to take away: whoever had it taken away is told what it was.
/// Goes before what has become of the instance is held against that write.
pub(super) fn note_cancelled(
    turn: &mut Turn<'_>,
    targets: &mut Targets<Instance>,
    keeper: &FlagKeeper<AutoReleaseTime>,
    id: &InstanceId,
    before: &Before<Instance>,
) {
    let Some(seen) = &before.evidence else { return };
    let Some(was) = release_time(&seen.facts) else { return };
    let taken = targets.inventory.evidence(id).is_some_and(|e| e.facts.auto_release == Some(None));
    if !taken || !keeper.may_have_written_since(id, seen.call) {
        return;
    }
    let asking = |(name, object, member): (&ObjectId, &Object<Instance>, Member)| {
        (member == Member::Yes && AutoReleaseTime::enforces(&object.intent)).then(|| name.clone())
    };
    let names: Vec<ObjectId> = selectors_of(targets.view(turn), id).filter_map(asking).collect();
    for name in names {
        if let Some(object) = targets.objects.get_mut(&name) {
            object.cancelled.push(Cancelled { instance: id.clone(), time: was.clone() });
            turn.context.touch(name);
        }
    }
}

/// Why the release time of a target of an object that has them taken away is still there; `None`: it is not, or it is not known
/// to be.
pub(super) fn pending(
    view: FlagView<'_, AutoReleaseTime>,
    (name, object): (&ObjectId, &Object<Instance>),
    id: &InstanceId,
) -> Option<Reason> {
    let reason = match view.verdict(id, view.told_horizon(), object.tag_epoch)? {
        Verdict::Unprotected(Reason::Correcting) | Verdict::Unknown(Reason::Verifying) => {
            Reason::CancellingReleaseTime
        }
        Verdict::Unprotected(reason) | Verdict::Unknown(reason @ Reason::FieldUnreadable) => reason,
        // Why nothing is known of an instance is said of its protection already.
        Verdict::Protected(_) | Verdict::Excepted(_) | Verdict::NotApplicable(_) | Verdict::Unknown(_) => {
            return None;
        }
    };
    (member(*view, name, object, id) == Member::Yes).then_some(reason)
}
