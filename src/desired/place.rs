//! Finds where what an object asks goes.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use keeper_alicloud::endpoint::{is_known_region, known_regions};
use kube::api::ObjectMeta;

use super::context::Context;
use super::node_selection::{Nodes, select_nodes};
use super::placement::{Placement, Served};
use super::removal::Claims;
use super::{protection, retention};
use crate::api::{Mode, Object};
use crate::config::nearest;
use crate::grants::Grants;

/// What the cluster shows of its machines.
#[derive(Debug, Default)]
pub struct Cluster {
    pub nodes: Nodes,
    /// Karpenter's NodeClaims; `None`: they are not known, or not yet.
    pub claims: Option<Claims>,
    /// Whether they are watched.
    pub watches_claims: bool,
}

/// Finds where an object's intent goes. `now` tells only for how long a deletion has lasted.
pub fn place(object: &Object, cluster: &Cluster, grants: &Grants, now: Timestamp) -> Placement {
    let unknown_word = match object {
        Object::Protection(object) => protection::unknown_word(&object.spec),
        Object::Retention(object) => retention::unknown_word(&object.spec),
    };
    if let Some(field) = unknown_word {
        return Placement::Opaque(format!(
            "{field} has a value that this version of ecs-keeper does not know. Correct it, or upgrade ecs-keeper. \
             Until then it switches nothing off in the object's account."
        ));
    }
    let spec = object.spec();
    let namespace = object.meta().namespace.as_deref().unwrap_or_default();
    let Some((account, granted)) = grants.of(namespace, spec.account) else { return Placement::NotGranted };
    let region = match spec.region.map(|name| granted.region(name).ok_or(name)) {
        // The table is the vendor's and public: who is told that something is not in it learns nothing of what others are
        // granted (I42).
        Some(Err(name)) if !is_known_region(name) => return Placement::UnknownRegion(unknown_region(name)),
        Some(Err(_)) => return Placement::NotGranted,
        Some(Ok(region)) => Some(region),
        None => None,
    };
    let selected = match select_nodes(spec.nodes, &cluster.nodes, region.as_ref(), granted) {
        Ok(selected) => selected,
        Err(message) => return Placement::Opaque(message),
    };
    let context = Context {
        nodes: selected.by_region(),
        machines: &cluster.nodes,
        selected: &selected.instances,
        claims: cluster.claims.as_ref(),
        watches_claims: cluster.watches_claims,
        granted,
        deleting: deleting(object.meta(), now),
        carried_out: object.carried_out(),
        scale_in_carried_out: object.scale_in_carried_out(),
    };
    let karpenter_unwatched = !context.watches_claims
        && object.protection().is_some_and(|object| {
            object.spec.mode == Mode::Enforce && protection::lifts_for_karpenter(&object.spec)
        });
    let (intents, removals) = match object {
        Object::Protection(object) => protection::intents(object, region, context),
        Object::Retention(object) => {
            let desired =
                region.map(|region| (region.clone(), retention::desired(object, &region, &context)));
            (desired.into_iter().collect(), BTreeMap::new())
        }
    };
    Placement::Served(Served {
        account: account.clone(),
        intents,
        nodes_ignored: selected.ignored,
        targetless: selected.targetless,
        nodes: selected.instances,
        removals,
        karpenter_unwatched,
    })
}

/// What is told of a region that the vendor's table lacks.
fn unknown_region(name: &str) -> String {
    match nearest(name, known_regions()) {
        Some(near) => format!(
            "The vendor's table of regions has no `{name}`; did you mean `{near}`? You can't change the region of an \
             object: create another object with the right region, then delete this one."
        ),
        None => format!(
            "The vendor's table of regions, as this version knows it, has no `{name}`. Check the spelling. If the vendor \
             has added the region since, the administrator of ecs-keeper can add and grant it."
        ),
    }
}

