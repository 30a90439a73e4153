//! Status tells the truth: asserted at every report and status, whatever a test does.

use std::time::Duration;

use keeper_core::auto_release_time::AutoReleaseTime;
use keeper_core::call::Reply;
use keeper_core::conditions::{Question, Status, judge};
use keeper_core::delete_on_release::DeleteOnRelease;
use keeper_core::deletion_protection::DeletionProtection;
use keeper_core::failure::{Effect as Outcome, Failure};
use keeper_core::flag::{Facts, Flag};
use keeper_core::id::{CallId, Generation, InstanceId, InterfaceId, ObjectId, Tag};
use keeper_core::instance::{Instance, InstanceFacts};
use keeper_core::intent::{Intent, Selector};
use keeper_core::interface::{Interface, InterfaceFacts, InterfaceType};
use keeper_core::protected_from_scale_in::ProtectedFromScaleIn;
use keeper_core::reason::Reason;
use keeper_core::retention::{AttachPhase, MAX_RETAINED, Record};
use keeper_core::scaling_member::ScalingMember;
use keeper_core::time::Moment;
use keeper_core::verdict::{RegionReport, State};

use super::cloud::{Card, Machine, Shown, member_of, release_time_of};
use super::store::{Spec, Stored};
use super::{World, i, secs};

impl World {
    /// How long evidence lives: never longer than a quarter of an hour, or twice what the budget gives (I52). A status takes
    /// its time to be written, also when it has to be tried again.
    pub fn life(&self) -> Duration {
        let life = self.engine.evidence_life();
        assert!(life <= secs(900).max(self.engine.sweep_interval() * 2), "I52: evidence lives for {life:?}");
        life + secs(20)
    }

    // What objects select, as things are in truth.

    pub fn selects_instance(&self, selector: &Selector<Instance>, id: &InstanceId) -> bool {
        let Some(machine) = self.cloud.machines.get(id) else { return false };
        (selector.names(id) || selector.finds(machine.tags())) && !self.excludes_instance(selector, id)
    }

    fn excludes_instance(&self, selector: &Selector<Instance>, id: &InstanceId) -> bool {
        let tags = self.cloud.machines.get(id).map(Machine::tags).unwrap_or_default();
        selector.exclude_ids.contains(id) || selector.tags_exclude(tags)
    }

    /// Whether the spec leaves the interface alone, as things are in truth.
    fn excluded(&self, intent: &Intent<Interface>, id: &InterfaceId, card: &Card) -> bool {
        let there = || card.instance().zip(intent.hosts.as_deref());
        intent.selector.exclude_ids.contains(id)
            || intent.selector.tags_exclude(card.tags())
            || there().is_some_and(|(instance, hosts)| self.excludes_instance(hosts, instance))
    }

    /// Whether the spec alone selects it, as things are in truth.
    pub fn selected(&self, intent: &Intent<Interface>, id: &InterfaceId, card: &Card) -> bool {
        let meant = match card.facts.interface_type {
            Some(InterfaceType::Primary) => intent.types.primary,
            Some(InterfaceType::Secondary) => intent.types.secondary,
            _ => true,
        };
        let there = || card.instance().zip(intent.hosts.as_deref()).filter(|_| card.in_use() && meant);
        !self.excluded(intent, id, card)
            && (intent.selector.names(id)
                || intent.selector.tags_match(card.tags())
                || there().is_some_and(|(instance, hosts)| self.selects_instance(hosts, instance)))
    }

    /// Whether it is a target, by the spec or by what status lists.
    pub fn is_target(&self, stored: &Stored, id: &InterfaceId, card: &Card) -> bool {
        stored.retention().is_some_and(|intent| {
            self.selected(intent, id, card)
                || (stored.record.retained.contains_key(id) && !self.excluded(intent, id, card))
        })
    }

