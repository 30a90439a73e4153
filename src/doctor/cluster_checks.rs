//! The API server: its version, the definitions of the custom resources, and the policies that ask for the verb `unprotect`.

use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, Client, ResourceExt as _};

use super::finding::{Check, Findings, Level};
use super::question::{NoAnswer, ask};
use crate::crds;

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

/// Whether the definitions are there, served, and those of this version. Whether all are there.
pub async fn definitions(client: &Client, findings: &mut Findings) -> bool {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let mut all = true;
    for ours in crds::all() {
        let name = ours.name_any();
        let (level, message) = match ask(api.get(&name)).await {
            Ok(theirs) => definition(&ours, &theirs),
            Err(NoAnswer::NotFound) => {
                all = false;
                (Level::Failure, "is not installed. Apply what ecs-keeper crds prints.".to_owned())
            }
            // Discovery is open to everybody.
            Err(NoAnswer::Forbidden) => served(client, &ours, &mut all).await,
            Err(NoAnswer::Failed(why)) => (Level::Failure, why),
        };
        findings.add(level, Check::Definitions, format!("{name}: {message}"));
    }
    all
}

/// What is to be said of a definition, beside that of this version.
fn definition(ours: &CustomResourceDefinition, theirs: &CustomResourceDefinition) -> (Level, String) {
    let conditions = theirs.status.iter().flat_map(|status| status.conditions.iter().flatten());
    if !conditions.into_iter().any(|it| it.type_ == "Established" && it.status == "True") {
        let help = "is not established, so its objects are not served. kubectl describe crd says why.";
        return (Level::Failure, help.to_owned());
    }
    let schema = |of: &CustomResourceDefinition| {
        let versions = of.spec.versions.iter();
        versions
            .map(|it| (it.name.clone(), it.served, serde_json::to_value(&it.schema).ok()))
            .collect::<Vec<_>>()
    };
    if schema(ours) == schema(theirs) {
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

/// Whether a kind is served, for those who may not read its definition.
async fn served(client: &Client, ours: &CustomResourceDefinition, all: &mut bool) -> (Level, String) {
    let Some(version) = ours.spec.versions.first() else {
        return (Level::Unknown, "has no version".to_owned());
    };
    let group = format!("{}/{}", ours.spec.group, version.name);
    match ask(client.list_api_group_resources(&group)).await {
        Ok(list) if list.resources.iter().any(|it| it.name == ours.spec.names.plural) => {
            (Level::Ok, "is served (you may not read the definition, so it is not compared)".to_owned())
        }
        Ok(_) | Err(NoAnswer::NotFound) => {
            *all = false;
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

fn policy_and_binding(
    policy: &ValidatingAdmissionPolicy,
    binding: &ValidatingAdmissionPolicyBinding,
) -> (Level, String) {
    let warnings = policy.status.as_ref().and_then(|status| status.type_checking.as_ref());
    let warnings = warnings.and_then(|checked| checked.expression_warnings.as_deref()).unwrap_or_default();
    let denies =
        binding.spec.as_ref().and_then(|spec| spec.validation_actions.as_deref()).unwrap_or_default();
    if let Some(warning) = warnings.first() {
        let message =
            format!("the API server does not understand it: {}. Please report this.", warning.warning);
        (Level::Failure, message)
    } else if denies.iter().any(|action| action == "Deny") {
        (Level::Ok, "denies what needs the verb".to_owned())
    } else {
        (Level::Warning, "its binding does not deny (validationActions). Install the chart's.".to_owned())
    }
}
