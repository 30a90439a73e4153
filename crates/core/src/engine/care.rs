//! What is being done about one target, and what is to be said of it in the light of that.

use std::time::Duration;

use super::target::Target;
use crate::backoff::LONG;
use crate::flag::{Applicability, Flag};
use crate::id::{CallId, RequestId};
use crate::loss::Sight;
use crate::on_behalf::OnBehalf;
use crate::reason::Reason;
use crate::time::Moment;
use crate::transition::{FlagState, Transition};
use crate::verdict::Verdict;

/// How long the cloud may take to show that a target was unprotected before we take the write as ignored. No page of the vendor
/// states a delay.
pub const SETTLE: Duration = Duration::from_secs(30);
/// A write of the protected value is taken as ignored after a sweep interval, and this long at least: protection does not wait.
pub const SETTLE_PROTECTED: Duration = Duration::from_secs(5);
/// The span in which repairs are counted, and how many of them are a write war.
pub const CONTEST: (Duration, usize) = (Duration::from_hours(1), 3);

/// What is being done about a target.
#[derive(Debug, Default)]
pub struct Care {
    /// The write under way.
    pub writing: Option<CallId>,
    /// The first call number after our last write ended: only a read from there on tells of its effect.
    pub written_before: Option<CallId>,
    /// Whether our last write ended with an answer that proves that it had no effect.
    pub had_no_effect: bool,
    /// When the cloud accepted a write whose effect we have not seen yet, and which value it set.
    pub accepted: Option<(Moment, Value)>,
    /// How many writes of which value were accepted and ignored in a row.
    pub ignored: Option<(Value, u32)>,
    /// What the next write of the protected value waits for.
    pub protecting: Wait,
    /// What the next one of the unprotected value waits for. Protecting does not wait for that.
    pub unprotecting: Wait,
    /// Why it is not protected yet, when we know.
    pub trouble: Option<Trouble>,
    /// When we put the flag right after somebody else had switched it off: the newest ones that make a write war.
    pub repairs: Vec<Moment>,
    /// It was protected when last seen before it was unprotected: this is drift and not a first setting.
    pub drifted: Option<Drift>,
    /// The last look that showed it protected before that.
    pub last_protected: Option<Box<Sight>>,
    /// Verifying reads that did not show the effect yet.
    pub looks: u32,
    /// The next one is not sent before this.
    pub look_at: Moment,
    /// Our newest write, until the value that it set is seen or it is known to have had no effect.
    pub own: Option<Box<OwnWrite>>,
    /// What is not told before that write is answered.
    pub untold: Option<Box<Transition>>,
}

/// A write of ours whose value was not seen yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnWrite {
    pub call: CallId,
    pub value: Value,
    pub on_behalf: OnBehalf,
    /// That of its answer.
    pub request_id: Option<RequestId>,
}

/// What the next write of one value waits for, because of those that failed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Wait {
    /// Failures in a row.
    pub failures: u32,
    /// No write before this.
    pub not_before: Moment,
    /// With so many in one call it is written at most, because one of more was refused.
    pub among: Option<usize>,
}

impl Wait {
    fn idle(&self) -> bool {
        self.failures == 0 && self.among.is_none()
    }
}

/// Somebody has switched the flag off.
#[derive(Debug, Clone, Copy)]
pub struct Drift {
    /// When that was seen first.
    pub since: Moment,
    /// Whether it was to be put right then.
    pub enforced: bool,
}

/// A value of the flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// The protected one.
    Protected,
    /// The unprotected one.
    Unprotected,
}

/// Why a write does not succeed.
#[derive(Debug, Clone)]
pub struct Trouble {
    /// Which value was to be set.
    pub value: Value,
    /// The reason to report.
    pub reason: Reason,
    /// When it failed for this reason first.
    pub since: Moment,
    /// When it failed for this reason last.
    pub last: Moment,
    /// The cloud's code and request id, for the message.
    pub detail: Box<str>,
}

impl Trouble {
    /// Whether evidence and the cloud's refusal have contradicted each other for too long for something that settles
    /// late. Refusals alone count, not the time in which nobody asked.
    pub fn refused_for_good<F: Flag>(&self) -> bool {
        self.reason == F::REFUSAL.settling && self.last.since(self.since) >= F::REFUSAL.settles
    }
}

impl Care {
    /// Why this value can't be set, when we know.
    pub fn trouble_with(&self, value: Value) -> Option<&Trouble> {
        self.trouble.as_ref().filter(|t| t.value == value)
    }

    /// What the next write of this value waits for.
    pub fn wait(&self, value: Value) -> &Wait {
        match value {
            Value::Protected => &self.protecting,
            Value::Unprotected => &self.unprotecting,
        }
    }

