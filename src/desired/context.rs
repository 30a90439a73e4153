//! What the intent of an object depends on besides its spec.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use keeper_core::id::{InstanceId, Region, TagFilter};

use super::node_selection::Nodes;
use super::removal::Claims;
use crate::api::TagSelector;
use crate::grants::Granted;

/// What an intent depends on besides the spec.
pub(super) struct Context<'a> {
    /// The instances behind the selected Nodes, in each region.
    pub(super) nodes: BTreeMap<Region, BTreeSet<InstanceId>>,
    pub(super) machines: &'a Nodes,
    /// The Node through which an instance is selected.
    pub(super) selected: &'a BTreeMap<(Region, InstanceId), String>,
    /// Karpenter's NodeClaims; `None`: they are not known.
    pub(super) claims: Option<&'a Claims>,
    /// Whether they are watched.
    pub(super) watches_claims: bool,
    pub(super) granted: &'a Granted,
    /// For how long the object has been in deletion.
    pub(super) deleting: Option<Duration>,
    /// Whether status says that this generation's unprotecting was carried out.
    pub(super) carried_out: bool,
    /// The same of giving members of scaling groups up to scale-in.
    pub(super) scale_in_carried_out: bool,
}

pub(super) fn filters(tags: &[TagSelector]) -> Vec<TagFilter> {
    tags.iter()
        .map(|tag| TagFilter { key: Arc::from(tag.key.as_str()), value: tag.value.as_deref().map(Arc::from) })
        .collect()
}

pub(super) fn instances(ids: &[String]) -> BTreeSet<InstanceId> {
    ids.iter().map(InstanceId::new).collect()
}
