//! Kubernetes Nodes as the API server shows them, as far as the operator needs them: which machine, with which labels.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Node as FullNode;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Resource;
use kube::api::ObjectMeta;
use serde::{Deserialize, Deserializer};

use crate::provider_id::ProviderId;

/// A Node without what nobody here reads. Managed fields, annotations, images and conditions make up most of a Node's
/// bytes; they are dropped while it is decoded, so that a large cluster costs little memory.
#[derive(Resource, Debug, Clone, Deserialize)]
#[resource(inherit = "FullNode")]
pub struct Node {
    /// Name, labels and deletionTimestamp, and what a watch needs to go on (uid, resourceVersion).
    #[serde(deserialize_with = "pruned")]
    pub metadata: ObjectMeta,
    #[serde(default)]
    spec: Option<Spec>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Spec {
    #[serde(default, rename = "providerID")]
    provider_id: Option<String>,
}

impl Node {
    /// The machine behind the Node.
    pub fn provider_id(&self) -> ProviderId {
        let text = self.spec.as_ref().and_then(|spec| spec.provider_id.as_deref());
        ProviderId::read(text, self.labels())
    }

    /// The Node's labels.
    pub fn labels(&self) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        self.metadata.labels.as_ref().unwrap_or(&NONE)
    }
}

fn pruned<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Kept {
        name: Option<String>,
        uid: Option<String>,
        resource_version: Option<String>,
        deletion_timestamp: Option<Time>,
        labels: Option<BTreeMap<String, String>>,
    }

    let kept = Kept::deserialize(deserializer)?;
    Ok(ObjectMeta {
        name: kept.name,
        uid: kept.uid,
        resource_version: kept.resource_version,
        deletion_timestamp: kept.deletion_timestamp,
        labels: kept.labels,
        ..ObjectMeta::default()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_node_keeps_what_is_needed_and_drops_the_rest() {
        let node: Node = serde_json::from_value(json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": "node-1",
                "uid": "0c8e9d6c-1111-2222-3333-444455556666",
                "resourceVersion": "42",
                "creationTimestamp": "2026-01-02T03:04:05Z",
                "deletionTimestamp": "2026-01-03T03:04:05Z",
                "labels": { "pool": "a" },
                "annotations": { "volumes.kubernetes.io/controller-managed-attach-detach": "true" },
                "finalizers": ["example.com/hold"],
                "managedFields": [{ "manager": "kubelet", "operation": "Update" }],
            },
            "spec": { "podCIDR": "10.0.0.0/24", "providerID": "cn-hangzhou.i-bp1example" },
            "status": { "images": [{ "names": ["registry.example.com/a:1"], "sizeBytes": 1 }] },
        }))
        .unwrap();
        let kept = ObjectMeta {
            name: Some("node-1".to_owned()),
            uid: Some("0c8e9d6c-1111-2222-3333-444455556666".to_owned()),
            resource_version: Some("42".to_owned()),
            deletion_timestamp: Some(Time("2026-01-03T03:04:05Z".parse().unwrap())),
            labels: Some(BTreeMap::from([("pool".to_owned(), "a".to_owned())])),
            ..ObjectMeta::default()
        };
        assert_eq!(node.metadata, kept);
        assert_eq!(node.provider_id(), ProviderId::read(Some("cn-hangzhou.i-bp1example"), &BTreeMap::new()));
    }

    #[test]
    fn a_bare_node_decodes() {
        for bare in [
            json!({ "metadata": { "name": "node-1" } }),
            json!({ "metadata": { "name": "node-1", "labels": null }, "spec": null }),
            json!({ "metadata": { "name": "node-1" }, "spec": { "providerID": null } }),
        ] {
            let node: Node = serde_json::from_value(bare.clone()).unwrap();
            assert_eq!(node.provider_id(), ProviderId::read(None, &BTreeMap::new()), "{bare}");
            assert!(node.labels().is_empty());
        }
    }
}
