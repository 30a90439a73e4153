//! What is explained of one target, in the form of `--output json`. What strangers wrote is fit to be shown.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::history::History;
use super::switched_off::SwitchedOff;
use crate::json_schema::schema_of;
use crate::not_examined::NotExamined;
use crate::object_ref::ObjectRef;

/// What is known of one target.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// `Instance` or `NetworkInterface`.
    #[schemars(extend("enum" = ["Instance", "NetworkInterface"]))]
    pub kind: &'static str,
    /// Its id.
    pub id: String,
    /// What people call it, without characters that can't be seen, and at most 129 characters long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Account, as the configuration names it.
    pub account: String,
    /// Region.
    pub region: String,
    /// When the cloud was asked.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub seen: Timestamp,
    /// What the cloud's answer says of it, whoever asks for what.
    pub verdict: Said,
    /// Documented ways in which it can be lost although its flag is, or would be, protected.
    pub risks: Vec<Risk>,
    /// What the cloud says.
    pub cloud: CloudFacts,
    /// The objects that select it.
    pub objects: Objects,
    /// What comes of its flags: the main one first, and after it those of which an object wants something. Empty if the objects are not
    /// known.
    pub flags: Vec<FlagOutlook>,
    /// What becomes of the network interfaces when the instance is released.
    pub on_release: OnRelease,
    /// Since when it is in its state, as the status of objects says. Empty: nobody has noted it.
    pub since: Vec<StateSince>,
    /// What the evidence log says of it, if --log names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,
    /// Who changed its flags.
    pub changed_by: ChangedBy,
    /// What to do, besides what the sentences of verdict, risks and flags say.
    pub advice: Vec<String>,
    /// Regions that could not be looked at.
    pub not_examined: Vec<NotExamined>,
}

/// Who changed the flags of the target.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangedBy {
    /// Whether a call is known that switched a flag off, or may have.
    pub known: bool,
    /// The flags that somebody else had switched off and ecs-keeper has switched on again, newest first, as far as the status of the
    /// objects that select the target and the evidence log tell.
    pub switched_off: Vec<SwitchedOff>,
    /// Where to look for the rest.
    pub message: String,
}

/// A verdict.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Said {
    /// In one word, as in the status of objects.
    #[schemars(extend("enum" = ["Protected", "Unprotected", "NotApplicable", "Excepted", "Unknown"]))]
    pub state: &'static str,
    /// Why, in one word.
    pub reason: &'static str,
    /// Why, in a sentence.
    pub message: String,
}

/// A documented way in which a target can be lost.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Risk {
    /// Which way, as in the status of objects.
    pub reason: &'static str,
    /// What the cloud says of it: a time, a lock, a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What it is, and what to do.
    pub message: String,
}

/// What the cloud says. Null: its answer does not say it readably.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum CloudFacts {
    /// Of an instance.
    Instance(InstanceSays),
    /// Of a network interface.
    NetworkInterface(InterfaceSays),
}

/// What the cloud says of an instance. Null: its answer does not say it readably.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceSays {
    /// Release protection.
    pub deletion_protection: Option<bool>,
    /// `PostPaid` (pay-as-you-go) or `PrePaid` (subscription).
    #[schemars(with = "Option<String>")]
    pub charge_type: Option<&'static str>,
    /// Whether it is a spot instance.
    pub spot: Option<bool>,
    /// When the cloud releases it by itself: empty if never.
    pub auto_release_time: Option<String>,
    /// Why the cloud has locked it.
    pub locks: Option<Vec<String>>,
    /// Scaling group, as Auto Scaling says if an object asks for that, or else by its tag: empty if none.
    pub scaling_group_id: Option<String>,
    /// State in its scaling group, or why it is not known, if an object asks for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaling_state: Option<String>,
    /// Zone.
    pub zone_id: Option<String>,
    /// `Running`, `Stopped`, or another word for what is between them.
    #[schemars(with = "Option<String>")]
    pub status: Option<&'static str>,
    /// Its network interfaces, by its own list.
    pub network_interface_ids: Option<Vec<String>>,
}