    /// Keeps book of what can't be told from how things are now.
    pub fn note_state(&mut self) {
        let now = self.now;
        for card in self.cloud.cards.values_mut().filter(|card| card.in_use()) {
            if let Some(on) = card.instance().cloned() {
                card.been.insert(on, now);
            }
        }
        // What nobody selects any more is forgotten, and may be skipped when it is selected again.
        let selects = |id: &InstanceId| {
            self.store
                .values()
                .filter_map(|stored| stored.spec.instances())
                .any(|it| self.selects_instance(it, id))
        };
        let unselected: Vec<InstanceId> = self.lists.keys().filter(|id| !selects(id)).cloned().collect();
        self.lists.retain(|id, _| !unselected.contains(id));
        for (name, stored) in &self.store {
            let Some(intent) = stored.retention() else { continue };
            for id in stored.record.retained.keys() {
                let given_up = |card: &Card| intent.unprotecting().is_some() && !card.protected();
                let left = |card: &Card| given_up(card) || self.excluded(intent, id, card);
                if self.cloud.cards.get(id).is_some_and(left) {
                    self.left.insert((name.clone(), id.clone()), now);
                }
            }
        }
    }

    /// Since when the instance has been unprotected, and a target of the object that could be seen.
    pub fn instance_exposed(
        &self,
        stored: &Stored,
        intent: &Intent<Instance>,
        id: &InstanceId,
    ) -> Option<Moment> {
        let machine = self.cloud.machines.get(id)?;
        let counts = !machine.protected() && !machine.hidden && machine.applicable();
        let since =
            machine.unprotected_since.filter(|_| counts && self.selects_instance(&intent.selector, id))?;
        let joined = stored.joined.get(id).copied().unwrap_or_default();
        let aside = stored.steps_aside_until(id, machine.tags()).map(|end| end.after(self.clock_lag()));
        // Status may say so before its time.
        let before = stored.stepped_aside_until(id, machine.tags()).filter(|end| *end <= self.now);
        let aside = aside.max(before).unwrap_or_default();
        Some(since.max(machine.changed).max(joined).max(aside))
    }

    /// Since when the interface has been.
    fn interface_exposed(
        &self,
        stored: &Stored,
        intent: &Intent<Interface>,
        id: &InterfaceId,
    ) -> Option<Moment> {
        let card = self.cloud.cards.get(id)?;
        let host = card.instance().and_then(|on| self.cloud.machines.get(on));
        let seen = !(card.hidden || card.skipped || card.withheld) && host.is_none_or(|host| !host.hidden);
        let spec = self.selected(intent, id, card);
        let listed = stored.listed.get(id).filter(|_| !self.excluded(intent, id, card));
        let counts = !card.protected() && seen && card.applicable() && (spec || listed.is_some());
        let since = card.unprotected_since.filter(|_| counts)?;
        // What was refused is not applicable until it is tried again.
        let refused = card.refused_at.map(|at| at.after(secs(25 * 60))).unwrap_or_default();
        let listed = listed.filter(|_| !spec).copied().unwrap_or_default();
        let told = stored.changed.max(stored.joined.values().max().copied().unwrap_or_default());
        Some(since.max(card.changed).max(self.altered).max(refused).max(listed).max(told))
    }

    /// I1: no True while a target has been unprotected for longer than evidence lives.
    pub fn check_truth(&self, name: &str) {
        let Some(stored) = self.store.get(name) else { return };
        let Some((of, part, condition_set)) = &stored.status else { return };
        let life = self.life();
        // Rule 11: who has only just begun, or only just leads again, leaves standing what stands for a while.
        let since = self.started.max(self.led_since);
        let judged = self.leads() && stored.decodable && self.now.since(since) > life;
        let skipped = self.now.since(self.cloud.skipped) <= life;
        // What can't be written stands as it is.
        let judged = judged && !self.is_unwritable(&stored.id, secs(5));
        if condition_set.domain.status != Status::True || *of != stored.generation || !judged || skipped {
            return;
        }
        let lied = |since: Option<Moment>| since.is_some_and(|since| self.now.since(since) > life);
        let unprotected: Vec<String> = match &stored.spec {
            Spec::Protection(intent) => {
                let unprotected = |id: &&InstanceId| lied(self.instance_exposed(stored, intent, id));
                self.cloud
                    .machines
                    .keys()
                    .filter(unprotected)
                    .map(|id| format!("{:?}", self.cloud.machines[id]))
                    .collect()
            }
            Spec::Retention(intent) => {
                let unprotected = |id: &&InterfaceId| lied(self.interface_exposed(stored, intent, id));
                self.cloud
                    .cards
                    .keys()
                    .filter(unprotected)
                    .map(|id| format!("{id} {:?}", self.cloud.cards[id]))
                    .collect()
            }
        };
        assert!(
            unprotected.is_empty(),
            "I1: {name} says True although these have been unprotected for long at {:?}: {unprotected:?}; {:?} {part:?} {:?}",
            self.now,
            stored.spec,
            &self.reads[self.reads.len().saturating_sub(12)..]
        );
    }

