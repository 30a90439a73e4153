//! What a line says. The comments of the fields are what people read: the schema is made from them.

use jiff::Timestamp;
use keeper_core::attribution::{Finding, Outcome};
use keeper_core::interface::Interface;
use keeper_core::resource::Resource as _;
use keeper_core::trail::TrailEvent;
use keeper_core::transition::{FlagState, Look, Transition as Seen};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::api::Resource;
use crate::json_schema::schema_of;
use crate::status::Moments;
use crate::who::Who;

/// The name of the schema. Within a version, fields are only added.
pub const SCHEMA: &str = "ecs-keeper.io/evidence/v1";

/// One line of the evidence log.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "event")]
pub enum Line<'a> {
    /// A flag of a target was seen at another value than before.
    Transition(Transition<'a>),
    /// The operator is at work in this account and region. Written when the first listing of a leader is complete, and every
    /// five minutes after that.
    Heartbeat(Heartbeat<'a>),
    /// Who has switched off a flag that ecs-keeper has switched on again, as far as ActionTrail tells. Written only with
    /// `attribution: ActionTrail`, minutes after the two transitions.
    Attribution(Attribution<'a>),
}

/// What every line begins with.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Head<'a> {
    /// Name and version of this schema.
    #[schemars(extend("const" = SCHEMA))]
    pub schema: &'static str,
    /// Account, as the configuration names it.
    pub account: &'a str,
    /// Region.
    pub region: &'a str,
    /// The process that wrote the line: its Pod and a random number, as in `holderIdentity` of the Lease.
    pub boot: &'a str,
    /// Number of the line among those of this boot, account and region, without a gap. It begins with 1.
    #[schemars(range(min = 1))]
    pub sequence: u64,
    /// When the line was written.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub time: Timestamp,
}

/// A flag of a target was seen at another value than before.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Transition<'a> {
    #[serde(flatten)]
    pub head: Head<'a>,
    /// What the target is.
    #[schemars(extend("enum" = ["Instance", "NetworkInterface", "ScalingMember"]))]
    resource: &'a str,
    /// Id of the target. That of a `ScalingMember` is the id of its instance.
    id: &'a str,
    /// The flag. `DeleteOnRelease` is Protected when it is false, and `AutoReleaseTime` when there is no such time.
    #[schemars(extend("enum" = ["DeletionProtection", "AutoReleaseTime", "DeleteOnRelease", "ProtectedFromScaleIn"]))]
    flag: &'a str,
    /// What was seen before. `null`: nothing was known of the target; it is new, or newly selected.
    #[schemars(with = "Option<String>", extend("enum" = ["Protected", "Unprotected", "Unreadable", "Gone", null]))]
    from: Option<&'static str>,
    /// What is seen now. `null`: nobody selects the target any more, and what becomes of it from now on is not seen.
    #[schemars(with = "Option<String>", extend("enum" = ["Protected", "Unprotected", "Unreadable", "Gone", null]))]
    to: Option<&'static str>,
    /// When the last read was sent that still showed `from`. The change came later.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    last_seen: Option<Timestamp>,
    /// RequestId of that read. `null` if `from` is `null` or `Gone`.
    last_seen_request_id: Option<&'a str>,
    /// When the answer came that showed `to`. The change came earlier.
    #[schemars(with = "String", extend("format" = "date-time"))]
    seen: Timestamp,
    /// RequestId of the read that showed `to`; of a target that is gone, that of the last of the look-ups that lacked it. `null` if
    /// `to` is `null`.
    request_id: Option<&'a str>,
    /// The write of this process that set `to`, as far as is known. `null`: it has made none.
    write: Option<Write<'a>>,
}

/// A write of ecs-keeper, and the object that asked for it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Write<'a> {
    /// Kind of the object.
    #[schemars(extend("enum" = ["EcsInstanceProtection", "EniRetention"]))]
    kind: &'static str,
    /// Namespace of the object.
    namespace: &'a str,
    /// Name of the object. If several objects ask for the same, it is one of them.
    name: &'a str,
    /// Uid of the object.
    uid: &'a str,
    /// Generation of the object that asked for it.
    generation: i64,
    /// Why. `Correcting`: the spec wants it protected. `Repairing`: the same, after somebody else had switched it off.
    /// `Unprotecting`: the spec wants it unprotected. `Deleting`: the object is being deleted, and its deletion policy asks for it.
    /// `Excepted`: an entry of `spec.exceptions`. `Lifted`: Karpenter is about to release the machine.
    #[schemars(extend("enum" = ["Correcting", "Repairing", "Unprotecting", "Deleting", "Excepted", "Lifted"]))]
    reason: &'static str,
    /// RequestId of the write. `null`: its answer never came.
    request_id: Option<&'a str>,
}

/// The operator is at work in an account and region.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Heartbeat<'a> {
    #[serde(flatten)]
    pub head: Head<'a>,
    /// Since when this process has led. What changed before that is in no line of it.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub leading_since: Timestamp,
    /// The newest complete listing of each resource that something is selected of.
    pub sweeps: Vec<SweepOf>,
    /// Targets by verdict, as last reported. A target that several objects select counts once for each of them.
    pub targets: Vec<TargetsOf>,
    /// Whether the circuit breaker is open: nothing is concluded from absence then.
    pub circuit_breaker: bool,
}

