//! The API server: its version, the definitions of the custom resources, and the policies that ask for the verb `unprotect`.

use k8s_openapi::api::admissionregistration::v1::{
    MatchResources, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;

use super::finding::{Check, Findings, Level};
use crate::crds;
use crate::question::{NoAnswer, ask};

/// The chart's `kubeVersion`: before it, ValidatingAdmissionPolicies were not generally available.
const LEAST_MINOR: u32 = 30;

/// Whether the API server answers at all.
pub async fn api_server(client: &Client, findings: &mut Findings) -> bool {
    match ask(client.apiserver_version()).await {
        Ok(version) => {
            let minor = version.minor.trim_end_matches(|one: char| !one.is_ascii_digit()).parse::<u32>();
            let message = format!("Kubernetes {}", version.git_version);
            if minor.is_ok_and(|minor| version.major == "1" && minor < LEAST_MINOR) {
                let help = format!("{message}. ecs-keeper needs 1.{LEAST_MINOR} or later.");
                findings.add(Level::Failure, Check::ApiServer, help);
            } else {
                findings.add(Level::Ok, Check::ApiServer, message);
            }
            true
        }
        Err(why) => {
            let why = match why {
                NoAnswer::Failed(why) => why,
                NoAnswer::Forbidden | NoAnswer::NotFound => "it does not tell its version".to_owned(),
            };
            findings.add(Level::Failure, Check::ApiServer, format!("{why}. Check --kubeconfig."));
            false
        }
    }
}

/// Whether the definitions are there, served, and those of this version.
pub async fn definitions(client: &Client, findings: &mut Findings) {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for ours in crds::all() {
        let name = ours.name_any();
        let (level, message) = match ask(api.get(&name)).await {
            Ok(theirs) => definition(&ours, &theirs),
            Err(NoAnswer::NotFound) => {
                (Level::Failure, "is not installed. Apply what ecs-keeper crds prints.".to_owned())
            }
            // Discovery is open to everybody.
            Err(NoAnswer::Forbidden) => served(client, &ours).await,
            Err(NoAnswer::Failed(why)) => (Level::Failure, why),
        };
        findings.add(level, Check::Definitions, format!("{name}: {message}"));
    }
}

/// What is to be said of a definition, beside that of this version.
fn definition(ours: &CustomResourceDefinition, theirs: &CustomResourceDefinition) -> (Level, String) {
    if theirs.metadata.deletion_timestamp.is_some() {
        return (Level::Failure, "is being deleted, with all of its objects.".to_owned());
    }
    let conditions = theirs.status.iter().flat_map(|status| status.conditions.iter().flatten());
    if !conditions.into_iter().any(|it| it.type_ == "Established" && it.status == "True") {
        let help = "is not established, so its objects are not served. kubectl describe crd says why.";
        return (Level::Failure, help.to_owned());
    }
    if described(ours) == described(theirs) {
        (Level::Ok, format!("is that of version {}", env!("CARGO_PKG_VERSION")))
    } else {
        let help = "Apply what ecs-keeper crds of the operator's version prints.";
        let message = format!(
            "differs from that of version {}, which runs this command. {help}",
            env!("CARGO_PKG_VERSION")
        );
        (Level::Warning, message)
    }
}

/// What of a definition matters, without what the API server fills in.
fn described(of: &CustomResourceDefinition) -> serde_json::Value {
    let names = &of.spec.names;
    let versions = of.spec.versions.iter().map(|it| {
        json!({
            "name": it.name, "served": it.served, "storage": it.storage, "schema": it.schema,
            "subresources": it.subresources, "columns": it.additional_printer_columns,
        })
    });
    let versions: Vec<_> = versions.collect();
    json!({ "plural": names.plural, "kind": names.kind, "scope": of.spec.scope, "versions": versions })
}

/// Whether a kind is served, for those who may not read its definition.
async fn served(client: &Client, ours: &CustomResourceDefinition) -> (Level, String) {
    let Some(version) = ours.spec.versions.first() else {
        return (Level::Unknown, "has no version".to_owned());
    };
    let group = format!("{}/{}", ours.spec.group, version.name);
    match ask(client.list_api_group_resources(&group)).await {
        Ok(list) if list.resources.iter().any(|it| it.name == ours.spec.names.plural) => {
            (Level::Ok, "is served (you may not read the definition, so it is not compared)".to_owned())
        }
        Ok(_) | Err(NoAnswer::NotFound) => {
            (Level::Failure, "is not served. Apply what ecs-keeper crds prints.".to_owned())
        }
        Err(NoAnswer::Forbidden) => (Level::Unknown, "you may not ask what is served".to_owned()),
        Err(NoAnswer::Failed(why)) => (Level::Failure, why),
    }
}

/// Whether the policies are there, in force, and understood by the API server.
pub async fn unprotect_verb(client: &Client, release: &str, findings: &mut Findings) {
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(client.clone());
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(client.clone());
    for ours in crds::all() {
        let name = format!("{release}-unprotect-{}", ours.spec.names.plural);
        let found = match ask(policies.get(&name)).await {
            Ok(policy) => ask(bindings.get(&name)).await.map(|binding| (policy, binding)),
            Err(why) => Err(why),
        };
        let (level, message) = match found {
            Ok((policy, binding)) => policy_and_binding(&policy, &binding),
            Err(NoAnswer::NotFound) => (
                Level::Warning,
                "there is no such policy, or no binding of it, so whoever may edit an object may have protection switched off. \
                 Set unprotectVerb.enabled of the chart."
                    .to_owned(),
            ),
            Err(NoAnswer::Forbidden) => {
                (Level::Unknown, "you may not read admission policies. Ask an administrator of the cluster.".to_owned())
            }
            Err(NoAnswer::Failed(why)) => (Level::Failure, why),
        };
        findings.add(level, Check::UnprotectVerb, format!("{name}: {message}"));
    }
}

/// What is to be said of a policy and its binding. The expressions themselves are not compared: they differ with the chart's values.
fn policy_and_binding(
    policy: &ValidatingAdmissionPolicy,
    binding: &ValidatingAdmissionPolicyBinding,
) -> (Level, String) {
    let (Some(spec), Some(bound)) = (&policy.spec, &binding.spec) else {
        return (Level::Warning, format!("it or its binding is empty. {INSTALL}"));
    };
    let status = policy.status.as_ref();
    let checked = status.filter(|status| status.observed_generation == policy.metadata.generation);
    let warnings = checked.and_then(|status| status.type_checking.as_ref());
    let warnings = warnings.and_then(|checked| checked.expression_warnings.as_deref()).unwrap_or_default();
    if let Some(warning) = warnings.first() {
        let message =
            format!("the API server does not understand it: {}. Please report this.", warning.warning);
        return (Level::Failure, message);
    }
    let denies = bound.validation_actions.iter().flatten().any(|action| action == "Deny");
    let all = spec.match_constraints.as_ref().is_some_and(is_everywhere)
        && spec.match_conditions.iter().flatten().next().is_none();
    let everywhere = all && bound.match_resources.as_ref().is_none_or(is_everywhere);
    let fails_closed = spec.failure_policy.as_deref().is_none_or(|policy| policy == "Fail");
    if !denies || !everywhere || !fails_closed || bound.policy_name != policy.metadata.name {
        let why = "it does not deny, not everywhere, or not if it fails";
        (Level::Warning, format!("{why}. {INSTALL}"))
    } else if checked.is_none() {
        (
            Level::Unknown,
            "it denies, and the API server has not said yet whether it understands it".to_owned(),
        )
    } else {
        (Level::Ok, "is in force everywhere, and denies (its expressions are not compared)".to_owned())
    }
}

const INSTALL: &str = "Install the chart's policy and binding (unprotectVerb.enabled).";

/// Whether no namespace and no object is left out.
fn is_everywhere(which: &MatchResources) -> bool {
    let all = |selector: &Option<LabelSelector>| {
        selector.as_ref().is_none_or(|selector| {
            selector.match_labels.iter().flatten().next().is_none()
                && selector.match_expressions.iter().flatten().next().is_none()
        })
    };
    all(&which.namespace_selector)
        && all(&which.object_selector)
        && which.exclude_resource_rules.iter().flatten().next().is_none()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn policy() -> Value {
        json!({
            "metadata": { "name": "p", "generation": 2 },
            "spec": { "failurePolicy": "Fail", "matchConstraints": { "namespaceSelector": {}, "objectSelector": {} } },
            "status": { "observedGeneration": 2, "typeChecking": {} },
        })
    }

    fn binding() -> Value {
        json!({ "metadata": { "name": "p" }, "spec": { "policyName": "p", "validationActions": ["Deny"] } })
    }

    #[test]
    fn i57_only_a_policy_that_is_in_force_everywhere_is_said_to_deny() {
        type Change = fn(&mut Value, &mut Value);
        let cases: [(Level, Change); 10] = [
            (Level::Ok, |_, _| {}),
            (Level::Warning, |policy, _| policy["spec"]["failurePolicy"] = "Ignore".into()),
            (Level::Warning, |policy, _| {
                policy["spec"]["matchConstraints"]["namespaceSelector"] =
                    json!({ "matchLabels": { "a": "b" } });
            }),
            (Level::Warning, |policy, _| {
                policy["spec"]["matchConditions"] = json!([{ "name": "n", "expression": "false" }]);
            }),
            (Level::Warning, |_, binding| binding["spec"]["validationActions"] = json!(["Audit"])),
            (Level::Warning, |_, binding| binding["spec"]["policyName"] = "q".into()),
            (Level::Warning, |_, binding| {
                binding["spec"]["matchResources"] =
                    json!({ "objectSelector": { "matchLabels": { "a": "b" } } });
            }),
            (Level::Unknown, |policy, _| policy["status"]["observedGeneration"] = 1.into()),
            (Level::Unknown, |policy, _| policy["status"] = Value::Null),
            (Level::Failure, |policy, _| {
                let warnings = json!([{ "fieldRef": "f", "warning": "no such field" }]);
                policy["status"]["typeChecking"]["expressionWarnings"] = warnings;
            }),
        ];
        for (index, (level, change)) in cases.into_iter().enumerate() {
            let (mut policy, mut binding) = (policy(), binding());
            change(&mut policy, &mut binding);
            let policy = serde_json::from_value(policy).unwrap();
            let (found, message) = policy_and_binding(&policy, &serde_json::from_value(binding).unwrap());
            assert_eq!(found, level, "case {index}: {message}");
        }
    }

    #[test]
    fn a_definition_that_lacks_anything_is_not_that_of_this_version() {
        let established = json!({ "conditions": [{
            "type": "Established", "status": "True", "reason": "InitialNamesAccepted", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }]});
        for ours in crds::all() {
            let mut theirs = ours.clone();
            assert_eq!(definition(&ours, &theirs).0, Level::Failure, "nobody says that it is established");
            theirs.status = serde_json::from_value(established.clone()).unwrap();
            assert_eq!(definition(&ours, &theirs).0, Level::Ok);
            let mut without_status = theirs.clone();
            without_status.spec.versions[0].subresources = None;
            assert_eq!(definition(&ours, &without_status).0, Level::Warning);
            theirs.spec.versions[0].schema = None;
            assert_eq!(definition(&ours, &theirs).0, Level::Warning);
        }
    }
}
