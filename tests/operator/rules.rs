//! What the API server accepts and what it refuses, and the sentence that a person reads then.

use ecs_keeper::api::{
    EcsInstanceProtection, MAX_EXCEPTION_REASON, MAX_EXCEPTIONS, MAX_EXCLUDED_IDS, MAX_IDS, MAX_TAGS,
};
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::core::ApiResource;
use kube::{Api, Error, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::cluster::Cluster;

pub const REGION: &str = "cn-hangzhou";

/// Objects as a user writes them, so that a test can also write what our types could not.
pub async fn objects<K: Resource<DynamicType = ()>>(cluster: &Cluster) -> Api<DynamicObject> {
    let resource = ApiResource::erase::<K>(&());
    Api::namespaced_with(cluster.client.clone(), &cluster.namespace().await, &resource)
}

pub fn object<K: Resource<DynamicType = ()>>(name: &str, spec: &Value) -> DynamicObject {
    let text = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": { "name": name },
        "spec": spec,
    });
    serde_json::from_value(text).unwrap()
}

/// The causes of a refusal: field and sentence. Left out is the remark that rules were not run, which the API server
/// adds when the schema alone refuses.
pub fn causes(refusal: Error) -> Vec<(String, String)> {
    let Error::Api(status) = refusal else { panic!("not an answer of the API server: {refusal}") };
    assert!(status.is_invalid(), "refused, but not for its content: {}", status.message);
    let causes = status.details.unwrap().causes.into_iter().filter(|cause| cause.field != "<nil>");
    causes.map(|cause| (cause.field, cause.message)).collect()
}

#[track_caller]
fn assert_refused(what: &str, refusal: Error, field: &str, sentence: &str) {
    let causes = causes(refusal);
    // As Kubernetes 1.30 words it.
    let earlier = sentence.replace("may not be more than", "may not be longer than");
    let says = |message: &str| message.contains(sentence) || message.contains(&earlier);
    assert!(
        matches!(&causes[..], [(at, message)] if at == field && says(message)),
        "{what}: wanted `{field}: …{sentence}…` alone, got {causes:#?}"
    );
}

pub fn tags(count: usize) -> Vec<Value> {
    (0..count).map(|n| json!({ "key": format!("key-{n:0>124}"), "value": "v".repeat(128) })).collect()
}

pub fn ids(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("i-{n:0>62}")).collect()
}

fn by_tag(tag: &Value) -> Value {
    json!({ "region": REGION, "targets": { "instanceTags": [tag] } })
}

/// A spec with these exceptions.
fn excepting(entries: &[Value]) -> Value {
    json!({ "region": REGION, "targets": { "allInstances": true }, "exceptions": entries })
}

/// An entry of `exceptions` in which a field is another one, or left out.
fn exception(field: &str, value: Value) -> Value {
    let mut entry = json!({ "instanceId": "i-bp1", "until": "2026-12-01T18:00:00Z", "reason": "replaced" });
    if value.is_null() {
        entry.as_object_mut().unwrap().remove(field);
    } else {
        entry[field] = value;
    }
    entry
}

fn by_requirement(requirement: &Value) -> Value {
    json!({ "targets": { "nodes": { "matchExpressions": [requirement] } } })
}

