//! Whose the credentials of each account are, asked of the cloud: for `ecs-keeper config check --identity` and `ecs-keeper doctor`.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use keeper_core::id::AccountName;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::causes::told;
use crate::clouds::Clouds;
use crate::config::{Account, Config};
use crate::credentials::{CurrentKey, Environment, Exchange, Providers};
use crate::metrics::Metrics;
use crate::tls_trouble::TlsTrouble;

/// What sessions are called that are only asked for to be looked at.
const SESSION_NAME: &str = "ecs-keeper-config-check";

/// How long an account may take: a connection and an answer for each of its exchanges.
const PATIENCE: Duration = Duration::from_mins(1);

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identities {
    /// A line for each account.
    pub answer: String,
    /// Whether every account has the credentials that it should have.
    pub good: bool,
}

/// What was found of one account.
#[derive(Debug)]
pub struct Identified {
    pub account: AccountName,
    /// Where its credentials come from, in a few words.
    pub sources: String,
    pub found: Result<Identity, NotIdentified>,
}

/// Whose credentials an account has.
#[derive(Debug)]
pub struct Identity {
    pub arn: String,
    pub account_id: String,
    /// How much longer they are used; `None`: they have no end.
    pub lasts: Option<Duration>,
    /// What the cloud's clock and ours said when it answered, in this order.
    pub clocks: Option<(Timestamp, Timestamp)>,
}

/// Why nobody knows, or nobody wants them, in a sentence.
#[derive(Debug)]
pub enum NotIdentified {
    /// There are no credentials.
    NoCredentials(String),
    /// STS refuses them, does not answer, or they are of another account.
    Refused(String),
}

impl NotIdentified {
    pub fn why(&self) -> &str {
        match self {
            Self::NoCredentials(why) | Self::Refused(why) => why,
        }
    }
}

/// Obtains the credentials of each account as the operator does, and asks STS whose they are.
pub async fn check(config: &Config) -> anyhow::Result<Identities> {
    let mut identities = Identities { answer: String::new(), good: true };
    let (clouds, providers) = Clouds::with_providers(config, SESSION_NAME, Arc::new(Metrics::new()?))?;
    for Identified { account, sources, found } in identify(&clouds, providers).await.0 {
        identities.good &= found.is_ok();
        let line = match &found {
            Ok(Identity { arn, account_id, .. }) => format!("{arn} of the account {account_id}"),
            Err(not) => not.why().to_owned(),
        };
        let _ = writeln!(identities.answer, "  account {} ({sources}): {line}", account.as_str());
    }
    Ok(identities)
}

/// The same, for each account; and what keeps their keys fresh, which ends with the set.
pub async fn identify(clouds: &Clouds, providers: Providers) -> (Vec<Identified>, JoinSet<Infallible>) {
    let environment = Environment::of_process();
    let ways = clouds.accounts().map(|(name, connection, key)| {
        let sources = providers.sources(name).join(", then ");
        (name.clone(), connection, key.clone(), sources)
    });
    let ways: Vec<_> = ways.collect();
    let renewing = providers.into_tasks().collect();
    let asking = ways.into_iter().map(|(account, connection, mut key, sources)| {
        let exchange = connection.exchange(&environment, SESSION_NAME);
        async move {
            let asked = timeout(PATIENCE, identity(&mut key, &exchange, &connection.account)).await;
            let silent = |_| Err(NotIdentified::Refused("no answer within a minute".to_owned()));
            Identified { account, sources, found: asked.unwrap_or_else(silent) }
        }
    });
    (join_all(asking).await, renewing)
}

async fn identity(
    current: &mut CurrentKey,
    exchange: &Exchange,
    account: &Account,
) -> Result<Identity, NotIdentified> {
    let key = current.obtained().await.map_err(|none| NotIdentified::NoCredentials(none.why))?;
    let sts = exchange.sts(None, None).map_err(|error| NotIdentified::Refused(told(&error)))?;
    let refused = |error: keeper_alicloud::Error| {
        let help = TlsTrouble::of(&error).map(|trouble| format!(". {trouble}")).unwrap_or_default();
        NotIdentified::Refused(told(&error) + &help)
    };
    let caller = sts.caller_identity(&key).await.map_err(refused)?;
    let clocks = caller.answered.map(|cloud| (cloud, Timestamp::now()));
    let arn = caller.arn.as_deref().unwrap_or("an identity without a name").to_owned();
    match &account.account_id {
        Some(wanted) if **wanted != *caller.account_id => Err(NotIdentified::Refused(format!(
            "{arn} belongs to the account {}, and accountId is {wanted}: correct one of them",
            caller.account_id
        ))),
        _ => Ok(Identity { arn, account_id: caller.account_id.into(), lasts: current.lasts(), clocks }),
    }
}
