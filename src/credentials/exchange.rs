//! How an account's keys and tokens are exchanged for sessions: over which connections, at which STS endpoint, under which name.

use keeper_alicloud::credentials::Credentials;
use keeper_alicloud::endpoint::is_known_region;
use keeper_alicloud::{Network, RoleToAssume, Sts, StsEndpoint, Transport};
use keeper_core::id::Region;

use super::environment::Environment;
use super::error::CredentialError;
use super::issued::Issued;
use crate::config::StsSettings;

const STS_ENDPOINT: &str = "ALIBABA_CLOUD_STS_ENDPOINT";
const STS_REGION: &str = "ALIBABA_CLOUD_STS_REGION";
const VPC_ENDPOINT_ENABLED: &str = "ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED";

/// What every exchange of an account has in common.
#[derive(Clone)]
pub struct Exchange {
    pub transport: Transport,
    pub settings: StsSettings,
    pub environment: Environment,
    /// The name of sessions that have none of their own.
    pub session_name: String,
}

impl Exchange {
    /// STS, where the configuration says; else where a profile says; else where the environment says.
    pub fn sts(
        &self,
        profile_region: Option<&str>,
        profile_vpc: Option<bool>,
    ) -> Result<Sts, CredentialError> {
        let endpoint = self.endpoint(profile_region.filter(|region| !region.is_empty()), profile_vpc)?;
        Ok(Sts::new(self.transport.clone(), endpoint))
    }

    fn endpoint(
        &self,
        profile_region: Option<&str>,
        profile_vpc: Option<bool>,
    ) -> Result<StsEndpoint, CredentialError> {
        let settings = &self.settings;
        if let Some(endpoint) = &settings.endpoint {
            return Ok(endpoint.clone());
        }
        if let Some(region) = &settings.region {
            return of_region("sts.region", region.as_str(), settings.network);
        }
        let network = |vpc| if vpc { Network::Vpc } else { Network::Public };
        let vpc = match (profile_vpc, self.environment.get(VPC_ENDPOINT_ENABLED)) {
            (Some(vpc), _) => vpc,
            (None, Some(_)) => self.environment.on(VPC_ENDPOINT_ENABLED),
            (None, None) => settings.network == Network::Vpc,
        };
        if let Some(region) = profile_region {
            return of_region("sts_region", region, network(vpc));
        }
        if let Some(host) = self.environment.get(STS_ENDPOINT) {
            return StsEndpoint::of_vendor(&host)
                .map_err(|error| CredentialError::Invalid { key: STS_ENDPOINT, why: error.to_string() });
        }
        if let Some(region) = self.environment.get(STS_REGION) {
            return of_region(STS_REGION, &region, network(vpc));
        }
        match &settings.region_in_vpc {
            Some(region) => of_region("regions", region.as_str(), Network::Vpc),
            None => StsEndpoint::global()
                .map_err(|error| CredentialError::Invalid { key: "sts", why: error.to_string() }),
        }
    }
}

fn of_region(key: &'static str, region: &str, network: Network) -> Result<StsEndpoint, CredentialError> {
    if !is_known_region(region) {
        // Not repeated: it may be anything.
        let why =
            "this is not a region that this version knows; set the URL of STS (sts.endpoint)".to_owned();
        return Err(CredentialError::Invalid { key, why });
    }
    StsEndpoint::of_region(&Region::new(region), network)
        .map_err(|error| CredentialError::Invalid { key, why: error.to_string() })
}

/// Exchanges a key for a session of a role.
pub async fn assume_role(
    sts: &Sts,
    key: &Credentials,
    role: &RoleToAssume,
) -> Result<Issued, CredentialError> {
    let session = sts.assume_role(key, role).await;
    Issued::of_session(session.map_err(|error| CredentialError::Exchange { error, token: None })?)
}

#[cfg(test)]
mod tests {
    use keeper_alicloud::Timeouts;

    use super::*;

