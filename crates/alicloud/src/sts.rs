//! A client of STS for sessions of roles. It knows no account and no region: where it calls is given whole.

use keeper_core::failure::Class;
use secrecy::SecretString;

use crate::credentials::Credentials;
use crate::endpoint::StsEndpoint;
use crate::error::Error;
use crate::get_caller_identity::{self, Caller};
use crate::send::Sender;
use crate::session::{RoleToAssume, Session};
use crate::sign::{Always, StampSource, SystemStamps};
use crate::transport::Transport;
use crate::{assume_role, assume_role_with_oidc};

/// A client of one STS endpoint. None of its calls changes anything, so none of them needs the lease.
#[derive(Debug)]
pub struct Sts<S = SystemStamps> {
    sender: Sender<S>,
    stamps: S,
    endpoint: StsEndpoint,
}

impl Sts {
    /// A client that signs with the wall clock's time.
    pub fn new(transport: Transport, endpoint: StsEndpoint) -> Self {
        Self::with_stamps(transport, endpoint, SystemStamps)
    }
}

impl<S: StampSource + Clone> Sts<S> {
    /// A client that takes time and nonce of its signatures from `stamps`.
    pub fn with_stamps(transport: Transport, endpoint: StsEndpoint, stamps: S) -> Self {
        Self { sender: Sender::new(transport, stamps.clone()), stamps, endpoint }
    }

    /// Exchanges a key for a session of a role.
    pub async fn assume_role(&self, key: &Credentials, role: &RoleToAssume) -> Result<Session, Error> {
        let parameters = assume_role::parameters(role);
        let decode = |answer| Session::from_sts(&answer, self.stamps.stamp().date);
        self.sender
            .signed(assume_role::OPERATION, self.endpoint.url(), &parameters, key, &Always, decode)
            .await
            .map_err(to_whoever_needs_a_key)
    }

    /// Exchanges a token of an OIDC provider for a session of a role.
    pub async fn assume_role_with_oidc(
        &self,
        role: &RoleToAssume,
        provider_arn: &str,
        token: &SecretString,
    ) -> Result<Session, Error> {
        let form = assume_role_with_oidc::form(role, provider_arn, token);
        let decode = |answer| Session::from_sts(&answer, self.stamps.stamp().date);
        self.sender
            .unsigned(assume_role_with_oidc::OPERATION, self.endpoint.url(), &form, decode)
            .await
            .map_err(to_whoever_needs_a_key)
    }

    /// Asks whose a key is.
    pub async fn caller_identity(&self, key: &Credentials) -> Result<Caller, Error> {
        let parameters = Vec::new();
        self.sender
            .signed(
                get_caller_identity::OPERATION,
                self.endpoint.url(),
                &parameters,
                key,
                &Always,
                get_caller_identity::identity,
            )
            .await
    }
}

/// That STS throttles, or is not there, says nothing of the service that the key was wanted for.
fn to_whoever_needs_a_key(error: Error) -> Error {
    let class = if error.class.heals_itself() { Class::NoIdentity } else { error.class };
    error.classed(class)
}
