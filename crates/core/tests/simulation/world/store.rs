//! A model of the API server's objects of both kinds, and of how the operator writes their status.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use keeper_core::conditions::{ConditionSet, Question, Status, judge};
use keeper_core::delete_on_release::DeleteOnRelease;
use keeper_core::deletion_protection::DeletionProtection;
use keeper_core::engine::{Asked, ProtectionRecord};
use keeper_core::exception::{Exception, ExceptionPhase, ExceptionRecord, ExceptionRecords, ExceptionReport};
use keeper_core::id::{Generation, ObjectId};
use keeper_core::id::{InstanceId, InterfaceId, Tag};
use keeper_core::instance::Instance;
use keeper_core::intent::{DeletionPolicy, Intent, Selector, Unprotecting};
use keeper_core::interface::Interface;
use keeper_core::lift::{LIFTED_FOR, Lift, LiftPhase, LiftRecord, LiftRecords, LiftReport, Removal};
use keeper_core::loss::Loss;
use keeper_core::retention::{
    AttachPhase, Attachment, InterfacePhase, InterfaceRow, Record, Remembered, RetentionReport,
};
use keeper_core::time::Moment;
use keeper_core::verdict::RegionReport;
use keeper_core::wall_clock::{WallClock, WallTime};

/// The right time at the beginning.
pub const ORIGIN: WallTime = WallTime::at(Duration::from_secs(1_000_000));

/// What an object's spec asks.
#[derive(Debug, Clone, PartialEq)]
pub enum Spec {
    Protection(Intent<Instance>),
    Retention(Intent<Interface>),
}

impl From<Intent<Instance>> for Spec {
    fn from(intent: Intent<Instance>) -> Self {
        Self::Protection(intent)
    }
}

impl From<Intent<Interface>> for Spec {
    fn from(intent: Intent<Interface>) -> Self {
        Self::Retention(intent)
    }
}

impl Spec {
    pub fn unprotecting(&self) -> Option<Unprotecting> {
        match self {
            Self::Protection(intent) => intent.unprotecting(),
            Self::Retention(intent) => intent.unprotecting(),
        }
    }

    pub fn deletion_policy(&self) -> DeletionPolicy {
        match self {
            Self::Protection(intent) => intent.deletion_policy,
            Self::Retention(intent) => intent.deletion_policy,
        }
    }

    pub fn deleting(&mut self) -> &mut Option<Duration> {
        match self {
            Self::Protection(intent) => &mut intent.deleting,
            Self::Retention(intent) => &mut intent.deleting,
        }
    }

    pub fn terminating(&self) -> bool {
        match self {
            Self::Protection(intent) => intent.deleting.is_some(),
            Self::Retention(intent) => intent.deleting.is_some(),
        }
    }

    fn question(&self) -> Question {
        match self {
            Self::Protection(intent) => Question::of::<DeletionProtection>(intent),
            Self::Retention(intent) => Question::of::<DeleteOnRelease>(intent),
        }
    }

    /// Which instances it is about.
    pub fn instances(&self) -> Option<&Selector<Instance>> {
        match self {
            Self::Protection(intent) => Some(&intent.selector),
            Self::Retention(intent) => intent.hosts.as_deref(),
        }
    }

    fn instances_mut(&mut self) -> Option<&mut Selector<Instance>> {
        match self {
            Self::Protection(intent) => Some(&mut intent.selector),
            Self::Retention(intent) => intent.hosts.as_deref_mut(),
        }
    }

    pub fn set_deletion_policy(&mut self, policy: DeletionPolicy) {
        match self {
            Self::Protection(intent) => intent.deletion_policy = policy,
            Self::Retention(intent) => intent.deletion_policy = policy,
        }
    }
}