    fn host(
        settings: &StsSettings,
        variables: &[(&str, &str)],
        profile: (Option<&str>, Option<bool>),
    ) -> String {
        let exchange = Exchange {
            transport: Transport::new(Timeouts::default()).unwrap(),
            settings: settings.clone(),
            environment: Environment::of(variables.iter().copied()),
            session_name: "keeper".to_owned(),
        };
        match exchange.endpoint(profile.0, profile.1) {
            Ok(endpoint) => endpoint.to_string(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn sts_is_where_the_nearest_setting_says() {
        let none = (None, None);
        let empty = StsSettings::default();
        let vpc = StsSettings { network: Network::Vpc, ..StsSettings::default() };
        let in_vpc = StsSettings { region_in_vpc: Some(Region::new("cn-beijing")), ..vpc.clone() };
        let region = StsSettings { region: Some(Region::new("cn-hangzhou")), ..vpc.clone() };
        let url =
            StsSettings { endpoint: StsEndpoint::explicit("https://sts.example.com").ok(), ..region.clone() };
        let all = [
            (STS_ENDPOINT, "sts-vpc.cn-shanghai.aliyuncs.com"),
            (STS_REGION, "cn-shenzhen"),
            (VPC_ENDPOINT_ENABLED, "TRUE"),
        ];
        for (settings, variables, profile, wanted) in [
            (&empty, &all[3..], none, "sts.aliyuncs.com"),
            // The switch alone does nothing, as in the vendor's libraries.
            (&empty, &all[2..], none, "sts.aliyuncs.com"),
            (&empty, &all[1..2], none, "sts.cn-shenzhen.aliyuncs.com"),
            (&empty, &all[1..], none, "sts-vpc.cn-shenzhen.aliyuncs.com"),
            (&empty, &all[..], none, "sts-vpc.cn-shanghai.aliyuncs.com"),
            (&empty, &all[..], (Some("cn-qingdao"), None), "sts-vpc.cn-qingdao.aliyuncs.com"),
            (&empty, &all[..], (Some("cn-qingdao"), Some(false)), "sts.cn-qingdao.aliyuncs.com"),
            // The profile's switch is nearer than the variable's, wherever the region comes from.
            (&empty, &all[1..2], (None, Some(true)), "sts-vpc.cn-shenzhen.aliyuncs.com"),
            (&empty, &all[1..], (None, Some(false)), "sts.cn-shenzhen.aliyuncs.com"),
            (&in_vpc, &all[3..], none, "sts-vpc.cn-beijing.aliyuncs.com"),
            (&in_vpc, &all[..1], none, "sts-vpc.cn-shanghai.aliyuncs.com"),
            // Whose other calls stay within the VPC has no way out of it.
            (&vpc, &all[1..2], none, "sts-vpc.cn-shenzhen.aliyuncs.com"),
            (
                &vpc,
                &[(STS_REGION, "cn-shenzhen"), (VPC_ENDPOINT_ENABLED, "false")][..],
                none,
                "sts.cn-shenzhen.aliyuncs.com",
            ),
            (&region, &all[..], (Some("cn-qingdao"), None), "sts-vpc.cn-hangzhou.aliyuncs.com"),
            (&url, &all[..], none, "sts.example.com"),
        ] {
            assert_eq!(host(settings, variables, profile), wanted, "{variables:?} {profile:?}");
        }
    }

    #[test]
    fn i55_no_token_goes_to_a_host_that_is_not_the_vendors() {
        let empty = StsSettings::default();
        for (variable, value) in [(STS_ENDPOINT, "sts.evil.example"), (STS_REGION, "evil.example/")] {
            let why = host(&empty, &[(variable, value)], (None, None));
            assert!(why.starts_with("error: invalid value of ALIBABA_CLOUD_STS_"), "{why}");
            assert!(!why.contains("evil"), "{why}");
        }
        assert!(host(&empty, &[], (Some("evil.example/"), None)).starts_with("error"));
    }
}
