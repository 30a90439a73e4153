//! Parts of a status that every resource has.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::selector::MAX_ID;

/// Characters in a reason of a listed target.
pub const MAX_REASON: usize = 64;

/// Characters in a message of a listed target. Condition messages may be longer.
pub const MAX_MESSAGE: usize = 512;

/// Risks that one listed target can show.
pub const MAX_RISKS: usize = 8;

/// How many targets a status lists that are lost, the last ones.
pub const MAX_LISTED_GONE: usize = keeper_core::retention::MAX_GONE;

/// How many flags a status lists that somebody else had switched off, the last ones.
pub const MAX_CHANGES: usize = 20;

/// How many calls one of them lists.
pub const MAX_CHANGED_BY: usize = 3;

/// Characters of a name in a call.
const MAX_USER: usize = 129;

/// Characters of the id of an account. The cloud's have 16 digits.
pub const MAX_ACCOUNT_ID: usize = 32;

/// Characters of the id of a request.
const MAX_REQUEST_ID: usize = 128;

/// How many acts a status lists.
pub(super) const MAX_ACTS: usize = 8;

/// One word for programs.
pub(super) const WORD: &str = r"^[A-Z][A-Za-z0-9]*$";

/// Number of targets in each state. Always exact, even if a list is shortened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Targets that the spec selects at present.
    #[schemars(with = "i64", range(min = 0))]
    pub targets: u32,

    /// Targets that were last seen protected.
    #[schemars(with = "i64", range(min = 0))]
    pub protected: u32,

    /// Targets that were last seen unprotected: they can be lost by accident.
    #[schemars(with = "i64", range(min = 0))]
    pub unprotected: u32,

    /// Targets that the cloud can't protect, such as subscription and spot instances, or network interfaces that a
    /// cloud product manages.
    #[schemars(with = "i64", range(min = 0))]
    pub not_applicable: u32,

    /// Targets whose state is not known at present.
    #[schemars(with = "i64", range(min = 0))]
    pub unknown: u32,

    /// Targets that are left unprotected for a time, as `spec.exceptions` of an `EcsInstanceProtection` asks, or because
    /// Karpenter is about to release them.
    // A status of an older version does not have it.
    #[serde(default)]
    #[schemars(with = "i64", range(min = 0))]
    pub excepted: u32,

    /// Targets with at least one risk: a documented way in which they can be lost although they are protected.
    #[schemars(with = "i64", range(min = 0))]
    pub at_risk: u32,

    /// Selected Kubernetes Nodes that are not targets, because they are in a region other than the spec's or are not
    /// ECS instances.
    #[schemars(with = "i64", range(min = 0))]
    pub nodes_ignored: u32,
}

/// A documented way in which a target can be lost although it is protected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Risk {
    /// The risk in one word, for programs.
    #[schemars(length(min = 1, max = MAX_REASON), regex(pattern = WORD))]
    pub reason: String,

    /// The risk in a sentence, for people.
    #[schemars(length(max = MAX_MESSAGE))]
    pub message: String,
}

/// A flag that somebody else had switched off, and that ecs-keeper has switched on again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeStatus {
    /// Id of the instance or of the network interface.
    #[schemars(length(min = 1, max = MAX_ID))]
    pub id: String,

    /// The flag: `DeletionProtection` or `AutoReleaseTime` of an instance, `DeleteOnRelease` of a network interface.
    #[schemars(length(min = 1, max = MAX_REASON), regex(pattern = WORD))]
    pub flag: String,

    /// Time at which the operator saw that it was off.
    #[schemars(schema_with = "time")]
    pub seen: Time,

    /// `Certain`: the call in `changedBy` switched it off. `Candidate`: each of the calls there may have done it, even if it is the only one.
    #[schemars(length(min = 1, max = MAX_REASON), regex(pattern = WORD))]
    pub certainty: String,

    /// The calls, newest first.
    #[schemars(length(max = MAX_CHANGED_BY))]
    #[serde(default)]
    pub changed_by: Vec<ChangedBy>,

    /// How many more calls may have switched it off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i64", range(min = 1))]
    pub not_listed: Option<i64>,
}

/// A call that switched off a flag, as ActionTrail has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangedBy {
    /// Time at which the cloud received the call.
    #[schemars(schema_with = "time")]
    pub time: Time,

    /// What made it: `RootAccount`, `RamUser`, `AssumedRole`, `Service` or `Unknown`.
    #[schemars(length(min = 1, max = MAX_REASON), regex(pattern = WORD))]
    pub identity: String,

    /// Name of the user or of the service, or role and session, joined by a colon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_USER))]
    pub user: Option<String>,

    /// Id of the account that the identity belongs to, if it is another one than that of the operator's identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_ACCOUNT_ID))]
    pub user_account: Option<String>,

    /// RequestId of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_REQUEST_ID))]
    pub request_id: Option<String>,
}

/// Schema of a time. That of k8s-openapi takes a feature that gives every kind of Kubernetes a schema: half of what it takes to build.
pub(super) fn time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "date-time" })
}

/// Schema of a list of conditions with the limits of `metav1.Condition`, which the type of the same name in
/// k8s-openapi does not carry, and merged by type, so that conditions of other writers survive our apply.
pub(super) fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 16,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status", "lastTransitionTime", "reason", "message"],
            "properties": {
                "type": {
                    "description": "What the condition is about.",
                    "type": "string",
                    "maxLength": 316,
                    "pattern": r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
                },
                "status": {
                    "description": "Whether it holds: True, False or Unknown.",
                    "type": "string",
                    "enum": ["True", "False", "Unknown"],
                },
                "reason": {
                    "description": "Why, in one word, for programs.",
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 1024,
                    "pattern": r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
                },
                "message": {
                    "description": "Why, in a sentence, for people; where somebody must act, it says who and how.",
                    "type": "string",
                    "maxLength": 32768,
                },
                "lastTransitionTime": {
                    "description": "When the status of this condition last changed.",
                    "type": "string",
                    "format": "date-time",
                },
                "observedGeneration": {
                    "description": "The metadata.generation that was judged.",
                    "type": "integer",
                    "format": "int64",
                    "minimum": 0,
                },
            },
        },
    })
}
