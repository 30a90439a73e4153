//! Trust policies of roles: who may assume them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::arn::{parse_ram_arn, ram_arn};
use super::condition::{Condition, Context, Keys};
use super::document::{self, Decision, Effect, PolicyError};

const KEYS: Keys = Keys { texts: &["oidc:aud", "oidc:iss", "oidc:sub", "sts:ExternalId"], booleans: &[] };

/// A trust policy of a role.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct TrustPolicy {
    document: Value,
    statements: Vec<Statement>,
}

#[derive(Clone, Debug)]
struct Statement {
    effect: Effect,
    principals: Vec<Trusted>,
    conditions: Vec<Condition>,
}

/// Whom a statement speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Trusted {
    /// All users and roles of an account.
    Account(String),
    /// One user or role, by its ARN.
    Identity(String),
    /// Those who have a token of this provider.
    Provider(String),
    /// A service of the cloud.
    Service(String),
}

/// Who wants to assume a role.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Claimant<'a> {
    /// A user or a role of an account, by its ARN.
    Identity { account: &'a str, arn: &'a str },
    /// Somebody with a token of a provider.
    Provider(&'a str),
    /// A service of the cloud.
    Service(&'a str),
}

impl TrustPolicy {
    /// Reads a trust policy, with all that is in it. What the simulator can't evaluate is an error.
    pub fn new(document: Value) -> Result<Self, PolicyError> {
        let statements = document::statements(&document, Statement::parse)?;
        Ok(Self { document, statements })
    }

    /// What it says of somebody who wants to assume the role.
    pub(crate) fn decide(&self, who: Claimant<'_>, context: &Context) -> Decision {
        let applies = |statement: &&Statement| {
            statement.principals.iter().any(|trusted| trusted.is(who))
                && statement.conditions.iter().all(|condition| condition.holds(context))
        };
        Decision::of(self.statements.iter().filter(applies).map(|statement| statement.effect))
    }
}

impl TryFrom<Value> for TrustPolicy {
    type Error = PolicyError;

    fn try_from(document: Value) -> Result<Self, PolicyError> {
        Self::new(document)
    }
}

impl From<TrustPolicy> for Value {
    fn from(policy: TrustPolicy) -> Self {
        policy.document
    }
}

impl Statement {
    fn parse(statement: &Map<String, Value>) -> Result<Self, PolicyError> {
        document::check_members(statement, &["Effect", "Action", "Principal", "Condition"])?;
        if document::texts(statement, "Action")? != ["sts:AssumeRole"] {
            return Err(PolicyError::new("The Action of a trust policy must be sts:AssumeRole."));
        }
        let principals = statement.get("Principal").and_then(Value::as_object);
        let principals = principals.filter(|kinds| !kinds.is_empty()).ok_or_else(|| {
            PolicyError::new(
                "The Principal of a trust policy must be an object of RAM, Federated or Service.",
            )
        })?;
        document::check_members(principals, &["RAM", "Federated", "Service"])?;
        let mut trusted = Vec::new();
        for kind in principals.keys() {
            for text in document::texts(principals, kind)? {
                trusted.push(Trusted::parse(kind, &text)?);
            }
        }
        Ok(Self {
            effect: document::effect(statement)?,
            principals: trusted,
            conditions: Condition::parse(statement, KEYS)?,
        })
    }
}

impl Trusted {
    fn parse(kind: &str, text: &str) -> Result<Self, PolicyError> {
        let named =
            |kind: &str| parse_ram_arn(text, kind).map(|(account, name)| ram_arn(account, kind, name));
        let found = match kind {
            "RAM" => {
                let account = text.strip_prefix("acs:ram::").and_then(|rest| rest.strip_suffix(":root"));
                let account =
                    account.filter(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()));
                let account = account.map(|account| Self::Account(account.to_owned()));
                account.or_else(|| named("user").or_else(|| named("role")).map(Self::Identity))
            }
            "Federated" => named("oidc-provider").map(Self::Provider),
            _ => text.ends_with(".aliyuncs.com").then(|| Self::Service(text.to_owned())),
        };
        found.ok_or_else(|| {
            PolicyError::new(format!(
                "The principal {text} is not simulated: RAM has acs:ram::<account>:root, …:user/<name> or …:role/<name>, \
                 Federated acs:ram::<account>:oidc-provider/<name>, and Service the name of a service."
            ))
        })
    }

    fn is(&self, who: Claimant<'_>) -> bool {
        match (self, who) {
            (Self::Account(trusted), Claimant::Identity { account, .. }) => trusted == account,
            (Self::Identity(trusted), Claimant::Identity { arn, .. }) => trusted == arn,
            (Self::Provider(trusted), Claimant::Provider(provider)) => trusted == provider,
            (Self::Service(trusted), Claimant::Service(service)) => trusted == service,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn trust(principal: &Value) -> Value {
        json!({ "Version": "1",
            "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal }] })
    }

    #[test]
    fn each_kind_of_principal_is_trusted_as_it_is_named() {
        let alice = Claimant::Identity { account: "1", arn: "acs:ram::1:user/alice" };
        let keeper = Claimant::Identity { account: "1", arn: "acs:ram::1:role/keeper" };
        let cluster = Claimant::Provider("acs:ram::1:oidc-provider/cluster");
        let ecs = Claimant::Service("ecs.aliyuncs.com");
        for (principal, expected) in [
            (json!({ "RAM": "acs:ram::1:root" }), [true, true, false, false]),
            (json!({ "RAM": "acs:ram::2:root" }), [false; 4]),
            (json!({ "RAM": ["acs:ram::2:root", "acs:ram::1:user/alice"] }), [true, false, false, false]),
            (json!({ "RAM": "acs:ram::1:role/keeper" }), [false, true, false, false]),
            (json!({ "Federated": ["acs:ram::1:oidc-provider/cluster"] }), [false, false, true, false]),
            (json!({ "Federated": "acs:ram::2:oidc-provider/cluster" }), [false; 4]),
            (json!({ "Service": "ecs.aliyuncs.com" }), [false, false, false, true]),
            (
                json!({ "Service": "fc.aliyuncs.com", "RAM": "acs:ram::1:user/alice" }),
                [true, false, false, false],
            ),
        ] {
            let policy = TrustPolicy::new(trust(&principal)).expect("a trust policy");
            let found = [alice, keeper, cluster, ecs]
                .map(|who| policy.decide(who, &Context::default()) == Decision::Allowed);
            assert_eq!(found, expected, "{principal}");
        }
    }

    #[test]
    fn a_trust_policy_that_is_not_simulated_whole_is_refused() {
        let plain = trust(&json!({ "RAM": "acs:ram::1:root" }));
        let but = |name: &str, value: Value| {
            let mut document = plain.clone();
            document["Statement"][0][name] = value;
            document
        };
        for (document, word) in [
            (but("Action", json!("sts:*")), "Action"),
            (but("Resource", json!("*")), "Resource"),
            (but("Principal", json!("*")), "Principal"),
            (but("Principal", json!({})), "Principal"),
            (but("Principal", json!({ "AWS": "1" })), "AWS"),
            (but("Principal", json!({ "RAM": "*" })), "*"),
            (but("Principal", json!({ "RAM": "acs:ram::*:root" })), "acs:ram::*:root"),
            (but("Principal", json!({ "Federated": "acs:ram::1:saml-provider/idp" })), "saml-provider"),
            (but("Principal", json!({ "Service": "example.com" })), "example.com"),
            (but("Condition", json!({ "StringEquals": { "acs:ResourceTag/a": "b" } })), "acs:ResourceTag/a"),
        ] {
            let error = TrustPolicy::new(document.clone()).expect_err("not simulated").to_string();
            assert!(error.contains(word), "{document}: {error}");
        }
    }
}
