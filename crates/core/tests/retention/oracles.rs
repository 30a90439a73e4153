//! What must hold all the time, whatever a test does: asserted at every write, call, report and status.

use std::time::Duration;

use keeper_core::call::{CallId, Reply};
use keeper_core::conditions::{Question, Status, judge};
use keeper_core::engine::CALL_DEADLINE;
use keeper_core::failure::{Effect as Outcome, Failure};
use keeper_core::id::{InstanceId, InterfaceId};
use keeper_core::instance::Instance;
use keeper_core::interface::{Interface, InterfaceType};
use keeper_core::kind::Kind;
use keeper_core::reason::Reason;
use keeper_core::retention::{AttachPhase, MAX_RETAINED, Record};
use keeper_core::time::Moment;
use keeper_core::verdict::Part;
use keeper_core::wish::{Generation, ObjectId, Selector, Wish};

use crate::cloud::{Card, Machine, Shown, eni, i};
use crate::store::{Spec, Stored};
use crate::world::{World, secs};

impl World {
    /// How long evidence lives, which is never more than a quarter of an hour (I52); a status takes its time to be written,
    /// also when it has to be tried again.
    fn life(&self) -> Duration {
        let life = self.fleet.evidence_life();
        assert!(life <= secs(900), "I52: evidence lives for {life:?}");
        life + secs(20)
    }

    fn selects_instance(&self, owners: &Selector<Instance>, id: &InstanceId) -> bool {
        let Some(machine) = self.cloud.machines.get(id) else { return false };
        let tags = machine.facts.tags.as_deref().unwrap_or_default();
        (owners.names(id) || owners.tags_match(tags)) && !self.excludes_instance(owners, id)
    }

    fn excludes_instance(&self, owners: &Selector<Instance>, id: &InstanceId) -> bool {
        let tags = self.cloud.machines.get(id).and_then(|machine| machine.facts.tags.as_deref());
        owners.exclude_ids.contains(id) || owners.tags_exclude(tags.unwrap_or_default())
    }

    /// Whether the spec leaves the interface alone, as things are in truth.
    fn excluded(&self, wish: &Wish<Interface>, id: &InterfaceId, card: &Card) -> bool {
        let there = || card.instance().zip(wish.owners.as_deref());
        wish.selector.exclude_ids.contains(id)
            || wish.selector.tags_exclude(card.tags())
            || there().is_some_and(|(instance, owners)| self.excludes_instance(owners, instance))
    }

    /// Whether the spec alone selects it, as things are in truth.
    pub fn selected(&self, wish: &Wish<Interface>, id: &InterfaceId, card: &Card) -> bool {
        let meant = match card.facts.interface_type {
            Some(InterfaceType::Primary) => wish.types.primary,
            Some(InterfaceType::Secondary) => wish.types.secondary,
            _ => true,
        };
        let there = || card.instance().zip(wish.owners.as_deref()).filter(|_| card.in_use() && meant);
        !self.excluded(wish, id, card)
            && (wish.selector.names(id)
                || wish.selector.tags_match(card.tags())
                || there().is_some_and(|(instance, owners)| self.selects_instance(owners, instance)))
    }

    /// Whether it is a target, by the spec or by what status lists.
    pub fn is_target(&self, stored: &Stored, id: &InterfaceId, card: &Card) -> bool {
        stored.retention().is_some_and(|wish| {
            self.selected(wish, id, card)
                || (stored.record.retained.contains_key(id) && !self.excluded(wish, id, card))
        })
    }

