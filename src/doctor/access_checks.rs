//! What the operator's ServiceAccount may do in the cluster: all that the chart grants, asked of the API server's authorizer.

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, SubjectAccessReview,
    SubjectAccessReviewSpec, SubjectAccessReviewStatus,
};
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};

use super::finding::{Check, Findings, Level};
use crate::question::{NoAnswer, ask};

/// Whose access is asked for.
#[derive(Debug, Clone, Copy)]
pub enum Whom<'a> {
    /// That of whoever asks: in the operator's Pod.
    Own,
    /// That of this ServiceAccount in this namespace: from anywhere else.
    ServiceAccount { namespace: &'a str, name: &'a str },
}

/// A right that the operator needs.
struct Right {
    group: &'static str,
    resource: &'static str,
    subresource: &'static str,
    verbs: &'static [&'static str],
    /// Whether it is needed in the operator's own namespace alone.
    own_namespace: bool,
    /// Whether it is needed only if NodeClaims are watched.
    karpenter: bool,
}

const fn right(group: &'static str, resource: &'static str, verbs: &'static [&'static str]) -> Right {
    Right { group, resource, subresource: "", verbs, own_namespace: false, karpenter: false }
}

const fn status(resource: &'static str) -> Right {
    Right { subresource: "status", ..right("ecs-keeper.io", resource, &["patch"]) }
}

const RIGHTS: [Right; 8] = [
    right("ecs-keeper.io", "ecsinstanceprotections", &["get", "list", "watch", "patch"]),
    right("ecs-keeper.io", "eniretentions", &["get", "list", "watch", "patch"]),
    status("ecsinstanceprotections"),
    status("eniretentions"),
    right("", "nodes", &["list", "watch"]),
    Right { karpenter: true, ..right("karpenter.sh", "nodeclaims", &["get", "list", "watch"]) },
    right("events.k8s.io", "events", &["create", "patch"]),
    Right { own_namespace: true, ..right("coordination.k8s.io", "leases", &["get", "create", "update"]) },
];

/// Whether whoever asks is this ServiceAccount: not every Pod is the operator's.
pub async fn is_own(client: &Client, namespace: &str, name: &str) -> bool {
    let review = SelfSubjectReview::default();
    let answer = ask(Api::all(client.clone()).create(&PostParams::default(), &review)).await;
    let user = answer.ok().and_then(|review: SelfSubjectReview| review.status?.user_info?.username);
    user.is_some_and(|user| user == user_name(namespace, name))
}

fn user_name(namespace: &str, name: &str) -> String {
    format!("system:serviceaccount:{namespace}:{name}")
}

/// Asks for each right.
pub async fn examine(
    client: &Client,
    whom: Whom<'_>,
    own_namespace: &str,
    karpenter: bool,
    findings: &mut Findings,
) {
    let (mut missing, mut asked) = (Vec::new(), 0);
    for right in RIGHTS.iter().filter(|right| karpenter || !right.karpenter) {
        for verb in right.verbs {
            match ask(may(client, whom, right.of(verb, own_namespace))).await {
                Ok(true) => asked += 1,
                Ok(false) => missing.push(right.told(verb)),
                Err(why) => return findings.add(Level::Unknown, Check::Access, unanswered(&why)),
            }
        }
    }
    let who = match whom {
        Whom::Own => "this ServiceAccount".to_owned(),
        Whom::ServiceAccount { namespace, name } => format!("the ServiceAccount {namespace}/{name}"),
    };
    if missing.is_empty() {
        findings.add(
            Level::Ok,
            Check::Access,
            format!("{who} may do all {asked} things that the operator does"),
        );
    } else {
        let missing = missing.join(", ");
        let help = "Install the chart's roles (rbac.create), or grant these; and check --namespace and --service-account.";
        findings.add(Level::Failure, Check::Access, format!("{who} may not: {missing}. {help}"));
    }
}

impl Right {
    fn of(&self, verb: &str, own_namespace: &str) -> ResourceAttributes {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        ResourceAttributes {
            group: Some(self.group.to_owned()),
            resource: some(self.resource),
            subresource: some(self.subresource),
            verb: some(verb),
            namespace: self.own_namespace.then(|| own_namespace.to_owned()),
            ..ResourceAttributes::default()
        }
    }

    fn told(&self, verb: &str) -> String {
        let subresource =
            if self.subresource.is_empty() { String::new() } else { format!("/{}", self.subresource) };
        format!("{verb} {}{subresource}", self.resource)
    }
}

fn unanswered(why: &NoAnswer) -> String {
    match why {
        NoAnswer::Forbidden | NoAnswer::NotFound => {
            "you may not ask what others may do (create subjectaccessreviews). Run this in the operator's Pod.".to_owned()
        }
        NoAnswer::Failed(why) => why.clone(),
    }
}

async fn may(client: &Client, whom: Whom<'_>, what: ResourceAttributes) -> Result<bool, kube::Error> {
    let (as_is, metadata) = (PostParams::default(), ObjectMeta::default());
    let status: Option<SubjectAccessReviewStatus> = match whom {
        Whom::Own => {
            let spec = SelfSubjectAccessReviewSpec {
                resource_attributes: Some(what),
                ..SelfSubjectAccessReviewSpec::default()
            };
            let review = SelfSubjectAccessReview { metadata, spec, status: None };
            Api::all(client.clone()).create(&as_is, &review).await?.status
        }
        Whom::ServiceAccount { namespace, name } => {
            let groups = [
                "system:serviceaccounts".to_owned(),
                format!("system:serviceaccounts:{namespace}"),
                "system:authenticated".to_owned(),
            ];
            let spec = SubjectAccessReviewSpec {
                user: Some(user_name(namespace, name)),
                groups: Some(groups.into()),
                resource_attributes: Some(what),
                ..SubjectAccessReviewSpec::default()
            };
            let review = SubjectAccessReview { metadata, spec, status: None };
            Api::all(client.clone()).create(&as_is, &review).await?.status
        }
    };
    Ok(status.is_some_and(|status| status.allowed))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use serde_json::Value;

    use super::*;

    /// The rules of a template of the chart, as if everything were asked for.
    fn granted(template: &str) -> BTreeSet<String> {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/charts/ecs-keeper/templates").join(template);
        let text = std::fs::read_to_string(path).unwrap();
        let rules = text.split("\n---").next().unwrap().lines().filter(|line| !line.contains("{{"));
        let role: Value = serde_saphyr::from_str(&rules.collect::<Vec<_>>().join("\n")).unwrap();
        let texts = |value: &Value| -> Vec<String> {
            value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
        };
        let mut granted = BTreeSet::new();
        for rule in role["rules"].as_array().unwrap() {
            for group in texts(&rule["apiGroups"]) {
                for resource in texts(&rule["resources"]) {
                    granted.extend(
                        texts(&rule["verbs"]).iter().map(|verb| format!("{verb} {group}/{resource}")),
                    );
                }
            }
        }
        granted
    }

    #[test]
    fn i45_what_is_asked_for_is_what_the_chart_grants() {
        let needed = |own: bool| -> BTreeSet<String> {
            let rights = RIGHTS.iter().filter(|right| right.own_namespace == own);
            rights
                .flat_map(|right| {
                    right.verbs.iter().map(|verb| {
                        let told = right.told(verb);
                        let (verb, resource) = told.split_once(' ').unwrap();
                        format!("{verb} {}/{resource}", right.group)
                    })
                })
                .collect()
        };
        assert_eq!(needed(false), granted("clusterrole.yaml"));
        assert_eq!(needed(true), granted("role.yaml"));
    }
}
