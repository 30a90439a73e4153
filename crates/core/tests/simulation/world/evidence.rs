//! The evidence log tells of nothing but what reads have shown, one thing after the other, and of no write that was not made:
//! asserted of every transition, whatever a test does.

use std::collections::BTreeMap;

use keeper_core::auto_release_time::AutoReleaseTime;
use keeper_core::call::{Page, Query, ReadCall};
use keeper_core::delete_on_release::DeleteOnRelease;
use keeper_core::deletion_protection::DeletionProtection;
use keeper_core::failure::Failure;
use keeper_core::flag::Flag;
use keeper_core::id::RequestId;
use keeper_core::intent::ScaleIn;
use keeper_core::on_behalf::OnBehalf;
use keeper_core::protected_from_scale_in::ProtectedFromScaleIn;
use keeper_core::resource::Resource;
use keeper_core::transition::{FlagState, Look, Transition};

use super::{World, i};

/// A flag of a target.
pub type FlagOf = (&'static str, String);

/// How a read shows a flag: its name, and whether it holds its protected value.
type FlagIn<R> = fn(&<R as Resource>::Facts) -> (&'static str, Option<bool>);

/// So many of the newest reads are kept.
const KEPT: usize = 5_000;

/// What a read showed.
#[derive(Debug)]
struct ShownFlags {
    asked: Vec<String>,
    flags: Vec<(FlagOf, FlagState)>,
}

/// A write that was sent.
#[derive(Debug)]
struct Sent {
    flag: FlagOf,
    value: FlagState,
    on_behalf: OnBehalf,
    /// That of its answer.
    request_id: Option<RequestId>,
}

/// What passed between the engine and the cloud, and what the engine made of it.
#[derive(Debug, Default)]
pub struct EvidenceBook {
    /// By the number of the read.
    reads: BTreeMap<u64, ShownFlags>,
    writes: Vec<Sent>,
    /// What was told last of each flag in this term.
    last: BTreeMap<FlagOf, Option<FlagState>>,
    /// Everything that was told.
    told: Vec<Transition>,
}

impl World {
    /// A read was answered with this.
    pub fn note_read<R: Resource>(
        &mut self,
        read: &ReadCall<R>,
        page: &Result<Page<R>, Failure>,
        flags: &[FlagIn<R>],
    ) {
        let Ok(page) = page else { return };
        let asked = match &read.query {
            Query::Ids(ids) => ids.iter().map(ToString::to_string).collect(),
            Query::Tagged(_) | Query::Region => Vec::new(),
        };
        let mut shown = Vec::new();
        for item in &page.items {
            for flag in flags {
                let (name, protected) = flag(&item.facts);
                shown.push(((name, item.id.to_string()), FlagState::shown(protected)));
            }
        }
        let number = number_of(&page.request_id);
        self.evidence.reads.insert(number, ShownFlags { asked, flags: shown });
        if self.evidence.reads.len() > KEPT {
            self.evidence.reads.pop_first();
        }
    }

    /// A write was sent, and is answered with this.
    pub fn note_write(
        &mut self,
        flag: &'static str,
        id: &str,
        protected: bool,
        on_behalf: &OnBehalf,
        request_id: Option<RequestId>,
    ) {
        let stored = self.store.values().find(|stored| stored.id == on_behalf.object);
        if let Some(stored) = stored {
            assert!(on_behalf.generation <= stored.generation, "{id} is written for {on_behalf:?}");
        }
        let value = FlagState::shown(Some(protected));
        let (flag, on_behalf) = ((flag, id.to_owned()), on_behalf.clone());
        self.evidence.writes.push(Sent { flag, value, on_behalf, request_id });
    }

    /// Another term: what an earlier one told is told by nobody again.
    pub fn forget_evidence(&mut self) {
        self.evidence.last.clear();
    }

    /// Takes what the engine has to tell.
    pub fn take_transitions(&mut self) {
        for transition in self.engine.take_transitions() {
            self.check_transition(&transition);
            let of = (transition.flag, transition.id.to_string());
            self.evidence.last.insert(of, transition.to);
            self.evidence.told.push(transition);
        }
    }

    /// I50: a line tells of two looks that differ, the second of which was shown by that request, in the order in which they were
    /// seen; and of a write that was made.
    fn check_transition(&self, transition: &Transition) {
        let Transition { flag, id, from, to, last_seen, seen, write, .. } = transition;
        let of = (*flag, id.to_string());
        assert!(from != to || from.is_none(), "I50: no change: {transition:?}");
        assert!(from.is_some() || to.is_some(), "I50: of nothing: {transition:?}");
        match self.evidence.last.get(&of) {
            None => {}
            Some(Some(FlagState::Gone)) => assert!(
                matches!(from, Some(FlagState::Gone) | None),
                "I50: what was gone came from elsewhere: {transition:?}"
            ),
            // It went while nobody asked after it.
            Some(None) => assert!(
                matches!(from, Some(FlagState::Gone) | None),
                "I50: what nobody selected came from elsewhere: {transition:?}"
            ),
            Some(last) => assert_eq!(from, last, "I50: the line before said otherwise: {transition:?}"),
        }
        assert_eq!(last_seen.is_some(), from.is_some(), "I50: {transition:?}");
        assert!(
            seen.at <= self.now && last_seen.as_ref().is_none_or(|last| last.at <= seen.at),
            "{transition:?}"
        );
        if let Some(state) = to {
            self.check_look(&of, seen, *state);
        }
        if let (Some(look), Some(state)) = (last_seen, from)
            && *state != FlagState::Gone
        {
            self.check_look(&of, look, *state);
        }
        if let Some(write) = write {
            let made = |sent: &Sent| {
                let same = sent.request_id == write.request_id || write.request_id.is_none();
                sent.flag == of && Some(sent.value) == *to && sent.on_behalf == write.on_behalf && same
            };
            assert!(
                self.evidence.writes.iter().rev().any(made),
                "I50: a write that nobody made: {transition:?}"
            );
        }
    }

    fn check_look(&self, of: &FlagOf, look: &Look, state: FlagState) {
        let request_id = look.request_id.as_ref();
        let number = request_id.map(number_of);
        assert!(number.is_some() || state == FlagState::Gone, "I50: {of:?} was seen {look:?} in no request");
        let read = number.and_then(|number| self.evidence.reads.get(&number));
        let Some(ShownFlags { asked, flags: shown }) = read else { return };
        let found = shown.iter().find(|(flag, _)| flag == of).map(|(_, state)| *state);
        if state == FlagState::Gone {
            assert!(found.is_none(), "I50: {of:?} is gone although {look:?} showed it; {asked:?}");
        } else {
            assert_eq!(found, Some(state), "I50: {look:?} did not show that of {of:?}");
        }
    }

    /// What was told last of each flag is how it is, once all is quiet.
    pub fn evidence_agrees(&self) -> Result<(), String> {
        for ((flag, id), told) in &self.evidence.last {
            let Some(told) = told else { continue };
            let is = self.truth_of(flag, id);
            // What was hidden for a time, and proven to be gone, may be nobody's target when it is seen again.
            if is != *told && (*told != FlagState::Gone || self.is_watched(flag, id)) {
                return Err(format!("I50: {flag} of {id} is {is:?}, and {told:?} was told last"));
            }
        }
        Ok(())
    }

    /// Whether the flag is one of a target of any object.
    fn is_watched(&self, flag: &str, id: &str) -> bool {
        let cards = self.cloud.cards.iter().find(|(of, _)| of.as_str() == id);
        self.store.values().any(|stored| match (stored.protection(), cards) {
            (Some(intent), _) => {
                let read = flag != ProtectedFromScaleIn::NAME || intent.scale_in == ScaleIn::Protect;
                read && self.selects_instance(&intent.selector, &i(id))
            }
            (None, Some((card_id, card))) => self.is_target(stored, card_id, card),
            (None, None) => false,
        })
    }

    fn truth_of(&self, flag: &str, id: &str) -> FlagState {
        let machines = &self.cloud.machines;
        let machine = machines.iter().find(|(of, _)| of.as_str() == id).map(|(_, machine)| machine);
        let shown = match flag {
            DeletionProtection::NAME => machine.map(|it| DeletionProtection::protected(&it.facts)),
            AutoReleaseTime::NAME => machine.map(|it| AutoReleaseTime::protected(&it.facts)),
            ProtectedFromScaleIn::NAME => {
                let members = &self.cloud.members;
                let member = members.iter().find(|(of, _)| of.as_str() == id).map(|(_, member)| member);
                member.map(|member| {
                    Some(member.state == keeper_core::scaling_member::LifecycleState::Protected)
                })
            }
            _ => {
                let card = self.cloud.cards.iter().find(|(of, _)| of.as_str() == id).map(|(_, card)| card);
                card.map(|card| DeleteOnRelease::protected(&card.facts))
            }
        };
        shown.map_or(FlagState::Gone, FlagState::shown)
    }

    /// What was told since this was asked last.
    pub fn take_told(&mut self) -> Vec<Transition> {
        std::mem::take(&mut self.evidence.told)
    }

    /// The same, of one flag alone.
    pub fn told_of_flag(&mut self, flag: &str, id: &str) -> Vec<Transition> {
        let mut told = self.take_told();
        told.retain(|transition| transition.flag == flag && *transition.id == *id);
        told
    }
}

/// The number in an id such as `R-17`.
fn number_of(request_id: &RequestId) -> u64 {
    let number = request_id.as_str().trim_start_matches(|c: char| !c.is_ascii_digit());
    number.parse().expect("a numbered request")
}
