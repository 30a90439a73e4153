//! What stands between the targets of an object and the end of its unprotecting.

use super::care::Value;
use super::flag_view::FlagView;
use super::holds::{enforcer, held_by_other};
use super::hosts::{Presence, doubtful_hosts, hosts_of, is_no_id};
use super::membership::{Member, member_by_spec, unlisted};
use super::suspension::{is_exception_awaited, is_exception_open, is_open};
use super::unprotect::{Ended, Next, Plan, Task};
use crate::authority::{Case, Obstacles, UnprotectPermit, grant};
use crate::evidence::Evidence;
use crate::flag::{Flag, Id};
use crate::id::ObjectId;
use crate::intent::Unprotecting;
use crate::on_behalf::{OnBehalf, WriteReason};
use crate::reason::Reason;
use crate::resource::Resource;
use crate::verdict::{Progress, Verdict, tell, tell_with};

/// What stands between one target and the end of the task.
pub(super) enum Standing {
    Ended(Ended),
    Ready,
    Waiting(Reason),
}

/// Where the object's task stands; `None`: it is not time for a look, or there is none.
pub(super) fn plan<F: Flag>(view: FlagView<'_, F>, object: &ObjectId) -> Option<Plan<F::Of>> {
    let entry = view.objects.get(object)?;
    let task = view.unprotector.task(object)?;
    // What is not listed is waited for like a target that is not known.
    // An instance that is gone, or hidden, or has an id that is none, is not waited for.
    let absent = |reason: &Reason| {
        matches!(
            reason,
            Reason::NotFound | Reason::NodeInstanceGone | Reason::NodeIdRefused | Reason::ListsDisagree
        )
    };
    // Stepping aside is about one instance, whatever else there is.
    let of_all = task.what != Unprotecting::SteppingAside;
    let doubt = doubtful_hosts(*view, object, entry).map(|(_, reason)| reason).find(|reason| !absent(reason));
    // A deletion that may not unprotect need not know what.
    let powerless = task.what == Unprotecting::BeforeDeletion && !entry.intent.may.unprotect;
    let unlisted = unlisted(*view, object).or(doubt).filter(|_| of_all && !powerless);
    let unlisted = unlisted.map(|reason| stands_against(view, task, reason));
    let mut plan = Plan {
        generation: entry.generation,
        size: 0,
        ended: Vec::new(),
        ready: Vec::new(),
        waiting: match unlisted {
            Some(Standing::Waiting(reason)) => Some(reason.needs_person()),
            _ => None,
        },
    };
    let single = entry.intent.exceptions.keys().chain(entry.aside.lifted.keys()).filter(|_| !of_all);
    for id in view.reach(entry).filter(|_| of_all).chain(single) {
        plan.size = plan.size.saturating_add(1);
        match standing(view, object, id) {
            // What is not selected now may be in a moment.
            None if !of_all && (is_open(*view, entry, id) || is_exception_awaited(*view, entry, id)) => {
                plan.waiting = plan.waiting.or(Some(true));
            }
            None => {}
            Some(Standing::Ended(how)) => plan.ended.push((id.clone(), how)),
            Some(Standing::Ready) => plan.ready.push(id.clone()),
            Some(Standing::Waiting(reason)) => {
                plan.waiting = Some(plan.waiting.unwrap_or(true) && reason.needs_person());
            }
        }
    }
    Some(plan)
}

