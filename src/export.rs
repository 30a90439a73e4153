//! `ecs-keeper eni export`: the `EniRetention`s that name what only the status of one knows, so that it outlives that object.
//!
//! [`export`] is pure. Nothing is asked of the cloud, and nothing is changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use kube::core::DeserializeGuard;
use kube::{Api, ResourceExt as _};
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use crate::api::{EniRetention, MAX_IDS, Mode};
use crate::cli::ExportOptions;
use crate::handover::answer::{check_id, region_of};
use crate::kubernetes::{CALL_TIMEOUT, ConnectError, connect, summary};
use crate::survivors;

/// Characters in the name of an object.
const MAX_NAME: usize = 253;

/// Prefixes of labels by which tools know what is theirs: what carries them and doesn't stand in Git, they delete.
const TOOLS: [&str; 4] = ["app.kubernetes.io/", "helm.sh/", "argocd.argoproj.io/", "toolkit.fluxcd.io/"];

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("failed to connect to the cluster")]
    Connect(#[source] ConnectError),
    #[error(
        "you may not get EniRetentions in namespace {0}: ask for the ClusterRole ecs-keeper-view there, or set another \
         --namespace"
    )]
    Forbidden(String),
    #[error(
        "there is no EniRetention {namespace}/{name}: check the name and --namespace, and check that the kubeconfig is for \
         the cluster in which ecs-keeper runs"
    )]
    NotFound { namespace: String, name: String },
    #[error("this version of ecs-keeper can't read EniRetention {0}: upgrade ecs-keeper")]
    Unreadable(String),
    #[error("the API server did not answer within {} seconds", CALL_TIMEOUT.as_secs())]
    Silent,
    #[error("failed to read the EniRetention: {0}")]
    Refused(String),
    #[error("{0} is the name of the exported object: set another --new-name")]
    SameName(String),
    #[error("the name {0} is too long: set a shorter --new-name")]
    LongName(String),
    #[error(
        "the region of {count} network interfaces, such as {example}, is known neither from the spec nor from the status of the \
         EniRetention: look it up in the console, and set --region"
    )]
    NoRegion { count: usize, example: String },
    #[error("failed to write the objects as YAML")]
    Yaml(#[source] serde_saphyr::ser::Error),
}

/// What is to be printed.
pub async fn run(options: &ExportOptions) -> Result<String, ExportError> {
    let client = connect(options.kubeconfig.as_deref()).await.map_err(ExportError::Connect)?;
    let namespace = options.namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned());
    let api: Api<DeserializeGuard<EniRetention>> = Api::namespaced(client, &namespace);
    let found = timeout(CALL_TIMEOUT, api.get(&options.name)).await.map_err(|_| ExportError::Silent)?;
    let found = found.map_err(|error| match &error {
        kube::Error::Api(status) if status.code == 403 => ExportError::Forbidden(namespace.clone()),
        kube::Error::Api(status) if status.code == 404 => {
            ExportError::NotFound { namespace: namespace.clone(), name: options.name.clone() }
        }
        other => ExportError::Refused(summary(other)),
    })?;
    let object = found.0.map_err(|_| ExportError::Unreadable(format!("{namespace}/{}", options.name)))?;
    export(&object, options.new_name.as_deref(), options.region.as_deref())
}

/// The objects as a stream of YAML documents. `new_name`: what they are called; `region`: where those are of which status
/// doesn't tell.
pub fn export(
    object: &EniRetention,
    new_name: Option<&str>,
    region: Option<&str>,
) -> Result<String, ExportError> {
    let name = object.name_any();
    let whole = format!("{}/{name}", object.namespace().unwrap_or_default());
    let known = object.status.as_ref().map(survivors::known_by_status_alone).unwrap_or_default();
    let unclear = object.status.as_ref().map(survivors::without_details).unwrap_or_default();
    // What is no id can't stand in a spec.
    let valid = |ids: BTreeSet<&'_ str>| -> BTreeSet<String> {
        ids.into_iter().filter(|id| check_id(id).is_ok()).map(str::to_owned).collect()
    };
    let (known, unclear) = (valid(known), valid(unclear));
    let ids = by_region(object, known.iter().chain(&unclear), region)?;
    let count = known.len() + unclear.len();
    let mut text = String::new();
    if count == 0 {
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "# There is no network interface that only the status of EniRetention {whole} lists."
        );
        return Ok(text);
    }
    let known = known.len();
    let _ =
        writeln!(text, "# {known} network interfaces that only the status of EniRetention {whole} lists.");
    if !unclear.is_empty() {
        let unclear = unclear.len();
        let _ = writeln!(
            text,
            "# {unclear} more network interfaces that it retains. Its status does not show whether they are attached."
        );
    }
    text.push_str(
        "# Before you delete or rename that object, apply this and wait for the condition Retained.\n",
    );
    let beyond = free_beyond_the_list(object);
    if beyond {
        text.push_str(
            "# There are more than its status can list (RecordFull). Export again when the status lists the others.\n",
        );
    }
    let chunks: Vec<(&str, &[&str])> = ids
        .iter()
        .flat_map(|(region, ids)| ids.chunks(MAX_IDS).map(|chunk| (region.as_str(), chunk)))
        .collect();
    let base = new_name.map_or_else(|| format!("{name}-survivors"), str::to_owned);
    for (number, (region, ids)) in (1..).zip(&chunks) {
        let new = if chunks.len() == 1 { base.clone() } else { format!("{base}-{number}") };
        if new == name {
            return Err(ExportError::SameName(new));
        }
        if new.len() > MAX_NAME {
            return Err(ExportError::LongName(new));
        }
        text.push_str("---\n");
        let document = document(object, &new, region, ids);
        text.push_str(&serde_saphyr::to_string(&document).map_err(ExportError::Yaml)?);
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    Ok(text)
}

