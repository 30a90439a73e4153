//! What who only looks makes of all this, beside what the engine says and does.

use std::collections::BTreeSet;

use keeper_core::auto_release_time::AutoReleaseTime;
use keeper_core::call::{Query, ReadCall};
use keeper_core::engine::{Next, Opinion, Survey};
use keeper_core::flag::Flag as _;
use keeper_core::id::ObjectId;
use keeper_core::protected_from_scale_in::ProtectedFromScaleIn;
use keeper_core::reason::Reason;
use keeper_core::retention::InterfacePhase;
use keeper_core::time::Moment;
use keeper_core::verdict::Row;

use super::cloud::{member_of, release_time_of};
use super::{World, i};

/// A write: of which target, and whether of the protected value.
pub type Foreseen = BTreeSet<(String, bool)>;

impl World {
    /// Who looks at the store and the cloud as they are now.
    pub fn survey(&mut self) -> Survey {
        let (mood, page_size) = (std::mem::take(&mut self.cloud.mood), self.cloud.page_size);
        self.cloud.page_size = usize::MAX;
        let mut survey = Survey::new(self.wall_time());
        for stored in self.store.values() {
            survey.ask(stored.id.clone(), stored.generation, stored.asked());
        }
        let now = self.now;
        let instances = self.cloud.show_instances(now, &ReadCall { query: Query::Region, page: None });
        let instances = instances.unwrap().items;
        survey.show_instances(instances.clone());
        survey.instances_listed();
        let interfaces = self.cloud.show_interfaces(now, &ReadCall { query: Query::Region, page: None });
        survey.show_interfaces(interfaces.unwrap().items);
        survey.interfaces_listed();
        let members = self.cloud.show_members(now, &ReadCall { query: Query::Region, page: None });
        survey.show_members(members.unwrap().items);
        survey.members_listed();
        let unseen: BTreeSet<_> = survey.unseen_instances().into_iter().collect();
        survey.show_instances(instances.into_iter().filter(|item| unseen.contains(&item.id)));
        (self.cloud.mood, self.cloud.page_size) = (mood, page_size);
        survey
    }

    /// The writes that would go out next.
    pub fn foreseen(&mut self) -> Foreseen {
        let mut survey = self.survey();
        // An edit may have let a lift begin.
        survey.record();
        let mut foreseen = Foreseen::new();
        let mut foresee = |name: String, next: &Next| match next {
            Next::Protect(_) => _ = foreseen.insert((name, true)),
            Next::Unprotect(_) => _ = foreseen.insert((name, false)),
            _ => {}
        };
        for id in survey.instances() {
            for flag in survey.instance(&id).flags {
                let name = match flag.name {
                    AutoReleaseTime::NAME => release_time_of(&id),
                    ProtectedFromScaleIn::NAME => member_of(&id),
                    _ => id.to_string(),
                };
                foresee(name, &flag.next);
            }
        }
        for id in survey.interfaces() {
            survey.interface(&id).flags.iter().for_each(|flag| foresee(id.to_string(), &flag.next));
        }
        foreseen
    }

    /// The writes since this moment, whatever became of them.
    pub fn written_since(&self, then: Moment) -> Foreseen {
        let flags = self.arrived.iter().chain(&self.refused).filter(|it| it.at >= then);
        let flags = flags.map(|it| (it.id.clone(), it.protected));
        let times = self.cancelled.iter().filter(|(at, ..)| *at >= then);
        let times = times.map(|(_, id, _)| (release_time_of(&i(id)), true));
        let calls = self.scale_in_calls.iter().filter(|(at, ..)| *at >= then);
        let members =
            calls.flat_map(|(_, ids, protected)| ids.iter().map(|id| (member_of(&i(id)), *protected)));
        flags.chain(times).chain(members).collect()
    }

    /// At rest, who only looks says the same of each target as status does.
    pub fn check_survey(&mut self) {
        let mut survey = self.survey();
        for stored in self.store.values() {
            let Some((_, part, _)) = &stored.status else { continue };
            for row in &part.rows {
                let prospect = survey.instance(&i(&row.id));
                let said = opinion(&prospect.objects, &stored.id).map(|it| facts(&it.row));
                assert_eq!(said, Some(facts(row)), "I59: {} of {:?}", row.id, stored.id);
            }
            let retained = part.retention.iter().flat_map(|retention| &retention.rows);
            for row in retained.filter(|row| row.phase != InterfacePhase::Gone) {
                let prospect = survey.interface(&row.id);
                let said = opinion(&prospect.objects, &stored.id).map(|it| (it.row.reason, &it.row.risks));
                assert_eq!(said, Some((row.reason, &row.risks)), "I59: {} of {:?}", row.id, stored.id);
            }
        }
    }
}

fn opinion<'a>(opinions: &'a [Opinion], object: &ObjectId) -> Option<&'a Opinion> {
    opinions.iter().find(|opinion| opinion.object == *object)
}

/// One look proves nothing of what it lacks.
fn facts(row: &Row) -> (&'static str, Reason, Vec<Reason>) {
    if matches!(row.reason, Reason::NotFound | Reason::NodeInstanceGone) {
        return (row.state.as_str(), Reason::Missing, Vec::new());
    }
    (row.state.as_str(), row.reason, row.risks.iter().map(|risk| risk.reason).collect())
}
