//! What the administrator lets the objects of each namespace do. Everything is found by exact match with what the
//! configuration says: no user's string becomes part of anything (I43).

use std::collections::{BTreeMap, BTreeSet};

use keeper_core::id::{AccountName, Region};
use keeper_core::intent::Rights;

/// What some namespaces may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub namespaces: BTreeSet<String>,
    pub accounts: BTreeSet<AccountName>,
    /// The regions; `None`: all that the accounts have.
    pub regions: Option<BTreeSet<Region>>,
    /// Whether flags may be switched off.
    pub unprotect: bool,
    /// Whether network interfaces may be attached.
    pub attach: bool,
}

#[derive(Debug, Clone, Default)]
pub struct Grants {
    namespaces: BTreeMap<String, BTreeMap<AccountName, Granted>>,
}

/// What a namespace may do in one account: in which regions, and what there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Granted {
    regions: BTreeMap<Region, Rights>,
}

impl Grants {
    /// These grants, which add up. `accounts`: all regions of each account.
    pub fn new(accounts: &BTreeMap<AccountName, BTreeSet<Region>>, grants: &[Grant]) -> Self {
        let mut namespaces: BTreeMap<String, BTreeMap<AccountName, Granted>> = BTreeMap::new();
        for grant in grants {
            let rights = Rights { unprotect: grant.unprotect, attach: grant.attach };
            for namespace in &grant.namespaces {
                for (account, regions) in accounts.iter().filter(|(name, _)| grant.accounts.contains(*name)) {
                    let granted =
                        namespaces.entry(namespace.clone()).or_default().entry(account.clone()).or_default();
                    for region in regions {
                        if grant.regions.as_ref().is_none_or(|granted| granted.contains(region)) {
                            granted.regions.entry(region.clone()).or_default().add(rights);
                        }
                    }
                }
            }
        }
        Self { namespaces }
    }

    /// What the namespace may do in an account: by whatever name a spec calls it, the configuration's own name of it.
    pub fn of(&self, namespace: &str, account: &str) -> Option<(&AccountName, &Granted)> {
        self.namespaces.get(namespace)?.get_key_value(&AccountName::new(account))
    }

    /// What any namespace may do in an account: in which regions, and what there.
    pub fn to_anybody(&self, account: &AccountName) -> BTreeMap<Region, Rights> {
        let mut all: BTreeMap<Region, Rights> = BTreeMap::new();
        for granted in self.namespaces.values().filter_map(|accounts| accounts.get(account)) {
            for (region, rights) in &granted.regions {
                all.entry(region.clone()).or_default().add(*rights);
            }
        }
        all
    }

    /// The namespaces that may do anything.
    pub fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.namespaces.keys().map(String::as_str)
    }
}

impl Granted {
    /// The region, if the spec may name it.
    pub fn region(&self, name: &str) -> Option<Region> {
        self.regions.get_key_value(&Region::new(name)).map(|(region, _)| region.clone())
    }

    /// What may be done in a region beside keeping flags.
    pub fn rights(&self, region: &Region) -> Rights {
        self.regions.get(region).copied().unwrap_or_default()
    }
}
