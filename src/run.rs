//! Wires the operator together and watches over its tasks: the first that ends, for whatever reason, ends all.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::admin::{BindError, Port};
use crate::attribution::{Around, Attributions};
use crate::cli::RunOptions;
use crate::clouds::{CloudError, Clouds};
use crate::config::{self, Config, ConfigError};
use crate::events::EventRecorder;
use crate::evidence_log::EvidenceLog;
use crate::health::Health;
use crate::kubernetes::{ConnectError, connect};
use crate::leader::candidate::{Candidate, Timing};
use crate::leader::lease::LeaseAccess;
use crate::leader::{Leader, Leadership};
use crate::mailbox::Mailboxes;
use crate::metrics::{Metrics, ScopeMetrics};
use crate::preflight::Preflight;
use crate::status_writer::StatusWriter;
use crate::store::Store;
use crate::sweep_record::SweepRecords;
use crate::watch::Watch;
use crate::worker::Worker;

const SESSION_PREFIX: &str = "ecs-keeper";

/// By the vendor's API metadata.
const LONGEST_SESSION_NAME: usize = 64;

/// How long the end waits for calls that are under way.
const FAREWELL: Duration = Duration::from_secs(20);

/// Why the operator ended, or could not begin.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Cloud(#[from] CloudError),
    #[error(transparent)]
    Admin(#[from] BindError),
    #[error("failed to create the metrics")]
    Metrics(#[source] prometheus::Error),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("failed to install the signal handlers")]
    Signal(#[source] std::io::Error),
    #[error("a task of the operator ended unexpectedly: {0}")]
    TaskEnded(String),
}

/// Runs the operator until SIGTERM or SIGINT.
pub async fn run(options: RunOptions) -> Result<(), RunError> {
    let config = config::load(&options.configuration.config)?;
    for doubt in &config.doubts {
        warn!(why = %doubt, "configuration warning");
    }
    let metrics = Arc::new(Metrics::new().map_err(RunError::Metrics)?);
    let (clouds, credentials) = Clouds::new(&config, &session_name(&options), metrics.clone())?;
    let port = Port::bind(options.admin.admin_address).await?;
    let client = connect(options.kubernetes.kubeconfig.as_deref()).await?;
    let mut terminate = signal(SignalKind::terminate()).map_err(RunError::Signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(RunError::Signal)?;

    let health = Health::default();
    let store = Arc::new(Store::new(metrics.clone()).showing_changes(config.accounts_with_names()));
    let Lease { leader, leadership, records, identity } =
        lease(&options, client.clone(), metrics.clone()).await?;
    let events = EventRecorder::new(client.clone(), leadership.clone(), metrics.clone());
    let preflight = Arc::new(Preflight {
        client: client.clone(),
        object_selector: config.object_selector.clone(),
        store: store.clone(),
    });
    let (mailboxes, mut begun) = Mailboxes::new();
    let grants = config.grants(&options.kubernetes.namespace);
    let (accounts, namespaces): (Vec<_>, Vec<_>) =
        (config.accounts.keys().collect(), grants.namespaces().collect());
    info!(version = env!("CARGO_PKG_VERSION"), ?accounts, ?namespaces, "starting ecs-keeper");

    let stop = CancellationToken::new();
    let mut tasks: JoinSet<&'static str> = JoinSet::new();
    let watch = Watch {
        client: client.clone(),
        object_selector: config.object_selector.clone(),
        grants,
        store: store.clone(),
        mailboxes: Arc::new(mailboxes),
        events: events.clone(),
        health: health.clone(),
        metrics: metrics.clone(),
        watches_claims: config.karpenter,
    };
    let status_writer = StatusWriter {
        client,
        store: store.clone(),
        events: events.clone(),
        leadership: leadership.clone(),
        metrics: metrics.clone(),
    };
    let attributions = attributions(&config, &status_writer, (&stop, &health), &mut tasks);
    tasks.spawn(until(stop.clone(), watch.run(health.pulse("intake")), "intake"));
    tasks.spawn(named("report", status_writer.run(stop.clone(), health.pulse("report"))));
    tasks.spawn(named("events", events.run(stop.clone(), health.pulse("events"))));
    for task in credentials {
        tasks.spawn(until(stop.clone(), task, "credentials"));
    }
    // The lead outlasts the others: what they have under way at the end is still done within it.
    let stop_leading = CancellationToken::new();
    let mut leading = tokio::spawn(leader.run(stop_leading.clone(), health.pulse("leader")));
    // The port outlasts everything: who looks at the end must see it.
    let mut answering = tokio::spawn(port.answer(&health, &metrics, &leadership));

    let ended = loop {
        tokio::select! {
            _ = terminate.recv() => break Ok(()),
            _ = interrupt.recv() => break Ok(()),
            Some((scope, mailbox)) = begun.recv() => {
                let reach = match clouds.of(&scope) {
                    Ok(reach) => reach,
                    Err(error) => break Err(error.into()),
                };
                let pulse = health.pulse(format!("region {} {}", scope.account.as_str(), scope.region.as_str()));
                let worker = Worker {
                    attribution: attributions.of(&scope, &reach.cloud),
                    metrics: ScopeMetrics::new(metrics.clone(), scope.clone()),
                    settings: reach.settings,
                    sweep_record: records.of(&scope),
                    evidence_log: EvidenceLog::new(scope.clone(), identity.clone()),
                    scope,
                    mailbox,
                    cloud: reach.cloud,
                    key_of_account: reach.key,
                    store: store.clone(),
                    preflight: preflight.clone(),
                    leadership: leadership.clone(),
                };
                tasks.spawn(named("region", worker.run(stop.clone(), pulse)));
            }
            Some(ended) = tasks.join_next() => break Err(task_ended(ended)),
            ended = &mut leading => return Err(task_ended(ended.map(|_| "leader"))),
            ended = &mut answering => break Err(task_ended(ended.map(|_| "probes and metrics"))),
        }
    };
    health.ending(ended.as_ref().err());
    stop.cancel();
    let finished = finish(tasks).await && ended.is_ok();
    stop_leading.cancel();
    // Of a task that failed nobody knows what it has on the wire: then the Lease is left to its end.
    if let (Ok(leader), true) = (leading.await, finished) {
        leader.release().await;
    }
    ended
}

/// Begins to ask who has switched flags off, in the accounts where that is asked for.
fn attributions(
    config: &Config,
    StatusWriter { store, events, leadership, metrics, .. }: &StatusWriter,
    (stop, health): (&CancellationToken, &Health),
    tasks: &mut JoinSet<&'static str>,
) -> Attributions {
    let around = Around {
        store: store.clone(),
        events: events.clone(),
        leadership: leadership.clone(),
        metrics: metrics.clone(),
    };
    let (attributions, asking) = Attributions::new(config, &around);
    for task in asking {
        let pulse = health.pulse(format!("attribution {}", task.account()));
        tasks.spawn(named("attribution", task.run(stop.clone(), pulse)));
    }
    attributions
}

/// How sessions are called that the configuration does not name: ActionTrail shows it.
fn session_name(options: &RunOptions) -> String {
    let (lease, namespace) = (&options.leading.lease_name, &options.kubernetes.namespace);
    let name = if lease.starts_with(SESSION_PREFIX) {
        format!("{lease}-{namespace}")
    } else {
        format!("{SESSION_PREFIX}-{lease}-{namespace}")
    };
    // What names a Lease and a namespace has only characters that a session's name may have.
    name.chars().take(LONGEST_SESSION_NAME).collect()
}

/// Waits for what the tasks have under way. Whether all of them came to a good end.
async fn finish(mut tasks: JoinSet<&'static str>) -> bool {
    info!("shutting down");
    let mut finished = true;
    let farewell = async {
        while let Some(ended) = tasks.join_next().await {
            finished &= ended.is_ok();
        }
    };
    if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
        error!("shut down with calls still in flight");
        return false;
    }
    finished
}

struct Lease {
    leader: Leader,
    leadership: Leadership,
    records: SweepRecords,
    /// Of this process.
    identity: Arc<str>,
}

async fn lease(options: &RunOptions, client: kube::Client, metrics: Arc<Metrics>) -> Result<Lease, RunError> {
    let (kubernetes, leading) = (&options.kubernetes, &options.leading);
    // Never the same twice: a process that is started anew must not take itself for the one before it, some call of which
    // may still be on its way. Names of Pods have no such character.
    let chance = RandomState::new().hash_one(std::process::id());
    let identity = format!("{}_{chance:016x}", leading.pod_name);
    let timing = Timing { duration: leading.lease_duration };
    let candidate = Candidate::new(identity.clone(), timing, chance);
    // Connections of its own: a renewal must not wait behind a long list.
    let own = connect(kubernetes.kubeconfig.as_deref()).await?;
    let access =
        LeaseAccess::new(own, &kubernetes.namespace, &leading.lease_name, &identity, timing.duration);
    let origin = tokio::time::Instant::now();
    let (leader, leadership) = Leader::new(identity.clone(), candidate, access, origin, metrics);
    let records = SweepRecords {
        client,
        namespace: kubernetes.namespace.clone(),
        lease_name: leading.lease_name.clone(),
        identity: identity.clone(),
    };
    Ok(Lease { leader, leadership, records, identity: identity.into() })
}

fn task_ended(ended: Result<&'static str, JoinError>) -> RunError {
    RunError::TaskEnded(ended.map_or_else(|error| error.to_string(), str::to_owned))
}

async fn named(name: &'static str, task: impl Future<Output = ()>) -> &'static str {
    task.await;
    name
}

async fn until(
    stop: CancellationToken,
    task: impl Future<Output = std::convert::Infallible>,
    name: &'static str,
) -> &'static str {
    tokio::select! {
        () = stop.cancelled() => name,
        never = task => match never {},
    }
}
