//! The accounts and regions that can be looked at when a command begins, and those that can't.

use std::collections::BTreeMap;
use std::time::Duration;

use keeper_core::id::AccountName;
use tokio::time::timeout;

use crate::causes::told;
use crate::clouds::{CloudError, Clouds};
use crate::config::Config;
use crate::credentials::CurrentKey;
use crate::scope::Scope;
use crate::scopes::every_region;

/// How long an account may take to get credentials.
const PATIENCE: Duration = Duration::from_secs(60);

/// The accounts without credentials, and why, in a sentence.
pub async fn without_key(
    clouds: &Clouds,
    scopes: &[Scope],
) -> Result<BTreeMap<AccountName, String>, CloudError> {
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

/// Why the only account has no credentials, if that is so: then there is nothing to look at.
pub fn only_account_without_key(config: &Config, without: &BTreeMap<AccountName, String>) -> Option<String> {
    without.values().next().filter(|_| config.accounts.len() == 1).cloned()
}

/// All regions of the accounts that can be used. If those of an account are not known, it can't be used, and its scope stays, for the
/// report to say so.
pub async fn every_region_of(
    clouds: &Clouds,
    asked: &[Scope],
    unusable: &mut BTreeMap<AccountName, String>,
) -> Vec<Scope> {
    let mut scopes = Vec::new();
    for scope in asked {
        let found = if unusable.contains_key(&scope.account) {
            vec![scope.clone()]
        } else {
            every_region(clouds, scope).await.unwrap_or_else(|error| {
                let account = &scope.account;
                let why = format!("it is not known which regions account {account} has: {}", told(&error));
                unusable.insert(account.clone(), why);
                vec![scope.clone()]
            })
        };
        scopes.extend(found);
    }
    scopes
}