/// An object as the API server holds it.
#[derive(Debug, Clone)]
pub struct Stored {
    pub id: ObjectId,
    pub generation: Generation,
    /// `metadata.resourceVersion`
    pub version: u64,
    pub spec: Spec,
    pub decodable: bool,
    /// When its spec was last changed.
    pub changed: Moment,
    /// The newest status: of which generation, and what.
    pub status: Option<(Generation, RegionReport, ConditionSet)>,
    /// What status says durably besides.
    pub record: Record,
    /// What status says durably of exceptions.
    pub exceptions: ExceptionRecords,
    /// What status says durably of lifts.
    pub lifted: LiftRecords,
    /// The entries of exceptions of which status has said that they are in force: an entry that is removed and added again is
    /// another one.
    pub once_in_force: BTreeSet<(InstanceId, WallTime)>,
    /// The machines of which status has said that they were lifted in vain, as long as neither their removal nor the spec changes.
    pub lifted_in_vain: BTreeSet<InstanceId>,
    /// What Karpenter is removing, how far it has come, and since when.
    pub removals: BTreeMap<InstanceId, (Removal, Moment)>,
    pub carried_out: Option<Generation>,
    /// The same of giving members up to scale-in.
    pub scale_in_carried_out: Option<Generation>,
    /// How often status was written.
    pub reports: u32,
    /// When `(interface, instance)` was asked for in spec.reattach, by number: an entry that is removed and added again is
    /// another intent.
    pub intents: Vec<(InterfaceId, Option<InstanceId>, u32)>,
    pub intents_made: u32,
    /// When the machines behind its Nodes came to be its targets: the generation tells nothing of that.
    pub joined: BTreeMap<InstanceId, Moment>,
    /// Since when status has listed what it lists as retained.
    pub listed: BTreeMap<InterfaceId, Moment>,
    /// Since when, by the right time, status has said that what it has rows of has outlived its instance.
    pub survivors: BTreeMap<InterfaceId, Moment>,
    /// What Events have told to be lost, each time that they did.
    pub told: Vec<Loss>,
    /// In how many reports.
    pub tellings: usize,
    /// What was told to be lost by number alone.
    pub shrunk: u32,
}

impl Stored {
    pub fn new(id: ObjectId, spec: Spec, now: Moment) -> Self {
        let mut stored = Self {
            id,
            generation: 1,
            version: 1,
            spec,
            decodable: true,
            changed: now,
            status: None,
            record: Record::default(),
            exceptions: ExceptionRecords::new(),
            lifted: LiftRecords::new(),
            once_in_force: BTreeSet::new(),
            lifted_in_vain: BTreeSet::new(),
            removals: BTreeMap::new(),
            carried_out: None,
            scale_in_carried_out: None,
            reports: 0,
            intents: Vec::new(),
            intents_made: 0,
            joined: BTreeMap::new(),
            listed: BTreeMap::new(),
            survivors: BTreeMap::new(),
            told: Vec::new(),
            tellings: 0,
            shrunk: 0,
        };
        stored.note_intents();
        stored
    }

    pub fn retention(&self) -> Option<&Intent<Interface>> {
        match &self.spec {
            Spec::Retention(intent) => Some(intent),
            Spec::Protection(_) => None,
        }
    }

    pub fn protection(&self) -> Option<&Intent<Instance>> {
        match &self.spec {
            Spec::Protection(intent) => Some(intent),
            Spec::Retention(_) => None,
        }
    }

    pub fn protection_mut(&mut self) -> Option<&mut Intent<Instance>> {
        match &mut self.spec {
            Spec::Protection(intent) => Some(intent),
            Spec::Retention(_) => None,
        }
    }

    /// `kubectl apply`, or a user's edit of any other way.
    pub fn edit(&mut self, spec: Spec, now: Moment) {
        if self.spec != spec || !self.decodable {
            self.generation += 1;
            self.version += 1;
            self.changed = now;
        }
        (self.spec, self.decodable) = (spec, true);
        let entries = self.protection().map(|intent| intent.exceptions.clone()).unwrap_or_default();
        self.once_in_force.retain(|(id, until)| entries.get(id).is_some_and(|entry| entry.until == *until));
        self.lifted_in_vain.clear();
        self.note_intents();
    }

