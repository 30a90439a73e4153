//! What a step about network interfaces changes: what is known of them, and what is done about them.

use super::attach_step::Attaching;
use super::attacher::Attacher;
use super::flag_keeper::FlagKeeper;
use super::reader::Finding;
use super::targets::Targets;
use super::turn::Turn;
use crate::delete_on_release::DeleteOnRelease;
use crate::interface::Interface;

/// The parts that a step about interfaces changes.
pub(super) struct Interfaces<'a> {
    pub targets: &'a mut Targets<Interface>,
    pub keeper: &'a mut FlagKeeper<DeleteOnRelease>,
    pub attacher: &'a mut Attacher,
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
}
