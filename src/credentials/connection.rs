//! What the calls of an account go through.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use keeper_alicloud::transport::{Proxy, Timeouts, Transport, TransportError};
use keeper_core::id::AccountName;

use super::environment::Environment;
use super::exchange::Exchange;
use super::files;
use crate::causes::told;
use crate::config::{Account, Config, ProxySettings};

/// Says how sessions are called in tools that know none of ours.
const ROLE_SESSION_NAME: &str = "ALIBABA_CLOUD_ROLE_SESSION_NAME";

/// An account, and what its calls go through.
pub struct Connection {
    pub account: Account,
    pub transport: Transport,
    /// Why the account's proxy can't be used. Then nothing is sent for the account, for it gets no credentials.
    pub unusable: Option<String>,
}

impl Connection {
    /// How the account's keys and tokens are exchanged. `session_name` is that of sessions for which neither the configuration
    /// nor the environment names one.
    pub fn exchange(&self, environment: &Environment, session_name: &str) -> Exchange {
        Exchange {
            transport: self.transport.clone(),
            settings: self.account.sts.clone(),
            environment: environment.clone(),
            session_name: environment.get(ROLE_SESSION_NAME).unwrap_or_else(|| session_name.to_owned()),
        }
    }
}

/// Why the proxy of an account can't be used.
#[derive(Debug, thiserror::Error)]
enum ProxyError {
    #[error("failed to read the file {path} of the account's proxy", path = path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("failed to create the client for the account's proxy; check its URL and its certificates")]
    Client(#[from] TransportError),
}

/// The connection of each account. Accounts without a proxy share theirs.
pub fn connections(config: &Config) -> Result<BTreeMap<AccountName, Connection>, TransportError> {
    let direct = Transport::new(Timeouts::default())?;
    let connect = |account: &Account| {
        let through = account.proxy.as_ref().map(through).transpose();
        let unusable = through.as_ref().err().map(|error| told(error));
        let transport = through.ok().flatten().unwrap_or_else(|| direct.clone());
        Connection { account: account.clone(), transport, unusable }
    };
    Ok(config.accounts.iter().map(|(name, account)| (name.clone(), connect(account))).collect())
}

fn through(settings: &ProxySettings) -> Result<Transport, ProxyError> {
    let read =
        |path: &Path| files::read(path).map_err(|source| ProxyError::File { path: path.to_owned(), source });
    let text = |path: &Path| read(path).map(|text| String::from_utf8_lossy(&text).trim_end().to_owned());
    let credentials = match &settings.credentials {
        None => None,
        Some(files) => Some((text(&files.username)?, text(&files.password)?.into())),
    };
    let ca_bundle = settings.ca_bundle.as_deref().map(read).transpose()?;
    let proxy = Proxy { url: settings.url.clone(), credentials, ca_bundle };
    Ok(Transport::through(Some(&proxy), Timeouts::default())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    #[test]
    fn i28_a_proxy_that_can_not_be_used_concerns_its_account_alone() {
        let config = parse(
            "accounts: [{name: a}, {name: b, proxy: {url: 'http://p:3128', caBundle: /nowhere}}, {name: c, proxy: {url: 'http://p:3128'}}]",
        );
        let connections = connections(&config.unwrap()).unwrap();
        let unusable = |name: &str| connections[&AccountName::new(name)].unusable.clone();
        assert_eq!((unusable("a"), unusable("c")), (None, None));
        assert!(unusable("b").unwrap().contains("failed to read the file /nowhere of the account's proxy"));
    }
}
