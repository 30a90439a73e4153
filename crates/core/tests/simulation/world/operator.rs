//! The operator as far as it matters here: how it is shown objects and writes their status, and what status says.

use std::collections::BTreeMap;
use std::time::Duration;

use keeper_core::conditions::{ConditionSet, Status};
use keeper_core::engine::{Asked, Input};
use keeper_core::id::{Generation, InterfaceId, ObjectId};
use keeper_core::instance::Instance;
use keeper_core::intent::Intent;
use keeper_core::loss::Loss;
use keeper_core::reason::Reason;
use keeper_core::retention::{AttachPhase, Attachment, InterfaceRow, RetentionReport};
use keeper_core::verdict::RegionReport;

use super::cloud::eni;
use super::store::Stored;
use super::{Event, Fault, World, secs};

#[derive(Debug, Clone)]
pub struct StatusWrite {
    pub object: ObjectId,
    pub version: u64,
    pub generation: Generation,
    pub part: RegionReport,
    pub answered: bool,
}

/// What the operator holds of one object.
#[derive(Debug, Default)]
pub struct Desk {
    /// The newest version that it was shown, and has told the engine of.
    pub seen: u64,
    pub newest: Option<(Generation, RegionReport)>,
    /// What reports have said to be lost, and no Event has told yet.
    pub lost: Vec<Loss>,
    pub writing: bool,
    /// Something newer than what is being written is to be written.
    pub dirty: bool,
}

/// Notes what a replica is told that an object asks of instances.
pub fn note_asked(asks: &mut BTreeMap<ObjectId, Intent<Instance>>, id: &ObjectId, asked: &Asked) {
    match asked {
        Asked::Protection(intent, _) => asks.insert(id.clone(), (**intent).clone()),
        Asked::Retention(..) | Asked::Opaque | Asked::Gone => asks.remove(id),
    };
}

impl World {
    /// The operator is shown an object and tells the engine, unless it knows a newer one. `again`: or the same.
    pub fn see(&mut self, id: &ObjectId, version: u64, generation: Generation, asked: Asked, again: bool) {
        let Some(stored) = self.store.values().find(|stored| stored.id == *id) else { return };
        let asked = if stored.generation == generation { stored.with_its_nodes(asked) } else { asked };
        let desk = self.desks.entry(id.clone()).or_default();
        if version < desk.seen || (version == desk.seen && !again) {
            return;
        }
        // What is there now may be another status than the one that was written last.
        desk.dirty |= version > desk.seen && desk.newest.is_some();
        desk.seen = version;
        self.tell_of(id.clone(), generation, asked);
        self.send_status(id, None);
    }

    /// The engine is told what an object asks.
    pub fn tell_of(&mut self, id: ObjectId, generation: Generation, asked: Asked) {
        if self.told.get(&id).is_none_or(|newest| generation >= *newest) {
            note_asked(&mut self.asks, &id, &asked);
        }
        if matches!(asked, Asked::Gone) {
            self.told.remove(&id);
        } else {
            let newest = self.told.entry(id.clone()).or_default();
            *newest = generation.max(*newest);
        }
        self.engine.handle(self.now, Input::Intent(id, generation, asked));
    }

    /// Whether the engine was told of the object at its newest generation.
    pub fn told_of(&self, stored: &Stored) -> bool {
        self.told.get(&stored.id) == Some(&stored.generation)
    }

    /// Whether it was of every object that can be read.
    pub fn holds_known(&self) -> bool {
        self.store.values().all(|stored| !stored.decodable || self.told_of(stored))
    }

    /// A term begins: what it finds will be compared with what status counts now. What was to be said in another term is
    /// not said any more.
    pub fn begin_term(&mut self) {
        self.forget_evidence();
        for desk in self.desks.values_mut() {
            *desk = Desk { seen: desk.seen, ..Desk::default() };
        }
        let counted = |stored: &Stored| {
            let (of, part, _) = stored.status.as_ref()?;
            Some((stored.id.clone(), (*of, part.counts.targets())))
        };
        self.counted = self.store.values().filter_map(counted).collect();
    }