    pub fn corrupt(&mut self, now: Moment) {
        self.decodable = false;
        self.generation += 1;
        self.version += 1;
        self.changed = now;
    }

    pub fn terminate(&mut self, now: Moment) {
        if self.spec.deleting().is_none() {
            *self.spec.deleting() = Some(Duration::ZERO);
            self.generation += 1;
            self.version += 1;
            self.changed = now;
        }
    }

    /// The Nodes that it selects come and go; its generation stays.
    pub fn nodes(&mut self, ids: &[&str], now: Moment) {
        let Some(selector) = self.spec.instances_mut() else { return };
        let before = std::mem::take(&mut selector.node_ids);
        for id in ids.iter().map(InstanceId::new) {
            if !before.contains(&id) {
                self.joined.insert(id.clone(), now);
            }
            selector.node_ids.insert(id);
        }
    }

    /// What the object asked a moment ago, with the Nodes as they are now: these are watched for themselves.
    pub fn with_its_nodes(&self, mut asked: Asked) -> Asked {
        let then = match &mut asked {
            Asked::Protection(intent, _) => {
                intent.lifts = self.lifts();
                Some(&mut intent.selector)
            }
            Asked::Retention(intent, _) => intent.hosts.as_deref_mut(),
            Asked::Opaque | Asked::Gone => None,
        };
        if let (Some(then), Some(now)) = (then, self.spec.instances()) {
            then.node_ids.clone_from(&now.node_ids);
            then.node_ids.extend(self.lifts().into_keys());
        }
        asked
    }

    fn note_intents(&mut self) {
        let wanted: Vec<(InterfaceId, Option<InstanceId>)> = self
            .retention()
            .map(|intent| intent.reattach.iter().map(|e| (e.interface.clone(), e.instance.clone())).collect())
            .unwrap_or_default();
        self.intents.retain(|(id, to, _)| wanted.iter().any(|w| w.0 == *id && w.1 == *to));
        for (id, to) in wanted {
            if !self.intents.iter().any(|known| known.0 == id && known.1 == to) {
                self.intents_made += 1;
                self.intents.push((id, to, self.intents_made));
            }
        }
    }

    pub fn intent(&self, id: &InterfaceId, to: &InstanceId) -> Option<u32> {
        self.intents.iter().find(|known| known.0 == *id && known.1.as_ref() == Some(to)).map(|known| known.2)
    }

    /// What the operator hands to the engine.
    pub fn asked(&self) -> Asked {
        if !self.decodable {
            return Asked::Opaque;
        }
        let carried_out = self.carried_out == Some(self.generation);
        let scale_in_carried_out = self.scale_in_carried_out == Some(self.generation);
        match self.spec.clone() {
            Spec::Protection(mut intent) => {
                let lifts = self.lifts();
                intent.lift &= self.claims_listed();
                intent.selector.node_ids.extend(lifts.keys().cloned());
                let record =
                    ProtectionRecord { exceptions: self.exceptions.clone(), lifted: self.lifted.clone() };
                Asked::Protection(
                    Box::new(Intent { carried_out, scale_in_carried_out, lifts, ..intent }),
                    Box::new(record),
                )
            }
            Spec::Retention(intent) => {
                Asked::Retention(Box::new(Intent { carried_out, ..intent }), Box::new(self.record.clone()))
            }
        }
    }

    /// The status that the operator would write, as `(generation, part, record)`; `None`: what stands may stay.
    pub fn next_status(
        &self,
        wall_time: WallTime,
        generation: Generation,
        part: &RegionReport,
    ) -> Option<Record> {
        if !self.takes(generation, part) {
            return None;
        }
        let record = match part.retention.as_deref() {
            Some(retention) if part.settled => record(retention, &self.record, wall_time),
            _ => self.record.clone(),
        };
        let same = self.status.as_ref().is_some_and(|(of, old, _)| *of == generation && old == part);
        let stands = exception_records(part, &self.exceptions) == self.exceptions
            && lift_records(part, &self.lifted) == self.lifted;
        (!same || record != self.record || !stands).then_some(record)
    }