/// What the cloud says of a network interface. Null: its answer does not say it readably.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InterfaceSays {
    /// Whether the cloud deletes it with its instance.
    pub delete_on_release: Option<bool>,
    /// `Primary`, `Secondary`, `Trunk` or `Member`.
    #[serde(rename = "type")]
    #[schemars(with = "Option<String>")]
    pub interface_type: Option<&'static str>,
    /// `InUse`, `Available`, or another word for what is between them.
    #[schemars(with = "Option<String>")]
    pub status: Option<&'static str>,
    /// The instance that it is on: empty if none, or if the cloud withholds it.
    pub instance_id: Option<String>,
    /// Whether a cloud product manages it.
    pub service_managed: Option<bool>,
    /// Zone.
    pub zone_id: Option<String>,
    /// Private IPv4 addresses.
    pub private_ips: Vec<String>,
    /// Release protection of its instance.
    pub host_deletion_protection: Option<bool>,
}

/// The objects of the cluster.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Objects {
    /// Whether they could be read.
    pub known: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why_unknown: Option<String>,
    /// Those that select the target, or may.
    pub selecting: Vec<Selecting>,
    /// Why others may select it as well; absent: none does but those below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
    /// Those that may select it through Nodes of which nobody knows the instance (`NodeUnresolved`): the target may be behind one.
    pub unresolved: Vec<Unresolved>,
    /// Those that can't be read, so that any of them may be a hold.
    pub unreadable: Vec<ObjectRef>,
    /// Those for the same account and region that are not served, because the configuration does not grant it.
    pub not_served: Vec<ObjectRef>,
}

impl Objects {
    /// Whether others may select the target than those that are known to.
    pub fn is_doubtful(&self) -> bool {
        self.doubt.is_some() || !self.unreadable.is_empty() || !self.unresolved.is_empty()
    }
}

/// An object that selects Nodes without a readable providerID.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Unresolved {
    /// Which one.
    pub object: ObjectRef,
    /// The names of the Nodes.
    pub nodes: Vec<String>,
}

/// An object that selects the target, or may.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Selecting {
    /// Which one.
    pub object: ObjectRef,
    /// Its generation.
    pub generation: i64,
    /// Why it is not known whether it selects the target; absent: it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doubt: Option<&'static str>,
    /// What its status says of the target, or would if every target had a row there.
    pub verdict: Said,
    /// What it wants of each flag.
    pub wants: Vec<Want>,
}

/// What an object wants of a flag.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Want {
    /// The flag, as the cloud's API calls it.
    pub flag: &'static str,
    /// `Enforces`: it keeps the protected value. `Holds`: nobody may unprotect the flag, and it writes nothing. `StepsAside`: it leaves
    /// the target unprotected until a time. `Unprotects`: it asks for the flag to be unprotected. `Unprotected`: it did, and that was
    /// carried out. `Observes`: it only says how things are.
    #[schemars(extend("enum" = ["Enforces", "Holds", "StepsAside", "Unprotects", "Unprotected", "Observes"]))]
    pub stance: &'static str,
    /// Until when it steps aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub until: Option<Timestamp>,
}

/// What comes of a flag.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FlagOutlook {
    /// The flag, as the cloud's API calls it.
    pub flag: &'static str,
    /// What the operator does next about it.
    #[schemars(extend("enum" = ["Nothing", "Protect", "Unprotect", "StaysProtected", "CannotProtect", "Unknown"]))]
    pub next: &'static str,
    /// For which object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectRef>,
    /// What stands against it, or why it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The objects that hold it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<ObjectRef>,
    /// The same in a sentence.
    pub message: String,
}

/// What becomes of network interfaces.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnRelease {
    /// Why it is not known; absent: it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why_unknown: Option<String>,
    /// Each of them.
    pub network_interfaces: Vec<InterfaceFate>,
}

/// What becomes of one network interface.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InterfaceFate {
    /// Its id.
    pub id: String,
    /// `Primary`, `Secondary`, `Trunk` or `Member`.
    #[serde(rename = "type")]
    #[schemars(with = "Option<String>")]
    pub interface_type: Option<&'static str>,
    /// Whether the cloud deletes it with its instance.
    pub delete_on_release: Option<bool>,
    /// What becomes of it.
    #[schemars(extend("enum" = ["Kept", "Deleted", "Unknown"]))]
    pub fate: &'static str,
    /// Its verdict.
    pub verdict: Said,
    /// Ways for which the vendor does not document what becomes of it, and others in which it can be lost.
    pub risks: Vec<Risk>,
}

/// Since when it is in a state.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StateSince {
    /// Whose status says it.
    pub object: ObjectRef,
    /// The state, as the status of objects says it.
    pub state: String,
    /// Since when.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub since: Timestamp,
}

/// The JSON Schema of an explanation.
pub fn schema() -> Value {
    schema_of::<Explanation>("ecs-keeper explain --output json")
}
