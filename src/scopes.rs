//! Which accounts and regions are read, and how often they may be asked.

use keeper_alicloud::endpoint::is_known_region;
use keeper_core::budget::Limit;
use keeper_core::id::{AccountName, Region};

use crate::cli::ScopeOptions;
use crate::clouds::{CloudError, Clouds};
use crate::config::{Account, Config, unknown_account, unknown_region};
use crate::listing::{Lister, ListingError};
use crate::scope::Scope;

/// Why nobody knows which.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ScopeError {
    #[error("{0}")]
    UnknownAccount(String),
    #[error("{0}")]
    UnknownRegion(String),
    #[error(
        "which regions? Name them with --region, or as the regions of account {0} in the configuration file, or use --all-regions"
    )]
    NoRegions(AccountName),
}

/// Where the cloud is asked which regions there are, if the configuration names none.
const ASKED_IN: &str = "cn-hangzhou";

/// The accounts and regions that the options name, or else those of the configuration. If they name all regions, one of each account,
/// in which [`every_region`] can ask for the others. Other accounts are taken out of the configuration, so that nobody asks for their
/// credentials.
pub fn scopes(config: &mut Config, options: &ScopeOptions) -> Result<Vec<Scope>, ScopeError> {
    keep_accounts(config, &options.places.account)?;
    let mut scopes = Vec::new();
    for (name, account) in &config.accounts {
        let mut regions: Vec<Region> = options.places.region.iter().map(Region::new).collect();
        if regions.is_empty() {
            regions = account.regions.iter().cloned().collect();
        }
        if options.all_regions {
            regions.truncate(1);
            regions.extend(regions.is_empty().then(|| Region::new(ASKED_IN)));
        }
        if regions.is_empty() {
            return Err(ScopeError::NoRegions(name.clone()));
        }
        for region in regions {
            check_region(account, &region)?;
            let scope = Scope { account: name.clone(), region };
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
    }
    Ok(scopes)
}

/// Takes the accounts out of the configuration that are not named, if any is.
pub fn keep_accounts(config: &mut Config, names: &[String]) -> Result<(), ScopeError> {
    let known: Vec<&str> = config.accounts.keys().map(AccountName::as_str).collect();
    if let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(ScopeError::UnknownAccount(unknown_account(name, &known)));
    }
    if !names.is_empty() {
        config.accounts.retain(|name, _| names.iter().any(|wanted| wanted == name.as_str()));
    }
    Ok(())
}

/// Whether the account has the region. The cloud would be asked for it, wherever its URL leads.
pub fn check_region(account: &Account, region: &Region) -> Result<(), ScopeError> {
    let known = is_known_region(region.as_str()) || account.all_regions().contains(region);
    if known && account.endpoints.of(region).is_ok() {
        return Ok(());
    }
    Err(ScopeError::UnknownRegion(unknown_region(region.as_str())))
}

/// All regions of the account of a scope, as the cloud lists them there.
pub async fn every_region(clouds: &Clouds, asked: &Scope) -> Result<Vec<Scope>, RegionsError> {
    let reach = clouds.of(asked)?;
    let (instances, _, _) = reach.settings;
    let regions = Lister::new(reach.cloud).regions(instances.reads).await?;
    let mut scopes: Vec<Scope> =
        regions.into_iter().map(|region| Scope { account: asked.account.clone(), region }).collect();
    scopes.sort();
    scopes.dedup();
    Ok(scopes)
}

/// Why it is not known which regions there are.
#[derive(Debug, thiserror::Error)]
pub enum RegionsError {
    #[error(transparent)]
    Cloud(#[from] CloudError),
    #[error(transparent)]
    Listing(#[from] ListingError),
}

/// How often an operation may be called: so many times a minute as the options say, spread over it, or else as its budget says.
pub fn limited(calls_per_minute: Option<u32>, budget: Limit) -> Limit {
    calls_per_minute.map_or(budget, |per_minute| Limit { per_minute, burst: per_minute.clamp(1, 20) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::PlaceOptions;
    use crate::config::parse;

    fn chosen(config: &str, accounts: &[&str], regions: &[&str]) -> Result<Vec<String>, String> {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let (account, region) = (names(accounts), names(regions));
        let places = PlaceOptions { account, region, ..PlaceOptions::default() };
        let options = ScopeOptions { places, ..ScopeOptions::default() };
        let mut config = parse(config).unwrap();
        let scopes = scopes(&mut config, &options).map_err(|error| error.to_string())?;
        Ok(scopes.iter().map(|scope| format!("{}/{}", scope.account, scope.region)).collect())
    }

    #[test]
    fn what_is_named_is_read_or_else_what_the_configuration_names() {
        const TWO: &str =
            "accounts: [{name: a, regions: [cn-hangzhou, cn-beijing]}, {name: b, regions: [cn-shanghai]}]";
        let all = ["a/cn-beijing", "a/cn-hangzhou", "b/cn-shanghai"].map(str::to_owned);
        assert_eq!(chosen(TWO, &[], &[]).unwrap(), all);
        assert_eq!(chosen(TWO, &["b"], &[]).unwrap(), ["b/cn-shanghai"]);
        assert_eq!(chosen(TWO, &["b"], &["cn-beijing", "cn-beijing"]).unwrap(), ["b/cn-beijing"]);
        assert_eq!(chosen("", &[], &["eu-west-1"]).unwrap(), ["default/eu-west-1"]);
    }

    #[test]
    fn all_regions_are_asked_for_where_the_account_is_used_anyway() {
        let asked = |config| {
            let options = ScopeOptions { all_regions: true, ..ScopeOptions::default() };
            scopes(&mut parse(config).unwrap(), &options).unwrap()
        };
        let place = |account: &str, region: &str| Scope {
            account: AccountName::new(account),
            region: Region::new(region),
        };
        let two = "accounts: [{name: a, regions: [eu-west-1, eu-central-1]}, {name: b}]";
        assert_eq!(asked(two), [place("a", "eu-central-1"), place("b", "cn-hangzhou")]);
        assert_eq!(asked(""), [place("default", "cn-hangzhou")]);
    }

    #[test]
    fn a_wrong_name_is_told_with_the_right_one() {
        let refused = |config, accounts, regions| chosen(config, accounts, regions).unwrap_err();
        assert!(refused("", &["defualt"], &[]).contains("did you mean `default`?"));
        assert!(refused("", &[], &["cn-hangzou"]).contains("did you mean `cn-hangzhou`?"));
        assert!(refused("", &[], &[]).starts_with("which regions? Name them with --region"));
    }
}
