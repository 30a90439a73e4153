//! The right to unprotect: the only place in which a [`UnprotectPermit`] is made.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use crate::delete_on_release::DeleteOnRelease;
use crate::evidence::Fresh;
use crate::exception::{ExceptionPhase, ExceptionRecords};
use crate::flag::{Applicability, Flag, Id};
use crate::id::{CallId, Generation};
use crate::id::{InstanceId, InterfaceId};
use crate::intent::{Intent, Rights, Unprotecting};
use crate::interface::{Interface, InterfaceStatus};
use crate::resource::Resource;
use crate::retention::Attachment;
use crate::time::Moment;

/// How long the proofs for an unprotecting write hold.
pub const PROOF_LIFE: Duration = Duration::from_secs(10);

/// Permission to set the unprotected value on one target, once. It can't be copied, and is made by [`grant`] alone.
#[derive(Debug, PartialEq, Eq)]
pub struct UnprotectPermit<F: Flag> {
    target: Id<F>,
    unprotect: F::Unprotect,
}

impl<F: Flag> UnprotectPermit<F> {
    /// The target on which the unprotected value may be set.
    pub fn target(&self) -> &Id<F> {
        &self.target
    }
}

impl<F: Flag<Unprotect = Infallible>> UnprotectPermit<F> {
    /// There is no such permit.
    pub fn never<T>(self) -> T {
        match self.unprotect {}
    }
}

/// Permission to attach one interface to one instance, once. It can't be copied, and is made by [`AttachPermit::grant`]
/// alone.
#[derive(Debug, PartialEq, Eq)]
pub struct AttachPermit {
    interface: InterfaceId,
    instance: InstanceId,
}

impl AttachPermit {
    /// Permits it, unless what the cloud just said of the interface stands against it: only a free one is attached,
    /// and none that belongs to others.
    ///
    /// What the intent and the instance have to say is the caller's to judge before.
    pub fn grant(
        may: Rights,
        id: &InterfaceId,
        evidence: Fresh<'_, Interface>,
        instance: &InstanceId,
    ) -> Option<Self> {
        let facts = evidence.facts();
        // `Available` is the cloud's word for "on no instance"; that it names one all the same is not waved through.
        let free =
            facts.status == Some(InterfaceStatus::Available) && !matches!(facts.instance, Some(Some(_)));
        let ours = DeleteOnRelease::applicability(facts) == Applicability::Yes;
        (may.attach && free && ours).then(|| Self { interface: id.clone(), instance: instance.clone() })
    }

    /// The interface that may be attached.
    pub fn interface(&self) -> &InterfaceId {
        &self.interface
    }

    /// The instance that it may be attached to.
    pub fn instance(&self) -> &InstanceId {
        &self.instance
    }
}

/// What the API server said when it was asked without a cache, just before unprotecting or attaching. By default nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PreflightAnswer {
    /// The object's generation and whether it is being deleted; `None` when there is no object with this uid, or when
    /// the API server could not be asked.
    pub object: Option<(Generation, bool)>,
    /// Whether every object of every kind that may have a hold stands there at the generation which the engine has
    /// been given, and no other. The answer must reach the engine after all intents that it was compared with.
    pub holds_as_known: bool,
    /// Whether status says that the unprotecting which this generation asks for was carried out. Whoever led before may have
    /// done it and said so, and we were not told of that yet.
    pub carried_out: bool,
    /// Whether it says so of giving members of scaling groups up to scale-in.
    pub scale_in_carried_out: bool,
    /// What the object's status says of intents to attach, and of which generation it speaks. Whoever led before may have
    /// written what we were not told of yet.
    pub attachments: Option<(Generation, Vec<Attachment>)>,
    /// What the object's status says of exceptions.
    pub exceptions: ExceptionRecords,
    /// The instances of which Node and NodeClaim, read uncached, say that their release is the next step, and for which status
    /// says that the object steps aside.
    pub removals_due: BTreeSet<InstanceId>,
}