    /// Keeps book of since when which target of which object has not been safe.
    pub fn note_exposed(&mut self) {
        let now = self.now;
        for card in self.cloud.cards.values_mut().filter(|card| card.in_use()) {
            if let Some(on) = card.instance().cloned() {
                card.been.insert(on, now);
            }
        }
        let mut exposed = std::mem::take(&mut self.exposed);
        for (name, stored) in self.store.iter().filter(|(_, s)| s.decodable) {
            for (id, card) in &self.cloud.cards {
                let seen = |machine: &Machine| !machine.hidden;
                let visible = !card.hidden
                    && !card.skipped
                    && !card.withheld
                    && card.instance().and_then(|on| self.cloud.machines.get(on)).is_none_or(seen);
                // What was refused is not applicable until it is tried again.
                let visible = visible && card.refused_at.is_none_or(|at| self.now.since(at) > secs(25 * 60));
                let key = (name.clone(), id.clone());
                if visible && !card.safe() && card.applicable() && self.is_target(stored, id, card) {
                    exposed.entry(key).or_insert(self.now);
                } else {
                    exposed.remove(&key);
                }
            }
        }
        for (name, stored) in &self.store {
            let Some(wish) = stored.retention() else { continue };
            for id in stored.record.retained.keys() {
                let given_up = |card: &Card| wish.weakening().is_some() && !card.safe();
                let left = |card: &Card| given_up(card) || self.excluded(wish, id, card);
                if self.cloud.cards.get(id).is_some_and(left) {
                    self.left.insert((name.clone(), id.clone()), now);
                }
            }
        }
        exposed.retain(|(name, id), _| self.store.contains_key(name) && self.cloud.cards.contains_key(id));
        self.exposed = exposed;
    }

    /// I1: no True while a target has not been safe for longer than evidence lives.
    pub fn check_truth(&self, name: &str) {
        let Some(stored) = self.store.get(name) else { return };
        let Some((of, part, judgement)) = &stored.status else { return };
        let since = self.started.max(self.led_since);
        let judged = self.leads && stored.decodable && self.now.since(since) > self.life();
        if judgement.domain.status != Status::True || *of != stored.generation || !judged {
            return;
        }
        for ((object, id), since) in &self.exposed {
            assert!(
                object != name || self.now.since(*since) <= self.life(),
                "I1: {name} says True although {id} has not been safe since {since:?}, now {:?}; {:?} {part:?} {:?}",
                self.now,
                stored.spec,
                self.cloud.cards[id],
            );
        }
    }

    pub fn check_all(&self) {
        for name in self.names() {
            self.check_truth(&name);
        }
    }

    // What the engine was shown.

