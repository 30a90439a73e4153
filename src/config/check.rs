//! From what was written to what it means. Goes on after a mistake, so that all of them are told at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::SignedDuration;
use keeper_alicloud::endpoint::{base_url, is_known_region, known_regions, regions_without_sts};
use keeper_core::budget::Limit;
use keeper_core::id::{AccountName, Region};
use serde_saphyr::Spanned;

use super::check_identity;
use super::file::{
    AccountEntry, AttributionEntry, BudgetEntry, BudgetsEntry, EndpointsEntry, File, GrantEntry, RightEntry,
    ShowEntry, SourceEntry,
};
use super::identity::{CredentialSource, StsSettings};
use super::problem::{Problems, nearest, unknown_account, unknown_region};
use super::settings::{Account, AccountEndpoints, Attribution, Budgets, Config, RegionUrls, Urls};
use crate::api::DEFAULT_ACCOUNT;
use crate::grants::Grant;
use crate::names::{is_account_id, is_label, is_label_selector};
use crate::provider_id::is_region;

const SWEEP_INTERVAL: Duration = Duration::from_secs(10);
const SWEEP_INTERVALS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_hours(1));
/// Of attribution: an event can be found after that time at the latest.
const DELAY: Duration = Duration::from_mins(10);
const DELAYS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(1));
const LIMIT: Limit = Limit { per_minute: 60, burst: 20 };
/// The quota of Auto Scaling is shared with whoever drives the scaling groups.
const LIMIT_OF_SCALING: Limit = Limit { per_minute: 20, burst: 10 };
const MOST_CALLS: u32 = 100_000;

/// What the file means, or all that is wrong with it.
pub fn config(file: File) -> Result<Config, Problems> {
    let mut problems = Problems::default();
    let told = &mut problems;
    let sweep_interval = file.sweep_interval.map_or(SWEEP_INTERVAL, |text| {
        duration("sweepInterval", &text, SWEEP_INTERVALS, told).unwrap_or(SWEEP_INTERVAL)
    });
    let attribution = attribution(file.attribution.unwrap_or_default(), told);
    let primary_retention_regions = file
        .primary_retention_regions
        .unwrap_or_default()
        .iter()
        .filter_map(|name| any_region(name, told))
        .collect();
    let object_selector = file.object_selector.and_then(|selector| object_selector(selector, told));
    let accounts = accounts(file.accounts, told);
    let grants: Vec<Grant> =
        file.grants.unwrap_or_default().into_iter().map(|entry| grant(entry, &accounts, told)).collect();
    let doubts = problems.take_doubts();
    problems.or(Config {
        doubts,
        sweep_interval,
        primary_retention_regions,
        object_selector,
        karpenter: file.karpenter.and_then(|karpenter| karpenter.enabled).unwrap_or_default(),
        attribution,
        accounts,
        grants: Some(grants).filter(|grants| !grants.is_empty()),
    })
}

fn object_selector(text: Spanned<String>, told: &mut Problems) -> Option<String> {
    if !text.value.is_empty() && !is_label_selector(&text.value) {
        let sentence = format!(
            "objectSelector: `{}` is not a label selector; write it as for kubectl --selector, such as account=prod or \
             shard in (a,b)",
            text.value
        );
        told.add(text.referenced, sentence);
    }
    Some(text.value).filter(|selector| !selector.is_empty())
}

fn attribution(entry: AttributionEntry, told: &mut Problems) -> Attribution {
    let delay = entry.delay.and_then(|text| duration("attribution.delay", &text, DELAYS, told));
    Attribution { in_status: entry.show == Some(ShowEntry::Status), delay: delay.unwrap_or(DELAY) }
}

/// A span within bounds; told if it is none.
fn duration(
    key: &str,
    text: &Spanned<String>,
    bounds: (Duration, Duration),
    told: &mut Problems,
) -> Option<Duration> {
    let parsed = text.value.parse::<SignedDuration>().ok().and_then(|signed| Duration::try_from(signed).ok());
    let value = &text.value;
    let sentence = match parsed {
        Some(span) if (bounds.0..=bounds.1).contains(&span) => return Some(span),
        Some(_) => format!("{key}: {value} is not between {} and {}", shown(bounds.0), shown(bounds.1)),
        None => {
            format!("{key}: `{value}` is not a duration; use a number with its unit, such as 60s or 500ms")
        }
    };
    told.add(text.referenced, sentence);
    None
}

