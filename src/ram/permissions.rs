//! What each identity of a configuration must be allowed: the least with which the operator can do what it may be asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use keeper_alicloud::session::account_of_arn;
use keeper_alicloud::{
    ATTACH, ATTRIBUTION_OPERATIONS, OPERATIONS, Operation, Permission, ResourceType, SCALING_OPERATIONS,
};
use keeper_core::id::{AccountName, Region};
use keeper_core::intent::Rights;

use super::document::{Effect, Policy, Statement};
use crate::config::{Account, Config, CredentialSource};

/// Any region, any account.
const ANY: &str = "*";

/// Somebody whom RAM gives permissions to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Identity {
    /// A role, by its ARN.
    Role(String),
    /// Whoever the credentials from here belong to.
    Source(CredentialSource),
}

impl Identity {
    /// Whom the credentials of an account belong to, before it goes on to another role.
    fn first(account: &Account) -> Self {
        let role = match &account.credentials {
            CredentialSource::Oidc(oidc) => oidc.role_arn.clone(),
            _ => None,
        };
        role.map_or_else(|| Self::Source(account.credentials.clone()), Self::Role)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(arn) => write!(f, "the role {arn}"),
            Self::Source(CredentialSource::DefaultChain) => {
                write!(f, "the identity that the environment configures")
            }
            Self::Source(CredentialSource::Environment(key)) => {
                write!(f, "the owner of the access key in the variable {}", key.access_key_id)
            }
            Self::Source(CredentialSource::Files(key)) => {
                write!(f, "the owner of the access key in the file {}", key.access_key_id.display())
            }
            Self::Source(CredentialSource::Oidc(_)) => write!(f, "the role of the ServiceAccount (RRSA)"),
            Self::Source(CredentialSource::EcsRole(role)) => match &role.name {
                Some(name) => write!(f, "the role {name} of the ECS instance"),
                None => write!(f, "the role of the ECS instance"),
            },
            Self::Source(CredentialSource::Profile(profile)) => match &profile.name {
                Some(name) => write!(f, "the profile {name} in the file {}", profile.file.display()),
                None => write!(f, "the current profile in the file {}", profile.file.display()),
            },
        }
    }
}

/// An identity, and what it must be allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permissions {
    pub identity: Identity,
    /// The accounts whose calls it signs.
    pub signs: BTreeSet<AccountName>,
    /// The accounts whose role it assumes.
    pub assumes: BTreeSet<AccountName>,
    /// Without statements: nothing.
    pub policy: Policy,
}

#[derive(Default)]
struct Needs {
    signs: BTreeSet<AccountName>,
    assumes: BTreeSet<AccountName>,
    roles: BTreeSet<String>,
}

/// What the identities of a configuration must be allowed: to read, and unless it is to observe only, to write; and what
/// scaling groups need where that is asked for.
pub fn permissions(config: &Config, observe: bool, scale_in: bool) -> Vec<Permissions> {
    let mut identities: BTreeMap<Identity, Needs> = BTreeMap::new();
    for (name, account) in &config.accounts {
        let mut identity = Identity::first(account);
        if let Some(role) = &account.assume_role {
            let needs = identities.entry(identity).or_default();
            needs.assumes.insert(name.clone());
            needs.roles.insert(role.role_arn.clone());
            identity = Identity::Role(role.role_arn.clone());
        }
        identities.entry(identity).or_default().signs.insert(name.clone());
    }
    let reach = reach(config);
    let scaling = SCALING_OPERATIONS.into_iter().filter(|_| scale_in);
    // Only about what was put right is anybody asked.
    let attribution = ATTRIBUTION_OPERATIONS.into_iter().filter(|_| !observe);
    let operations = OPERATIONS.into_iter().chain(scaling).chain(attribution);
    let operations: Vec<Operation> = operations.filter(|it| !(observe && it.writes())).collect();
    let of = |(identity, needs): (Identity, Needs)| Permissions {
        policy: policy(&needs, &reach, &operations),
        identity,
        signs: needs.signs,
        assumes: needs.assumes,
    };
    identities.into_iter().map(of).collect()
}

fn policy(needs: &Needs, reach: &BTreeMap<AccountName, Reach<'_>>, operations: &[Operation]) -> Policy {
    let (mut allowed, mut denied) = (Vec::new(), Vec::new());
    for operation in operations.iter().copied() {
        let resource: Vec<String> = match operation.permission() {
            Permission::None => continue,
            Permission::Role => needs.roles.iter().cloned().collect(),
            Permission::Resources { types, .. } => {
                let reach = needs.signs.iter().filter_map(|account| reach.get(account));
                resources(operation, types, &reach.collect::<Vec<_>>())
            }
        };
        if resource.is_empty() {
            continue;
        }
        // Each action has a statement of its own, to which a condition can be added.
        allowed.push(statement(Effect::Allow, operation, resource));
        if let Permission::Resources { never: Some(key), .. } = operation.permission() {
            denied.push(never(operation, key));
        }
    }
    Policy::new(allowed.into_iter().chain(denied).collect())
}

fn resources(operation: Operation, types: &[ResourceType], reach: &[&Reach<'_>]) -> Vec<String> {
    let mut all = Vec::new();
    for each in types {
        for reach in reach {
            let account_id = reach.account_id();
            all.extend(reach.regions(operation).into_iter().map(|region| each.all_in(region, account_id)));
        }
    }
    // Where an operation is not told apart by resource, every region is the same.
    all.dedup();
    all
}

fn statement(effect: Effect, operation: Operation, resource: Vec<String>) -> Statement {
    Statement { effect, principal: None, action: operation.action(), resource, condition: BTreeMap::new() }
}

/// The operation is never to do what this condition key is about.
fn never(operation: Operation, key: &'static str) -> Statement {
    Statement {
        condition: [("Bool", [(key, "true".to_owned())].into())].into(),
        ..statement(Effect::Deny, operation, vec![ANY.to_owned()])
    }
}

/// Where an account is served, and what may be asked for there.
struct Reach<'a> {
    account: &'a Account,
    granted: BTreeMap<Region, Rights>,
}

fn reach(config: &Config) -> BTreeMap<AccountName, Reach<'_>> {
    // Whatever the operator's own namespace is called.
    let grants = config.grants("");
    let of = |(name, account): (&AccountName, _)| {
        (name.clone(), Reach { account, granted: grants.to_anybody(name) })
    };
    config.accounts.iter().map(of).collect()
}

impl Reach<'_> {
    fn account_id(&self) -> &str {
        let role = match (&self.account.assume_role, &self.account.credentials) {
            (Some(role), _) => Some(&role.role_arn),
            (None, CredentialSource::Oidc(oidc)) => oidc.role_arn.as_ref(),
            (None, _) => None,
        };
        let known = self.account.account_id.as_deref();
        known.or_else(|| account_of_arn(role?)).unwrap_or(ANY)
    }

    /// The regions in which an operation may be needed.
    fn regions(&self, operation: Operation) -> Vec<&str> {
        if ATTRIBUTION_OPERATIONS.contains(&operation) && !self.account.attribution {
            return Vec::new();
        }
        let needed = self.granted.iter().filter(|(_, rights)| operation != ATTACH || rights.attach);
        let needed: Vec<&str> = needed.map(|(region, _)| region.as_str()).collect();
        // The vendor adds regions, and an account that names none is served in all of them.
        let all = self.account.regions.is_empty() && needed.len() == self.account.all_regions().len();
        if all { vec![ANY] } else { needed }
    }
}

#[cfg(test)]
mod tests;
