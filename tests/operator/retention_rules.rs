//! What the API server accepts of an `EniRetention` and what it refuses, and the sentence that a person reads then.
//!
//! Selectors of tags and Nodes have the same type in every resource: `rules` tests what they are made of, and here only
//! that each of them is in its place.

use ecs_keeper::api::{EniRetention, MAX_EXCLUDED_IDS, MAX_IDS, MAX_REATTACH, MAX_TAGS};
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::rules::{self, ACCOUNT_IS_FIXED, REGION, object, objects, tags};

/// Ids of network interfaces, as long as they may be.
pub fn ids(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("eni-{n:0>36}")).collect()
}

/// A spec with everything in it, as much of it and as long as it may be.
pub fn largest_spec() -> Value {
    let reattach: Vec<Value> = ids(MAX_REATTACH)
        .into_iter()
        .map(|id| json!({ "networkInterfaceId": id, "nodeName": "n".repeat(253) }))
        .collect();
    json!({
        "account": "a".repeat(63),
        "region": format!("cn-{}", "a".repeat(61)),
        "targets": {
            "networkInterfaceIds": ids(MAX_IDS),
            "networkInterfaceTags": tags(MAX_TAGS),
            "instanceIds": rules::ids(MAX_IDS),
            "instanceTags": tags(MAX_TAGS),
            "nodes": rules::largest_node_selector(),
            "allInstances": true,
            "exclude": {
                "networkInterfaceIds": ids(MAX_EXCLUDED_IDS),
                "networkInterfaceTags": tags(MAX_TAGS),
                "instanceIds": rules::ids(MAX_EXCLUDED_IDS),
                "instanceTags": tags(MAX_TAGS),
            },
        },
        "survivors": { "forgetAfter": "99999h59999m59999s" },
        "reattach": reattach,
    })
}

fn here(targets: &Value) -> Value {
    json!({ "region": REGION, "targets": targets })
}

/// A sensible spec with one field more.
fn with(field: &str, value: &Value) -> Value {
    let mut spec = here(&json!({ "networkInterfaceIds": ["eni-bp1"] }));
    spec[field] = value.clone();
    spec
}

async fn refuse(cases: &[(&str, Value, &str, &str)]) {
    rules::assert_all_refused::<EniRetention>(cases).await;
}

