//! What tools that know nothing of protection make of the objects: kstatus, by which Flux and Helm wait, and Argo CD.

use ecs_keeper::FIELD_MANAGER;
use keeper_simulator::{Fault, Rule, Seed};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::health;
use crate::stage::{Custom, LABEL, REGION, Stage, shows};

/// How kstatus reads an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KStatus {
    Current,
    InProgress,
    Failed,
    Terminating,
}

/// The rules of kstatus for resources that it has no rules of their own for, in their order
/// (`pkg/kstatus/status/generic.go` and `status.go` of github.com/fluxcd/cli-utils).
fn kstatus(object: &Value) -> KStatus {
    if !object["metadata"]["deletionTimestamp"].is_null() {
        return KStatus::Terminating;
    }
    let observed = &object["status"]["observedGeneration"];
    if !observed.is_null() && *observed != object["metadata"]["generation"] {
        return KStatus::InProgress;
    }
    let conditions = object["status"]["conditions"].as_array().map_or(&[][..], Vec::as_slice);
    for condition in conditions {
        match (condition["type"].as_str().unwrap(), condition["status"].as_str().unwrap()) {
            ("Reconciling", "True") => return KStatus::InProgress,
            ("Stalled", "True") => return KStatus::Failed,
            _ => {}
        }
    }
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready");
    match ready.map(|ready| ready["status"].as_str().unwrap()) {
        Some("True") | None => KStatus::Current,
        Some(_) => KStatus::InProgress,
    }
}

/// I8: whatever state an object is seen in, all tools read the same in it, and what they read is what the operator means:
/// done, at work, or waiting for a person.
pub fn agree<K: Custom>(object: &K) {
    // What a test has forged says nothing of the operator.
    let mut writers = object.meta().managed_fields.iter().flatten();
    if writers
        .any(|by| by.subresource.as_deref() == Some("status") && by.manager.as_deref() != Some(FIELD_MANAGER))
    {
        return;
    }
    let object = serde_json::to_value(object).unwrap();
    let status = &object["status"];
    let is_true = |name: &str| {
        let conditions = status["conditions"].as_array();
        conditions.is_some_and(|all| all.iter().any(|each| each["type"] == name && each["status"] == "True"))
    };
    let judged = status["observedGeneration"] == object["metadata"]["generation"];
    let meant = match ["Ready", "Reconciling", "Stalled"].map(is_true) {
        _ if !judged => KStatus::InProgress,
        [true, false, false] => KStatus::Current,
        [false, true, false] => KStatus::InProgress,
        [false, false, true] => KStatus::Failed,
        said => panic!("Ready, Reconciling and Stalled are {said:?}: {status:#}"),
    };
    let read = kstatus(&object);
    if read != KStatus::Terminating {
        assert_eq!(read, meant, "{status:#}");
    }
    let (health, message) = health::health(&object);
    let healthy = match meant {
        KStatus::Current => "Healthy",
        KStatus::InProgress | KStatus::Terminating => "Progressing",
        KStatus::Failed => "Degraded",
    };
    assert_eq!(health, healthy, "{status:#}");
    assert!(!message.is_empty(), "{status:#}");
}

/// Helm waits with kstatus itself.
#[tokio::test]
async fn i08_helm_waits_until_what_a_chart_asks_for_is_true() {
    let stage = Stage::new().await;
    stage.account.seed(&Seed::new(REGION).id("i-web").times(3).tag("env", "prod"));
    let _operator = stage.start();
    let chart = |name: &str, targets: Value| {
        let folder = stage.log.with_extension(name);
        std::fs::create_dir_all(folder.join("templates")).unwrap();
        std::fs::write(folder.join("Chart.yaml"), format!("apiVersion: v2\nname: {name}\nversion: 0.1.0\n"))
            .unwrap();
        let object = json!({
            "apiVersion": "ecs-keeper.io/v1alpha1",
            "kind": "EcsInstanceProtection",
            "metadata": { "name": name, "labels": { LABEL: stage.namespace } },
            "spec": { "region": REGION, "targets": targets },
        });
        std::fs::write(folder.join("templates/object.yaml"), object.to_string()).unwrap();
        folder
    };
    let install = async |name: &str, targets: Value, patience: &str| {
        let folder = chart(name, targets);
        let mut helm = Command::new(&stage.cluster.helm);
        helm.args(["install", name]).arg(&folder).args([
            "--namespace",
            &stage.namespace,
            "--wait",
            "--timeout",
            patience,
        ]);
        let done = helm.env("KUBECONFIG", &stage.cluster.kubeconfig).output().await.unwrap();
        std::fs::remove_dir_all(folder).unwrap();
        (done.status.success(), String::from_utf8(done.stderr).unwrap())
    };
    let tagged = json!({ "instanceTags": [{ "key": "env", "value": "prod" }] });
    let (installed, said) = install("production", tagged, "240s").await;
    assert!(installed, "{said}");
    let object = stage.objects.get("production").await.unwrap();
    assert!(shows(&object, "Protected=True/AllProtected"), "{object:?}");

    // Whatever only a person can end is told as what it is.
    stage.account.seed_one(&Seed::new(REGION).id("i-denied"));
    let denied = Fault::Deny { always_forbidden: true };
    stage.account.fault(Rule::new("ModifyInstanceAttribute", denied).instance("i-denied"));
    let (installed, said) = install("denied", json!({ "instanceIds": ["i-denied"] }), "240s").await;
    assert!(
        !installed && said.contains("status: Failed") && said.contains("may not make the call"),
        "{said}"
    );
}
