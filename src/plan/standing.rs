//! The objects that stand in the cluster, and those of the files as they are stored there.

use std::collections::{BTreeMap, BTreeSet};

use kube::Client;
use kube::api::DynamicObject;
use serde_json::{Value, json};

use super::manifest::{Key, Manifest, key_of};
use super::merge::applied_before;
use crate::api::WatchedObject;
use crate::cluster_objects::{ClusterError, for_each_served};
use crate::config::Config;

/// The objects of the cluster that are served.
#[derive(Debug, Default)]
pub struct Standing {
    pub seen: Vec<WatchedObject>,
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
    pub async fn read(
        client: &Client,
        config: &Config,
        manifests: &[Manifest],
    ) -> Result<Self, ClusterError> {
        let mut standing = Self::default();
        let of_the_files: BTreeSet<Key> = manifests.iter().map(Manifest::key).collect();
        for_each_served(client, config, |resource, object| {
            let key = key_of(resource, &object.metadata);
            if of_the_files.contains(&key) {
                standing.stored.insert(key, Stored::of(&object));
            }
            standing.seen.push(resource.decode(object));
        })
        .await?;
        Ok(standing)
    }
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