    /// Whether a report is of the object as it stands, and says more than that not all is known yet: what is unprotected is
    /// said at once, and what was said like that does not stand longer than it holds.
    pub fn takes(&self, generation: Generation, part: &RegionReport) -> bool {
        let broken = !part.counts.unprotected.is_empty() || !part.counts.not_applicable_named.is_empty();
        let says_more = match self.status.as_ref().filter(|(of, ..)| *of == generation) {
            None => true,
            Some(_) if part.progress.is_some() => false,
            Some((_, stood, set)) if set.domain.status == Status::False => !stood.settled,
            Some(_) => broken,
        };
        generation == self.generation && self.decodable && (part.settled || says_more)
    }

    pub fn write_status(&mut self, now: Moment, generation: Generation, part: RegionReport, record: Record) {
        self.listed.retain(|id, _| record.retained.contains_key(id));
        for id in record.retained.keys() {
            self.listed.entry(id.clone()).or_insert(now);
        }
        self.survivors.retain(|id, _| record.survived_since.contains_key(id));
        for (id, since) in &record.survived_since {
            if self.record.survived_since.get(id) != Some(since) {
                self.survivors.insert(id.clone(), now);
            }
        }
        self.exceptions = exception_records(&part, &self.exceptions);
        self.lifted = lift_records(&part, &self.lifted);
        let in_force = self.exceptions.iter().filter(|(_, it)| it.phase == ExceptionPhase::InForce);
        self.once_in_force.extend(in_force.map(|(id, record)| (id.clone(), record.until)));
        let in_vain = self.lifted.iter().filter(|(_, record)| record.phase == LiftPhase::Expired);
        self.lifted_in_vain.extend(in_vain.map(|(id, _)| id.clone()));
        let condition_set = judge(self.spec.question(), &part);
        if part.progress.as_ref().is_some_and(|p| p.done) && !self.spec.terminating() {
            self.carried_out = Some(generation);
        }
        if part.scale_in.as_ref().is_some_and(|progress| progress.done) {
            self.scale_in_carried_out = Some(generation);
        }
        self.record = record;
        self.status = Some((generation, part, condition_set));
        self.reports += 1;
        self.version += 1;
    }

    /// When the object ceases to step aside for the instance, which has these tags, by the right time, as spec and status have it.
    pub fn steps_aside_until(&self, id: &InstanceId, tags: &[Tag]) -> Option<Moment> {
        self.aside_until(id, tags, false)
    }

    /// The same, or when it ceased to, if status says that this is over.
    pub fn stepped_aside_until(&self, id: &InstanceId, tags: &[Tag]) -> Option<Moment> {
        self.aside_until(id, tags, true)
    }

    fn aside_until(&self, id: &InstanceId, tags: &[Tag], also_expired: bool) -> Option<Moment> {
        let intent = self.protection().filter(|intent| intent.can_step_aside())?;
        let excepted = intent.exceptions.get(id).zip(self.exceptions.get(id));
        // Status alone selects nothing that could be excepted; what was excepted before stays so.
        let by_spec = self.lifts().get(id).is_none_or(|lift| lift.selected)
            || intent.selector.ids.contains(id)
            || intent.selector.finds(tags);
        let excepted =
            excepted.filter(|(entry, record)| by_spec || (record.carried_out && record.until == entry.until));
        let expired = |(entry, record): &(&Exception, &ExceptionRecord)| {
            record.phase == ExceptionPhase::Expired && record.until == entry.until
        };
        let excepted = excepted.filter(|pair| also_expired || !expired(pair));
        let excepted = excepted.map(|(entry, record)| right_moment(record.ends.min(entry.until)));
        let lift = self.lifts().get(id).map(|lift| lift.removal);
        let goes = intent.lift && matches!(lift, Some(Removal::Due | Removal::Going));
        let lifted = self.lifted.get(id).filter(|_| goes);
        let lifted = lifted.filter(|record| also_expired || record.phase != LiftPhase::Expired);
        let lifted = lifted.map(|record| right_moment(record.since.after(LIFTED_FOR)));
        excepted.max(lifted)
    }

