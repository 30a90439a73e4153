//! The values of options: what they are, and how they are read.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use jiff::SignedDuration;
use keeper_alicloud::metadata_service::is_role_name;
use keeper_alicloud::session::{is_external_id, is_oidc_provider_arn};

use crate::names::{is_issuer, is_label, is_object_name};

/// Where the operator answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdminAddress {
    /// On a port of every address.
    Everywhere(u16),
    /// On one address.
    At(SocketAddr),
}

impl AdminAddress {
    /// The port.
    pub fn port(self) -> u16 {
        match self {
            Self::Everywhere(port) => port,
            Self::At(address) => address.port(),
        }
    }

    /// What is to be tried in turn: the address of IPv6 stands for both families, unless the kernel has no IPv6.
    pub fn candidates(self) -> Vec<SocketAddr> {
        match self {
            Self::Everywhere(port) => {
                vec![(Ipv6Addr::UNSPECIFIED, port).into(), (Ipv4Addr::UNSPECIFIED, port).into()]
            }
            Self::At(address) => vec![address],
        }
    }
}

impl FromStr for AdminAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let everywhere = text.strip_prefix(':').and_then(|port| port.parse().ok()).map(Self::Everywhere);
        everywhere
            .or_else(|| text.parse().ok().map(Self::At))
            .ok_or("use a port such as :8080, or an address with a port such as 127.0.0.1:8080 or [::1]:8080")
    }
}

impl fmt::Display for AdminAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everywhere(port) => write!(f, ":{port}"),
            Self::At(address) => address.fmt(f),
        }
    }
}

/// Form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Plain text.
    Text,
    /// JSON, for programs.
    Json,
}

/// Shorter ones are lost by a busy machine; with longer ones nobody would take over in time. Whole seconds, as a Lease
/// has them.
const LEASE_DURATIONS: (Duration, Duration) = (Duration::from_secs(5), Duration::from_mins(5));

pub fn duration(text: &str) -> Result<Duration, &'static str> {
    let parsed = text.parse::<SignedDuration>().ok().and_then(|signed| Duration::try_from(signed).ok());
    parsed.ok_or("use a number with its unit, such as 60s, 500ms or 2m")
}

pub fn lease_duration(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    if (LEASE_DURATIONS.0..=LEASE_DURATIONS.1).contains(&duration) && duration.subsec_nanos() == 0 {
        Ok(duration)
    } else {
        Err("use whole seconds between 5s and 5m".to_owned())
    }
}

pub fn lease_name(text: &str) -> Result<String, String> {
    // A release's name may have dots. The names of the records begin with it, and 253 characters are the most.
    if text.len() <= 100 && text.split('.').all(is_label) {
        Ok(text.to_owned())
    } else {
        Err("use up to 100 lowercase letters, digits, hyphens and dots".to_owned())
    }
}

pub fn object_name(text: &str) -> Result<String, String> {
    if is_object_name(text) {
        Ok(text.to_owned())
    } else {
        Err("use the name of an object: up to 253 lowercase letters, digits, hyphens and dots".to_owned())
    }
}

pub fn namespace(text: &str) -> Result<String, String> {
    if is_label(text) {
        Ok(text.to_owned())
    } else {
        Err("use the name of a namespace: up to 63 lowercase letters, digits and hyphens".to_owned())
    }
}

pub fn provider_arn(text: &str) -> Result<String, &'static str> {
    let wanted = "use the ARN of an OIDC provider, such as acs:ram::1234567890123456:oidc-provider/ack-rrsa-c0123456789";
    is_oidc_provider_arn(text).then(|| text.to_owned()).ok_or(wanted)
}

pub fn issuer(text: &str) -> Result<String, &'static str> {
    is_issuer(text)
        .then(|| text.to_owned())
        .ok_or("use an https URL, exactly as the cluster's tokens have it (iss)")
}

pub fn role_name(text: &str) -> Result<String, &'static str> {
    is_role_name(text).then(|| text.to_owned()).ok_or("use the name of a role, without the ARN around it")
}

pub fn external_id(text: &str) -> Result<String, &'static str> {
    let wanted = "use 2 to 1,224 letters, digits and the characters _ + = , . @ : / -";
    is_external_id(text).then(|| text.to_owned()).ok_or(wanted)
}
