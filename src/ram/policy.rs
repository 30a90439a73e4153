//! `ecs-keeper ram policy`: the least policies for a configuration.

use keeper_core::id::AccountName;
use serde::Serialize;

use super::document::{Policy, Printed};
use super::permissions::{Identity, Permissions, permissions};
use super::terraform;
use crate::cli::{PolicyFormat, PolicyOptions};
use crate::config::{Config, ConfigError, CredentialSource, load_or_empty, unknown_account};

/// Why no policy is printed.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{0}")]
    UnknownAccount(String),
    #[error(
        "no grant of the configuration reaches {0}, so nothing is asked of the cloud there; add it to a grant, or remove it"
    )]
    NothingGranted(String),
    #[error("failed to write the policy as JSON")]
    Json(#[source] serde_json::Error),
}

/// The policies that the identities of a configuration need.
pub fn policy(options: &PolicyOptions) -> Result<Printed, PolicyError> {
    let config = load_or_empty(options.config.as_deref())?;
    let mut found = permissions(&config, options.observe, options.scale_in);
    let mut notes = Vec::new();
    if let Some(account) = &options.account {
        let name = known(&config, account)?;
        if let Some(first) = found.iter().find(|one| one.assumes.contains(&name)) {
            notes.push(format!(
                "The account {account} is reached through a role. This is the policy of that role. Without --account you also \
                 get the policy of {}, which assumes it.",
                first.identity
            ));
        }
        found.retain(|one| one.signs.contains(&name));
    }
    let (found, idle): (Vec<_>, Vec<_>) = found.into_iter().partition(|one| !one.policy.statement.is_empty());
    let idle: Vec<String> = idle.iter().flat_map(|one| &one.signs).map(ToString::to_string).collect();
    if found.is_empty() {
        return Err(PolicyError::NothingGranted(accounts(&idle)));
    }
    if !idle.is_empty() {
        notes.push(format!("No grant reaches {}: no policy is needed there.", accounts(&idle)));
    }
    for one in &found {
        if let Identity::Source(CredentialSource::Profile(_)) = &one.identity {
            notes.push(format!(
                "If {} assumes a role, this is the policy of that role, and the identity that assumes it needs sts:AssumeRole \
                 on its ARN.",
                one.identity
            ));
        }
    }
    let text = match options.output {
        PolicyFormat::Terraform => terraform::resources(&found),
        PolicyFormat::Json => json(&found, &mut notes),
    };
    Ok(Printed { text: text.map_err(PolicyError::Json)?, notes })
}

fn known(config: &Config, account: &str) -> Result<AccountName, PolicyError> {
    let name = AccountName::new(account);
    if config.accounts.contains_key(&name) {
        return Ok(name);
    }
    let known: Vec<&str> = config.accounts.keys().map(AccountName::as_str).collect();
    Err(PolicyError::UnknownAccount(unknown_account(account, &known)))
}

fn accounts(names: &[String]) -> String {
    match names {
        [one] => format!("the account {one}"),
        many => format!("the accounts {}", many.join(", ")),
    }
}

#[derive(Serialize)]
struct Entry<'a> {
    identity: String,
    accounts: Vec<&'a str>,
    policy: &'a Policy,
}

impl<'a> From<&'a Permissions> for Entry<'a> {
    fn from(one: &'a Permissions) -> Self {
        let accounts = one.signs.union(&one.assumes).map(AccountName::as_str).collect();
        Self { identity: one.identity.to_string(), accounts, policy: &one.policy }
    }
}

/// One policy as it is, to be given to RAM; several in a list that says whose they are.
fn json(found: &[Permissions], notes: &mut Vec<String>) -> Result<String, serde_json::Error> {
    if let [one] = found {
        return Ok(serde_json::to_string_pretty(&one.policy)? + "\n");
    }
    notes.push(format!(
        "{} identities need a policy, so this is a list. For one policy alone, name an account whose calls its identity signs \
         (--account).",
        found.len()
    ));
    let entries: Vec<Entry<'_>> = found.iter().map(Entry::from).collect();
    Ok(serde_json::to_string_pretty(&entries)? + "\n")
}

#[cfg(test)]
mod tests;