/// A bound as people write it.
fn shown(bound: Duration) -> String {
    match (bound.as_secs(), bound.subsec_millis()) {
        (3600, 0) => "1h".to_owned(),
        (seconds, 0) => format!("{seconds}s"),
        (_, millis) => format!("{millis}ms"),
    }
}

fn accounts(
    entries: Option<Spanned<Vec<AccountEntry>>>,
    told: &mut Problems,
) -> BTreeMap<AccountName, Account> {
    let Some(entries) = entries else {
        let account = Account {
            account_id: None,
            credentials: CredentialSource::default(),
            assume_role: None,
            sts: StsSettings::default(),
            proxy: None,
            regions: BTreeSet::new(),
            endpoints: AccountEndpoints::default(),
            budgets: budgets(BudgetsEntry::default(), told),
            attribution: false,
        };
        return [(AccountName::new(DEFAULT_ACCOUNT), account)].into();
    };
    if entries.value.is_empty() {
        told.add(
            entries.referenced,
            "accounts: an empty list leaves nothing to serve; add an account, or remove the key to get one that \
             is called `default`",
        );
    }
    let mut accounts = BTreeMap::new();
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    for entry in entries.value {
        let name = entry.name.clone();
        if !is_label(&name.value) {
            told.add(
                name.referenced,
                format!(
                    "the account name `{}` can't be written in a spec; use up to 63 lowercase letters, digits and hyphens",
                    name.value
                ),
            );
        }
        if let Some(id) = &entry.account_id
            && let Some(other) = ids.insert(id.value.clone(), name.value.clone())
        {
            told.add(
                id.referenced,
                format!(
                    "accountId {} is already used by account `{other}`; use one name per cloud account: two names would count \
                     its calls twice and ignore each other's objects",
                    id.value
                ),
            );
        }
        let account = account(entry, told);
        if accounts.insert(AccountName::new(&name.value), account).is_some() {
            told.add(name.referenced, format!("duplicate account `{}`; rename one of them", name.value));
        }
    }
    accounts
}

fn account(entry: AccountEntry, told: &mut Problems) -> Account {
    let account_id = entry.account_id.map(|id| {
        if !is_account_id(&id.value) {
            told.add(
                id.referenced,
                format!(
                    "accountId: `{}` is not an account id; it has only digits, such as \"1234567890123456\"",
                    id.value
                ),
            );
        }
        id.value
    });
    let place = entry.endpoints.as_ref().map(|entry| entry.referenced);
    let endpoints = entry.endpoints.map_or_else(AccountEndpoints::default, |entry| endpoints(entry, told));
    let outside = |region: &str| endpoints.of(&Region::new(region)).is_ok_and(|of| of.lacks_sts_in_vpc());
    let mut regions = BTreeSet::new();
    for name in entry.regions.unwrap_or_default() {
        let explicit =
            |region: &Region| endpoints.everywhere.is_some() || endpoints.regions.contains_key(region);
        let Some(region) = any_region(&name, told) else { continue };
        if !is_known_region(region.as_str()) && !explicit(&region) {
            told.add(name.referenced, unknown_region(&name.value));
        }
        if outside(&name.value) {
            told.doubt(name.referenced, outside_the_vpc(&[&name.value]));
        }
        if !regions.insert(region) {
            twice(&name, told);
        }
    }
    let all: Vec<&str> =
        regions_without_sts().iter().copied().filter(|name| regions.is_empty() && outside(name)).collect();
    if let (Some(place), false) = (place, all.is_empty()) {
        told.doubt(place, outside_the_vpc(&all));
    }
    Account {
        account_id,
        credentials: entry
            .credentials
            .map_or_else(CredentialSource::default, |entry| check_identity::credentials(entry, told)),
        assume_role: entry.assume_role.map(|entry| check_identity::assume_role(entry.value, told)),
        sts: check_identity::sts(entry.sts, &endpoints, &regions, told),
        proxy: entry.proxy.map(|entry| check_identity::proxy(entry.value, told)),
        regions,
        endpoints,
        budgets: budgets(entry.budgets.unwrap_or_default(), told),
        attribution: entry.attribution == Some(SourceEntry::ActionTrail),
    }
}

fn twice(region: &Spanned<String>, told: &mut Problems) {
    told.add(region.referenced, format!("duplicate region {}", region.value));
}

