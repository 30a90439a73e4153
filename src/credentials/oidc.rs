//! RRSA: a token of the cluster, exchanged for a session of a role.

use std::path::{Path, PathBuf};

use keeper_alicloud::session::{is_oidc_provider_arn, is_role_arn};
use keeper_alicloud::{RoleToAssume, Sts};
use secrecy::SecretString;

use super::claims::Claims;
use super::error::{CredentialError, TokenError};
use super::exchange::Exchange;
use super::files;
use super::issued::Issued;
use crate::config;

/// The variables that ack-pod-identity-webhook sets.
pub const ROLE_ARN: &str = "ALIBABA_CLOUD_ROLE_ARN";
pub const PROVIDER_ARN: &str = "ALIBABA_CLOUD_OIDC_PROVIDER_ARN";
pub const TOKEN_FILE: &str = "ALIBABA_CLOUD_OIDC_TOKEN_FILE";

/// Longest token that STS takes, by the vendor's API metadata.
const LONGEST_TOKEN: usize = 20_000;

/// A role for whoever has a token of the cluster.
#[derive(Debug)]
pub struct Rrsa {
    pub role: RoleToAssume,
    pub provider_arn: String,
    pub token_file: PathBuf,
    pub sts: Sts,
}

impl Rrsa {
    /// What the configuration says; the rest from the environment.
    pub fn new(settings: &config::Oidc, exchange: &Exchange, sts: Sts) -> Result<Self, CredentialError> {
        let environment = &exchange.environment;
        let given = |own: Option<String>, key, variable| {
            own.or_else(|| environment.get(variable)).ok_or(CredentialError::NoRrsa { key, variable })
        };
        let arn = |own: &Option<String>, key, variable, good: fn(&str) -> bool| {
            let arn = given(own.clone(), key, variable)?;
            let why = || "it has not the form of an ARN such as acs:ram::1234567890123456:…".to_owned();
            if good(&arn) { Ok(arn) } else { Err(CredentialError::Invalid { key: variable, why: why() }) }
        };
        let role_arn = arn(&settings.role_arn, "oidc.roleArn", ROLE_ARN, is_role_arn)?;
        let provider_arn =
            arn(&settings.provider_arn, "oidc.providerArn", PROVIDER_ARN, is_oidc_provider_arn)?;
        let token_file = match &settings.token_file {
            Some(path) => path.clone(),
            None => absolute(TOKEN_FILE, given(None, "oidc.tokenFile", TOKEN_FILE)?)?,
        };
        let role = RoleToAssume {
            arn: role_arn,
            session_name: exchange.session_name.clone(),
            duration: None,
            external_id: None,
            policy: None,
        };
        Ok(Self { role, provider_arn, token_file, sts })
    }

    /// Exchanges the token that is in the file now.
    pub async fn issue(&self) -> Result<Issued, CredentialError> {
        let token = read(&self.token_file).await?;
        let session = self.sts.assume_role_with_oidc(&self.role, &self.provider_arn, &token).await;
        let refused = |error| CredentialError::Exchange { error, token: Claims::of(&token).map(Box::new) };
        Issued::of_session(session.map_err(refused)?)
    }
}

/// A path that a variable or a profile names. Not repeated unless it is one: whoever mistakes the path for the content writes a
/// secret there.
pub fn absolute(key: &'static str, path: String) -> Result<PathBuf, CredentialError> {
    if path.starts_with('/') {
        return Ok(path.into());
    }
    let why = "it is not an absolute path; set the path of the file, not its content".to_owned();
    Err(CredentialError::Invalid { key, why })
}

async fn read(path: &Path) -> Result<SecretString, TokenError> {
    let unreadable = |source| TokenError::Unreadable { path: path.to_owned(), source };
    let text = files::read_aside(path).await.map_err(unreadable)?;
    // What is no Unicode has characters that no token has.
    match String::from_utf8_lossy(&text).trim() {
        "" => Err(TokenError::Empty(path.to_owned())),
        token if token.len() > LONGEST_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err(TokenError::Unusable(path.to_owned()))
        }
        token => Ok(token.into()),
    }
}

#[cfg(test)]
mod tests {
    use keeper_alicloud::{Timeouts, Transport};
    use secrecy::ExposeSecret;

    use super::super::environment::Environment;
    use super::*;

    #[tokio::test]
    async fn a_token_is_trimmed_and_what_is_none_is_told() {
        let folder = std::env::temp_dir().join(format!("ecs-keeper-token-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("token");
        assert!(matches!(read(&path).await, Err(TokenError::Unreadable { .. })));
        for (text, wanted) in [("a.b.c\n", Some("a.b.c")), (" \n", None), ("CANARY CANARY", None)] {
            std::fs::write(&path, text).unwrap();
            let read = read(&path).await;
            assert!(!format!("{read:?}").contains("CANARY"));
            assert_eq!(read.ok().as_ref().map(ExposeSecret::expose_secret), wanted);
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn i55_settings_that_are_missing_are_named_with_the_variable() {
        let whole = [
            (ROLE_ARN, "acs:ram::1:role/keeper"),
            (PROVIDER_ARN, "acs:ram::1:oidc-provider/ack"),
            (TOKEN_FILE, "/token"),
        ];
        let new = |variables: &[(&str, &str)]| {
            let exchange = Exchange {
                transport: Transport::new(Timeouts::default()).unwrap(),
                settings: config::StsSettings::default(),
                environment: Environment::of(variables.iter().copied()),
                session_name: "keeper".to_owned(),
            };
            Rrsa::new(&config::Oidc::default(), &exchange, exchange.sts(None, None).unwrap())
        };
        assert_eq!(new(&whole).unwrap().role.arn, "acs:ram::1:role/keeper");
        for (missing, _) in whole {
            let some: Vec<_> = whole.into_iter().filter(|(name, _)| *name != missing).collect();
            let why = new(&some).unwrap_err().to_string();
            assert!(why.contains(missing) && why.contains("webhook"), "{why}");
        }
        let odd = new(&[(ROLE_ARN, "keeper"), whole[1], whole[2]]).unwrap_err().to_string();
        assert!(odd.contains(ROLE_ARN), "{odd}");
    }
}
