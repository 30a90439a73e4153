//! Hosts by region. No text from outside ever becomes part of a host name.
//!
//! A region is looked up by exact match in a table and the host is built from the table's own entry, or the
//! administrator's configuration names whole URLs. Hosts and regions are those of the vendor's product metadata
//! (aliyun-openapi-meta, `products.json`) and of the endpoint tables in its SDKs.

use std::fmt;

use keeper_core::id::Region;
use reqwest::Url;

use crate::operation::Product;

/// The regions of the vendor's product metadata that have ECS hosts, sorted.
const REGIONS: [&str; 40] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ap-southeast-8",
    "cn-beijing",
    "cn-beijing-finance-1",
    "cn-chengdu",
    "cn-fuzhou",
    "cn-guangzhou",
    "cn-hangzhou",
    "cn-heyuan",
    "cn-heyuan-acdr-1",
    "cn-hongkong",
    "cn-huhehaote",
    "cn-nanjing",
    "cn-north-2-gov-1",
    "cn-qingdao",
    "cn-shanghai",
    "cn-shanghai-finance-1",
    "cn-shenzhen",
    "cn-shenzhen-finance-1",
    "cn-wuhan-lr",
    "cn-wulanchabu",
    "cn-zhangjiakou",
    "cn-zhengzhou-jva",
    "cn-zhongwei",
    "eu-central-1",
    "eu-west-1",
    "me-central-1",
    "me-east-1",
    "na-south-1",
    "us-east-1",
    "us-southeast-1",
    "us-west-1",
];

/// Regions whose public ECS host is not `ecs.<region>.aliyuncs.com` in the vendor's SDKs. The SDKs look here even when
/// a VPC host was asked for; we don't, because the metadata lists a VPC host for each of them.
const ECS_OVERRIDES: [(&str, &str); 4] = [
    ("cn-hangzhou", "ecs-cn-hangzhou.aliyuncs.com"),
    ("cn-north-2-gov-1", "ecs.aliyuncs.com"),
    ("cn-shanghai-finance-1", "ecs-cn-hangzhou.aliyuncs.com"),
    ("cn-shenzhen-finance-1", "ecs-cn-hangzhou.aliyuncs.com"),
];

/// Regions for which the vendor's metadata names no STS host of their own, and so none in their VPCs. Sorted.
const WITHOUT_STS: [&str; 9] = [
    "ap-south-1",
    "ap-southeast-2",
    "ap-southeast-6",
    "ap-southeast-8",
    "cn-heyuan-acdr-1",
    "cn-north-2-gov-1",
    "cn-zhengzhou-jva",
    "cn-zhongwei",
    "us-southeast-1",
];

/// Regions whose public host of Auto Scaling is the central one in the vendor's SDK (alibabacloud-ess20220222 1.13.3). It
/// finds out the region by what a call names. Sorted.
const CENTRAL_ESS: [&str; 14] = [
    "ap-southeast-1",
    "cn-beijing",
    "cn-beijing-finance-1",
    "cn-hangzhou",
    "cn-hongkong",
    "cn-nanjing",
    "cn-north-2-gov-1",
    "cn-qingdao",
    "cn-shanghai",
    "cn-shanghai-finance-1",
    "cn-shenzhen",
    "cn-shenzhen-finance-1",
    "us-east-1",
    "us-west-1",
];

/// Regions for which the vendor's metadata names no host of Auto Scaling in the VPC. Sorted.
const WITHOUT_ESS_IN_VPC: [&str; 2] = ["ap-southeast-8", "cn-beijing-finance-1"];

/// Regions for which the vendor's SDK knows only the central host of ActionTrail (alibabacloud-actiontrail20200706 2.6.0). A call has
/// no parameter for the region, so that host can't tell which region's events are meant: it is not asked. Sorted.
const CENTRAL_ACTIONTRAIL: [&str; 2] = ["cn-beijing-finance-1", "cn-shenzhen-finance-1"];

/// Regions for which the vendor's metadata names no host of ActionTrail in the VPC. Sorted.
const WITHOUT_ACTIONTRAIL_IN_VPC: [&str; 13] = [
    "ap-south-1",
    "ap-southeast-2",
    "ap-southeast-6",
    "ap-southeast-8",
    "cn-beijing-finance-1",
    "cn-fuzhou",
    "cn-heyuan-acdr-1",
    "cn-shenzhen-finance-1",
    "cn-wuhan-lr",
    "cn-zhengzhou-jva",
    "cn-zhongwei",
    "me-central-1",
    "us-southeast-1",
];

const CENTRAL_ESS_HOST: &str = "ess.aliyuncs.com";
const GLOBAL_STS: &str = "sts.aliyuncs.com";

/// The regions whose hosts are known, sorted.
pub fn known_regions() -> &'static [&'static str] {
    &REGIONS
}

