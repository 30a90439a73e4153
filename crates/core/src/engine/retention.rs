//! What is said of retained interfaces: the complete list of them, rows for those that outlived their instance, and where
//! wishes to attach stand.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Engine;
use super::objects::Object;
use crate::id::{InstanceId, InterfaceId};
use crate::interface::{Interface, InterfaceFacts, InterfaceStatus};
use crate::kind::{Kind, Place};
use crate::owners::Role;
use crate::reason::{Reason, Risk};
use crate::retention::{InterfacePhase, InterfaceRow, MAX_RETAINED, Remembered, RetentionPart, sort_rows};
use crate::time::Moment;
use crate::verdict::Verdict;
use crate::wish::ObjectId;

impl Engine<Interface> {
    /// What an object remembers, for its report.
    pub(crate) fn retention_part(&self, now: Moment, name: &ObjectId) -> Option<Box<RetentionPart>> {
        let object = self.objects.get(name)?;
        let memory = &object.memory;
        let mut part = RetentionPart { departed: memory.departed.clone(), ..RetentionPart::default() };
        // What status lists already stays there; what is new comes as long as there is room.
        let durable = |id: &&InterfaceId| memory.durable.as_ref().is_some_and(|ids| ids.contains(*id));
        part.retained.extend(memory.kept.keys().filter(durable).take(MAX_RETAINED).cloned());
        let room = MAX_RETAINED.saturating_sub(part.retained.len());
        part.retained.extend(memory.kept.keys().filter(|id| !durable(id)).take(room).cloned());
        part.full = memory.kept.len() > part.retained.len();
        for id in self.reach(object) {
            let Some((verdict, risks)) = self.judge_target(now, object, id) else { continue };
            let verdict = self.explain(verdict, &object.wish);
            let evidence = self.targets.get(id).and_then(|t| t.evidence.as_ref());
            let Some(facts) = evidence.map(|e| &e.facts) else {
                if memory.kept.contains_key(id) {
                    part.unread.insert(id.clone());
                }
                continue;
            };
            let row = self.row(id, facts, memory.kept.get(id), verdict, risks);
            if row.phase == InterfacePhase::Available && part.retained.contains(id) {
                part.available.insert(id.clone());
            }
            part.rows.push(row);
        }
        for (id, remembered, facts) in memory.gone.iter().filter(|(id, ..)| !memory.kept.contains_key(id)) {
            let verdict = Verdict::Unknown(Reason::Departed);
            let mut row = self.row(id, facts, Some(remembered), verdict, Vec::new());
            row.phase = InterfacePhase::Gone;
            row.last_instance = row.instance.take().or(row.last_instance);
            part.rows.push(row);
        }
        part.full |= sort_rows(&mut part.rows);
        part.attachments = memory.errands.values().map(|errand| errand.row.clone()).collect();
        Some(Box::new(part))
    }

    fn row(
        &self,
        id: &InterfaceId,
        facts: &InterfaceFacts,
        remembered: Option<&Remembered>,
        verdict: Verdict,
        risks: Vec<Risk>,
    ) -> InterfaceRow {
        let phase = match (verdict, facts.status, remembered) {
            (Verdict::NotApplicable(_), ..) => InterfacePhase::NotApplicable,
            (_, Some(InterfaceStatus::Attaching), _) => InterfacePhase::Attaching,
            (_, Some(InterfaceStatus::Available), Some(r)) if r.survived => InterfacePhase::Available,
            (_, Some(InterfaceStatus::Available), _) => InterfacePhase::Detached,
            (_, _, Some(r)) if r.reattached => InterfacePhase::Reattached,
            _ => InterfacePhase::Attached,
        };
        let reason = match verdict {
            Verdict::Safe(_) => Reason::AllSafe,
            Verdict::Weak(reason) | Verdict::NotApplicable(reason) | Verdict::Unknown(reason) => reason,
        };
        InterfaceRow {
            id: id.clone(),
            interface_type: facts.interface_type,
            phase,
            attention: !matches!(verdict, Verdict::Safe(_)) || !risks.is_empty(),
            instance: Interface::place(facts).instance().cloned(),
            last_instance: remembered.and_then(|r| r.before.clone()),
            zone_id: facts.zone_id.clone(),
            belongings: Arc::clone(&facts.belongings),
            reason,
            detail: self.row_detail(id, reason),
            risks,
        }
    }

    /// The instances that objects want to know of besides those that their spec selects, where they have changed.
    pub fn watches(&mut self) -> Vec<(ObjectId, BTreeSet<InstanceId>)> {
        let mut changed = Vec::new();
        for name in std::mem::take(&mut self.watches_due) {
            let Some(object) = self.objects.get(&name) else { continue };
            let watch = self.wanted_instances(object);
            if watch != object.watch
                && let Some(object) = self.objects.get_mut(&name)
            {
                object.watch.clone_from(&watch);
                changed.push((name, watch));
            }
        }
        changed
    }

    /// The instances that hold the object's targets, those that free ones were on last, and those to which something is to
    /// be attached.
    fn wanted_instances(&self, object: &Object<Interface>) -> BTreeSet<InstanceId> {
        let selected = |instance: &InstanceId| {
            let role = object.roster.as_ref().and_then(|roster| roster.role(instance));
            matches!(role, Some(Role::Selected))
        };
        let mut wanted: BTreeSet<InstanceId> = Self::destinations(object).cloned().collect();
        for id in self.reach(object) {
            let facts = self.targets.get(id).and_then(|t| t.evidence.as_ref()).map(|e| &e.facts);
            if let Some(Place::On(instance)) = facts.map(Interface::place)
                && !selected(instance)
                && !object.wish.selector.exclude_ids.contains(id)
            {
                wanted.insert(instance.clone());
            }
        }
        for (id, remembered) in &object.memory.kept {
            if let Some(last) =
                remembered.before.as_ref().filter(|_| self.is_free(id) && !remembered.survived)
            {
                wanted.insert(last.clone());
            }
        }
        wanted
    }
}