    pub fn check_all(&self) {
        for name in self.names() {
            self.check_truth(&name);
        }
    }

    // What the engine was shown.

    fn note_shown<F: Flag>(
        &mut self,
        of_interface: bool,
        call: CallId,
        result: &Result<Reply<F::Of>, Failure>,
        look: impl Fn(&Facts<F>) -> (Vec<Tag>, bool, bool),
    ) -> Option<Moment> {
        // After its deadline an answer counts for nothing.
        let at = self.answered(of_interface, call)?;
        let Ok(Reply::Page(page)) = result else {
            for track in self.tracks.values_mut() {
                track.written = track.written.map(|(of, at)| (of, at.filter(|_| of != call)));
            }
            return Some(at);
        };
        for item in &page.items {
            let protected = F::protected(&item.facts);
            self.note_one(item.id.to_string(), (call, at), protected, look(&item.facts));
        }
        Some(at)
    }

    fn note_one(
        &mut self,
        name: String,
        (call, at): (CallId, Moment),
        protected: Option<bool>,
        (tags, in_use, free): (Vec<Tag>, bool, bool),
    ) {
        let track = self.tracks.entry(name).or_default();
        if track.shown.as_ref().is_none_or(|newest| newest.call < call)
            && track.written.is_none_or(|(write, _)| write < call)
        {
            track.shown = Some(Shown { call, protected, tags, at, in_use, free });
        }
    }

    pub fn note_instances(&mut self, call: CallId, result: &Result<Reply<Instance>, Failure>) {
        let look = |facts: &InstanceFacts| (facts.tags.clone().unwrap_or_default(), false, false);
        let Some(at) = self.note_shown::<DeletionProtection>(false, call, result, look) else { return };
        let Ok(Reply::Page(page)) = result else { return };
        for item in &page.items {
            let look = (item.facts.tags.clone().unwrap_or_default(), false, false);
            let protected = AutoReleaseTime::protected(&item.facts);
            self.note_one(release_time_of(&item.id), (call, at), protected, look);
        }
        for item in &page.items {
            let listed = item.facts.surroundings.as_ref().and_then(|s| s.interfaces.clone());
            if self.lists.get(&item.id).is_none_or(|(newest, _)| *newest < call) {
                self.lists.insert(item.id.clone(), (call, listed.unwrap_or_default()));
            }
        }
    }

    pub fn note_members(&mut self, call: CallId, result: &Result<Reply<ScalingMember>, Failure>) {
        let Some(at) = self.answered(false, call) else { return };
        let Ok(Reply::Page(page)) = result else {
            for track in self.tracks.values_mut() {
                track.written = track.written.map(|(of, at)| (of, at.filter(|_| of != call)));
            }
            return;
        };
        for item in &page.items {
            let protected = ProtectedFromScaleIn::protected(&item.facts);
            self.note_one(member_of(&item.id), (call, at), protected, (Vec::new(), false, false));
        }
    }

    pub fn note_interfaces(&mut self, call: CallId, result: &Result<Reply<Interface>, Failure>) {
        let look = |facts: &InterfaceFacts| {
            use keeper_core::interface::InterfaceStatus::{Available, InUse};
            let tags = facts.tags.clone().unwrap_or_default();
            (tags, facts.status == Some(InUse), facts.status == Some(Available))
        };
        if self.note_shown::<DeleteOnRelease>(true, call, result, look).is_none() {
            return;
        }
        for attach in self.attached.iter_mut().filter(|a| a.call == (self.crashes, call)) {
            attach.refused = matches!(result, Err(failure) if failure.effect == Outcome::None);
        }
        let Ok(Reply::Page(page)) = result else { return };
        for item in &page.items {
            if self.places.get(&item.id).is_none_or(|(newest, _)| *newest < call) {
                self.places.insert(item.id.clone(), (call, item.facts.instance.clone().flatten()));
            }
        }
    }

    // Reports and statuses.

    pub fn note_requests(&mut self, object: &ObjectId, part: &RegionReport) {
        let rows = part.retention.iter().flat_map(|retention| &retention.attachments);
        let now: Vec<&InterfaceId> =
            rows.filter(|row| row.phase == AttachPhase::Requested).map(|row| &row.interface).collect();
        self.requested.retain(|(of, id), _| of != object || now.contains(&id));
        for id in now {
            self.requested.entry((object.clone(), id.clone())).or_insert(self.now);
        }
    }

