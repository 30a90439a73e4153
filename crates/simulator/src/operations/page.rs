//! One page of a listing.

use std::sync::Arc;

/// One page of items.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(super) items: Vec<Arc<T>>,
    pub(super) next_token: String,
    /// Zero when paged by token: it then has no meaning.
    pub(super) total: usize,
    pub(super) number: usize,
    pub(super) size: usize,
}

impl<T> Page<T> {
    /// The page of somebody who may see nothing.
    pub(super) fn empty() -> Self {
        Self { items: Vec::new(), next_token: String::new(), total: 0, number: 0, size: 0 }
    }
}
