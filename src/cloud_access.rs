//! The way of a command into the cloud: whose accounts and regions can be looked at when it begins, and whose can't.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use keeper_core::id::AccountName;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::causes::told;
use crate::clouds::{CloudError, Clouds};
use crate::config::Config;
use crate::credentials::CurrentKey;
use crate::metrics::Metrics;
use crate::scope::Scope;
use crate::scopes::every_region;

/// How long an account may take to get credentials.
const PATIENCE: Duration = Duration::from_mins(1);

/// Why nothing can be looked at.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The calls can't be counted.
    #[error("failed to prepare the metrics")]
    Metrics(#[source] prometheus::Error),
    /// The cloud can't be called at all.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// The only account has no credentials.
    #[error("{0}")]
    NoKey(String),
}

/// The way into the cloud, for as long as a command runs.
pub struct CloudAccess {
    pub clouds: Clouds,
    /// The accounts that can't be used, and why, in a sentence.
    pub unusable: BTreeMap<AccountName, String>,
    /// What keeps the credentials fresh ends with this.
    _renewing: JoinSet<Infallible>,
}

impl CloudAccess {
    /// Gets credentials for the accounts of these scopes. `session_name`: what sessions of roles are called.
    pub async fn open(config: &Config, scopes: &[Scope], session_name: &str) -> Result<Self, AccessError> {
        let metrics = Arc::new(Metrics::new().map_err(AccessError::Metrics)?);
        let (clouds, tasks) = Clouds::new(config, session_name, metrics)?;
        let renewing = tasks.collect();
        let unusable = without_key(&clouds, scopes).await?;
        // Then there is nothing to look at.
        if let Some(why) = unusable.values().next().filter(|_| config.accounts.len() == 1) {
            return Err(AccessError::NoKey(why.clone()));
        }
        Ok(Self { clouds, unusable, _renewing: renewing })
    }

    /// All regions of the accounts that can be used. If those of an account are not known, it can't be used, and its scope stays, for
    /// the report to say so.
    pub async fn every_region_of(&mut self, asked: &[Scope]) -> Vec<Scope> {
        let mut scopes = Vec::new();
        for scope in asked {
            let found = if self.unusable.contains_key(&scope.account) {
                vec![scope.clone()]
            } else {
                every_region(&self.clouds, scope).await.unwrap_or_else(|error| {
                    let account = &scope.account;
                    let why =
                        format!("it is not known which regions account {account} has: {}", told(&error));
                    self.unusable.insert(account.clone(), why);
                    vec![scope.clone()]
                })
            };
            scopes.extend(found);
        }
        scopes
    }
}

/// The accounts without credentials, and why, in a sentence.
async fn without_key(clouds: &Clouds, scopes: &[Scope]) -> Result<BTreeMap<AccountName, String>, CloudError> {
    let mut without = BTreeMap::new();
    let accounts: BTreeMap<&AccountName, &Scope> =
        scopes.iter().map(|scope| (&scope.account, scope)).collect();
    for (account, scope) in accounts {
        let key: CurrentKey = clouds.of(scope)?.key;
        let why = match timeout(PATIENCE, async { key.clone().obtained().await.map(|_| ()) }).await {
            Ok(Ok(())) => continue,
            Ok(Err(none)) => none.why,
            Err(_) => "no answer within a minute".to_owned(),
        };
        without.insert(account.clone(), format!("account {account} has no credentials: {why}"));
    }
    Ok(without)
}