    /// Events tell what is lost before status leaves it out.
    fn tell_losses(&mut self, object: &ObjectId) {
        let Some(desk) = self.desks.get_mut(object) else { return };
        let Some((generation, part)) = &desk.newest else { return };
        let Some(stored) = self.store.values_mut().find(|s| s.id == *object) else { return };
        if !stored.takes(*generation, part) {
            return;
        }
        let lost = std::mem::take(&mut desk.lost);
        stored.tellings += usize::from(!lost.is_empty());
        let told = u32::try_from(lost.len()).unwrap();
        stored.told.extend(lost);
        let Some((of, counted)) = self.counted.get(object) else { return };
        if of != generation {
            self.counted.remove(object);
        } else if let Some(shrunk) = part.shrunk(*counted, told) {
            stored.shrunk += shrunk;
            self.counted.remove(object);
        }
    }

    // The operator's writing of status.

    pub fn send_status(&mut self, object: &ObjectId, fault: Option<Fault>) {
        if !self.leads() || !self.desks.get(object).is_some_and(|d| d.dirty && !d.writing) {
            return;
        }
        let lost = matches!(fault, Some(Fault::LoseCall | Fault::Fail(_)));
        if !lost {
            self.tell_losses(object);
        }
        if fault == Some(Fault::CrashTold) {
            return;
        }
        let wall_time = self.wall_time();
        let Some(desk) = self.desks.get_mut(object) else { return };
        let Some(stored) = self.store.values().find(|s| s.id == *object) else { return };
        let Some((generation, part)) = desk.newest.clone() else { return };
        desk.dirty = false;
        let untold = !desk.lost.is_empty();
        if stored.next_status(wall_time, generation, &part).is_none() && !untold {
            return;
        }
        desk.writing = true;
        let version = desk.seen;
        let answered = !matches!(fault, Some(Fault::LoseReply | Fault::FailAfter | Fault::Delay(_)));
        let delay = match fault {
            Some(Fault::Delay(by)) => by,
            _ => Duration::ZERO,
        };
        if !lost {
            let write = StatusWrite { object: object.clone(), version, generation, part, answered };
            self.schedule(self.status_takes() + delay, None, Event::Status(Box::new(write)));
        }
        if lost || !answered {
            // It is tried again with whatever is the newest by then.
            self.schedule(secs(3), Some(self.crashes), Event::StatusEnded(object.clone(), false));
        }
    }

    pub fn status_arrives(&mut self, write: StatusWrite) {
        let StatusWrite { object, version, generation, part, answered } = write;
        let process = Some(self.crashes);
        let half = self.status_takes();
        let Some((name, stored)) = self.store.iter().find(|(_, s)| s.id == object) else { return };
        let record =
            stored.next_status(self.wall_time(), generation, &part).filter(|_| stored.version == version);
        let record = record.filter(|_| !self.is_unwritable(&object, Duration::ZERO));
        let Some(record) = record else {
            // The object has changed meanwhile: the watch will tell, and it is looked at again.
            if answered {
                self.schedule(secs(1), process, Event::StatusEnded(object, false));
            }
            return;
        };
        let name = name.clone();
        self.check_record(&name, &record, part.settled);
        self.check_forgotten(&name, &record, &part);
        self.statuses += 1;
        let stored = self.store.get_mut(&name).unwrap();
        let leaves = stored.spec.terminating() && part.progress.as_ref().is_some_and(|p| p.done);
        stored.write_status(self.now, generation, part, record);
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

    /// The API server is never as slow as the cloud may be.
    fn status_takes(&self) -> Duration {
        self.latency.min(Duration::from_millis(100)) / 2
    }

    pub fn status_ended(&mut self, object: &ObjectId, written: bool) {
        let Some(desk) = self.desks.get_mut(object) else { return };
        desk.writing = false;
        desk.dirty |= !written;
        self.send_status(object, None);
    }

    // What status says.

    pub fn condition_set(&self, name: &str) -> &ConditionSet {
        &self.store[name].status.as_ref().unwrap_or_else(|| panic!("{name} has no status")).2
    }

    pub fn part(&self, name: &str) -> &RegionReport {
        &self.store[name].status.as_ref().unwrap_or_else(|| panic!("{name} has no status")).1
    }

    pub fn retention(&self, name: &str) -> &RetentionReport {
        self.part(name).retention.as_deref().expect("an object that retains interfaces")
    }

    pub fn says(&self, name: &str) -> (Status, Reason) {
        let domain = &self.condition_set(name).domain;
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

    pub fn attachment(&self, name: &str, interface: &str) -> &Attachment {
        let rows = &self.retention(name).attachments;
        rows.iter().find(|row| row.interface == eni(interface)).expect("an entry of that interface")
    }

    pub fn stands(&self, name: &str, interface: &str) -> (AttachPhase, Reason) {
        let row = self.attachment(name, interface);
        (row.phase, row.reason)
    }
}
