//! `AttachNetworkInterface`: attaches one free network interface to one instance. Nothing here detaches.
//!
//! The operation is asynchronous: an answer says that the cloud has begun, and only the interface's status says how it
//! ended. It takes no client token, so it must not be sent again after an answer that was lost.

use keeper_core::authority::AttachPermit;
use keeper_core::id::Region;

use crate::operation::{Operation, Parameters, Product};
use crate::permission::{Permission, ResourceType};

/// Attaches a network interface to an instance.
pub const OPERATION: Operation = Operation::write(
    Product::Ecs,
    "AttachNetworkInterface",
    Permission::on(&[ResourceType::NetworkInterface, ResourceType::Instance]),
);

/// The parameters of an attachment. The permit ends here.
#[allow(clippy::needless_pass_by_value, reason = "a permit is used once")]
pub(crate) fn parameters(region: &Region, permit: AttachPermit) -> Parameters {
    vec![
        ("RegionId".to_owned(), region.as_str().to_owned()),
        ("NetworkInterfaceId".to_owned(), permit.interface().as_str().to_owned()),
        ("InstanceId".to_owned(), permit.instance().as_str().to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use keeper_core::evidence::Evidence;
    use keeper_core::id::{CallId, InstanceId, InterfaceId, RequestId};
    use keeper_core::intent::Rights;
    use keeper_core::interface::{Interface, InterfaceFacts, InterfaceStatus, InterfaceType};
    use keeper_core::time::Moment;

    use super::*;
    use crate::sign::canonical_query;

    #[test]
    fn i13_an_attachment_names_region_interface_and_instance_and_nothing_else() {
        let seen = Moment::at(Duration::ZERO);
        let facts = InterfaceFacts {
            interface_type: Some(InterfaceType::Secondary),
            status: Some(InterfaceStatus::Available),
            instance: Some(None),
            service_managed: Some(false),
            tags: Some(Vec::new()),
            ..InterfaceFacts::default()
        };
        let evidence: Evidence<Interface> =
            Evidence { facts, seen, call: CallId(1), request_id: RequestId::new("R-1"), tag_epoch: 0 };
        let (id, to) = (InterfaceId::new("eni-1"), InstanceId::new("i-1"));
        let permit = AttachPermit::grant(Rights::ALL, &id, evidence.fresh(seen, None).unwrap(), &to).unwrap();
        assert_eq!(
            canonical_query(&parameters(&Region::new("cn-hangzhou"), permit)),
            "InstanceId=i-1&NetworkInterfaceId=eni-1&RegionId=cn-hangzhou"
        );
    }
}
