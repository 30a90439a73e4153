//! Protected wins: who wants a flag protected on a target, and whom an unprotecting write would take it from.

use super::membership::{Member, selectors_of};
use super::view::View;
use crate::flag::{Flag, Id};
use crate::id::ObjectId;

/// An object that has the protected value written on this target.
pub(super) fn enforcer<'a, F: Flag>(view: View<'a, F::Of>, id: &'a Id<F>) -> Option<&'a ObjectId> {
    selectors_of(view, id)
        .find(|(_, object, member)| *member == Member::Yes && F::enforces(&object.intent))
        .map(|(name, ..)| name)
}

/// Whether any object but this one holds the flag on the target. In doubt it does.
pub(super) fn held_by_other<F: Flag>(view: View<'_, F::Of>, id: &Id<F>, than: &ObjectId) -> bool {
    selectors_of(view, id).any(|(name, object, _)| name != than && F::holds(&object.intent))
}
