//! From the spec and the status of an `EniRetention` to its intent.
//!
//! Status is part of the intent: it is the object's memory. What it lists as retained stays a target wherever it is by now,
//! and what it says of attachments decides whether anything is attached once more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::SignedDuration;
use keeper_core::id::{InstanceId, InterfaceId, Region};
use keeper_core::instance::Instance;
use keeper_core::intent::{DeletionPolicy, Intent, Reattach, Selector};
use keeper_core::interface::Interface;
use keeper_core::reason::Reason;
use keeper_core::resource::Types;
use keeper_core::retention::{AttachPhase, Attachment, Record, Remembered};

use super::context::{Context, filters, instances};
use super::node_selection::Nodes;
use super::placement::Desired;
use super::wall_time::wall_time;
use crate::api::{
    self, EniRetention, EniRetentionSpec, EniRetentionStatus, InterfaceType, Mode, NetworkInterfacePhase,
    NetworkInterfaceStatus, ReattachmentPhase, ReattachmentStatus, Retention, RetentionDeletionPolicy,
};
use crate::provider_id::ProviderId;

/// A survivor is remembered for at least this long.
const SHORTEST: Duration = Duration::from_hours(24);

/// Who writes since when an interface has outlived its instance and who reads that may be two machines. Neither knows of the
/// interface if its clock is off by more than a quarter of an hour: then the cloud refuses its calls (error
/// `InvalidTimeStamp.Expired`). By so much more nothing is forgotten early.
const CLOCKS_DIFFER: Duration = Duration::from_mins(30);

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
    } else if forget_after(spec).is_err() {
        Some("spec.survivors.forgetAfter")
    } else if spec.reattach.iter().any(targetless) {
        // A newer version may know other things to attach to.
        Some("spec.reattach")
    } else {
        None
    }
}

/// What the object asks in its region.
pub fn desired(object: &EniRetention, region: &Region, context: &Context<'_>) -> Desired {
    let record = object.status.as_ref().map(record).unwrap_or_default();
    Desired::Retention(Box::new(intent(&object.spec, region, context)), Box::new(record))
}