#[tokio::test]
async fn every_sensible_spec_is_accepted() {
    let region_and = |targets: Value| json!({ "region": REGION, "targets": targets });
    let cases = [
        ("a tag with a value", by_tag(&json!({ "key": "env", "value": "prod" }))),
        ("a tag with the empty value", by_tag(&json!({ "key": "env", "value": "" }))),
        ("a tag with any value", by_tag(&json!({ "key": "acs:autoscaling:scalingGroupId", "exists": true }))),
        ("ids", region_and(json!({ "instanceIds": ["i-bp1example0000001", "i-123abc"] }))),
        (
            "Nodes by label, in any region",
            json!({ "targets": { "nodes": { "matchLabels": { "pool": "a" } } } }),
        ),
        ("every instance of a region", region_and(json!({ "allInstances": true }))),
        ("Nodes by label, in one region", region_and(json!({ "nodes": { "matchLabels": { "pool": "" } } }))),
        (
            "a label key with a prefix",
            json!({ "targets": { "nodes": { "matchLabels": { "node.alibabacloud.com/nodepool-id": "np1" } } } }),
        ),
        ("In", by_requirement(&json!({ "key": "pool", "operator": "In", "values": ["a", "b"] }))),
        ("NotIn", by_requirement(&json!({ "key": "pool", "operator": "NotIn", "values": ["a"] }))),
        ("Exists", by_requirement(&json!({ "key": "pool", "operator": "Exists" }))),
        ("DoesNotExist", by_requirement(&json!({ "key": "pool", "operator": "DoesNotExist", "values": [] }))),
        (
            "everything together",
            json!({
                "account": "production",
                "region": "cn-shanghai-finance-1",
                "targets": {
                    "instanceIds": ["i-bp1"],
                    "instanceTags": [{ "key": "env", "value": "prod" }, { "key": "team", "exists": true }],
                    "nodes": { "matchLabels": { "pool": "a" } },
                    "exclude": { "instanceIds": ["i-bp2"], "instanceTags": [{ "key": "scratch", "exists": true }] },
                },
                "protection": "Disabled",
                "mode": "Observe",
                "deletionPolicy": "Disable",
            }),
        ),
        (
            "an id that is also excluded",
            region_and(json!({ "instanceIds": ["i-bp1"], "exclude": { "instanceIds": ["i-bp1"] } })),
        ),
        (
            "two values of one key excluded",
            region_and(json!({
                "instanceIds": ["i-bp1"],
                "exclude": { "instanceTags": [{ "key": "env", "value": "dev" }, { "key": "env", "value": "test" }] },
            })),
        ),
        ("an exception", excepting(&[exception("until", json!("2026-12-01T18:00:00.5+08:00"))])),
        ("an exception whose time is over", excepting(&[exception("until", json!("2020-01-01T00:00:00Z"))])),
        (
            "steps aside for Karpenter",
            json!({ "targets": { "nodes": { "matchLabels": { "pool": "a" } } }, "nodeRemoval": "Lift" }),
        ),
        (
            "no exception from what is switched off",
            json!({ "targets": { "nodes": { "matchLabels": { "pool": "a" } } }, "protection": "Disabled", "exceptions": [] }),
        ),
        (
            "empty lists beside a selector",
            json!({ "targets": { "instanceIds": [], "instanceTags": [], "nodes": { "matchLabels": { "pool": "a" } } } }),
        ),
        (
            "nulls, which mean absent",
            json!({
                "region": null,
                "mode": null,
                "targets": { "instanceIds": null, "nodes": { "matchLabels": { "pool": "a" }, "matchExpressions": null } },
            }),
        ),
    ];
    assert_all_accepted::<EcsInstanceProtection>(cases).await;
}

#[tokio::test]
async fn what_is_left_out_is_filled_in() {
    let objects = objects::<EcsInstanceProtection>(&Cluster::connect().await).await;
    let spec = json!({ "targets": { "nodes": { "matchLabels": { "pool": "a" } } } });
    let created = object::<EcsInstanceProtection>("defaults", &spec);
    let stored = objects.create(&PostParams::default(), &created).await.unwrap();
    assert_eq!(
        stored.data["spec"],
        json!({
            "account": "default",
            "targets": { "nodes": { "matchLabels": { "pool": "a" } } },
            "protection": "Enabled",
            "autoReleaseTime": "Report",
            "nodeRemoval": "KeepProtected",
            "scaleIn": "Report",
            "mode": "Enforce",
            "deletionPolicy": "Keep",
        })
    );
}

