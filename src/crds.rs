//! The `CustomResourceDefinition`s as they are installed.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use kube::CustomResourceExt;
use serde_json::json;

use crate::api::{EcsInstanceProtection, EniRetention};

/// Every definition that the operator needs, in the order in which they are printed.
pub fn all() -> Vec<CustomResourceDefinition> {
    vec![finished(EcsInstanceProtection::crd()), finished(EniRetention::crd())]
}

/// One definition as YAML. The only place that turns one into text: two printers would wrap long lines differently.
pub fn yaml(crd: &CustomResourceDefinition) -> Result<String, serde_saphyr::ser::Error> {
    let mut text =
        String::from("# Printed by `ecs-keeper crds`. Change the types in src/api and run `make crds`.\n");
    text.push_str(&serde_saphyr::to_string(crd)?);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

/// All definitions as one stream of YAML documents.
pub fn yaml_stream() -> Result<String, serde_saphyr::ser::Error> {
    let mut stream = String::new();
    for crd in all() {
        stream.push_str("---\n");
        stream.push_str(&yaml(&crd)?);
    }
    Ok(stream)
}

/// What the derive macro can't express.
fn finished(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        if let Some(root) = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut()) {
            join_lines(root);
            unseen_until_observed(root);
        }
    }
    crd
}

/// Makes the API server fill in `status.observedGeneration: -1` when an object is created.
///
/// Tools that follow kstatus take an object without status for a finished one, so Flux and others would call a
/// protection ready before anybody looked at it. The macro makes the status nullable, too, which would let a null
/// escape the default.
fn unseen_until_observed(root: &mut JSONSchemaProps) {
    if let Some(status) = root.properties.as_mut().and_then(|properties| properties.get_mut("status")) {
        status.default = Some(JSON(json!({ "observedGeneration": -1 })));
        status.nullable = None;
    }
}

/// Joins the lines of every description. They are wrapped for the source code, and `kubectl explain` wraps them again.
fn join_lines(schema: &mut JSONSchemaProps) {
    if let Some(description) = &mut schema.description {
        *description = description.replace('\n', " ");
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        join_lines(items);
    }
    for property in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        join_lines(property);
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaPropsOrBool;

    use super::*;

    #[test]
    fn the_stream_holds_every_definition_as_a_document_of_its_own() {
        let stream = yaml_stream().unwrap();
        let documents: Vec<CustomResourceDefinition> = serde_saphyr::from_multiple(&stream).unwrap();
        assert_eq!(documents, all());
    }

    #[test]
    fn a_new_object_counts_as_unseen_until_somebody_looked_at_it() {
        for crd in all() {
            for version in &crd.spec.versions {
                let root = version.schema.clone().unwrap().open_api_v3_schema.unwrap();
                let status = root.properties.unwrap().remove("status").unwrap();
                assert_eq!(status.default, Some(JSON(json!({ "observedGeneration": -1 }))));
                assert_eq!(status.nullable, None);
            }
        }
    }

    /// A nullable field would let an explicit null through to the rules, where `has` calls it absent and a decoder
    /// may not.
    #[test]
    fn no_field_is_nullable() {
        assert!(!yaml_stream().unwrap().contains("nullable"));
    }

    /// Every field below spec and status, with its path.
    fn fields() -> Vec<(String, JSONSchemaProps)> {
        fn walk(path: &str, schema: &JSONSchemaProps, found: &mut Vec<(String, JSONSchemaProps)>) {
            found.push((path.to_owned(), schema.clone()));
            for (name, property) in schema.properties.iter().flatten() {
                walk(&format!("{path}.{name}"), property, found);
            }
            if let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items {
                walk(&format!("{path}[]"), items, found);
            }
            if let Some(JSONSchemaPropsOrBool::Schema(values)) = &schema.additional_properties {
                walk(&format!("{path}{{}}"), values, found);
            }
        }

        let mut found = Vec::new();
        for crd in all() {
            for version in &crd.spec.versions {
                let root = version.schema.clone().unwrap().open_api_v3_schema.unwrap();
                for part in ["spec", "status"] {
                    walk(part, &root.properties.as_ref().unwrap()[part], &mut found);
                }
            }
        }
        assert!(found.len() > 40, "the walk finds nothing");
        found
    }

    /// The API server estimates the cost of rules from these limits, and counts a missing one as the largest.
    #[test]
    fn every_string_list_and_map_has_a_limit() {
        let limited = |schema: &JSONSchemaProps| match schema.type_.as_deref() {
            Some("string") => {
                schema.max_length.is_some() || schema.enum_.is_some() || schema.format.is_some()
            }
            Some("array") => schema.max_items.is_some(),
            Some("object") => schema.additional_properties.is_none() || schema.max_properties.is_some(),
            _ => true,
        };
        let missing: Vec<String> =
            fields().into_iter().filter(|(_, schema)| !limited(schema)).map(|(path, _)| path).collect();
        assert_eq!(missing, Vec::<String>::new());
    }

    /// `kubectl explain` is the documentation that application teams read.
    #[test]
    fn every_field_is_documented_in_unbroken_lines() {
        let mut wanting = fields();
        wanting.retain(|(path, schema)| match &schema.description {
            Some(description) => description.contains('\n'),
            None => !path.ends_with(['}', ']']),
        });
        assert_eq!(wanting.into_iter().map(|(path, _)| path).collect::<Vec<_>>(), Vec::<String>::new());
    }
}
