//! AttachNetworkInterface and DetachNetworkInterface. Success means accepted: what comes of it shows later, in the
//! state of the interface.

use std::sync::Arc;

use jiff::Timestamp;

use super::call::{Call, Done};
use super::honours::Honours;
use super::interface_rules::{interface, invalid_state, refuse_service_managed, refuse_unsettled};
use crate::state::{Instance, InterfaceStatus, InterfaceType, NetworkInterface, Status, World};
use crate::wire::Refusal;

/// The instances have one network card, and trunk interfaces aren't open to the public.
pub(super) const ATTACH: Honours =
    Honours { any: &["InstanceId", "NetworkInterfaceId", "RegionId"], only: &[("NetworkCardIndex", &["0"])] };
pub(super) const DETACH: Honours = Honours::any(&["InstanceId", "NetworkInterfaceId", "RegionId"]);

/// Families whose instances must be stopped, after the vendor's page on managing network interfaces; the page's
/// entry-level and shared types.
const WITHOUT_HOT_PLUG: &[&str] = &["s6", "e", "t5", "t6", "n4", "mn4", "e4", "xn4"];

/// Instances that were started last before this day must be restarted first, after the page of
/// AttachNetworkInterface.
const FIRST_HOT_PLUG: &str = "2018-04-01T00:00:00Z";

/// Refuses to give or take an interface while an instance runs that can't do so. The page of DetachNetworkInterface has the
/// code; that an attach is refused with it too is known from the field.
fn refuse_hot_plug(instance: &Instance) -> Result<(), Refusal> {
    let family = instance.instance_type.split('.').nth(1).unwrap_or_default();
    let old = FIRST_HOT_PLUG.parse::<Timestamp>().is_ok_and(|first| instance.creation_time < first);
    if instance.status == Status::Stopped || !(WITHOUT_HOT_PLUG.contains(&family) || old) {
        return Ok(());
    }
    Err(Refusal::new(
        403,
        "InvalidOperation.HotPlugNotSupport",
        "An instance of this family, or one that runs since before April 2018, must be stopped for this.",
    ))
}

/// The instance that a call names.
fn instance<'w>(world: &'w World, call: &Call<'_>, region: &str) -> Result<&'w Arc<Instance>, Refusal> {
    let id = call.params.required("InstanceId")?;
    world
        .find(&call.caller.account, id)
        .filter(|instance| instance.region_id == region)
        // Both pages also list InvalidInstanceId.NotFound, with 403 for the attach; which comes when, they don't say.
        .ok_or_else(|| Refusal::new(404, "InvalidEcsId.NotFound", format!("There is no instance {id} here.")))
}

/// Says why an interface can't be given to an instance of a zone and VPC, if it can't.
pub(super) fn refuse_place(interface: &NetworkInterface, zone: &str, vpc: &str) -> Result<(), Refusal> {
    let id = &interface.network_interface_id;
    refuse_service_managed(interface)?;
    if matches!(interface.r#type, InterfaceType::Trunk | InterfaceType::Member) {
        return Err(Refusal::new(
            403,
            "InvalidOperation.InvalidEniType",
            format!("{id} is of the type {}, which can't be attached.", interface.r#type.as_str()),
        ));
    }
    if interface.status != InterfaceStatus::Available {
        return Err(invalid_state(interface));
    }
    refuse_elsewhere(interface, zone, vpc)
}

/// Refuses an interface of another zone or VPC than the instance's.
pub(super) fn refuse_elsewhere(interface: &NetworkInterface, zone: &str, vpc: &str) -> Result<(), Refusal> {
    if interface.zone_id != zone {
        return Err(zone_mismatch(interface, zone));
    }
    if interface.vpc_id != vpc {
        return Err(Refusal::new(
            403,
            "InvalidOperation.VpcMismatch",
            format!(
                "{} is in the VPC {}, the instance in {vpc}.",
                interface.network_interface_id, interface.vpc_id
            ),
        ));
    }
    Ok(())
}

/// The refusal of an interface that is in another zone than the instance.
pub(super) fn zone_mismatch(interface: &NetworkInterface, zone: &str) -> Refusal {
    let (id, home) = (&interface.network_interface_id, &interface.zone_id);
    Refusal::new(
        403,
        "InvalidOperation.AvailabilityZoneMismatch",
        format!("{id} is in the zone {home}, the instance in {zone}."),
    )
}

/// Refuses more interfaces than an instance can have.
pub(super) fn refuse_too_many(world: &World, count: usize) -> Result<(), Refusal> {
    let most = world.settings.interfaces_per_instance;
    if count <= most {
        return Ok(());
    }
    Err(Refusal::new(
        403,
        "EniPerInstanceLimitExceeded",
        format!("The instance can have {most} network interfaces."),
    ))
}

pub(crate) fn attach(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let region = call.region()?;
    let id = call.params.required("NetworkInterfaceId")?;
    call.params.required("InstanceId")?;
    let account = &call.caller.account;
    let interface = interface(world, call, &region, id)?;
    let instance = instance(world, call, &region)?;
    refuse_place(interface, &instance.zone_id, &instance.vpc_id)?;
    refuse_unsettled(instance)?;
    refuse_hot_plug(instance)?;
    let instance = instance.instance_id.clone();
    refuse_too_many(world, world.interfaces_of(account, &instance).len() + 1)?;
    let way = (InterfaceStatus::Attaching, Some(instance.as_str()));
    Ok(Done::write(world.begin(account, id, call.effect, way, call.ending)))
}

pub(crate) fn detach(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let region = call.region()?;
    let id = call.params.required("NetworkInterfaceId")?;
    call.params.required("InstanceId")?;
    let interface = interface(world, call, &region, id)?;
    let instance = instance(world, call, &region)?;
    refuse_service_managed(interface)?;
    if interface.instance_id.as_ref() != Some(&instance.instance_id) {
        return Err(Refusal::new(
            400,
            "InvalidParameter.EniNotBelongEcs",
            format!("{id} is not an interface of {}.", instance.instance_id),
        ));
    }
    if interface.r#type == InterfaceType::Primary {
        return Err(Refusal::new(
            400,
            "InvalidOperation.DetachPrimaryEniNotAllowed",
            "A primary interface can't be detached.",
        ));
    }
    // One that is stuck on its way is detached again by the same call, as documented.
    if !matches!(interface.status, InterfaceStatus::InUse | InterfaceStatus::Detaching) {
        return Err(invalid_state(interface));
    }
    refuse_unsettled(instance)?;
    refuse_hot_plug(instance)?;
    let way = (InterfaceStatus::Detaching, None);
    Ok(Done::write(world.begin(&call.caller.account, id, call.effect, way, call.ending)))
}
