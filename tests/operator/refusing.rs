//! An API server that refuses a write of the operator's: a policy for one test's namespace.

use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value, json};

use crate::stage::Stage;

/// Refuses the requests of a rule for which the expression does not hold. It takes a moment to be in force.
pub async fn refuse(stage: &Stage, name: &str, rule: Value, expression: &str) {
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(stage.cluster.client.clone());
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(stage.cluster.client.clone());
    let policy = json!({
        "metadata": { "name": name },
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": { "resourceRules": [rule] },
            "validations": [{ "expression": expression }],
        },
    });
    let binding = json!({
        "metadata": { "name": name },
        "spec": {
            "policyName": name,
            "validationActions": ["Deny"],
            "matchResources": {
                "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": stage.namespace } },
            },
        },
    });
    let create = PostParams::default();
    policies.create(&create, &serde_json::from_value(policy).unwrap()).await.unwrap();
    bindings.create(&create, &serde_json::from_value(binding).unwrap()).await.unwrap();
}

/// Refuses nothing any more.
pub async fn allow(stage: &Stage, name: &str) {
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(stage.cluster.client.clone());
    bindings.delete(name, &DeleteParams::default()).await.unwrap();
}
