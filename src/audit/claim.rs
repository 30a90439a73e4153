//! Which objects of a cluster hold a target: what the engine says of it when it knows the objects.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use keeper_core::engine::{Prospect, Stance, Survey};
use keeper_core::id::{InstanceId, InterfaceId, ObjectId};

use crate::api::Resource;
use crate::desired::timestamp;

/// Whether anybody keeps a target protected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claim {
    /// The objects that hold it, also those that step aside for a time.
    pub held_by: Vec<String>,
    /// The objects of which it is not known whether they select it, and which would hold it.
    pub may_be_held_by: Vec<String>,
    /// The objects that step aside, and until when.
    pub aside: Vec<(String, Timestamp)>,
}

/// The objects of a cluster, as far as they may claim targets of one account and region.
pub struct Claimants<'a> {
    /// Those that can be read.
    pub survey: Survey,
    /// Those that can't: each may select everything.
    unreadable: &'a BTreeMap<Resource, Vec<String>>,
    /// The instances for which some object may step aside. Who does is known when all instances have been shown.
    awaiting_record: BTreeSet<InstanceId>,
}

impl<'a> Claimants<'a> {
    pub fn new(mut survey: Survey, unreadable: &'a BTreeMap<Resource, Vec<String>>) -> Self {
        let awaiting_record = survey.awaiting_record();
        Self { survey, unreadable, awaiting_record }
    }

    /// Whether it is not known yet until when an object steps aside for the instance.
    pub fn awaits_record(&self, id: &InstanceId) -> bool {
        self.awaiting_record.contains(id)
    }

    /// Who holds the instance.
    pub fn instance(&mut self, id: &InstanceId) -> Claim {
        Claim::of(&self.survey.instance(id), self.unreadable(Resource::Protection))
    }

    /// Who holds the network interface.
    pub fn interface(&mut self, id: &InterfaceId) -> Claim {
        Claim::of(&self.survey.interface(id), self.unreadable(Resource::Retention))
    }

    /// The same; `None`: it is not known whether an object selects it, which its instance may tell when it is shown again.
    pub fn interface_for_certain(&mut self, id: &InterfaceId) -> Option<Claim> {
        let prospect = self.survey.interface(id);
        let certain = prospect.objects.iter().all(|opinion| opinion.doubt.is_none());
        certain.then(|| Claim::of(&prospect, self.unreadable(Resource::Retention)))
    }

    /// The objects that select the instance, or what is on it, also those that hold nothing.
    pub fn selecting(&mut self, id: &InstanceId) -> BTreeSet<String> {
        let Prospect { objects, unknown_hosts, .. } = self.survey.instance(id);
        let selecting = objects.iter().map(|opinion| &opinion.object);
        selecting.chain(unknown_hosts.iter().map(|(object, _)| object)).map(name).collect()
    }

    fn unreadable(&self, resource: Resource) -> &[String] {
        self.unreadable.get(&resource).map(Vec::as_slice).unwrap_or_default()
    }
}

impl Claim {
    /// What becomes of the main flag of a target, beside objects that can't be read.
    fn of(prospect: &Prospect, unreadable: &[String]) -> Self {
        let mut claim = Self { may_be_held_by: unreadable.to_vec(), ..Self::default() };
        let doubtful = |object: &ObjectId| {
            prospect.objects.iter().any(|opinion| opinion.object == *object && opinion.doubt.is_some())
        };
        for (object, stance) in prospect.flags.first().into_iter().flat_map(|flag| &flag.wants) {
            let name = name(object);
            match stance {
                Stance::Enforces | Stance::Holds if doubtful(object) => claim.may_be_held_by.push(name),
                Stance::Enforces | Stance::Holds => claim.held_by.push(name),
                Stance::StepsAside(until) => {
                    claim.aside.push((name.clone(), timestamp(*until)));
                    claim.held_by.push(name);
                }
                Stance::Unprotects | Stance::Unprotected | Stance::Observes => {}
            }
        }
        claim
    }

    /// Whether it is known that nobody holds it.
    pub fn is_none(&self) -> bool {
        self.held_by.is_empty() && self.may_be_held_by.is_empty()
    }
}

fn name(object: &ObjectId) -> String {
    format!("{}/{}", object.namespace(), object.name())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use keeper_core::engine::{FlagProspect, Next};
    use keeper_core::wall_clock::WallTime;

    use super::*;

    #[test]
    fn i09_who_only_looks_or_unprotects_claims_nothing_and_who_steps_aside_still_does() {
        let object = |name: &str| ObjectId::new("prod", name, name);
        let until = WallTime::at(Duration::from_mins(1));
        let prospect = |wants: Vec<(ObjectId, Stance)>| Prospect {
            objects: Vec::new(),
            flags: vec![FlagProspect {
                name: "DeletionProtection",
                protected: None,
                wants,
                next: Next::Nothing,
                in_call_with: None,
            }],
            unknown_hosts: Vec::new(),
        };
        let wants = vec![
            (object("a"), Stance::Enforces),
            (object("b"), Stance::Observes),
            (object("c"), Stance::StepsAside(until)),
        ];
        let held = Claim::of(&prospect(wants), &[]);
        assert_eq!(held.held_by, ["prod/a", "prod/c"]);
        assert_eq!(held.aside, [("prod/c".to_owned(), "1970-01-01T00:01:00Z".parse().unwrap())]);
        let none = [Stance::Observes, Stance::Unprotects, Stance::Unprotected];
        assert!(Claim::of(&prospect(none.map(|stance| (object("x"), stance)).to_vec()), &[]).is_none());
        let nobody = Prospect { objects: Vec::new(), flags: Vec::new(), unknown_hosts: Vec::new() };
        assert!(Claim::of(&nobody, &[]).is_none());
        let unreadable = ["prod/odd".to_owned()];
        let claim = Claim::of(&nobody, &unreadable);
        assert_eq!((claim.is_none(), claim.may_be_held_by.as_slice()), (false, unreadable.as_slice()), "I9");
    }
}
