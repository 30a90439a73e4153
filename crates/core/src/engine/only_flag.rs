//! A step about a resource that has one flag: nothing else is done about its targets that would have to be waited for.

use super::flag_keeper::FlagKeeper;
use super::targets::Targets;
use super::turn::Turn;
use crate::flag::{Flag, Id};
use crate::id::CallId;

/// No other flag keeps a target from being written.
pub(super) fn no_other_flag<Id>(_: &Id, _: CallId) -> bool {
    true
}

/// Decides what is to be done about the targets of which something has changed.
pub(super) fn settle<F: Flag>(turn: &mut Turn<'_>, targets: &mut Targets<F::Of>, keeper: &mut FlagKeeper<F>) {
    for id in targets.take_due(turn) {
        if !keeper.verify(turn, targets, &id) {
            targets.reader.verified(&id);
            keeper.reconsider(turn, targets, &id, no_other_flag::<Id<F>>);
        }
    }
}

/// Lets go of targets that nobody selects any more. As long as a write or its effect may be under way, or a read that was sent
/// before it ended, one stays.
pub(super) fn forget_unselected<F: Flag>(
    turn: &mut Turn<'_>,
    targets: &mut Targets<F::Of>,
    keeper: &mut FlagKeeper<F>,
) {
    let oldest = targets.oldest_call().into_iter().chain(keeper.oldest_call()).min();
    for (id, evidence) in targets.forget_unselected(|id| keeper.under_way(id, oldest)) {
        keeper.forget_target(turn, &id, evidence.as_ref());
    }
}