/// The newest complete listing of one resource.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SweepOf {
    /// The resource.
    #[schemars(extend("enum" = ["Instance", "NetworkInterface", "ScalingMember"]))]
    pub resource: &'static str,
    /// When it began. `null`: this leader has completed none.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub complete_since: Option<Timestamp>,
}

/// The targets of the objects of one kind.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetsOf {
    /// Kind of the objects.
    #[schemars(extend("enum" = ["EcsInstanceProtection", "EniRetention"]))]
    pub kind: &'static str,
    /// Protected ones.
    #[schemars(range(min = 0))]
    pub protected: i64,
    /// Unprotected ones.
    #[schemars(range(min = 0))]
    pub unprotected: i64,
    /// Those that can't carry the flag.
    #[schemars(range(min = 0))]
    pub not_applicable: i64,
    /// Those of which it is not known.
    #[schemars(range(min = 0))]
    pub unknown: i64,
    /// Those that the spec leaves unprotected for a time.
    #[schemars(range(min = 0))]
    pub excepted: i64,
    /// Those of all of them that can be lost although their flag is protected.
    #[schemars(range(min = 0))]
    pub at_risk: i64,
}

/// Who has switched off a flag that ecs-keeper has switched on again, as far as ActionTrail tells.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attribution<'a> {
    #[serde(flatten)]
    pub head: Head<'a>,
    /// What the target is.
    #[schemars(extend("enum" = ["Instance", "NetworkInterface"]))]
    resource: &'static str,
    /// Id of the target.
    id: &'a str,
    /// The flag.
    #[schemars(extend("enum" = ["DeletionProtection", "AutoReleaseTime", "DeleteOnRelease"]))]
    flag: &'static str,
    /// `lastSeen` of the transition to `Unprotected`.
    #[schemars(with = "String", extend("format" = "date-time"))]
    last_seen: Timestamp,
    /// `seen` of the transition to `Unprotected`.
    #[schemars(with = "String", extend("format" = "date-time"))]
    seen: Timestamp,
    /// `ChangedBy`: the call did it. `Candidates`: each of the calls may have done it, even if there is only one. Any other word is the reason why nobody knows.
    #[schemars(extend("enum" = Outcome::words().collect::<Vec<_>>()))]
    outcome: &'static str,
    /// The calls, newest first; empty if nobody knows.
    calls: Vec<CallOf<'a>>,
    /// How many more calls may have done it.
    not_listed: usize,
}

/// A call that ActionTrail has recorded.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CallOf<'a> {
    /// When the cloud received it, by the cloud's clock, in whole seconds.
    #[schemars(with = "String", extend("format" = "date-time"))]
    time: Timestamp,
    /// RequestId of the call.
    request_id: Option<&'a str>,
    /// What has made it.
    #[schemars(extend("enum" = ["RootAccount", "RamUser", "AssumedRole", "Service", "Unknown"]))]
    identity: &'static str,
    /// Name of the user or of the service, or role and session, joined by a colon.
    user: Option<String>,
    /// Account that the identity belongs to.
    user_account: Option<String>,
    /// Address that the call came from, or the name of a cloud service.
    source: Option<String>,
    /// Program that made it, in its own words.
    user_agent: Option<String>,
}

/// The line about who has switched a flag off.
pub fn attribution<'a>(head: Head<'a>, finding: &'a Finding) -> Attribution<'a> {
    let call = |call: &'a TrailEvent| {
        let Who { name, account, source, user_agent } = Who::of(call);
        CallOf {
            time: call.at,
            request_id: call.request_id.as_ref().map(AsRef::as_ref),
            identity: call.actor.kind.as_str(),
            user: name,
            user_account: account,
            source,
            user_agent,
        }
    };
    Attribution {
        head,
        resource: finding.flag.resource(),
        id: &finding.target,
        flag: finding.flag.name(),
        last_seen: finding.last_seen,
        seen: finding.seen,
        outcome: finding.outcome.as_str(),
        calls: finding.outcome.calls().iter().map(call).collect(),
        not_listed: finding.outcome.left_out(),
    }
}

/// The line about a transition.
pub fn transition<'a>(head: Head<'a>, now: Moments, seen: &'a Seen) -> Transition<'a> {
    let kind =
        if seen.resource == Interface::NAME { Resource::Retention } else { Resource::Protection }.kind();
    let request_of = |look: &'a Look| look.request_id.as_ref().map(AsRef::as_ref);
    let write = seen.write.as_ref().map(|write| {
        let object = &write.on_behalf.object;
        Write {
            kind,
            namespace: object.namespace(),
            name: object.name(),
            uid: object.uid(),
            generation: write.on_behalf.generation,
            reason: write.on_behalf.reason.as_str(),
            request_id: write.request_id.as_ref().map(AsRef::as_ref),
        }
    });
    Transition {
        head,
        resource: seen.resource,
        id: &seen.id,
        flag: seen.flag,
        from: seen.from.map(FlagState::as_str),
        to: seen.to.map(FlagState::as_str),
        last_seen: seen.last_seen.as_ref().map(|look| now.precise(look.at)),
        last_seen_request_id: seen.last_seen.as_ref().and_then(request_of),
        seen: now.precise(seen.seen.at),
        request_id: request_of(&seen.seen),
        write,
    }
}

/// The schema of one line.
pub fn schema() -> Value {
    schema_of::<Line<'_>>("One line of the evidence log of ecs-keeper")
}
