//! `AssumeRoleWithOIDC`: a session of a role, for whoever has a token of an identity provider that the role trusts. The call is
//! not signed: the token proves who calls.
//!
//! The vendor's clients send the parameters in the query, in a form, or divided between both. Here all of them are in the
//! form, because URLs end up in the logs of proxies.

use secrecy::SecretString;

use crate::operation::{Operation, Product};
use crate::permission::Permission;
use crate::session::RoleToAssume;

pub(crate) const OPERATION: Operation = Operation::read(Product::Sts, "AssumeRoleWithOIDC", Permission::None);

/// The form of a call. The operation knows no external id.
pub(crate) fn form(
    role: &RoleToAssume,
    provider_arn: &str,
    token: &SecretString,
) -> Vec<(&'static str, SecretString)> {
    let mut form = vec![
        ("OIDCProviderArn", provider_arn.into()),
        ("OIDCToken", token.clone()),
        ("RoleArn", role.arn.as_str().into()),
        ("RoleSessionName", role.session_name.as_str().into()),
    ];
    form.extend(role.duration.map(|duration| ("DurationSeconds", duration.as_secs().to_string().into())));
    form.extend(role.policy.as_deref().map(|policy| ("Policy", policy.into())));
    form
}
