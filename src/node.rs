//! Kubernetes Nodes as far as the operator needs them: which machine, with which labels.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Node as FullNode;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Resource;
use kube::api::ObjectMeta;
use kube::core::{Expression, Selector};
use serde::{Deserialize, Deserializer};

use crate::api::{NodeOperator, NodeRequirement, NodeSelector};
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

/// A selector that can't be carried out. The API server refuses them too; this is for objects that were stored before
/// it knew how.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    #[error(
        "the Node selector is empty and would select every Node: add an entry to matchLabels or matchExpressions"
    )]
    Empty,
    #[error(
        "the Node selector's requirement on {key} has an operator that this version doesn't know: use In, NotIn, Exists or DoesNotExist"
    )]
    UnknownOperator { key: String },
    #[error(
        "the Node selector's requirement on {key} is incomplete: In and NotIn need values, Exists and DoesNotExist take none"
    )]
    Values { key: String },
}

impl TryFrom<&NodeSelector> for Selector {
    type Error = SelectorError;

    fn try_from(selector: &NodeSelector) -> Result<Self, SelectorError> {
        let equal =
            selector.match_labels.clone().into_iter().map(|(key, value)| Ok(Expression::Equal(key, value)));
        let parsed = equal
            .chain(selector.match_expressions.iter().map(Expression::try_from))
            .collect::<Result<Self, SelectorError>>()?;
        if parsed.selects_all() { Err(SelectorError::Empty) } else { Ok(parsed) }
    }
}

impl TryFrom<&NodeRequirement> for Expression {
    type Error = SelectorError;

    fn try_from(requirement: &NodeRequirement) -> Result<Self, SelectorError> {
        let key = requirement.key.clone();
        let values: BTreeSet<String> = requirement.values.iter().cloned().collect();
        match (requirement.operator, values.is_empty()) {
            (NodeOperator::In, false) => Ok(Self::In(key, values)),
            (NodeOperator::NotIn, false) => Ok(Self::NotIn(key, values)),
            (NodeOperator::Exists, true) => Ok(Self::Exists(key)),
            (NodeOperator::DoesNotExist, true) => Ok(Self::DoesNotExist(key)),
            (NodeOperator::Unknown, _) => Err(SelectorError::UnknownOperator { key }),
            _ => Err(SelectorError::Values { key }),
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::core::SelectorExt as _;
    use serde_json::json;

    use super::*;

    fn selector(text: serde_json::Value) -> Result<Selector, SelectorError> {
        Selector::try_from(&serde_json::from_value::<NodeSelector>(text).unwrap())
    }

    #[test]
    fn a_selector_matches_as_kubernetes_defines_it() {
        let pool = |operator: &str, values: &[&str]| json!({ "matchExpressions": [{ "key": "pool", "operator": operator, "values": values }] });
        let cases = [
            (json!({ "matchLabels": { "pool": "a" } }), [true, false, false, false]),
            (json!({ "matchLabels": { "pool": "" } }), [false, false, true, false]),
            (json!({ "matchLabels": { "pool": "a", "zone": "x" } }), [false; 4]),
            (pool("In", &["a", "c"]), [true, false, false, false]),
            (pool("In", &[""]), [false, false, true, false]),
            (pool("NotIn", &["a", "c"]), [false, true, true, true]),
            (pool("Exists", &[]), [true, true, true, false]),
            (pool("DoesNotExist", &[]), [false, false, false, true]),
            (
                json!({
                    "matchLabels": { "pool": "b" },
                    "matchExpressions": [{ "key": "pool", "operator": "In", "values": ["a", "b"] }],
                }),
                [false, true, false, false],
            ),
            (
                json!({ "matchExpressions": [
                    { "key": "pool", "operator": "Exists" },
                    { "key": "pool", "operator": "NotIn", "values": ["a"] },
                ] }),
                [false, true, true, false],
            ),
        ];
        let nodes = [Some("a"), Some("b"), Some(""), None].map(|pool| {
            pool.map(|pool| ("pool".to_owned(), pool.to_owned())).into_iter().collect::<BTreeMap<_, _>>()
        });
        for (text, expected) in cases {
            let parsed = selector(text.clone()).unwrap();
            assert_eq!(nodes.each_ref().map(|labels| parsed.matches(labels)), expected, "{text}");
        }
    }

    #[test]
    fn a_selector_that_cannot_be_carried_out_is_refused_with_a_sentence() {
        let one = |operator: &str, values: &[&str]| {
            selector(
                json!({ "matchExpressions": [{ "key": "pool", "operator": operator, "values": values }] }),
            )
        };
        let key = || "pool".to_owned();
        assert_eq!(selector(json!({})), Err(SelectorError::Empty));
        assert_eq!(one("Gt", &["3"]), Err(SelectorError::UnknownOperator { key: key() }));
        assert_eq!(one("In", &[]), Err(SelectorError::Values { key: key() }));
        assert_eq!(one("NotIn", &[]), Err(SelectorError::Values { key: key() }));
        assert_eq!(one("Exists", &["a"]), Err(SelectorError::Values { key: key() }));
        assert_eq!(one("DoesNotExist", &["a"]), Err(SelectorError::Values { key: key() }));
    }

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