/// The known regions that have no STS host of their own: STS is asked at the one for all regions, on the Internet.
pub fn regions_without_sts() -> &'static [&'static str] {
    &WITHOUT_STS
}

/// Whether the region's hosts are known. Compared exactly: case and blanks count.
pub fn is_known_region(region: &str) -> bool {
    known(region).is_some()
}

/// The table's own text of a region, so that what becomes part of a host name never came from outside.
fn known(region: &str) -> Option<&'static str> {
    REGIONS.iter().find(|known| **known == region).copied()
}

/// Over which network the cloud is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Network {
    /// The Internet.
    #[default]
    Public,
    /// From within a VPC, without the Internet.
    Vpc,
}

/// A region, and where the calls for it go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    region: Region,
    ecs: Url,
    /// Nowhere in a region without Auto Scaling in the VPC, or where nobody has said where.
    ess: Option<Url>,
    /// Nowhere in a region without ActionTrail in the VPC, or where nobody has said where.
    actiontrail: Option<Url>,
    sts: Url,
    /// Whether STS is on the Internet although ECS is reached within the VPC.
    sts_outside_vpc: bool,
}

impl Endpoints {
    /// The vendor's own hosts for a known region.
    pub fn of_region(region: &Region, network: Network) -> Result<Self, EndpointError> {
        let known =
            known(region.as_str()).ok_or_else(|| EndpointError::UnknownRegion { region: region.clone() })?;
        let overridden = ECS_OVERRIDES.iter().find(|(name, _)| *name == known);
        let ecs = match (network, overridden) {
            (Network::Vpc, _) => format!("ecs-vpc.{known}.aliyuncs.com"),
            (Network::Public, Some((_, host))) => (*host).to_owned(),
            (Network::Public, None) => format!("ecs.{known}.aliyuncs.com"),
        };
        let ess = match network {
            Network::Vpc if WITHOUT_ESS_IN_VPC.contains(&known) => None,
            Network::Vpc => Some(format!("ess-vpc.{known}.aliyuncs.com")),
            Network::Public if CENTRAL_ESS.contains(&known) => Some(CENTRAL_ESS_HOST.to_owned()),
            Network::Public => Some(format!("ess.{known}.aliyuncs.com")),
        };
        let actiontrail = match network {
            Network::Vpc if WITHOUT_ACTIONTRAIL_IN_VPC.contains(&known) => None,
            Network::Vpc => Some(format!("actiontrail-vpc.{known}.aliyuncs.com")),
            Network::Public if CENTRAL_ACTIONTRAIL.contains(&known) => None,
            Network::Public => Some(format!("actiontrail.{known}.aliyuncs.com")),
        };
        let without_sts = WITHOUT_STS.contains(&known);
        let sts = match network {
            _ if without_sts => GLOBAL_STS.to_owned(),
            Network::Vpc => format!("sts-vpc.{known}.aliyuncs.com"),
            Network::Public => format!("sts.{known}.aliyuncs.com"),
        };
        Ok(Self {
            region: region.clone(),
            ecs: base_url(&format!("https://{ecs}"))?,
            ess: ess.map(|ess| base_url(&format!("https://{ess}"))).transpose()?,
            actiontrail: actiontrail.map(|host| base_url(&format!("https://{host}"))).transpose()?,
            sts: base_url(&format!("https://{sts}"))?,
            sts_outside_vpc: without_sts && network == Network::Vpc,
        })
    }

    /// URLs that the administrator's configuration names, for a gateway, a simulator or a region that the table lacks.
    ///
    /// This is the only way to plain `http`. The region need not be known, for it is only sent as a parameter, but it
    /// must look like one.
    pub fn explicit(region: &Region, ecs: &str, sts: &str) -> Result<Self, EndpointError> {
        if !looks_like_a_region(region.as_str()) {
            return Err(EndpointError::MalformedRegion);
        }
        Ok(Self {
            region: region.clone(),
            ecs: base_url(ecs)?,
            // Not the vendor's host: who names the others doesn't want calls to go there.
            ess: None,
            actiontrail: None,
            sts: base_url(sts)?,
            sts_outside_vpc: false,
        })
    }

    /// The same, with Auto Scaling at a URL that the administrator's configuration names.
    pub fn with_ess(self, ess: &str) -> Result<Self, EndpointError> {
        Ok(Self { ess: Some(base_url(ess)?), ..self })
    }

    /// The same, with ActionTrail at a URL that the administrator's configuration names.
    pub fn with_actiontrail(self, actiontrail: &str) -> Result<Self, EndpointError> {
        Ok(Self { actiontrail: Some(base_url(actiontrail)?), ..self })
    }

    /// The same, with STS at a URL that the administrator's configuration names.
    pub fn with_sts(self, sts: &str) -> Result<Self, EndpointError> {
        Ok(Self { sts: base_url(sts)?, sts_outside_vpc: false, ..self })
    }

