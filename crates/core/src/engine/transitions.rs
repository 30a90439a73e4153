//! What the evidence log is told of a flag: that two looks of one term differ, and which write of ours lies between them.
//!
//! What the first complete sweep of a term shows is no transition: whoever led before has told of it, and of a hundred thousand
//! targets nothing is to be said at a start. From then on a target that nothing was known of is told of when it is first seen. Before
//! that, so is one of which it was told that nobody selects it any more.

use super::care::Care;
use super::targets::{Before, Targets};
use super::turn::Turn;
use super::writer::Writer;
use crate::evidence::Evidence;
use crate::failure::{Effect, Failure};
use crate::flag::{Flag, Id};
use crate::id::RequestId;
use crate::resource::Resource;
use crate::transition::{FlagState, Look, Transition, Wrote};

/// A target was shown.
pub(super) fn note_shown<F: Flag>(
    turn: &mut Turn<'_>,
    targets: &Targets<F::Of>,
    writer: &mut Writer<F>,
    id: &Id<F>,
    before: &Before<F::Of>,
) {
    let Some(evidence) = targets.inventory.evidence(id) else { return };
    let to = FlagState::shown(F::protected(&evidence.facts));
    let (from, last_seen) = known::<F>(turn, before).unzip();
    let care = writer.known_care_mut(id);
    if from == Some(to) || (from.is_none() && !targets.would_be_new(id)) || !turn.context.leads(turn.now) {
        if let Some(care) = care {
            care.confirm(to, evidence.call);
        }
        return;
    }
    let mut transition = Transition {
        resource: F::Of::NAME,
        flag: F::NAME,
        id: id.as_ref().into(),
        from,
        to: Some(to),
        last_seen,
        seen: Look { at: turn.now, request_id: Some(evidence.request_id.clone()) },
        write: None,
    };
    if let Some(care) = care {
        flush(turn, care);
        transition.write = care
            .own_write(to, evidence.call)
            .map(|own| Wrote { on_behalf: own.on_behalf.clone(), request_id: own.request_id.clone() });
        if transition.write.is_some() && care.writing.is_some() {
            // Its answer has the id of the request.
            care.untold = Some(Box::new(transition));
            return;
        }
        care.confirm(to, evidence.call);
    }
    turn.context.note_transition(transition);
}

/// A target is proven to be gone, by this request last.
pub(super) fn note_gone<F: Flag>(
    turn: &mut Turn<'_>,
    writer: &mut Writer<F>,
    id: &Id<F>,
    before: &Before<F::Of>,
    request_id: Option<&RequestId>,
) {
    if let Some(care) = writer.known_care_mut(id) {
        flush(turn, care);
    }
    let seen = Look { at: turn.now, request_id: request_id.cloned() };
    note_end::<F>(turn, id, before.evidence.as_ref(), (Some(FlagState::Gone), seen));
}

/// Nobody selects a target any more, of which this is the newest evidence.
pub(super) fn note_forgotten<F: Flag>(turn: &mut Turn<'_>, id: &Id<F>, evidence: Option<&Evidence<F::Of>>) {
    let seen = Look { at: turn.now, request_id: None };
    note_end::<F>(turn, id, evidence, (None, seen));
}

/// A write was answered, or is lost. `alone`: no other target was written in the same call.
pub(super) fn note_answer<F: Flag>(
    turn: &mut Turn<'_>,
    writer: &mut Writer<F>,
    id: &Id<F>,
    (result, alone): (Result<Option<&RequestId>, &Failure>, bool),
) {
    let Some(care) = writer.known_care_mut(id) else { return };
    let request_id = match result {
        Ok(request_id) => request_id.cloned(),
        Err(failure) => failure.request_id.clone(),
    };
    if matches!(result, Err(failure) if failure.effect == Effect::None && alone) {
        care.own = None;
        if let Some(untold) = &mut care.untold {
            untold.write = None;
        }
    } else if let Some(untold) = &mut care.untold {
        if let Some(write) = &mut untold.write {
            write.request_id = request_id;
        }
        care.own = None;
    } else if let Some(own) = &mut care.own {
        own.request_id = request_id;
    }
    flush(turn, care);
}

/// What waits for the answer to a write is told without that.
fn flush(turn: &mut Turn<'_>, care: &mut Care) {
    if let Some(untold) = care.untold.take() {
        turn.context.note_transition(*untold);
    }
}

fn note_end<F: Flag>(
    turn: &mut Turn<'_>,
    id: &Id<F>,
    evidence: Option<&Evidence<F::Of>>,
    (to, seen): (Option<FlagState>, Look),
) {
    let Some(evidence) = evidence.filter(|evidence| evidence.call >= turn.context.term().since) else {
        return;
    };
    if turn.context.leads(turn.now) {
        turn.context.note_transition(Transition {
            resource: F::Of::NAME,
            flag: F::NAME,
            id: id.as_ref().into(),
            from: Some(FlagState::shown(F::protected(&evidence.facts))),
            to,
            last_seen: Some(look_of(evidence)),
            seen,
            write: None,
        });
    }
}

/// What was known of a flag, if that was seen in this term, and when it was seen last.
fn known<F: Flag>(turn: &Turn<'_>, before: &Before<F::Of>) -> Option<(FlagState, Look)> {
    let since = turn.context.term().since;
    match before.evidence.as_ref().filter(|evidence| evidence.call >= since) {
        Some(evidence) => Some((FlagState::shown(F::protected(&evidence.facts)), look_of(evidence))),
        None => before.gone.map(|at| (FlagState::Gone, Look { at, request_id: None })),
    }
}

fn look_of<R: Resource>(evidence: &Evidence<R>) -> Look {
    Look { at: evidence.seen, request_id: Some(evidence.request_id.clone()) }
}
