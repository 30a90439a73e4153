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
mod region_checks;

use std::collections::BTreeSet;
use std::sync::Arc;

use keeper_core::id::{AccountName, Region};

use crate::causes::told;
use crate::cli::{DoctorOptions, OutputFormat, ScopeOptions};
use crate::clouds::Clouds;
use crate::config::{Config, ConfigError, load_or_empty};
use crate::identity_check::identify;
use crate::kubernetes::{connect, runs_in_pod};
use crate::metrics::Metrics;
use crate::scope::Scope;
use crate::scopes::{ScopeError, scopes};
use access_checks::Whom;
use finding::{Check, Level};
pub use finding::{Findings, schema};
use metrics_checks::Source;
#[cfg(any(test, fuzzing))]
pub use metrics_checks::judge;
use region_checks::Asks;

/// What sessions are called in which somebody examines the operator.
const SESSION_NAME: &str = "ecs-keeper-doctor";

/// What was found.
#[derive(Debug)]
pub struct Examined {
    /// What is yet to be printed: how many findings there are, or all of them as JSON.
    pub answer: String,
    /// Whether nothing is wrong.
    pub good: bool,
}

/// Examines everything that is asked for. As text, each finding is printed at once.
pub async fn examine(options: &DoctorOptions) -> anyhow::Result<Examined> {
    let as_text = options.output == OutputFormat::Text;
    let mut findings = if as_text { Findings::told_at_once() } else { Findings::default() };
    let mut places = configuration(options, &mut findings)?;
    let mut members = None;
    if !options.skip_cluster {
        members = cluster(options, &mut places, &mut findings).await;
    }
    if !options.skip_cloud {
        cloud(places, members, &mut findings).await;
    }
    let answer = if as_text { format!("\n{}\n", findings.counts()) } else { findings.json()? };
    Ok(Examined { answer, good: findings.count(Level::Failure) == 0 })
}

/// What the configuration says, unless it can't be used, and the regions that are examined.
struct Places {
    config: Option<Config>,
    scopes: Vec<Scope>,
    /// Accounts without regions: those count that objects name.
    open: BTreeSet<AccountName>,
}

impl Places {
    /// Adds the regions that objects name, where nobody else names any.
    fn add(&mut self, named: &BTreeSet<(String, String)>) {
        let Some(config) = &self.config else { return };
        for (account, region) in named {
            let scope = Scope { account: AccountName::new(account), region: Region::new(region) };
            let known = config.accounts.get(&scope.account);
            if self.open.contains(&scope.account)
                && known.is_some_and(|account| account.all_regions().contains(&scope.region))
            {
                self.scopes.push(scope);
            }
        }
    }

    /// Says of which accounts no region is examined.
    fn tell(&self, findings: &mut Findings) {
        for account in self.open.iter().filter(|open| self.scopes.iter().all(|scope| scope.account != **open))
        {
            for check in [Check::Evidence, Check::Endpoint, Check::Permission] {
                let message =
                    format!("account {account}: no region is known to examine. Name them with --region.");
                findings.add(Level::Unknown, check, message);
            }
        }
    }
}

