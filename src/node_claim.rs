//! Karpenter's NodeClaims as the API server shows them, as far as the operator needs them: which machine, and how far its removal
//! has come.

use std::borrow::Cow;

use k8s_openapi::ClusterResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::ObjectMeta;
use serde::{Deserialize, Deserializer};

/// A NodeClaim (`karpenter.sh/v1`) without what nobody here reads. Nothing of it is required: one that lacks something must not
/// stop the list of all.
#[derive(Debug, Clone, Deserialize)]
pub struct NodeClaim {
    /// Name, finalizers and deletionTimestamp, and what a watch needs to go on (uid, resourceVersion).
    #[serde(deserialize_with = "pruned")]
    pub metadata: ObjectMeta,
    #[serde(default)]
    pub status: Option<Status>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    #[serde(default, rename = "providerID")]
    pub provider_id: Option<String>,
    #[serde(default)]
    pub node_name: Option<String>,
    #[serde(default)]
    pub conditions: Option<Vec<Condition>>,
}

/// What is read of a condition.
#[derive(Debug, Clone, Deserialize)]
pub struct Condition {
    #[serde(rename = "type")]
    pub type_: String,
    pub status: String,
}

impl kube::Resource for NodeClaim {
    type DynamicType = ();
    type Scope = ClusterResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        "NodeClaim".into()
    }

    fn group((): &()) -> Cow<'_, str> {
        "karpenter.sh".into()
    }

    fn version((): &()) -> Cow<'_, str> {
        "v1".into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        "nodeclaims".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
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
        finalizers: Option<Vec<String>>,
    }

    let kept = Kept::deserialize(deserializer)?;
    Ok(ObjectMeta {
        name: kept.name,
        uid: kept.uid,
        resource_version: kept.resource_version,
        deletion_timestamp: kept.deletion_timestamp,
        finalizers: kept.finalizers,
        ..ObjectMeta::default()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_bare_node_claim_decodes() {
        for bare in [
            json!({ "metadata": { "name": "claim" } }),
            json!({ "metadata": { "name": "claim" }, "status": null }),
            json!({ "metadata": { "name": "claim" }, "status": { "providerID": null, "conditions": null } }),
        ] {
            let claim: NodeClaim = serde_json::from_value(bare).unwrap();
            assert_eq!(claim.metadata.name.as_deref(), Some("claim"));
        }
    }

    #[test]
    fn a_node_claim_keeps_what_is_needed_and_drops_the_rest() {
        let claim: NodeClaim = serde_json::from_value(json!({
            "apiVersion": "karpenter.sh/v1",
            "kind": "NodeClaim",
            "metadata": {
                "name": "claim", "uid": "u", "resourceVersion": "7", "labels": { "karpenter.sh/nodepool": "a" },
                "deletionTimestamp": "2026-01-03T03:04:05Z", "finalizers": ["karpenter.sh/termination"],
                "managedFields": [{ "manager": "karpenter" }],
            },
            "spec": { "requirements": [] },
            "status": {
                "providerID": "cn-hangzhou.i-a", "nodeName": "node-1",
                "conditions": [{ "type": "Drained", "status": "True", "reason": "Drained", "message": "" }],
            },
        }))
        .unwrap();
        let kept = ObjectMeta {
            name: Some("claim".to_owned()),
            uid: Some("u".to_owned()),
            resource_version: Some("7".to_owned()),
            deletion_timestamp: Some(Time("2026-01-03T03:04:05Z".parse().unwrap())),
            finalizers: Some(vec!["karpenter.sh/termination".to_owned()]),
            ..ObjectMeta::default()
        };
        assert_eq!(claim.metadata, kept);
        let status = claim.status.unwrap();
        assert_eq!(status.provider_id.as_deref(), Some("cn-hangzhou.i-a"));
        assert_eq!(status.node_name.as_deref(), Some("node-1"));
        assert_eq!(status.conditions.unwrap()[0].type_, "Drained");
    }
}