fn intent(spec: &EniRetentionSpec, region: &Region, context: &Context<'_>) -> Intent<Interface> {
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
        may: context.granted.rights(region),
        hosts: hosts(spec, region, context),
        reattach: spec.reattach.iter().filter_map(|entry| reattach(entry, region, context)).collect(),
        forget_after: forget_after(spec).ok().flatten(),
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

/// How long a survivor is remembered, if the spec limits that. An error: it does, in words of a newer version.
fn forget_after(spec: &EniRetentionSpec) -> Result<Option<Duration>, UnknownDuration> {
    let Some(text) = spec.survivors.as_ref().and_then(|survivors| survivors.forget_after.as_ref()) else {
        return Ok(None);
    };
    let parsed = text.parse::<SignedDuration>().ok().and_then(|signed| Duration::try_from(signed).ok());
    let long = parsed.filter(|time| *time >= SHORTEST).ok_or(UnknownDuration)?;
    Ok(Some(long.saturating_add(CLOCKS_DIFFER)))
}

/// A duration that this version can't read, or does not take.
struct UnknownDuration;

fn interfaces(ids: &[String]) -> BTreeSet<InterfaceId> {
    ids.iter().map(InterfaceId::new).collect()
}

/// The instances whose interfaces are meant or excluded; `None`: instances don't matter.
fn hosts(spec: &EniRetentionSpec, region: &Region, context: &Context<'_>) -> Option<Box<Selector<Instance>>> {
    let targets = &spec.targets;
    let exclude = targets.exclude.as_ref().map(|exclude| exclude.instances.clone()).unwrap_or_default();
    let selector = Selector {
        ids: instances(&targets.instance_ids),
        node_ids: context.nodes.get(region).cloned().unwrap_or_default(),
        tags: filters(&targets.instance_tags),
        all: targets.all_instances == Some(true),
        exclude_ids: instances(&exclude.instance_ids),
        exclude_tags: filters(&exclude.instance_tags),
        ..Selector::default()
    };
    (targets.nodes.is_some() || selector != Selector::default()).then(|| Box::new(selector))
}

/// An entry of `reattach`. A Node in another region has no instance here.
fn reattach(entry: &api::Reattach, region: &Region, context: &Context<'_>) -> Option<Reattach> {
    let instance = match (&entry.instance_id, &entry.node_name) {
        (Some(id), _) => Some(InstanceId::new(id)),
        (None, Some(name)) => match context.machines.get(name).map(|machine| &machine.provider) {
            Some(ProviderId::Instance { region: at, id }) if at == region => Some(id.clone()),
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
}

/// Whether a Node of the cluster stands for the instance.
fn is_node(machines: &Nodes, region: &Region, id: &InstanceId) -> bool {
    machines.values().any(|machine| {
        matches!(&machine.provider, ProviderId::Instance { region: at, id: of } if at == region && of == id)
    })
}

/// What status says durably.
fn record(status: &EniRetentionStatus) -> Record {
    let rows: BTreeMap<&str, &NetworkInterfaceStatus> =
        status.network_interfaces.iter().map(|row| (row.network_interface_id.as_str(), row)).collect();
    let available: BTreeSet<&str> = status.available_eni_ids.iter().map(String::as_str).collect();
    let retained = status.retained_eni_ids.iter().map(|id| {
        let row = rows.get(id.as_str());
        let phase = row.map(|row| row.phase);
        let instance = |of: fn(&NetworkInterfaceStatus) -> &Option<String>| {
            row.and_then(|row| of(row).as_ref()).map(InstanceId::new)
        };
        let remembered = Remembered {
            on: instance(|row| &row.instance_id),
            before: instance(|row| &row.last_instance_id),
            survived: phase == Some(NetworkInterfacePhase::Available) || available.contains(id.as_str()),
            reattached: phase == Some(NetworkInterfacePhase::Reattached),
        };
        (InterfaceId::new(id), remembered)
    });
    let free = |row: &&&NetworkInterfaceStatus| row.phase.is_free();
    let listed = rows.values().filter(free).map(|row| InterfaceId::new(&row.network_interface_id));
    let survivors = rows.values().filter(|row| row.phase == NetworkInterfacePhase::Available);
    let survived_since =
        survivors.map(|row| (InterfaceId::new(&row.network_interface_id), wall_time(row.since.0)));
    Record {
        retained: retained.collect(),
        rows: listed.collect(),
        survived_since: survived_since.collect(),
        attachments: status.reattachments.iter().map(attachment).collect(),
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
    use keeper_core::wall_clock::WallTime;
    use serde_json::{Value, json};

    use super::*;
    use crate::api::Object;
    use crate::config;
    use crate::desired::{Cluster, Machine, Placement, Served, place};

    const HANGZHOU: &str = "cn-hangzhou";

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
            let provider = ProviderId::read(Some(provider), &labels);
            Machine { uid: String::new(), provider, labels, deleting: false }
        };
        [
            ("n1", machine("a", "cn-hangzhou.i-one")),
            ("n2", machine("b", "cn-beijing.i-two")),
            ("n3", machine("c", "ack-hybrid://x")),
        ]
        .map(|(name, machine)| (name.to_owned(), machine))
        .into()
    }

    fn placed(spec: &Value, status: &Value) -> Placement {
        let grants = config::parse("").unwrap().grants("ours");
        let cluster = Cluster { nodes: nodes(), ..Cluster::default() };
        place(&object(spec, status), &cluster, &grants, Timestamp::UNIX_EPOCH)
    }

    fn served(spec: &Value, status: &Value) -> Served {
        match placed(spec, status) {
            Placement::Served(served) => served,
            other => panic!("{other:?}"),
        }
    }

    /// What is asked in the one region.
    fn asked(served: &Served) -> (&Intent<Interface>, &Record) {
        assert_eq!(served.intents.len(), 1);
        match &served.intents[&Region::new(HANGZHOU)] {
            Desired::Retention(intent, record) => (intent, record),
            other @ Desired::Protection(..) => panic!("{other:?}"),
        }
    }

    /// A row of status.
    fn row(id: &str, phase: &str) -> Value {
        json!({
            "networkInterfaceId": id, "phase": phase, "reason": "Retained", "message": "",
            "since": "2026-01-01T00:00:00Z",
        })
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
        let served = served(&spec, &Value::Null);
        let (intent, record) = asked(&served);
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
    fn i19_a_survivor_is_remembered_for_the_time_of_the_spec_and_as_long_as_two_clocks_may_differ() {
        let limit = |survivors: Value| {
            let targets = json!({ "instanceIds": ["i-a"] });
            let spec = json!({ "region": HANGZHOU, "targets": targets, "survivors": survivors });
            asked(&served(&spec, &Value::Null)).0.forget_after
        };
        let minutes = |minutes: u64| Some(Duration::from_secs(60 * (minutes + 30)));
        assert_eq!(limit(json!({})), None);
        assert_eq!(limit(json!({ "forgetAfter": "720h" })), minutes(720 * 60));
        assert_eq!(limit(json!({ "forgetAfter": "36h30m" })), minutes(36 * 60 + 30));
        let free = [row("eni-a", "Available"), row("eni-b", "Detached"), row("eni-c", "Available")];
        let status =
            json!({ "retainedEniIds": ["eni-a", "eni-b", "eni-c", "eni-d"], "networkInterfaces": free });
        let served = served(&json!({ "region": HANGZHOU, "targets": { "instanceIds": ["i-a"] } }), &status);
        // 2026-01-01T00:00:00Z, as in the rows.
        let since = WallTime::at(Duration::from_hours(490_896));
        let expected = ["eni-a", "eni-c"].map(|id| (InterfaceId::new(id), since)).into();
        assert_eq!(asked(&served).1.survived_since, expected, "by the rows of survivors alone");
    }

    #[test]
    fn whoever_speaks_of_no_instances_asks_after_none() {
        let hosts = |targets: Value| {
            let served = served(&json!({ "region": HANGZHOU, "targets": targets }), &Value::Null);
            asked(&served).0.hosts.is_some()
        };
        assert!(!hosts(json!({ "networkInterfaceIds": ["eni-a"] })));
        assert!(hosts(json!({ "networkInterfaceIds": ["eni-a"], "exclude": { "instanceIds": ["i-b"] } })));
        assert!(hosts(json!({ "nodes": { "matchLabels": { "pool": "none" } } })));
        assert!(hosts(json!({ "allInstances": true })));
    }

    #[test]
    fn i09_a_word_of_a_newer_version_may_be_a_hold() {
        for (field, word) in [
            ("retention", json!("Lend")),
            ("mode", json!("Rehearse")),
            ("deletionPolicy", json!("AskFirst")),
            ("interfaceTypes", json!(["Primary", "Trunk"])),
            ("survivors", json!({ "forgetAfter": "30d" })),
            ("survivors", json!({ "forgetAfter": "23h" })),
            ("reattach", json!([{ "networkInterfaceId": "eni-a", "deploymentName": "web" }])),
        ] {
            let mut spec = json!({ "region": HANGZHOU, "targets": { "networkInterfaceIds": ["eni-a"] } });
            spec[field] = word;
            match placed(&spec, &Value::Null) {
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
            let served = served(&spec, &status);
            assert_eq!(asked(&served).0.carried_out, expected, "{reason} {generation}");
        }
    }

    #[test]
    fn i20_what_status_lists_is_remembered_with_what_its_rows_say() {
        let mut attached = row("eni-a", "Reattached");
        attached["instanceId"] = "i-new".into();
        attached["lastInstanceId"] = "i-old".into();
        let status = json!({
            "retainedEniIds": ["eni-a", "eni-b", "eni-c", "eni-d"],
            "availableEniIds": ["eni-b", "eni-c"],
            "networkInterfaces": [attached, row("eni-b", "Available"), row("eni-z", "Gone")],
        });
        let spec = json!({ "region": HANGZHOU, "targets": { "instanceIds": ["i-a"] } });
        let served = served(&spec, &status);
        let (_, record) = asked(&served);
        let ids: Vec<_> = record.retained.keys().map(InterfaceId::as_str).collect();
        assert_eq!(ids, ["eni-a", "eni-b", "eni-c", "eni-d"]);
        let of = |id| record.retained[&InterfaceId::new(id)].clone();
        let (on, before) = (Some(InstanceId::new("i-new")), Some(InstanceId::new("i-old")));
        assert_eq!(of("eni-a"), Remembered { on, before, survived: false, reattached: true });
        assert!(of("eni-b").survived);
        assert!(of("eni-c").survived, "the list of ids is complete where the rows are not");
        assert_eq!(of("eni-d"), Remembered::default());
    }

    #[test]
    fn nodes_in_other_regions_are_ignored_and_counted() {
        let pools =
            json!({ "matchExpressions": [{ "key": "pool", "operator": "In", "values": ["a", "b"] }] });
        let served = served(&json!({ "region": HANGZHOU, "targets": { "nodes": pools } }), &Value::Null);
        let hosts = asked(&served).0.hosts.as_ref().unwrap();
        assert_eq!(hosts.node_ids, [InstanceId::new("i-one")].into());
        assert_eq!((served.nodes_ignored, served.targetless.len()), (1, 0));
    }

    #[test]
    fn i22_an_entry_finds_its_node_in_the_region_and_says_if_it_is_one() {
        let reattach = json!([
            { "networkInterfaceId": "eni-a", "nodeName": "n1" },
            { "networkInterfaceId": "eni-b", "instanceId": "i-one" },
            { "networkInterfaceId": "eni-c", "instanceId": "i-two" },
            { "networkInterfaceId": "eni-d", "nodeName": "n2" },
            { "networkInterfaceId": "eni-e", "nodeName": "n3" },
        ]);
        let spec = json!({ "region": HANGZHOU, "targets": { "instanceIds": ["i-a"] }, "reattach": reattach });
        let served = served(&spec, &Value::Null);
        let entries = asked(&served).0.reattach.iter();
        let entries: Vec<_> = entries
            .map(|entry| {
                (entry.interface.as_str(), entry.instance.as_ref().map(InstanceId::as_str), entry.is_node)
            })
            .collect();
        assert_eq!(
            entries,
            [
                ("eni-a", Some("i-one"), true),
                // An instance that is named by id is a Node all the same, and a namesake in another region is none.
                ("eni-b", Some("i-one"), true),
                ("eni-c", Some("i-two"), false),
                ("eni-d", None, false),
                ("eni-e", None, false),
            ]
        );
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
        let spec = json!({ "region": HANGZHOU, "targets": { "instanceIds": ["i-a"] } });
        let served = served(&spec, &status);
        let rows = &asked(&served).1.attachments;
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
