//! Wires the operator together and watches over its tasks: the first that ends, for whatever reason, ends all.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use keeper_alicloud::client::Client as CloudClient;
use keeper_alicloud::credentials::{Credentials, StaticCredentials};
use keeper_alicloud::endpoint::{Endpoints, Network};
use keeper_alicloud::transport::{Timeouts, Transport};
use keeper_core::budget::Limit;
use keeper_core::engine::Settings;
use keeper_core::id::{Region, RequestId};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, error, info, info_span, warn};

use crate::admin::{BindError, Port};
use crate::cli::{AccessKey, AccessKeyError, CloudOptions, PaceOptions, RunOptions};
use crate::controllers::announce::Announcer;
use crate::controllers::intake::Intake;
use crate::controllers::objects::Objects;
use crate::controllers::recheck::Rechecker;
use crate::controllers::report::Reporter;
use crate::controllers::route::Grants;
use crate::evidence::Records;
use crate::fleet::{Cloud, Fleet, FleetKey, Fleets};
use crate::health::Health;
use crate::kubernetes::{ConnectError, connect};
use crate::leader::candidate::{Candidate, Timing};
use crate::leader::lease::LeaseAccess;
use crate::leader::{Leader, Leadership};
use crate::metrics::{CallMetrics, FleetMetrics, Metrics};

/// Calls of one fleet that may be under way at once. At a latency of 100 ms that is far more than any budget.
const READS_IN_FLIGHT: usize = 4;
const WRITES_IN_FLIGHT: usize = 32;

/// How long the end waits for calls that are under way.
const FAREWELL: Duration = Duration::from_secs(20);

