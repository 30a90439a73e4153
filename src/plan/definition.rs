//! What the CustomResourceDefinitions say of an object: their schemas, and the rules that the API server evaluates (CEL).
//!
//! Both are judged by libraries, on the definitions as they are installed. Unlike the API server, fields that the schema does not
//! know are mistakes: it would drop them, and kubectl refuses them.

use std::fmt;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::{Map, Value, json};

use crate::api::Resource;
use crate::config::nearest;
use crate::crds;
use crate::visible_text::plain;

/// The definition of one resource.
pub struct Definition {
    pub resource: Resource,
    /// As it is installed, without `status`, which whoever applies an object can't set.
    schema: Value,
    validator: jsonschema::Validator,
    rules: kube_cel::Validator,
}

/// What is wrong with an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// From the object to what is wrong, step by step.
    pub path: Vec<String>,
    /// What is wrong, and what would be right.
    pub sentence: String,
}

/// Why there is no definition.
#[derive(Debug, thiserror::Error)]
#[error(
    "failed to read the definition of {kind}, which is a mistake in this version: please report it ({message})"
)]
pub struct DefinitionError {
    kind: &'static str,
    message: String,
}

impl Definition {
    /// The definition of a resource.
    pub fn of(resource: Resource) -> Result<Self, DefinitionError> {
        let broken = |message: String| DefinitionError { kind: resource.kind(), message };
        let definition = crds::all().into_iter().find(|crd| crd.spec.names.kind == resource.kind());
        let version = definition.and_then(|crd| crd.spec.versions.into_iter().next());
        let schema = version.and_then(|version| version.schema?.open_api_v3_schema);
        let schema = serde_json::to_value(schema).map_err(|error| broken(error.to_string()))?;
        let schema = without_status(schema);
        let validator = jsonschema::options().should_validate_formats(true).build(&closed(&schema));
        let validator = validator.map_err(|error| broken(error.to_string()))?;
        Ok(Self { resource, schema, validator, rules: kube_cel::Validator::new() })
    }

    /// A spec with the values that the API server gives to the fields that it lacks.
    pub fn with_defaults(&self, mut spec: Value) -> Value {
        if let Some(schema) = self.at(&["spec".to_owned()]) {
            fill_in(schema, &mut spec);
        }
        spec
    }

    /// What is wrong with an object. As in the API server, the rules are asked only about what the schema accepts. `old`: the object
    /// that it replaces, for the rules about changes.
    pub fn faults(&self, object: &Value, old: Option<&Value>) -> Vec<Fault> {
        let mut faults: Vec<Fault> = self
            .validator
            .iter_errors(object)
            .flat_map(|error| {
                let path = steps_of_pointer(error.instance_path().as_str());
                self.sentences(error.kind(), error.instance(), &path)
            })
            .collect();
        duplicates(&self.schema, object, &mut Vec::new(), &mut faults);
        if faults.is_empty() {
            let broken = self.rules.validate(&self.schema, object, old).err();
            let broken = broken.into_iter().flat_map(kube_cel::ValidationErrors::into_vec);
            faults.extend(
                broken.map(|error| Fault { path: steps(&error.field_path), sentence: error.message }),
            );
        }
        faults
    }

    /// What is said of one mistake: several fields can be unknown at one place.
    fn sentences(&self, kind: &ValidationErrorKind, found: &Value, path: &[String]) -> Vec<Fault> {
        let at = |path: &[String], sentence: String| Fault { path: path.to_vec(), sentence };
        let within = |name: &str| [path, &[name.to_owned()]].concat();
        match kind {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let known: Vec<&str> = self
                    .at(path)
                    .and_then(|schema| schema.get("properties")?.as_object())
                    .map(|properties| properties.keys().map(String::as_str).collect())
                    .unwrap_or_default();
                let told = |name: &String| {
                    let near = nearest(name, &known).map(|near| format!("; did you mean `{near}`?"));
                    let unknown = plain(name);
                    at(&within(name), format!("unknown field `{unknown}`{}", near.unwrap_or_default()))
                };
                unexpected.iter().map(told).collect()
            }
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                vec![at(&within(name), format!("`{name}` is missing"))]
            }
            other => vec![at(path, sentence(other, found))],
        }
    }

    /// The schema of what stands at a path.
    fn at(&self, path: &[String]) -> Option<&Value> {
        path.iter().try_fold(&self.schema, |schema, step| {
            schema
                .get("properties")
                .and_then(|properties| properties.get(step))
                .or_else(|| schema.get("items"))
                .or_else(|| schema.get("additionalProperties"))
        })
    }
}

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Definition").field("resource", &self.resource).finish_non_exhaustive()
    }
}

