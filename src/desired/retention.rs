//! From the spec and the status of an `EniRetention` to its intents.
//!
//! Status is part of the intent: it is the object's memory. What it lists as retained stays a target wherever it is by now,
//! and what it says of attachments decides whether anything is attached once more.
//!
//! An object without a region, which selects Nodes alone, may retain interfaces in several. Status names no region, and an
//! interface that is looked up where it is not seems to be gone. So a region is told only of those that are known to be
//! there: by the zone that their row names, or because its worker retains them. What is known nowhere stays listed, and
//! nobody looks for it until its worker finds it anew. Who sets the region is spared that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use keeper_core::id::{InstanceId, InterfaceId, Region};
use keeper_core::instance::Instance;
use keeper_core::intent::{DeletionPolicy, Intent, Reattach, Selector};
use keeper_core::interface::Interface;
use keeper_core::reason::Reason;
use keeper_core::resource::Types;
use keeper_core::retention::{AttachPhase, Attachment, Record, Remembered};

use super::context::{Context, filters, instances};
use super::placement::{Desired, Homes, Nodes};
use crate::api::{
    self, EniRetention, EniRetentionSpec, EniRetentionStatus, InterfaceType, Mode, NetworkInterfacePhase,
    NetworkInterfaceStatus, ReattachmentPhase, ReattachmentStatus, Retention, RetentionDeletionPolicy,
};
use crate::provider_id::ProviderId;

/// The field that holds a word of a newer version, if any.
pub fn unknown_word(spec: &EniRetentionSpec) -> Option<&'static str> {
    let targetless = |entry: &api::Reattach| entry.instance_id.is_none() && entry.node_name.is_none();
    if spec.retention == Retention::Unknown {
        Some("spec.retention")
    } else if spec.mode == Mode::Unknown {
        Some("spec.mode")
    } else if spec.deletion_policy == RetentionDeletionPolicy::Unknown {
        Some("spec.deletionPolicy")
    } else if spec.interface_types.contains(&InterfaceType::Unknown) {
        Some("spec.interfaceTypes")
    } else if spec.reattach.iter().any(targetless) {
        // A newer version may know other things to attach to.
        Some("spec.reattach")
    } else {
        None
    }
}

/// What the object asks in each region.
pub fn intents(object: &EniRetention, context: &Context<'_>) -> BTreeMap<Region, Desired> {
    let nothing = EniRetentionStatus::default();
    let status = object.status.as_ref().unwrap_or(&nothing);
    let homes = homes(status, context);
    let regions = regions(status, &homes, context);
    let sole = context.region.is_some() || context.granted.only_region().is_some();
    let intent = |region: &Region| {
        let intent = Intent {
            hosts: hosts(&object.spec, context, region),
            reattach: reattach(&object.spec, context, region, &regions),
            may: context.granted.rights(region),
            ..intent(&object.spec, context)
        };
        let here = |id: &InterfaceId| sole || homes.get(id) == Some(region);
        let record = record(status, here, |id| !homes.contains_key(id));
        (region.clone(), Desired::Retention(Box::new(intent), Box::new(record)))
    };
    regions.iter().map(intent).collect()
}

/// Where the interfaces are that status speaks of, as far as that is known.
fn homes(status: &EniRetentionStatus, context: &Context<'_>) -> Homes {
    if context.region.is_some() {
        return Homes::new();
    }
    let mut homes = context.homes.clone();
    let retained: BTreeSet<&String> = status.retained_eni_ids.iter().collect();
    let retained = |row: &&NetworkInterfaceStatus| retained.contains(&row.network_interface_id);
    for row in status.network_interfaces.iter().filter(retained) {
        let zone = row.zone_id.as_deref().unwrap_or_default();
        if let Some(region) = region_of(zone, |name| context.granted.region(name)) {
            homes.insert(InterfaceId::new(&row.network_interface_id), region);
        }
    }
    homes
}

/// The region of a zone. A zone's id is that of its region with a letter, such as cn-hangzhou-h and ap-southeast-1a: what
/// has more behind it may be in a region whose name only begins alike.
fn region_of(zone: &str, known: impl Fn(&str) -> Option<Region>) -> Option<Region> {
    let letterless = zone.strip_suffix(|last: char| last.is_ascii_lowercase())?;
    known(letterless.strip_suffix('-').unwrap_or(letterless))
}