#[tokio::test]
async fn a_spec_that_selects_nothing_or_nowhere_is_refused_with_a_sentence() {
    const NOTHING: &str =
        "targets select nothing: add at least one of instanceIds, instanceTags, nodes and allInstances";
    const NOWHERE: &str = "need a region: set region, such as cn-hangzhou";
    const ONLY_TRUE: &str = "allInstances can only be true";
    const EVERY_NODE: &str = "an empty Node selector would select every Node";
    refuse(&[
        ("no targets", json!({}), "spec.targets", "Required value"),
        ("empty targets", json!({ "targets": {} }), "spec.targets", NOTHING),
        (
            "an empty list",
            json!({ "region": REGION, "targets": { "instanceIds": [] } }),
            "spec.targets",
            NOTHING,
        ),
        (
            "an exclusion alone",
            json!({ "region": REGION, "targets": { "exclude": { "instanceIds": ["i-bp1"] } } }),
            "spec.targets",
            NOTHING,
        ),
        ("ids of no region", json!({ "targets": { "instanceIds": ["i-bp1"] } }), "spec.region", NOWHERE),
        (
            "tags of no region",
            json!({ "targets": { "instanceTags": [{ "key": "env", "exists": true }] } }),
            "spec.region",
            NOWHERE,
        ),
        (
            "every instance of no region",
            json!({ "targets": { "allInstances": true } }),
            "spec.region",
            NOWHERE,
        ),
        (
            "not every instance",
            json!({ "region": REGION, "targets": { "allInstances": false } }),
            "spec.targets",
            ONLY_TRUE,
        ),
        (
            "not every instance, and one",
            json!({ "region": REGION, "targets": { "allInstances": false, "instanceIds": ["i-bp1"] } }),
            "spec.targets",
            ONLY_TRUE,
        ),
        ("every Node", json!({ "targets": { "nodes": {} } }), "spec.targets.nodes", EVERY_NODE),
        (
            "every Node, written out",
            json!({ "targets": { "nodes": { "matchLabels": {}, "matchExpressions": [] } } }),
            "spec.targets.nodes",
            EVERY_NODE,
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_tag_that_means_nothing_is_refused_with_a_sentence() {
    const ONE_OF: &str = "a tag needs exactly one of value and exists";
    let tag = "spec.targets.instanceTags[0]";
    refuse(&[
        ("a key alone", by_tag(&json!({ "key": "env" })), tag, ONE_OF),
        ("both", by_tag(&json!({ "key": "env", "value": "prod", "exists": true })), tag, ONE_OF),
        (
            "a tag that must be absent",
            by_tag(&json!({ "key": "env", "exists": false })),
            tag,
            "exists can only be true: to exclude what has a tag, add the tag under exclude",
        ),
        (
            "no key",
            by_tag(&json!({ "key": "", "value": "prod" })),
            "spec.targets.instanceTags[0].key",
            "should be at least 1 chars long",
        ),
        (
            "a long key",
            by_tag(&json!({ "key": "k".repeat(129), "exists": true })),
            "spec.targets.instanceTags[0].key",
            "may not be more than 128",
        ),
        (
            "a long value",
            by_tag(&json!({ "key": "k", "value": "v".repeat(129) })),
            "spec.targets.instanceTags[0].value",
            "may not be more than 128",
        ),
        (
            "one key twice",
            json!({ "region": REGION, "targets": { "instanceTags": [
                { "key": "env", "value": "dev" }, { "key": "env", "value": "prod" },
            ] } }),
            "spec.targets.instanceTags[1]",
            "Duplicate value",
        ),
        (
            "too many",
            json!({ "region": REGION, "targets": { "instanceTags": tags(MAX_TAGS + 1) } }),
            "spec.targets.instanceTags",
            "must have at most 20 items",
        ),
        (
            "an excluded key alone",
            json!({ "region": REGION, "targets": {
                "instanceIds": ["i-bp1"], "exclude": { "instanceTags": [{ "key": "env" }] },
            } }),
            "spec.targets.exclude.instanceTags[0]",
            ONE_OF,
        ),
    ])
    .await;
}

#[tokio::test]
async fn an_id_that_is_none_is_refused() {
    let by_id = |id: &str| json!({ "region": REGION, "targets": { "instanceIds": [id] } });
    let first = "spec.targets.instanceIds[0]";
    let pattern = "should match '^i-[a-z0-9]+$'";
    refuse(&[
        ("no id", by_id(""), first, pattern),
        ("a prefix alone", by_id("i-"), first, pattern),
        ("an id of something else", by_id("eni-bp1example"), first, pattern),
        ("capitals", by_id("i-BP1"), first, pattern),
        ("a space", by_id("i-bp1 "), first, pattern),
        ("a long id", by_id(&format!("i-{}", "a".repeat(63))), first, "may not be more than 64"),
        (
            "an id twice",
            json!({ "region": REGION, "targets": { "instanceIds": ["i-bp1", "i-bp1"] } }),
            "spec.targets.instanceIds[1]",
            "Duplicate value",
        ),
        (
            "too many ids",
            json!({ "region": REGION, "targets": { "instanceIds": ids(MAX_IDS + 1) } }),
            "spec.targets.instanceIds",
            "must have at most 1000 items",
        ),
        (
            "too many excluded ids",
            json!({ "region": REGION, "targets": {
                "instanceIds": ["i-bp1"], "exclude": { "instanceIds": ids(MAX_EXCLUDED_IDS + 1) },
            } }),
            "spec.targets.exclude.instanceIds",
            "must have at most 500 items",
        ),
        (
            "an excluded id of something else",
            json!({ "region": REGION, "targets": {
                "instanceIds": ["i-bp1"], "exclude": { "instanceIds": ["eni-bp1"] },
            } }),
            "spec.targets.exclude.instanceIds[0]",
            pattern,
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_node_requirement_that_means_nothing_is_refused_with_a_sentence() {
    let one = "spec.targets.nodes.matchExpressions[0]";
    let needs_values = "the operators In and NotIn compare with values: add at least one to values";
    let takes_none = "the operators Exists and DoesNotExist compare only the key: remove values";
    let label = |key: &str, value: &str| json!({ "targets": { "nodes": { "matchLabels": { key: value } } } });
    refuse(&[
        ("In nothing", by_requirement(&json!({ "key": "pool", "operator": "In" })), one, needs_values),
        (
            "NotIn nothing",
            by_requirement(&json!({ "key": "pool", "operator": "NotIn", "values": [] })),
            one,
            needs_values,
        ),
        (
            "Exists with values",
            by_requirement(&json!({ "key": "pool", "operator": "Exists", "values": ["a"] })),
            one,
            takes_none,
        ),
        (
            "DoesNotExist with values",
            by_requirement(&json!({ "key": "pool", "operator": "DoesNotExist", "values": ["a"] })),
            one,
            takes_none,
        ),
        (
            "an operator of other selectors",
            by_requirement(&json!({ "key": "pool", "operator": "Gt", "values": ["3"] })),
            "spec.targets.nodes.matchExpressions[0].operator",
            "supported values: \"In\", \"NotIn\", \"Exists\", \"DoesNotExist\"",
        ),
        (
            "a key that no label can have",
            by_requirement(&json!({ "key": "a b", "operator": "Exists" })),
            "spec.targets.nodes.matchExpressions[0].key",
            "should match",
        ),
        (
            "a value that no label can have",
            by_requirement(&json!({ "key": "pool", "operator": "In", "values": ["a b"] })),
            "spec.targets.nodes.matchExpressions[0].values[0]",
            "should match",
        ),
        (
            "a label key that no Node can carry",
            label("a b", "x"),
            "spec.targets.nodes",
            "a key of matchLabels is not a label key: write [prefix/]name",
        ),
        (
            "a label value that no Node can carry",
            label("pool", "a b"),
            "spec.targets.nodes.matchLabels.pool",
            "should match",
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_region_an_account_or_a_word_that_cannot_exist_is_refused() {
    let with = |field: &str, value: &str| {
        let mut spec = json!({ "region": REGION, "targets": { "instanceIds": ["i-bp1"] } });
        spec[field] = json!(value);
        spec
    };
    let region = "should match '^[a-z]{2}(-[a-z0-9]+)+$'";
    let account = "should match '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'";
    refuse(&[
        ("the empty region", with("region", ""), "spec.region", region),
        ("half a region", with("region", "cn"), "spec.region", region),
        ("capitals", with("region", "CN-Hangzhou"), "spec.region", region),
        ("a host for a region", with("region", "cn-hangzhou.example.com"), "spec.region", region),
        ("a path for a region", with("region", "cn-hangzhou/x"), "spec.region", region),
        ("an account with a capital", with("account", "Production"), "spec.account", account),
        ("a word for protection", with("protection", "On"), "spec.protection", "\"Enabled\", \"Disabled\""),
        (
            "the word that stands for unknown ones",
            with("mode", "Unknown"),
            "spec.mode",
            "\"Enforce\", \"Observe\"",
        ),
        (
            "a word of the other kind",
            with("deletionPolicy", "Release"),
            "spec.deletionPolicy",
            "\"Keep\", \"Disable\"",
        ),
    ])
    .await;
}

#[tokio::test]
async fn an_exception_that_means_nothing_is_refused_with_a_sentence() {
    let one = |field: &str, value: Value| excepting(&[exception(field, value)]);
    let entry = |field: &str| format!("spec.exceptions[0].{field}");
    let (id, until, reason) = (entry("instanceId"), entry("until"), entry("reason"));
    let mut disabled = one("reason", json!("retired"));
    disabled["protection"] = json!("Disabled");
    let many = (0..=MAX_EXCEPTIONS).map(|n| exception("instanceId", json!(format!("i-{n}"))));
    let time = "must be of type date-time";
    refuse(&[
        (
            "an exception from what is switched off",
            disabled,
            "spec.exceptions",
            "exceptions need protection: Enabled: remove them, or leave protection on",
        ),
        ("no id", one("instanceId", Value::Null), &id, "Required value"),
        ("an id of something else", one("instanceId", json!("eni-bp1")), &id, "should match '^i-[a-z0-9]+$'"),
        (
            "a long id",
            one("instanceId", json!(format!("i-{}", "a".repeat(63)))),
            &id,
            "may not be more than 64",
        ),
        ("no end", one("until", Value::Null), &until, "Required value"),
        ("a word for an end", one("until", json!("tomorrow")), &until, time),
        ("a day for an end", one("until", json!("2026-12-01")), &until, time),
        (
            "an end with more digits than anybody reads",
            one("until", json!("2026-12-01T18:00:00.0000000000Z")),
            &until,
            "should match",
        ),
        ("an end without a zone", one("until", json!("2026-12-01T18:00:00")), &until, time),
        (
            "an end that never comes",
            one("until", json!("9999-12-31T23:59:59Z")),
            &until,
            "until is too far in the future: an exception ends after 30 days at the latest",
        ),
        ("no reason", one("reason", Value::Null), &reason, "Required value"),
        ("an empty reason", one("reason", json!("")), &reason, "should be at least 1 chars long"),
        (
            "a long reason",
            one("reason", json!("r".repeat(MAX_EXCEPTION_REASON + 1))),
            &reason,
            "may not be more than 256",
        ),
        (
            "one instance twice",
            excepting(&[exception("reason", json!("one")), exception("reason", json!("two"))]),
            "spec.exceptions[1]",
            "Duplicate value",
        ),
        ("too many", excepting(&many.collect::<Vec<_>>()), "spec.exceptions", "must have at most 100 items"),
    ])
    .await;
}

#[tokio::test]
async fn a_lift_that_means_nothing_is_refused_with_a_sentence() {
    let nodes = json!({ "nodes": { "matchLabels": { "pool": "a" } } });
    let field = "spec.nodeRemoval";
    refuse(&[
        (
            "a lift of what is switched off",
            json!({ "targets": nodes, "nodeRemoval": "Lift", "protection": "Disabled" }),
            field,
            "nodeRemoval: Lift needs protection: Enabled",
        ),
        (
            "a lift of what no Node stands for",
            json!({ "region": REGION, "targets": { "allInstances": true }, "nodeRemoval": "Lift" }),
            field,
            "nodeRemoval: Lift needs targets.nodes",
        ),
        ("another word", json!({ "targets": nodes, "nodeRemoval": "Release" }), field, "supported values"),
    ])
    .await;
}

async fn refuse(cases: &[(&str, Value, &str, &str)]) {
    assert_all_refused::<EcsInstanceProtection>(cases).await;
}

/// Writes each spec and expects one cause alone: the field and a part of its sentence.
pub async fn assert_all_refused<K: Resource<DynamicType = ()>>(cases: &[(&str, Value, &str, &str)]) {
    let objects = objects::<K>(&Cluster::connect().await).await;
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    for (what, spec, field, sentence) in cases {
        match objects.create(&dry_run, &object::<K>("refused", spec)).await {
            Ok(_) => panic!("{what}: accepted, wanted `{field}: …{sentence}…`"),
            Err(refusal) => assert_refused(what, refusal, field, sentence),
        }
    }
}

/// Writes each spec and expects that it is accepted, and that our own type can read what is stored.
pub async fn assert_all_accepted<K>(cases: impl IntoIterator<Item = (&str, Value)>)
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
{
    let objects = objects::<K>(&Cluster::connect().await).await;
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    for (what, spec) in cases {
        let answer = objects.create(&dry_run, &object::<K>("accepted", &spec)).await;
        let stored = answer.unwrap_or_else(|refusal| panic!("{what}: {refusal}"));
        serde_json::from_value::<K>(serde_json::to_value(stored).unwrap())
            .unwrap_or_else(|error| panic!("{what} does not decode: {error}"));
    }
}

pub const ACCOUNT_IS_FIXED: &str = "account can't be changed: create another object for the other account";

/// A field rule on an optional `region` would not run when the field appears or disappears.
#[tokio::test]
async fn account_and_region_cannot_be_changed_added_or_removed() {
    const REGION_IS_FIXED: &str =
        "region can't be changed, added or removed: create another object for the other region";
    let nodes = json!({ "nodes": { "matchLabels": { "pool": "a" } } });
    let specs = [
        ("somewhere", json!({ "account": "production", "region": REGION, "targets": nodes })),
        ("anywhere", json!({ "targets": nodes })),
    ];
    assert_edits::<EcsInstanceProtection>(
        &specs,
        [
            ("somewhere", json!({ "region": "cn-beijing" }), Some(("spec.region", REGION_IS_FIXED))),
            ("somewhere", json!({ "region": null }), Some(("spec.region", REGION_IS_FIXED))),
            ("anywhere", json!({ "region": REGION }), Some(("spec.region", REGION_IS_FIXED))),
            ("somewhere", json!({ "account": "default" }), Some(("spec.account", ACCOUNT_IS_FIXED))),
            ("somewhere", json!({ "account": null }), Some(("spec.account", ACCOUNT_IS_FIXED))),
            ("anywhere", json!({ "account": "production" }), Some(("spec.account", ACCOUNT_IS_FIXED))),
            ("anywhere", json!({ "account": null }), None),
            ("somewhere", json!({ "region": REGION }), None),
            ("somewhere", json!({ "protection": "Disabled", "mode": "Observe" }), None),
            ("somewhere", json!({ "targets": { "instanceIds": ["i-bp1"], "nodes": null } }), None),
        ],
    )
    .await;
}

/// Writes each spec, and makes each edit of the named one: field and sentence of the refusal, or `None` if it is allowed.
pub async fn assert_edits<K: Resource<DynamicType = ()>>(
    specs: &[(&str, Value)],
    edits: impl IntoIterator<Item = (&str, Value, Option<(&str, &str)>)>,
) {
    let objects = objects::<K>(&Cluster::connect().await).await;
    for (name, spec) in specs {
        objects.create(&PostParams::default(), &object::<K>(name, spec)).await.unwrap();
    }
    for (name, edit, refused) in edits {
        let answer =
            objects.patch(name, &PatchParams::default(), &Patch::Merge(json!({ "spec": edit }))).await;
        match (answer, refused) {
            (Err(refusal), Some((field, sentence))) => {
                assert_refused(&edit.to_string(), refusal, field, sentence);
            }
            (Ok(_), Some(_)) => panic!("{name}: {edit} was accepted"),
            (Ok(_), None) => {}
            (Err(refusal), None) => panic!("{name}: {edit} was refused: {refusal}"),
        }
    }
}

/// The cost of a rule is bounded when it runs, too: a definition can be accepted and its largest objects refused.
#[tokio::test]
async fn the_largest_legal_object_is_accepted_and_can_be_edited() {
    let spec = json!({
        "account": "a".repeat(63),
        "region": format!("cn-{}", "a".repeat(61)),
        "targets": {
            "instanceIds": ids(MAX_IDS),
            "instanceTags": tags(MAX_TAGS),
            "nodes": largest_node_selector(),
            "exclude": { "instanceIds": ids(MAX_EXCLUDED_IDS), "instanceTags": tags(MAX_TAGS) },
        },
        "exceptions": ids(MAX_EXCEPTIONS).iter().map(|id| json!({
            "instanceId": id, "until": "2026-12-01T18:00:00.000000000+08:00", "reason": "ä".repeat(MAX_EXCEPTION_REASON),
        })).collect::<Vec<_>>(),
    });
    let objects = objects::<EcsInstanceProtection>(&Cluster::connect().await).await;
    let created = object::<EcsInstanceProtection>("large", &spec);
    let stored = objects.create(&PostParams::default(), &created).await.unwrap();
    let edit = Patch::Merge(json!({ "spec": { "mode": "Observe" } }));
    let edited = objects.patch("large", &PatchParams::default(), &edit).await.unwrap();
    assert_eq!(edited.metadata.generation.unwrap(), stored.metadata.generation.unwrap() + 1);
    assert_eq!(edited.name_unchecked(), "large");
}

/// Everything that selects Nodes, at its limits.
pub fn largest_node_selector() -> Value {
    let prefix = ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(61)].join(".");
    let key = |n: usize| format!("{prefix}/k{n:0>62}");
    let labels: serde_json::Map<String, Value> = (0..20).map(|n| (key(n), json!("v".repeat(63)))).collect();
    let values: Vec<String> = (0..50).map(|n| format!("v{n:0>62}")).collect();
    let requirements: Vec<Value> =
        (0..20).map(|n| json!({ "key": key(n), "operator": "NotIn", "values": values })).collect();
    json!({ "matchLabels": labels, "matchExpressions": requirements })
}