fn deleting(meta: &ObjectMeta, now: Timestamp) -> Option<Duration> {
    let since = meta.deletion_timestamp.as_ref()?;
    Some(Duration::try_from(now.duration_since(since.0)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use keeper_core::exception::ExceptionPhase;
    use keeper_core::id::{InstanceId, Region};
    use keeper_core::instance::Instance;
    use keeper_core::intent::{Intent, Unprotecting};
    use keeper_core::reason::Reason;
    use serde_json::{Value, json};

    use super::super::node_selection::Machine;
    use super::super::placement::Desired;
    use super::super::wall_time::timestamp;
    use super::*;
    use crate::api::{DeletionPolicy, EcsInstanceProtection, Protection};
    use crate::config;
    use crate::provider_id::ProviderId;

    fn object(namespace: &str, spec: &Value) -> EcsInstanceProtection {
        serde_json::from_value(json!({
            "apiVersion": "ecs-keeper.io/v1alpha1",
            "kind": "EcsInstanceProtection",
            "metadata": { "name": "a", "namespace": namespace, "uid": "u", "generation": 3, "resourceVersion": "9" },
            "spec": spec,
        }))
        .unwrap()
    }

    fn grants() -> Grants {
        config::parse("").unwrap().grants("ours")
    }

    fn machine(label: &str, provider: &str) -> Machine {
        let labels = BTreeMap::from([("pool".to_owned(), label.to_owned())]);
        let provider = ProviderId::read(Some(provider), &labels);
        Machine { uid: String::new(), provider, labels, deleting: false }
    }

    fn cluster(nodes: Nodes) -> Cluster {
        Cluster { nodes, ..Cluster::default() }
    }

    fn nodes() -> Nodes {
        [
            ("n1", machine("a", "cn-hangzhou.i-one")),
            ("n2", machine("a", "alicloud://cn-beijing.i-two")),
            ("n3", machine("b", "cn-hangzhou.i-three")),
            ("n4", machine("a", "ack-hybrid://whatever")),
            ("n5", machine("a", "attacker.example.com/x.i-five")),
            ("n6", machine("a", "zz-nowhere-1.i-six")),
        ]
        .map(|(name, machine)| (name.to_owned(), machine))
        .into()
    }

    fn routed(object: &EcsInstanceProtection, grants: &Grants) -> Placement {
        let object = Object::Protection(Arc::new(object.clone()));
        place(&object, &cluster(nodes()), grants, Timestamp::UNIX_EPOCH)
    }

    fn served(spec: &Value) -> Served {
        match routed(&object("ours", spec), &grants()) {
            Placement::Served(served) => served,
            other => panic!("{other:?}"),
        }
    }

    fn intent_in<'a>(served: &'a Served, region: &str) -> &'a Intent<Instance> {
        match &served.intents[&Region::new(region)] {
            Desired::Protection(intent, _) => intent,
            other @ Desired::Retention(..) => panic!("{other:?}"),
        }
    }

    fn by_id(account: &str, region: &str) -> Value {
        json!({ "account": account, "region": region, "targets": { "instanceIds": ["i-a"] } })
    }

    #[test]
    fn i42_what_is_not_granted_looks_the_same_whatever_is_missing() {
        for (namespace, spec) in [
            ("theirs", by_id("default", "cn-hangzhou")),
            ("ours", by_id("other", "cn-hangzhou")),
            ("theirs", by_id("other", "nowhere-1")),
        ] {
            let found = routed(&object(namespace, &spec), &grants());
            assert_eq!(found, Placement::NotGranted, "{namespace} {spec}");
        }
        let few = config::parse("accounts: [{name: default, regions: [cn-beijing]}]").unwrap().grants("ours");
        let spec = by_id("default", "cn-hangzhou");
        assert_eq!(routed(&object("ours", &spec), &few), Placement::NotGranted);
    }

    #[test]
    fn i42_a_region_that_the_vendors_table_lacks_is_told_by_that_table_alone() {
        let told = |grants: &Grants, region: &str| match routed(
            &object("ours", &by_id("default", region)),
            grants,
        ) {
            Placement::UnknownRegion(message) => message,
            other => panic!("{region}: {other:?}"),
        };
        let message = told(&grants(), "cn-hangzou");
        assert!(message.contains("`cn-hangzou`; did you mean `cn-hangzhou`?"), "{message}");
        let message = told(&grants(), "zz-nowhere-9");
        assert!(!message.contains("did you mean") && message.contains("administrator"), "{message}");
        // A region that only the configuration knows: to whom it isn't granted it is like one that nobody knows, and no
        // other's mistake leads to it.
        let secret = "
accounts:
  - name: default
    endpoints: {regions: [{region: cn-secret-9, ecs: 'https://ecs.example.com'}]}
grants: [{namespaces: [theirs]}, {namespaces: [ours], regions: [cn-beijing]}]";
        let secret = config::parse(secret).unwrap().grants("keeper");
        for region in ["cn-secret-9", "cn-secret-8", "cn-secret"] {
            let (known, nowhere) = (told(&secret, region), told(&grants(), region));
            assert_eq!(known, nowhere, "it depends on what others are granted");
        }
        // It need not be granted to be near: the table is public.
        assert!(told(&secret, "cn-hangzou").contains("`cn-hangzhou`"));
        let granted = object("theirs", &by_id("default", "cn-secret-9"));
        assert!(matches!(routed(&granted, &secret), Placement::Served(_)));
        let elsewhere = object("ours", &by_id("default", "cn-hangzhou"));
        assert_eq!(routed(&elsewhere, &secret), Placement::NotGranted);
    }

    #[test]
    fn nodes_carry_their_region_and_what_is_none_of_ours_is_counted() {
        let selector = json!({ "matchLabels": { "pool": "a" } });
        let everywhere = served(&json!({ "targets": { "nodes": selector } }));
        let regions: Vec<&str> = everywhere.intents.keys().map(Region::as_str).collect();
        assert_eq!(regions, ["cn-beijing", "cn-hangzhou"]);
        assert_eq!(everywhere.nodes_ignored, 1, "a hybrid one");
        let unreadable = ("n5".to_owned(), Reason::NodeUnresolved);
        let ungranted = ("n6".to_owned(), Reason::NodeNotServed);
        assert_eq!(everywhere.targetless, BTreeMap::from([unreadable.clone(), ungranted]));
        let here = served(&json!({ "region": "cn-hangzhou", "targets": { "nodes": selector } }));
        assert_eq!(here.intents.len(), 1);
        assert_eq!(here.nodes_ignored, 3, "whoever names a region means no other");
        assert_eq!(here.targetless, BTreeMap::from([unreadable]));
        let intent = intent_in(&here, "cn-hangzhou");
        assert_eq!(intent.selector.node_ids, [InstanceId::new("i-one")].into());
        assert!(intent.selector.ids.is_empty(), "a Node does not name an instance by id");
    }

    #[test]
    fn i49_two_nodes_whose_instances_have_one_id_in_two_regions_are_two_targets() {
        let twins = [("n1", machine("a", "cn-hangzhou.i-one")), ("n2", machine("a", "cn-beijing.i-one"))];
        let twins = twins.map(|(name, machine)| (name.to_owned(), machine)).into();
        let object = object("ours", &json!({ "targets": { "nodes": { "matchLabels": { "pool": "a" } } } }));
        let object = Object::Protection(Arc::new(object));
        let placement = place(&object, &cluster(twins), &grants(), Timestamp::UNIX_EPOCH);
        let Placement::Served(served) = placement else { panic!("{placement:?}") };
        assert_eq!((served.intents.len(), served.nodes.len()), (2, 2));
    }

    #[test]
    fn ids_and_tags_go_to_the_spec_s_region_and_exclusions_everywhere() {
        let served = served(&json!({
            "region": "cn-beijing",
            "targets": {
                "instanceIds": ["i-a"],
                "instanceTags": [{ "key": "env", "value": "prod" }, { "key": "team", "exists": true }],
                "exclude": { "instanceIds": ["i-b"], "instanceTags": [{ "key": "env", "value": "" }] },
            },
        }));
        let selector = &intent_in(&served, "cn-beijing").selector;
        assert!(selector.names(&InstanceId::new("i-a")));
        assert_eq!(selector.tags.len(), 2);
        assert_eq!(selector.tags[1].value, None);
        assert!(selector.exclude_ids.contains(&InstanceId::new("i-b")));
        assert_eq!(selector.exclude_tags[0].value.as_deref(), Some(""));
    }

    #[test]
    fn i09_a_word_of_a_newer_version_may_be_a_hold() {
        for field in ["protection", "mode", "deletionPolicy", "nodeRemoval"] {
            let mut spec = by_id("default", "cn-hangzhou");
            spec[field] = json!("Tomorrow");
            match routed(&object("ours", &spec), &grants()) {
                Placement::Opaque(message) => assert!(message.contains(field), "{message}"),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn i53_an_exception_is_asked_for_with_its_end_in_whole_seconds() {
        let mut spec = by_id("default", "cn-hangzhou");
        spec["exceptions"] = json!([
            { "instanceId": "i-b", "until": "2026-12-01T18:00:00.75+08:00", "reason": "replaced by i-c" },
            { "instanceId": "i-a", "until": "1960-01-01T00:00:00Z", "reason": "long past" },
        ]);
        let exceptions = |spec: &Value| intent_in(&served(spec), "cn-hangzhou").exceptions.clone();
        let asked: Vec<_> = exceptions(&spec)
            .into_iter()
            .map(|(id, it)| (id.to_string(), timestamp(it.until).to_string(), it.reason.to_string()))
            .collect();
        let text = |text: &str| text.to_owned();
        assert_eq!(
            asked,
            [
                (text("i-a"), text("1970-01-01T00:00:00Z"), text("long past")),
                (text("i-b"), text("2026-12-01T10:00:00Z"), text("replaced by i-c")),
            ]
        );
        spec["protection"] = json!("Disabled");
        assert!(exceptions(&spec).is_empty(), "stored before the API server refused it");
    }

    #[test]
    fn i09_an_exception_whose_end_can_not_be_read_blocks_unprotecting() {
        // The first is one that only the pattern of a schema lets pass.
        for until in ["2026-12-01T18:00:00+99:99", "9999-12-31T23:59:59Z", "next week", ""] {
            let mut spec = by_id("default", "cn-hangzhou");
            spec["exceptions"] = json!([{ "instanceId": "i-a", "until": until, "reason": "replaced" }]);
            match routed(&object("ours", &spec), &grants()) {
                Placement::Opaque(message) => {
                    assert!(message.contains("spec.exceptions[].until"), "{message}");
                }
                other => panic!("{until}: {other:?}"),
            }
        }
    }

    #[test]
    fn i14_what_status_says_of_exceptions_makes_none_and_lengthens_none() {
        let mut asked = object("ours", &by_id("default", "cn-hangzhou"));
        let row = |phase: &str| {
            json!({
                "instanceId": "i-a", "until": "2026-12-01T18:00:00Z", "endsAt": "2026-11-30T00:00:00Z", "phase": phase,
            })
        };
        for (word, phase) in [
            ("Waiting", ExceptionPhase::Waiting),
            ("InForce", ExceptionPhase::InForce),
            ("Expired", ExceptionPhase::Expired),
            ("Void", ExceptionPhase::Void),
            ("NotSelected", ExceptionPhase::NotSelected),
            // Of a newer version.
            ("Suspended", ExceptionPhase::Expired),
        ] {
            asked.status = Some(serde_json::from_value(json!({ "exceptions": [row(word)] })).unwrap());
            let Placement::Served(served) = routed(&asked, &grants()) else { panic!("{word}") };
            let Desired::Protection(intent, records) = &served.intents[&Region::new("cn-hangzhou")] else {
                panic!("{served:?}")
            };
            assert!(intent.exceptions.is_empty());
            let record = records.exceptions[&InstanceId::new("i-a")];
            assert_eq!(record.phase, phase, "{word}");
            assert_eq!(timestamp(record.until).to_string(), "2026-12-01T18:00:00Z");
            assert_eq!(timestamp(record.ends).to_string(), "2026-11-30T00:00:00Z");
        }
    }

    #[test]
    fn i14_status_only_ever_narrows_the_intent() {
        let mut spec = by_id("default", "cn-hangzhou");
        spec["protection"] = json!("Disabled");
        let mut asked = object("ours", &spec);
        let intent = |object: &EcsInstanceProtection| match routed(object, &grants()) {
            Placement::Served(served) => intent_in(&served, "cn-hangzhou").clone(),
            other => panic!("{other:?}"),
        };
        assert!(!intent(&asked).carried_out);
        let said = |generation: i64, reason: &str| {
            serde_json::from_value(json!({ "conditions": [{
                "type": "Protected", "status": "False", "reason": reason, "message": "",
                "observedGeneration": generation, "lastTransitionTime": "2026-01-01T00:00:00Z",
            }] }))
            .unwrap()
        };
        asked.status = Some(said(3, "DisabledAsAsked"));
        assert!(intent(&asked).carried_out);
        asked.status = Some(said(2, "DisabledAsAsked"));
        assert!(!intent(&asked).carried_out, "of an older generation");
        // Whatever status says of an object that wants protection, it asks for no unprotecting.
        asked.status = Some(said(3, "DisabledAsAsked"));
        asked.spec.protection = Protection::Enabled;
        assert_eq!(intent(&asked).unprotecting(), None);
        asked.spec.deletion_policy = DeletionPolicy::Disable;
        asked.metadata.deletion_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(Timestamp::UNIX_EPOCH));
        assert_eq!(intent(&asked).unprotecting(), Some(Unprotecting::BeforeDeletion));
    }
}
