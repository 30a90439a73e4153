//! `ecs-keeper explain`: everything that is known of one instance or one network interface, on one screen. Asks only for reads by id
//! (I59), and judges with core's own functions.

mod changed_by;
mod explanation;
mod history;
mod judgement;
mod sentences;
mod sighting;
mod switched_off;
mod text;

use crate::causes::told;
use crate::cli::{ExplainOptions, OutputFormat, TargetId};
use crate::cloud_access::{AccessError, CloudAccess};
use crate::clouds::Clouds;
use crate::cluster_objects::{ClusterError, ClusterObjects};
use crate::config::{ConfigError, load_or_empty};
use crate::listing::{Lister, ListingError};
use crate::not_examined::NotExamined;
use crate::progress::Progress;
use crate::scope::Scope;
use crate::scopes::{ScopeError, limited, scopes};
use crate::visible_text::plain_line;
use crate::zone::Zone;
use explanation::Explanation;
pub use explanation::schema;
pub use history::EvidenceLog;
use history::LogError;
use sighting::{Found, Limits, find};

/// What sessions are called in which somebody looks at one target.
const SESSION_NAME: &str = "ecs-keeper-explain";

/// Why there is no explanation.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The command line parser asks for an id, unless the schema is asked for.
    #[error("name an instance (i-...) or a network interface (eni-...)")]
    NoTarget,
    /// The evidence log can't be used.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The configuration file can't be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It is not clear which accounts and regions are meant.
    #[error(transparent)]
    Scopes(#[from] ScopeError),
    /// The cloud can't be looked at.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// It is nowhere.
    #[error(
        "{id} is not in {places}, or this identity may not see it: check the id, and name its region with --region{others}"
    )]
    NotFound {
        /// Which one.
        id: String,
        /// Where it was looked for.
        places: String,
        /// Where it could not be looked for.
        others: String,
    },
    /// No region could be looked at.
    #[error("{0}")]
    Unreadable(String),
    /// The answer can't be written.
    #[error("failed to write the answer as JSON")]
    Json(#[source] serde_json::Error),
}

/// Explains a target. `watched`: whether somebody looks at standard error.
pub async fn run(options: &ExplainOptions, watched: bool) -> Result<String, ExplainError> {
    let target = options.target.as_ref().ok_or(ExplainError::NoTarget)?;
    let log =
        options.log.as_deref().map(|path| EvidenceLog::read(path, target.kind(), target.id())).transpose()?;
    let mut config = load_or_empty(options.scopes.places.config.as_deref())?;
    // By its grants, whatever account is looked at.
    let granting = load_or_empty(options.scopes.places.config.as_deref())?;
    let mut scopes = scopes(&mut config, &options.scopes)?;
    let mut access = CloudAccess::open(&config, &scopes, SESSION_NAME).await?;
    if options.scopes.all_regions {
        scopes = access.every_region_of(&scopes).await;
    }
    let objects = if options.cluster.skip_cluster {
        Err("--skip-cluster was given".to_owned())
    } else if options.scopes.places.config.is_none() {
        Err(ClusterError::NoConfig.to_string())
    } else {
        ClusterObjects::read(&options.cluster, &granting).await.map_err(|error| plain_line(&told(&error)))
    };
    let mut progress = Progress::new(watched, scopes.len());
    let (mut not_examined, mut looked_at) = (Vec::new(), Vec::new());
    for scope in &scopes {
        progress.next_region();
        progress.looking(scope);
        let read = match access.unusable.get(&scope.account) {
            Some(why) => Err(why.clone()),
            None => look(&access.clouds, (scope, target), options, objects.as_ref().ok()).await,
        };
        progress.clear();
        match read {
            Ok(Some(found)) => {
                let log = log.map(|log| log.history(&found.scope));
                let account = config.accounts.get(&found.scope.account);
                let attributes = account
                    .filter(|_| options.scopes.places.config.is_some())
                    .map(|account| account.attribution);
                let explained = judgement::explain(target, &found, &objects, log, not_examined, attributes);
                return answer(&explained, options.output);
            }
            Ok(None) => looked_at.push(scope),
            Err(error) => not_examined.push(NotExamined::new(scope, &error)),
        }
    }
    Err(nowhere(target, &looked_at, &not_examined))
}

fn answer(explanation: &Explanation, output: OutputFormat) -> Result<String, ExplainError> {
    match output {
        OutputFormat::Text => Ok(text::text(explanation, &Zone::of_process())),
        OutputFormat::Json => {
            Ok(serde_json::to_string_pretty(explanation).map_err(ExplainError::Json)? + "\n")
        }
    }
}

async fn look(
    clouds: &Clouds,
    (scope, target): (&Scope, &TargetId),
    options: &ExplainOptions,
    objects: Option<&ClusterObjects>,
) -> Result<Option<Found>, String> {
    let reach = clouds.of(scope).map_err(|error| told(&error))?;
    let limits = Limits::new(reach.settings, |budget| limited(options.scopes.pace.calls_per_minute, budget));
    let members = objects.is_some_and(|objects| objects.asks_for_members(scope));
    let found = find(&mut Lister::new(reach.cloud), (scope, target), limits, members).await;
    found.map_err(|error: ListingError| told(&error))
}

fn nowhere(target: &TargetId, looked_at: &[&Scope], not_examined: &[NotExamined]) -> ExplainError {
    let others: Vec<String> = not_examined
        .iter()
        .map(|place| format!("{} (account {}): {}", place.region, place.account, place.error))
        .collect();
    let others = others.join("; ");
    if looked_at.is_empty() {
        return ExplainError::Unreadable(others);
    }
    let places: Vec<String> =
        looked_at.iter().map(|scope| format!("{} (account {})", scope.region, scope.account)).collect();
    let id = target.id().to_owned();
    let others = if others.is_empty() { others } else { format!(". It could not be looked for in {others}") };
    ExplainError::NotFound { id, places: places.join(", "), others }
}
