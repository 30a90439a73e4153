//! No harmful call: asserted at every write and attachment, whatever a test does.

use keeper_core::authority::PROOF_LIFE;
use keeper_core::delete_on_release::DeleteOnRelease;
use keeper_core::engine::CALL_DEADLINE;
use keeper_core::flag::Flag;
use keeper_core::id::{CallId, InstanceId, InterfaceId, ObjectId, Tag};
use keeper_core::instance::Instance;
use keeper_core::intent::{Intent, ScaleIn, Unprotecting};
use keeper_core::lift::{LiftPhase, Removal};

use super::cloud::{Card, Shown, member_of, release_time_of};
use super::store::Stored;
use super::{World, eni, i, secs};

impl World {
    /// I15, I18: what is written was seen to be otherwise, after our own last write, by whoever leads now. And what
    /// [`World::check_unprotecting`] says.
    pub fn check_write(&mut self, call: CallId, target: &str, protected: bool) {
        let (now, led_since, life) = (self.now, self.led_since, self.life());
        let release_time = self.tracks.get(&release_time_of(&i(target))).and_then(|track| track.written);
        let track = self.tracks.entry(target.to_owned()).or_default();
        let shown = track.shown.take();
        if let (Some((cancelled, at)), Some(shown)) = (release_time, &shown) {
            let awaited = at.is_some_and(|at| now.since(at) < CALL_DEADLINE);
            assert!(!awaited, "I15: {target} is written while its release time is");
            assert!(cancelled < shown.call, "I15: {target} was not read after its release time was written");
        }
        assert!(
            shown.as_ref().is_some_and(|s| s.protected == Some(!protected)
                && now.since(s.at) <= life
                && s.at >= led_since),
            "I15, I18: {target} is written although the last answer said {shown:?}"
        );
        let awaited = track.written.and_then(|(_, at)| at).filter(|at| now.since(*at) < CALL_DEADLINE);
        assert!(awaited.is_none(), "I15: {target} is written while a write is under way");
        track.written = Some((call, Some(now)));
        let is_interface = self.cloud.cards.contains_key(&eni(target));
        match (protected, is_interface) {
            (false, true) => self.check_unprotecting(target, shown.is_some_and(|s| s.in_use)),
            (false, false) => self.check_instance_unprotecting(target, shown.as_ref()),
            (true, true) => self.check_wanted(target),
            (true, false) => {}
        }
    }

    /// I15, I58: a release time is taken away that was seen after our own last write of any flag, by whoever leads now, with
    /// no write under way, and for an object that asks for that.
    pub fn check_cancelling(&mut self, call: CallId, id: &InstanceId) {
        let (now, led_since, life) = (self.now, self.led_since, self.life());
        let flag = self.tracks.get(id.as_str()).and_then(|track| track.written);
        let track = self.tracks.entry(release_time_of(id)).or_default();
        let shown = track.shown.take();
        let shown =
            shown.filter(|s| s.protected == Some(false) && now.since(s.at) <= life && s.at >= led_since);
        let shown = shown.unwrap_or_else(|| panic!("I15, I18: {id} was not seen with a release time"));
        for (written, at) in [track.written, flag].into_iter().flatten() {
            let awaited = at.is_some_and(|at| now.since(at) < CALL_DEADLINE);
            assert!(!awaited, "I15: the release time of {id} is written while a write is under way");
            assert!(written < shown.call, "I15: a write of {id} was not followed by a read");
        }
        track.written = Some((call, Some(now)));
        let asks = |intent: &Intent<Instance>| {
            intent.cancel_release_times
                && intent.holds()
                && !intent.observe
                && (intent.selector.names(id) || intent.selector.finds(&shown.tags))
                && !intent.selector.exclude_ids.contains(id)
                && !intent.selector.tags_exclude(&shown.tags)
        };
        let asks = |(object, intent): (&ObjectId, &Intent<Instance>)| {
            asks(intent) && !self.keeps_aside(object, id, &shown.tags)
        };
        assert!(self.asks.iter().any(asks), "I58: nobody asked to take the release time of {id} away");
    }

    /// Whether the object steps aside for the instance, as far as the operator has been told, and for a while to come: its clock may
    /// be ahead.
    fn keeps_aside(&self, object: &ObjectId, id: &InstanceId, tags: &[Tag]) -> bool {
        let Some(stored) = self.store.values().find(|stored| stored.id == *object) else { return false };
        let seen = self.desks.get(object).is_some_and(|desk| desk.seen == stored.version);
        let end = stored.steps_aside_until(id, tags);
        // A lift that was not carried out is over with its Node, and status says so afterwards.
        let waits = stored.lifted.get(id).is_some_and(|record| record.phase == LiftPhase::Waiting);
        let over = waits && stored.lifts().get(id).is_some_and(|lift| lift.removal == Removal::Going);
        seen && !over && end.is_some_and(|end| self.now.after(secs(25)) < end)
    }