/// The regions that the object has something in: that of the spec, those of its Nodes, and those of what it retains.
fn regions(status: &EniRetentionStatus, homes: &Homes, context: &Context<'_>) -> BTreeSet<Region> {
    if let Some(region) = &context.region {
        return [region.clone()].into();
    }
    let retained = status.retained_eni_ids.iter().map(InterfaceId::new);
    let of_retained = retained.filter_map(|id| homes.get(&id).or_else(|| context.granted.only_region()));
    context.nodes.keys().chain(of_retained.collect::<BTreeSet<_>>()).cloned().collect()
}

/// The intent without what depends on the region.
fn intent(spec: &EniRetentionSpec, context: &Context<'_>) -> Intent<Interface> {
    let targets = &spec.targets;
    let exclude = targets.exclude.clone().unwrap_or_default();
    Intent {
        protect: spec.retention == Retention::Retain,
        observe: spec.mode == Mode::Observe,
        deletion_policy: match spec.deletion_policy {
            RetentionDeletionPolicy::Release => DeletionPolicy::Unprotect,
            RetentionDeletionPolicy::Keep | RetentionDeletionPolicy::Unknown => DeletionPolicy::Keep,
        },
        deleting: context.deleting,
        carried_out: context.carried_out,
        types: Types {
            primary: spec.interface_types.contains(&InterfaceType::Primary),
            secondary: spec.interface_types.contains(&InterfaceType::Secondary),
        },
        ..Intent::of(Selector {
            ids: interfaces(&targets.network_interface_ids),
            tags: filters(&targets.network_interface_tags),
            exclude_ids: interfaces(&exclude.network_interface_ids),
            exclude_tags: filters(&exclude.network_interface_tags),
            ..Selector::default()
        })
    }
}

fn interfaces(ids: &[String]) -> BTreeSet<InterfaceId> {
    ids.iter().map(InterfaceId::new).collect()
}

/// The instances whose interfaces are meant or excluded; `None`: instances don't matter.
fn hosts(spec: &EniRetentionSpec, context: &Context<'_>, region: &Region) -> Option<Box<Selector<Instance>>> {
    let targets = &spec.targets;
    let exclude = targets.exclude.as_ref().map(|exclude| exclude.instances.clone()).unwrap_or_default();
    let selector = Selector {
        ids: instances(&targets.instance_ids),
        node_ids: context.nodes.get(region).cloned().unwrap_or_default(),
        tags: filters(&targets.instance_tags),
        exclude_ids: instances(&exclude.instance_ids),
        exclude_tags: filters(&exclude.instance_tags),
        ..Selector::default()
    };
    (targets.nodes.is_some() || selector != Selector::default()).then(|| Box::new(selector))
}

/// The entries that are for a region. One that names a Node is for the Node's region; one that is for no region of the
/// object is for all of them, so that somebody says what is wrong with it.
fn reattach(
    spec: &EniRetentionSpec,
    context: &Context<'_>,
    region: &Region,
    regions: &BTreeSet<Region>,
) -> Vec<Reattach> {
    let entry = |entry: &api::Reattach| {
        let instance = match (&entry.instance_id, &entry.node_name) {
            (Some(id), _) => Some(InstanceId::new(id)),
            (None, Some(name)) => match context.machines.get(name).map(|machine| &machine.provider) {
                Some(ProviderId::Instance { region: at, id }) if at == region => Some(id.clone()),
                Some(ProviderId::Instance { region: at, .. }) if regions.contains(at) => return None,
                _ => None,
            },
            (None, None) => return None,
        };
        Some(Reattach {
            interface: InterfaceId::new(&entry.network_interface_id),
            is_node: instance.as_ref().is_some_and(|id| is_node(context.machines, region, id)),
            instance,
            node: entry.node_name.as_deref().map(Arc::from),
        })
    };
    spec.reattach.iter().filter_map(entry).collect()
}

/// Whether a Node of the cluster stands for the instance.
fn is_node(machines: &Nodes, region: &Region, id: &InstanceId) -> bool {
    machines.values().any(|machine| {
        matches!(&machine.provider, ProviderId::Instance { region: at, id: of } if at == region && of == id)
    })
}