    /// Whether ECS is reached within the VPC and STS, for want of an endpoint there, over the Internet.
    pub fn lacks_sts_in_vpc(&self) -> bool {
        self.sts_outside_vpc
    }

    /// The region.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// Where the calls of ECS go, for people: scheme, host and port.
    pub fn ecs_address(&self) -> String {
        format!("{}://{}", self.ecs.scheme(), host(&self.ecs))
    }

    /// Where the calls of a product go: scheme and host, with the path `/`. `None` if nobody knows.
    pub(crate) fn url(&self, product: Product) -> Option<&Url> {
        match product {
            Product::Ecs => Some(&self.ecs),
            Product::Ess => self.ess.as_ref(),
            Product::Sts => Some(&self.sts),
            Product::ActionTrail => self.actiontrail.as_ref(),
        }
    }
}

/// Where STS is asked for sessions of roles.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StsEndpoint(Url);

impl StsEndpoint {
    /// The vendor's host for all regions, on the Internet.
    pub fn global() -> Result<Self, EndpointError> {
        base_url(&format!("https://{GLOBAL_STS}")).map(Self)
    }

    /// The vendor's host for a known region. One that has none of its own is served by the one for all regions.
    pub fn of_region(region: &Region, network: Network) -> Result<Self, EndpointError> {
        Ok(Self(Endpoints::of_region(region, network)?.sts))
    }

    /// A URL that the administrator's configuration names.
    pub fn explicit(url: &str) -> Result<Self, EndpointError> {
        base_url(url).map(Self)
    }

    /// A host that the environment names, which may stand there as a URL. It must be one of the vendor's: whoever can set a
    /// variable must not be able to send tokens elsewhere.
    pub fn of_vendor(host: &str) -> Result<Self, EndpointError> {
        let host = host.strip_prefix("https://").unwrap_or(host);
        let host = host.strip_suffix('/').unwrap_or(host);
        let region = |prefix: &str| {
            let region = host.strip_prefix(prefix)?.strip_suffix(".aliyuncs.com")?;
            known(region).filter(|region| !WITHOUT_STS.contains(region))
        };
        if let Some(region) = region("sts.") {
            return Self::of_region(&Region::new(region), Network::Public);
        }
        if let Some(region) = region("sts-vpc.") {
            return Self::of_region(&Region::new(region), Network::Vpc);
        }
        if host == GLOBAL_STS { Self::global() } else { Err(EndpointError::NotOfVendor) }
    }

    /// Its URL: scheme and host, with the path `/`.
    pub(crate) fn url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for StsEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&host(&self.0))
    }
}

/// Letters, then groups of letters and digits, joined by hyphens: `cn-hangzhou`, `cn-north-2-gov-1`.
fn looks_like_a_region(region: &str) -> bool {
    const LONGEST: usize = 64;
    let mut groups = region.split('-');
    let country = groups.next().unwrap_or_default();
    let rest: Vec<_> = groups.collect();
    region.len() <= LONGEST
        && country.len() >= 2
        && country.bytes().all(|byte| byte.is_ascii_lowercase())
        && !rest.is_empty()
        && rest.iter().all(|group| {
            !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
}

/// A URL of scheme, host and port, and nothing else: requests go to the path `/`, the parameters are the query, and a
/// password in a URL would end up in a log.
pub fn base_url(text: &str) -> Result<Url, EndpointError> {
    let url = Url::parse(text).map_err(|_| EndpointError::NotAUrl)?;
    let bare = url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    match url.scheme() {
        "http" | "https" if bare && url.has_host() => Ok(url),
        "http" | "https" => Err(EndpointError::NotABaseUrl),
        _ => Err(EndpointError::NotAUrl),
    }
}

/// The value of the header `Host` for a URL: the port is named unless it is the scheme's own.
pub(crate) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Why there is no endpoint. Never repeats a URL, for it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The region is not in the table.
    #[error(
        "unknown endpoint for region {:?}; check its spelling (an example is cn-hangzhou), \
         or set the endpoint in the operator's configuration",
        region.as_str()
    )]
    UnknownRegion {
        /// The region as it was given.
        region: Region,
    },
    /// The text can't be the name of a region.
    #[error("the region must be lower-case letters and digits joined by hyphens, as in cn-hangzhou")]
    MalformedRegion,
    /// Not a URL, or not one for HTTP.
    #[error("the endpoint must be a URL that starts with https:// or http://, as in https://ecs.example.com")]
    NotAUrl,
    /// A URL with more than scheme, host and port.
    #[error(
        "the endpoint must be a scheme, a host and perhaps a port; remove path, query, user and password"
    )]
    NotABaseUrl,
    /// A host from the environment that is none of the vendor's.
    #[error(
        "the environment names an STS host that is none of Alibaba Cloud's; remove the variable, or set the URL in the \
         operator's configuration (sts.endpoint)"
    )]
    NotOfVendor,
}

#[cfg(test)]
mod tests;
