//! Policies as RAM reads them.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

/// What a command prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printed {
    /// What goes to standard output: policies and nothing else.
    pub text: String,
    /// What a person should know of it, a sentence each, for standard error.
    pub notes: Vec<String>,
}

/// A policy of an identity, or the trust policy of a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    version: &'static str,
    pub statement: Vec<Statement>,
}

impl Policy {
    /// A policy of these statements.
    pub fn new(statement: Vec<Statement>) -> Self {
        Self { version: "1", statement }
    }
}

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    pub effect: Effect,
    /// Whom a trust policy speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
    pub action: String,
    /// A trust policy has none.
    #[serde(serialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub resource: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub condition: BTreeMap<&'static str, BTreeMap<&'static str, String>>,
}

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Effect {
    Allow,
    Deny,
}

/// Whom a role trusts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Principal {
    /// Whoever has a token of this OIDC provider.
    Federated(String),
    /// This user or role.
    #[serde(rename = "RAM")]
    Ram(String),
}

/// RAM takes a list or a single text, and a single text is easier to read.
fn one_or_many<S: Serializer>(texts: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    match texts {
        [one] => one.serialize(serializer),
        many => many.serialize(serializer),
    }
}
