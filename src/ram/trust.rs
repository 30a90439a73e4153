//! `ecs-keeper ram trust`: who may assume the operator's roles.

use std::collections::BTreeMap;

use keeper_alicloud::session::{TOKEN_AUDIENCE, account_of_arn};
use keeper_core::id::AccountName;
use serde::Serialize;

use super::document::{Effect, Policy, Principal, Printed, Statement};
use super::issuer::{IssuerError, issuer};
use crate::cli::TrustOptions;
use crate::config::{ConfigError, CredentialSource, load, unknown_account};
use crate::names::is_account_id;

/// The one action for which a role can be assumed, by whichever operation of STS.
const ASSUME_ROLE: &str = "sts:AssumeRole";

/// Why nothing is printed.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error(transparent)]
    Issuer(#[from] IssuerError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("--role-in: {0}")]
    UnknownAccount(String),
    #[error(
        "--role-in: `{0}` is not the id of a cloud account; use a number such as 1234567890123456, or set --config to name an \
         account of the configuration"
    )]
    NoAccountId(String),
    #[error(
        "--role-in: the account {0} has no assumeRole in the configuration, so its calls need no second role"
    )]
    NoSecondRole(String),
    #[error("--role-in: the account {0} does not get its first credentials by RRSA (credentials.oidc)")]
    NoRrsa(String),
    #[error("the role {0} would assume itself; --role-in is for a second role, in another account")]
    Itself(String),
    #[error("failed to write the policy as JSON")]
    Json(#[source] serde_json::Error),
}

/// The trust policy of the role of the ServiceAccount; with a second role, what both need.
pub async fn trust(options: &TrustOptions) -> Result<Printed, TrustError> {
    let chain = options.role_in.as_deref().map(|place| Chain::to(place, options)).transpose()?;
    let mut notes = Vec::new();
    let issuer = if let Some(issuer) = &options.issuer {
        issuer.clone()
    } else {
        let found = issuer(options.kubeconfig.as_deref()).await?;
        notes.push(format!("The API server {} names the issuer {}.", found.server, found.url));
        found.url
    };
    let first = of_service_account(options, &issuer);
    let text = match &chain {
        None => serde_json::to_string_pretty(&first),
        Some(chain) => serde_json::to_string_pretty(&chain.roles(first)),
    };
    Ok(Printed { text: text.map_err(TrustError::Json)? + "\n", notes })
}

/// The role may be assumed with a token of this cluster for this ServiceAccount, and with no other.
fn of_service_account(options: &TrustOptions, issuer: &str) -> Policy {
    let subject = format!("system:serviceaccount:{}:{}", options.namespace, options.service_account);
    let token =
        [("oidc:aud", TOKEN_AUDIENCE.to_owned()), ("oidc:iss", issuer.to_owned()), ("oidc:sub", subject)];
    trusting(Principal::Federated(options.provider_arn.clone()), token.into())
}

fn trusting(principal: Principal, equals: BTreeMap<&'static str, String>) -> Policy {
    let condition = if equals.is_empty() { BTreeMap::new() } else { [("StringEquals", equals)].into() };
    Policy::new(vec![Statement {
        effect: Effect::Allow,
        principal: Some(principal),
        action: ASSUME_ROLE.to_owned(),
        resource: Vec::new(),
        condition,
    }])
}

/// A role, and the role that its sessions go on to.
struct Chain {
    first: String,
    second: String,
    external_id: Option<String>,
}

/// A role, and what is to be set for it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Side<'a> {
    role: &'a str,
    trust_policy: Policy,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<Policy>,
}

impl Chain {
    /// The way to an account: one of the configuration, by its name, or any other, by its id.
    fn to(place: &str, options: &TrustOptions) -> Result<Self, TrustError> {
        let home = account_of_arn(&options.provider_arn).unwrap_or_default();
        let arn = |account: &str| format!("acs:ram::{account}:role/{}", options.role);
        let chain = match &options.config {
            None if is_account_id(place) => {
                Self { first: arn(home), second: arn(place), external_id: options.external_id.clone() }
            }
            None => return Err(TrustError::NoAccountId(place.to_owned())),
            Some(path) => {
                let config = load(path)?;
                let account = config.accounts.get(&AccountName::new(place)).ok_or_else(|| {
                    let known: Vec<&str> = config.accounts.keys().map(AccountName::as_str).collect();
                    TrustError::UnknownAccount(unknown_account(place, &known))
                })?;
                let second = account.assume_role.clone();
                let second = second.ok_or_else(|| TrustError::NoSecondRole(place.to_owned()))?;
                let first = match &account.credentials {
                    CredentialSource::Oidc(oidc) => oidc.role_arn.clone(),
                    // The environment may configure RRSA.
                    CredentialSource::DefaultChain => None,
                    _ => return Err(TrustError::NoRrsa(place.to_owned())),
                };
                Self {
                    first: first.unwrap_or_else(|| arn(home)),
                    second: second.role_arn,
                    external_id: second.external_id,
                }
            }
        };
        if chain.first == chain.second { Err(TrustError::Itself(chain.first)) } else { Ok(chain) }
    }

    fn roles(&self, trust_of_first: Policy) -> [Side<'_>; 2] {
        let goes_on = Statement {
            effect: Effect::Allow,
            principal: None,
            action: ASSUME_ROLE.to_owned(),
            resource: vec![self.second.clone()],
            condition: BTreeMap::new(),
        };
        let external_id = self.external_id.iter().map(|id| ("sts:ExternalId", id.clone())).collect();
        let trust_of_second = trusting(Principal::Ram(self.first.clone()), external_id);
        [
            Side {
                role: &self.first,
                trust_policy: trust_of_first,
                policy: Some(Policy::new(vec![goes_on])),
            },
            Side { role: &self.second, trust_policy: trust_of_second, policy: None },
        ]
    }
}

#[cfg(test)]
mod tests;