fn any_region(name: &Spanned<String>, told: &mut Problems) -> Option<Region> {
    if is_region(&name.value) {
        if !is_known_region(&name.value)
            && let Some(near) = nearest(&name.value, known_regions())
        {
            let sentence = format!(
                "the vendor's table of regions, as this version knows it, has no `{}`; did you mean `{near}`?",
                name.value
            );
            told.doubt(name.referenced, sentence);
        }
        return Some(Region::new(&name.value));
    }
    told.add(
        name.referenced,
        format!("`{}` is not a region; use a region id such as cn-hangzhou", name.value),
    );
    None
}

fn endpoints(entry: Spanned<EndpointsEntry>, told: &mut Problems) -> AccountEndpoints {
    let place = entry.referenced;
    let EndpointsEntry { network, ecs, sts, ess, actiontrail, regions } = entry.value;
    if network.is_some() && ecs.is_some() {
        told.add(
            place,
            "endpoints: set only one of `network` and `ecs`; a URL replaces all of the vendor's endpoints",
        );
    }
    let others = Others { sts, ess, actiontrail };
    let everywhere = if let Some(ecs) = ecs {
        Some(urls(&ecs, others, told))
    } else {
        let others = [("sts", others.sts), ("ess", others.ess), ("actiontrail", others.actiontrail)];
        for (key, url) in others {
            if let Some(url) = url {
                told.add(url.referenced, format!("endpoints: `{key}` also needs `ecs`"));
            }
        }
        None
    };
    let mut by_region = BTreeMap::new();
    for entry in regions.unwrap_or_default() {
        let others = Others { sts: entry.sts, ess: entry.ess, actiontrail: entry.actiontrail };
        let urls = match (entry.ecs, others) {
            (Some(ecs), others) => RegionUrls::All(urls(&ecs, others, told)),
            (None, Others { sts: None, ess: None, actiontrail: None }) => {
                told.add(
                    entry.region.referenced,
                    "endpoints.regions: set `ecs`, `sts`, `ess`, `actiontrail` or several of them",
                );
                continue;
            }
            (None, Others { sts, ess, actiontrail }) => {
                let mut url = |text: Option<Spanned<String>>| text.map(|text| url(&text, told));
                RegionUrls::Some { sts: url(sts), ess: url(ess), actiontrail: url(actiontrail) }
            }
        };
        let Some(region) = any_region(&entry.region, told) else { continue };
        let reached = is_known_region(region.as_str()) || everywhere.is_some();
        if matches!(urls, RegionUrls::Some { .. }) && !reached {
            told.add(entry.region.referenced, unknown_region(&entry.region.value));
        }
        if by_region.insert(region, urls).is_some() {
            twice(&entry.region, told);
        }
    }
    let network = network.unwrap_or_default().into();
    AccountEndpoints { network, everywhere, regions: by_region }
}

/// The URLs beside that of ECS.
struct Others {
    sts: Option<Spanned<String>>,
    ess: Option<Spanned<String>>,
    actiontrail: Option<Spanned<String>>,
}

fn urls(ecs: &Spanned<String>, others: Others, told: &mut Problems) -> Urls {
    let ecs = url(ecs, told);
    let mut other = |text: Option<Spanned<String>>| text.map(|text| url(&text, told));
    let sts = other(others.sts).unwrap_or_else(|| ecs.clone());
    Urls { ecs, sts, ess: other(others.ess), actiontrail: other(others.actiontrail) }
}

fn url(url: &Spanned<String>, told: &mut Problems) -> String {
    let bare = url.value.strip_suffix('/').unwrap_or(&url.value);
    // Judged by who will use it: what is refused only then would end the operator. Not repeated: it may hold a password.
    if base_url(bare).is_err() {
        told.add(
            url.referenced,
            "this is not the URL of an endpoint; use a scheme, a host and an optional port, such as https://ecs.example.com:8443",
        );
    }
    bare.to_owned()
}

/// What is to be minded of regions in which STS is asked over the Internet although the VPC's endpoints are used.
fn outside_the_vpc(regions: &[&str]) -> String {
    let which = match regions {
        [one] => format!("the region {one} has"),
        many => format!("the regions {} have", many.join(", ")),
    };
    format!(
        "{which} no STS endpoint in the VPC: ecs-keeper calls STS over the Internet there, and can read nothing without \
         access to it; give the Pods access to the Internet, or set `sts` in endpoints.regions"
    )
}