impl PreflightAnswer {
    /// Whether the object still is to step aside for this target: status says that there is an exception which was not carried out
    /// and is not over, or the machine is about to be released.
    /// `excepted`: it is for an exception.
    pub fn lets_step_aside(&self, id: &str, excepted: bool) -> bool {
        if !excepted {
            return self.removals_due.iter().any(|due| due.as_str() == id);
        }
        let record = self.exceptions.iter().find(|(of, _)| of.as_str() == id);
        record.is_some_and(|(_, record)| !record.carried_out && record.phase != ExceptionPhase::Expired)
    }
}

/// Proof that the object still asks for the unprotecting, and that no hold is unknown to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectProof {
    generation: Generation,
    at: Moment,
}

impl ObjectProof {
    /// The proof, if the answer is one for this intent at this generation. `asked` is when the question was sent.
    pub fn new<R: Resource>(
        answer: &PreflightAnswer,
        generation: Generation,
        intent: &Intent<R>,
        asked: Moment,
    ) -> Option<Self> {
        let same = answer.object == Some((generation, intent.deleting.is_some()));
        (same && answer.holds_as_known && !answer.carried_out).then_some(Self { generation, at: asked })
    }

    /// Whether it still holds.
    pub fn holds(&self, now: Moment) -> bool {
        now.since(self.at) < PROOF_LIFE
    }

    /// When it ceases to hold.
    pub fn ends(&self) -> Moment {
        self.at.after(PROOF_LIFE)
    }
}

/// Everything that is known for and against one unprotecting write.
pub struct Case<'a, F: Flag> {
    /// The object's newest generation and intent.
    pub intent: (Generation, &'a Intent<F::Of>),
    /// What the API server said.
    pub object: ObjectProof,
    /// What the cloud said of the target, and in which call.
    pub target: (Fresh<'a, F::Of>, CallId),
    /// The first call after the API server's answer: evidence must not be older.
    pub read_since: CallId,
    /// Whether the object still selects the target, judged on that evidence.
    pub selected: bool,
    /// Whether the object steps aside for the target, that has not been done for it, and its end is durable.
    pub steps_aside: bool,
    /// What may stand against it.
    pub obstacles: Obstacles,
}

/// What may stand against an unprotecting write.
#[derive(Debug, Clone, Copy)]
pub struct Obstacles {
    /// Whether any other object holds the target.
    pub held: bool,
    /// Whether an object of the account can't be decoded: it may be a hold.
    pub opaque: bool,
    /// Whether the circuit breaker is open.
    pub circuit_open: bool,
}

/// What stands against an unprotecting write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Another object holds the target.
    Held,
    /// An object that can't be decoded may hold it.
    Opaque,
    /// The circuit breaker is open.
    CircuitOpen,
    /// The object does not ask for it, not any more, or not of this target.
    NotAsked,
    /// A proof is too old.
    Outdated,
    /// There is nothing to unprotect.
    NotProtected,
    /// The administrator does not let it.
    NotGranted,
}

