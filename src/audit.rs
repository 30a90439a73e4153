//! `ecs-keeper audit`: what can be lost, of everything that there is. Asks only for listings (I59), and judges with the engine's own
//! verdicts.
//!
//! Of what was read, only what interfaces have to know of instances is kept. Each target goes to the report at once.

mod claim;
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

use jiff::Timestamp;
use keeper_alicloud::error::OwnCode;
use keeper_core::budget::Limit;
use keeper_core::failure::Class;

use crate::causes::told;
use crate::cli::{AuditFormat, AuditOptions, ClusterOptions, FailOn};
use crate::cloud_access::{AccessError, CloudAccess};
use crate::clouds::{CloudError, Clouds};
use crate::cluster_objects::{ClusterError, ClusterObjects};
use crate::config::{ConfigError, load_or_empty};
use crate::listing::{Lister, ListingError};
use crate::progress::Progress;
use crate::scope::Scope;
use crate::scopes::{ScopeError, limited, scopes};
use claim::Claimants;
use form::{Form, Region};
use found::Found;
pub use found::Outcome;
use ignore::IgnoreError;
pub use ignore::IgnoreList;
pub use json::schema;
use region::{Limits, RegionAudit, RegionError, Sink};

/// What sessions are called in which somebody looks at everything.
const SESSION_NAME: &str = "ecs-keeper-audit";

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
    /// It is not known what objects ask.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// Without a cluster, nothing is claimed.
    #[error("--fail-on unclaimed needs a cluster: use --cluster, or --kubeconfig FILE")]
    NoCluster,
    /// The cloud can't be looked at.
    #[error(transparent)]
    Access(#[from] AccessError),
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
    /// Why the scaling groups of regions are not known. A table says it, too.
    pub ungrouped: Vec<String>,
    pub remarks: Vec<String>,
}

/// Reads everything that is asked for, and writes the report. `watched`: whether somebody looks at standard error.
pub async fn run(options: &AuditOptions, out: impl Write, watched: bool) -> Result<Audited, AuditError> {
    let mut config = load_or_empty(options.scopes.places.config.as_deref())?;
    let mut scopes = scopes(&mut config, &options.scopes)?;
    let mut ignores = match &options.ignore {
        Some(path) => IgnoreList::load(path, Timestamp::now())?,
        None => IgnoreList::default(),
    };
    let objects = cluster_objects(options).await?;
    let mut access = CloudAccess::open(&config, &scopes, SESSION_NAME).await?;
    if options.scopes.all_regions {
        scopes = access.every_region_of(&scopes).await;
    }
    let mut failures: Vec<String> = access.unusable.values().cloned().collect();
    let (mut report, mut found) = (form(options, out, config.accounts.len() > 1), Found::default());
    let mut ungrouped: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut remarks = Vec::new();
    let mut progress = Progress::new(watched, scopes.len());
    let unreadable = objects.as_ref().map(ClusterObjects::unreadable).unwrap_or_default();
    for scope in &scopes {
        progress.next_region();
        let sink = Sink { report: report.as_mut(), ignores: &mut ignores, found: &mut found };
        let claimants = objects
            .as_ref()
            .map(|objects| Claimants::new(objects.survey(scope, Timestamp::now()), &unreadable));
        let mut audit = RegionAudit::new(scope, &options.select, claimants, sink, &progress);
        let mut failure = access.unusable.get(&scope.account).cloned();
        let mut scaling_groups = Ok(false);
        if failure.is_none() {
            match read(&access.clouds, &mut audit, scope, options).await {
                Ok(read) => scaling_groups = read,
                Err(error) => {
                    let why = why(error)?;
                    failures.push(format!("{} (account {}): {why}", scope.region, scope.account));
                    failure = Some(why);
                }
            }
        }
        let counts = (audit.instances, audit.interfaces, audit.scaling_groups);
        remarks.append(&mut audit.remarks);
        if let Err(why) = &scaling_groups {
            let several = config.accounts.len() > 1;
            let account = if several { format!(" (account {})", scope.account) } else { String::new() };
            ungrouped.entry(why.clone()).or_default().push(format!("{}{account}", scope.region));
        }
        progress.clear();
        report.region(&Region {
            scope,
            instances: counts.0,
            interfaces: (!options.instances_only).then_some(counts.1),
            scaling_groups: (scaling_groups == Ok(true)).then_some(counts.2),
            scaling_groups_failure: scaling_groups.err().as_deref(),
            failure: failure.as_deref(),
        })?;
    }
    report.end()?;
    let complete = failures.is_empty();
    let everything = complete && options.select.is_empty() && !options.instances_only && ungrouped.is_empty();
    Ok(Audited {
        outcome: found.outcome(&options.fail_on, complete),
        remarks: [ignores.remarks(everything), remarks].concat(),
        ungrouped: ungrouped
            .into_iter()
            .map(|(why, regions)| {
                format!("the scaling groups of {} are not known: {why}", regions.join(", "))
            })
            .collect(),
        failures,
    })
}

