//! What the workers call the cloud with: for each account its connections and its key, for each scope a client.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use keeper_alicloud::client::Client as CloudClient;
use keeper_alicloud::endpoint::EndpointError;
use keeper_alicloud::transport::TransportError;
use keeper_alicloud::{AccountPinning, VerifiedCredentials};
use keeper_core::engine::Settings;
use keeper_core::id::{AccountName, Region};
use tracing::warn;

use crate::cloud::Cloud;
use crate::config::Config;
use crate::credentials::{Connection, CredentialError, CurrentKey, Environment, Providers, connections};
use crate::metrics::{CallMetrics, Metrics};
use crate::scope::Scope;

/// Calls of one worker that may be under way at once. At a latency of 100 ms that is far more than any budget.
const READS_IN_FLIGHT: usize = 4;
const WRITES_IN_FLIGHT: usize = 32;
/// Members of scaling groups are listed this often at most: whoever drives the groups, such as cluster-autoscaler, shares the
/// account's quota.
const MEMBERS_EVERY: Duration = Duration::from_mins(1);

/// Why the cloud can't be called.
#[derive(Debug, thiserror::Error)]
pub enum CloudError {
    #[error("account {account}")]
    NoKey {
        account: AccountName,
        #[source]
        source: CredentialError,
    },
    #[error("the configuration has no account {0}")]
    UnknownAccount(AccountName),
    #[error("failed to create the client for the cloud")]
    Transport(#[from] TransportError),
    #[error("no endpoint for region {region}")]
    Endpoint {
        region: Region,
        #[source]
        source: EndpointError,
    },
}

/// The clouds of all accounts.
pub struct Clouds {
    sweep_interval: Duration,
    primary_retention_regions: BTreeSet<Region>,
    pinning: Arc<AccountPinning>,
    connections: BTreeMap<AccountName, Connection>,
    keys: BTreeMap<AccountName, CurrentKey>,
    metrics: Arc<Metrics>,
}

impl Clouds {
    /// Those that the configuration names, and the tasks that keep their keys fresh. An error if no account can ever have a key.
    pub fn new(
        config: &Config,
        session_name: &str,
        metrics: Arc<Metrics>,
    ) -> Result<
        (Self, impl Iterator<Item = impl Future<Output = Infallible> + Send + use<>> + use<>),
        CloudError,
    > {
        let (clouds, providers) = Self::with_providers(config, session_name, metrics)?;
        for (name, connection) in &clouds.connections {
            if connection.account.account_id.is_none() {
                warn!(
                    account = name.as_str(),
                    "accountId is not set: pinning the cloud account of the first credentials"
                );
            }
        }
        if let Some((account, source)) = providers.hopeless() {
            return Err(CloudError::NoKey { account, source });
        }
        Ok((clouds, providers.into_tasks()))
    }

    /// The same, whether or not they can have keys, with the providers of these.
    pub fn with_providers(
        config: &Config,
        session_name: &str,
        metrics: Arc<Metrics>,
    ) -> Result<(Self, Providers), CloudError> {
        let connections = connections(config)?;
        let providers =
            Providers::new(&connections, &Environment::of_process(), session_name, Arc::clone(&metrics));
        let pinned = config
            .accounts
            .iter()
            .filter_map(|(name, account)| Some((name.clone(), account.account_id.as_deref()?.into())));
        let clouds = Self {
            sweep_interval: config.sweep_interval,
            primary_retention_regions: config.primary_retention_regions.clone(),
            pinning: Arc::new(AccountPinning::new(pinned)),
            keys: providers.keys().map(|(name, key)| (name.clone(), key.clone())).collect(),
            connections,
            metrics,
        };
        Ok((clouds, providers))
    }

    /// Each account with its connection and its key.
    pub fn accounts(&self) -> impl Iterator<Item = (&AccountName, &Connection, &CurrentKey)> {
        self.keys.iter().filter_map(|(name, key)| Some((name, self.connections.get(name)?, key)))
    }

    /// What a worker calls the cloud with, and how often it may: of instances, of network interfaces, and of members of scaling
    /// groups.
    pub fn of(&self, scope: &Scope) -> Result<Reach, CloudError> {
        let unknown = || CloudError::UnknownAccount(scope.account.clone());
        let Connection { account, transport, .. } =
            self.connections.get(&scope.account).ok_or_else(unknown)?;
        let current = self.keys.get(&scope.account).ok_or_else(unknown)?;
        let endpoints = account.endpoints.of(&scope.region);
        let endpoints =
            endpoints.map_err(|source| CloudError::Endpoint { region: scope.region.clone(), source })?;
        let address = endpoints.ecs_address();
        let pinned = VerifiedCredentials::new(
            scope.account.clone(),
            current.clone(),
            self.pinning.clone(),
            transport.clone(),
            endpoints.clone(),
        );
        let observer = Arc::new(CallMetrics::new(self.metrics.clone(), scope.clone()));
        let pinned = pinned.observed_by(observer.clone());
        let client = CloudClient::new(transport.clone(), endpoints, pinned).observed_by(observer);
        let retains_primaries = self.primary_retention_regions.contains(&scope.region);
        let client = if retains_primaries { client.retaining_primaries() } else { client };
        let budgets = &account.budgets;
        let settings = |reads, writes| Settings {
            sweep_interval: self.sweep_interval,
            reads,
            writes,
            reads_in_flight: READS_IN_FLIGHT,
            writes_in_flight: WRITES_IN_FLIGHT,
            // Jitter only has to differ between workers.
            seed: [scope.account.as_str(), scope.region.as_str()]
                .iter()
                .flat_map(|name| name.bytes())
                .fold(0, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte))),
        };
        let instances = settings(budgets.describe_instances, budgets.modify_instance_attribute);
        let interfaces =
            settings(budgets.describe_network_interfaces, budgets.modify_network_interface_attribute);
        let members = Settings {
            sweep_interval: self.sweep_interval.max(MEMBERS_EVERY),
            ..settings(budgets.describe_scaling_instances, budgets.set_instances_protection)
        };
        let settings = (instances, interfaces, members);
        Ok(Reach { cloud: Arc::new(client), address, key: current.clone(), settings })
    }
}

/// What a worker reaches the cloud with.
pub struct Reach {
    pub cloud: Arc<Cloud>,
    /// Where ECS is, for people.
    pub address: String,
    pub key: CurrentKey,
    pub settings: (Settings, Settings, Settings),
}
