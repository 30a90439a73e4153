//! `ecs-keeper plan` beside a cluster: who stands against what files give up, how they differ from what is applied, and that the
//! operator does what was planned.

use std::collections::BTreeMap;
use std::path::Path;

use ecs_keeper::api::{EcsInstanceProtection, EniRetention};
use jiff::{SignedDuration, Timestamp};
use keeper_simulator::{InterfaceSeed, Seed};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Resource as _};
use serde_json::{Value, json};

use crate::handover::person;
use crate::process::{answer, with_key};
use crate::rules::{causes, object, objects};
use crate::stage::{LABEL, REGION, Stage};

/// The exit code of a plan of these objects with the operator's configuration, and what it printed and complained of.
async fn run(stage: &Stage, kubeconfig: &Path, objects: &[Value], flags: &[&str]) -> (i32, String, String) {
    let config = stage.folder.join("plan.json");
    std::fs::write(&config, stage.settings().config.to_string()).unwrap();
    let file = stage.folder.join("objects.yaml");
    let documents: Vec<String> = objects.iter().map(ToString::to_string).collect();
    std::fs::write(&file, documents.join("\n---\n")).unwrap();
    let mut command = with_key(&stage.settings().key);
    command
        .args(["plan", "--operator-namespace", &stage.namespace, "--namespace", &stage.namespace])
        .args(flags)
        .arg("--filename")
        .arg(&file)
        .arg("--config")
        .arg(&config)
        .arg("--kubeconfig")
        .arg(kubeconfig);
    answer(command).await.parts()
}

/// The exit code and the plan as JSON.
async fn plan(stage: &Stage, objects: &[Value]) -> (i32, Value) {
    let (code, out, err) = run(stage, &stage.cluster.kubeconfig, objects, &["--output", "json"]).await;
    assert_eq!(err, "");
    (code, serde_json::from_str(&out).unwrap())
}

/// An object as it stands in a file.
fn manifest(stage: &Stage, kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": EcsInstanceProtection::api_version(&()),
        "kind": kind,
        "metadata": { "name": name, "labels": { LABEL: stage.namespace } },
        "spec": spec,
    })
}

fn protection(stage: &Stage, name: &str, spec: &Value) -> Value {
    manifest(stage, "EcsInstanceProtection", name, spec)
}

fn by_ids(ids: &[&str]) -> Value {
    json!({ "region": REGION, "targets": { "instanceIds": ids } })
}

/// The outcome of each target, and whether it comes of it anyway.
fn outcomes(planned: &Value) -> BTreeMap<String, (String, bool)> {
    let targets = planned["targets"].as_array().unwrap().iter();
    let told = targets.map(|it| {
        let outcome = (it["outcome"].as_str().unwrap().to_owned(), it["anyway"].as_bool().unwrap());
        (it["id"].as_str().unwrap().to_owned(), outcome)
    });
    told.collect()
}

fn expected(list: &[(&str, &str, bool)]) -> BTreeMap<String, (String, bool)> {
    list.iter().map(|(id, outcome, anyway)| ((*id).to_owned(), ((*outcome).to_owned(), *anyway))).collect()
}

#[tokio::test]
async fn i59_objects_of_the_cluster_stand_against_what_files_give_up() {
    let stage = Stage::new().await;
    for id in ["i-held", "i-free"] {
        stage.account.seed_one(&Seed::new(REGION).id(id).protected(true));
    }
    stage.apply("keeps", by_ids(&["i-held"])).await;
    let mut gives_up = by_ids(&["i-held", "i-free"]);
    gives_up["protection"] = json!("Disabled");
    let (code, planned) = plan(&stage, &[protection(&stage, "old", &gives_up)]).await;
    let told = [("i-free", "Unprotect", false), ("i-held", "StaysProtected", false)];
    assert_eq!((code, outcomes(&planned)), (3, expected(&told)), "{planned:#}");
    let held = planned["targets"].as_array().unwrap().iter().find(|it| it["id"] == "i-held").unwrap();
    let keeps = json!({ "kind": "EcsInstanceProtection", "namespace": stage.namespace, "name": "keeps" });
    assert_eq!(held["holders"], json!([keeps]));
    assert_eq!(planned["objects"][0]["action"], "Create");
    let (_, text, _) =
        run(&stage, &stage.cluster.kubeconfig, &[protection(&stage, "old", &gives_up)], &[]).await;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let held = format!("held by EcsInstanceProtection {}/keeps (Conflict)", stage.namespace);
    assert!(
        text.contains(&held) && text.contains("Plan: 1 to unprotect, 1 held against unprotecting"),
        "{text}"
    );
}

