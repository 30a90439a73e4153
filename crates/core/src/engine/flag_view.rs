//! The one read-only look at a flag: what is known of the targets that carry it, and what is being done about it.

use std::ops::Deref;

use super::care::{self, Care};
use super::holds::{enforcer, holds};
use super::object::Object;
use super::unprotect::Unprotector;
use super::view::View;
use super::writer::Writer;
use crate::failure::without_request;
use crate::flag::{Applicability, Flag, Id};
use crate::on_behalf::{OnBehalf, WriteReason};
use crate::reason::Reason;
use crate::time::Moment;
use crate::verdict::Verdict;

/// What is known of a flag on all targets, at one moment, beside what is known of the targets themselves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FlagView<'a, F: Flag> {
    pub(super) targets: View<'a, F::Of>,
    pub(super) writer: &'a Writer<F>,
    pub(super) unprotector: &'a Unprotector<F::Of>,
}

impl<'a, F: Flag> Deref for FlagView<'a, F> {
    type Target = View<'a, F::Of>;

    fn deref(&self) -> &Self::Target {
        &self.targets
    }
}

impl<'a, F: Flag> FlagView<'a, F> {
    /// The verdict on evidence alone, whoever asks; `None`: nobody wants to know of it.
    pub(super) fn verdict(self, id: &Id<F>, horizon: Moment, epoch: u32) -> Option<Verdict> {
        let target = self.inventory.get(id)?;
        Some(care::verdict::<F>(target, self.care(id), horizon, epoch))
    }

    /// What is being done about a target.
    pub(super) fn care(self, id: &Id<F>) -> Option<&'a Care> {
        self.writer.care(id)
    }

    /// Whether somebody keeps setting the unprotected value on a target.
    pub(super) fn contested(self, id: &Id<F>) -> bool {
        self.care(id).is_some_and(|care| care.contested(self.now))
    }

    /// Words a verdict for an object: with the trouble of reading when that is why it is unknown, and as a mere
    /// observation where nothing is to be done about it.
    pub(super) fn explain(self, verdict: Verdict, object: &Object<F::Of>, id: &Id<F>) -> Verdict {
        match verdict {
            Verdict::Unknown(reason) => Verdict::Unknown(self.why_unread(reason)),
            Verdict::Unprotected(_) if !holds::<F>(*self, object, id) => {
                Verdict::Unprotected(Reason::NotWanted)
            }
            _ if object.intent.observe => verdict.observed(),
            _ => verdict,
        }
    }

    pub(super) fn row_detail(self, id: &Id<F>, reason: Reason) -> Option<Box<str>> {
        let trouble = self.care(id).and_then(|c| c.trouble.as_ref()).filter(|t| t.reason == reason);
        let detail = match trouble {
            Some(trouble) => trouble.detail.as_ref(),
            None => self
                .reader
                .hindrance()
                .why()
                .filter(|(why, _)| *why == reason)
                .map_or("", |(_, detail)| detail),
        };
        (!detail.is_empty()).then(|| detail.into())
    }

    /// What the cloud said of a target, for a sentence about many.
    pub(super) fn words(self, id: &Id<F>, reason: Reason) -> Option<Box<str>> {
        self.row_detail(id, reason).map(|detail| without_request(&detail).into())
    }

    /// On whose behalf the protected value is to be written on this target now; `None`: it is not to be written. It is judged anew
    /// just before the call goes out.
    pub(super) fn protecting(self, id: &Id<F>) -> Option<OnBehalf> {
        let target = self.inventory.get(id)?;
        let evidence = target.evidence.as_ref().filter(|_| target.absence.is_none())?;
        // Whoever led meanwhile may have written, and so may anybody since two sweeps ago.
        let known = evidence.seen >= self.horizon() && evidence.call >= self.term.since;
        let ready = self.care(id).is_none_or(|care| {
            care.writing.is_none()
                && care.accepted.is_none()
                && care.protecting.not_before <= self.now
                && care.written_before.is_none_or(|end| evidence.call >= end)
        });
        let wrong = F::protected(&evidence.facts) == Some(false)
            && F::applicability(&evidence.facts) == Applicability::Yes;
        if !(known && ready && wrong) {
            return None;
        }
        let object = enforcer::<F>(self.targets, id)?;
        let generation = self.objects.get(object)?.generation;
        let drifted = self.care(id).is_some_and(|care| care.drifted.is_some());
        let reason = if drifted { WriteReason::Repairing } else { WriteReason::Correcting };
        Some(OnBehalf { object: object.clone(), generation, reason })
    }
}
