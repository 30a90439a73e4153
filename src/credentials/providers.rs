//! The providers of all accounts. What two accounts name alike is asked for once.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keeper_alicloud::metadata_service::ADDRESS;
use keeper_alicloud::{MetadataService, RoleToAssume};
use keeper_core::id::AccountName;

use super::connection::Connection;
use super::current_key::CurrentKey;
use super::default_chain::{self, Choice};
use super::ecs_role::EcsRole;
use super::environment::Environment;
use super::error::CredentialError;
use super::exchange::Exchange;
use super::oidc::Rrsa;
use super::profile::ProfileFile;
use super::provider::Provider;
use super::source::{Issue as _, Seen, Source};
use crate::causes::told;
use crate::config::{self, AssumeRole, CredentialSource, KeyParts};
use crate::metrics::Metrics;

/// The keys of all accounts, and what keeps them fresh.
pub struct Providers {
    all: Vec<(Provider, CurrentKey)>,
    /// Which of them lead to the key of an account, the last one to the key itself.
    accounts: BTreeMap<AccountName, Vec<usize>>,
    metrics: Arc<Metrics>,
}

impl Providers {
    /// The providers of these accounts, each with what its calls go through. `session_name` is that of sessions for which the
    /// configuration names none.
    pub fn new(
        connections: &BTreeMap<AccountName, Connection>,
        environment: &Environment,
        session_name: &str,
        metrics: Arc<Metrics>,
    ) -> Self {
        let mut providers = Self { all: Vec::new(), accounts: BTreeMap::new(), metrics };
        let (mut firsts, mut roles) = (BTreeMap::new(), BTreeMap::new());
        for (name, connection) in connections {
            let Connection { account, unusable, .. } = connection;
            let exchange = connection.exchange(environment, session_name);
            let alike = (&account.credentials, &account.sts, &account.proxy);
            let first = *firsts.entry(alike).or_insert_with(|| {
                let unusable = unusable.clone().map(|why| Err(CredentialError::Unusable(why)));
                let source = unusable.unwrap_or_else(|| source(&account.credentials, &exchange));
                providers.add(usable(source))
            });
            let first_key = providers.used_by(first, name);
            let ways = match (&account.assume_role, first_key) {
                (Some(role), Some(first_key)) => {
                    let second = *roles.entry((first, role)).or_insert_with(|| {
                        providers.add(usable(going_on(first_key, role, &exchange, session_name)))
                    });
                    providers.used_by(second, name);
                    vec![first, second]
                }
                _ => vec![first],
            };
            providers.accounts.insert(name.clone(), ways);
        }
        providers
    }

    fn add(&mut self, source: Source) -> usize {
        self.all.push(Provider::new(source, Arc::clone(&self.metrics)));
        self.all.len() - 1
    }

    fn used_by(&mut self, index: usize, account: &AccountName) -> Option<CurrentKey> {
        let (provider, key) = self.all.get_mut(index)?;
        provider.used_by(account.clone());
        Some(key.clone())
    }

    /// The key of each account.
    pub fn keys(&self) -> impl Iterator<Item = (&AccountName, &CurrentKey)> {
        self.accounts.iter().filter_map(|(name, ways)| Some((name, &self.all.get(*ways.last()?)?.1)))
    }

    /// The sources that lead to the key of an account, by their names in the configuration.
    pub fn sources(&self, account: &AccountName) -> Vec<&'static str> {
        let ways = self.accounts.get(account).map(Vec::as_slice).unwrap_or_default();
        ways.iter().filter_map(|index| Some(self.all.get(*index)?.0.source().name())).collect()
    }

    /// Why no account can ever have a key, whatever happens outside this process.
    pub fn hopeless(&self) -> Option<(AccountName, CredentialError)> {
        let mut hopeless = BTreeMap::new();
        for (provider, _) in &self.all {
            if provider.source().hopeless().is_some() {
                hopeless.extend(provider.accounts().iter().map(|account| (account, provider.source())));
            }
        }
        let all = hopeless.len() == self.accounts.len();
        let (account, source) = hopeless.into_iter().next().filter(|_| all)?;
        Some((account.clone(), source.hopeless()?))
    }

    /// What keeps the keys fresh, each of them a task without an end.
    pub fn into_tasks(self) -> impl Iterator<Item = impl Future<Output = Infallible> + Send + use<>> + use<> {
        self.all.into_iter().map(|(provider, _)| provider.run())
    }
}

/// What is wrong with a source is told when it is asked for a key, and concerns its accounts alone.
fn usable(source: Result<Source, CredentialError>) -> Source {
    source.unwrap_or_else(|error| Source::Unusable(told(&error)))
}

fn source(settings: &CredentialSource, exchange: &Exchange) -> Result<Source, CredentialError> {
    Ok(match settings {
        CredentialSource::DefaultChain => match default_chain::choose(&exchange.environment, may_exist) {
            Choice::Source(chosen) => source(&chosen, exchange)?,
            Choice::Unusable(error) => return Err(error),
            Choice::MetadataService { otherwise } => {
                Source::EcsRole(ecs_role(&config::EcsRole::default(), Some(told(&otherwise)))?)
            }
        },
        CredentialSource::Environment(names) => {
            Source::Environment(names.clone(), exchange.environment.clone())
        }
        CredentialSource::Files(paths) => Source::Files(paths.clone(), Seen::new(files(paths))),
        CredentialSource::Oidc(settings) => {
            Source::Rrsa(Rrsa::new(settings, exchange, exchange.sts(None, None)?)?)
        }
        CredentialSource::EcsRole(settings) => Source::EcsRole(ecs_role(settings, None)?),
        CredentialSource::Profile(profile) => {
            let file = ProfileFile { profile: profile.clone(), exchange: exchange.clone() };
            Source::Profile(file, Seen::new(vec![profile.file.clone()]))
        }
    })
}

/// Whether a file is there, or can't be seen and so may be there: what nobody may look at is not passed over.
fn may_exist(file: &Path) -> bool {
    file.try_exists().unwrap_or(true)
}

fn files(paths: &KeyParts<PathBuf>) -> Vec<PathBuf> {
    let KeyParts { access_key_id, access_key_secret, security_token } = paths;
    [access_key_id, access_key_secret].into_iter().chain(security_token).cloned().collect()
}

fn ecs_role(settings: &config::EcsRole, unless_silent: Option<String>) -> Result<EcsRole, CredentialError> {
    let address = settings.endpoint.as_deref().unwrap_or(ADDRESS);
    let invalid = |error| CredentialError::Invalid { key: "ecsRole", why: told(&error) };
    let service = MetadataService::new(address, settings.allow_v1).map_err(invalid)?;
    Ok(EcsRole { service, name: settings.name.clone(), unless_silent })
}

fn going_on(
    first: CurrentKey,
    role: &AssumeRole,
    exchange: &Exchange,
    session_name: &str,
) -> Result<Source, CredentialError> {
    let role = RoleToAssume {
        arn: role.role_arn.clone(),
        session_name: role.session_name.clone().unwrap_or_else(|| session_name.to_owned()),
        duration: role.duration,
        external_id: role.external_id.clone(),
        policy: role.policy.clone(),
    };
    Ok(Source::AssumeRole { first, role, sts: exchange.sts(None, None)? })
}
