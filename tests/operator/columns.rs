//! What kubectl shows.

use std::time::Duration;

use ecs_keeper::api::EniRetention;
use kube::Api;
use kube::api::PostParams;
use serde_json::json;

use crate::cluster::Cluster;
use crate::stage::PATIENCE;
use crate::status::{apply, condition, subject};

const COUNTS: [&str; 8] =
    ["targets", "protected", "unprotected", "notApplicable", "unknown", "excepted", "atRisk", "nodesIgnored"];

#[tokio::test]
async fn the_columns_tell_the_story() {
    let cluster = Cluster::connect().await;
    let namespace = cluster.namespace().await;
    let objects = subject(&cluster, &namespace).await;
    let counts: serde_json::Map<String, serde_json::Value> = COUNTS
        .iter()
        .zip([12, 8, 0, 3, 0, 1, 2, 0])
        .map(|(name, count)| ((*name).to_owned(), json!(count)))
        .collect();
    let status = json!({
        "observedGeneration": 1,
        "protectionState": "ProtectedWhereApplicable",
        "counts": counts,
        "conditions": [
            condition("Protected", "True", "ProtectedWhereApplicable", "8 of 12 instances are protected"),
            condition("Ready", "True", "Done", "Nothing left to do"),
        ],
    });
    apply(&objects, "ecs-keeper", &status).await.unwrap();

    let narrow = cluster.kubectl(&["-n", &namespace, "get", "ecsprot"]).await;
    let lines: Vec<Vec<&str>> = narrow.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["NAME", "STATE", "TARGETS", "PROTECTED", "ATRISK", "READY", "AGE"]);
    assert_eq!(lines[1][..6], ["subject", "ProtectedWhereApplicable", "12", "8", "2", "True"]);

    let wide = cluster.kubectl(&["-n", &namespace, "get", "ecs-keeper", "-o", "wide"]).await;
    let lines: Vec<Vec<&str>> = wide.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0][6..], ["AGE", "REGION", "MODE", "EXCEPTED", "MESSAGE"]);
    assert_eq!(lines[1][7..10], ["cn-hangzhou", "Enforce", "1"]);
    assert_eq!(lines[1][10..].join(" "), "8 of 12 instances are protected");
}

#[tokio::test]
async fn the_columns_of_a_retention_tell_its_story() {
    let cluster = Cluster::connect().await;
    let (namespace, objects) = retention(&cluster).await;
    let counts: serde_json::Map<String, serde_json::Value> = COUNTS
        .iter()
        .zip([12, 9, 0, 3, 0, 0, 2, 0])
        .map(|(name, count)| ((*name).to_owned(), json!(count)))
        .collect();
    let status = json!({
        "observedGeneration": 1,
        "retentionState": "RetainedWhereApplicable",
        "counts": counts,
        "conditions": [
            condition("Retained", "True", "ProtectedWhereApplicable", "9 of 12 network interfaces are retained"),
            condition("Ready", "True", "Done", "Nothing left to do"),
        ],
    });
    apply(&objects, "ecs-keeper", &status).await.unwrap();

    let narrow = cluster.kubectl(&["-n", &namespace, "get", "eniret"]).await;
    let lines: Vec<Vec<&str>> = narrow.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["NAME", "STATE", "TARGETS", "RETAINED", "ATRISK", "READY", "AGE"]);
    assert_eq!(lines[1][..6], ["subject", "RetainedWhereApplicable", "12", "9", "2", "True"]);

    let wide = cluster.kubectl(&["-n", &namespace, "get", "ecs-keeper", "-o", "wide"]).await;
    let lines: Vec<Vec<&str>> = wide.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0][6..], ["AGE", "REGION", "MODE", "MESSAGE"]);
    assert_eq!(lines[1][7..9], ["cn-hangzhou", "Enforce"]);
    assert_eq!(lines[1][9..].join(" "), "9 of 12 network interfaces are retained");
}

