//! What is to be done and said about the automatic release times of instances.

use std::sync::Arc;

use super::action::Action;
use super::flag_keeper::FlagKeeper;
use super::flag_view::FlagView;
use super::membership::{Member, member};
use super::targets::{Before, Targets};
use super::turn::Turn;
use crate::auto_release_time::{AutoReleaseTime, Cancelled};
use crate::call::WriteCall;
use crate::flag::Flag;
use crate::id::{CallId, InstanceId, ObjectId};
use crate::instance::{Instance, InstanceFacts};
use crate::intent::Intent;
use crate::reason::Reason;
use crate::verdict::Verdict;

/// Has the release time of an instance taken away. What it was goes along, for the log: the cloud does not keep it.
pub(super) fn cancel(targets: &Targets<Instance>, call: CallId, write: WriteCall<AutoReleaseTime>) -> Action {
    let id = match write {
        WriteCall::Protect(id) => id,
        WriteCall::Unprotect(permit) => permit.never(),
    };
    let was = targets.inventory.evidence(&id).and_then(|e| release_time(&e.facts)).cloned();
    Action::CancelReleaseTime(call, id, was.unwrap_or_default())
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
    let view = targets.view(turn);
    let asked = |name: &&ObjectId| {
        view.objects
            .get(*name)
            .is_some_and(|object| cancels(&object.intent) && member(view, name, object, id) == Member::Yes)
    };
    let candidates = view.index.candidates(id, view.known_tags(id), view.inventory.place(id));
    let names: Vec<ObjectId> = candidates.into_iter().filter(asked).cloned().collect();
    for name in names {
        if let Some(object) = targets.objects.get_mut(&name) {
            object.cancelled.push(Cancelled { instance: id.clone(), time: was.clone() });
            turn.context.touch(name);
        }
    }
}

/// Why the release time of an object's target is not taken away yet; `None`: there is none, or it is not to be taken away.
pub(super) fn pending(
    view: FlagView<'_, AutoReleaseTime>,
    name: &ObjectId,
    id: &InstanceId,
) -> Option<Reason> {
    let object = view.objects.get(name).filter(|object| cancels(&object.intent))?;
    let reason = match view.verdict(id, view.told_horizon(), object.tag_epoch)? {
        Verdict::Unprotected(Reason::Correcting) | Verdict::Unknown(Reason::Verifying) => {
            Reason::CancellingReleaseTime
        }
        Verdict::Unprotected(reason) | Verdict::Unknown(reason @ Reason::FieldUnreadable) => reason,
        // Why nothing is known of an instance is said of its protection already.
        Verdict::Protected(_) | Verdict::NotApplicable(_) | Verdict::Unknown(_) => return None,
    };
    (member(*view, name, object, id) == Member::Yes).then_some(reason)
}

/// Whether an object has release times taken away.
fn cancels(intent: &Intent<Instance>) -> bool {
    AutoReleaseTime::holds(intent) && !intent.observe
}