#[tokio::test]
async fn what_is_applied_already_changes_nothing_and_what_differs_is_told() {
    let stage = Stage::new().await;
    stage.account.seed_one(&Seed::new(REGION).id("i-a"));
    stage.account.seed_one(&Seed::new(REGION).id("i-b").protected(true));
    let spec = by_ids(&["i-a", "i-b"]);
    stage.apply("web", spec.clone()).await;
    let (code, planned) = plan(&stage, &[protection(&stage, "web", &spec)]).await;
    let pending = [("i-a", "Protect", true), ("i-b", "Protected", false)];
    assert_eq!((code, outcomes(&planned)), (0, expected(&pending)), "{planned:#}");
    let object = &planned["objects"][0];
    assert_eq!((&object["action"], &object["appliedGeneration"]), (&json!("Nothing"), &json!(1)));
    assert_eq!((&planned["anyway"], &planned["cost"]["writes"]), (&json!(1), &json!(0)));

    let mut narrower = by_ids(&["i-a"]);
    narrower["mode"] = json!("Observe");
    let (code, planned) = plan(&stage, &[protection(&stage, "web", &narrower)]).await;
    let told = [("i-a", "NoLongerHeld", false), ("i-b", "NoLongerHeld", false)];
    assert_eq!((code, outcomes(&planned)), (2, expected(&told)), "{planned:#}");
    let differences = planned["objects"][0]["differences"].as_array().unwrap();
    let fields: Vec<&str> = differences.iter().map(|it| it["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["mode", "targets.instanceIds"]);

    let mut watches = spec.clone();
    watches["mode"] = json!("Observe");
    let (code, planned) = plan(&stage, &[protection(&stage, "web", &watches)]).await;
    assert_eq!((code, outcomes(&planned)), (2, expected(&told)), "{planned:#}");
    let message = planned["targets"][0]["message"].as_str().unwrap();
    assert!(
        message.contains("no object keeps it protected any more") && message.contains("/web only"),
        "{message}"
    );

    let mut moved = spec.clone();
    moved["region"] = json!("cn-beijing");
    let (code, out, err) =
        run(&stage, &stage.cluster.kubeconfig, &[protection(&stage, "web", &moved)], &[]).await;
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains(": spec.region: region can't be changed"), "{err}");
}

#[tokio::test]
async fn i59_who_may_not_look_is_told_how_to_and_nothing_is_written() {
    let stage = Stage::new().await;
    let person = person(&stage.cluster, &stage.namespace).await;
    let (code, out, err) = run(&stage, &person, &[protection(&stage, "web", &by_ids(&["i-a"]))], &[]).await;
    std::fs::remove_file(&person).unwrap();
    assert_eq!((code, out.as_str(), err.lines().count()), (1, "", 1), "{err}");
    assert!(err.contains("ask for the ClusterRole ecs-keeper-view"), "{err}");
    let objects: Api<EcsInstanceProtection> = Api::namespaced(stage.cluster.client.clone(), &stage.namespace);
    assert!(objects.get_opt("web").await.unwrap().is_none());
}

#[tokio::test]
async fn i59_what_is_planned_for_instances_is_what_the_operator_does() {
    let stage = Stage::new().await;
    let ids = ["i-bare", "i-safe", "i-held", "i-leaves", "i-aside", "i-spot"];
    for id in ids {
        let seed = if id == "i-spot" { Seed::spot(REGION) } else { Seed::new(REGION) };
        let protected = !matches!(id, "i-bare" | "i-spot");
        stage.account.seed_one(&seed.id(id).protected(protected));
    }
    let _operator = stage.start();
    stage.apply("keeps", by_ids(&["i-held"])).await;
    stage.apply("web", by_ids(&["i-safe", "i-leaves"])).await;
    stage.until("web", "Protected=True/AllProtected").await;

    let until = Timestamp::now().checked_add(SignedDuration::from_hours(1)).unwrap();
    let until = Timestamp::from_second(until.as_second()).unwrap();
    let mut web = by_ids(&["i-bare", "i-safe", "i-aside", "i-spot"]);
    web["exceptions"] = json!([{ "instanceId": "i-aside", "until": until, "reason": "replaced" }]);
    let mut old = by_ids(&["i-held", "i-leaves"]);
    old["protection"] = json!("Disabled");
    let (code, planned) =
        plan(&stage, &[protection(&stage, "web", &web), protection(&stage, "old", &old)]).await;
    let told = [
        ("i-aside", "Unprotect", false),
        ("i-bare", "Protect", false),
        ("i-held", "StaysProtected", false),
        ("i-leaves", "Unprotect", false),
        ("i-safe", "Protected", false),
        ("i-spot", "CannotProtect", false),
    ];
    assert_eq!((code, outcomes(&planned)), (3, expected(&told)), "{planned:#}");

    let before: BTreeMap<&str, bool> = ids.into_iter().map(|id| (id, stage.protected(id))).collect();
    stage.apply("web", web).await;
    stage.apply("old", old).await;
    stage.until("old", "Protected=False/Conflict").await;
    stage
        .until_cloud("what was planned is done", |_| stage.protected("i-bare") && !stage.protected("i-aside"))
        .await;
    stage.witnessed().await;
    for (id, (outcome, _)) in outcomes(&planned) {
        let planned = match outcome.as_str() {
            "Protect" => true,
            "Unprotect" => false,
            _ => before[id.as_str()],
        };
        assert_eq!(stage.protected(&id), planned, "{id}: {outcome}");
    }
    let writes = stage.writes().into_iter().filter(|(id, _)| ids.contains(&id.as_str())).count();
    assert_eq!(json!(writes), planned["cost"]["writes"], "no other write was planned, and none was made");
}

#[tokio::test]
async fn i59_what_is_planned_for_network_interfaces_is_what_the_operator_does() {
    let stage = Stage::new().await;
    let interface = |id: &str, deleted: bool| InterfaceSeed::secondary().id(id).delete_on_release(deleted);
    stage.account.seed_one(
        &Seed::new(REGION)
            .id("i-nets")
            .interface(interface("eni-lost", true))
            .interface(interface("eni-kept", false))
            .interface(interface("eni-held", false)),
    );
    let _operator = stage.start();
    let named = |ids: &[&str]| json!({ "region": REGION, "targets": { "networkInterfaceIds": ids } });
    stage.retain("keeps", named(&["eni-held"])).await;
    stage.until_retention("keeps", "Retained=True").await;
    let mut gives_up = named(&["eni-held", "eni-kept"]);
    gives_up["retention"] = json!("Release");
    let files = [
        manifest(&stage, "EniRetention", "nets", &named(&["eni-lost"])),
        manifest(&stage, "EniRetention", "old", &gives_up),
    ];
    let (code, planned) = plan(&stage, &files).await;
    let told = [
        ("eni-held", "StaysProtected", false),
        ("eni-kept", "Unprotect", false),
        ("eni-lost", "Protect", false),
    ];
    assert_eq!((code, outcomes(&planned)), (3, expected(&told)), "{planned:#}");

    stage.retain("nets", named(&["eni-lost"])).await;
    stage.retain("old", gives_up).await;
    stage
        .until_cloud("what was planned is done", |_| stage.stays("eni-lost") && !stage.stays("eni-kept"))
        .await;
    stage
        .until_retained("old", "what stands against it", |object: &EniRetention| {
            object
                .status
                .as_ref()
                .is_some_and(|status| status.conditions.iter().any(|it| it.reason == "Conflict"))
        })
        .await;
    assert!(stage.stays("eni-held"));
    let mut writes = stage.interface_writes();
    writes.sort();
    assert_eq!(writes, [("eni-kept".to_owned(), false), ("eni-lost".to_owned(), true)]);
    assert_eq!(json!(writes.len()), planned["cost"]["writes"]);
}

/// The fields of the specs that the API server refuses, each in an object of its own.
async fn refused_fields<K: kube::Resource<DynamicType = ()>>(stage: &Stage, specs: &[Value]) -> Vec<String> {
    let api = objects::<K>(&stage.cluster).await;
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let mut fields = Vec::new();
    for (number, spec) in specs.iter().enumerate() {
        let refused = api.create(&dry, &object::<K>(&format!("refused-{number}"), spec)).await;
        let causes = causes(refused.map(|_| ()).expect_err(&spec.to_string()));
        fields.extend(causes.into_iter().map(|(field, _)| field));
    }
    fields
}

/// The fields that the plan finds at fault in the same.
async fn faulty_fields(stage: &Stage, kind: &str, specs: &[Value]) -> Vec<String> {
    let named = |(number, spec): (usize, &Value)| manifest(stage, kind, &format!("refused-{number}"), spec);
    let files: Vec<Value> = specs.iter().enumerate().map(named).collect();
    let (code, out, err) = run(stage, &stage.cluster.kubeconfig, &files, &[]).await;
    assert_eq!((code, out.as_str()), (1, ""), "{err}");
    let lines = err.lines().filter(|line| line.contains("objects.yaml:"));
    lines.map(|line| line.split(": ").nth(1).unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_the_api_server_refuses_is_refused_before_and_at_the_same_field() {
    let stage = Stage::new().await;
    let with = |field: &str, value: Value| {
        let mut spec = by_ids(&["i-a"]);
        spec[field] = value;
        spec
    };
    let tag = |tag: Value| with("targets", json!({ "instanceTags": [tag] }));
    let nodes = |selector: Value| json!({ "targets": { "nodes": selector } });
    let excepted = |until: &str| json!([{ "instanceId": "i-a", "until": until, "reason": "r" }]);
    let specs = [
        json!({ "region": REGION }),
        with("mode", json!("observe")),
        with("account", json!("A")),
        with("region", json!("Hangzhou")),
        with("targets", json!({})),
        with("targets", json!({ "instanceIds": ["i-a", "web"] })),
        with("targets", json!({ "allInstances": false, "instanceIds": ["i-a"] })),
        json!({ "targets": { "instanceIds": ["i-a"] } }),
        tag(json!({ "key": "a" })),
        tag(json!({ "key": "a", "value": "b", "exists": true })),
        tag(json!({ "key": "a", "exists": false })),
        nodes(json!({})),
        nodes(json!({ "matchLabels": { "-a": "b" } })),
        nodes(json!({ "matchExpressions": [{ "key": "a", "operator": "In" }] })),
        nodes(json!({ "matchExpressions": [{ "key": "a", "operator": "Exists", "values": ["b"] }] })),
        with("exceptions", excepted("3001-01-01T00:00:00Z")),
        with("exceptions", json!([{ "instanceId": "i-a", "until": "2030-01-01T00:00:00Z", "reason": "" }])),
        with("nodeRemoval", json!("Lift")),
        with("deletionPolicy", json!(true)),
    ];
    let refused = refused_fields::<EcsInstanceProtection>(&stage, &specs).await;
    assert_eq!(faulty_fields(&stage, "EcsInstanceProtection", &specs).await, refused);

    let attach = |entry: Value| with("reattach", json!([entry]));
    let specs = [
        json!({ "targets": { "networkInterfaceIds": ["eni-a"] } }),
        with("targets", json!({ "networkInterfaceIds": ["eni-A"] })),
        with("interfaceTypes", json!(["Primary", "Nothing"])),
        attach(json!({ "networkInterfaceId": "eni-a" })),
        attach(json!({ "networkInterfaceId": "eni-a", "instanceId": "i-a", "nodeName": "n" })),
        with("retention", json!("Maybe")),
    ];
    let refused = refused_fields::<EniRetention>(&stage, &specs).await;
    assert_eq!(faulty_fields(&stage, "EniRetention", &specs).await, refused);
}

#[tokio::test]
async fn targets_behind_nodes_are_planned_by_the_nodes_of_the_cluster() {
    let stage = Stage::new().await;
    let (node, lost) = (format!("{}-a", stage.namespace), format!("{}-b", stage.namespace));
    stage.account.seed_one(&Seed::new(REGION).id("i-node"));
    let pool = [("plan-pool", stage.namespace.as_str())];
    stage.node(&node, &pool, Some(&format!("{REGION}.i-node"))).await;
    stage.node(&lost, &pool, None).await;
    let spec = json!({ "targets": { "nodes": { "matchLabels": { "plan-pool": stage.namespace } } } });
    let (code, planned) = plan(&stage, &[protection(&stage, "nodes", &spec)]).await;
    assert_eq!((code, outcomes(&planned)), (2, expected(&[("i-node", "Protect", false)])), "{planned:#}");
    let object = &planned["objects"][0];
    assert_eq!(object["regions"], json!([REGION]));
    assert!(object["notes"][0].as_str().unwrap().starts_with("1 of its Nodes has no instance"), "{object:#}");
    assert_eq!(object["allKnown"], json!(false));

    // What is applied and not known without the files either is no reason to look.
    stage.account.seed_one(&Seed::new(REGION).id("i-safe").protected(true));
    let mut watches = by_ids(&["i-gone", "i-safe"]);
    watches["mode"] = json!("Observe");
    stage.apply("watches", watches.clone()).await;
    stage.apply("nodes", spec.clone()).await;
    let files = [protection(&stage, "nodes", &spec), protection(&stage, "watches", &watches)];
    let (code, planned) = plan(&stage, &files).await;
    let told = [("i-gone", "Unknown", true), ("i-node", "Protect", true), ("i-safe", "Unchanged", false)];
    assert_eq!((code, outcomes(&planned)), (0, expected(&told)), "{planned:#}");
}

#[tokio::test]
async fn i53_an_exception_on_an_unprotected_instance_is_planned_and_so_is_another_end() {
    let stage = Stage::new().await;
    stage.account.seed_one(&Seed::new(REGION).id("i-bare"));
    let until = |hours| {
        let at = Timestamp::now().checked_add(SignedDuration::from_hours(hours)).unwrap();
        Timestamp::from_second(at.as_second()).unwrap()
    };
    let excepted = |until: Timestamp| {
        let mut spec = by_ids(&["i-bare"]);
        spec["exceptions"] = json!([{ "instanceId": "i-bare", "until": until, "reason": "replaced" }]);
        spec
    };
    let (soon, later) = (excepted(until(1)), excepted(until(2)));
    stage.apply("web", soon.clone()).await;
    let (code, planned) = plan(&stage, &[protection(&stage, "web", &soon)]).await;
    assert_eq!((code, outcomes(&planned)), (0, expected(&[("i-bare", "Unchanged", false)])), "{planned:#}");
    for (name, spec) in [("web", &later), ("new", &soon)] {
        let (code, planned) = plan(&stage, &[protection(&stage, name, spec)]).await;
        assert_eq!(
            (code, outcomes(&planned)),
            (2, expected(&[("i-bare", "LeftUnprotected", false)])),
            "{planned:#}"
        );
        let message = planned["targets"][0]["message"].as_str().unwrap();
        assert!(message.starts_with("is left unprotected until 20"), "{message}");
    }
}

/// Applies an object as it stands in a file, without the defaults.
async fn server_side_apply(stage: &Stage, file: &Value) -> EcsInstanceProtection {
    let objects: Api<EcsInstanceProtection> = Api::namespaced(stage.cluster.client.clone(), &stage.namespace);
    let user = PatchParams::apply("a-user").force();
    objects.patch(file["metadata"]["name"].as_str().unwrap(), &user, &Patch::Apply(file)).await.unwrap()
}

#[tokio::test]
async fn what_others_wrote_stays_as_when_kubectl_applies_the_file() {
    let stage = Stage::new().await;
    stage.account.seed_one(&Seed::new(REGION).id("i-safe").protected(true));
    let spec = by_ids(&["i-safe"]);
    let mut applied = spec.clone();
    applied["scaleIn"] = json!("Protect");
    server_side_apply(&stage, &protection(&stage, "web", &applied)).await;
    let objects: Api<EcsInstanceProtection> = Api::namespaced(stage.cluster.client.clone(), &stage.namespace);
    let edit = json!({ "metadata": { "labels": { "a": "b" } }, "spec": { "mode": "Observe" } });
    objects.patch("web", &PatchParams::default(), &Patch::Merge(edit)).await.unwrap();

    let (code, planned) = plan(&stage, &[protection(&stage, "web", &spec)]).await;
    let object = &planned["objects"][0];
    let fields: Vec<&Value> =
        object["differences"].as_array().unwrap().iter().map(|it| &it["field"]).collect();
    assert_eq!((code, fields), (0, vec![&json!("scaleIn")]), "{planned:#}");
    let note = object["notes"][0].as_str().unwrap();
    assert!(note.starts_with("It has fields in the cluster") && note.ends_with("stay: spec.mode."), "{note}");
    assert_eq!(planned["targets"][0]["outcome"], "Unchanged", "it goes on to observe");
    let after = server_side_apply(&stage, &protection(&stage, "web", &spec)).await;
    assert_eq!(json!(after.spec)["mode"], "Observe", "as was planned");
    assert_eq!(json!(after.spec)["scaleIn"], "Report", "as was planned");
}

#[tokio::test]
async fn i12_an_edit_that_asks_for_nothing_new_is_a_generation_all_the_same() {
    let stage = Stage::new().await;
    stage.account.seed_one(&Seed::new(REGION).id("i-safe").protected(true));
    let spec = by_ids(&["i-safe"]);
    server_side_apply(&stage, &protection(&stage, "web", &spec)).await;
    let mut same = spec.clone();
    same["exceptions"] = json!([]);
    let (_, planned) = plan(&stage, &[protection(&stage, "web", &same)]).await;
    let object = &planned["objects"][0];
    assert_eq!(
        (&object["action"], &object["differences"][0]["field"]),
        (&json!("Change"), &json!("exceptions"))
    );
    let after = server_side_apply(&stage, &protection(&stage, "web", &same)).await;
    assert_eq!(after.metadata.generation, Some(2), "as was planned");
}

#[tokio::test]
async fn an_object_that_is_not_served_is_compared_and_not_called_new() {
    let stage = Stage::new().await;
    stage.account.seed_one(&Seed::new(REGION).id("i-safe").protected(true));
    let spec = by_ids(&["i-safe"]);
    let mut elsewhere = protection(&stage, "web", &spec);
    elsewhere["metadata"]["labels"] = json!({ "of": "another-operator" });
    server_side_apply(&stage, &elsewhere).await;
    let (code, planned) = plan(&stage, std::slice::from_ref(&elsewhere)).await;
    let object = &planned["objects"][0];
    assert_eq!((code, &object["action"]), (1, &json!("Nothing")), "{planned:#}");
    assert_eq!(object["appliedGeneration"], 1);
    assert!(object["notServed"].as_str().unwrap().contains("objectSelector"), "{object:#}");

    let (code, planned) = plan(&stage, &[protection(&stage, "web", &spec)]).await;
    let object = &planned["objects"][0];
    assert_eq!((code, &object["action"]), (0, &json!("Nothing")), "its labels change: {planned:#}");
    assert_eq!((&object["notServed"], &object["appliedGeneration"]), (&Value::Null, &json!(1)));
}

#[tokio::test]
async fn a_permission_to_unprotect_that_stands_already_needs_no_verb() {
    let stage = Stage::new().await;
    stage.account.seed_one(&Seed::new(REGION).id("i-safe").protected(true));
    let mut spec = by_ids(&["i-safe"]);
    spec["deletionPolicy"] = json!("Disable");
    let verb = |planned: &Value| planned["notes"].to_string().contains("needs the verb unprotect");
    let (_, planned) = plan(&stage, &[protection(&stage, "web", &spec)]).await;
    assert!(verb(&planned), "it is new: {planned:#}");
    stage.apply("web", spec.clone()).await;
    spec["autoReleaseTime"] = json!("Cancel");
    let (_, planned) = plan(&stage, &[protection(&stage, "web", &spec)]).await;
    assert_eq!((&planned["objects"][0]["action"], verb(&planned)), (&json!("Change"), false), "{planned:#}");
    spec["targets"] = json!({ "instanceIds": ["i-safe", "i-more"] });
    let (_, planned) = plan(&stage, &[protection(&stage, "web", &spec)]).await;
    assert!(verb(&planned), "it is for other targets: {planned:#}");
}
