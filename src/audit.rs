//! `ecs-keeper audit`: what can be lost, of everything that there is. Asks only for listings (I59), and judges with the engine's own
//! verdicts.
//!
//! Of what was read, only what interfaces have to know of instances is kept. Each target goes to the report at once.

mod csv;
mod form;
mod found;
mod glossary;
mod html;
mod ignore;
mod json;
mod region;
mod row;
mod sarif;
mod table;
mod why;
mod words;
mod worst;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use keeper_core::budget::Limit;
use keeper_core::id::AccountName;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::causes::told;
use crate::cli::{AuditFormat, AuditOptions};
use crate::clouds::{CloudError, Clouds};
use crate::config::{ConfigError, load_or_empty};
use crate::credentials::CurrentKey;
use crate::listing::{Lister, ListingError};
use crate::metrics::Metrics;
use crate::progress::Progress;
use crate::scope::Scope;
use crate::scopes::{ScopeError, scopes};
use form::{Form, Region};
use found::Found;
pub use found::Outcome;
use ignore::{IgnoreError, IgnoreList};
pub use json::schema;
use region::{Limits, RegionAudit, RegionError, Sink};
use row::Counts;

/// What sessions are called in which somebody looks at everything.
const SESSION_NAME: &str = "ecs-keeper-audit";

/// How long an account may take to get credentials.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The configuration file can't be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It is not clear which accounts and regions are meant.
    #[error(transparent)]
    Scopes(#[from] ScopeError),
    /// The file of ignored targets can't be used.
    #[error(transparent)]
    Ignore(#[from] IgnoreError),
    /// The calls can't be counted.
    #[error("failed to prepare the metrics")]
    Metrics(#[source] prometheus::Error),
    /// The cloud can't be called at all.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// The only account has no credentials.
    #[error("account {account} has no credentials: {why}")]
    NoKey {
        /// As the configuration names it.
        account: AccountName,
        /// Why not.
        why: String,
    },
    /// The report can't be written.
    #[error("failed to write the report")]
    Output(#[from] io::Error),
}

/// What there is to say when the report is written.
#[derive(Debug)]
pub struct Audited {
    pub outcome: Outcome,
    /// Why something could not be read. A table says it, too.
    pub failures: Vec<String>,
    pub remarks: Vec<String>,
}

/// Reads everything that is asked for, and writes the report. `watched`: whether somebody looks at standard error.
pub async fn run(options: &AuditOptions, out: impl Write, watched: bool) -> Result<Audited, AuditError> {
    let mut config = load_or_empty(options.scopes.config.as_deref())?;
    let scopes = scopes(&mut config, &options.scopes)?;
    let mut ignores = match &options.ignore {
        Some(path) => IgnoreList::load(path, Timestamp::now())?,
        None => IgnoreList::default(),
    };
    let metrics = Arc::new(Metrics::new().map_err(AuditError::Metrics)?);
    let (clouds, tasks) = Clouds::new(&config, SESSION_NAME, metrics)?;
    // They end with the set.
    let _renewing: JoinSet<_> = tasks.collect();
    let without_key = without_key(&clouds, &scopes).await?;
    let mut failures: Vec<String> = without_key.values().cloned().collect();
    let mut report: Box<dyn Form + '_> = match options.output {
        AuditFormat::Table => Box::new(table::Table::new(out, config.accounts.len() > 1)),
        AuditFormat::Json => Box::new(json::Json::new(out)),
        AuditFormat::Csv => Box::new(csv::Csv::new(out)),
        AuditFormat::Sarif => Box::new(sarif::Sarif::new(out)),
        AuditFormat::Html => {
            let accounts = config.accounts.len() > 1;
            Box::new(html::Html::new(out, accounts, narrowed(options), Timestamp::now()))
        }
    };
    let mut found = Found::default();
    let mut progress = Progress::new(watched, scopes.len());
    for scope in &scopes {
        progress.next_region();
        let (mut counts, mut failure) = ((Counts::default(), Counts::default()), None);
        if let Some(why) = without_key.get(&scope.account) {
            failure = Some(why.clone());
        } else {
            let sink = Sink { report: report.as_mut(), ignores: &mut ignores, found: &mut found };
            let mut audit = RegionAudit::new(scope, &options.select, sink, &progress);
            let read = read(&clouds, &mut audit, scope, options).await;
            counts = (audit.instances, audit.interfaces);
            if let Err(error) = read {
                let why = why(error)?;
                failures.push(format!("{} (account {}): {why}", scope.region, scope.account));
                failure = Some(why);
            }
        }
        progress.clear();
        report.region(&Region {
            scope,
            instances: counts.0,
            interfaces: (!options.instances_only).then_some(counts.1),
            failure: failure.as_deref(),
        })?;
    }
    report.end()?;
    let complete = failures.is_empty();
    Ok(Audited {
        outcome: found.outcome(&options.fail_on, complete),
        remarks: ignores.remarks(complete && options.select.is_empty() && !options.instances_only),
        failures,
    })
}

/// What the report leaves out because it was asked to.
fn narrowed(options: &AuditOptions) -> Vec<String> {
    let tags = options.select.iter().map(|tag| format!("only with the tag {}={}", tag.key, tag.value));
    let kinds = options.instances_only.then(|| "without network interfaces".to_owned());
    tags.chain(kinds).collect()
}

/// The accounts without credentials, and why. An error if there is only one account.
async fn without_key(clouds: &Clouds, scopes: &[Scope]) -> Result<BTreeMap<AccountName, String>, AuditError> {
    let mut without = BTreeMap::new();
    let accounts: BTreeMap<&AccountName, &Scope> =
        scopes.iter().map(|scope| (&scope.account, scope)).collect();
    for (account, scope) in &accounts {
        let key: CurrentKey = clouds.of(scope)?.key;
        let obtained = timeout(PATIENCE, async { key.clone().obtained().await.map(|_| ()) }).await;
        let why = match obtained {
            Ok(Ok(())) => continue,
            Ok(Err(none)) => none.why,
            Err(_) => "no answer within a minute".to_owned(),
        };
        let error = AuditError::NoKey { account: (*account).clone(), why };
        if accounts.len() == 1 {
            return Err(error);
        }
        without.insert((*account).clone(), error.to_string());
    }
    Ok(without)
}

async fn read(
    clouds: &Clouds,
    audit: &mut RegionAudit<'_>,
    scope: &Scope,
    options: &AuditOptions,
) -> Result<(), ReadError> {
    let reach = clouds.of(scope)?;
    let (instances, interfaces, _) = reach.settings;
    let limit = |budget: Limit| options.scopes.calls_per_minute.map_or(budget, spread);
    let interfaces = (!options.instances_only).then(|| limit(interfaces.reads));
    let limits = Limits { instances: limit(instances.reads), interfaces };
    Ok(audit.read(&mut Lister::new(reach.cloud), limits).await?)
}

#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Cloud(#[from] CloudError),
    #[error(transparent)]
    Region(#[from] RegionError),
}

/// Why a region was not listed whole; an error if nobody takes the report any more.
fn why(error: ReadError) -> Result<String, AuditError> {
    match error {
        ReadError::Region(RegionError::Listing(ListingError::Output(error))) => {
            Err(AuditError::Output(error))
        }
        other => Ok(told(&other)),
    }
}

/// So many calls in a minute, spread over it.
fn spread(per_minute: u32) -> Limit {
    Limit { per_minute, burst: per_minute.clamp(1, 20) }
}