/// Gives fields that are absent the defaults of a schema, and those in them.
fn fill_in(schema: &Value, value: &mut Value) {
    let inner = |name: &str| schema.get(name);
    match value {
        Value::Object(fields) => {
            for (name, schema) in inner("properties").and_then(Value::as_object).into_iter().flatten() {
                if let (None, Some(default)) = (fields.get(name), schema.get("default")) {
                    fields.insert(name.clone(), default.clone());
                }
                fields.get_mut(name).into_iter().for_each(|field| fill_in(schema, field));
            }
        }
        Value::Array(items) => {
            let schema = inner("items");
            items.iter_mut().zip(schema.into_iter().cycle()).for_each(|(item, schema)| fill_in(schema, item));
        }
        _ => {}
    }
}

/// What is wrong with one value.
fn sentence(kind: &ValidationErrorKind, found: &Value) -> String {
    let shown = match found {
        Value::String(text) => format!("`{}`", plain(text)),
        other => format!("`{}`", plain(&other.to_string())),
    };
    let several = |count: u64, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    match kind {
        ValidationErrorKind::Type { kind: TypeKind::Single(expected) } => {
            format!("expected {}, found {}", type_word(expected.as_str()), found_word(found))
        }
        ValidationErrorKind::Enum { options } => {
            let options: Vec<&str> =
                options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let choices = options.iter().map(|option| format!("`{option}`")).collect::<Vec<_>>().join(" or ");
            let near = found.as_str().and_then(|found| nearest(found, &options));
            match near {
                Some(near) => format!("unknown value {shown}; did you mean `{near}`?"),
                None => format!("unknown value {shown}; use {choices}"),
            }
        }
        ValidationErrorKind::Pattern { pattern } => format!("{shown} has to match {pattern}"),
        ValidationErrorKind::Format { format } if format == "date-time" => {
            format!("{shown} is no time; write it like 2026-12-01T18:00:00Z")
        }
        ValidationErrorKind::MaxLength { limit } => {
            format!("at most {} can stand here", several(*limit, "character"))
        }
        ValidationErrorKind::MinLength { limit } => {
            format!("at least {} has to stand here", several(*limit, "character"))
        }
        ValidationErrorKind::MaxItems { limit } => format!("the list can have at most {limit} entries"),
        ValidationErrorKind::MaxProperties { limit } => format!("there can be at most {limit} fields"),
        ValidationErrorKind::UniqueItems => "an entry stands in the list twice; remove one".to_owned(),
        other => format!("{shown} is not accepted by the CRD ({})", other.keyword()),
    }
}

fn type_word(name: &str) -> &str {
    match name {
        "object" => "a mapping",
        "array" => "a list",
        "string" => "a string",
        "boolean" => "true or false",
        "integer" => "an integer",
        other => other,
    }
}

fn found_word(found: &Value) -> String {
    match found {
        Value::Null => "nothing".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::String(_) => "a string".to_owned(),
        other => format!("`{other}`; put it into quotes if it is to be a string"),
    }
}

