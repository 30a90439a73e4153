//! The calls that the engine may ask for. What is not here can't be asked.

use crate::authority::UnprotectPermit;
use crate::flag::{Flag, Id};
use crate::id::{PageToken, RequestId, TagFilter};
use crate::on_behalf::OnBehalf;
use crate::resource::Resource;

/// What a read asks for. Each call answers one page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query<R: Resource> {
    /// These ids: at least one, at most [`Resource::IDS_PER_READ`].
    Ids(Vec<R::Id>),
    /// What carries all these tags. The cloud caps the answer at 1,000 resources, so it is never complete.
    Tagged(Vec<TagFilter>),
    /// Everything in the region.
    Region,
}

/// A read of one page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadCall<R: Resource> {
    /// What is asked for.
    pub query: Query<R>,
    /// The page: `None` is the first one.
    pub page: Option<PageToken>,
}

/// A write of the flag on one target. Not `Clone`: a permit is used once.
#[derive(Debug, PartialEq, Eq)]
pub enum WriteCall<F: Flag> {
    /// Set the protected value.
    Protect(Id<F>),
    /// Set the unprotected value, as the permit allows.
    Unprotect(UnprotectPermit<F>),
}

impl<F: Flag> WriteCall<F> {
    /// The target.
    pub fn target(&self) -> &Id<F> {
        match self {
            Self::Protect(id) => id,
            Self::Unprotect(permit) => permit.target(),
        }
    }
}

/// A write of the flag on one target, and on whose behalf.
#[derive(Debug, PartialEq, Eq)]
pub struct FlagWrite<F: Flag> {
    /// The write.
    pub call: WriteCall<F>,
    /// On whose behalf.
    pub on_behalf: OnBehalf,
}

/// One resource as the cloud showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item<R: Resource> {
    /// Its id.
    pub id: R::Id,
    /// What people call it, as they wrote it. The engine goes by ids and does not keep it.
    pub name: Option<Box<str>>,
    /// What was said of it.
    pub facts: R::Facts,
}

/// Whom the cloud answered: numbers alone, equal for the same identity. What somebody may see differs between identities,
/// so that the pages of one listing, and the absence of something from them, mean nothing unless all were given to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Identity(pub u64);

/// The answer to a [`ReadCall`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<R: Resource> {
    /// The resources on this page that could be read.
    pub items: Vec<Item<R>>,
    /// How many entries had no readable id. A listing with any of them is not complete.
    pub unreadable: usize,
    /// Where the listing goes on; `None` only when the cloud said that this is the last page.
    pub next: Option<PageToken>,
    /// How many there were in all when this page was made, where the pages have numbers. Such pages are no snapshot: what goes
    /// between two of them moves those behind it to a page that was read already.
    pub total: Option<u64>,
    /// The cloud's id of the request.
    pub request_id: RequestId,
    /// To whom it was given.
    pub identity: Identity,
}

/// The answer to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply<R: Resource> {
    /// A page of a read.
    Page(Page<R>),
    /// A write was accepted. That is no evidence of its effect.
    Accepted(RequestId),
}