/// What status says durably of a region. `here`: whether an interface is there; `nowhere`: whether that is known of no
/// region.
fn record(
    status: &EniRetentionStatus,
    here: impl Fn(&InterfaceId) -> bool,
    nowhere: impl Fn(&InterfaceId) -> bool,
) -> Record {
    let rows: BTreeMap<&str, &NetworkInterfaceStatus> =
        status.network_interfaces.iter().map(|row| (row.network_interface_id.as_str(), row)).collect();
    let available: BTreeSet<&str> = status.available_eni_ids.iter().map(String::as_str).collect();
    let retained = status.retained_eni_ids.iter().map(|id| (id.as_str(), InterfaceId::new(id)));
    let retained = retained.filter(|(_, id)| here(id)).map(|(word, id)| {
        let row = rows.get(word);
        let phase = row.map(|row| row.phase);
        let instance = |of: fn(&NetworkInterfaceStatus) -> &Option<String>| {
            row.and_then(|row| of(row).as_ref()).map(InstanceId::new)
        };
        let remembered = Remembered {
            on: instance(|row| &row.instance_id),
            before: instance(|row| &row.last_instance_id),
            survived: phase == Some(NetworkInterfacePhase::Available) || available.contains(word),
            reattached: phase == Some(NetworkInterfacePhase::Reattached),
        };
        (id, remembered)
    });
    let free = |row: &&&NetworkInterfaceStatus| row.phase.is_free();
    let listed = rows.values().filter(free).map(|row| InterfaceId::new(&row.network_interface_id));
    // What was asked of nobody knows which region, every region has to know of: it must not be asked twice.
    let attachments = status.reattachments.iter().map(attachment);
    let attachments = attachments.filter(|row| here(&row.interface) || nowhere(&row.interface));
    Record {
        retained: retained.collect(),
        rows: listed.filter(|id| here(id)).collect(),
        attachments: attachments.collect(),
    }
}

