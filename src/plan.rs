//! `ecs-keeper plan`: what applying objects would do, target by target. Asks only for reads (I59), and judges with the engine's own
//! functions: one engine has the objects as they are, and one has those of the files in their place.

mod applied;
mod comparison;
mod cost;
mod definition;
mod extent;
mod manifest;
mod merge;
mod plan_markdown;
mod plan_statement;
mod plan_text;
mod planned;
mod planning;
mod scan;
mod spec_difference;
mod standing;
mod unprotect_verb;
mod yaml_node;

use std::collections::BTreeSet;

use jiff::Timestamp;
use keeper_core::id::Region;
use kube::Client;

use crate::api::{Resource, WatchedObject};
use crate::causes::told;
use crate::cli::{PlanFormat, PlanOptions};
use crate::cloud_access::{AccessError, CloudAccess};
use crate::clouds::Clouds;
use crate::cluster_objects::{ClusterError, ClusterObjects, machines};
use crate::config::{Config, ConfigError, load_or_empty};
use crate::desired::Cluster;
use crate::kubernetes::{ConnectError, client_of, configuration};
use crate::listing::Lister;
use crate::names::label_selector;
use crate::progress::Progress;
use crate::scope::Scope;
use crate::scopes::{ScopeError, check_region, keep_accounts, limited};
use crate::visible_text::plain_line;
use crate::zone::Zone;
use applied::{Applied, apply};
pub use definition::Definition;
use definition::DefinitionError;
use manifest::ManifestError;
pub use manifest::Manifests;
#[cfg(any(test, fuzzing))]
pub use merge::{applied_before, merged};
pub use planned::{Verdict, schema};
use planning::{Assumptions, Planning};
use scan::{Limits, Scan};
use standing::Standing;

