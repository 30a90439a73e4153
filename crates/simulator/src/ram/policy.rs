//! Policies of users and roles: what their identity may do.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::condition::{Condition, Context, Keys};
use super::document::{self, Decision, Effect, PolicyError};

/// `acs:ResourceTag/…` is the general key, `ecs:tag/…` its older form.
const KEYS: Keys = Keys { texts: &["acs:ResourceTag/", "ecs:tag/"], booleans: &["ecs:PasswordCustomized"] };

/// A RAM policy of a user, of a role, or of a session.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Policy {
    document: Value,
    statements: Vec<Statement>,
}

#[derive(Clone, Debug)]
struct Statement {
    effect: Effect,
    actions: Vec<String>,
    resources: Vec<String>,
    conditions: Vec<Condition>,
}

/// A request that a policy decides about.
pub(crate) struct Access<'a> {
    /// Such as `ecs:DescribeInstances`.
    pub(crate) action: &'a str,
    /// ARN of what it is about, or `*`.
    pub(crate) resource: &'a str,
    pub(crate) context: &'a Context,
}

impl Policy {
    /// Reads a policy, with all that is in it. What the simulator can't evaluate is an error.
    pub fn new(document: Value) -> Result<Self, PolicyError> {
        let statements = document::statements(&document, Statement::parse)?;
        Ok(Self { document, statements })
    }

    /// What some policies together say of a request.
    pub(crate) fn decide<'p>(policies: impl IntoIterator<Item = &'p Self>, access: &Access<'_>) -> Decision {
        let statements = policies.into_iter().flat_map(|policy| &policy.statements);
        Decision::of(
            statements.filter(|statement| statement.applies(access)).map(|statement| statement.effect),
        )
    }
}

impl TryFrom<Value> for Policy {
    type Error = PolicyError;

    fn try_from(document: Value) -> Result<Self, PolicyError> {
        Self::new(document)
    }
}

impl From<Policy> for Value {
    fn from(policy: Policy) -> Self {
        policy.document
    }
}

impl Statement {
    fn parse(statement: &Map<String, Value>) -> Result<Self, PolicyError> {
        document::check_members(statement, &["Effect", "Action", "Resource", "Condition"])?;
        Ok(Self {
            effect: document::effect(statement)?,
            actions: document::texts(statement, "Action")?,
            resources: document::texts(statement, "Resource")?,
            conditions: Condition::parse(statement, KEYS)?,
        })
    }

    /// Upper and lower case of an action make no difference, as documented; those of a resource do.
    fn applies(&self, access: &Access<'_>) -> bool {
        let action = access.action.to_ascii_lowercase();
        self.actions.iter().any(|pattern| document::matches(&pattern.to_ascii_lowercase(), &action))
            && self.resources.iter().any(|pattern| document::matches(pattern, access.resource))
            && self.conditions.iter().all(|condition| condition.holds(access.context))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn decide(document: Value, action: &str, resource: &str) -> Decision {
        let policy = Policy::new(document).expect("a policy");
        let context = Context::default().with("acs:ResourceTag/env", ["prod".to_owned()]);
        Policy::decide([&policy], &Access { action, resource, context: &context })
    }

    #[test]
    fn a_statement_applies_by_action_resource_and_condition() {
        let web = "acs:ecs:cn-hangzhou:1:instance/i-web";
        for (statement, expected) in [
            (json!({ "Effect": "Allow", "Action": "*", "Resource": "*" }), Decision::Allowed),
            (json!({ "Effect": "Allow", "Action": "ecs:Modify*", "Resource": web }), Decision::Allowed),
            (json!({ "Effect": "Allow", "Action": "ECS:modifyInstance?ttribute", "Resource": web }), {
                Decision::Allowed
            }),
            (
                json!({ "Effect": "Allow", "Action": ["ecs:Describe*", "ecs:Modify*"], "Resource": ["x", "*"] }),
                { Decision::Allowed },
            ),
            (json!({ "Effect": "Allow", "Action": "ecs:Describe*", "Resource": "*" }), Decision::NotAllowed),
            (json!({ "Effect": "Allow", "Action": "*", "Resource": "acs:ecs:*:*:instance/I-WEB" }), {
                Decision::NotAllowed
            }),
            (json!({ "Effect": "Deny", "Action": "*", "Resource": "*" }), Decision::Denied),
            (
                json!({ "Effect": "Allow", "Action": "*", "Resource": "*",
                    "Condition": { "StringEquals": { "acs:ResourceTag/env": "prod" } } }),
                Decision::Allowed,
            ),
            (
                json!({ "Effect": "Allow", "Action": "*", "Resource": "*",
                    "Condition": { "StringEquals": { "acs:ResourceTag/env": "test" } } }),
                Decision::NotAllowed,
            ),
        ] {
            let document = json!({ "Version": "1", "Statement": [statement] });
            assert_eq!(decide(document, "ecs:ModifyInstanceAttribute", web), expected, "{statement}");
        }
    }

    #[test]
    fn a_policy_that_is_not_simulated_whole_is_refused() {
        let allow = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
        let but = |name: &str, value: Value| {
            let mut statement = allow.clone();
            statement[name] = value;
            json!({ "Version": "1", "Statement": [statement] })
        };
        for (document, word) in [
            (json!([]), "object"),
            (json!({ "Statement": [allow] }), "Version"),
            (json!({ "Version": "2012-10-17", "Statement": [allow] }), "Version"),
            (json!({ "Version": "1", "Statement": [] }), "Statement"),
            (json!({ "Version": "1", "Statement": allow }), "Statement"),
            (json!({ "Version": "1", "Statement": ["x"] }), "Statement"),
            (json!({ "Version": "1", "Statement": [allow], "Id": "x" }), "Id"),
            (but("Effect", json!("allow")), "Effect"),
            (but("Action", json!([])), "Action"),
            (but("Action", json!(1)), "Action"),
            (but("Resource", json!(null)), "Resource"),
            (but("NotAction", json!("*")), "NotAction"),
            (but("Principal", json!({ "RAM": "*" })), "Principal"),
            (but("Condition", json!({ "StringEquals": { "oidc:sub": "x" } })), "oidc:sub"),
        ] {
            let error = Policy::new(document.clone()).expect_err("not simulated").to_string();
            assert!(error.contains(word), "{document}: {error}");
        }
    }
}