    fn note_shown<K: Kind>(
        &mut self,
        of_interface: bool,
        call: CallId,
        result: &Result<Reply<K>, Failure>,
        look: impl Fn(&K::Facts) -> (bool, bool),
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
            let track = self.tracks.entry(item.id.to_string()).or_default();
            if track.shown.is_none_or(|newest| newest.call < call)
                && track.written.is_none_or(|(write, _)| write < call)
            {
                let (in_use, free) = look(&item.facts);
                track.shown = Some(Shown { call, safe: K::safe(&item.facts), at, in_use, free });
            }
        }
        Some(at)
    }

    pub fn note_instances(&mut self, call: CallId, result: &Result<Reply<Instance>, Failure>) {
        if self.note_shown(false, call, result, |_| (false, false)).is_none() {
            return;
        }
        let Ok(Reply::Page(page)) = result else { return };
        for item in &page.items {
            let listed = item.facts.surroundings.as_ref().and_then(|s| s.interfaces.clone());
            if self.lists.get(&item.id).is_none_or(|(newest, _)| *newest < call) {
                self.lists.insert(item.id.clone(), (call, listed.unwrap_or_default()));
            }
        }
    }

    pub fn note_interfaces(&mut self, call: CallId, result: &Result<Reply<Interface>, Failure>) {
        let look = |facts: &keeper_core::interface::InterfaceFacts| {
            use keeper_core::interface::InterfaceStatus::{Available, InUse};
            (facts.status == Some(InUse), facts.status == Some(Available))
        };
        if self.note_shown(true, call, result, look).is_none() {
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

    pub fn note_requests(&mut self, object: &ObjectId, part: &Part) {
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
    pub fn check_report(&self, object: &ObjectId, generation: Generation, part: &Part) {
        let Some(stored) = self.store.values().find(|s| s.id == *object && s.generation == generation) else {
            return;
        };
        let Some(wish) = stored.retention() else { return };
        let retention = part.retention.as_deref().expect("what an object that retains remembers");
        if judge(Question::of(wish), part).domain.status != Status::True {
            return;
        }
        for row in retention.rows.iter().filter(|row| row.reason == Reason::AllSafe) {
            let shown = self.tracks.get(row.id.as_str()).and_then(|track| track.shown);
            assert!(
                shown.is_some_and(|s| s.safe == Some(true) && self.now.since(s.at) <= self.life()),
                "I1, I2: {object:?} calls {} safe on {shown:?}",
                row.id
            );
        }
        if let Some(owners) = &wish.owners {
            self.check_lists(wish, owners, part);
        }
    }

    fn check_lists(&self, wish: &Wish<Interface>, owners: &Selector<Instance>, part: &Part) {
        // Who selects it is judged as things are: it must have been shown since they are so. What changed in the moment of
        // the read may have changed after it.
        let shown = |id: &str| self.tracks.get(id).and_then(|track| track.shown).map(|shown| shown.at);
        let there = self.cloud.machines.iter().filter(|(id, machine)| {
            !machine.hidden && shown(id.as_str()).is_some_and(|at| at > machine.changed)
        });
        for (instance, _) in there.filter(|(id, _)| self.selects_instance(owners, id)) {
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
                let asked = self.selected(wish, id, card);
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
        let Some(wish) = stored.retention() else { return };
        let full = new.retained.len() >= MAX_RETAINED;
        for id in stored.record.retained.keys().filter(|id| !full && !new.retained.contains_key(id)) {
            let Some(card) = self.cloud.cards.get(id) else { continue };
            let hidden = card.hidden_since.is_some_and(|at| self.now.since(at) >= secs(5));
            let left =
                self.excluded(wish, id, card) || self.left.contains_key(&(name.to_owned(), id.clone()));
            assert!(hidden || left, "I19: {name} no longer lists {id} {card:?}; {:?}", stored.spec);
        }
        if settled {
            // What is written now may have been judged before it was given up.
            let (now, life) = (self.now, self.life());
            let lately = |at: &mut Moment| now.since(*at) <= life;
            self.left.retain(|(of, id), at| of != name || !new.retained.contains_key(id) || lately(at));
        }
    }

    // Calls that change something.

    /// I15, I18: what is written was seen to be otherwise, after our own last write, by whoever leads now. And what
    /// [`World::check_weakening`] says.
    pub fn check_write(&mut self, call: CallId, target: &str, safe: bool) {
        let (now, led_since, life) = (self.now, self.led_since, self.life());
        let track = self.tracks.entry(target.to_owned()).or_default();
        let shown = track.shown.take();
        assert!(
            shown.is_some_and(|s| s.safe == Some(!safe) && now.since(s.at) <= life && s.at >= led_since),
            "I15, I18: {target} is written although the last answer said {shown:?}"
        );
        let awaited = track.written.and_then(|(_, at)| at).filter(|at| now.since(*at) < CALL_DEADLINE);
        assert!(awaited.is_none(), "I15: {target} is written while a write is under way");
        track.written = Some((call, Some(now)));
        if !safe && target.starts_with("eni-") {
            self.check_weakening(target, shown.is_some_and(|s| s.in_use));
        } else if safe && target.starts_with("eni-") {
            let id = eni(target);
            let Some(card) = self.cloud.cards.get(&id) else { return };
            let wanted = |stored: &Stored| match &stored.spec {
                Spec::Retention(wish) => wish.enforces() && self.is_target(stored, &id, card),
                Spec::Protection(_) => false,
            };
            // What is remembered, and the API server has not taken yet.
            let remembered = |stored: &Stored| {
                let newest = self.desks.get(&stored.id).and_then(|desk| desk.newest.as_ref());
                newest.and_then(|(_, part)| part.retention.as_ref()).is_some_and(|r| r.retained.contains(&id))
            };
            let lately = self.now.since(card.changed) <= self.life() || self.altered_lately(card);
            assert!(
                lately || self.store.values().any(|stored| wanted(stored) || remembered(stored)),
                "I18: nobody wants {target} {card:?} to be safe: {:?}",
                self.store
            );
        }
    }

    fn altered_lately(&self, card: &Card) -> bool {
        let machine = card.instance().and_then(|on| self.cloud.machines.get(on));
        machine.is_some_and(|machine| self.now.since(machine.changed) <= self.life())
    }

    /// Whether the object's newest spec could be known when the API server was last asked.
    fn known(&self, stored: &Stored) -> bool {
        self.told_of(stored) || stored.changed <= self.rechecked
    }

    /// I9, I11, I12, I14: the flag is given up only where a spec asks for it now, of an interface that is on an instance,
    /// with no claim that could be known; and never because of what status lists.
    fn check_weakening(&self, target: &str, shown_in_use: bool) {
        let id = eni(target);
        assert!(shown_in_use, "I14: the flag of {target} is given up although it was not seen in use");
        let Some(card) = self.cloud.cards.get(&id) else { return };
        let machine = card.instance().and_then(|on| self.cloud.machines.get(on));
        let calm =
            card.changed <= self.rechecked && machine.is_none_or(|machine| machine.changed <= self.rechecked);
        assert!(!calm || card.in_use(), "the flag of a free interface is given up: {target} {card:?}");
        let asks = |stored: &Stored| {
            stored.spec.weakening().is_some()
                && stored.carried_out != Some(stored.generation)
                && self.known(stored)
                && stored.retention().is_some_and(|wish| !calm || self.selected(wish, &id, card))
        };
        assert!(self.store.values().any(asks), "I9, I12, I14: no spec asks to give {target} up");
        for stored in self.store.values().filter(|s| self.known(s)) {
            assert!(stored.decodable, "I9: {target} was given up beside an object that can't be read");
            let claims = stored.retention().is_some_and(Wish::claims);
            assert!(
                !(calm && claims && self.is_target(stored, &id, card)),
                "I9: {target} was given up against {:?} {:?}",
                stored.id,
                stored.spec
            );
        }
    }

    /// I20, I22, I23: what is attached is listed durably, so is the request, one object alone asks for it, it was seen free,
    /// and it fits; and whatever was asked before was proven to have had no effect. The answer: the object.
    pub fn check_attach(&self, id: &InterfaceId, to: &InstanceId) -> ObjectId {
        let asks = |stored: &&Stored| {
            stored.retention().is_some_and(|wish| wish.reattach.iter().any(|entry| entry.interface == *id))
        };
        let askers: Vec<&Stored> = self.store.values().filter(|s| self.known(s)).filter(asks).collect();
        let requesting: Vec<&&Stored> = askers.iter().filter(|s| s.requested(id) == Some(to)).collect();
        let [stored] = requesting.as_slice() else {
            panic!("I20: the request to attach {id} to {to} is not durable: {:?}", self.store)
        };
        let wish = stored.retention().unwrap();
        assert!(stored.record.retained.contains_key(id), "I20, I22: {id} is attached and not listed");
        assert!(wish.protect && !wish.observe, "I22: {id} is attached for an object that does not retain it");
        let entry = wish.reattach.iter().find(|entry| entry.interface == *id).unwrap();
        assert_eq!(entry.instance.as_ref(), Some(to), "I22: {id} is attached to what nobody asks for");
        // Who has come to its end wants it no more: that its instance is gone, or that the interface was on it, may not be
        // told in status yet, and is found out again by whoever comes after.
        let rival = |other: &&&Stored| {
            let wanted = other.retention().and_then(|w| w.reattach.iter().find(|e| e.interface == *id));
            let wanted = wanted.and_then(|entry| entry.instance.as_ref());
            let gone = wanted.is_some_and(|to| !self.cloud.machines.contains_key(to));
            let been = self.cloud.cards.get(id).zip(wanted).and_then(|(card, to)| card.been.get(to));
            let ended = other.record.attachments.iter().any(|row| row.interface == *id && row.ended())
                || gone
                || self.cloud.cards.get(id).is_some_and(|card| card.hidden_since.is_some())
                || been.is_some_and(|at| *at >= other.changed);
            // Who had asked before goes on.
            let asked = self.requested.get(&(stored.id.clone(), id.clone())).copied().unwrap_or(self.now);
            other.id != stored.id && !ended && other.changed <= self.rechecked.min(asked)
        };
        let rivals: Vec<_> = askers.iter().filter(rival).collect();
        assert!(rivals.is_empty(), "I22: {id} is wanted by {rivals:?}, too");
        assert!(
            self.store.values().all(|s| s.decodable),
            "I22: attached beside an object that can't be read"
        );

        let shown = self.tracks.get(id.as_str()).and_then(|track| track.shown);
        assert!(
            shown.is_some_and(|s| s.free && self.now.since(s.at) <= secs(10)),
            "I22: {id} is attached although it was not seen free: {shown:?}"
        );
        if let (Some(card), Some(machine)) = (self.cloud.cards.get(id), self.cloud.machines.get(to))
            && card.changed.max(machine.changed) <= self.rechecked
        {
            let belongings = &card.facts.belongings;
            let fits = card.facts.zone_id.as_deref() == Some(machine.zone)
                && belongings.vpc_id.as_deref() == Some(machine.vpc);
            assert!(card.free() && fits && card.ours(), "I22: {id} {card:?} to {machine:?}");
            let tags = machine.facts.tags.iter().flatten();
            let cluster = entry.is_node || tags.into_iter().any(|tag| tag.key.as_ref() == "ack.aliyun.com");
            let excluded = card.tagged("terway.alibabacloud.com/excluded", "true");
            assert!(!cluster || excluded, "I22: {id} is handed to Terway on {to}");
        }
        let intent = stored.intent(id, to);
        for before in self.attached.iter().filter(|a| a.object == stored.id && a.interface == *id) {
            assert!(
                before.refused || before.intent != intent,
                "I23: {id} is attached anew at {:?} although of {before:?} nobody knows",
                self.now
            );
        }
        stored.id.clone()
    }

    // The end.

    /// Everything that objects in the store want is so.
    pub fn converged(&self) -> Result<(), String> {
        for stored in self.store.values().filter(|s| s.decodable) {
            let name = stored.id.name();
            let Some((generation, part, judgement)) = &stored.status else {
                return Err(format!("{name}: no status"));
            };
            if *generation != stored.generation {
                return Err(format!("{name}: a status of {generation}, not {}", stored.generation));
            }
            let Some(wish) = stored.retention() else { continue };
            let mut named_odd = false;
            for (id, card) in self.cloud.cards.iter().filter(|(_, card)| !card.hidden) {
                if !self.is_target(stored, id, card) {
                    continue;
                }
                named_odd |= !card.applicable() && wish.selector.ids.contains(id);
                if wish.enforces() && card.applicable() {
                    if !card.safe() {
                        return Err(format!("{id} of {name} is not safe: {card:?} {:?}", stored.status));
                    }
                    if !stored.record.retained.contains_key(id) {
                        return Err(format!("{name} does not list {id}: {:?}", stored.record));
                    }
                }
                let phase = part.retention.iter().flat_map(|r| &r.rows).find(|row| row.id == *id);
                let last_gone = phase
                    .and_then(|row| row.last_instance.as_ref())
                    .is_some_and(|last| !self.cloud.machines.contains_key(last));
                let available = part.retention.iter().any(|r| r.available.contains(id));
                if card.free()
                    && card.applicable()
                    && stored.record.retained.contains_key(id)
                    && last_gone
                    && !available
                {
                    return Err(format!("{name}: {id} has outlived its instance: {phase:?}"));
                }
            }
            let gone = |id: &InterfaceId| !self.cloud.cards.contains_key(id);
            if let Some(id) = stored.record.retained.keys().find(|id| gone(id)) {
                return Err(format!("{name} lists {id}, which is gone: {:?}", stored.status));
            }
            let all_found = wish.selector.ids.iter().all(|id| !gone(id))
                && wish.owners.iter().flat_map(|o| &o.ids).all(|id| self.cloud.machines.contains_key(id));
            let mut behind_nodes = wish.owners.iter().flat_map(|o| &o.node_ids);
            let told = match judgement.domain.reason {
                Reason::NoTargets | Reason::NotApplicable => true,
                Reason::NodeInstanceGone => behind_nodes.any(|id| !self.cloud.machines.contains_key(id)),
                _ => judgement.domain.status == Status::True,
            };
            if wish.enforces() && all_found && !named_odd && !told {
                return Err(format!("{name}: {:?} {part:?}", judgement.domain));
            }
        }
        Ok(())
    }
}

/// The instances of a list of names.
pub fn instances(names: &[&str]) -> std::collections::BTreeSet<InstanceId> {
    names.iter().map(|name| i(name)).collect()
}
