//! What the operations on network interfaces refuse alike.

use std::sync::Arc;

use super::call::Call;
use crate::state::{Instance, LockReason, NetworkInterface, Status, World};
use crate::wire::Refusal;

pub(super) fn no_such_interface(id: &str) -> Refusal {
    Refusal::new(404, "InvalidEniId.NotFound", format!("There is no network interface {id} here."))
}

/// A network interface of the region that a call names.
pub(super) fn interface<'w>(
    world: &'w World,
    call: &Call<'_>,
    region: &str,
    id: &str,
) -> Result<&'w Arc<NetworkInterface>, Refusal> {
    world
        .find_interface(&call.caller.account, id)
        .filter(|interface| interface.region_id == region)
        .ok_or_else(|| no_such_interface(id))
}

/// Refuses what only the product of the cloud that made an interface may do with it.
pub(super) fn refuse_service_managed(interface: &NetworkInterface) -> Result<(), Refusal> {
    if !interface.service_managed {
        return Ok(());
    }
    Err(Refusal::new(
        403,
        "InvalidOperation.EniServiceManaged",
        format!("{} belongs to a product of the cloud.", interface.network_interface_id),
    ))
}

pub(super) fn invalid_state(interface: &NetworkInterface) -> Refusal {
    let (id, status) = (&interface.network_interface_id, interface.status.as_str());
    Refusal::new(400, "InvalidOperation.InvalidEniState", format!("{id} is {status}."))
}

/// Refuses an operation on an instance's interface while the instance is on its way somewhere or locked.
pub(super) fn refuse_unsettled(instance: &Instance) -> Result<(), Refusal> {
    if matches!(instance.status, Status::Running | Status::Stopped)
        && !instance.locked_for(LockReason::Security)
    {
        return Ok(());
    }
    let (id, status) = (&instance.instance_id, instance.status.as_str());
    Err(Refusal::new(
        400,
        "InvalidOperation.InvalidEcsState",
        format!("The instance {id} is {status} or locked."),
    ))
}
