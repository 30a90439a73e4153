//! ModifyNetworkInterfaceAttribute: one interface a call, and more attributes than DeleteOnRelease.

use super::call::{Call, Done};
use super::honours::Honours;
use super::interface_rules::{interface, invalid_state, refuse_service_managed, refuse_unsettled};
use super::texts::{self, Naming};
use crate::regions;
use crate::state::{InterfaceStatus, InterfaceType, NetworkInterface, PrimaryRefusal, Status, World};
use crate::wire::{Params, Refusal};

pub(super) const HONOURS: Honours = Honours::any(&[
    "DeleteOnRelease",
    "Description",
    "NetworkInterfaceId",
    "NetworkInterfaceName",
    "QueueNumber",
    "RegionId",
    "SecurityGroupId.N",
    "SourceDestCheck",
]);

/// What a call asks to be changed.
struct Wanted {
    delete_on_release: Option<bool>,
    name: Option<String>,
    description: Option<String>,
    source_dest_check: Option<bool>,
    queue_number: Option<u32>,
    security_groups: Vec<String>,
}

impl Wanted {
    fn parse(params: &Params) -> Result<Self, Refusal> {
        Ok(Self {
            delete_on_release: params.boolean("DeleteOnRelease")?,
            name: texts::name(params, "NetworkInterfaceName", Naming::STRICT)?,
            // One less than when it is created, says the metadata.
            description: texts::description(params, 255)?,
            source_dest_check: params.boolean("SourceDestCheck")?,
            queue_number: texts::queues(params, "QueueNumber")?,
            security_groups: params.list("SecurityGroupId").into_iter().map(str::to_owned).collect(),
        })
    }

    fn is_nothing(&self) -> bool {
        self.delete_on_release.is_none()
            && self.name.is_none()
            && self.description.is_none()
            && !self.is_more_than_words()
    }

    /// Whether more is to change than the flag, the name and the description.
    fn is_more_than_words(&self) -> bool {
        self.source_dest_check.is_some() || self.queue_number.is_some() || !self.security_groups.is_empty()
    }

    fn apply(self, interface: &mut NetworkInterface) {
        fn set<T>(place: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *place = value;
            }
        }
        set(&mut interface.delete_on_release, self.delete_on_release);
        set(&mut interface.network_interface_name, self.name);
        set(&mut interface.description, self.description);
        set(&mut interface.source_dest_check, self.source_dest_check);
        set(&mut interface.queue_number, self.queue_number);
        if !self.security_groups.is_empty() {
            interface.security_group_ids = self.security_groups;
        }
    }
}

pub(crate) fn run(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let region = call.region()?;
    let id = call.params.required("NetworkInterfaceId")?;
    let wanted = Wanted::parse(call.params)?;
    let account = &call.caller.account;
    let interface = interface(world, call, &region, id)?;
    if wanted.is_nothing() {
        return Err(Refusal::new(400, "MissingParameter", "No attribute to change was given."));
    }
    refuse_service_managed(interface)?;
    refuse_type(world, interface, &wanted)?;
    // An interface that is on its way somewhere can't be changed. Nor can one whose instance is: that the page lists
    // the code is all that is documented of it.
    if !matches!(interface.status, InterfaceStatus::Available | InterfaceStatus::InUse) {
        return Err(invalid_state(interface));
    }
    if let Some(instance) = interface.instance_id.as_ref().and_then(|id| world.find(account, id)) {
        refuse_unsettled(instance)?;
        if wanted.queue_number.is_some() && instance.status != Status::Stopped {
            return Err(Refusal::new(
                403,
                "InvalidEniState",
                format!("The queues of {id} can change while its instance is stopped."),
            ));
        }
    }
    let changed = world.change_interface(account, id, call.effect, |interface| wanted.apply(interface));
    Ok(Done::write(changed))
}

/// What an interface's kind doesn't allow. A primary interface has a name, a description, and in the regions that
/// retain it the flag; in the others, which of two codes is answered isn't documented. For trunk and member
/// interfaces nothing is documented: the stricter reading is taken.
fn refuse_type(world: &World, interface: &NetworkInterface, wanted: &Wanted) -> Result<(), Refusal> {
    let id = &interface.network_interface_id;
    let only_words = || {
        Refusal::new(
            404,
            "InvalidOperation.PrimaryEniOnlySupportModifyNameAndDesc",
            format!("{id} is a primary interface: only its name and its description can change."),
        )
    };
    let invalid_type = || {
        Refusal::new(
            403,
            "InvalidOperation.InvalidEniType",
            format!("{id} is of the type {}, which doesn't allow this.", interface.r#type.as_str()),
        )
    };
    match interface.r#type {
        InterfaceType::Primary if wanted.is_more_than_words() => Err(only_words()),
        InterfaceType::Primary
            if wanted.delete_on_release.is_some() && !regions::retains_primary(&interface.region_id) =>
        {
            Err(match world.settings.primary_refusal {
                PrimaryRefusal::NameAndDescriptionOnly => only_words(),
                PrimaryRefusal::InvalidType => invalid_type(),
            })
        }
        InterfaceType::Trunk | InterfaceType::Member if wanted.delete_on_release.is_some() => {
            Err(invalid_type())
        }
        _ => Ok(()),
    }
}
