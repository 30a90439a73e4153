//! What the listings of a region alone say of instances and interfaces that no object asks for: the verdicts of a report on
//! whatever there is.
//!
//! The rules are those for the targets of objects. Nothing is being done about these, and nobody reads them a second time: where
//! the two listings say different things, it is not known which of them still holds.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::care;
use super::target::Target;
use crate::delete_on_release::DeleteOnRelease;
use crate::deletion_protection::{DeletionProtection, risk_of_hosted};
use crate::evidence::Evidence;
use crate::flag::{Applicability, Flag, MainFlag};
use crate::id::{InstanceId, InterfaceId};
use crate::instance::Instance;
use crate::interface::Interface;
use crate::reason::{Reason, Risk};
use crate::resource::Resource;
use crate::verdict::{State, Verdict};

/// What is said of one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The verdict.
    pub verdict: Verdict,
    /// Documented ways in which it can be lost although its flag is, or would be, protected.
    pub risks: Vec<Risk>,
}

impl Observation {
    fn missing() -> Self {
        Self { verdict: Verdict::Unknown(Reason::Missing), risks: Vec::new() }
    }
}

/// What is said of a scaling group whose `GroupDeletionProtection` is this. Nobody sets that flag; without it, one call deletes the
/// group together with the instances that it created.
pub fn observe_scaling_group(deletion_protection: Option<bool>) -> (State, Reason) {
    match deletion_protection {
        Some(true) => (State::Protected, Reason::AllProtected),
        Some(false) => (State::Unprotected, Reason::Unprotected),
        None => (State::Unknown, Reason::FieldUnreadable),
    }
}

/// What the listings of one region have shown: first the instances, then the interfaces.
#[derive(Debug, Default)]
pub struct ObservedRegion {
    /// The risk of what is on each instance. Most have none, and there are a hundred thousand of them.
    instances: BTreeMap<InstanceId, Option<Box<Risk>>>,
    /// The interfaces that instances list, with the instance until the listing of interfaces has shown it.
    listed: BTreeMap<InterfaceId, Option<InstanceId>>,
    /// The other interfaces that were shown.
    unlisted: BTreeSet<InterfaceId>,
    /// The instances of interfaces that were not shown themselves.
    missing_instances: BTreeSet<InstanceId>,
}

impl ObservedRegion {
    /// What is said of an instance; `None`: it was shown before.
    pub fn instance(&mut self, id: &InstanceId, evidence: Evidence<Instance>) -> Option<Observation> {
        let Entry::Vacant(new) = self.instances.entry(id.clone()) else { return None };
        new.insert(risk_of_hosted(&evidence.facts).map(Box::new));
        let surroundings = evidence.facts.surroundings.as_deref();
        for interface in surroundings.and_then(|around| around.interfaces.as_deref()).into_iter().flatten() {
            self.listed.insert(interface.clone(), Some(id.clone()));
        }
        Some(observe::<DeletionProtection>(evidence))
    }

    /// What is said of an interface, in the light of the instances; `None`: it was shown before.
    pub fn interface(&mut self, id: &InterfaceId, evidence: Evidence<Interface>) -> Option<Observation> {
        let lister = match self.listed.get_mut(id) {
            Some(lister) => Some(lister.take()?),
            None if self.unlisted.insert(id.clone()) => None,
            None => return None,
        };
        let instance = Interface::place(&evidence.facts).instance().cloned();
        let applies = DeleteOnRelease::applicability(&evidence.facts) == Applicability::Yes;
        let both_list = !Interface::unlisted(&evidence.facts);
        let mut said = observe::<DeleteOnRelease>(evidence);
        if let Some(instance) = &instance {
            let known = self.instances.get(instance);
            if known.is_none() {
                self.missing_instances.insert(instance.clone());
            }
            if applies {
                let unknown = || Some(Risk { reason: Reason::RisksUnreadable, detail: None });
                said.risks.extend(known.map_or_else(unknown, |risk| risk.as_deref().cloned()));
            }
        }
        if said.verdict.relies_on_evidence() && both_list && self.disagree(lister.as_ref(), instance.as_ref())
        {
            said.verdict = Verdict::Unknown(Reason::ListsDisagree);
        }
        Some(said)
    }

    /// The instances that the listing of instances lacks, although interfaces are on them.
    pub fn missing_instances(&self) -> impl Iterator<Item = (&InstanceId, Observation)> {
        self.missing_instances.iter().map(|instance| (instance, Observation::missing()))
    }

    /// The interfaces that the listing of interfaces lacks, although instances list them.
    pub fn missing_interfaces(&self) -> impl Iterator<Item = (&InterfaceId, &InstanceId, Observation)> {
        let missing = self.listed.iter();
        missing.filter_map(|(interface, lister)| Some((interface, lister.as_ref()?, Observation::missing())))
    }

    /// Whether another instance lists the interface than the one that it is on, or that one does not.
    fn disagree(&self, lister: Option<&InstanceId>, place: Option<&InstanceId>) -> bool {
        match (lister, place) {
            (None, Some(place)) => self.instances.contains_key(place),
            _ => lister != place,
        }
    }
}