    /// I1, I2, I21: a True rests on answers to reads that were sent after our last write had ended, and not long ago; and
    /// where it speaks of instances, their own list and that of interfaces say the same.
    pub fn check_report(&self, object: &ObjectId, generation: Generation, part: &RegionReport) {
        let Some(stored) = self.store.values().find(|s| s.id == *object && s.generation == generation) else {
            return;
        };
        match &stored.spec {
            Spec::Protection(intent) => self.check_protection(stored, intent, part),
            Spec::Retention(intent) => self.check_retention(stored, intent, part),
        }
    }

    fn check_shown(&self, object: &ObjectId, target: &str) {
        let shown = self.tracks.get(target).and_then(|track| track.shown.as_ref());
        assert!(
            shown.is_some_and(|s| s.protected == Some(true) && self.now.since(s.at) <= self.life()),
            "I1, I2: {object:?} calls {target} protected on {shown:?}"
        );
    }

    fn check_protection(&self, stored: &Stored, intent: &Intent<Instance>, part: &RegionReport) {
        if judge(Question::of::<DeletionProtection>(intent), part).domain.status != Status::True {
            return;
        }
        for row in part.rows.iter().filter(|row| row.state == State::Protected) {
            self.check_shown(&stored.id, &row.id);
        }
        let selector = &intent.selector;
        let named = selector.ids.iter().filter(|id| selector.names(id)).count();
        let told = part.rows.iter().filter(|row| selector.names(&i(&row.id))).count();
        // Who excludes by tag may leave out any of them, and be True of what else is selected.
        let complete = !selector.exclude_tags.is_empty() || told >= named.min(100);
        assert!(complete, "{:?} leaves out what it names", stored.id);
    }

    fn check_retention(&self, stored: &Stored, intent: &Intent<Interface>, part: &RegionReport) {
        let retention = part.retention.as_deref().expect("what an object that retains remembers");
        if judge(Question::of::<DeleteOnRelease>(intent), part).domain.status != Status::True {
            return;
        }
        for row in retention.rows.iter().filter(|row| row.reason == Reason::AllProtected) {
            self.check_shown(&stored.id, row.id.as_str());
        }
        let protected = usize::try_from(part.counts.protected()).unwrap();
        assert!(
            !intent.protect || retention.retained.len() >= protected.min(MAX_RETAINED),
            "I19: {:?} is True of {protected} interfaces and lists {}",
            stored.id,
            retention.retained.len()
        );
        if let Some(hosts) = &intent.hosts {
            self.check_lists(intent, hosts, part);
        }
    }

    fn check_lists(&self, intent: &Intent<Interface>, hosts: &Selector<Instance>, part: &RegionReport) {
        // Who selects it is judged as things are: it must have been shown since they are so. What changed in the moment of
        // the read may have changed after it.
        let shown =
            |id: &str| self.tracks.get(id).and_then(|track| track.shown.as_ref()).map(|shown| shown.at);
        let there = self.cloud.machines.iter().filter(|(id, machine)| {
            !machine.hidden && shown(id.as_str()).is_some_and(|at| at > machine.changed)
        });
        for (instance, _) in there.filter(|(id, _)| self.selects_instance(hosts, id)) {
            let Some((_, listed)) = self.lists.get(instance) else { continue };
            // What nobody can see, or could until a moment ago, nobody can know of.
            let lately =
                |card: &Card| card.hidden_since.is_some() && self.now.since(card.changed) <= self.life();
            for (id, card) in
                self.cloud.cards.iter().filter(|(_, card)| !(card.hidden || card.skipped || lately(card)))
            {
                let ours = matches!(
                    card.facts.interface_type,
                    Some(InterfaceType::Primary | InterfaceType::Secondary)
                ) && card.facts.service_managed == Some(false);
                let place = self.places.get(id).and_then(|(_, at)| at.as_ref());
                let names_it = place == Some(instance);
                let asked = self.selected(intent, id, card);
                assert!(
                    !(ours && asked) || names_it == listed.contains(id),
                    "I21: True although {instance} lists {listed:?} and {id} says {place:?}: {part:?}"
                );
            }
            for id in listed.iter().filter(|id| !self.cloud.cards.contains_key(id)) {
                assert!(self.places.contains_key(id), "I21: True although {id} on {instance} was never seen");
            }
        }
    }