/// Entries of a list with the same keys, where the definition says which fields are the key (`x-kubernetes-list-map-keys`).
fn duplicates(schema: &Value, value: &Value, path: &mut Vec<String>, faults: &mut Vec<Fault>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if let Some(schema) = schema.get("properties").and_then(|properties| properties.get(name)) {
                    path.push(name.clone());
                    duplicates(schema, field, path, faults);
                    path.pop();
                }
            }
        }
        Value::Array(items) => {
            let keys: Vec<&str> = match schema.get("x-kubernetes-list-map-keys").and_then(Value::as_array) {
                Some(keys) => keys.iter().filter_map(Value::as_str).collect(),
                None => Vec::new(),
            };
            let key_of = |item: &Value| keys.iter().map(|key| item.get(key).cloned()).collect::<Vec<_>>();
            let mut seen = Vec::new();
            for (number, item) in items.iter().enumerate() {
                path.push(number.to_string());
                let key = key_of(item);
                if !keys.is_empty() && seen.contains(&key) {
                    let sentence =
                        format!("another entry has the same {}; keep one of them", keys.join(" and "));
                    faults.push(Fault { path: path.clone(), sentence });
                }
                seen.push(key);
                if let Some(schema) = schema.get("items") {
                    duplicates(schema, item, path, faults);
                }
                path.pop();
            }
        }
        _ => {}
    }
}

fn without_status(mut schema: Value) -> Value {
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.remove("status");
        // The derived schema leaves to Kubernetes what every object has.
        for name in ["apiVersion", "kind"] {
            properties.insert(name.to_owned(), json!({ "type": "string" }));
        }
        properties.insert("metadata".to_owned(), json!({ "type": "object" }));
    }
    schema
}

/// The same schema with what it says in Kubernetes' own words said in those of JSON Schema: no field besides those that it names, and
/// sets.
fn closed(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let mut closed: Map<String, Value> =
                fields.iter().map(|(name, value)| (name.clone(), closed_field(name, value))).collect();
            if closed.contains_key("properties") && !closed.contains_key("additionalProperties") {
                closed.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            if closed.get("x-kubernetes-list-type").is_some_and(|kind| kind == "set") {
                closed.insert("uniqueItems".to_owned(), Value::Bool(true));
            }
            Value::Object(closed)
        }
        other => other.clone(),
    }
}

fn closed_field(name: &str, value: &Value) -> Value {
    match (name, value) {
        ("properties", Value::Object(fields)) => {
            Value::Object(fields.iter().map(|(name, schema)| (name.clone(), closed(schema))).collect())
        }
        ("items" | "additionalProperties", schema) => closed(schema),
        (_, other) => other.clone(),
    }
}

/// The steps of a path such as `/spec/targets/instanceIds/0` (RFC 6901).
fn steps_of_pointer(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
}

