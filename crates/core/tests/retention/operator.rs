//! The operator as far as it matters here: how it is shown objects and writes their status, and what status says.

use std::time::Duration;

use keeper_core::conditions::{Judgement, Status};
use keeper_core::fleet::{Asked, Input};
use keeper_core::id::InterfaceId;
use keeper_core::reason::Reason;
use keeper_core::retention::{AttachPhase, Attachment, InterfaceRow, RetentionPart};
use keeper_core::verdict::Part;
use keeper_core::wish::{Generation, ObjectId};

use crate::cloud::eni;
use crate::world::{Event, Fault, World, secs};

#[derive(Debug, Clone)]
pub struct StatusWrite {
    pub object: ObjectId,
    pub version: u64,
    pub generation: Generation,
    pub part: Part,
    pub answered: bool,
}

/// What the operator holds of one object.
#[derive(Debug, Default)]
pub struct Desk {
    /// The newest version that it was shown, and has told the engine of.
    pub seen: u64,
    pub newest: Option<(Generation, Part)>,
    pub writing: bool,
    /// Something newer than what is being written is to be written.
    pub dirty: bool,
}

impl World {
    /// The operator is shown an object and tells the engine, unless it knows a newer one. `again`: or the same.
    pub fn see(&mut self, id: &ObjectId, version: u64, generation: Generation, asked: Asked, again: bool) {
        if !self.store.values().any(|stored| stored.id == *id) {
            return;
        }
        let desk = self.desks.entry(id.clone()).or_default();
        if version < desk.seen || (version == desk.seen && !again) {
            return;
        }
        // What is there now may be another status than the one that was written last.
        desk.dirty |= version > desk.seen && desk.newest.is_some();
        desk.seen = version;
        self.fleet.take(self.now, Input::Wish(id.clone(), generation, asked));
        self.send_status(id, None);
    }

    // The operator's writing of status.

    pub fn send_status(&mut self, object: &ObjectId, fault: Option<Fault>) {
        let Some(desk) = self.desks.get_mut(object).filter(|d| d.dirty && !d.writing) else { return };
        let Some(stored) = self.store.values().find(|s| s.id == *object) else { return };
        let Some((generation, part)) = desk.newest.clone().filter(|_| self.leads) else { return };
        desk.dirty = false;
        if stored.next_status(generation, &part).is_none() {
            return;
        }
        desk.writing = true;
        let version = desk.seen;
        let lost = matches!(fault, Some(Fault::LoseCall | Fault::Fail(_)));
        let answered = !matches!(fault, Some(Fault::LoseReply | Fault::FailAfter | Fault::Delay(_)));
        let delay = match fault {
            Some(Fault::Delay(by)) => by,
            _ => Duration::ZERO,
        };
        if !lost {
            let write = StatusWrite { object: object.clone(), version, generation, part, answered };
            self.schedule(self.latency / 2 + delay, None, Event::Status(Box::new(write)));
        }
        if lost || !answered {
            // It is tried again with whatever is the newest by then.
            self.schedule(secs(3), Some(self.crashes), Event::StatusEnded(object.clone(), false));
        }
    }

    pub fn status_arrives(&mut self, write: StatusWrite) {
        let StatusWrite { object, version, generation, part, answered } = write;
        let process = Some(self.crashes);
        let half = self.latency / 2;
        let Some((name, stored)) = self.store.iter().find(|(_, s)| s.id == object) else { return };
        let record = stored.next_status(generation, &part).filter(|_| stored.version == version);
        let record = record.filter(|_| !self.refused.contains(&object));
        let Some(record) = record else {
            // The object has changed meanwhile: the watch will tell, and it is looked at again.
            if answered {
                self.schedule(secs(1), process, Event::StatusEnded(object, false));
            }
            return;
        };
        let name = name.clone();
        self.check_record(&name, &record, part.settled);
        self.statuses += 1;
        let stored = self.store.get_mut(&name).unwrap();
        let leaves = stored.spec.terminating() && part.progress.as_ref().is_some_and(|p| p.done);
        stored.write_status(generation, part, record);
        let seen = Event::Seen(stored.id.clone(), stored.version, stored.generation, stored.asked());
        self.check_truth(&name);
        if leaves {
            return self.remove(&name);
        }
        if answered {
            self.schedule(half, process, seen.clone());
            self.schedule(half, process, Event::StatusEnded(object, true));
        }
        self.schedule(self.watch_lag, process, seen);
    }

    pub fn status_ended(&mut self, object: &ObjectId, written: bool) {
        let Some(desk) = self.desks.get_mut(object) else { return };
        desk.writing = false;
        desk.dirty |= !written;
        self.send_status(object, None);
    }

    // What status says.

    pub fn judgement(&self, name: &str) -> &Judgement {
        &self.store[name].status.as_ref().unwrap_or_else(|| panic!("{name} has no status")).2
    }

    pub fn part(&self, name: &str) -> &Part {
        &self.store[name].status.as_ref().unwrap_or_else(|| panic!("{name} has no status")).1
    }

    pub fn retention(&self, name: &str) -> &RetentionPart {
        self.part(name).retention.as_deref().expect("an object that retains interfaces")
    }

    pub fn says(&self, name: &str) -> (Status, Reason) {
        let domain = &self.judgement(name).domain;
        (domain.status, domain.reason)
    }

    /// The ids that status lists as retained.
    pub fn retained(&self, name: &str) -> Vec<&str> {
        self.store[name].record.retained.keys().map(InterfaceId::as_str).collect()
    }

    pub fn available(&self, name: &str) -> Vec<&str> {
        self.retention(name).available.iter().map(InterfaceId::as_str).collect()
    }

    pub fn row(&self, name: &str, interface: &str) -> &InterfaceRow {
        let rows = &self.retention(name).rows;
        rows.iter()
            .find(|row| row.id == eni(interface))
            .unwrap_or_else(|| panic!("no row of {interface}: {rows:?}"))
    }

    pub fn errand(&self, name: &str, interface: &str) -> &Attachment {
        let rows = &self.retention(name).attachments;
        rows.iter().find(|row| row.interface == eni(interface)).expect("an entry of that interface")
    }

    pub fn stands(&self, name: &str, interface: &str) -> (AttachPhase, Reason) {
        let row = self.errand(name, interface);
        (row.phase, row.reason)
    }
}
