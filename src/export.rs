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
use crate::handover::answer::check_id;
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
    export(&object, options.new_name.as_deref())
}

/// The objects as a stream of YAML documents. `new_name`: what they are called.
pub fn export(object: &EniRetention, new_name: Option<&str>) -> Result<String, ExportError> {
    let name = object.name_any();
    let whole = format!("{}/{name}", object.namespace().unwrap_or_default());
    let known = object.status.as_ref().map(survivors::known_by_status_alone).unwrap_or_default();
    let unclear = object.status.as_ref().map(survivors::without_details).unwrap_or_default();
    // What is no id can't stand in a spec.
    let valid = |ids: BTreeSet<&'_ str>| -> BTreeSet<String> {
        ids.into_iter().filter(|id| check_id(id).is_ok()).map(str::to_owned).collect()
    };
    let (known, unclear) = (valid(known), valid(unclear));
    let ids: Vec<&String> = known.iter().chain(&unclear).collect();
    let mut text = String::new();
    if ids.is_empty() {
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "# There is no network interface that only the status of EniRetention {whole} lists."
        );
        return Ok(text);
    }
    let known = known.len();
    let interfaces = if known == 1 { "network interface" } else { "network interfaces" };
    let _ = writeln!(text, "# {known} {interfaces} that only the status of EniRetention {whole} lists.");
    if !unclear.is_empty() {
        let unclear = unclear.len();
        let _ = writeln!(
            text,
            "# {unclear} more that it retains. Its status does not show whether they are attached."
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
    let base = new_name.map_or_else(|| format!("{name}-survivors"), str::to_owned);
    for (number, chunk) in (1..).zip(ids.chunks(MAX_IDS)) {
        let new = if ids.len() <= MAX_IDS { base.clone() } else { format!("{base}-{number}") };
        if new == name {
            return Err(ExportError::SameName(new));
        }
        if new.len() > MAX_NAME {
            return Err(ExportError::LongName(new));
        }
        text.push_str("---\n");
        let document = document(object, &new, chunk);
        text.push_str(&serde_saphyr::to_string(&document).map_err(ExportError::Yaml)?);
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    Ok(text)
}

fn free_beyond_the_list(object: &EniRetention) -> bool {
    let conditions = object.status.iter().flat_map(|status| &status.conditions);
    conditions.filter(|condition| condition.type_ == "Stalled").any(|stalled| stalled.reason == "RecordFull")
}

fn document(object: &EniRetention, name: &str, ids: &[&String]) -> Value {
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
    spec.insert("region".to_owned(), json!(object.spec.region));
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

    fn row(id: &str, phase: &str) -> Value {
        json!({
            "networkInterfaceId": id, "phase": phase, "since": "2026-01-01T00:00:00Z",
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
                row("eni-b", "Detached"), row("eni-c", "Attached"),
                row("eni-d", "Reattached"), row("eni-terway", "Detached"),
            ],
        });
        let text = export(&object(&spec, &status), None).unwrap();
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
                row("eni-b", "Reattached"), row("eni-c", "Attached"),
            ],
        });
        let spec = json!({ "region": "cn-hangzhou", "targets": { "instanceIds": ["i-a"] } });
        let text = export(&object(&spec, &status), None).unwrap();
        assert!(text.starts_with("# 2 network interfaces that only the status of "), "{text}");
        assert!(text.contains("# 1 more that it retains. Its status does not show"), "{text}");
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
        let text = export(&object(&spec, &status), Some("kept")).unwrap();
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
    fn nothing_to_export_is_no_failure_and_the_original_is_never_overwritten() {
        let spec = json!({ "region": "cn-hangzhou", "targets": { "instanceIds": ["i-a"] } });
        let nothing = export(&object(&spec, &Value::Null), None).unwrap();
        assert!(nothing.starts_with("# There is no network interface"), "{nothing}");
        let status = json!({ "retainedEniIds": ["eni-a"], "availableEniIds": ["eni-a"] });
        let object = object(&spec, &status);
        for (name, refusal) in [("production", "the exported object"), (&*"x".repeat(254), "too long")] {
            let told = export(&object, Some(name)).unwrap_err().to_string();
            assert!(told.contains(refusal), "{told}");
        }
    }
}
