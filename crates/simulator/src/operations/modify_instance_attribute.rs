//! ModifyInstanceAttribute: one instance a call, no RegionId, and more attributes than release protection.

use super::{Call, Done};
use crate::state::{Instance, InterfaceType, LockReason, Status, World};
use crate::wire::{Params, Refusal};

/// Attributes that the operation has and that leave no trace here but in the log.
const OTHERS: &[&str] = &[
    "CpuOptions.Core",
    "CpuOptions.ThreadsPerCore",
    "CpuOptions.TopologyType",
    "EnableJumboFrame",
    "EnableNetworkEncryption",
    "NetworkInterfaceQueueNumber",
    "Password",
    "UserData",
];

/// What a call asks to be changed.
struct Wanted {
    protection: Option<bool>,
    recyclable: Option<bool>,
    name: Option<String>,
    host_name: Option<String>,
    description: Option<String>,
    credit_specification: Option<String>,
    security_groups: Vec<String>,
}

impl Wanted {
    fn parse(params: &Params) -> Result<Self, Refusal> {
        let text = |name: &str, valid: fn(&str) -> bool| match params.get(name) {
            Some(value) if !valid(value) => Err(Refusal::invalid(name)),
            value => Ok(value.map(str::to_owned)),
        };
        text("Password", |value| (8..=30).contains(&value.chars().count()))?;
        Ok(Self {
            protection: params.boolean("DeletionProtection")?,
            recyclable: params.boolean("Recyclable")?,
            name: text("InstanceName", |value| {
                (2..=128).contains(&value.chars().count()) && value.starts_with(char::is_alphabetic)
            })?,
            host_name: text("HostName", |value| (2..=64).contains(&value.len()))?,
            description: text("Description", |value| (2..=256).contains(&value.chars().count()))?,
            credit_specification: text("CreditSpecification", |value| {
                matches!(value, "Standard" | "Unlimited")
            })?,
            security_groups: params.list("SecurityGroupIds").into_iter().map(str::to_owned).collect(),
        })
    }

    fn is_nothing(&self, params: &Params) -> bool {
        self.protection.is_none()
            && self.recyclable.is_none()
            && self.name.is_none()
            && self.host_name.is_none()
            && self.description.is_none()
            && self.credit_specification.is_none()
            && self.security_groups.is_empty()
            && !OTHERS.iter().any(|name| params.get(name).is_some())
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
    if wanted.is_nothing(call.params) {
        return Err(Refusal::new(400, "MissingParameter", "No attribute to change was given."));
    }
    refuse(instance, &wanted)?;
    let groups = wanted.security_groups.clone();
    let mut changed = world.change(account, id, call.effect, |instance| wanted.apply(instance));
    if !groups.is_empty() {
        changed |= give_groups(world, call, id, &groups);
    }
    Ok(Done::write(changed))
}

/// The security groups of an instance are those of its primary interface.
fn give_groups(world: &mut World, call: &Call<'_>, instance: &str, groups: &[String]) -> bool {
    let account = &call.caller.account;
    let interfaces = world.interfaces_of(account, instance);
    let Some(primary) = interfaces.iter().find(|interface| interface.r#type == InterfaceType::Primary) else {
        return false;
    };
    world.change_interface(account, &primary.network_interface_id, call.effect, |interface| {
        interface.security_group_ids = groups.to_vec();
    })
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
        Status::Running | Status::Stopped => Ok(()),
        Status::Pending | Status::Starting | Status::Stopping => Err(Refusal::new(
            403,
            "IncorrectInstanceStatus",
            format!("An instance that is {} can't be changed.", instance.status.as_str()),
        )),
    }
}
