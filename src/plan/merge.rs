//! What of an object in the cluster stays when a file without it is applied.
//!
//! `kubectl apply` and server-side apply remove a field only if it was applied before and the file has it no more. What others wrote,
//! such as `kubectl edit`, stays (<https://kubernetes.io/docs/tasks/manage-kubernetes-objects/declarative-config/>,
//! <https://kubernetes.io/docs/reference/using-api/server-side-apply/>).

use kube::api::ObjectMeta;
use serde_json::{Map, Value, json};

/// Where `kubectl apply` keeps what it applied.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The file's value with what stays of the one in the cluster. `applied`: what was applied before. Lists are replaced as a whole.
pub fn merged(file: Value, stored: &Value, applied: &Value) -> Value {
    let (Value::Object(mut file), Value::Object(stored)) = (file.clone(), stored) else { return file };
    for (name, stored) in stored {
        let applied = applied.get(name);
        match file.get_mut(name) {
            Some(value) => {
                let own = value.take();
                *value = merged(own, stored, applied.unwrap_or(&Value::Null));
            }
            None if applied.is_none() => drop(file.insert(name.clone(), stored.clone())),
            None => {}
        }
    }
    Value::Object(file)
}

/// What was applied of an object before, by its own account: each field with something in it.
pub fn applied_before(meta: &ObjectMeta) -> Value {
    let last = meta.annotations.as_ref().and_then(|all| all.get(LAST_APPLIED));
    let mut applied = last.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| json!({}));
    let entries = meta.managed_fields.iter().flatten();
    for entry in entries.filter(|entry| entry.operation.as_deref() == Some("Apply")) {
        add_fields(&mut applied, entry.fields_v1.as_ref().map_or(&Value::Null, |fields| &fields.0));
    }
    applied
}

/// Adds the fields that an entry of `managedFields` names (`f:spec: {f:mode: {}}`).
fn add_fields(applied: &mut Value, fields: &Value) {
    for (name, inner) in fields.as_object().into_iter().flatten() {
        let Some(name) = name.strip_prefix("f:") else { continue };
        if !applied.is_object() {
            *applied = Value::Object(Map::new());
        }
        if let Some(applied) = applied.as_object_mut() {
            add_fields(applied.entry(name).or_insert(Value::Null), inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry};

    use super::*;

    #[test]
    fn what_was_not_applied_stays_and_what_was_goes() {
        let file = json!({ "region": "r", "targets": { "instanceIds": ["i-b"] } });
        let stored = json!({
            "region": "r", "mode": "Observe", "scaleIn": "Protect",
            "targets": { "instanceIds": ["i-a"], "allInstances": true, "exclude": { "instanceIds": ["i-c"] } },
        });
        let applied = json!({ "mode": "Observe", "targets": { "instanceIds": ["i-a"], "exclude": {} } });
        assert_eq!(
            merged(file.clone(), &stored, &applied),
            json!({ "region": "r", "scaleIn": "Protect", "targets": { "instanceIds": ["i-b"], "allInstances": true } })
        );
        assert_eq!(merged(file.clone(), &Value::Null, &applied), file);
        assert_eq!(merged(file.clone(), &file, &Value::Null), file);
    }

    #[test]
    fn what_was_applied_is_told_by_kubectl_and_by_the_api_server() {
        let last = json!({ "spec": { "mode": "Observe" } }).to_string();
        let entry = |operation: &str, fields: Value| ManagedFieldsEntry {
            operation: Some(operation.to_owned()),
            fields_v1: Some(FieldsV1(fields)),
            ..ManagedFieldsEntry::default()
        };
        let meta = ObjectMeta {
            annotations: Some(BTreeMap::from([(LAST_APPLIED.to_owned(), last)])),
            managed_fields: Some(vec![
                entry(
                    "Apply",
                    json!({ "f:spec": { ".": {}, "f:targets": { "f:instanceIds": { "v:\"i-a\"": {} } } } }),
                ),
                entry("Update", json!({ "f:spec": { "f:scaleIn": {} } })),
            ]),
            ..ObjectMeta::default()
        };
        assert_eq!(
            applied_before(&meta),
            json!({ "spec": { "mode": "Observe", "targets": { "instanceIds": null } } })
        );
        assert_eq!(applied_before(&ObjectMeta::default()), json!({}));
    }
}
