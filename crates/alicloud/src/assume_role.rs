//! `AssumeRole`: a session of a role, for whoever holds another key. It changes nothing, so a lost answer costs nothing.

use crate::operation::{Operation, Parameters, Product};
use crate::permission::Permission;
use crate::session::RoleToAssume;

pub(crate) const OPERATION: Operation = Operation::read(Product::Sts, "AssumeRole", Permission::Role);

/// The parameters of a call.
pub(crate) fn parameters(role: &RoleToAssume) -> Parameters {
    let mut parameters = vec![
        ("RoleArn".to_owned(), role.arn.clone()),
        ("RoleSessionName".to_owned(), role.session_name.clone()),
    ];
    let duration = role.duration.map(|duration| duration.as_secs().to_string());
    let optional = [
        ("DurationSeconds", duration.as_ref()),
        ("ExternalId", role.external_id.as_ref()),
        ("Policy", role.policy.as_ref()),
    ];
    parameters
        .extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.clone()))));
    parameters
}
