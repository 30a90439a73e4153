//! What a step about network interfaces changes: what is known of them, and what is done about them.

use super::attach_step::Attaching;
use super::attacher::Attacher;
use super::flag_keeper::FlagKeeper;
use super::reader::Finding;
use super::targets::Targets;
use super::turn::Turn;
use crate::delete_on_release::DeleteOnRelease;
use crate::id::{CallId, InterfaceId};
use crate::interface::Interface;

/// The parts that a step about interfaces changes.
pub(super) struct Interfaces<'a> {
    pub targets: &'a mut Targets<Interface>,
    pub keeper: &'a mut FlagKeeper<DeleteOnRelease>,
    pub attacher: &'a mut Attacher,
}

/// An interface has one flag: no other one keeps it from being written.
pub(super) fn no_other_flag(_: &InterfaceId, _: CallId) -> bool {
    true
}

impl Interfaces<'_> {
    /// One step of attaching.
    pub fn attaching(&mut self) -> Attaching<'_> {
        Attaching { attacher: self.attacher, interfaces: self.targets, keeper: self.keeper }
    }

    /// Takes in what reads have shown.
    pub fn take(&mut self, turn: &mut Turn<'_>, findings: Vec<Finding<Interface>>) {
        for finding in findings {
            let left = self.targets.confirm(turn, finding, |id| self.keeper.busy(id));
            if let Some(change) = left.and_then(|finding| self.targets.take(turn, finding)) {
                self.keeper.heed_and_tell(turn, self.targets, &change);
            }
        }
    }

    /// Decides what is to be done about the targets of which something has changed.
    pub fn settle(&mut self, turn: &mut Turn<'_>) {
        for id in self.targets.take_due(turn) {
            if !self.keeper.verify(turn, self.targets, &id) {
                self.targets.reader.verified(&id);
                self.keeper.reconsider(turn, self.targets, &id, no_other_flag);
            }
        }
    }

    /// Lets go of targets that nobody selects any more. As long as a write or its effect may be under way, or a read that
    /// was sent before it ended, one stays.
    pub fn forget_unselected(&mut self) {
        let oldest = self.targets.oldest_call().into_iter().chain(self.keeper.oldest_call()).min();
        for id in self.targets.forget_unselected(|id| self.keeper.under_way(id, oldest)) {
            self.keeper.forget_target(&id);
        }
    }
}