    /// Whether the operator knows the NodeClaims. If not, that is so of all of them.
    fn claims_listed(&self) -> bool {
        self.removals.values().all(|(removal, _)| *removal != Removal::Unknown)
    }

    /// What the operator makes of what Karpenter does: it looks only where the spec says so.
    pub fn lifts(&self) -> BTreeMap<InstanceId, Lift> {
        let Some(intent) = self.protection().filter(|intent| intent.protect) else { return BTreeMap::new() };
        let known = |id: &InstanceId| self.removals.get(id).map(|(removal, _)| *removal);
        let listed = self.claims_listed();
        let removal = |id: &InstanceId| match intent.lift {
            true if listed => known(id).unwrap_or(Removal::Going),
            true => Removal::Unknown,
            false => Removal::Withdrawn,
        };
        let seen = self.removals.keys().filter(|_| intent.lift && listed);
        let lift = |id: &InstanceId| {
            let (node, removal) = (format!("node-of-{id}").into(), removal(id));
            let selected = removal == Removal::Due || intent.selector.node_ids.contains(id);
            (id.clone(), Lift { node, removal, selected })
        };
        self.lifted.keys().chain(seen).map(lift).collect()
    }

    /// The machines of which Node and NodeClaim say that their release is the next step, and status that the object steps aside.
    pub fn removals_due(&self) -> BTreeSet<InstanceId> {
        let due =
            self.removals.iter().filter(|(_, (removal, _))| *removal == Removal::Due && self.claims_listed());
        let waits = |id: &InstanceId| self.lifted.get(id).is_some_and(|it| it.phase == LiftPhase::Waiting);
        due.map(|(id, _)| id.clone()).filter(waits).collect()
    }

    /// Whether the flag of the machine may be switched off because its release was the next step then.
    pub fn is_due(&self, id: &InstanceId, then: Moment) -> bool {
        let removal = self.removals.get(id);
        let due = removal.is_some_and(|(removal, since)| *removal == Removal::Due || *since > then);
        due && self.lifted.contains_key(id)
            && !self.lifted_in_vain.contains(id)
            && self.protection().is_some_and(|intent| intent.lift)
    }

    /// Whether the flag of the instance is still to be switched off for an exception whose end is durable.
    pub fn has_open_exception(&self, id: &InstanceId) -> bool {
        let entry = self.protection().and_then(|intent| intent.exceptions.get(id));
        let record = self.exceptions.get(id).filter(|record| Some(record.until) == entry.map(|e| e.until));
        record.is_some_and(|record| !self.once_in_force.contains(&(id.clone(), record.until)))
    }

    /// What status says of intents to attach, and of which generation.
    pub fn attachments(&self) -> Option<(Generation, Vec<Attachment>)> {
        self.status.as_ref().map(|(of, ..)| (*of, self.record.attachments.clone()))
    }

    pub fn requested(&self, id: &InterfaceId) -> Option<&InstanceId> {
        let row = self.record.attachments.iter().find(|row| row.interface == *id)?;
        row.instance.as_ref().filter(|_| row.phase == AttachPhase::Requested)
    }
}

/// When it is this time, by the right time.
fn right_moment(time: WallTime) -> Moment {
    let mut clock = WallClock::default();
    clock.read(Moment::default(), ORIGIN);
    clock.reaches(time).unwrap()
}