/// Permits to unprotect one target, or says what stands against it.
pub fn grant<F: Flag>(id: &Id<F>, case: &Case<'_, F>, now: Moment) -> Result<UnprotectPermit<F>, Refusal> {
    let (generation, intent) = case.intent;
    let asked = match F::unprotecting(intent) {
        None => false,
        Some(Unprotecting::Once | Unprotecting::BeforeDeletion) => !intent.carried_out,
        Some(Unprotecting::SteppingAside) => case.steps_aside,
    };
    let asked = asked && case.object.generation == generation;
    let (fresh, call) = case.target;
    let Some(unprotect) = F::UNPROTECT else { return Err(Refusal::NotAsked) };
    if !intent.may.unprotect {
        Err(Refusal::NotGranted)
    } else if case.obstacles.held {
        Err(Refusal::Held)
    } else if case.obstacles.opaque {
        Err(Refusal::Opaque)
    } else if case.obstacles.circuit_open {
        Err(Refusal::CircuitOpen)
    } else if !asked || !case.selected {
        Err(Refusal::NotAsked)
    } else if !case.object.holds(now) || call < case.read_since {
        Err(Refusal::Outdated)
    } else if F::applicability(fresh.facts()) != Applicability::Yes || fresh.prove::<F>().is_none() {
        Err(Refusal::NotProtected)
    } else {
        Ok(UnprotectPermit { target: id.clone(), unprotect })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deletion_protection::DeletionProtection;
    use crate::evidence::Evidence;
    use crate::exception::{Exception, ExceptionRecord};
    use crate::id::{InstanceId, RequestId};
    use crate::instance::{ChargeType, Instance, InstanceFacts};
    use crate::intent::{DeletionPolicy, Selector};
    use crate::wall_clock::WallTime;

    const GENERATION: Generation = 4;

    type Spoil = fn(&mut Facts);

    fn at(seconds: u64) -> Moment {
        Moment::at(Duration::from_secs(seconds))
    }

    /// Everything that a case is made of, each part of it good.
    #[derive(Clone)]
    struct Facts {
        intent: Intent<Instance>,
        generation: Generation,
        answer: PreflightAnswer,
        evidence: InstanceFacts,
        read: CallId,
        selected: bool,
        steps_aside: bool,
        obstacles: Obstacles,
        now: Moment,
    }

    fn good() -> Facts {
        Facts {
            intent: Intent { protect: false, may: Rights::ALL, ..Intent::of(Selector::default()) },
            generation: GENERATION,
            answer: PreflightAnswer {
                object: Some((GENERATION, false)),
                holds_as_known: true,
                ..PreflightAnswer::default()
            },
            evidence: InstanceFacts {
                deletion_protection: Some(true),
                charge_type: Some(ChargeType::PostPaid),
                spot: Some(false),
                ..InstanceFacts::default()
            },
            read: CallId(9),
            selected: true,
            steps_aside: false,
            obstacles: Obstacles { held: false, opaque: false, circuit_open: false },
            now: at(101),
        }
    }

    /// `None`: the API server's answer was no proof.
    fn try_grant(facts: &Facts) -> Option<Result<UnprotectPermit<DeletionProtection>, Refusal>> {
        let evidence: Evidence<Instance> = Evidence {
            facts: facts.evidence.clone(),
            seen: at(100),
            call: facts.read,
            request_id: RequestId::new("R"),
            tag_epoch: 0,
        };
        let object = ObjectProof::new(&facts.answer, GENERATION, &facts.intent, at(100))?;
        let case = Case {
            intent: (facts.generation, &facts.intent),
            object,
            target: (evidence.fresh(at(0), None)?, facts.read),
            read_since: CallId(9),
            selected: facts.selected,
            steps_aside: facts.steps_aside,
            obstacles: facts.obstacles,
        };
        Some(grant(&InstanceId::new("i-a"), &case, facts.now))
    }

    #[test]
    fn i09_i11_a_permit_needs_every_single_condition() {
        let permit = try_grant(&good()).unwrap().unwrap();
        assert_eq!(permit.target().as_str(), "i-a");
        let spoils: [(&str, Spoil, Option<Refusal>); 19] = [
            ("no right to unprotect", |f| f.intent.may.unprotect = false, Some(Refusal::NotGranted)),
            ("a hold", |f| f.obstacles.held = true, Some(Refusal::Held)),
            ("an object that can't be read", |f| f.obstacles.opaque = true, Some(Refusal::Opaque)),
            ("the circuit breaker", |f| f.obstacles.circuit_open = true, Some(Refusal::CircuitOpen)),
            ("it wants the protected value", |f| f.intent.protect = true, Some(Refusal::NotAsked)),
            ("it only observes", |f| f.intent.observe = true, Some(Refusal::NotAsked)),
            ("it was carried out", |f| f.intent.carried_out = true, Some(Refusal::NotAsked)),
            ("the spec was edited since", |f| f.generation += 1, Some(Refusal::NotAsked)),
            ("it is not selected", |f| f.selected = false, Some(Refusal::NotAsked)),
            ("the proof is too old", |f| f.now = at(111), Some(Refusal::Outdated)),
            ("the target was read before", |f| f.read = CallId(8), Some(Refusal::Outdated)),
            (
                "it is unprotected",
                |f| f.evidence.deletion_protection = Some(false),
                Some(Refusal::NotProtected),
            ),
            (
                "its flag can't be read",
                |f| f.evidence.deletion_protection = None,
                Some(Refusal::NotProtected),
            ),
            ("it can't carry the flag", |f| f.evidence.spot = Some(true), Some(Refusal::NotProtected)),
            ("the API server did not answer", |f| f.answer.object = None, None),
            ("another generation stands there", |f| f.answer.object = Some((5, false)), None),
            ("it is being deleted there", |f| f.answer.object = Some((GENERATION, true)), None),
            ("a hold stands there that we don't know", |f| f.answer.holds_as_known = false, None),
            ("it was carried out there", |f| f.answer.carried_out = true, None),
        ];
        for (why, spoil, expected) in spoils {
            let mut facts = good();
            spoil(&mut facts);
            let refusal = try_grant(&facts).map(|result| result.expect_err(why));
            assert_eq!(refusal, expected, "{why}");
        }
    }

    #[test]
    fn i10_a_deletion_that_asks_for_it_is_a_case_too() {
        let mut facts = good();
        facts.intent.protect = true;
        facts.intent.deletion_policy = DeletionPolicy::Unprotect;
        facts.intent.deleting = Some(Duration::ZERO);
        assert_eq!(try_grant(&facts), None, "the API server says that it is not being deleted");
        facts.answer.object = Some((GENERATION, true));
        assert!(try_grant(&facts).unwrap().is_ok());
    }
    #[test]
    fn i53_stepping_aside_is_a_case_of_its_own_for_each_target() {
        let exception = Exception { until: WallTime::default(), reason: "r".into() };
        let mut facts = good();
        facts.intent.protect = true;
        facts.intent.exceptions.insert(InstanceId::new("i-b"), exception);
        assert_eq!(try_grant(&facts).unwrap(), Err(Refusal::NotAsked), "it is about another one");
        facts.steps_aside = true;
        assert!(try_grant(&facts).unwrap().is_ok());
    }

    #[test]
    fn i12_the_api_server_has_the_last_word_on_what_is_to_be_done_for_a_target() {
        use ExceptionPhase::{Expired, InForce, NotSelected, Void, Waiting};
        let id = InstanceId::new("i-a");
        for (phase, carried_out, open) in [
            (Waiting, false, true),
            (InForce, true, false),
            (Expired, false, false),
            (Expired, true, false),
            (Void, false, true),
            (Void, true, false),
            (NotSelected, false, true),
            (NotSelected, true, false),
        ] {
            let (until, ends) = (WallTime::default(), WallTime::default());
            let record = ExceptionRecord { until, ends, phase, carried_out };
            let answer =
                PreflightAnswer { exceptions: [(id.clone(), record)].into(), ..PreflightAnswer::default() };
            assert_eq!(answer.lets_step_aside("i-a", true), open, "{phase:?} {carried_out}");
            assert!(!answer.lets_step_aside("i-b", true) && !answer.lets_step_aside("i-a", false));
        }
        let answer = PreflightAnswer { removals_due: [id].into(), ..PreflightAnswer::default() };
        assert!(answer.lets_step_aside("i-a", false) && !answer.lets_step_aside("i-b", false));
        assert!(!answer.lets_step_aside("i-a", true), "that is no exception");
    }
}
