//! What is said of targets of every sort, and the exit code that comes of it.

use jiff::{SignedDuration, Timestamp};
use keeper_simulator::{InterfaceSeed, Seed};
use serde_json::json;

use crate::program::{HERE, Stage, THERE};
use crate::{as_json, expected, object, only_read, outcomes, plan, protection};

#[tokio::test]
async fn i59_each_target_is_told_with_what_would_become_of_it() {
    let stage = Stage::new().await;
    stage.account.seed_one(&Seed::new(HERE).id("i-bare").name("web").tag("env", "prod"));
    stage.account.seed_one(&Seed::new(HERE).id("i-safe").protected(true).tag("env", "prod"));
    stage.account.seed_one(&Seed::spot(HERE).id("i-spot").tag("env", "prod"));
    stage.account.seed_one(&Seed::new(HERE).id("i-other"));
    let spec = json!({ "targets": { "instanceTags": [{ "key": "env", "value": "prod" }], "instanceIds": ["i-gone"] } });
    let (code, planned) = as_json(&stage, &[protection("prod", &spec)]).await;
    let told = [
        ("i-bare", "Protect", None),
        ("i-gone", "Unknown", Some("Missing")),
        ("i-safe", "Protected", None),
        ("i-spot", "CannotProtect", Some("SpotInstance")),
    ];
    assert_eq!((code, outcomes(&planned)), (2, expected(&told)), "{planned:#}");
    assert_eq!(planned["counts"]["protect"], 1);
    assert_eq!(planned["cost"], json!({ "writes": 1, "reads": 2, "seconds": 0 }));
    assert!(planned["reasons"]["SpotInstance"].as_str().unwrap().contains("spot"), "{planned:#}");
    only_read(&stage);
}

#[tokio::test]
async fn the_exit_code_says_whether_there_is_something_to_do() {
    let stage = Stage::new().await;
    stage.account.seed_one(&Seed::new(HERE).id("i-bare"));
    stage.account.seed_one(&Seed::new(HERE).id("i-safe").protected(true));
    let by_id = |id: &str| json!({ "targets": { "instanceIds": [id] } });
    let with = |id: &str, field: &str, value: &str| {
        let mut spec = by_id(id);
        spec[field] = json!(value);
        spec
    };
    for (spec, expected, outcome) in [
        (by_id("i-safe"), 0, "Protected"),
        (by_id("i-bare"), 2, "Protect"),
        (with("i-bare", "mode", "Observe"), 0, "Unchanged"),
        (with("i-safe", "mode", "Observe"), 0, "Unchanged"),
        (with("i-safe", "protection", "Disabled"), 3, "Unprotect"),
        (with("i-bare", "protection", "Disabled"), 0, "Unchanged"),
    ] {
        let (code, planned) = as_json(&stage, &[protection("web", &spec)]).await;
        assert_eq!((code, &planned["targets"][0]["outcome"]), (expected, &json!(outcome)), "{planned:#}");
    }
    let until = Timestamp::now().checked_add(SignedDuration::from_hours(1)).unwrap();
    let mut excepted = by_id("i-safe");
    excepted["exceptions"] = json!([{ "instanceId": "i-safe", "until": until, "reason": "replaced" }]);
    let (code, planned) = as_json(&stage, &[protection("web", &excepted)]).await;
    let target = &planned["targets"][0];
    assert_eq!((code, &target["outcome"]), (3, &json!("Unprotect")), "{planned:#}");
    assert!(target["message"].as_str().unwrap().contains("until 20"), "{target}");
    assert!(planned["notes"][0].as_str().unwrap().contains("the verb unprotect"), "{planned:#}");
    let mut excepted = by_id("i-bare");
    excepted["exceptions"] = json!([{ "instanceId": "i-bare", "until": until, "reason": "replaced" }]);
    let (code, planned) = as_json(&stage, &[protection("web", &excepted)]).await;
    let target = &planned["targets"][0];
    assert_eq!((code, &target["outcome"]), (2, &json!("LeftUnprotected")), "{planned:#}");
    assert!(target["message"].as_str().unwrap().starts_with("is left unprotected until 20"), "{target}");
    only_read(&stage);
}

#[tokio::test]
async fn one_object_of_the_files_stands_against_what_another_one_gives_up() {
    let stage = Stage::new().await;
    stage.account.seed_one(&Seed::new(HERE).id("i-safe").protected(true));
    let by_id = json!({ "targets": { "instanceIds": ["i-safe"] } });
    let mut gives_up = by_id.clone();
    gives_up["protection"] = json!("Disabled");
    let (code, planned) = as_json(&stage, &[protection("keeps", &by_id), protection("old", &gives_up)]).await;
    let target = &planned["targets"][0];
    assert_eq!(
        (code, &target["outcome"], &target["reason"]),
        (0, &json!("StaysProtected"), &json!("Conflict"))
    );
    assert_eq!((&target["object"]["name"], &target["holders"][0]["name"]), (&json!("old"), &json!("keeps")));
    assert_eq!(target["selectedBy"].as_array().unwrap().len(), 2, "{planned:#}");
}

