//! `ecs-keeper config check --identity`: whose the credentials of each account are, asked of the cloud.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use crate::causes::told;
use crate::config::{Account, Config};
use crate::credentials::{CurrentKey, Environment, Exchange, Providers, connections};
use crate::metrics::Metrics;

/// What sessions are called that are only asked for to be looked at.
const SESSION_NAME: &str = "ecs-keeper-config-check";

/// How long an account may take: a connection and an answer for each of its exchanges.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identities {
    /// A line for each account.
    pub answer: String,
    /// Whether every account has the credentials that it should have.
    pub good: bool,
}

/// Obtains the credentials of each account as the operator does, and asks STS whose they are.
pub async fn check(config: &Config) -> anyhow::Result<Identities> {
    let connections = connections(config)?;
    let environment = Environment::of_process();
    let providers = Providers::new(&connections, &environment, SESSION_NAME, Arc::new(Metrics::new()?));
    let ways: Vec<_> = providers
        .keys()
        .map(|(name, key)| (name.clone(), key.clone(), providers.sources(name).join(", then ")))
        .collect();
    let tasks: Vec<_> = providers.into_tasks().map(tokio::spawn).collect();
    let mut found = Identities { answer: String::new(), good: true };
    for (name, mut key, sources) in ways {
        let Some(connection) = connections.get(&name) else { continue };
        let exchange = connection.exchange(&environment, SESSION_NAME);
        let asked = tokio::time::timeout(PATIENCE, identity(&mut key, &exchange, &connection.account)).await;
        let line = match asked.unwrap_or_else(|_| Err("no answer within a minute".to_owned())) {
            Ok(identity) => identity,
            Err(why) => {
                found.good = false;
                why
            }
        };
        let _ = writeln!(found.answer, "  account {} ({sources}): {line}", name.as_str());
    }
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    Ok(found)
}

async fn identity(key: &mut CurrentKey, exchange: &Exchange, account: &Account) -> Result<String, String> {
    let key = key.obtained().await.map_err(|none| none.why)?;
    let sts = exchange.sts(None, None).map_err(|error| told(&error))?;
    let caller = sts.caller_identity(&key).await.map_err(|error| told(&error))?;
    let arn = caller.arn.as_deref().unwrap_or("an identity without a name");
    match &account.account_id {
        Some(wanted) if **wanted != *caller.account_id => Err(format!(
            "{arn} belongs to the account {}, and accountId is {wanted}: correct one of them",
            caller.account_id
        )),
        _ => Ok(format!("{arn} of the account {}", caller.account_id)),
    }
}
