//! What has happened to the hosts of one object.

use std::collections::{BTreeMap, BTreeSet};

use super::hosts::Role;
use crate::id::InstanceId;
use crate::resource::Resource;

/// What has happened to the hosts of one object since that was last seen to.
#[derive(Debug)]
pub(super) struct HostChanges<R: Resource> {
    /// Those that have changed, and what the object's selectors made of each before.
    pub before: BTreeMap<InstanceId, Option<Role>>,
    /// The targets that it had only because of a host.
    pub had: BTreeSet<R::Id>,
}

impl<R: Resource> Default for HostChanges<R> {
    fn default() -> Self {
        Self { before: BTreeMap::new(), had: BTreeSet::new() }
    }
}
