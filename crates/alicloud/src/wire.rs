//! How a resource is read and a flag is written over the wire. Sends nothing.
//!
//! Another resource, or another flag, is a file for its operation, and an `impl` here.

use keeper_core::auto_release_time::AutoReleaseTime;
use keeper_core::call::{Page, ReadCall, WriteCall};
use keeper_core::delete_on_release::DeleteOnRelease;
use keeper_core::deletion_protection::DeletionProtection;
use keeper_core::flag::Flag;
use keeper_core::id::Region;
use keeper_core::instance::Instance;
use keeper_core::interface::Interface;
use keeper_core::resource::Resource;
use keeper_core::scaling_member::ScalingMember;

use crate::answer::Answer;
use crate::listing::Place;
use crate::operation::{Operation, Parameters};
use crate::{
    describe_instances, describe_network_interfaces, describe_scaling_instances, modify_instance_attribute,
    modify_instance_auto_release_time, modify_network_interface_attribute,
};

/// A resource whose listing this crate can put into requests. Can be implemented here alone, for its types have no public
/// path.
pub trait WireResource: Resource {
    /// The operation that lists.
    const READ: Operation;

    /// The parameters of a read; `None` for a query that would ask for something else than it says.
    fn read_parameters(region: &Region, call: &ReadCall<Self>) -> Option<Parameters>;

    /// The page in an answer to this call; `None` when it isn't the answer to a listing.
    fn page(call: &ReadCall<Self>, place: Place<'_>, answer: Answer) -> Option<Page<Self>>;
}

/// A flag that this crate can put into requests. Can be implemented here alone, for its types have no public path.
pub trait WireFlag: Flag {
    /// The operation that sets the flag.
    const WRITE: Operation;

    /// The parameters of a write. Takes the call by value: a permit is used once.
    fn write_parameters(region: &Region, call: WriteCall<Self>) -> Parameters;
}

impl WireResource for Instance {
    const READ: Operation = describe_instances::OPERATION;

    fn read_parameters(region: &Region, call: &ReadCall<Self>) -> Option<Parameters> {
        describe_instances::parameters(region, call)
    }

    fn page(_: &ReadCall<Self>, place: Place<'_>, answer: Answer) -> Option<Page<Self>> {
        describe_instances::page(place, answer)
    }
}

impl WireFlag for DeletionProtection {
    const WRITE: Operation = modify_instance_attribute::OPERATION;

    fn write_parameters(_region: &Region, call: WriteCall<Self>) -> Parameters {
        modify_instance_attribute::parameters(call)
    }
}

impl WireFlag for AutoReleaseTime {
    const WRITE: Operation = modify_instance_auto_release_time::OPERATION;

    fn write_parameters(region: &Region, call: WriteCall<Self>) -> Parameters {
        modify_instance_auto_release_time::parameters(region, call)
    }
}

impl WireResource for Interface {
    const READ: Operation = describe_network_interfaces::OPERATION;

    fn read_parameters(region: &Region, call: &ReadCall<Self>) -> Option<Parameters> {
        describe_network_interfaces::parameters(region, call)
    }

    fn page(_: &ReadCall<Self>, place: Place<'_>, answer: Answer) -> Option<Page<Self>> {
        describe_network_interfaces::page(place, answer)
    }
}

impl WireResource for ScalingMember {
    const READ: Operation = describe_scaling_instances::OPERATION;

    fn read_parameters(region: &Region, call: &ReadCall<Self>) -> Option<Parameters> {
        describe_scaling_instances::parameters(region, call)
    }

    fn page(call: &ReadCall<Self>, place: Place<'_>, answer: Answer) -> Option<Page<Self>> {
        describe_scaling_instances::page(call, place, answer)
    }
}

impl WireFlag for DeleteOnRelease {
    const WRITE: Operation = modify_network_interface_attribute::OPERATION;

    fn write_parameters(region: &Region, call: WriteCall<Self>) -> Parameters {
        modify_network_interface_attribute::parameters(region, call)
    }
}