/// Why the operator ended, or could not begin.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No access key.
    #[error(transparent)]
    AccessKey(#[from] AccessKeyError),
    /// An access key of an odd form.
    #[error("the cloud credentials can't be used")]
    Credentials(#[source] keeper_alicloud::credentials::CredentialsError),
    /// No client for the cloud.
    #[error("the client for the cloud can't be made")]
    Transport(#[source] keeper_alicloud::transport::TransportError),
    /// An endpoint that can't be used.
    #[error("no endpoint for region {region}")]
    Endpoint {
        /// The region.
        region: Region,
        /// Why.
        #[source]
        source: keeper_alicloud::endpoint::EndpointError,
    },
    /// No port for probes and metrics.
    #[error(transparent)]
    Admin(#[from] BindError),
    /// No metrics.
    #[error("the metrics can't be made")]
    Metrics(#[source] prometheus::Error),
    /// No road to the API server.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// No signals.
    #[error("signals can't be received")]
    Signal(#[source] std::io::Error),
    /// A task that should run for ever ended.
    #[error("a task of the operator ended unexpectedly: {0}")]
    TaskEnded(String),
}

/// Runs the operator until SIGTERM or SIGINT.
pub async fn run(options: RunOptions) -> Result<(), RunError> {
    let key = AccessKey::from_environment()?;
    let credentials =
        Credentials::new(expose(&key.id), key.secret, key.security_token).map_err(RunError::Credentials)?;
    let transport = Transport::new(Timeouts::default()).map_err(RunError::Transport)?;
    let metrics = Arc::new(Metrics::new().map_err(RunError::Metrics)?);
    let clouds = Clouds {
        options: options.cloud.clone(),
        transport,
        credentials: StaticCredentials::new(credentials),
        metrics: metrics.clone(),
    };
    // A region without an endpoint is told now, and not when the first object names it.
    for region in &options.cloud.regions {
        clouds.client(region)?;
    }
    let port = Port::bind(options.admin.admin_address).await?;
    let client = connect(options.kubernetes.kubeconfig.as_deref()).await?;
    let mut terminate = signal(SignalKind::terminate()).map_err(RunError::Signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(RunError::Signal)?;

    let health = Health::default();
    let objects = Arc::new(Objects::new(metrics.clone()));
    let Lease { leader, leadership, records } = lease(&options, client.clone(), metrics.clone()).await?;
    let announcer = Announcer::new(client.clone(), leadership.clone(), metrics.clone());
    let rechecker = Arc::new(Rechecker {
        client: client.clone(),
        object_selector: options.kubernetes.object_selector.clone(),
        objects: objects.clone(),
    });
    let (fleets, mut begun) = Fleets::new();
    let namespaces =
        options.kubernetes.watch_namespaces.iter().chain([&options.kubernetes.namespace]).cloned().collect();
    let grants = Grants {
        account: options.cloud.account_name.clone(),
        namespaces,
        regions: options.cloud.regions.iter().cloned().collect(),
    };
    info!(version = env!("CARGO_PKG_VERSION"), account = grants.account.as_str(), namespaces = ?grants.namespaces, "ecs-keeper begins");

    let stop = CancellationToken::new();
    let mut tasks: JoinSet<&'static str> = JoinSet::new();
    let intake = Intake {
        client: client.clone(),
        object_selector: options.kubernetes.object_selector.clone(),
        grants,
        objects: objects.clone(),
        fleets: Arc::new(fleets),
        announcer: announcer.clone(),
        health: health.clone(),
        metrics: metrics.clone(),
    };
    let reporter = Reporter {
        client,
        objects: objects.clone(),
        announcer,
        leadership: leadership.clone(),
        metrics: metrics.clone(),
    };
    tasks.spawn(until(stop.clone(), intake.run(health.pulse("intake")), "intake"));
    tasks.spawn(named("report", reporter.run(stop.clone(), health.pulse("report"))));
    // The lead outlasts the others: what they have under way at the end is still done within it.
    let stop_leading = CancellationToken::new();
    let mut leading = tokio::spawn(leader.run(stop_leading.clone(), health.pulse("leader")));
    // The port outlasts everything: who looks at the end must see it.
    let mut answering = tokio::spawn(port.answer(&health, &metrics, &leadership));

    let ended = loop {
        tokio::select! {
            _ = terminate.recv() => break Ok(()),
            _ = interrupt.recv() => break Ok(()),
            Some((key, mailbox)) = begun.recv() => {
                let cloud = Arc::new(clouds.client(&key.region)?);
                greet(cloud.clone(), &key, leadership.clone());
                let pulse = health.pulse(format!("fleet {} {}", key.account.as_str(), key.region.as_str()));
                let fleet = Fleet {
                    metrics: FleetMetrics::new(metrics.clone(), key.clone()),
                    settings: settings(&options.pace, &key),
                    notebook: records.notebook(&key),
                    key,
                    mailbox,
                    cloud,
                    objects: objects.clone(),
                    rechecker: rechecker.clone(),
                    leadership: leadership.clone(),
                };
                tasks.spawn(named("fleet", fleet.run(stop.clone(), pulse)));
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

/// Waits for what the tasks have under way. Whether all of them came to a good end.
async fn finish(mut tasks: JoinSet<&'static str>) -> bool {
    info!("ecs-keeper ends");
    let mut finished = true;
    let farewell = async {
        while let Some(ended) = tasks.join_next().await {
            finished &= ended.is_ok();
        }
    };
    if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
        error!("calls were still under way at the end");
        return false;
    }
    finished
}

/// All that has to do with Leases.
struct Lease {
    leader: Leader,
    leadership: Leadership,
    records: Records,
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
    let records = Records {
        client,
        namespace: kubernetes.namespace.clone(),
        lease_name: leading.lease_name.clone(),
        identity,
    };
    Ok(Lease { leader, leadership, records })
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

fn expose(secret: &secrecy::SecretString) -> String {
    use secrecy::ExposeSecret as _;
    secret.expose_secret().to_owned()
}

/// Says once in the log, when this replica comes to lead, whose credentials these are. It is no check: what may be done
/// shows when it is done.
fn greet(cloud: Arc<Cloud>, key: &FleetKey, mut leadership: Leadership) {
    let span = info_span!("fleet", account = key.account.as_str(), region = key.region.as_str());
    let greeting = async move {
        let lead = leadership.taken().await;
        match cloud.caller_identity(&leadership.leave(lead.term)).await {
            Ok(identity) => {
                info!(account_id = identity.account_id, arn = identity.arn, "the cloud knows us");
            }
            Err(error) => {
                let request_id = error.request_id.as_ref().map(RequestId::as_str);
                warn!(
                    class = error.class.as_str(),
                    code = &*error.code,
                    request_id,
                    "the cloud did not say who we are"
                );
            }
        }
    };
    tokio::spawn(greeting.instrument(span));
}

struct Clouds {
    options: CloudOptions,
    transport: Transport,
    credentials: StaticCredentials,
    metrics: Arc<Metrics>,
}

impl Clouds {
    fn client(&self, region: &Region) -> Result<Cloud, RunError> {
        let network = if self.options.vpc { Network::Vpc } else { Network::Public };
        let endpoints = match &self.options.endpoint {
            Some(ecs) => {
                let sts = self.options.sts_endpoint.as_ref().unwrap_or(ecs);
                Endpoints::explicit(region, ecs, sts)
            }
            None => Endpoints::of_region(region, network),
        };
        let endpoints = endpoints.map_err(|source| RunError::Endpoint { region: region.clone(), source })?;
        let client = CloudClient::new(self.transport.clone(), endpoints, self.credentials.clone());
        let key = FleetKey { account: self.options.account_name.clone(), region: region.clone() };
        let client = client.observed_by(Arc::new(CallMetrics::new(self.metrics.clone(), key)));
        let retains_primaries = self.options.primary_retention_regions.contains(region);
        Ok(if retains_primaries { client.retaining_primaries() } else { client })
    }
}

fn settings(pace: &PaceOptions, key: &FleetKey) -> Settings {
    let limit =
        |per_minute: std::num::NonZeroU32| Limit { per_minute: per_minute.get(), burst: pace.burst.get() };
    Settings {
        sweep_interval: pace.sweep_interval,
        reads: limit(pace.read_budget),
        writes: limit(pace.write_budget),
        reads_in_flight: READS_IN_FLIGHT,
        writes_in_flight: WRITES_IN_FLIGHT,
        // Jitter only has to differ between fleets.
        seed: key.region.as_str().bytes().fold(0, |seed, byte| seed * 31 + u64::from(byte)),
    }
}