    /// I15, I18, I58: a member is written that was seen otherwise, after our own last write, by whoever leads now, with no write
    /// under way, and for an object that asks for that.
    pub fn check_member_write(&mut self, call: CallId, id: &InstanceId, protected: bool) {
        let (now, led_since, life) = (self.now, self.led_since, self.life());
        let track = self.tracks.entry(member_of(id)).or_default();
        let shown = track.shown.take();
        let shown =
            shown.filter(|s| s.protected == Some(!protected) && now.since(s.at) <= life && s.at >= led_since);
        let shown = shown.unwrap_or_else(|| panic!("I15, I18: {id} was not seen as other than {protected}"));
        let awaited = track.written.and_then(|(_, at)| at).filter(|at| now.since(*at) < CALL_DEADLINE);
        assert!(awaited.is_none(), "I15: {id} is written while a write is under way");
        track.written = Some((call, Some(now)));
        let Some(machine) = self.cloud.machines.get(id).filter(|it| now.since(it.changed) > life) else {
            return;
        };
        let selects = |intent: &Intent<Instance>| {
            let selector = &intent.selector;
            (selector.names(id) || selector.finds(machine.tags()))
                && !selector.exclude_ids.contains(id)
                && !selector.tags_exclude(machine.tags())
        };
        if protected {
            let asks = |intent: &Intent<Instance>| {
                intent.scale_in == ScaleIn::Protect && !intent.observe && selects(intent)
            };
            let asks = |(object, intent): (&ObjectId, &Intent<Instance>)| {
                asks(intent) && !self.keeps_aside(object, id, machine.tags())
            };
            assert!(self.asks.iter().any(asks), "I58: nobody asked to protect {id} from scale-in");
            return;
        }
        assert!(now.since(shown.at) < PROOF_LIFE, "I11: {id} is given up and was not just read");
        let known = || self.store.values().filter(|stored| self.known(stored));
        let asks = |stored: &Stored| {
            stored.protection().is_some_and(|intent| {
                intent.scale_in == ScaleIn::Unprotect
                    && !intent.observe
                    && intent.deleting.is_none()
                    && stored.scale_in_carried_out != Some(stored.generation)
                    && selects(intent)
            })
        };
        assert!(
            known().any(asks),
            "I9, I12: nobody asked to give {id} up to scale-in at {:?}: {shown:?} {:?} {:?}",
            self.now,
            self.cloud.machines.get(id),
            self.store
        );
        for stored in known() {
            assert!(stored.decodable, "I9: {id} was given up beside an object that can't be read");
            let aside = stored.steps_aside_until(id, machine.tags()).map(|end| end.after(self.clock_lag()));
            let holds = |it: &Intent<Instance>| it.scale_in == ScaleIn::Protect && selects(it);
            let holds = stored.protection().is_some_and(holds) && aside.is_none_or(|end| end <= self.now);
            assert!(!holds, "I9: {id} was given up against {:?}", stored.id);
        }
    }

    /// I18: somebody wants it, as things are or were a moment ago.
    fn check_wanted(&self, target: &str) {
        let id = eni(target);
        let Some(card) = self.cloud.cards.get(&id) else { return };
        let wanted = |stored: &Stored| {
            stored
                .retention()
                .is_some_and(|intent| DeleteOnRelease::enforces(intent) && self.is_target(stored, &id, card))
        };
        // What is remembered, and the API server has not taken yet.
        let remembered = |stored: &Stored| {
            let newest = self.desks.get(&stored.id).and_then(|desk| desk.newest.as_ref());
            newest.and_then(|(_, part)| part.retention.as_ref()).is_some_and(|r| r.retained.contains(&id))
        };
        let lately = self.now.since(card.changed) <= self.life() || self.altered_lately(card);
        assert!(
            lately || self.store.values().any(|stored| wanted(stored) || remembered(stored)),
            "I18: nobody wants {target} {card:?} to be protected: {:?}",
            self.store
        );
    }