    /// The same, to change it.
    pub fn wait_mut(&mut self, value: Value) -> &mut Wait {
        match value {
            Value::Protected => &mut self.protecting,
            Value::Unprotected => &mut self.unprotecting,
        }
    }

    /// It is unprotected, and this look had shown it protected.
    pub fn drifted(&mut self, drift: Drift, before: Sight) {
        self.drifted.get_or_insert(drift);
        self.last_protected = Some(Box::new(before));
    }

    /// A spec was edited: that resets the waiting, not what was written.
    pub fn spec_changed<F: Flag>(&mut self, now: Moment) {
        for wait in [&mut self.protecting, &mut self.unprotecting] {
            (wait.failures, wait.not_before) = (0, now);
        }
        self.trouble.take_if(|trouble| trouble.reason != F::REFUSAL.settling);
    }

    /// Our write that may be why a read of this call shows this.
    pub fn own_write(&self, shown: FlagState, call: CallId) -> Option<&OwnWrite> {
        let sets = |own: &&OwnWrite| {
            let value = match own.value {
                Value::Protected => FlagState::Protected,
                Value::Unprotected => FlagState::Unprotected,
            };
            value == shown && call > own.call
        };
        self.own.as_deref().filter(sets)
    }

    /// A read of this call shows this. The write of ours that set it is done with, if it was answered.
    pub fn confirm(&mut self, shown: FlagState, call: CallId) {
        if self.writing.is_none() && self.own_write(shown, call).is_some() {
            self.own = None;
        }
    }

    /// Notes that the flag was put right.
    pub fn repaired(&mut self, now: Moment) {
        self.repairs.retain(|at| now.since(*at) < CONTEST.0);
        if self.repairs.len() >= CONTEST.1 {
            self.repairs.remove(0);
        }
        self.repairs.push(now);
    }

    /// It is seen protected. The answer is how long that took from when it was seen unprotected, if it was to be put right then and
    /// a write of ours has done so.
    pub fn seen_protected(&mut self, now: Moment) -> Option<Duration> {
        let Drift { since, enforced } = self.drifted.take()?;
        let by_us = self.repairs.last().is_some_and(|repair| *repair >= since);
        (enforced && by_us).then(|| now.since(since))
    }

    /// Whether what is written does not last: somebody keeps switching the flag off, or it has no effect.
    pub fn in_vain(&self, now: Moment) -> bool {
        self.ignored.is_some_and(|(value, _)| value == Value::Protected) || self.contested(now)
    }

    /// Whether the cloud accepts the protected value again and again without showing it.
    pub fn ineffective(&self) -> bool {
        self.trouble_with(Value::Protected).is_some_and(|t| t.reason == Reason::WriteIneffective)
    }

    /// Repairs within the last hour make a write war.
    pub fn contested(&self, now: Moment) -> bool {
        self.repairs.iter().filter(|at| now.since(**at) < CONTEST.0).count() >= CONTEST.1
    }

    /// Whether a write or its effect may be under way, or a read that was sent before it ended. `oldest`: the oldest
    /// call without an answer.
    pub fn under_way(&self, oldest: Option<CallId>) -> bool {
        let overtaken = |end: CallId| oldest.is_some_and(|call| call < end);
        self.writing.is_some() || self.accepted.is_some() || self.written_before.is_some_and(overtaken)
    }

    /// Whether nothing here is worth keeping.
    pub fn idle(&self, now: Moment) -> bool {
        self.writing.is_none()
            && self.accepted.is_none()
            && self.trouble.is_none()
            && [&self.protecting, &self.unprotecting].iter().all(|wait| wait.idle())
            && self.ignored.is_none()
            && self.drifted.is_none()
            && self.repairs.iter().all(|at| now.since(*at) >= CONTEST.0)
    }
}