/// What status says of an attachment. Of one in a phase of a newer version the cloud may have been asked already, so that
/// it is not asked again.
pub fn attachment(row: &ReattachmentStatus) -> Attachment {
    let phase = match row.phase {
        ReattachmentPhase::Waiting => AttachPhase::Waiting,
        ReattachmentPhase::Requested | ReattachmentPhase::Unknown => AttachPhase::Requested,
        ReattachmentPhase::Attached => AttachPhase::Attached,
        ReattachmentPhase::Refused => AttachPhase::Refused,
        ReattachmentPhase::Obsolete => AttachPhase::Obsolete,
    };
    Attachment {
        interface: InterfaceId::new(&row.network_interface_id),
        instance: row.instance_id.as_ref().map(InstanceId::new),
        node: row.node_name.as_deref().map(Arc::from),
        phase,
        reason: Reason::from_word(&row.reason).unwrap_or(Reason::AttachWaits),
        detail: None,
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;
    use serde_json::{Value, json};

    use super::*;
    use crate::api::Object;
    use crate::config;
    use crate::desired::{Machine, Placement, Served, place};

    const HANGZHOU: &str = "cn-hangzhou";
    const BEIJING: &str = "cn-beijing";

    fn object(spec: &Value, status: &Value) -> Object {
        let object = serde_json::from_value(json!({
            "metadata": { "name": "a", "namespace": "ours", "uid": "u", "generation": 3 },
            "spec": spec,
            "status": status,
        }));
        Object::Retention(Arc::new(object.unwrap()))
    }

    fn nodes() -> Nodes {
        let machine = |pool: &str, provider: &str| {
            let labels = BTreeMap::from([("pool".to_owned(), pool.to_owned())]);
            Machine { provider: ProviderId::read(Some(provider), &labels), labels }
        };
        [
            ("n1", machine("a", "cn-hangzhou.i-one")),
            ("n2", machine("b", "cn-beijing.i-two")),
            ("n3", machine("c", "ack-hybrid://x")),
        ]
        .map(|(name, machine)| (name.to_owned(), machine))
        .into()
    }

    fn routed(spec: &Value, status: &Value, homes: &[(&str, &str)]) -> Placement {
        let grants = config::parse("").unwrap().grants("ours");
        let homes = homes.iter().map(|(id, region)| (InterfaceId::new(id), Region::new(region))).collect();
        place(&object(spec, status), &nodes(), &homes, &grants, Timestamp::UNIX_EPOCH)
    }

    fn served(spec: &Value, status: &Value, homes: &[(&str, &str)]) -> Served {
        match routed(spec, status, homes) {
            Placement::Served(served) => served,
            other => panic!("{other:?}"),
        }
    }

    fn asked<'a>(served: &'a Served, region: &str) -> (&'a Intent<Interface>, &'a Record) {
        match &served.intents[&Region::new(region)] {
            Desired::Retention(intent, record) => (intent, record),
            other @ Desired::Protection(_) => panic!("{other:?}"),
        }
    }

    fn regions(served: &Served) -> Vec<&str> {
        served.intents.keys().map(Region::as_str).collect()
    }

    fn ids(record: &Record) -> Vec<&str> {
        record.retained.keys().map(InterfaceId::as_str).collect()
    }

    /// A row of status.
    fn row(id: &str, phase: &str, zone: Option<&str>) -> Value {
        let mut row = json!({
            "networkInterfaceId": id, "phase": phase, "reason": "Retained", "message": "",
            "since": "2026-01-01T00:00:00Z",
        });
        if let Some(zone) = zone {
            row["zoneId"] = zone.into();
        }
        row
    }

    fn pools() -> Value {
        json!({ "matchExpressions": [{ "key": "pool", "operator": "In", "values": ["a", "b"] }] })
    }

    #[test]
    fn i22_interfaces_and_the_instances_that_they_are_on_are_selected_apart() {
        let spec = json!({
            "region": HANGZHOU,
            "targets": {
                "networkInterfaceIds": ["eni-a"],
                "networkInterfaceTags": [{ "key": "env", "value": "prod" }],
                "instanceIds": ["i-a"],
                "instanceTags": [{ "key": "role", "exists": true }],
                "nodes": { "matchLabels": { "pool": "a" } },
                "exclude": {
                    "networkInterfaceIds": ["eni-b"], "networkInterfaceTags": [{ "key": "x", "exists": true }],
                    "instanceIds": ["i-b"], "instanceTags": [{ "key": "y", "value": "" }],
                },
            },
            "interfaceTypes": ["Secondary"],
            "deletionPolicy": "Release",
            "mode": "Observe",
        });
        let served = served(&spec, &Value::Null, &[]);
        let (intent, record) = asked(&served, HANGZHOU);
        assert_eq!(*record, Record::default());
        assert!(intent.protect && intent.observe && intent.deletion_policy == DeletionPolicy::Unprotect);
        assert_eq!(intent.types, Types { primary: false, secondary: true });
        assert!(intent.selector.ids.contains(&InterfaceId::new("eni-a")));
        assert_eq!((intent.selector.tags.len(), intent.selector.exclude_tags.len()), (1, 1));
        assert!(intent.selector.exclude_ids.contains(&InterfaceId::new("eni-b")));
        let hosts = intent.hosts.as_ref().unwrap();
        assert_eq!(hosts.ids, [InstanceId::new("i-a")].into());
        assert_eq!(hosts.node_ids, [InstanceId::new("i-one")].into());
        assert_eq!(hosts.exclude_ids, [InstanceId::new("i-b")].into());
        assert_eq!((hosts.tags.len(), hosts.exclude_tags.len()), (1, 1));
    }

    #[test]
    fn whoever_speaks_of_no_instances_asks_after_none() {
        let hosts = |targets: Value| {
            let served = served(&json!({ "region": HANGZHOU, "targets": targets }), &Value::Null, &[]);
            asked(&served, HANGZHOU).0.hosts.is_some()
        };
        assert!(!hosts(json!({ "networkInterfaceIds": ["eni-a"] })));
        assert!(hosts(json!({ "networkInterfaceIds": ["eni-a"], "exclude": { "instanceIds": ["i-b"] } })));
        assert!(hosts(json!({ "nodes": { "matchLabels": { "pool": "none" } } })));
    }

    #[test]
    fn i09_a_word_of_a_newer_version_may_be_a_hold() {
        for (field, word) in [
            ("retention", json!("Lend")),
            ("mode", json!("Rehearse")),
            ("deletionPolicy", json!("AskFirst")),
            ("interfaceTypes", json!(["Primary", "Trunk"])),
            ("reattach", json!([{ "networkInterfaceId": "eni-a", "deploymentName": "web" }])),
        ] {
            let mut spec = json!({ "region": HANGZHOU, "targets": { "networkInterfaceIds": ["eni-a"] } });
            spec[field] = word;
            match routed(&spec, &Value::Null, &[]) {
                Placement::Opaque(message) => assert!(message.contains(field), "{message}"),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn i14_only_the_same_generation_counts_as_carried_out() {
        let spec = json!({ "region": HANGZHOU, "targets": { "networkInterfaceIds": ["eni-a"] }, "retention": "Release" });
        for (reason, generation, expected) in
            [("ReleasedAsAsked", 3, true), ("ReleasedAsAsked", 2, false), ("DisabledAsAsked", 3, false)]
        {
            let status = json!({ "conditions": [{
                "type": "Retained", "status": "False", "reason": reason, "message": "",
                "observedGeneration": generation, "lastTransitionTime": "2026-01-01T00:00:00Z",
            }] });
            let served = served(&spec, &status, &[]);
            assert_eq!(asked(&served, HANGZHOU).0.carried_out, expected, "{reason} {generation}");
        }
    }

    #[test]
    fn i20_what_status_lists_is_remembered_with_what_its_rows_say() {
        let mut attached = row("eni-a", "Reattached", None);
        attached["instanceId"] = "i-new".into();
        attached["lastInstanceId"] = "i-old".into();
        let status = json!({
            "retainedEniIds": ["eni-a", "eni-b", "eni-c", "eni-d"],
            "availableEniIds": ["eni-b", "eni-c"],
            "networkInterfaces": [attached, row("eni-b", "Available", Some("cn-hangzhou-h")), row("eni-z", "Gone", None)],
        });
        let spec = json!({ "region": HANGZHOU, "targets": { "instanceIds": ["i-a"] } });
        let served = served(&spec, &status, &[]);
        let (_, record) = asked(&served, HANGZHOU);
        assert_eq!(ids(record), ["eni-a", "eni-b", "eni-c", "eni-d"]);
        let of = |id| record.retained[&InterfaceId::new(id)].clone();
        let (on, before) = (Some(InstanceId::new("i-new")), Some(InstanceId::new("i-old")));
        assert_eq!(of("eni-a"), Remembered { on, before, survived: false, reattached: true });
        assert!(of("eni-b").survived);
        assert!(of("eni-c").survived, "the list of ids is complete where the rows are not");
        assert_eq!(of("eni-d"), Remembered::default());
    }

    #[test]
    fn i19_an_interface_is_asked_for_only_where_it_is() {
        let spec = json!({ "targets": { "nodes": pools() } });
        let status = json!({
            "retainedEniIds": ["eni-a", "eni-b", "eni-c", "eni-d"],
            "networkInterfaces": [
                row("eni-a", "Available", Some("cn-hangzhou-h")), row("eni-b", "Available", Some("cn-beijing-k")),
                row("eni-d", "Available", Some("cn-beijing-finance-k")),
            ],
        });
        let everywhere = served(&spec, &status, &[("eni-c", BEIJING)]);
        assert_eq!(regions(&everywhere), [BEIJING, HANGZHOU]);
        assert_eq!(ids(asked(&everywhere, HANGZHOU).1), ["eni-a"]);
        assert_eq!(ids(asked(&everywhere, BEIJING).1), ["eni-b", "eni-c"], "as its scope tells");

        // That the Nodes of one region alone are left says nothing of what was retained in others.
        let spec = json!({ "targets": { "nodes": { "matchLabels": { "pool": "a" } } } });
        let unknown = json!({ "retainedEniIds": ["eni-a", "eni-b"] });
        let here = served(&spec, &unknown, &[]);
        assert_eq!(regions(&here), [HANGZHOU]);
        assert_eq!(ids(asked(&here, HANGZHOU).1), [""; 0]);
        let spec = json!({ "region": HANGZHOU, "targets": { "nodes": { "matchLabels": { "pool": "a" } } } });
        assert_eq!(ids(asked(&served(&spec, &unknown, &[]), HANGZHOU).1), ["eni-a", "eni-b"]);
    }

    #[test]
    fn i19_a_region_without_nodes_is_not_left_while_something_is_retained_there() {
        let spec = json!({ "targets": { "nodes": { "matchLabels": { "pool": "gone" } } } });
        assert!(served(&spec, &Value::Null, &[]).intents.is_empty());
        let status = json!({
            "retainedEniIds": ["eni-a", "eni-b"],
            "networkInterfaces": [row("eni-a", "Available", Some("ap-southeast-1a"))],
        });
        let served = served(&spec, &status, &[("eni-b", BEIJING)]);
        assert_eq!(regions(&served), ["ap-southeast-1", BEIJING]);
    }

    #[test]
    fn i22_an_intent_to_attach_goes_to_the_node_s_region_and_says_whether_it_is_a_node() {
        let reattach = json!([
            { "networkInterfaceId": "eni-a", "nodeName": "n2" },
            { "networkInterfaceId": "eni-b", "instanceId": "i-one" },
            { "networkInterfaceId": "eni-c", "nodeName": "n3" },
        ]);
        let spec = json!({ "targets": { "nodes": pools() }, "reattach": reattach });
        let everywhere = served(&spec, &Value::Null, &[]);
        let entries = |region| -> Vec<(&str, Option<&str>, bool)> {
            let intent = asked(&everywhere, region).0;
            intent
                .reattach
                .iter()
                .map(|entry| {
                    (entry.interface.as_str(), entry.instance.as_ref().map(InstanceId::as_str), entry.is_node)
                })
                .collect()
        };
        assert_eq!(
            entries(HANGZHOU),
            [("eni-b", Some("i-one"), true), ("eni-c", None, false)],
            "an instance that is named by id is a Node all the same"
        );
        assert_eq!(
            entries(BEIJING),
            [("eni-a", Some("i-two"), true), ("eni-b", Some("i-one"), false), ("eni-c", None, false)]
        );
        // In another region than the object's there is no such Node.
        let spec = json!({ "region": HANGZHOU, "targets": { "instanceIds": ["i-a"] }, "reattach": reattach });
        let here = served(&spec, &Value::Null, &[]);
        assert_eq!(asked(&here, HANGZHOU).0.reattach[0].instance, None);
    }

    #[test]
    fn i23_what_may_have_been_asked_of_the_cloud_is_never_forgotten() {
        let attached = |id: &str, phase: &str, reason: &str| {
            json!({
                "networkInterfaceId": id, "instanceId": "i-a", "phase": phase, "reason": reason, "message": "",
                "since": "2026-01-01T00:00:00Z",
            })
        };
        let status = json!({ "reattachments": [
            attached("eni-a", "Attached", "AttachDone"), attached("eni-b", "Undone", "OfANewerVersion"),
            attached("eni-c", "Refused", "AttachLost"),
        ] });
        let spec = json!({ "targets": { "nodes": pools() } });
        let served = served(&spec, &status, &[]);
        for region in [HANGZHOU, BEIJING] {
            let rows = &asked(&served, region).1.attachments;
            let told: Vec<_> = rows.iter().map(|row| (row.phase, row.reason)).collect();
            assert_eq!(
                told,
                [
                    (AttachPhase::Attached, Reason::AttachDone),
                    (AttachPhase::Requested, Reason::AttachWaits),
                    (AttachPhase::Refused, Reason::AttachLost),
                ]
            );
        }
    }

    #[test]
    fn a_zone_tells_its_region_and_no_other() {
        let known = |name: &str| [HANGZHOU, "ap-southeast-1"].contains(&name).then(|| Region::new(name));
        for (zone, region) in [
            ("cn-hangzhou-h", Some(HANGZHOU)),
            ("ap-southeast-1a", Some("ap-southeast-1")),
            ("cn-hangzhou-finance-b", None),
            ("ap-southeast-11a", None),
            ("cn-hangzhou", None),
            ("", None),
        ] {
            assert_eq!(region_of(zone, known).as_ref().map(Region::as_str), region, "{zone}");
        }
    }
}
