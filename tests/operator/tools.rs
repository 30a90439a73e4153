//! What tools that know nothing of protection make of the objects: kstatus, by which Flux and Helm wait, and Argo CD.

use ecs_keeper::FIELD_MANAGER;
use keeper_simulator::{Fault, Rule, Seed};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::gitops;
use crate::stage::{Custom, LABEL, REGION, Stage, shows};

/// I8: whatever state an object is seen in, all tools read the same in it, and what they read is what the operator means.
pub fn agree<K: Custom>(object: &K) {
    // What a test has forged says nothing of the operator.
    let mut writers = object.meta().managed_fields.iter().flatten();
    if !writers
        .any(|by| by.subresource.as_deref() == Some("status") && by.manager.as_deref() != Some(FIELD_MANAGER))
    {
        gitops::agree(&serde_json::to_value(object).unwrap());
    }
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