/// A stored `EniRetention` named `subject` in a namespace of its own.
async fn retention(cluster: &Cluster) -> (String, Api<EniRetention>) {
    let namespace = cluster.namespace().await;
    let objects: Api<EniRetention> = Api::namespaced(cluster.client.clone(), &namespace);
    let spec = json!({ "region": "cn-hangzhou", "targets": { "networkInterfaceIds": ["eni-bp1example"] } });
    let retention = EniRetention::new("subject", serde_json::from_value(spec).unwrap());
    objects.create(&PostParams::default(), &retention).await.unwrap();
    (namespace, objects)
}

#[tokio::test]
async fn a_person_can_wait_for_the_domain_condition() {
    let cluster = Cluster::connect().await;
    let namespace = cluster.namespace().await;
    let objects = subject(&cluster, &namespace).await;
    let wait = ["-n", &namespace, "wait", "ecsprot/subject", "--for=condition=Protected", "--timeout=240s"];
    let status = json!({ "conditions": [condition("Protected", "True", "AllProtected", "")] });
    let (said, applied) = tokio::join!(cluster.kubectl(&wait), apply(&objects, "ecs-keeper", &status));
    applied.unwrap();
    assert!(said.contains("condition met"), "{said}");

    let (namespace, objects) = retention(&cluster).await;
    let wait = ["-n", &namespace, "wait", "eniret/subject", "--for=condition=Retained", "--timeout=240s"];
    let status = json!({ "conditions": [condition("Retained", "True", "AllProtected", "")] });
    let (said, applied) = tokio::join!(cluster.kubectl(&wait), apply(&objects, "ecs-keeper", &status));
    applied.unwrap();
    assert!(said.contains("condition met"), "{said}");
}

/// As docs/exceptions.md says.
#[tokio::test]
async fn a_person_can_wait_for_an_exception() {
    let cluster = Cluster::connect().await;
    let namespace = cluster.namespace().await;
    let objects = subject(&cluster, &namespace).await;
    let wanted = r#"--for=jsonpath={.status.exceptions[?(@.instanceId=="i-b")].phase}=InForce"#;
    let wait = ["-n", &namespace, "wait", "ecsprot/subject", wanted, "--timeout=240s"];
    let row = |id: &str, phase: &str| json!({ "instanceId": id, "until": "2026-12-01T18:00:00Z", "endsAt": "2026-12-01T18:00:00Z", "phase": phase });
    let status = json!({ "exceptions": [row("i-a", "Expired"), row("i-b", "InForce")] });
    let (said, applied) = tokio::join!(cluster.kubectl(&wait), apply(&objects, "ecs-keeper", &status));
    applied.unwrap();
    assert!(said.contains("condition met"), "{said}");
}

#[tokio::test]
async fn explain_documents_the_spec() {
    let cluster = Cluster::connect().await;
    // The API server publishes the documentation of a resource a moment after it serves the resource.
    let published = async {
        while !cluster.kubectl(&["get", "--raw", "/openapi/v3"]).await.contains("apis/ecs-keeper.io/v1alpha1")
        {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, published).await.expect("published in time");
    let fields = cluster.kubectl(&["explain", "ecsprot.spec", "--recursive"]).await;
    for field in ["account", "region", "instanceIds", "matchExpressions", "exclude", "deletionPolicy"] {
        assert!(fields.contains(field), "{field} is missing:\n{fields}");
    }
    let policy = cluster.kubectl(&["explain", "ecsprot.spec.deletionPolicy"]).await;
    assert!(policy.contains("What deleting this object does to the instances"), "{policy}");

    let fields = cluster.kubectl(&["explain", "eniret.spec", "--recursive"]).await;
    for field in ["networkInterfaceTags", "interfaceTypes", "exclude", "reattach", "deletionPolicy"] {
        assert!(fields.contains(field), "{field} is missing:\n{fields}");
    }
    let policy = cluster.kubectl(&["explain", "eniret.spec.deletionPolicy"]).await;
    assert!(policy.contains("What deleting this object does to the network interfaces"), "{policy}");
}