/// The objects of the cluster, if the options name one. Their grants are those of the whole configuration, whatever accounts are
/// looked at.
async fn cluster_objects(options: &AuditOptions) -> Result<Option<ClusterObjects>, AuditError> {
    if !options.asks_for_cluster() {
        let needed = options.fail_on.contains(&FailOn::Unclaimed);
        return if needed { Err(AuditError::NoCluster) } else { Ok(None) };
    }
    let path = options.scopes.places.config.as_deref().ok_or(ClusterError::NoConfig)?;
    let granting = load_or_empty(Some(path))?;
    let cluster = ClusterOptions {
        kubeconfig: options.kubeconfig.clone(),
        skip_cluster: false,
        namespace: options.namespace.clone(),
    };
    Ok(Some(ClusterObjects::read(&cluster, &granting).await?))
}

/// The form that is asked for. `accounts`: there are several.
fn form<'a>(options: &AuditOptions, out: impl Write + 'a, accounts: bool) -> Box<dyn Form + 'a> {
    match options.output {
        AuditFormat::Table => Box::new(table::Table::new(out, accounts, options.scopes.all_regions)),
        AuditFormat::Json => Box::new(json::Json::new(out)),
        AuditFormat::Csv => Box::new(csv::Csv::new(out)),
        AuditFormat::Sarif => Box::new(sarif::Sarif::new(out)),
        AuditFormat::Html => {
            let (narrowed, cluster) = (narrowed(options), options.asks_for_cluster());
            Box::new(html::Html::new(out, accounts, narrowed, cluster, Timestamp::now()))
        }
    }
}

/// What the report leaves out because it was asked to.
fn narrowed(options: &AuditOptions) -> Vec<String> {
    let tags = options.select.iter().map(|tag| format!("only with the tag {}={}", tag.key, tag.value));
    let kinds = options.instances_only.then(|| "instances only".to_owned());
    tags.chain(kinds).collect()
}

/// Reads a region. Whether its scaling groups were listed, too, or why they can't be: that keeps nobody from the rest.
async fn read(
    clouds: &Clouds,
    audit: &mut RegionAudit<'_>,
    scope: &Scope,
    options: &AuditOptions,
) -> Result<Result<bool, String>, ReadError> {
    let reach = clouds.of(scope)?;
    let (instances, interfaces, members) = reach.settings;
    let limit = |budget: Limit| limited(options.scopes.pace.calls_per_minute, budget);
    let interfaces = (!options.instances_only).then(|| limit(interfaces.reads));
    let limits = Limits { instances: limit(instances.reads), interfaces };
    let mut lister = Lister::new(reach.cloud);
    audit.read(&mut lister, limits).await?;
    // Scaling groups have other tags than their members.
    if options.instances_only || !options.select.is_empty() {
        return Ok(Ok(false));
    }
    match audit.read_scaling_groups(&mut lister, limit(members.reads)).await {
        Ok(()) => Ok(Ok(true)),
        Err(error @ ListingError::Output(_)) => Err(RegionError::Listing(error).into()),
        Err(ListingError::Cloud(error)) => {
            let help = match error.class {
                Class::Permission => ". Allow the identity ess:DescribeScalingGroups",
                _ if &*error.code == OwnCode::NoEndpoint.as_str() => {
                    ". Set endpoints.ess in the configuration"
                }
                _ => "",
            };
            Ok(Err(format!("{} failed with {}{help}", error.operation, error.code)))
        }
        Err(other) => Ok(Err(told(&other))),
    }
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
