//! What a step about members of scaling groups changes: what is known of them, and what is done about them.

use std::collections::BTreeMap;

use super::action::{Action, Window};
use super::flag_keeper::FlagKeeper;
use super::only_flag::no_other_flag;
use super::reader::Finding;
use super::targets::Targets;
use super::turn::Turn;
use crate::call::FlagWrite;
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

    /// Sends what may be written now: each call is about one group.
    pub fn plan_writes(&mut self, turn: &mut Turn<'_>, window: Window, out: &mut Vec<Action>) {
        let mut writes = Vec::new();
        self.keeper.plan_writes(turn, self.targets, window, no_other_flag, &mut writes);
        let mut calls: BTreeMap<CallId, Vec<FlagWrite<ProtectedFromScaleIn>>> = BTreeMap::new();
        for (call, write) in writes {
            calls.entry(call).or_default().push(write);
        }
        for (call, writes) in calls {
            let first = writes.first().and_then(|write| self.targets.inventory.evidence(write.call.target()));
            // Only a member whose group is known is written.
            if let Some(group) = first.and_then(|evidence| evidence.facts.group.clone()) {
                out.push(Action::WriteMembers(call, group, writes));
            }
        }
    }
}
