//! The configuration: what the administrator has written into the file, once it has been found to be right.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use keeper_alicloud::endpoint::{EndpointError, Endpoints, Network, known_regions};
use keeper_core::budget::Limit;
use keeper_core::id::{AccountName, Region};

use super::identity::{AssumeRole, CredentialSource, ProxySettings, StsSettings};
use super::problem::Problem;
use crate::grants::{Grant, Grants};

#[derive(Debug)]
pub struct Config {
    /// Time between two complete listings of a region.
    pub sweep_interval: Duration,
    /// Further regions in which a primary network interface can be retained.
    pub primary_retention_regions: BTreeSet<Region>,
    /// Label selector of the objects that are served.
    pub object_selector: Option<String>,
    /// Whether Karpenter's NodeClaims are watched.
    pub karpenter: bool,
    pub attribution: Attribution,
    pub accounts: BTreeMap<AccountName, Account>,
    /// What each namespace may do; `None` when nothing was granted to any.
    pub grants: Option<Vec<Grant>>,
    /// What can be used and may not be meant.
    pub doubts: Vec<Problem>,
}

/// How it is told who has switched protection off, in the accounts where that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribution {
    /// Whether Events and status show names; the logs do anyway.
    pub in_status: bool,
    /// From when protection was seen to be off until it is asked.
    pub delay: Duration,
}

#[expect(clippy::struct_field_names, reason = "the id is the cloud's, and its own word")]
#[derive(Debug, Clone)]
pub struct Account {
    pub account_id: Option<String>,
    pub credentials: CredentialSource,
    /// A role to go on with.
    pub assume_role: Option<AssumeRole>,
    pub sts: StsSettings,
    pub proxy: Option<ProxySettings>,
    /// Regions that may be named; empty: every one that the vendor has an endpoint for, and those with URLs.
    pub regions: BTreeSet<Region>,
    pub endpoints: AccountEndpoints,
    pub budgets: Budgets,
    /// Whether ActionTrail is asked who has switched protection off.
    pub attribution: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountEndpoints {
    pub network: Network,
    /// URLs for every region, instead of the vendor's.
    pub everywhere: Option<Urls>,
    /// URLs for single regions, instead of both.
    pub regions: BTreeMap<Region, RegionUrls>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegionUrls {
    All(Urls),
    /// ECS is where it is elsewhere.
    Some {
        sts: Option<String>,
        ess: Option<String>,
        actiontrail: Option<String>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Urls {
    pub ecs: String,
    pub sts: String,
    /// Without one Auto Scaling is not called.
    pub ess: Option<String>,
    /// Without one ActionTrail is not called.
    pub actiontrail: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budgets {
    pub describe_instances: Limit,
    pub modify_instance_attribute: Limit,
    pub describe_network_interfaces: Limit,
    /// `ModifyNetworkInterfaceAttribute`, and `AttachNetworkInterface`.
    pub modify_network_interface_attribute: Limit,
    pub describe_scaling_instances: Limit,
    pub set_instances_protection: Limit,
}

impl Config {
    /// What the objects of each namespace may do.
    pub fn grants(&self, own_namespace: &str) -> Grants {
        match &self.grants {
            Some(grants) => Grants::new(&self.all_regions(), grants),
            None => self.everything_to([own_namespace.to_owned()].into()),
        }
    }

    /// The objects of these namespaces may do everything.
    pub fn everything_to(&self, namespaces: BTreeSet<String>) -> Grants {
        let accounts = self.accounts.keys().cloned().collect();
        let grant = Grant { namespaces, accounts, regions: None, unprotect: true, attach: true };
        Grants::new(&self.all_regions(), &[grant])
    }

    /// All regions of each account.
    fn all_regions(&self) -> BTreeMap<AccountName, BTreeSet<Region>> {
        self.accounts.iter().map(|(name, account)| (name.clone(), account.all_regions())).collect()
    }

    /// The accounts in which Events and status show who has switched protection off.
    pub fn accounts_with_names(&self) -> BTreeSet<AccountName> {
        let asked =
            self.accounts.iter().filter(|(_, account)| self.attribution.in_status && account.attribution);
        asked.map(|(name, _)| name.clone()).collect()
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        write!(f, "{}, ", count(self.accounts.len(), "account"))?;
        match &self.grants {
            Some(grants) => write!(f, "{}.", count(grants.len(), "grant")),
            None => write!(f, "no grants: objects in the operator's own namespace may do everything."),
        }
    }
}

impl Account {
    pub fn all_regions(&self) -> BTreeSet<Region> {
        if self.regions.is_empty() {
            let known = known_regions().iter().map(Region::new);
            known.chain(self.endpoints.regions.keys().cloned()).collect()
        } else {
            self.regions.clone()
        }
    }
}

impl AccountEndpoints {
    /// Where the calls for a region go.
    pub fn of(&self, region: &Region) -> Result<Endpoints, EndpointError> {
        let with = |endpoints: Endpoints, ess: &Option<String>, actiontrail: &Option<String>| {
            let endpoints = match ess {
                Some(ess) => endpoints.with_ess(ess)?,
                None => endpoints,
            };
            match actiontrail {
                Some(actiontrail) => endpoints.with_actiontrail(actiontrail),
                None => Ok(endpoints),
            }
        };
        let explicit = |urls: &Urls| {
            with(Endpoints::explicit(region, &urls.ecs, &urls.sts)?, &urls.ess, &urls.actiontrail)
        };
        let usual = || match &self.everywhere {
            Some(urls) => explicit(urls),
            None => Endpoints::of_region(region, self.network),
        };
        match self.regions.get(region) {
            Some(RegionUrls::All(urls)) => explicit(urls),
            Some(RegionUrls::Some { sts, ess, actiontrail }) => {
                let endpoints = match sts {
                    Some(sts) => usual()?.with_sts(sts)?,
                    None => usual()?,
                };
                with(endpoints, ess, actiontrail)
            }
            None => usual(),
        }
    }
}
