//! How a spec points at cloud objects: by id, by tag, through Kubernetes Nodes.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Characters in the name of a Node, which is a DNS subdomain.
pub const MAX_NODE_NAME: usize = 253;

/// How many ids one spec may name.
pub const MAX_IDS: usize = 1000;

/// How many ids one spec may exclude.
pub const MAX_EXCLUDED_IDS: usize = 500;

/// How many tags one list may hold: as many as an instance can carry, and as many as one call of
/// `DescribeInstances` takes (`Tag.N`, N up to 20).
pub const MAX_TAGS: usize = 20;

/// Characters in an id of the cloud. Those given out today have about 25.
pub const MAX_ID: usize = 64;

/// Characters in the id of a network interface: fewer, because one status lists thousands. Those given out today have
/// 24.
pub const MAX_ENI_ID: usize = 40;

/// Ids of instances.
pub(super) const INSTANCE_ID: &str = r"^i-[a-z0-9]+$";

/// Ids of network interfaces.
pub(super) const ENI_ID: &str = r"^eni-[a-z0-9]+$";

/// A tag to match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("has(self.value) != has(self.exists)", "a tag needs exactly one of value and exists: set value to match one value (\"\" is a value too), or exists: true to match any"),
    validation = ("!has(self.exists) || self.exists", "exists can only be true: to exclude what has a tag, add the tag under exclude")
)]
pub struct TagSelector {
    /// Key of the tag. Case-sensitive.
    #[schemars(length(min = 1, max = 128))]
    pub key: String,

    /// Value of the tag. Case-sensitive; the empty string is a value. Set either this or `exists: true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 128))]
    pub value: Option<String>,

    /// `true`: matches any value of this key. Set either this or `value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    pub exists: Option<bool>,
}

/// Instances that are never targets.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceExclusion {
    /// Ids of instances to exclude.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_EXCLUDED_IDS), inner(length(max = MAX_ID), regex(pattern = INSTANCE_ID)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub instance_ids: Vec<String>,

    /// Tags of instances to exclude. An instance that has any one of them is excluded. The same key can occur several
    /// times, with different values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_TAGS))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub instance_tags: Vec<TagSelector>,
}

/// A label selector of Kubernetes Nodes: a Node must match all of `matchLabels` and all of `matchExpressions`. Unlike
/// in Kubernetes, an empty selector is rejected, because it would select every Node.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)", "an empty Node selector would select every Node: add at least one entry to matchLabels or matchExpressions"),
    validation = (r"!has(self.matchLabels) || self.matchLabels.all(key, size(key) <= 317 && key.matches('^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))", "a key of matchLabels is not a label key: write [prefix/]name, such as node.alibabacloud.com/nodepool-id")
)]
pub struct NodeSelector {
    /// Labels that a Node must have, with exactly these values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend(
        "maxProperties" = 20,
        "additionalProperties" = {
            "type": "string",
            "maxLength": 63,
            "pattern": r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$",
        },
    ))]
    pub match_labels: BTreeMap<String, String>,

    /// Requirements on the labels of a Node. A Node must meet all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub match_expressions: Vec<NodeRequirement>,
}

/// A requirement on the labels of a Node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("!(self.operator in ['In', 'NotIn']) || (has(self.values) && size(self.values) > 0)", "the operators In and NotIn compare with values: add at least one to values, or use Exists or DoesNotExist"),
    validation = ("!(self.operator in ['Exists', 'DoesNotExist']) || !has(self.values) || size(self.values) == 0", "the operators Exists and DoesNotExist compare only the key: remove values, or use In or NotIn")
)]
pub struct NodeRequirement {
    /// Key of the label.
    #[schemars(
        length(min = 1, max = 317),
        regex(
            pattern = r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
        )
    )]
    pub key: String,

    /// `In`: the label has one of the values. `NotIn`: the label has none of the values, or the Node does not have the
    /// label. `Exists`: the Node has the label, with any value. `DoesNotExist`: the Node does not have the label.
    pub operator: NodeOperator,

    /// Values for `In` and `NotIn`. Not allowed with the other operators.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 50),
        inner(length(max = 63), regex(pattern = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"))
    )]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub values: Vec<String>,
}

/// Operator of a [`NodeRequirement`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NodeOperator {
    /// The label has one of the values.
    In,
    /// The label has none of the values, or is absent.
    NotIn,
    /// The label is there.
    Exists,
    /// The label is absent.
    DoesNotExist,
    /// An operator that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}