/// The steps of a path such as `spec.targets.instanceTags[0]`.
fn steps(path: &str) -> Vec<String> {
    path.split(['.', '[', ']']).filter(|step| !step.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(resource: Resource, spec: &Value) -> Vec<(String, String)> {
        changed(resource, spec, None)
    }

    fn changed(resource: Resource, spec: &Value, old: Option<&Value>) -> Vec<(String, String)> {
        let object = |spec: &Value| json!({ "apiVersion": "ecs-keeper.io/v1alpha1", "kind": resource.kind(), "metadata": { "name": "a" }, "spec": spec });
        let old = old.map(object);
        let faults = Definition::of(resource).unwrap().faults(&object(spec), old.as_ref());
        faults.into_iter().map(|fault| (fault.path.join("."), fault.sentence)).collect()
    }

    fn spec(field: &str, value: Value) -> Value {
        let mut spec = json!({ "region": "cn-hangzhou", "targets": { "instanceIds": ["i-a"] } });
        spec[field] = value;
        spec
    }

    #[test]
    fn what_the_schema_does_not_accept_is_told_in_a_sentence() {
        let ids = |ids: Value| json!({ "instanceIds": ids });
        let entry = |id: &str, until: &str| json!({ "instanceId": id, "until": until, "reason": "r" });
        for (spec, path, part) in [
            (
                spec("protecton", json!("Enabled")),
                "spec.protecton",
                "unknown field `protecton`; did you mean `protection`?",
            ),
            (spec("\u{1b}[2J", json!(1)), "spec.\u{1b}[2J", "unknown field `[2J`"),
            (
                spec("protection", json!("enabled")),
                "spec.protection",
                "unknown value `enabled`; did you mean `Enabled`?",
            ),
            (spec("mode", json!("x")), "spec.mode", "unknown value `x`; use `Enforce` or `Observe`"),
            (spec("account", json!(7)), "spec.account", "expected a string, found `7`; put it into quotes"),
            (spec("region", json!("Hangzhou")), "spec.region", "`Hangzhou` has to match ^[a-z]{2}"),
            (
                spec("targets", ids(json!("i-a"))),
                "spec.targets.instanceIds",
                "expected a list, found a string",
            ),
            (
                spec("targets", ids(json!(["i-a", "i-a"]))),
                "spec.targets.instanceIds",
                "an entry stands in the list twice",
            ),
            (
                spec("targets", ids(json!(["i-a", "web"]))),
                "spec.targets.instanceIds.1",
                "`web` has to match ^i-",
            ),
            (json!({ "region": "cn-hangzhou" }), "spec.targets", "`targets` is missing"),
            (
                spec(
                    "exceptions",
                    json!([entry("i-a", "2030-01-01T00:00:00Z"), entry("i-a", "2031-01-01T00:00:00Z")]),
                ),
                "spec.exceptions.1",
                "another entry has the same instanceId",
            ),
            (
                spec("exceptions", json!([entry("i-a", "tomorrow")])),
                "spec.exceptions.0.until",
                "`tomorrow` is no time",
            ),
        ] {
            let told = told(Resource::Protection, &spec);
            assert!(
                matches!(&told[..], [(at, sentence)] if at == path && sentence.contains(part)),
                "{spec}: {told:?}"
            );
        }
        assert_eq!(told(Resource::Protection, &spec("mode", json!("Observe"))), []);
    }

    #[test]
    fn rules_are_evaluated_as_the_api_server_does() {
        let nowhere = json!({ "targets": { "instanceIds": ["i-a"] } });
        for (spec, path, part) in [
            (spec("targets", json!({ "exclude": {} })), "spec.targets", "targets select nothing"),
            (
                spec("targets", json!({ "instanceTags": [{ "key": "a" }] })),
                "spec.targets.instanceTags.0",
                "exactly one of value and exists",
            ),
            (nowhere.clone(), "spec.region", "need a region"),
            (
                spec(
                    "exceptions",
                    json!([{ "instanceId": "i-a", "until": "3001-01-01T00:00:00Z", "reason": "r" }]),
                ),
                "spec.exceptions.0.until",
                "too far in the future",
            ),
            (spec("nodeRemoval", json!("Lift")), "spec.nodeRemoval", "needs targets.nodes"),
        ] {
            let told = told(Resource::Protection, &spec);
            assert!(
                matches!(&told[..], [(at, sentence)] if at == path && sentence.contains(part)),
                "{spec}: {told:?}"
            );
        }
        let retention =
            |region: &str| json!({ "region": region, "targets": { "networkInterfaceIds": ["eni-a"] } });
        let (here, there) = (retention("cn-hangzhou"), retention("cn-beijing"));
        assert_eq!(changed(Resource::Retention, &here, Some(&here)), []);
        let moved = changed(Resource::Retention, &there, Some(&here));
        assert!(
            matches!(&moved[..], [(at, sentence)] if at == "spec.region" && sentence.contains("can't be changed")),
            "{moved:?}"
        );
    }

    /// A rule that the library can't evaluate would refuse every object.
    #[test]
    fn every_rule_of_the_definitions_can_be_evaluated() {
        fn assert_compiles(schema: &Value) {
            let compiled = kube_cel::compile_schema(schema);
            assert!(compiled.compilation_errors().is_empty(), "{schema}");
            let inner = schema.get("properties").and_then(Value::as_object);
            inner.into_iter().flat_map(Map::values).chain(schema.get("items")).for_each(assert_compiles);
        }
        for resource in Resource::ALL {
            assert_compiles(&Definition::of(resource).unwrap().schema);
        }
    }
}
