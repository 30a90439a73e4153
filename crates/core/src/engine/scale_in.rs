//! What is said of an object's members of scaling groups, beside what is said of its instances. Whether one is to be protected
//! is decided as for any flag ([`FlagKeeper::reconsider`](super::flag_keeper::FlagKeeper::reconsider)).

use super::flag_view::FlagView;
use super::holds::enforces_on_host;
use super::membership::{Member, member};
use super::unprotect_checks::progress;
use crate::flag::Flag;
use crate::id::{InstanceId, ObjectId};
use crate::protected_from_scale_in::ProtectedFromScaleIn;
use crate::reason::{Reason, Risk};
use crate::scaling_groups::ScalingGroups;
use crate::scaling_member::MemberFacts;
use crate::verdict::{Groups, Progress, Verdict, tell_with};

/// What one object asks of members of scaling groups, and what is known of them.
pub(super) struct ScaleInReport<'a> {
    view: FlagView<'a, ProtectedFromScaleIn>,
    name: &'a ObjectId,
}

impl<'a> ScaleInReport<'a> {
    pub fn of(view: FlagView<'a, ProtectedFromScaleIn>, name: &'a ObjectId) -> Self {
        Self { view, name }
    }

    /// Whether the object has a member protected.
    fn enforces(&self, id: &InstanceId) -> bool {
        let object = self.view.objects.get(self.name);
        object.is_some_and(|object| {
            enforces_on_host::<ProtectedFromScaleIn>(*self.view, (self.name, object), id)
        })
    }

    /// What is said of an instance as a member; `None`: it is none, or nobody asked.
    fn verdict(&self, id: &InstanceId) -> Option<Verdict> {
        let object = self.view.objects.get(self.name)?;
        let target = self.view.inventory.get(id)?;
        let tagged = !self.view.index.listed_by(id).is_empty();
        // Where nothing at all is listed, nobody is a member but by the tag.
        let alone = || target.absence.as_ref().is_some_and(|it| it.reason() == Reason::NothingVisible);
        if !self.view.reaches(self.name, id) || (!tagged && alone()) {
            return None;
        }
        let verdict = || self.view.verdict(id, self.view.told_horizon(), object.tag_epoch);
        match member(*self.view, self.name, object, id) {
            Member::No => None,
            Member::Yes => verdict(),
            Member::Unclear(reason) => match verdict() {
                Some(Verdict::Unknown(why)) => Some(Verdict::Unknown(why)),
                _ => Some(Verdict::Unknown(reason)),
            },
        }
    }

    /// Amends the risks of an instance, which go by its tags.
    pub fn amend(&self, id: &InstanceId, risks: &mut Vec<Risk>) {
        let Some(verdict) = self.verdict(id) else { return };
        let reason = match verdict {
            Verdict::Protected(_) => Reason::ScalingRemovalByName,
            Verdict::NotApplicable(
                reason @ (Reason::ScalingStandby | Reason::ScalingStopped | Reason::ScalingRemoving),
            ) => reason,
            _ => Reason::ScalingGroupMember,
        };
        let evidence = self.view.inventory.evidence(id);
        let group = evidence.and_then(|evidence| evidence.facts.group.as_ref());
        let tagged = risks.iter().position(|risk| risk.reason == Reason::ScalingGroupMember);
        match tagged.and_then(|at| risks.get_mut(at)) {
            Some(risk) => risk.reason = reason,
            // It is a member by the listing alone.
            None => risks.push(Risk { reason, detail: group.map(|group| group.as_str().into()) }),
        }
        if self.view.contested(id) && self.enforces(id) {
            risks.push(Risk { reason: Reason::Contested, detail: Some("protection from scale-in".into()) });
        }
    }

    /// Tells why an instance is not protected from scale-in yet, if that is asked for.
    pub fn tell(&self, id: &InstanceId, waiting: &mut Groups) {
        if !self.view.objects.contains_key(self.name) || !self.enforces(id) {
            return;
        }
        let reason = match self.verdict(id) {
            Some(Verdict::Unprotected(Reason::Correcting) | Verdict::Unknown(Reason::Verifying)) => {
                Reason::ProtectingFromScaleIn
            }
            Some(Verdict::Unprotected(reason) | Verdict::NotApplicable(reason @ Reason::ScalingPending)) => {
                reason
            }
            Some(Verdict::Unknown(Reason::NotFound)) => Reason::ScalingMemberMissing,
            Some(Verdict::Unknown(reason)) => self.view.why_unread(reason),
            Some(Verdict::Protected(_) | Verdict::NotApplicable(_) | Verdict::Excepted(_)) | None => return,
        };
        tell_with(waiting, reason, id.as_str(), || self.view.words(id, reason));
    }

    /// Counts an instance in the group that the cloud has shown it in.
    pub fn count(&self, id: &InstanceId, groups: &mut ScalingGroups) {
        if matches!(self.verdict(id), None | Some(Verdict::Unknown(Reason::NotFound))) {
            return;
        }
        match self.view.inventory.evidence(id).map(|evidence| &evidence.facts) {
            Some(facts @ MemberFacts { group: Some(group), .. }) => {
                groups.add(group, ProtectedFromScaleIn::protected(facts) == Some(true));
            }
            _ => groups.unlisted = true,
        }
    }

    /// Why there may be members that are not known, if the object asks anything of them.
    pub fn unlisted(&self) -> Option<Reason> {
        self.view.objects.get(self.name)?;
        self.view.unlisted(self.name).or(self.view.lagging())
    }

    /// Tells why there may be members that are not known.
    pub fn tell_unlisted(&self, waiting: &mut Groups) {
        let reason = self.unlisted();
        let object = self.view.objects.get(self.name);
        let enforcing = object.is_some_and(|object| ProtectedFromScaleIn::enforces(&object.intent));
        if let Some(reason) = reason.filter(|_| enforcing) {
            let group = waiting.entry(reason).or_default();
            if group.words.is_none() {
                group.words = self.view.words_of_reads(reason).map(Into::into);
            }
        }
    }

    /// How far giving its members up to scale-in has come, if that is asked for.
    pub fn progress(&self) -> Option<Box<Progress>> {
        progress(self.view, self.name).map(Box::new)
    }
}

/// Whether what is said has to wait for the first evidence.
pub(super) fn awaits_evidence(waiting: &Groups) -> bool {
    let awaited = [
        Reason::AwaitingEvidence,
        Reason::AwaitingListing,
        Reason::EvidenceStale,
        // It is looked up once more before the word that stands is changed.
        Reason::Missing,
    ];
    awaited.iter().any(|reason| waiting.contains_key(reason))
}