/// What sessions are called in which somebody plans.
const SESSION_NAME: &str = "ecs-keeper-plan";

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The configuration file can't be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The files can't be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// This version is broken.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// There is no road to the cluster.
    #[error("failed to connect to the cluster")]
    Connect(#[source] ConnectError),
    /// It is not known what the objects of the cluster ask.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// An account or a region that is named is not known.
    #[error(transparent)]
    Scopes(#[from] ScopeError),
    /// The cloud can't be looked at.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The plan can't be written.
    #[error("failed to write the plan as JSON")]
    Json(#[source] serde_json::Error),
}

/// A plan that is made.
#[derive(Debug)]
pub struct Answer {
    pub answer: String,
    pub outcome: Verdict,
}

/// Plans. `watched`: whether somebody looks at standard error.
pub async fn run(options: &PlanOptions, watched: bool) -> Result<Answer, PlanError> {
    let mut config = load_or_empty(options.places.config.as_deref())?;
    let definitions: Vec<Definition> =
        Resource::ALL.into_iter().map(Definition::of).collect::<Result<_, _>>()?;
    let (client, default_namespace) = client(options).await?;
    let namespace = options.namespace.clone().unwrap_or(default_namespace);
    let manifests = Manifests::read(&options.filenames, &definitions, &namespace)?;
    let selector = config.object_selector.as_deref().and_then(label_selector);
    let standing = match &client {
        Some(client) => Some(Standing::read(client, selector.as_ref(), &manifests.objects).await?),
        None => None,
    };
    let applied = apply(&manifests.objects, standing, selector.as_ref(), &definitions)
        .map_err(ManifestError::Mistakes)?;
    let cluster = seen_machines(client.as_ref(), &applied, &config).await?;
    let namespaces: BTreeSet<String> = manifests.objects.iter().map(|it| it.namespace.clone()).collect();
    let grants = match &options.places.config {
        Some(_) => config.grants(&options.operator_namespace),
        None => config.everything_to(namespaces),
    };
    let Applied { before, after, objects: of_files } = applied;
    let before = client.is_some().then(|| ClusterObjects::place(before, &cluster, &grants));
    let after = ClusterObjects::place(after, &cluster, &grants);
    let assumptions =
        Assumptions { without_cluster: client.is_none(), without_config: options.places.config.is_none() };
    let mut planning = Planning::new(&manifests, of_files, (before, after), assumptions);
    let scopes = scopes(&mut config, options, &mut planning)?;
    look(&config, options, (&scopes, watched), &mut planning).await?;
    let planned = planning.finish();
    let answer = match options.output {
        PlanFormat::Text => plan_text::text(&planned, options.all, &Zone::of_process()),
        PlanFormat::Markdown => plan_markdown::markdown(&planned, options.all),
        PlanFormat::Json => serde_json::to_string_pretty(&planned).map_err(PlanError::Json)? + "\n",
    };
    Ok(Answer { answer, outcome: planned.verdict() })
}

/// The way to the cluster, if one is asked for, and the namespace of objects without one.
async fn client(options: &PlanOptions) -> Result<(Option<Client>, String), PlanError> {
    if !options.asks_for_cluster() {
        return Ok((None, "default".to_owned()));
    }
    if options.places.config.is_none() {
        return Err(ClusterError::NoConfig.into());
    }
    let configuration = configuration(options.kubeconfig.as_deref()).await.map_err(PlanError::Connect)?;
    let namespace = configuration.default_namespace.clone();
    Ok((Some(client_of(configuration).map_err(PlanError::Connect)?), namespace))
}

/// The Nodes and NodeClaims that objects ask for, with the files or without them.
async fn seen_machines(
    client: Option<&Client>,
    applied: &Applied,
    config: &Config,
) -> Result<Cluster, PlanError> {
    let Some(client) = client else { return Ok(Cluster::default()) };
    let all: Vec<WatchedObject> = applied.before.iter().chain(&applied.after).cloned().collect();
    Ok(machines(client, &all, config).await?)
}

/// The accounts and regions that are looked at: those for which an object of the files asks for something, with the files or without
/// them. Other accounts are taken out of the configuration, so that nobody asks for their credentials.
fn scopes(
    config: &mut Config,
    options: &PlanOptions,
    planning: &mut Planning,
) -> Result<BTreeSet<Scope>, ScopeError> {
    keep_accounts(config, &options.places.account)?;
    let regions: Vec<Region> = options.places.region.iter().map(Region::new).collect();
    for region in &regions {
        config.accounts.values().try_for_each(|account| check_region(account, region))?;
    }
    let asked = planning.scopes();
    let wanted = |scope: &Scope| {
        config.accounts.contains_key(&scope.account)
            && (regions.is_empty() || regions.contains(&scope.region))
    };
    let (scopes, others): (BTreeSet<Scope>, BTreeSet<Scope>) = asked.into_iter().partition(wanted);
    planning.leave_out(&others);
    config.accounts.retain(|name, _| scopes.iter().any(|scope| scope.account == *name));
    Ok(scopes)
}

/// Looks at the regions, one after the other.
async fn look(
    config: &Config,
    options: &PlanOptions,
    (scopes, watched): (&BTreeSet<Scope>, bool),
    planning: &mut Planning,
) -> Result<(), PlanError> {
    if scopes.is_empty() {
        return Ok(());
    }
    let of_accounts: Vec<Scope> = scopes.iter().cloned().collect();
    let access = CloudAccess::open(config, &of_accounts, SESSION_NAME).await?;
    let mut progress = Progress::new(watched, scopes.len());
    for scope in scopes {
        progress.next_region();
        progress.looking(scope);
        let read = match access.unusable.get(&scope.account) {
            Some(why) => Err(why.clone()),
            None => Box::pin(look_at(&access.clouds, options, (scope, &progress), planning)).await,
        };
        progress.clear();
        if let Err(why) = read {
            planning.failed(scope, &plain_line(&why));
        }
    }
    Ok(())
}

async fn look_at(
    clouds: &Clouds,
    options: &PlanOptions,
    (scope, progress): (&Scope, &Progress),
    planning: &mut Planning,
) -> Result<(), String> {
    let reach = clouds.of(scope).map_err(|error| told(&error))?;
    let (instances, interfaces, members) = reach.settings;
    let limit = |budget| limited(options.pace.calls_per_minute, budget);
    let limits = Limits {
        instances: limit(instances.reads),
        interfaces: limit(interfaces.reads),
        members: limit(members.reads),
    };
    let now = Timestamp::now();
    let mut scan = Scan::new(planning.before(scope, now), planning.after(scope, now));
    let mut lister = Lister::new(reach.cloud);
    scan.read(&mut lister, (scope, limits, planning.extents(scope)), progress)
        .await
        .map_err(|error| told(&error))?;
    planning.take(scope, scan, reach.settings);
    Ok(())
}
