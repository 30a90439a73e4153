//! `ecs-keeper doctor`: whether the operator can do its work, and does, examined from where somebody asks.
//!
//! Only reads: no flag is written, no object changed. What can't be told by whoever asks is `unknown`, and never `ok`.

mod access_checks;
mod account_checks;
mod cluster_checks;
mod finding;
mod lease_checks;
mod metrics_checks;
mod object_checks;
mod question;
mod region_checks;

use std::sync::Arc;

use kube::Client;
use tokio::task::JoinSet;

use crate::causes::told;
use crate::cli::{DoctorOptions, OutputFormat, ScopeOptions};
use crate::clouds::Clouds;
use crate::config::{Config, ConfigError, load_or_empty};
use crate::kubernetes::{connect, runs_in_pod};
use crate::metrics::Metrics;
use crate::scope::Scope;
use crate::scopes::{ScopeError, scopes};
use access_checks::Whom;
pub use finding::schema;
use finding::{Check, Findings, Level};
use metrics_checks::Source;

/// What sessions are called in which somebody examines the operator.
const SESSION_NAME: &str = "ecs-keeper-doctor";

/// What was found.
#[derive(Debug)]
pub struct Examined {
    /// A line for each finding, or JSON.
    pub answer: String,
    /// Whether nothing is wrong.
    pub good: bool,
}

/// Examines everything that is asked for.
pub async fn examine(options: &DoctorOptions) -> anyhow::Result<Examined> {
    let mut findings = Findings::default();
    let (config, scopes) = configuration(options, &mut findings)?;
    let mut members = false;
    if !options.skip_cluster {
        members = cluster(options, config.as_ref(), &scopes, &mut findings).await;
    }
    if let Some(config) = config.filter(|_| !options.skip_cloud) {
        cloud(config, &scopes, members, &mut findings).await?;
    }
    let answer = match options.output {
        OutputFormat::Text => findings.text(),
        OutputFormat::Json => findings.json()?,
    };
    Ok(Examined { answer, good: findings.count(Level::Failure) == 0 })
}

/// What the configuration says, and the regions that it names. What is wrong with it is found; a wrong option is an error.
fn configuration(
    options: &DoctorOptions,
    findings: &mut Findings,
) -> Result<(Option<Config>, Vec<Scope>), ScopeError> {
    let file = options.config.as_ref().map(|path| path.display().to_string());
    let mut config = match load_or_empty(options.config.as_deref()) {
        Ok(config) => config,
        Err(error) => {
            for problem in problems(&error) {
                findings.add(Level::Failure, Check::Configuration, problem);
            }
            return Ok((None, Vec::new()));
        }
    };
    match file {
        Some(file) => findings.add(Level::Ok, Check::Configuration, format!("{file}: {config}")),
        None => findings.add(
            Level::Unknown,
            Check::Configuration,
            "no file is named (--config), so an empty one is examined",
        ),
    }
    for doubt in &config.doubts {
        findings.add(Level::Warning, Check::Configuration, doubt.to_string());
    }
    let named = ScopeOptions {
        account: options.account.clone(),
        region: options.region.clone(),
        ..ScopeOptions::default()
    };
    let found = match scopes(&mut config, &named) {
        Ok(found) => found,
        Err(ScopeError::NoRegions(account)) => {
            let message =
                format!("account {account} names no regions, so none is examined. Name them with --region.");
            findings.add(Level::Unknown, Check::Endpoint, message);
            Vec::new()
        }
        Err(wrong) => return Err(wrong),
    };
    Ok((Some(config), found))
}

/// Each problem of a configuration file, in a line.
fn problems(error: &ConfigError) -> Vec<String> {
    let told = told(error);
    match told.split_once(":\n") {
        Some((what, problems)) => {
            problems.lines().map(|problem| format!("{what}: {}", problem.trim())).collect()
        }
        None => vec![told],
    }
}

async fn cloud(
    mut config: Config,
    scopes: &[Scope],
    members: bool,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let usable = account_checks::examine(&config, findings).await?;
    // Nobody is asked again who has just been found not to answer.
    config.accounts.retain(|name, _| usable.contains(name));
    let (clouds, tasks) = Clouds::new(&config, SESSION_NAME, Arc::new(Metrics::new()?))?;
    // They end with the set.
    let _renewing: JoinSet<_> = tasks.collect();
    for scope in scopes.iter().filter(|scope| usable.contains(&scope.account)) {
        region_checks::examine(&clouds, scope, members, findings).await;
    }
    Ok(())
}

/// Examines the cluster. Whether an object asks for scale-in.
async fn cluster(
    options: &DoctorOptions,
    config: Option<&Config>,
    scopes: &[Scope],
    findings: &mut Findings,
) -> bool {
    let client = match connect(options.kubeconfig.as_deref()).await {
        Ok(client) => client,
        Err(error) => {
            let message = format!("{}. --skip-cluster examines only the cloud.", told(&error));
            findings.add(Level::Failure, Check::ApiServer, message);
            return false;
        }
    };
    if !cluster_checks::api_server(&client, findings).await {
        return false;
    }
    let defined = cluster_checks::definitions(&client, findings).await;
    let in_pod = options.kubeconfig.is_none() && runs_in_pod();
    let (namespace, release) = (options.namespace.as_str(), options.lease_name.as_str());
    let name = options.service_account.as_deref().unwrap_or(release);
    let whom = if in_pod { Whom::Own } else { Whom::ServiceAccount { namespace, name } };
    let karpenter = config.is_some_and(|config| config.karpenter);
    access_checks::examine(&client, whom, namespace, karpenter, findings).await;
    cluster_checks::unprotect_verb(&client, release, findings).await;
    let leader = lease_checks::leader(&client, namespace, release, findings).await;
    lease_checks::evidence(&client, (namespace, release), scopes, findings).await;
    let labels = config.and_then(|config| config.object_selector.as_deref());
    let members = defined && object_checks::examine(&client, labels, findings).await;
    metrics(&client, options, in_pod, leader.as_deref(), findings).await;
    members
}

async fn metrics(
    client: &Client,
    options: &DoctorOptions,
    in_pod: bool,
    leader: Option<&str>,
    findings: &mut Findings,
) {
    let port = options.admin_address.port();
    let source = match leader {
        _ if in_pod => Source::Here(port),
        Some(name) => Source::Pod { client, namespace: &options.namespace, name, port },
        // That was found already.
        None => return,
    };
    metrics_checks::examine(source, findings).await;
}