#[tokio::test]
async fn every_sensible_spec_is_accepted() {
    let nodes = json!({ "matchLabels": { "pool": "a" } });
    let tag = json!([{ "key": "env", "exists": true }]);
    rules::assert_all_accepted::<EniRetention>([
        ("ids", here(&json!({ "networkInterfaceIds": ["eni-bp1example000000001", "eni-123abc"] }))),
        ("tags", here(&json!({ "networkInterfaceTags": tag }))),
        ("ids of instances", here(&json!({ "instanceIds": ["i-bp1"] }))),
        ("tags of instances", here(&json!({ "instanceTags": tag }))),
        ("Nodes", here(&json!({ "nodes": nodes }))),
        ("every instance of the region", here(&json!({ "allInstances": true }))),
        ("survivors for a day", with("survivors", &json!({ "forgetAfter": "24h" }))),
        ("survivors for long", with("survivors", &json!({ "forgetAfter": "99999h59m59s" }))),
        ("survivors in minutes", with("survivors", &json!({ "forgetAfter": "2000m" }))),
        ("survivors for ever", with("survivors", &json!({}))),
        (
            "everything together",
            json!({
                "account": "production",
                "region": "cn-shanghai-finance-1",
                "targets": {
                    "networkInterfaceIds": ["eni-bp1"],
                    "networkInterfaceTags": [{ "key": "env", "value": "prod" }],
                    "instanceIds": ["i-bp1"],
                    "instanceTags": [{ "key": "env", "value": "prod" }, { "key": "team", "exists": true }],
                    "nodes": nodes,
                    "exclude": {
                        "networkInterfaceIds": ["eni-bp2"],
                        "networkInterfaceTags": tag,
                        "instanceIds": ["i-bp2"],
                        "instanceTags": tag,
                    },
                },
                "interfaceTypes": ["Secondary"],
                "retention": "Release",
                "mode": "Observe",
                "reattach": [
                    { "networkInterfaceId": "eni-bp1", "instanceId": "i-bp3" },
                    { "networkInterfaceId": "eni-bp3", "nodeName": "cn-hangzhou.192.168.0.1" },
                ],
                "deletionPolicy": "Release",
            }),
        ),
        (
            "two values of one key excluded",
            here(&json!({
                "networkInterfaceIds": ["eni-bp1"],
                "exclude": {
                    "networkInterfaceTags": [{ "key": "env", "value": "dev" }, { "key": "env", "value": "test" }],
                    "instanceTags": [{ "key": "env", "value": "dev" }, { "key": "env", "value": "test" }],
                },
            })),
        ),
        (
            "empty lists beside a selector",
            here(&json!({
                "networkInterfaceIds": [], "networkInterfaceTags": [], "instanceIds": [], "instanceTags": [], "nodes": nodes,
            })),
        ),
        (
            "nulls, which mean absent",
            json!({
                "region": REGION,
                "interfaceTypes": null,
                "reattach": null,
                "targets": { "networkInterfaceIds": null, "nodes": nodes, "exclude": null },
            }),
        ),
        (
            "nulls in a reattachment",
            with("reattach", &json!([{ "networkInterfaceId": "eni-bp1", "instanceId": "i-bp1", "nodeName": null }])),
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_is_left_out_is_filled_in() {
    let objects = objects::<EniRetention>(&Cluster::connect().await).await;
    let spec = here(&json!({ "nodes": { "matchLabels": { "pool": "a" } } }));
    let created = object::<EniRetention>("defaults", &spec);
    let stored = objects.create(&PostParams::default(), &created).await.unwrap();
    assert_eq!(
        stored.data["spec"],
        json!({
            "account": "default",
            "region": REGION,
            "targets": { "nodes": { "matchLabels": { "pool": "a" } } },
            "interfaceTypes": ["Primary", "Secondary"],
            "retention": "Retain",
            "mode": "Enforce",
            "deletionPolicy": "Keep",
        })
    );
}

#[tokio::test]
async fn a_spec_that_selects_nothing_or_names_no_region_is_refused() {
    const ONLY_TRUE: &str = "allInstances can only be true";
    const NOTHING: &str = "targets select nothing: add at least one of networkInterfaceIds, \
                           networkInterfaceTags, instanceIds, instanceTags, nodes and allInstances";
    let region =
        |region: Value| json!({ "region": region, "targets": { "networkInterfaceIds": ["eni-bp1"] } });
    let nodes = json!({ "matchLabels": { "pool": "a" } });
    let nothing = json!({
        "networkInterfaceIds": [], "networkInterfaceTags": [], "instanceIds": [], "instanceTags": [],
    });
    let exclusion = json!({ "exclude": { "networkInterfaceIds": ["eni-bp1"], "instanceIds": ["i-bp1"] } });
    refuse(&[
        ("no targets", json!({ "region": REGION }), "spec.targets", "Required value"),
        ("empty targets", here(&json!({})), "spec.targets", NOTHING),
        ("empty lists", here(&nothing), "spec.targets", NOTHING),
        ("less than all instances", here(&json!({ "allInstances": false })), "spec.targets", ONLY_TRUE),
        ("an exclusion alone", here(&exclusion), "spec.targets", NOTHING),
        ("no region", json!({ "targets": { "nodes": nodes } }), "spec.region", "Required value"),
        ("null for a region", region(Value::Null), "spec.region", "Required value"),
        ("the empty region", region(json!("")), "spec.region", "should match"),
        (
            "every Node",
            here(&json!({ "nodes": {} })),
            "spec.targets.nodes",
            "an empty Node selector would select every Node",
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_tag_that_means_nothing_is_refused_with_a_sentence_wherever_it_stands() {
    const ONE_OF: &str = "a tag needs exactly one of value and exists";
    let key_alone = json!([{ "key": "env" }]);
    let twice = json!([{ "key": "env", "value": "dev" }, { "key": "env", "value": "prod" }]);
    let except = |exclude: Value| here(&json!({ "networkInterfaceIds": ["eni-bp1"], "exclude": exclude }));
    refuse(&[
        (
            "a key alone",
            here(&json!({ "networkInterfaceTags": key_alone })),
            "spec.targets.networkInterfaceTags[0]",
            ONE_OF,
        ),
        (
            "a key of instances alone",
            here(&json!({ "instanceTags": key_alone })),
            "spec.targets.instanceTags[0]",
            ONE_OF,
        ),
        (
            "an excluded key alone",
            except(json!({ "networkInterfaceTags": key_alone })),
            "spec.targets.exclude.networkInterfaceTags[0]",
            ONE_OF,
        ),
        (
            "an excluded key of instances alone",
            except(json!({ "instanceTags": key_alone })),
            "spec.targets.exclude.instanceTags[0]",
            ONE_OF,
        ),
        (
            "one key twice",
            here(&json!({ "networkInterfaceTags": twice })),
            "spec.targets.networkInterfaceTags[1]",
            "Duplicate value",
        ),
        (
            "one key of instances twice",
            here(&json!({ "instanceTags": twice })),
            "spec.targets.instanceTags[1]",
            "Duplicate value",
        ),
        (
            "too many",
            here(&json!({ "networkInterfaceTags": tags(MAX_TAGS + 1) })),
            "spec.targets.networkInterfaceTags",
            "must have at most 20 items",
        ),
        (
            "too many excluded",
            except(json!({ "networkInterfaceTags": tags(MAX_TAGS + 1) })),
            "spec.targets.exclude.networkInterfaceTags",
            "must have at most 20 items",
        ),
    ])
    .await;
}

#[tokio::test]
async fn an_id_that_is_none_is_refused() {
    const PATTERN: &str = "should match '^eni-[a-z0-9]+$'";
    const INSTANCE: &str = "should match '^i-[a-z0-9]+$'";
    let first = "spec.targets.networkInterfaceIds[0]";
    let by_id = |id: &str| here(&json!({ "networkInterfaceIds": [id] }));
    let except = |exclude: Value| here(&json!({ "networkInterfaceIds": ["eni-bp1"], "exclude": exclude }));
    refuse(&[
        ("no id", by_id(""), first, PATTERN),
        ("a prefix alone", by_id("eni-"), first, PATTERN),
        ("an id of something else", by_id("i-bp1example"), first, PATTERN),
        ("capitals", by_id("eni-BP1"), first, PATTERN),
        ("a long id", by_id(&format!("eni-{}", "a".repeat(37))), first, "may not be more than 40"),
        (
            "an id twice",
            here(&json!({ "networkInterfaceIds": ["eni-bp1", "eni-bp1"] })),
            "spec.targets.networkInterfaceIds[1]",
            "Duplicate value",
        ),
        (
            "too many ids",
            here(&json!({ "networkInterfaceIds": ids(MAX_IDS + 1) })),
            "spec.targets.networkInterfaceIds",
            "must have at most 1000 items",
        ),
        (
            "an instance that is none",
            here(&json!({ "instanceIds": ["eni-bp1"] })),
            "spec.targets.instanceIds[0]",
            INSTANCE,
        ),
        (
            "too many excluded ids",
            except(json!({ "networkInterfaceIds": ids(MAX_EXCLUDED_IDS + 1) })),
            "spec.targets.exclude.networkInterfaceIds",
            "must have at most 500 items",
        ),
        (
            "an excluded id of something else",
            except(json!({ "networkInterfaceIds": ["i-bp1"] })),
            "spec.targets.exclude.networkInterfaceIds[0]",
            PATTERN,
        ),
        (
            "an excluded instance twice",
            except(json!({ "instanceIds": ["i-bp1", "i-bp1"] })),
            "spec.targets.exclude.instanceIds[1]",
            "Duplicate value",
        ),
        (
            "an excluded instance that is none",
            except(json!({ "instanceIds": ["eni-bp1"] })),
            "spec.targets.exclude.instanceIds[0]",
            INSTANCE,
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_word_that_does_not_exist_is_refused() {
    refuse(&[
        (
            "a word for retention",
            with("retention", &json!("Keep")),
            "spec.retention",
            "\"Retain\", \"Release\"",
        ),
        ("a mode", with("mode", &json!("Unknown")), "spec.mode", "\"Enforce\", \"Observe\""),
        (
            "a word of the other kind",
            with("deletionPolicy", &json!("Disable")),
            "spec.deletionPolicy",
            "\"Keep\", \"Release\"",
        ),
        (
            "a type that is never retained",
            with("interfaceTypes", &json!(["Trunk"])),
            "spec.interfaceTypes[0]",
            "\"Primary\", \"Secondary\"",
        ),
        (
            "no type",
            with("interfaceTypes", &json!([])),
            "spec.interfaceTypes",
            "should have at least 1 items",
        ),
        (
            "a type twice",
            with("interfaceTypes", &json!(["Primary", "Primary"])),
            "spec.interfaceTypes[1]",
            "Duplicate value",
        ),
        ("half a region", with("region", &json!("cn")), "spec.region", "should match"),
        ("an account with a capital", with("account", &json!("Production")), "spec.account", "should match"),
    ])
    .await;
}

#[tokio::test]
async fn a_time_that_is_none_or_too_short_is_refused_with_a_sentence() {
    const WRONG: &str =
        "forgetAfter must be a duration of at least 24 hours, in hours, minutes and seconds, such as 720h";
    let field = "spec.survivors.forgetAfter";
    let cases: Vec<(&str, Value, &str, &str)> =
        ["", "30d", "720", "23h59m59s", "24H", "1m24h", "-24h", "1.5h", "86400000ms", "PT720H"]
            .map(|text| (text, with("survivors", &json!({ "forgetAfter": text })), field, WRONG))
            .into();
    refuse(&cases).await;
    let long = with("survivors", &json!({ "forgetAfter": "000000000000000024h" }));
    refuse(&[("too many digits", long, field, "may not be more than 18")]).await;
}

#[tokio::test]
async fn a_reattachment_to_no_or_two_instances_is_refused_with_a_sentence() {
    const ONE_OF: &str =
        "a network interface is attached to one instance: set exactly one of instanceId and nodeName";
    let one = "spec.reattach[0]";
    let reattach = |entry: Value| with("reattach", &json!([entry]));
    let entry = json!({ "networkInterfaceId": "eni-bp1", "instanceId": "i-bp1" });
    let many: Vec<Value> = ids(MAX_REATTACH + 1)
        .into_iter()
        .map(|id| json!({ "networkInterfaceId": id, "instanceId": "i-bp1" }))
        .collect();
    refuse(&[
        ("to nothing", reattach(json!({ "networkInterfaceId": "eni-bp1" })), one, ONE_OF),
        (
            "to two",
            reattach(json!({ "networkInterfaceId": "eni-bp1", "instanceId": "i-bp1", "nodeName": "a" })),
            one,
            ONE_OF,
        ),
        (
            "of nothing",
            reattach(json!({ "instanceId": "i-bp1" })),
            "spec.reattach[0].networkInterfaceId",
            "Required value",
        ),
        (
            "of something else",
            reattach(json!({ "networkInterfaceId": "i-bp1", "instanceId": "i-bp1" })),
            "spec.reattach[0].networkInterfaceId",
            "should match '^eni-[a-z0-9]+$'",
        ),
        (
            "to something else",
            reattach(json!({ "networkInterfaceId": "eni-bp1", "instanceId": "eni-bp1" })),
            "spec.reattach[0].instanceId",
            "should match '^i-[a-z0-9]+$'",
        ),
        (
            "to a Node that can't exist",
            reattach(json!({ "networkInterfaceId": "eni-bp1", "nodeName": "Node 1" })),
            "spec.reattach[0].nodeName",
            "should match",
        ),
        (
            "one network interface twice",
            with("reattach", &json!([entry, entry])),
            "spec.reattach[1]",
            "Duplicate value",
        ),
        ("too many", with("reattach", &json!(many)), "spec.reattach", "must have at most 100 items"),
    ])
    .await;
}

#[tokio::test]
async fn account_and_region_cannot_be_changed_or_removed() {
    let spec = json!({ "account": "production", "region": REGION, "targets": { "instanceIds": ["i-bp1"] } });
    let region = "region can't be changed: create another object for the other region";
    rules::assert_edits::<EniRetention>(
        &[("somewhere", spec)],
        [
            ("somewhere", json!({ "region": "cn-beijing" }), Some(("spec.region", region))),
            ("somewhere", json!({ "region": null }), Some(("spec.region", "Required value"))),
            ("somewhere", json!({ "account": "default" }), Some(("spec.account", ACCOUNT_IS_FIXED))),
            ("somewhere", json!({ "account": null }), Some(("spec.account", ACCOUNT_IS_FIXED))),
            ("somewhere", json!({ "region": REGION }), None),
            (
                "somewhere",
                json!({ "retention": "Release", "mode": "Observe", "interfaceTypes": ["Primary"] }),
                None,
            ),
            (
                "somewhere",
                json!({ "targets": { "networkInterfaceIds": ["eni-bp1"], "instanceIds": null } }),
                None,
            ),
        ],
    )
    .await;
}

/// The cost of a rule is bounded when it runs, too: a definition can be accepted and its largest objects refused.
#[tokio::test]
async fn the_largest_legal_object_is_accepted_and_can_be_edited() {
    let objects = objects::<EniRetention>(&Cluster::connect().await).await;
    let created = object::<EniRetention>("large", &largest_spec());
    let stored = objects.create(&PostParams::default(), &created).await.unwrap();
    let edit = Patch::Merge(json!({ "spec": { "mode": "Observe" } }));
    let edited = objects.patch("large", &PatchParams::default(), &edit).await.unwrap();
    assert_eq!(edited.metadata.generation.unwrap(), stored.metadata.generation.unwrap() + 1);
}