fn budgets(entry: BudgetsEntry, told: &mut Problems) -> Budgets {
    let mut limit = |entry: Option<BudgetEntry>, otherwise: Limit| {
        let entry = entry.unwrap_or_default();
        let mut calls = |calls: Option<Spanned<u32>>, otherwise: u32| match calls {
            Some(calls) if !(1..=MOST_CALLS).contains(&calls.value) => {
                told.add(calls.referenced, format!("use an integer from 1 to {MOST_CALLS}"));
                otherwise
            }
            Some(calls) => calls.value,
            None => otherwise,
        };
        let per_minute = calls(entry.calls_per_minute, otherwise.per_minute);
        // A bucket that holds less than a second of calls is full whenever the machine is busy elsewhere for a moment.
        Limit { per_minute, burst: calls(entry.burst, otherwise.burst.max(per_minute / 60)) }
    };
    Budgets {
        describe_instances: limit(entry.describe_instances, LIMIT),
        modify_instance_attribute: limit(entry.modify_instance_attribute, LIMIT),
        describe_network_interfaces: limit(entry.describe_network_interfaces, LIMIT),
        modify_network_interface_attribute: limit(entry.modify_network_interface_attribute, LIMIT),
        describe_scaling_instances: limit(entry.describe_scaling_instances.map(Into::into), LIMIT_OF_SCALING),
        set_instances_protection: limit(entry.set_instances_protection.map(Into::into), LIMIT_OF_SCALING),
    }
}

fn grant(entry: GrantEntry, accounts: &BTreeMap<AccountName, Account>, told: &mut Problems) -> Grant {
    let mut namespaces = BTreeSet::new();
    let places = filled("namespaces", Some(entry.namespaces), "add at least one", told);
    for namespace in places.unwrap_or_default() {
        if !is_label(&namespace.value) {
            told.add(
                namespace.referenced,
                format!(
                    "`{}` is not the name of a namespace; list each namespace, wildcards are not supported",
                    namespace.value
                ),
            );
        }
        namespaces.insert(namespace.value);
    }

    let all = "add some, or remove the key to grant all";
    let granted = filled("accounts", entry.accounts, all, told).map(|names| {
        let known: Vec<&str> = accounts.keys().map(AccountName::as_str).collect();
        let mut granted = BTreeSet::new();
        for name in names {
            match accounts.get_key_value(&AccountName::new(&name.value)) {
                Some((known, _)) => {
                    granted.insert(known.clone());
                }
                None => told.add(name.referenced, unknown_account(&name.value, &known)),
            }
        }
        granted
    });
    let granted = granted.unwrap_or_else(|| accounts.keys().cloned().collect());

    let served: BTreeSet<Region> =
        granted.iter().filter_map(|name| accounts.get(name)).flat_map(Account::all_regions).collect();
    let regions = filled("regions", entry.regions, all, told).map(|names| {
        let mut regions = BTreeSet::new();
        for name in names {
            let Some(region) = any_region(&name, told) else { continue };
            if !served.contains(&region) {
                let sentence = if is_known_region(region.as_str()) {
                    format!("no account of this grant has the region {region}; add it to an account, or remove it here")
                } else {
                    unknown_region(&name.value)
                };
                told.add(name.referenced, sentence);
            }
            regions.insert(region);
        }
        regions
    });

    let may = entry.may.map(|may| {
        if !may.value.contains(&RightEntry::Protect) {
            told.add(may.referenced, "may: the list must contain `Protect`; the other rights only add to it");
        }
        may.value
    });
    let may = may.unwrap_or_default();
    Grant {
        namespaces,
        accounts: granted,
        regions,
        unprotect: may.contains(&RightEntry::Unprotect),
        attach: may.contains(&RightEntry::Attach),
    }
}

/// The list, if it was given. An empty one is told of, for it grants nothing, and looks as if it granted everything.
fn filled<T>(key: &str, list: Option<Spanned<Vec<T>>>, instead: &str, told: &mut Problems) -> Option<Vec<T>> {
    let list = list?;
    if list.value.is_empty() {
        told.add(list.referenced, format!("{key}: an empty list grants nothing; {instead}"));
    }
    Some(list.value)
}