/// What stands between one target and the end of the task; `None`: it is not one of the object's targets.
pub(super) fn standing<F: Flag>(view: FlagView<'_, F>, object: &ObjectId, id: &Id<F>) -> Option<Standing> {
    let entry = view.objects.get(object)?;
    let task = view.unprotector.task(object)?;
    if task.ended.contains_key(id) {
        return None;
    }
    if task.what == Unprotecting::SteppingAside && !is_open(*view, entry, id) {
        return None;
    }
    // A Node of which nobody knows the instance holds nothing up.
    if is_no_id(*view, entry, id) || is_removed(view, object, id) {
        return None;
    }
    match member_by_spec(*view, object, entry, id) {
        Member::Yes => {}
        Member::No => return None,
        // Whatever it was, it is no more.
        Member::Unclear(_)
            if view.verdict(id, view.horizon(), 0) == Some(Verdict::Unknown(Reason::NotFound)) =>
        {
            return Some(Standing::Ended(Ended::Done));
        }
        Member::Unclear(reason) => return Some(stands_against(view, task, reason)),
    }
    let verdict = view.verdict(id, view.horizon(), entry.tag_epoch)?;
    let evidence = view.inventory.evidence(id);
    // What nothing would take along keeps its flag.
    if evidence.is_some_and(|e| !F::at_stake(&e.facts)) {
        return None;
    }
    let care = view.care(id);
    let refusal = care
        .and_then(|c| c.trouble_with(Value::Unprotected))
        .filter(|t| t.reason.needs_person() || t.refused_for_good::<F>());
    let waits = care.is_some_and(|c| c.writing.is_some() || c.unprotecting.not_before > view.now);
    // A write of our own may have protected it since it was seen.
    let unverified = care.zip(evidence).is_some_and(|(care, evidence)| {
        let overtaken = care.written_before.is_some_and(|end| evidence.call < end);
        care.writing.is_some() || (overtaken && !care.had_no_effect)
    });
    Some(match verdict {
        Verdict::Unprotected(_) if unverified => stands_against(view, task, Reason::Verifying),
        // What nobody sees was not left unprotected, and what another one has protected won't stay so.
        Verdict::Unknown(reason @ Reason::NotFound) if task.what == Unprotecting::SteppingAside => {
            stands_against(view, task, reason)
        }
        Verdict::Unprotected(_) if task.what == Unprotecting::SteppingAside => {
            match enforcer::<F>(*view, id) {
                Some(_) => stands_against(view, task, Reason::Conflict),
                None => Standing::Ended(Ended::Done),
            }
        }
        Verdict::Unprotected(_) | Verdict::NotApplicable(_) | Verdict::Unknown(Reason::NotFound) => {
            Standing::Ended(Ended::Done)
        }
        _ if !entry.intent.may.unprotect => stands_against(view, task, Reason::NotGranted),
        Verdict::Unknown(reason) => stands_against(view, task, reason),
        Verdict::Protected(_) | Verdict::Excepted(_) => {
            if let Some(reason) = obstacle(view, task, object, id) {
                return Some(stands_against(view, task, reason));
            }
            match (refusal, view.writer.closed(view.now)) {
                (Some(trouble), _)
                    if task.what == Unprotecting::BeforeDeletion && trouble.refused_for_good::<F>() =>
                {
                    Standing::Ended(Ended::LeftProtected(F::REFUSAL.settled))
                }
                (Some(trouble), _) if waits || task.what == Unprotecting::BeforeDeletion => {
                    stands_against(view, task, trouble.reason)
                }
                // Others were denied; whether this task will be is not known.
                (None, Some((_, Reason::PermissionDenied))) if !task.denied => {
                    Standing::Waiting(Reason::Unprotecting)
                }
                (None, Some((_, reason))) => stands_against(view, task, reason),
                (None, None) if waits => stands_against(view, task, Reason::Unprotecting),
                _ if task.patience_ended(view.now) => {
                    Standing::Ended(Ended::LeftProtected(Reason::DeadlinePassed))
                }
                _ => Standing::Ready,
            }
        }
    })
}

/// What forbids to unprotect a protected target, whatever the cloud would say to it.
fn obstacle<F: Flag>(
    view: FlagView<'_, F>,
    task: &Task<F::Of>,
    object: &ObjectId,
    id: &Id<F>,
) -> Option<Reason> {
    if held_by_other::<F>(*view, id, object) {
        return Some(Reason::Conflict);
    }
    if !view.opaque.is_empty() {
        return Some(Reason::OpaqueRival);
    }
    if view.breaker.is_open() {
        return Some(Reason::CircuitBreaker);
    }
    let placed = view.inventory.place(id).instance().is_some();
    if let Some(reason) = view.hosts_unreadable().filter(|_| placed) {
        return Some(reason);
    }
    // Who selects the instance that it is on can't be told as long as that can't be seen.
    if task.what == Unprotecting::Once
        && let Some(reason) = unseen_host(view, object, id)
    {
        return Some(reason);
    }
    // A hold by tag may be hidden.
    let odd_tags = view.inventory.evidence(id).is_some_and(|e| F::Of::tags(&e.facts).is_none());
    odd_tags.then_some(Reason::FieldUnreadable)
}

/// A deletion does not wait for what only a person can mend; it waits for the rest until its patience ends.
pub(super) fn stands_against<F: Flag>(view: FlagView<'_, F>, task: &Task<F::Of>, reason: Reason) -> Standing {
    let reason = match (reason, view.reader.hindrance().why()) {
        (Reason::AwaitingEvidence | Reason::EvidenceStale | Reason::AwaitingListing, Some((why, _))) => why,
        _ => reason,
    };
    match task.what {
        Unprotecting::BeforeDeletion if task.patience_ended(view.now) => {
            Standing::Ended(Ended::LeftProtected(Reason::DeadlinePassed))
        }
        Unprotecting::BeforeDeletion if reason.needs_person() || reason == Reason::CircuitBreaker => {
            Standing::Ended(Ended::LeftProtected(reason))
        }
        Unprotecting::BeforeDeletion | Unprotecting::Once | Unprotecting::SteppingAside => {
            Standing::Waiting(reason)
        }
    }
}

