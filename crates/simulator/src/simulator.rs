//! The simulator as a value: started in a test or by the program, and gone when dropped.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use hyper::service::service_fn;
use hyper_util::service::TowerToHyperService;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::AbortOnDropHandle;

use crate::account::{Account, AccountSeed, add_fault};
use crate::control;
use crate::faults::Rule;
use crate::gateway::Cloud;
use crate::keys::AccessKey;
use crate::log::{Allowed, Count, LogEntry};
use crate::metadata::{self, Metadata};
use crate::serve::serve;
use crate::state::{MetadataSettings, Settings};
use crate::tls::TlsIdentity;

/// Account that a simulator has when nobody says otherwise.
pub const DEFAULT_ACCOUNT: &str = "1000000000000001";
/// Key of the default account. Invented, like its secret: it opens nothing.
pub const DEFAULT_ACCESS_KEY_ID: &str = "LTAI5tSimulatorKey00000001";
/// Secret of the default account's key.
pub const DEFAULT_ACCESS_KEY_SECRET: &str = "SimulatorSecret000000000000001";

/// What a simulator starts with, also the form of a seed file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Contents {
    /// Accounts; the default one when there are none.
    pub accounts: Vec<AccountSeed>,
    /// Faults in force from the start.
    pub faults: Vec<Rule>,
    /// Settings.
    pub settings: Settings,
    /// How the metadata service behaves.
    pub metadata: MetadataSettings,
}

/// Where a simulator listens; port 0 takes a free one.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// The cloud: ECS, Auto Scaling and STS.
    pub cloud: SocketAddr,
    /// The control port.
    pub control: SocketAddr,
    /// The metadata service.
    pub metadata: SocketAddr,
    /// The cloud once more, over TLS.
    pub tls: Option<(SocketAddr, TlsIdentity)>,
}

impl Default for Addresses {
    /// Free ports of the loopback interface.
    fn default() -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { cloud: any, control: any, metadata: any, tls: None }
    }
}

/// A running simulator. Dropping it closes all ports, all connections and all calls that wait.
#[derive(Debug)]
pub struct Simulator {
    cloud: Cloud,
    endpoint: SocketAddr,
    endpoint_tls: Option<SocketAddr>,
    control: SocketAddr,
    metadata: Metadata,
    accounts: Vec<Account>,
    _ports: Vec<AbortOnDropHandle<()>>,
    _closing: DropGuard,
}

impl Simulator {
    /// Starts on free ports of the loopback interface, with the default account and nothing in it.
    pub async fn start() -> std::io::Result<Self> {
        Self::start_with(Addresses::default(), Contents::default()).await
    }

    /// Starts on given addresses, with given contents.
    pub async fn start_with(addresses: Addresses, contents: Contents) -> std::io::Result<Self> {
        let cloud_port = TcpListener::bind(addresses.cloud).await?;
        let control_port = TcpListener::bind(addresses.control).await?;
        let metadata_port = TcpListener::bind(addresses.metadata).await?;
        let (endpoint, control) = (cloud_port.local_addr()?, control_port.local_addr()?);
        let closing = CancellationToken::new();
        let cloud = Cloud::new(closing.clone());

        cloud.world().settings = contents.settings;
        cloud.world().metadata.settings = contents.metadata;
        for rule in contents.faults {
            add_fault(&cloud, rule);
        }
        let accounts = if contents.accounts.is_empty() { vec![default_account()] } else { contents.accounts };
        let accounts = accounts.into_iter().map(|seed| Account::add(&cloud, seed)).collect();

        let shared = cloud.clone();
        let service = service_fn(move |request| {
            let cloud = shared.clone();
            async move { cloud.serve(request).await }
        });
        let control_service = TowerToHyperService::new(control::router(cloud.clone(), endpoint));
        let metadata = Metadata::new(&cloud, metadata_port.local_addr()?);
        let metadata_service = TowerToHyperService::new(metadata::router(cloud.clone()));
        let mut ports = vec![
            tokio::spawn(serve(cloud_port, None, service.clone())),
            tokio::spawn(serve(control_port, None, control_service)),
            tokio::spawn(serve(metadata_port, None, metadata_service)),
        ];
        let mut endpoint_tls = None;
        if let Some((address, identity)) = addresses.tls {
            let port = TcpListener::bind(address).await?;
            endpoint_tls = Some(port.local_addr()?);
            ports.push(tokio::spawn(serve(port, Some(identity.acceptor()), service)));
        }
        Ok(Self {
            cloud,
            endpoint,
            endpoint_tls,
            control,
            metadata,
            accounts,
            _ports: ports.into_iter().map(AbortOnDropHandle::new).collect(),
            _closing: closing.drop_guard(),
        })
    }

    /// URL of the cloud: the endpoint of ECS, Auto Scaling and STS alike.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.endpoint)
    }

    /// URL of the cloud over TLS, if it was asked for.
    pub fn endpoint_tls(&self) -> Option<String> {
        self.endpoint_tls.map(|address| format!("https://{address}"))
    }

    /// URL of the control port.
    pub fn control(&self) -> String {
        format!("http://{}", self.control)
    }

    /// The metadata service.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The accounts that it was started with, in order.
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// One more account, with a key of its own and no instances. Tests that share a simulator take one each.
    pub fn new_account(&self) -> Account {
        Account::add(&self.cloud, AccountSeed::default())
    }

    /// An account by its id, whenever it was added.
    pub fn account(&self, id: &str) -> Option<Account> {
        Account::existing(&self.cloud, id)
    }

    /// Puts a fault in force and answers its number.
    pub fn fault(&self, rule: Rule) -> u64 {
        add_fault(&self.cloud, rule)
    }

    /// Takes a fault out of force; says whether it was.
    pub fn remove_fault(&self, id: u64) -> bool {
        self.cloud.world().faults.remove(id)
    }

    /// Takes all faults out of force.
    pub fn clear_faults(&self) {
        self.cloud.world().faults.clear(None);
    }

    /// All requests of all accounts, also those that no account could be found for.
    pub fn log(&self) -> Vec<LogEntry> {
        self.cloud.world().log.entries(None, None, 0).cloned().collect()
    }

    /// Calls by operation, over all accounts.
    pub fn counts(&self) -> BTreeMap<String, Count> {
        self.cloud.world().log.counts(None)
    }

    /// Forgets all requests.
    pub fn clear_log(&self) {
        self.cloud.world().log.clear(None);
    }

    /// What anybody asked outside an allow-list, in sentences.
    pub fn violations(&self, allowed: &[Allowed]) -> Vec<String> {
        self.cloud.world().log.violations(None, allowed)
    }

    /// The settings.
    pub fn settings(&self) -> Settings {
        self.cloud.world().settings.clone()
    }

    /// Changes the settings.
    pub fn set(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.cloud.world().settings);
    }
}

fn default_account() -> AccountSeed {
    AccountSeed {
        account_id: Some(DEFAULT_ACCOUNT.to_owned()),
        access_keys: vec![AccessKey::lasting(DEFAULT_ACCESS_KEY_ID, DEFAULT_ACCESS_KEY_SECRET)],
        ..AccountSeed::default()
    }
}
