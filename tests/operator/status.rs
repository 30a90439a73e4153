//! What the API server makes of a status.

use std::fmt::Debug;

use ecs_keeper::api::{
    Act, ActStatus, ChangeStatus, ChangedBy, Counts, EcsInstanceProtection, EcsInstanceProtectionSpec,
    EcsInstanceProtectionStatus, ExceptionPhase, ExceptionStatus, InstanceState, InstanceStatus, LiftPhase,
    LiftedStatus, MAX_ACCOUNT_ID, MAX_CHANGED_BY, MAX_CHANGES, MAX_EXCEPTIONS, MAX_LIFTED,
    MAX_LISTED_INSTANCES, MAX_MESSAGE, MAX_REASON, MAX_RISKS, MAX_SCALING_GROUPS, ProtectionState, Risk,
    ScalingGroupStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Error, Resource};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::cluster::Cluster;

/// A stored object named `subject`, and the API to reach it.
pub async fn subject(cluster: &Cluster, namespace: &str) -> Api<EcsInstanceProtection> {
    let spec = json!({ "region": "cn-hangzhou", "targets": { "instanceIds": ["i-bp1example"] } });
    let spec: EcsInstanceProtectionSpec = serde_json::from_value(spec).unwrap();
    let objects: Api<EcsInstanceProtection> = Api::namespaced(cluster.client.clone(), namespace);
    objects.create(&PostParams::default(), &EcsInstanceProtection::new("subject", spec)).await.unwrap();
    objects
}

/// A condition that became so at the start of 2026.
pub fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Condition {
    Condition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        last_transition_time: Time("2026-01-01T00:00:00Z".parse().unwrap()),
        observed_generation: Some(1),
    }
}

/// Applies the status of `subject` as one field manager.
pub async fn apply<K>(objects: &Api<K>, manager: &str, status: &Value) -> Result<K, Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let patch = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": { "name": "subject" },
        "status": status,
    });
    objects.patch_status("subject", &PatchParams::apply(manager).force(), &Patch::Apply(patch)).await
}

/// Tools that follow kstatus would take an object without status for a finished one.
#[tokio::test]
async fn i08_a_new_object_is_not_taken_for_a_finished_one() {
    let cluster = Cluster::connect().await;
    let objects = subject(&cluster, &cluster.namespace().await).await;
    let stored = objects.get("subject").await.unwrap();
    assert_eq!(stored.status.unwrap().observed_generation, Some(-1));
    assert_eq!(stored.metadata.generation, Some(1));
}

/// Rows of changes at every limit.
pub fn fattest_changes() -> Vec<ChangeStatus> {
    let time = || Time("2026-01-01T00:00:00Z".parse().unwrap());
    let call = ChangedBy {
        time: time(),
        identity: "R".repeat(MAX_REASON),
        user: Some("u".repeat(129)),
        user_account: Some("a".repeat(MAX_ACCOUNT_ID)),
        request_id: Some("r".repeat(128)),
    };
    let row = |n| ChangeStatus {
        id: format!("i-{n:0>62}"),
        flag: "F".repeat(MAX_REASON),
        seen: time(),
        certainty: "C".repeat(MAX_REASON),
        changed_by: vec![call.clone(); MAX_CHANGED_BY],
        not_listed: Some(i64::MAX),
    };
    (0..MAX_CHANGES).map(row).collect()
}