    /// I9, I11, I12: an unprotecting write needs an object that asks for it now, and no hold that could be known, of a target as
    /// it was just read.
    fn check_instance_unprotecting(&self, target: &str, shown: Option<&Shown>) {
        let shown = shown.filter(|shown| self.now.since(shown.at) < PROOF_LIFE);
        let shown = shown.unwrap_or_else(|| panic!("I11: {target} is unprotected and was not just read"));
        let id = i(target);
        let selects = |stored: &Stored| {
            stored.protection().is_some_and(|Intent { selector, .. }| {
                let removed = stored.lifts().contains_key(&id);
                (selector.names(&id) || selector.finds(&shown.tags) || removed)
                    && !selector.exclude_ids.contains(&id)
                    && !selector.tags_exclude(&shown.tags)
            })
        };
        let asks = |s: &Stored| {
            let asked = match s.spec.unprotecting() {
                Some(Unprotecting::Once | Unprotecting::BeforeDeletion) => true,
                Some(Unprotecting::SteppingAside) | None => {
                    let end = s.steps_aside_until(&id, &shown.tags).map(|end| end.after(self.clock_lag()));
                    let open = s.has_open_exception(&id) || s.is_due(&id, self.last_preflight);
                    open && end.is_some_and(|end| self.now < end)
                }
            };
            asked && selects(s) && self.known(s)
        };
        assert!(self.store.values().any(asks), "I9: nobody asked to unprotect {target}");
        for stored in self.store.values().filter(|s| self.known(s)) {
            assert!(stored.decodable, "I9: {target} was unprotected beside an object that can't be read");
            let aside = stored.steps_aside_until(&id, &shown.tags).map(|end| end.after(self.clock_lag()));
            let holds =
                stored.protection().is_some_and(Intent::holds) && aside.is_none_or(|end| end <= self.now);
            assert!(
                !(holds && selects(stored)),
                "I9: {target} was unprotected at {:?} against {stored:?}",
                self.now
            );
        }
    }

    fn altered_lately(&self, card: &Card) -> bool {
        let machine = card.instance().and_then(|on| self.cloud.machines.get(on));
        machine.is_some_and(|machine| self.now.since(machine.changed) <= self.life())
    }

    /// Whether the object's newest spec could be known when the API server was last asked.
    fn known(&self, stored: &Stored) -> bool {
        self.told_of(stored) || stored.changed <= self.last_preflight
    }

    /// I9, I11, I12, I14: the flag is given up only where a spec asks for it now, of an interface that is on an instance,
    /// with no hold that could be known; and never because of what status lists.
    fn check_unprotecting(&self, target: &str, shown_in_use: bool) {
        let id = eni(target);
        assert!(shown_in_use, "I14: the flag of {target} is given up although it was not seen in use");
        let Some(card) = self.cloud.cards.get(&id) else { return };
        let machine = card.instance().and_then(|on| self.cloud.machines.get(on));
        let calm = card.changed <= self.last_preflight
            && machine.is_none_or(|machine| machine.changed <= self.last_preflight);
        assert!(!calm || card.in_use(), "the flag of a free interface is given up: {target} {card:?}");
        let asks = |stored: &Stored| {
            stored.spec.unprotecting().is_some()
                && stored.carried_out != Some(stored.generation)
                && self.known(stored)
                && stored.retention().is_some_and(|intent| !calm || self.selected(intent, &id, card))
        };
        assert!(self.store.values().any(asks), "I9, I12, I14: no spec asks to give {target} up");
        for stored in self.store.values().filter(|s| self.known(s)) {
            assert!(stored.decodable, "I9: {target} was given up beside an object that can't be read");
            let holds = stored.retention().is_some_and(Intent::holds);
            assert!(
                !(calm && holds && self.is_target(stored, &id, card)),
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
            stored
                .retention()
                .is_some_and(|intent| intent.reattach.iter().any(|entry| entry.interface == *id))
        };
        let askers: Vec<&Stored> = self.store.values().filter(|s| self.known(s)).filter(asks).collect();
        let requesting: Vec<&&Stored> = askers.iter().filter(|s| s.requested(id) == Some(to)).collect();
        let [stored] = requesting.as_slice() else {
            panic!("I20: the request to attach {id} to {to} is not durable: {:?}", self.store)
        };
        let intent = stored.retention().unwrap();
        assert!(stored.record.retained.contains_key(id), "I20, I22: {id} is attached and not listed");
        assert!(
            intent.protect && !intent.observe,
            "I22: {id} is attached for an object that does not retain it"
        );
        let entry = intent.reattach.iter().find(|entry| entry.interface == *id).unwrap();
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
            other.id != stored.id && !ended && other.changed <= self.last_preflight.min(asked)
        };
        let rivals: Vec<_> = askers.iter().filter(rival).collect();
        assert!(rivals.is_empty(), "I22: {id} is wanted by {rivals:?}, too");
        assert!(
            self.store.values().all(|s| s.decodable),
            "I22: attached beside an object that can't be read"
        );

        let shown = self.tracks.get(id.as_str()).and_then(|track| track.shown.as_ref());
        assert!(
            shown.is_some_and(|s| s.free && self.now.since(s.at) <= secs(10)),
            "I22: {id} is attached although it was not seen free: {shown:?}"
        );
        if let (Some(card), Some(machine)) = (self.cloud.cards.get(id), self.cloud.machines.get(to))
            && card.changed.max(machine.changed) <= self.last_preflight
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
}
