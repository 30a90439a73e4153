//! Protected wins: who wants a target protected, and whom an unprotecting write would take it from.

use super::membership::{Member, selectors_of};
use super::view::View;
use crate::id::ObjectId;
use crate::resource::Resource;

/// An object that has the protected value written on this target.
pub(super) fn enforcer<'a, R: Resource>(view: View<'a, R>, id: &'a R::Id) -> Option<&'a ObjectId> {
    selectors_of(view, id)
        .find(|(_, object, member)| *member == Member::Yes && object.intent.enforces())
        .map(|(name, ..)| name)
}

/// Whether any object but this one holds the target. In doubt it does.
pub(super) fn held_by_other<R: Resource>(view: View<'_, R>, id: &R::Id, than: &ObjectId) -> bool {
    selectors_of(view, id).any(|(name, object, _)| name != than && object.intent.holds())
}