/// What status says of exceptions from now on. When one ends is never put off, and none that was carried out waits again, whatever
/// is said by who has not heard of it.
fn exception_records(part: &RegionReport, old: &ExceptionRecords) -> ExceptionRecords {
    let record = |report: &ExceptionReport| {
        let stood = old.get(&report.instance).filter(|record| record.until == report.until);
        let ends = stood.map_or(report.ends, |record| record.ends.min(report.ends));
        let carried_out = report.carried_out || stood.is_some_and(|record| record.carried_out);
        let phase = match (stood.map(|record| record.phase), report.phase) {
            (Some(ExceptionPhase::Expired), _) => ExceptionPhase::Expired,
            (_, ExceptionPhase::Waiting) if carried_out => ExceptionPhase::InForce,
            (_, said) => said,
        };
        ExceptionRecord { until: report.until, ends, phase, carried_out }
    };
    part.exceptions.iter().map(|report| (report.instance.clone(), record(report))).collect()
}

/// What status says of lifts from now on. Since when never changes, and none goes back.
fn lift_records(part: &RegionReport, old: &LiftRecords) -> LiftRecords {
    let record = |report: &LiftReport| {
        let stood = old.get(&report.instance);
        let phase = stood.map_or(report.phase, |stood| stood.phase.max(report.phase));
        let new = LiftRecord { node: report.node.clone(), since: report.since, phase };
        let record = stood.map(|stood| LiftRecord { phase, ..stood.clone() });
        (report.instance.clone(), record.unwrap_or(new))
    };
    part.lifted.iter().map(record).collect()
}

/// What of a part is durable. What status lists and the part does not know of, nor tells of as departed, was listed by
/// somebody else since the part was made: it stays.
fn record(part: &RetentionReport, old: &Record, wall_time: WallTime) -> Record {
    let remembered = |id: &InterfaceId| match part.rows.iter().find(|row| row.id == *id) {
        Some(row) => Remembered {
            on: row.instance.clone(),
            before: row.last_instance.clone(),
            survived: row.phase == InterfacePhase::Available,
            reattached: row.phase == InterfacePhase::Reattached,
        },
        None if part.unread.contains(id) => old.retained.get(id).cloned().unwrap_or_default(),
        None => Remembered { survived: part.available.contains(id), ..Remembered::default() },
    };
    let unheard = |id: &InterfaceId| {
        !part.retained.contains(id) && !part.departed.contains_key(id) && !part.displaced.contains(id)
    };
    let others = old.retained.iter().filter(|(id, _)| unheard(id)).map(|(id, r)| (id.clone(), r.clone()));
    let free =
        |row: &&InterfaceRow| matches!(row.phase, InterfacePhase::Available | InterfacePhase::Detached);
    let forgotten =
        |id: &&InterfaceId| part.listed_survivors.contains(*id) && !old.retained.contains_key(*id);
    let retained: BTreeSet<&InterfaceId> = part.retained.iter().filter(|id| !forgotten(id)).collect();
    // The rows of what was not read yet, or was listed by somebody else, stand.
    let stands = |id: &InterfaceId| {
        unheard(id) || (part.unread.contains(id) && !part.rows.iter().any(|row| row.id == *id))
    };
    let standing = old.rows.iter().filter(|id| stands(id)).cloned();
    let survivors = part.rows.iter().filter(|row| row.phase == InterfacePhase::Available);
    let survived = survivors.filter(|row| retained.contains(&row.id)).map(|row| {
        let of_old = old.retained.get(&row.id).is_some_and(|old| old.before == row.last_instance);
        let since = old.survived_since.get(&row.id).filter(|_| of_old).copied();
        (row.id.clone(), since.unwrap_or(wall_time))
    });
    let dated =
        old.survived_since.iter().filter(|(id, _)| stands(id)).map(|(id, since)| (id.clone(), *since));
    Record {
        retained: retained.iter().map(|id| ((*id).clone(), remembered(id))).chain(others).collect(),
        rows: part.rows.iter().filter(free).map(|row| row.id.clone()).chain(standing).collect(),
        survived_since: survived.chain(dated).collect(),
        attachments: part.attachments.clone(),
    }
}