/// Reads the configuration. What is wrong with it is found; a wrong option is an error.
fn configuration(options: &DoctorOptions, findings: &mut Findings) -> Result<Places, ScopeError> {
    let mut places = Places { config: None, scopes: Vec::new(), open: BTreeSet::new() };
    let mut config = match load_or_empty(options.places.config.as_deref()) {
        Ok(config) => config,
        Err(error) => {
            for problem in problems(&error) {
                findings.add(Level::Failure, Check::Configuration, problem);
            }
            return Ok(places);
        }
    };
    if let Some(file) = &options.places.config {
        findings.add(Level::Ok, Check::Configuration, format!("{}: {config}", file.display()));
    } else {
        let message =
            "no file is named (--config), so an empty one is examined, which may not be the operator's";
        findings.add(Level::Unknown, Check::Configuration, message);
    }
    for doubt in &config.doubts {
        findings.add(Level::Warning, Check::Configuration, doubt.to_string());
    }
    let named = ScopeOptions { places: options.places.clone(), ..ScopeOptions::default() };
    match scopes(&mut config, &named) {
        Ok(found) => places.scopes = found,
        Err(ScopeError::NoRegions(_)) => {
            for (name, account) in &config.accounts {
                let regions = account.regions.iter().cloned();
                places.scopes.extend(regions.map(|region| Scope { account: name.clone(), region }));
            }
            let open = config.accounts.iter().filter(|(_, account)| account.regions.is_empty());
            places.open = open.map(|(name, _)| name.clone()).collect();
        }
        Err(wrong) => return Err(wrong),
    }
    places.config = Some(config);
    Ok(places)
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

async fn cloud(places: Places, members: Option<bool>, findings: &mut Findings) {
    let Some(config) = places.config else {
        let message = "the cloud was not called, because the configuration can't be used";
        return findings.add(Level::Unknown, Check::Credentials, message);
    };
    let clouds = || anyhow::Ok(Clouds::with_providers(&config, SESSION_NAME, Arc::new(Metrics::new()?))?);
    let (clouds, providers) = match clouds() {
        Ok(clouds) => clouds,
        Err(error) => return findings.add(Level::Failure, Check::Credentials, told(error.as_ref())),
    };
    let (identified, _renewing) = identify(&clouds, providers).await;
    let usable = account_checks::examine(identified, findings);
    // Nobody is asked again who has just been found not to answer.
    for scope in places.scopes.iter().filter(|scope| usable.contains(&scope.account)) {
        let trail = config.accounts.get(&scope.account).is_some_and(|account| account.attribution);
        region_checks::examine(&clouds, scope, Asks { members, trail }, findings).await;
    }
}

/// Examines the cluster. Whether an object asks for scale-in; `None`: nobody knows.
async fn cluster(options: &DoctorOptions, places: &mut Places, findings: &mut Findings) -> Option<bool> {
    let client = match connect(options.kubeconfig.as_deref()).await {
        Ok(client) => client,
        Err(error) => {
            let message = format!("{}. --skip-cluster examines only the cloud.", told(&error));
            findings.add(Level::Failure, Check::ApiServer, message);
            return None;
        }
    };
    if !cluster_checks::api_server(&client, findings).await {
        return None;
    }
    cluster_checks::definitions(&client, findings).await;
    let (namespace, release) = (options.namespace.as_str(), options.lease_name.as_str());
    let name = options.service_account.as_deref().unwrap_or(release);
    let own = access_checks::is_own(&client, namespace, name).await;
    let whom = if own { Whom::Own } else { Whom::ServiceAccount { namespace, name } };
    let karpenter = places.config.as_ref().is_some_and(|config| config.karpenter);
    access_checks::examine(&client, whom, namespace, karpenter, findings).await;
    cluster_checks::unprotect_verb(&client, release, findings).await;
    let labels = places.config.as_ref().and_then(|config| config.object_selector.clone());
    let asked = object_checks::examine(&client, labels.as_deref(), findings).await;
    places.add(&asked.places);
    places.tell(findings);
    let leader = lease_checks::leader(&client, namespace, release, findings).await;
    lease_checks::evidence(&client, (namespace, release), &places.scopes, findings).await;
    let port = options.admin_address.port();
    let in_pod = own && options.kubeconfig.is_none() && runs_in_pod();
    match leader {
        _ if in_pod => metrics_checks::examine(Source::Here(port), findings).await,
        Some(pod) => {
            let source = Source::Pod { client: &client, namespace, name: &pod, port };
            metrics_checks::examine(source, findings).await;
        }
        None => {
            metrics_checks::unread(findings, "nobody is known to lead, and only the leader's metrics tell");
        }
    }
    asked.members
}