    /// I19: the list of retained interfaces gets shorter only by what is gone, excluded or given up.
    pub fn check_record(&mut self, name: &str, new: &Record, settled: bool) {
        let stored = &self.store[name];
        let Some(intent) = stored.retention() else { return };
        let full = new.retained.len() >= MAX_RETAINED;
        for id in stored.record.retained.keys().filter(|id| !full && !new.retained.contains_key(id)) {
            let Some(card) = self.cloud.cards.get(id) else { continue };
            let hidden = card.hidden_since.is_some_and(|at| self.now.since(at) >= secs(5));
            let left =
                self.excluded(intent, id, card) || self.left.contains_key(&(name.to_owned(), id.clone()));
            let forgotten = self.may_be_forgotten((stored, new), intent, id, card);
            assert!(
                hidden || left || forgotten,
                "I19: {name} no longer lists {id} {card:?}; {:?}",
                stored.spec
            );
        }
        if settled {
            // What is written now may have been judged before it was given up.
            let (now, life) = (self.now, self.life());
            let lately = |at: &mut Moment| now.since(*at) <= life;
            self.left.retain(|(of, id), at| of != name || !new.retained.contains_key(id) || lately(at));
        }
    }

    /// Whether the object's spec lets it forget the interface, as things are: it is free and has had its row as a survivor for
    /// long enough, and neither a selector nor an open entry of `reattach` names it. By how much the clocks of those who
    /// write and read differ, the operator allows for; here they are seconds.
    fn may_be_forgotten(
        &self,
        (stored, new): (&Stored, &Record),
        intent: &Intent<Interface>,
        id: &InterfaceId,
        card: &Card,
    ) -> bool {
        let (_, least, most) = self.clock;
        let differ = secs(most.abs_diff(least));
        let row = stored.survivors.get(id).map(|since| self.now.since(*since) + differ);
        let over =
            intent.forget_after.is_some_and(|after| row.is_some_and(|for_so_long| for_so_long >= after));
        let lately = self.now.since(card.changed) <= self.life();
        let ended = new.attachments.iter().any(|row| {
            row.interface == *id && matches!(row.phase, AttachPhase::Attached | AttachPhase::Obsolete)
        });
        let wanted = intent.reattach.iter().any(|entry| entry.interface == *id) && !ended;
        over && !wanted && (lately || (card.free() && !self.selected(intent, id, card)))
    }

    /// I19, I20: what is forgotten because its time is over may be, and comes back only if the spec selects it again.
    pub fn check_forgotten(&mut self, name: &str, new: &Record, part: &RegionReport) {
        let stored = &self.store[name];
        let Some(intent) = stored.retention() else { return };
        let life = self.life();
        let departed = part.retention.iter().flat_map(|retention| &retention.departed);
        let told = departed.filter(|(_, reason)| **reason == Reason::SurvivorForgotten).map(|(id, _)| id);
        let gone =
            |id: &&InterfaceId| stored.record.retained.contains_key(*id) && !new.retained.contains_key(*id);
        let forgotten: Vec<InterfaceId> = told.filter(gone).cloned().collect();
        assert!(forgotten.len() <= 1, "I19: {name} forgets {forgotten:?} at once");
        for id in &forgotten {
            if let Some(card) = self.cloud.cards.get(id) {
                let may = self.may_be_forgotten((stored, new), intent, id, card);
                assert!(may, "I19: {name} forgets {id} {card:?}; {intent:?} {:?}", stored.record);
            }
        }
        for id in new.retained.keys().filter(|id| !stored.record.retained.contains_key(*id)) {
            let Some(card) = self.cloud.cards.get(id) else { continue };
            let lately = self.now.since(card.changed.max(stored.changed).max(self.altered)) <= life;
            let was = self.forgotten.contains(&(name.to_owned(), id.clone()));
            let back = !was || lately || self.selected(intent, id, card);
            assert!(back, "I19: {id} {card:?} comes back to {name} by itself: {intent:?}");
        }
        self.forgotten.retain(|(of, id)| of != name || !new.retained.contains_key(id));
        self.forgotten.extend(forgotten.into_iter().map(|id| (name.to_owned(), id)));
    }
}