#[tokio::test]
async fn i21_network_interfaces_are_planned_through_their_instances() {
    let stage = Stage::new().await;
    let kept = InterfaceSeed::secondary().id("eni-kept").delete_on_release(false);
    let lost = InterfaceSeed::secondary().id("eni-lost");
    stage.account.seed_one(&Seed::new(HERE).id("i-a").interface(kept).interface(lost));
    let spec = json!({ "targets": { "instanceIds": ["i-a"] }, "interfaceTypes": ["Secondary"] });
    let (code, planned) = as_json(&stage, &[object("EniRetention", "nets", &spec)]).await;
    let told = [("eni-kept", "Protected", None), ("eni-lost", "Protect", None)];
    assert_eq!((code, outcomes(&planned)), (2, expected(&told)), "{planned:#}");
    assert_eq!(planned["targets"][0]["message"], "will be retained");
    only_read(&stage);
}

#[tokio::test]
async fn i21_an_instance_that_is_not_there_has_network_interfaces_that_nobody_knows() {
    let stage = Stage::new().await;
    let kept = InterfaceSeed::secondary().id("eni-kept").delete_on_release(false);
    stage.account.seed_one(&Seed::new(HERE).id("i-a").interface(kept));
    let spec = json!({ "targets": { "instanceIds": ["i-a", "i-typo"] }, "interfaceTypes": ["Secondary"] });
    let (code, planned) = as_json(&stage, &[object("EniRetention", "nets", &spec)]).await;
    let told = [("eni-kept", "Protected", None), ("i-typo", "Unknown", Some("Missing"))];
    assert_eq!((code, outcomes(&planned)), (2, expected(&told)), "{planned:#}");
    let target = &planned["targets"][0];
    assert_eq!(target["message"], "it is not known which network interfaces it has");
    assert_eq!((&target["kind"], &target["selectedBy"][0]["name"]), (&json!("Instance"), &json!("nets")));
    assert_eq!(planned["objects"][0]["counts"]["unknown"], 1);
    only_read(&stage);
}

#[tokio::test]
async fn the_other_flags_of_an_instance_are_planned_if_an_object_asks_for_them() {
    let stage = Stage::new().await;
    let timed = Some("2030-01-01T00:00:00Z".parse::<Timestamp>().unwrap());
    let seed = Seed { auto_release_time: timed, ..Seed::new(HERE).id("i-timed").protected(true) };
    stage.account.seed_one(&seed);
    let spec = json!({ "targets": { "instanceIds": ["i-timed"] }, "autoReleaseTime": "Cancel", "scaleIn": "Protect" });
    let (code, planned) = as_json(&stage, &[protection("web", &spec)]).await;
    let flags: Vec<(&str, &str)> = planned["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["flag"].as_str().unwrap(), it["outcome"].as_str().unwrap()))
        .collect();
    assert_eq!(code, 2, "{planned:#}");
    assert!(flags.contains(&("AutoReleaseTime", "Protect")), "{planned:#}");
    assert!(flags.contains(&("DeletionProtection", "Protected")), "{planned:#}");
    only_read(&stage);
}

#[tokio::test]
async fn i59_a_region_that_can_not_be_read_is_told_and_does_not_hide_the_others() {
    let stage = Stage::new().await;
    stage.account.seed_one(&Seed::new(HERE).id("i-a"));
    stage.account.seed_one(&Seed::new(THERE).id("i-b"));
    stage.write("config.yaml", &stage.config(&[HERE, THERE]).to_string());
    stage.allow_only_here("DescribeInstances");
    let here = protection("here", &json!({ "targets": { "instanceIds": ["i-a"] } }));
    let there = protection("there", &json!({ "region": THERE, "targets": { "instanceIds": ["i-b"] } }));
    let (code, planned) = as_json(&stage, &[here.clone(), there.clone()]).await;
    assert_eq!((code, &planned["complete"]), (1, &json!(false)));
    let failed = &planned["notExamined"][0];
    assert_eq!(failed["region"], THERE);
    assert!(
        failed["error"].as_str().unwrap().contains("DescribeInstances failed with Forbidden.RAM"),
        "{failed}"
    );
    assert_eq!(outcomes(&planned), expected(&[("i-a", "Protect", None)]));
    let of_there = &planned["objects"][1];
    assert_eq!((&of_there["notRead"], &of_there["allKnown"]), (&json!([THERE]), &json!(false)));
    for output in ["text", "markdown"] {
        let ended = plan(&stage, &[here.clone(), there.clone()], &["--output", output]).await;
        assert!(!ended.out.contains("selects nothing"), "{}", ended.out);
        assert!(
            ended.out.contains("cn-beijing: not read") || ended.out.contains("cn-beijing&#58; not read"),
            "{}",
            ended.out
        );
    }
    stage.account.seed_one(&Seed::new(HERE).id("i-safe").protected(true));
    let safe = protection("here", &json!({ "targets": { "instanceIds": ["i-safe"] } }));
    let ended = plan(&stage, &[safe, there.clone()], &["--region", HERE, "--output", "json"]).await;
    let planned: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((ended.code, &planned["complete"]), (2, &json!(false)), "{planned:#}");
    let ended = plan(&stage, &[here, there], &["--region", HERE]).await;
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(!ended.out.contains("selects nothing"), "{}", ended.out);
    let told = ended.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        told.contains("also ask for something in cn-beijing (account default), which was not looked at"),
        "{told}"
    );
    only_read(&stage);
}