/// The ids by the region that they are in.
fn by_region<'a>(
    object: &EniRetention,
    ids: impl Iterator<Item = &'a String>,
    otherwise: Option<&str>,
) -> Result<BTreeMap<String, Vec<&'a str>>, ExportError> {
    let mut regions: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let rows = object.status.as_ref().map(survivors::rows).unwrap_or_default();
    let mut nowhere = Vec::new();
    for id in ids.map(String::as_str) {
        let zone = rows.get(id).and_then(|row| row.zone_id.as_deref());
        let region = object.spec.region.as_deref().or_else(|| zone.and_then(region_of)).or(otherwise);
        match region {
            Some(region) => regions.entry(region.to_owned()).or_default().push(id),
            None => nowhere.push(id),
        }
    }
    match nowhere.first() {
        None => Ok(regions),
        Some(example) => Err(ExportError::NoRegion { count: nowhere.len(), example: (*example).to_owned() }),
    }
}

fn free_beyond_the_list(object: &EniRetention) -> bool {
    let conditions = object.status.iter().flat_map(|status| &status.conditions);
    conditions.filter(|condition| condition.type_ == "Stalled").any(|stalled| stalled.reason == "RecordFull")
}

fn document(object: &EniRetention, name: &str, region: &str, ids: &[&str]) -> Value {
    let mut metadata = Map::new();
    metadata.insert("name".to_owned(), json!(name));
    metadata.insert("namespace".to_owned(), json!(object.namespace()));
    let labels: BTreeMap<&String, &String> =
        object.labels().iter().filter(|(key, _)| !TOOLS.iter().any(|tool| key.contains(tool))).collect();
    if !labels.is_empty() {
        metadata.insert("labels".to_owned(), json!(labels));
    }
    let mut spec = Map::new();
    spec.insert("account".to_owned(), json!(object.spec.account));
    spec.insert("region".to_owned(), json!(region));
    spec.insert("targets".to_owned(), json!({ "networkInterfaceIds": ids }));
    if object.spec.mode == Mode::Observe {
        spec.insert("mode".to_owned(), json!(object.spec.mode));
    }
    json!({ "apiVersion": "ecs-keeper.io/v1alpha1", "kind": "EniRetention", "metadata": metadata, "spec": spec })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(spec: &Value, status: &Value) -> EniRetention {
        serde_json::from_value(json!({
            "apiVersion": "ecs-keeper.io/v1alpha1",
            "kind": "EniRetention",
            "metadata": {
                "name": "production", "namespace": "platform",
                "labels": {
                    "team": "data", "app.kubernetes.io/instance": "prod", "kustomize.toolkit.fluxcd.io/name": "prod",
                },
            },
            "spec": spec,
            "status": status,
        }))
        .unwrap()
    }

    fn row(id: &str, phase: &str, zone: &str) -> Value {
        json!({
            "networkInterfaceId": id, "phase": phase, "zoneId": zone, "since": "2026-01-01T00:00:00Z",
            "reason": "Retained", "message": "",
        })
    }

    fn documents(text: &str) -> Vec<Value> {
        text.split("---\n").skip(1).map(|document| serde_saphyr::from_str(document).unwrap()).collect()
    }

    #[test]
    fn what_status_alone_knows_is_named_by_an_object_of_its_own() {
        let spec = json!({
            "account": "prod", "region": "cn-hangzhou", "mode": "Observe", "deletionPolicy": "Release",
            "targets": { "instanceTags": [{ "key": "env", "value": "prod" }] },
            "reattach": [{ "networkInterfaceId": "eni-a", "instanceId": "i-x" }],
        });
        let status = json!({
            "retainedEniIds": ["eni-a", "eni-b", "eni-c", "eni-d", "eni-: 1", "eni-gone }"],
            // Of the first there is no row, as of all beyond 500. What is no id comes from somebody else.
            "availableEniIds": ["eni-a", "eni-gone", "eni-: 1", "eni-gone }"],
            "networkInterfaces": [
                row("eni-b", "Detached", "cn-hangzhou-h"), row("eni-c", "Attached", "cn-hangzhou-h"),
                row("eni-d", "Reattached", "cn-hangzhou-h"), row("eni-terway", "Detached", "cn-hangzhou-h"),
            ],
        });
        let text = export(&object(&spec, &status), None, None).unwrap();
        assert!(
            text.starts_with(
                "# 3 network interfaces that only the status of EniRetention platform/production lists."
            ),
            "{text}"
        );
        assert_eq!(
            documents(&text),
            [json!({
                "apiVersion": "ecs-keeper.io/v1alpha1",
                "kind": "EniRetention",
                "metadata": {
                    "name": "production-survivors", "namespace": "platform", "labels": { "team": "data" },
                },
                "spec": {
                    "account": "prod", "region": "cn-hangzhou", "mode": "Observe",
                    "targets": { "networkInterfaceIds": ["eni-a", "eni-b", "eni-d"] },
                },
            })]
        );
    }

    #[test]
    fn what_status_retains_without_a_row_is_named_as_well_and_counted_apart() {
        let status = json!({
            "retainedEniIds": ["eni-a", "eni-b", "eni-c", "eni-d"], "availableEniIds": ["eni-a"],
            "networkInterfaces": [
                row("eni-b", "Reattached", "cn-hangzhou-h"), row("eni-c", "Attached", "cn-hangzhou-h"),
            ],
        });
        let spec = json!({ "region": "cn-hangzhou", "targets": { "instanceIds": ["i-a"] } });
        let text = export(&object(&spec, &status), None, None).unwrap();
        assert!(text.starts_with("# 2 network interfaces that only the status of "), "{text}");
        assert!(
            text.contains("# 1 more network interfaces that it retains. Its status does not show"),
            "{text}"
        );
        let ids = &documents(&text)[0]["spec"]["targets"]["networkInterfaceIds"];
        assert_eq!(*ids, json!(["eni-a", "eni-b", "eni-d"]));
    }

    #[test]
    fn a_thousand_ids_stand_in_each_object() {
        let ids: Vec<String> = (0..2500).map(|n| format!("eni-{n:04}")).collect();
        let status = json!({
            "retainedEniIds": ids, "availableEniIds": ids,
            "conditions": [{
                "type": "Stalled", "status": "True", "reason": "RecordFull", "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }],
        });
        let spec = json!({ "region": "cn-hangzhou", "targets": { "instanceIds": ["i-a"] } });
        let text = export(&object(&spec, &status), Some("kept"), None).unwrap();
        assert!(text.contains("more than its status can list"), "{text}");
        let told: Vec<(String, usize)> = documents(&text)
            .iter()
            .map(|document| {
                let ids = document["spec"]["targets"]["networkInterfaceIds"].as_array().unwrap().len();
                (document["metadata"]["name"].as_str().unwrap().to_owned(), ids)
            })
            .collect();
        assert_eq!(
            told,
            [("kept-1".to_owned(), 1000), ("kept-2".to_owned(), 1000), ("kept-3".to_owned(), 500)]
        );
    }

    #[test]
    fn where_the_spec_names_no_region_the_zone_does_or_whoever_asks() {
        let status = json!({
            "retainedEniIds": ["eni-a", "eni-b", "eni-c"],
            "availableEniIds": ["eni-a", "eni-b", "eni-c"],
            "networkInterfaces": [row("eni-a", "Available", "cn-beijing-k"), row("eni-b", "Available", "ap-southeast-1a")],
        });
        let object = object(&json!({ "targets": { "nodes": { "matchLabels": { "pool": "a" } } } }), &status);
        let refusal = export(&object, None, None).unwrap_err().to_string();
        assert!(refusal.contains("the region of 1 network interfaces, such as eni-c"), "{refusal}");
        let text = export(&object, None, Some("cn-beijing")).unwrap();
        let regions: Vec<(String, Value)> = documents(&text)
            .iter()
            .map(|document| {
                let spec = &document["spec"];
                (spec["region"].as_str().unwrap().to_owned(), spec["targets"]["networkInterfaceIds"].clone())
            })
            .collect();
        assert_eq!(
            regions,
            [
                ("ap-southeast-1".to_owned(), json!(["eni-b"])),
                ("cn-beijing".to_owned(), json!(["eni-a", "eni-c"])),
            ]
        );
    }

    #[test]
    fn nothing_to_export_is_no_failure_and_the_original_is_never_overwritten() {
        let spec = json!({ "region": "cn-hangzhou", "targets": { "instanceIds": ["i-a"] } });
        let nothing = export(&object(&spec, &Value::Null), None, None).unwrap();
        assert!(nothing.starts_with("# There is no network interface"), "{nothing}");
        let status = json!({ "retainedEniIds": ["eni-a"], "availableEniIds": ["eni-a"] });
        let object = object(&spec, &status);
        for (name, refusal) in [("production", "the exported object"), (&*"x".repeat(254), "too long")] {
            let told = export(&object, Some(name), None).unwrap_err().to_string();
            assert!(told.contains(refusal), "{told}");
        }
    }
}
