//! What a step about members of scaling groups changes: what is known of them, and what is done about them.

use std::collections::BTreeMap;

use super::action::{Action, Window};
use super::flag_keeper::FlagKeeper;
use super::reader::Finding;
use super::targets::Targets;
use super::turn::Turn;
use crate::call::WriteCall;
use crate::id::{CallId, InstanceId};
use crate::protected_from_scale_in::ProtectedFromScaleIn;
use crate::scaling_member::ScalingMember;

/// The parts that a step about members changes.
pub(super) struct Members<'a> {
    pub targets: &'a mut Targets<ScalingMember>,
    pub keeper: &'a mut FlagKeeper<ProtectedFromScaleIn>,
}

impl Members<'_> {
    /// Looks at the members whose time has come, and at those whose instances are looked at: an object may have ceased to step
    /// aside for one.
    pub fn look_at(&mut self, turn: &mut Turn<'_>, instances: &[InstanceId]) {
        self.targets.fire_timers(turn);
        for id in instances {
            if self.targets.inventory.evidence(id).is_some() {
                self.targets.reconsider(id);
            }
        }
    }

    /// Takes in what reads have shown.
    pub fn take(&mut self, turn: &mut Turn<'_>, findings: Vec<Finding<ScalingMember>>) {
        for finding in findings {
            let left = self.targets.confirm(turn, finding, |id| self.keeper.busy(id));
            if let Some(change) = left.and_then(|finding| self.targets.take(turn, finding)) {
                self.keeper.heed(turn, self.targets, &change);
            }
        }
    }

    /// Decides what is to be done about the members of which something has changed.
    pub fn settle(&mut self, turn: &mut Turn<'_>) {
        for id in self.targets.take_due(turn) {
            if !self.keeper.verify(turn, self.targets, &id) {
                self.targets.reader.verified(&id);
                self.keeper.reconsider(turn, self.targets, &id, no_other_flag);
            }
        }
    }

    /// Lets go of members that nobody selects any more. As long as a write or its effect may be under way, or a read that was
    /// sent before it ended, one stays.
    pub fn forget_unselected(&mut self) {
        let oldest = self.targets.oldest_call().into_iter().chain(self.keeper.oldest_call()).min();
        for id in self.targets.forget_unselected(|id| self.keeper.under_way(id, oldest)) {
            self.keeper.forget_target(&id);
        }
    }

    /// Sends what may be written now: each call is about one group.
    pub fn plan_writes(&mut self, turn: &mut Turn<'_>, window: Window, out: &mut Vec<Action>) {
        let mut writes = Vec::new();
        self.keeper.plan_writes(turn, self.targets, window, no_other_flag, &mut writes);
        let mut calls: BTreeMap<CallId, Vec<WriteCall<ProtectedFromScaleIn>>> = BTreeMap::new();
        for (call, write) in writes {
            calls.entry(call).or_default().push(write);
        }
        for (call, writes) in calls {
            let first = writes.first().and_then(|write| self.targets.inventory.evidence(write.target()));
            // Only a member whose group is known is written.
            if let Some(group) = first.and_then(|evidence| evidence.facts.group.clone()) {
                out.push(Action::WriteMembers(call, group, writes));
            }
        }
    }
}

/// A member has one flag: no other one keeps it from being written.
fn no_other_flag(_: &InstanceId, _: CallId) -> bool {
    true
}
