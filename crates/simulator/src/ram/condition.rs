//! Conditions of a statement: the operators and keys that a keeper's policies have.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::document::{self, PolicyError};

/// What a request is like, as far as conditions ask: values by key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    pub(crate) fn with(mut self, key: impl Into<String>, values: impl IntoIterator<Item = String>) -> Self {
        self.0.insert(key.into(), values.into_iter().collect());
        self
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    StringEquals,
    StringLike,
    Bool,
}

impl Operator {
    fn parse(name: &str) -> Result<Self, PolicyError> {
        Ok(match name {
            "StringEquals" => Self::StringEquals,
            "StringLike" => Self::StringLike,
            "Bool" => Self::Bool,
            _ => {
                return Err(PolicyError::new(format!(
                    "The operator {name} of a Condition is not simulated: use StringEquals, StringLike or Bool."
                )));
            }
        })
    }

    fn fits(self, value: &str, found: &str) -> bool {
        match self {
            Self::StringEquals => value == found,
            Self::StringLike => document::matches(value, found),
            Self::Bool => value.eq_ignore_ascii_case(found),
        }
    }
}

/// The keys that the simulator knows the values of. One that ends in a slash stands for all that begin so.
#[derive(Clone, Copy)]
pub(super) struct Keys {
    pub(super) texts: &'static [&'static str],
    pub(super) booleans: &'static [&'static str],
}

impl Keys {
    fn check(self, key: &str, operator: Operator) -> Result<(), PolicyError> {
        let known = if operator == Operator::Bool { self.booleans } else { self.texts };
        let is_known =
            |known: &&str| if known.ends_with('/') { key.starts_with(*known) } else { *known == key };
        if known.iter().any(is_known) {
            return Ok(());
        }
        let all: Vec<_> = self.texts.iter().chain(self.booleans).copied().collect();
        Err(PolicyError::new(format!(
            "The key {key} of a Condition is not simulated here with this operator: the keys are {}.",
            all.join(", ")
        )))
    }
}

/// One line of a Condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    operator: Operator,
    key: String,
    values: Vec<String>,
}

impl Condition {
    /// The element Condition of a statement. All its lines have to hold.
    pub(super) fn parse(statement: &Map<String, Value>, keys: Keys) -> Result<Vec<Self>, PolicyError> {
        let Some(block) = statement.get("Condition") else { return Ok(Vec::new()) };
        let object = |value: &Value| {
            let members = value.as_object().cloned();
            members.ok_or_else(|| {
                PolicyError::new("A Condition must be an object of operators, each an object of keys.")
            })
        };
        let mut conditions = Vec::new();
        for (operator, lines) in object(block)? {
            let operator = Operator::parse(&operator)?;
            let lines = object(&lines)?;
            for key in lines.keys() {
                keys.check(key, operator)?;
                let values = document::texts(&lines, key)?;
                conditions.push(Self { operator, key: key.clone(), values });
            }
        }
        Ok(conditions)
    }

    /// Whether each value that the request has for the key is one of those of the line. A request without the key
    /// doesn't fulfil it.
    pub(super) fn holds(&self, context: &Context) -> bool {
        let fits = |found: &String| self.values.iter().any(|value| self.operator.fits(value, found));
        context.0.get(&self.key).is_some_and(|found| !found.is_empty() && found.iter().all(fits))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KEYS: Keys =
        Keys { texts: &["oidc:sub", "acs:ResourceTag/"], booleans: &["ecs:PasswordCustomized"] };

    fn parse(condition: &Value) -> Result<Vec<Condition>, PolicyError> {
        let statement = json!({ "Condition": condition });
        Condition::parse(statement.as_object().expect("an object"), KEYS)
    }

    fn holds(condition: &Value, context: &Context) -> bool {
        parse(condition).expect("a condition").iter().all(|line| line.holds(context))
    }

    #[test]
    fn every_line_has_to_hold_for_every_value_of_the_request() {
        let context = Context::default()
            .with("oidc:sub", ["system:serviceaccount:keeper:web".to_owned()])
            .with("acs:ResourceTag/env", ["prod".to_owned(), "test".to_owned()])
            .with("ecs:PasswordCustomized", ["true".to_owned()]);
        for (condition, expected) in [
            (json!({}), true),
            (json!({ "StringEquals": { "oidc:sub": "system:serviceaccount:keeper:web" } }), true),
            (json!({ "StringEquals": { "oidc:sub": "system:serviceaccount:keeper:*" } }), false),
            (json!({ "StringLike": { "oidc:sub": "system:serviceaccount:keeper:*" } }), true),
            (json!({ "StringLike": { "oidc:sub": "system:serviceaccount:other:*" } }), false),
            (json!({ "StringEquals": { "acs:ResourceTag/env": "prod" } }), false),
            (json!({ "StringEquals": { "acs:ResourceTag/env": ["prod", "test"] } }), true),
            (json!({ "StringEquals": { "acs:ResourceTag/team": "a" } }), false),
            (json!({ "Bool": { "ecs:PasswordCustomized": "True" } }), true),
            (json!({ "Bool": { "ecs:PasswordCustomized": "false" } }), false),
            (
                json!({ "Bool": { "ecs:PasswordCustomized": "true" },
                    "StringEquals": { "oidc:sub": "system:serviceaccount:keeper:mail" } }),
                false,
            ),
        ] {
            assert_eq!(holds(&condition, &context), expected, "{condition}");
        }
    }

    #[test]
    fn what_is_not_simulated_is_refused_by_name() {
        for (condition, word) in [
            (json!({ "StringNotLike": { "oidc:sub": "x" } }), "StringNotLike"),
            (json!({ "IpAddress": { "acs:SourceIp": "203.0.113.0/24" } }), "IpAddress"),
            (json!({ "StringEquals": { "acs:SourceVpc": "vpc-a" } }), "acs:SourceVpc"),
            (json!({ "Bool": { "oidc:sub": "true" } }), "oidc:sub"),
            (json!({ "StringEquals": { "ecs:PasswordCustomized": "true" } }), "ecs:PasswordCustomized"),
            (json!({ "StringEquals": { "oidc:sub": 1 } }), "oidc:sub"),
            (json!({ "StringEquals": { "oidc:sub": [] } }), "oidc:sub"),
            (json!({ "StringEquals": "x" }), "object"),
            (json!([]), "object"),
        ] {
            let error = parse(&condition).expect_err("not simulated").to_string();
            assert!(error.contains(word), "{condition}: {error}");
        }
    }
}