/// The verdict on evidence alone, whoever asks. `epoch` is the tag epoch that the asker's selector needs.
pub fn verdict<F: Flag>(target: &Target<F::Of>, care: Option<&Care>, horizon: Moment, epoch: u32) -> Verdict {
    if let Some(absence) = target.absence.as_deref() {
        return Verdict::Unknown(absence.reason());
    }
    let Some(evidence) = target.evidence.as_ref().filter(|e| e.tag_epoch >= epoch) else {
        return Verdict::Unknown(Reason::AwaitingEvidence);
    };
    if evidence.seen < horizon {
        return Verdict::Unknown(Reason::EvidenceStale);
    }
    match F::applicability(&evidence.facts) {
        Applicability::No(reason) => return Verdict::NotApplicable(reason),
        Applicability::Unreadable => return Verdict::Unknown(Reason::FieldUnreadable),
        Applicability::Yes => {}
    }
    let Some(fresh) = evidence.fresh(horizon, care.and_then(|c| c.written_before)) else {
        let had_no_effect = care.is_some_and(|c| c.had_no_effect && c.writing.is_none());
        return if care.is_some_and(Care::ineffective) {
            // One more write of many that have changed nothing changes nothing.
            Verdict::Unprotected(Reason::WriteIneffective)
        } else if had_no_effect && F::protected(&evidence.facts) == Some(false) {
            // Nor is one more that was refused.
            unprotected::<F>(care, horizon)
        } else {
            Verdict::Unknown(Reason::Verifying)
        };
    };
    if let Some(proof) = fresh.prove::<F>() {
        // A write of our own is under way or was accepted, and this read may be of a moment before its effect.
        if care.is_some_and(|c| c.writing.is_some() || matches!(c.accepted, Some((_, Value::Unprotected)))) {
            return Verdict::Unknown(Reason::Verifying);
        }
        return Verdict::Protected(proof);
    }
    if F::protected(&evidence.facts).is_none() {
        return Verdict::Unknown(Reason::FieldUnreadable);
    }
    unprotected::<F>(care, horizon)
}