#[tokio::test]
async fn what_is_named_is_read_by_id_and_not_with_the_whole_region() {
    let stage = Stage::new().await;
    stage.account.seed(&Seed::new(HERE).id("i-many").tag("env", "prod").times(250));
    let kept = InterfaceSeed::secondary().id("eni-a").delete_on_release(false);
    stage.account.seed_one(&Seed::new(HERE).id("i-host").protected(true).interface(kept));
    stage.account.seed_one(&Seed::new(HERE).id("i-a"));
    let calls = |operation: &str| stage.account.count(operation).calls;
    let named = protection("web", &json!({ "targets": { "instanceIds": ["i-a", "i-gone"] } }));
    let (_, planned) = as_json(&stage, &[named]).await;
    let told = [("i-a", "Protect", None), ("i-gone", "Unknown", Some("Missing"))];
    assert_eq!(outcomes(&planned), expected(&told), "{planned:#}");
    assert_eq!((calls("DescribeInstances"), calls("DescribeNetworkInterfaces")), (1, 0));

    stage.account.clear_log();
    let named = object("EniRetention", "nets", &json!({ "targets": { "networkInterfaceIds": ["eni-a"] } }));
    let (_, planned) = as_json(&stage, &[named]).await;
    assert_eq!(outcomes(&planned), expected(&[("eni-a", "Protected", None)]), "{planned:#}");
    // Its instance tells how it can be lost all the same.
    assert_eq!((calls("DescribeInstances"), calls("DescribeNetworkInterfaces")), (1, 1));

    stage.account.clear_log();
    let by_tag = json!({ "instanceTags": [{ "key": "env", "value": "prod" }], "instanceIds": ["i-a"] });
    let (_, planned) = as_json(&stage, &[protection("web", &json!({ "targets": by_tag }))]).await;
    assert_eq!((calls("DescribeInstances"), outcomes(&planned).len()), (3, 251));
    only_read(&stage);
}

#[tokio::test]
async fn an_object_that_would_not_be_served_is_told() {
    let stage = Stage::new().await;
    let mut elsewhere = protection("web", &json!({ "targets": { "instanceIds": ["i-a"] } }));
    elsewhere["metadata"]["namespace"] = json!("theirs");
    let (code, planned) = as_json(&stage, &[elsewhere]).await;
    let why = planned["objects"][0]["notServed"].as_str().unwrap();
    assert_eq!((code, why.contains("does not grant")), (1, true), "{planned:#}");
    let mut config = stage.config(&[HERE]);
    config["objectSelector"] = json!("shard=b");
    stage.write("config.yaml", &config.to_string());
    let mut other = protection("web", &json!({ "targets": { "instanceIds": ["i-a"] } }));
    let (code, planned) = as_json(&stage, std::slice::from_ref(&other)).await;
    let why = planned["objects"][0]["notServed"].as_str().unwrap();
    assert_eq!((code, why.contains("objectSelector")), (1, true), "{planned:#}");
    other["metadata"]["labels"] = json!({ "shard": "b" });
    let (_, planned) = as_json(&stage, &[other]).await;
    assert!(planned["objects"][0]["notServed"].is_null(), "{planned:#}");
}

#[tokio::test]
async fn without_a_configuration_every_namespace_is_taken_to_be_served_and_nodes_are_not_known() {
    let stage = Stage::new().await;
    let nodes = json!({
        "apiVersion": "ecs-keeper.io/v1alpha1", "kind": "EcsInstanceProtection",
        "metadata": { "name": "nodes", "namespace": "team" },
        "spec": { "targets": { "nodes": { "matchLabels": { "pool": "a" } } } },
    });
    let file = stage.write("nodes.json", &nodes.to_string());
    let ended = crate::ended(stage.program(&["plan", "-f", &file])).await;
    assert_eq!((ended.code, ended.err.as_str()), (2, ""), "{ended:?}");
    let told = ended.out.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "through Nodes, which are not known without a cluster",
        "Use --config.",
        "Plan: no target; no calls.",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    // Who names a region does not say by that which Nodes there are.
    let (code, planned) = as_json(&stage, &[protection("nodes", &nodes["spec"])]).await;
    assert_eq!((code, &planned["objects"][0]["allKnown"]), (2, &json!(false)), "{planned:#}");
}