/// Whether the target is on a machine that Karpenter removes, as far as the object knows: it may be selected by what status says alone,
/// which is no reason to give anything up (I14).
fn is_removed<F: Flag>(view: FlagView<'_, F>, name: &ObjectId, id: &Id<F>) -> bool {
    let asked = view.hosts.and_then(|hosts| hosts.objects.get(name));
    let place = view.inventory.place(id).instance();
    asked.zip(place).is_some_and(|(asked, instance)| asked.intent.lifts.contains_key(instance))
}

/// Puts the case for one target to [`grant`], and says on whose behalf.
pub(super) fn permit<F: Flag>(
    view: FlagView<'_, F>,
    Next { object, id, proofs: (proof, read_since) }: &Next<F::Of>,
) -> Option<(UnprotectPermit<F>, OnBehalf)> {
    let (entry, target) = (view.objects.get(object)?, view.inventory.get(id)?);
    let busy = view.care(id).is_some_and(|c| c.writing.is_some() || c.accepted.is_some());
    // A hold by tag shows only on tags that could be read, and of which none was dropped that somebody asks for.
    let tells_all =
        |e: &&Evidence<F::Of>| F::Of::tags(&e.facts).is_some() && e.tag_epoch >= view.keys.epoch();
    let evidence = target.evidence.as_ref().filter(tells_all)?;
    let written = view.care(id).and_then(|c| c.written_before);
    let fresh = evidence.fresh(view.horizon(), written)?;
    if busy || target.absence.is_some() {
        return None;
    }
    let case = Case {
        intent: (entry.generation, &entry.intent),
        object: *proof,
        target: (fresh, evidence.call),
        read_since: *read_since,
        selected: member_by_spec(*view, object, entry, id) == Member::Yes
            && F::at_stake(&evidence.facts)
            && !is_removed(view, object, id),
        steps_aside: is_open(*view, entry, id),
        obstacles: Obstacles {
            held: held_by_other::<F>(*view, id, object),
            opaque: !view.opaque.is_empty(),
            circuit_open: view.breaker.is_open(),
        },
    };
    let reason = match F::unprotecting(&entry.intent)? {
        Unprotecting::Once => WriteReason::Unprotecting,
        Unprotecting::BeforeDeletion => WriteReason::Deleting,
        Unprotecting::SteppingAside if is_exception_open(*view, entry, id) => WriteReason::Excepted,
        Unprotecting::SteppingAside => WriteReason::Lifted,
    };
    let permit = grant(id, &case, view.now).ok()?;
    Some((permit, OnBehalf { object: object.clone(), generation: entry.generation, reason }))
}

/// How far the unprotecting of all targets of the object has come, for its report.
pub(super) fn progress<F: Flag>(view: FlagView<'_, F>, object: &ObjectId) -> Option<Progress> {
    let entry = view.objects.get(object)?;
    let task = view.unprotector.task(object).filter(|task| task.what != Unprotecting::SteppingAside)?;
    let mut progress = Progress { done: task.done, ..Progress::default() };
    for (id, how) in &task.ended {
        match how {
            Ended::Done => progress.ended += 1,
            Ended::LeftProtected(reason) => tell(&mut progress.left_protected, *reason, id.as_ref()),
        }
    }
    for id in view.reach(entry) {
        if member_by_spec(*view, object, entry, id) == Member::No {
            continue;
        }
        if task.done {
            let left = matches!(task.ended.get(id), Some(Ended::LeftProtected(_)));
            let verdict = view.verdict(id, view.horizon(), entry.tag_epoch);
            let protected = matches!(verdict, Some(Verdict::Protected(_)));
            progress.protected_again += u32::from(protected && !left);
        } else if let Some(standing) = standing(view, object, id) {
            let reason = match standing {
                Standing::Waiting(reason) => reason,
                Standing::Ready => Reason::Unprotecting,
                Standing::Ended(_) => continue,
            };
            tell_with(&mut progress.waiting, reason, id.as_ref(), || view.words(id, reason));
        }
    }
    Some(progress)
}

/// Why the instance that the target is on is not seen.
fn unseen_host<F: Flag>(view: FlagView<'_, F>, name: &ObjectId, id: &Id<F>) -> Option<Reason> {
    let instance = view.inventory.place(id).instance()?;
    match hosts_of(view.hosts, name)?.get(instance)?.presence {
        Presence::Shown(_) => None,
        Presence::Gone(_) => Some(Reason::ListsDisagree),
        Presence::Unknown(reason) => Some(reason),
    }
}
