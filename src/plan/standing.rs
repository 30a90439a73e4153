//! The objects that stand in the cluster, and those of the files as they are stored there.

use std::collections::{BTreeMap, BTreeSet};

use kube::api::DynamicObject;
use kube::core::{Selector, SelectorExt as _};
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};

use super::manifest::{Key, Manifest, key_of};
use super::merge::applied_before;
use crate::api::WatchedObject;
use crate::cluster_objects::{ClusterError, each_of_ours};

/// The objects of the cluster.
#[derive(Debug, Default)]
pub struct Standing {
    /// Those that are served.
    pub served: Vec<WatchedObject>,
    /// Those that the files have and that are not served.
    pub others: Vec<WatchedObject>,
    /// What is stored of those that the files have.
    pub stored: BTreeMap<Key, Stored>,
}

/// An object as it is stored, which the operator may be unable to decode.
#[derive(Debug)]
pub struct Stored {
    pub spec: Value,
    pub labels: Value,
    /// What of both was applied before.
    pub applied_spec: Value,
    pub applied_labels: Value,
}

impl Standing {
    /// Reads them, also those that are not served: the API server applies the files to them all the same. `selector`: which objects are.
    pub async fn read(
        client: &Client,
        selector: Option<&Selector>,
        manifests: &[Manifest],
    ) -> Result<Self, ClusterError> {
        let mut standing = Self::default();
        let of_the_files: BTreeSet<Key> = manifests.iter().map(Manifest::key).collect();
        each_of_ours(client, None, |resource, object| {
            let key = key_of(resource, &object.metadata);
            let in_the_files = of_the_files.contains(&key);
            if in_the_files {
                standing.stored.insert(key, Stored::of(&object));
            }
            if is_served(selector, object.labels()) {
                standing.served.push(resource.decode(object));
            } else if in_the_files {
                standing.others.push(resource.decode(object));
            }
        })
        .await?;
        Ok(standing)
    }
}

/// Whether the operator serves an object with these labels.
pub fn is_served(selector: Option<&Selector>, labels: &BTreeMap<String, String>) -> bool {
    selector.is_none_or(|selector| selector.matches(labels))
}

impl Stored {
    fn of(object: &DynamicObject) -> Self {
        let applied = applied_before(&object.metadata);
        let at = |pointer: &str| applied.pointer(pointer).cloned().unwrap_or_default();
        Self {
            spec: object.data.get("spec").cloned().unwrap_or_default(),
            labels: json!(object.metadata.labels),
            applied_spec: at("/spec"),
            applied_labels: at("/metadata/labels"),
        }
    }
}
