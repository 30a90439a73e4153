//! ModifyInstanceAttribute: one instance a call, no RegionId, and more attributes than release protection.

use std::collections::BTreeSet;

use super::call::{Call, Done};
use super::honours::Honours;
use super::texts::{self, Naming};
use crate::state::{DEFAULT_QUEUES, Instance, InterfaceType, LockReason, NetworkInterface, Status, World};
use crate::wire::{Params, Refusal};

pub(super) const HONOURS: Honours = Honours::any(&[
    "CreditSpecification",
    "DeletionProtection",
    "Description",
    "HostName",
    "InstanceId",
    "InstanceName",
    "NetworkInterfaceQueueNumber",
    "Password",
    "Recyclable",
    "SecurityGroupIds.N",
]);

/// What a call asks to be changed.
struct Wanted {
    protection: Option<bool>,
    recyclable: Option<bool>,
    name: Option<String>,
    host_name: Option<String>,
    description: Option<String>,
    credit_specification: Option<String>,
    security_groups: Vec<String>,
    queue_number: Option<u32>,
    password: bool,
}

impl Wanted {
    fn parse(params: &Params) -> Result<Self, Refusal> {
        let security_groups = params.list("SecurityGroupIds");
        if security_groups.iter().collect::<BTreeSet<_>>().len() < security_groups.len() {
            return Err(Refusal::invalid("SecurityGroupIds"));
        }
        Ok(Self {
            protection: params.boolean("DeletionProtection")?,
            recyclable: params.boolean("Recyclable")?,
            name: texts::name(params, "InstanceName", Naming::WITHOUT_PERIODS)?,
            host_name: texts::host_name(params)?,
            description: texts::description(params, 256)?,
            credit_specification: texts::credit_specification(params)?,
            queue_number: match params.get("NetworkInterfaceQueueNumber") {
                // Documented: back to what the instance's type has.
                Some("-1") => Some(DEFAULT_QUEUES),
                _ => texts::queues(params, "NetworkInterfaceQueueNumber")?,
            },
            password: texts::check_password(params)?,
            security_groups: security_groups.into_iter().map(str::to_owned).collect(),
        })
    }

    fn is_nothing(&self) -> bool {
        self.protection.is_none()
            && self.recyclable.is_none()
            && self.name.is_none()
            && self.host_name.is_none()
            && self.description.is_none()
            && self.credit_specification.is_none()
            && self.security_groups.is_empty()
            && self.queue_number.is_none()
            && !self.password
    }

    fn apply(self, instance: &mut Instance) {
        fn set<T>(place: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *place = value;
            }
        }
        set(&mut instance.deletion_protection, self.protection);
        set(&mut instance.recyclable, self.recyclable);
        set(&mut instance.instance_name, self.name);
        set(&mut instance.host_name, self.host_name);
        set(&mut instance.description, self.description);
        set(&mut instance.credit_specification, self.credit_specification);
        if !self.security_groups.is_empty() {
            instance.security_group_ids = self.security_groups;
        }
    }
}

pub(crate) fn run(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let id = call.params.required("InstanceId")?;
    let wanted = Wanted::parse(call.params)?;
    let account = &call.caller.account;
    let instance = world
        .find(account, id)
        .filter(|instance| call.reaches(&instance.region_id))
        .ok_or_else(|| Refusal::no_such_instance(id))?;
    if wanted.is_nothing() {
        return Err(Refusal::new(400, "MissingParameter", "No attribute to change was given."));
    }
    refuse(instance, &wanted)?;
    let (groups, queues) = (wanted.security_groups.clone(), wanted.queue_number);
    let mut changed = world.change(account, id, call.effect, |instance| wanted.apply(instance));
    if !groups.is_empty() || queues.is_some() {
        changed |= change_primary(world, call, id, |primary| {
            if !groups.is_empty() {
                primary.security_group_ids = groups;
            }
            primary.queue_number = queues.unwrap_or(primary.queue_number);
        });
    }
    Ok(Done::write(changed))
}

/// Security groups and queues of an instance are those of its primary interface.
fn change_primary(
    world: &mut World,
    call: &Call<'_>,
    instance: &str,
    change: impl FnOnce(&mut NetworkInterface),
) -> bool {
    let account = &call.caller.account;
    let interfaces = world.interfaces_of(account, instance);
    let Some(primary) = interfaces.iter().find(|interface| interface.r#type == InterfaceType::Primary) else {
        return false;
    };
    world.change_interface(account, &primary.network_interface_id, call.effect, change)
}

/// What the vendor's pages say an instance must be for its attributes to change. Which of two reasons comes first,
/// and whether protection may change while an instance starts or stops, isn't documented: the stricter reading is
/// taken.
fn refuse(instance: &Instance, wanted: &Wanted) -> Result<(), Refusal> {
    if instance.locked_for(LockReason::Security) {
        return Err(Refusal::new(
            403,
            "InstanceLockedForSecurity",
            "The instance is locked for security reasons.",
        ));
    }
    // Switching off is refused like switching on: the attribute is documented for pay-as-you-go instances only.
    if wanted.protection.is_some() && !instance.protectable() {
        return Err(Refusal::new(
            403,
            "InvalidChargeType.ValueNotSupported",
            "DeletionProtection is for pay-as-you-go instances: subscription and spot instances have none.",
        ));
    }
    match instance.status {
        Status::Running if wanted.queue_number.is_some() => Err(Refusal::new(
            403,
            "IncorrectInstanceStatus",
            "NetworkInterfaceQueueNumber can change while the instance is stopped.",
        )),
        Status::Running | Status::Stopped => Ok(()),
        Status::Pending | Status::Starting | Status::Stopping => Err(Refusal::new(
            403,
            "IncorrectInstanceStatus",
            format!("An instance that is {} can't be changed.", instance.status.as_str()),
        )),
    }
}