/// What is said of a target at the moment of the read that showed it.
fn observe<F: MainFlag>(evidence: Evidence<F::Of>) -> Observation {
    let risks = F::risks(&evidence.facts);
    let (horizon, epoch) = (evidence.seen, evidence.tag_epoch);
    let target = Target { evidence: Some(evidence), absence: None };
    Observation { verdict: care::verdict::<F>(&target, None, horizon, epoch).observed(), risks }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::fixtures::{at, eni, host};
    use crate::id::{CallId, RequestId};
    use crate::instance::{ChargeType, InstanceFacts};
    use crate::interface::InterfaceFacts;
    use crate::surroundings::Surroundings;
    use crate::verdict::State;

    fn read<R: Resource>(facts: R::Facts) -> Evidence<R> {
        Evidence { facts, seen: at(995), call: CallId(1), request_id: RequestId::new("R"), tag_epoch: 0 }
    }

    /// A protected instance that lists the interface a, with this change.
    fn instance(change: impl FnOnce(&mut InstanceFacts)) -> Evidence<Instance> {
        let surroundings = Surroundings { interfaces: Some(vec![eni("a")]), ..Surroundings::default() };
        let mut facts = InstanceFacts::pay_as_you_go();
        facts.surroundings = Some(Arc::new(surroundings));
        change(&mut facts);
        read(facts)
    }

    fn interface(on: &str, protected: bool) -> Evidence<Interface> {
        read(InterfaceFacts {
            instance: Some(Some(host(on))),
            delete_on_release: Some(!protected),
            ..InterfaceFacts::secondary()
        })
    }

    fn said(observation: &Observation) -> (State, Reason, Vec<Reason>) {
        let risks = observation.risks.iter().map(|risk| risk.reason).collect();
        (observation.verdict.state(), observation.verdict.reason(), risks)
    }

    #[test]
    fn i07_an_instance_is_judged_as_the_target_of_an_object_that_observes() {
        type Change = fn(&mut InstanceFacts);
        let table: [(Change, State, Reason, &[Reason]); 5] = [
            (|_| {}, State::Protected, Reason::AllProtected, &[]),
            (|f| f.deletion_protection = Some(false), State::Unprotected, Reason::Unprotected, &[]),
            (|f| f.deletion_protection = None, State::Unknown, Reason::FieldUnreadable, &[]),
            (|f| f.spot = Some(true), State::NotApplicable, Reason::SpotInstance, &[Reason::SpotInstance]),
            (
                |f| f.auto_release = Some(Some("2030-01-01T00:00Z".into())),
                State::Protected,
                Reason::AllProtected,
                &[Reason::AutoReleaseTimeSet],
            ),
        ];
        for (change, state, reason, risks) in table {
            let observed = ObservedRegion::default().instance(&host("i"), instance(change)).unwrap();
            assert_eq!(said(&observed), (state, reason, risks.to_vec()));
        }
    }

    /// What is said of the interface on an instance with this change.
    fn on_instance(change: fn(&mut InstanceFacts), protected: bool) -> (State, Reason, Vec<Reason>) {
        let mut region = ObservedRegion::default();
        region.instance(&host("i"), instance(change)).unwrap();
        said(&region.interface(&eni("a"), interface("i", protected)).unwrap())
    }

    #[test]
    fn i21_an_interface_is_judged_in_the_light_of_its_instance() {
        assert_eq!(on_instance(|_| {}, true), (State::Protected, Reason::AllProtected, vec![]));
        assert_eq!(on_instance(|_| {}, false), (State::Unprotected, Reason::Unprotected, vec![]));
        let leaving = on_instance(|f| f.charge_type = Some(ChargeType::PrePaid), true);
        assert_eq!(leaving, (State::Protected, Reason::AllProtected, vec![Reason::ReleasePathUndocumented]));
        // Nothing is known of an instance that was not listed, and that is not the same as no risk.
        let mut region = ObservedRegion::default();
        let alone = said(&region.interface(&eni("a"), interface("x", true)).unwrap());
        assert_eq!(alone, (State::Protected, Reason::AllProtected, vec![Reason::RisksUnreadable]));
        let missing: Vec<_> =
            region.missing_instances().map(|(id, observed)| (id, said(&observed))).collect();
        assert_eq!(missing, [(&host("x"), (State::Unknown, Reason::Missing, vec![]))]);
    }

    #[test]
    fn i21_where_the_two_listings_disagree_nothing_positive_is_said() {
        for (why, id, on, protected, state) in [
            ("both have it", "a", "i", true, State::Protected),
            ("the list of i has it, and it is on j", "a", "j", true, State::Unknown),
            ("the list of j lacks it", "b", "j", true, State::Unknown),
            ("bad news needs no second witness", "b", "j", false, State::Unprotected),
        ] {
            let mut region = ObservedRegion::default();
            region.instance(&host("i"), instance(|_| {})).unwrap();
            region.instance(&host("j"), instance(|f| f.surroundings = None)).unwrap();
            let observed = region.interface(&eni(id), interface(on, protected)).unwrap();
            assert_eq!(observed.verdict.state(), state, "{why}");
        }
    }

    #[test]
    fn i21_what_one_listing_names_and_the_other_lacks_is_not_known() {
        let mut region = ObservedRegion::default();
        region.instance(&host("i"), instance(|_| {})).unwrap();
        let missing = |region: &ObservedRegion| -> Vec<_> {
            region
                .missing_interfaces()
                .map(|(id, on, observed)| (id.clone(), on.clone(), said(&observed).0))
                .collect()
        };
        assert_eq!(missing(&region), [(eni("a"), host("i"), State::Unknown)]);
        region.interface(&eni("a"), interface("i", true)).unwrap();
        assert_eq!(missing(&region), []);
        assert_eq!(region.missing_instances().count(), 0);
    }

    #[test]
    fn i05_what_a_page_repeats_is_said_once() {
        let mut region = ObservedRegion::default();
        assert!(region.instance(&host("i"), instance(|_| {})).is_some());
        assert!(region.instance(&host("i"), instance(|_| {})).is_none());
        for id in ["a", "b"] {
            assert!(region.interface(&eni(id), interface("i", true)).is_some());
            assert!(region.interface(&eni(id), interface("i", true)).is_none());
        }
    }
}