#[tokio::test]
async fn the_largest_legal_status_is_accepted() {
    let cluster = Cluster::connect().await;
    let objects = subject(&cluster, &cluster.namespace().await).await;
    let word = "R".repeat(MAX_REASON);
    let sentence = "s".repeat(MAX_MESSAGE);
    let risk = Risk { reason: word.clone(), message: sentence.clone() };
    let instances = (0..MAX_LISTED_INSTANCES).map(|n| InstanceStatus {
        instance_id: format!("i-{n:0>62}"),
        state: InstanceState::NotApplicable,
        reason: word.clone(),
        message: sentence.clone(),
        risks: vec![risk.clone(); MAX_RISKS],
        since: Time("2026-01-01T00:00:00Z".parse().unwrap()),
    });
    let exceptions = (0..MAX_EXCEPTIONS).map(|n| ExceptionStatus {
        instance_id: format!("i-{n:0>62}"),
        until: Time("2999-12-31T23:59:59Z".parse().unwrap()),
        ends_at: Time("2026-01-31T00:00:00Z".parse().unwrap()),
        phase: ExceptionPhase::NotSelected,
        carried_out: true,
        message: sentence.clone(),
    });
    let lifted = (0..MAX_LIFTED).map(|n| LiftedStatus {
        instance_id: format!("i-{n:0>62}"),
        region: format!("cn-{n:0>61}"),
        node_name: format!("{n:0>253}"),
        since: Time("2026-01-31T00:00:00Z".parse().unwrap()),
        phase: LiftPhase::InForce,
    });
    let scaling_groups = (0..MAX_SCALING_GROUPS).map(|n| ScalingGroupStatus {
        scaling_group_id: format!("asg-{n:0>124}"),
        members: u32::MAX,
        protected: u32::MAX,
    });
    let status = EcsInstanceProtectionStatus {
        observed_generation: Some(i64::MAX),
        conditions: ["Protected", "AtRisk", "Ready", "Reconciling", "Stalled"]
            .map(|kind| condition(kind, "Unknown", "Reason", &"m".repeat(32768)))
            .to_vec(),
        protection_state: Some(ProtectionState::ProtectedWhereApplicable),
        counts: Some(Counts { targets: u32::MAX, unknown: u32::MAX, ..Counts::default() }),
        instances: instances.collect(),
        exceptions: exceptions.collect(),
        lifted: lifted.collect(),
        scaling_groups: scaling_groups.collect(),
        acts: vec![ActStatus { act: Act::UnprotectScaleIn, generation: i64::MAX }; 8],
        changes: fattest_changes(),
    };
    let applied = apply(&objects, "ecs-keeper", &serde_json::to_value(&status).unwrap()).await.unwrap();
    assert_eq!(applied.status, Some(status));
}

#[tokio::test]
async fn a_status_that_breaks_a_limit_is_refused() {
    let cluster = Cluster::connect().await;
    let objects = subject(&cluster, &cluster.namespace().await).await;
    let with = |field: &str, value: Value| {
        let mut condition = serde_json::to_value(condition("Protected", "True", "AllProtected", "")).unwrap();
        condition[field] = value;
        json!({ "conditions": [condition] })
    };
    let cases = [
        ("a condition that is neither true nor false nor unknown", with("status", json!("Maybe"))),
        ("a reason of two words", with("reason", json!("All protected"))),
        ("no reason", with("reason", json!(""))),
        ("a message beyond the limit", with("message", json!("m".repeat(32769)))),
        ("a time that is none", with("lastTransitionTime", json!("yesterday"))),
        ("a type that is none", with("type", json!("Is protected"))),
        ("a generation below zero", with("observedGeneration", json!(-1))),
        ("a state that does not exist", json!({ "protectionState": "Fine" })),
        ("an act that does not exist", json!({ "acts": [{ "act": "Sing", "generation": 1 }] })),
        (
            "a phase that does not exist",
            json!({ "exceptions": [{
                "instanceId": "i-a", "until": "2026-01-01T00:00:00Z", "endsAt": "2026-01-01T00:00:00Z", "phase": "Over",
            }] }),
        ),
        ("a count below zero", json!({ "counts": { "targets": -1 } })),
        ("a generation below minus one", json!({ "observedGeneration": -2 })),
    ];
    for (what, status) in cases {
        match apply(&objects, "ecs-keeper", &status).await {
            Err(Error::Api(refusal)) => assert!(refusal.is_invalid(), "{what}: {}", refusal.message),
            other => panic!("{what}: {other:?}"),
        }
    }
}

/// Conditions are merged by type: what another writer says of an object stays when we report.
#[tokio::test]
async fn conditions_of_other_writers_survive_our_apply() {
    let cluster = Cluster::connect().await;
    let objects = subject(&cluster, &cluster.namespace().await).await;
    let says = |kind: &str| json!({ "conditions": [condition(kind, "True", "Because", "")] });
    apply(&objects, "somebody-else", &says("example.com/Audited")).await.unwrap();
    let applied = apply(&objects, "ecs-keeper", &says("Protected")).await.unwrap();
    let mut kinds: Vec<String> = applied.status.unwrap().conditions.into_iter().map(|c| c.type_).collect();
    kinds.sort();
    assert_eq!(kinds, ["Protected", "example.com/Audited"]);
}