/// The verdict on a target that was seen unprotected.
fn unprotected<F: Flag>(care: Option<&Care>, horizon: Moment) -> Verdict {
    if let Some(trouble) = care.and_then(|c| c.trouble_with(Value::Protected)) {
        // Who may write tries again every ten minutes. A refusal that nobody has heard again says nothing of now.
        let heard = trouble.last.after(LONG * 2) >= horizon;
        return match (trouble.refused_for_good::<F>(), heard) {
            (true, true) => Verdict::NotApplicable(F::REFUSAL.settled),
            (true, false) => Verdict::Unprotected(Reason::Correcting),
            (false, _) => Verdict::Unprotected(trouble.reason),
        };
    }
    match care.and_then(|c| c.accepted) {
        Some((_, Value::Protected)) => Verdict::Unknown(Reason::Verifying),
        _ => Verdict::Unprotected(Reason::Correcting),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deletion_protection::DeletionProtection;
    use crate::engine::target::Absence;
    use crate::evidence::Evidence;
    use crate::id::RequestId;
    use crate::instance::{Instance, InstanceFacts};

    fn at(seconds: u64) -> Moment {
        Moment::at(Duration::from_secs(seconds))
    }

    fn facts(flag: Option<bool>) -> InstanceFacts {
        InstanceFacts { deletion_protection: flag, ..InstanceFacts::pay_as_you_go() }
    }

    /// Seen at 100 s by call 7, with the tags of epoch 3.
    fn seen(facts: InstanceFacts) -> (Target<Instance>, Option<Care>) {
        let evidence =
            Evidence { facts, seen: at(100), call: CallId(7), request_id: RequestId::new("R"), tag_epoch: 3 };
        (Target { evidence: Some(evidence), absence: None }, None)
    }

    fn cared(flag: bool, care: Care) -> (Target<Instance>, Option<Care>) {
        (seen(facts(Some(flag))).0, Some(care))
    }

    fn trouble(reason: Reason, value: Value, lasted: u64) -> Care {
        let trouble = Trouble { value, reason, since: at(50), last: at(50 + lasted), detail: Box::default() };
        Care { trouble: Some(trouble), ..Care::default() }
    }

    fn absent(change: impl Fn(&mut Absence)) -> (Target<Instance>, Option<Care>) {
        let mut absence = Absence::new(CallId(8));
        change(&mut absence);
        (Target { absence: Some(Box::new(absence)), ..seen(facts(Some(true))).0 }, None)
    }

    fn word((target, care): &(Target<Instance>, Option<Care>)) -> (&'static str, Option<Reason>) {
        match verdict::<DeletionProtection>(target, care.as_ref(), at(90), 3) {
            Verdict::Protected(_) => ("Protected", None),
            Verdict::Unprotected(reason) => ("Unprotected", Some(reason)),
            Verdict::Excepted(_) => unreachable!("evidence knows of no exceptions"),
            Verdict::NotApplicable(reason) => ("NotApplicable", Some(reason)),
            Verdict::Unknown(reason) => ("Unknown", Some(reason)),
        }
    }

    #[test]
    fn i01_i02_i04_i06_the_verdict_on_each_state_of_a_target() {
        use Reason as R;
        let spot = |flag| seen(InstanceFacts { spot: Some(true), ..facts(flag) });
        let accepted = |value| Care { accepted: Some((at(100), value)), ..Care::default() };
        let writing = || Care { writing: Some(CallId(6)), ..Care::default() };
        let written = |end| Care { written_before: Some(CallId(end)), ..Care::default() };
        for (state, target, expected) in [
            ("never seen", (Target::default(), None), ("Unknown", Some(R::AwaitingEvidence))),
            ("protected", seen(facts(Some(true))), ("Protected", None)),
            ("unprotected", seen(facts(Some(false))), ("Unprotected", Some(R::Correcting))),
            ("no flag", seen(facts(None)), ("Unknown", Some(R::FieldUnreadable))),
            (
                "no charge type",
                seen(InstanceFacts { charge_type: None, ..facts(Some(true)) }),
                ("Unknown", Some(R::FieldUnreadable)),
            ),
            (
                "no strategy",
                seen(InstanceFacts { spot: None, ..facts(Some(true)) }),
                ("Unknown", Some(R::FieldUnreadable)),
            ),
            ("spot, protected", spot(Some(true)), ("NotApplicable", Some(R::SpotInstance))),
            ("spot, no flag", spot(None), ("NotApplicable", Some(R::SpotInstance))),
            (
                "protected, read before our write ended",
                cared(true, written(8)),
                ("Unknown", Some(R::Verifying)),
            ),
            ("protected, read after our write ended", cared(true, written(7)), ("Protected", None)),
            (
                "unprotected, read before our write ended",
                cared(false, written(8)),
                ("Unknown", Some(R::Verifying)),
            ),
            ("protected, a write under way", cared(true, writing()), ("Unknown", Some(R::Verifying))),
            ("unprotected, a write under way", cared(false, writing()), ("Unprotected", Some(R::Correcting))),
            (
                "protected, unprotecting accepted",
                cared(true, accepted(Value::Unprotected)),
                ("Unknown", Some(R::Verifying)),
            ),
            (
                "unprotected, protection accepted",
                cared(false, accepted(Value::Protected)),
                ("Unknown", Some(R::Verifying)),
            ),
            ("protected, protection accepted", cared(true, accepted(Value::Protected)), ("Protected", None)),
            (
                "unprotected, refused",
                cared(false, trouble(R::PermissionDenied, Value::Protected, 0)),
                ("Unprotected", Some(R::PermissionDenied)),
            ),
            (
                "unprotected, unprotecting refused",
                cared(false, trouble(R::PermissionDenied, Value::Unprotected, 0)),
                ("Unprotected", Some(R::Correcting)),
            ),
            (
                "unprotected, settling",
                cared(false, trouble(R::ChargeTypeSettling, Value::Protected, 899)),
                ("Unprotected", Some(R::ChargeTypeSettling)),
            ),
            (
                "unprotected, not settling",
                cared(false, trouble(R::ChargeTypeSettling, Value::Protected, 900)),
                ("NotApplicable", Some(R::ChargeTypeRefused)),
            ),
            ("missing", absent(|_| {}), ("Unknown", Some(R::Missing))),
            ("missing once", absent(|a| a.misses = 1), ("Unknown", Some(R::Missing))),
            ("missing twice", absent(|a| a.proven = Some(at(80))), ("Unknown", Some(R::NotFound))),
            ("nothing to be seen", absent(|a| a.blind = true), ("Unknown", Some(R::NothingVisible))),
            ("refused", absent(|a| a.refused = true), ("Unknown", Some(R::RequestRefused))),
        ] {
            assert_eq!(word(&target), expected, "{state}");
        }
        let target = seen(facts(Some(true)));
        assert_eq!(
            verdict::<DeletionProtection>(&target.0, None, at(101), 3),
            Verdict::Unknown(R::EvidenceStale)
        );
        assert_eq!(
            verdict::<DeletionProtection>(&target.0, None, at(90), 4),
            Verdict::Unknown(R::AwaitingEvidence)
        );
    }

    #[test]
    fn i25_three_repairs_within_an_hour_are_a_war() {
        for (repairs, now, war) in [
            (vec![0, 60], 100, false),
            (vec![0, 60, 120], 130, true),
            (vec![0, 60, 120], 3599, true),
            (vec![0, 60, 120], 3600, false),
            (vec![0, 1000, 2000, 3000, 4000, 5000], 5500, true),
            (vec![0, 1000, 2000, 3000, 4000, 5000], 6600, false),
        ] {
            let mut care = Care::default();
            for second in &repairs {
                care.repaired(at(*second));
            }
            assert_eq!(care.contested(at(now)), war, "{repairs:?} at {now}");
        }
    }
}
