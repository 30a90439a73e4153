//! `ModifyNetworkInterfaceAttribute`: sets on one network interface whether it is deleted with its instance. Can say
//! nothing else, although the operation also replaces security groups and switches address checks.
//!
//! Setting a value that is set already changes nothing, so the operation needs no client token (and takes none).

use keeper_core::call::WriteCall;
use keeper_core::delete_on_release::DeleteOnRelease;
use keeper_core::id::{InterfaceId, Region};

use crate::operation::{Operation, Parameters, Product};
use crate::permission::{Permission, ResourceType};

pub(crate) const OPERATION: Operation = Operation::write(
    Product::Ecs,
    "ModifyNetworkInterfaceAttribute",
    Permission::on(&[ResourceType::NetworkInterface, ResourceType::SecurityGroup]),
);

/// The parameters of a write. A permit ends here. The protected value is `false`.
pub(crate) fn parameters(region: &Region, call: WriteCall<DeleteOnRelease>) -> Parameters {
    match call {
        WriteCall::Protect(id) => delete_on_release(region, &id, "false"),
        WriteCall::Unprotect(permit) => delete_on_release(region, permit.target(), "true"),
    }
}

fn delete_on_release(region: &Region, id: &InterfaceId, value: &str) -> Parameters {
    vec![
        ("RegionId".to_owned(), region.as_str().to_owned()),
        ("NetworkInterfaceId".to_owned(), id.as_str().to_owned()),
        ("DeleteOnRelease".to_owned(), value.to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use keeper_core::authority::{Case, ObjectProof, Obstacles, PreflightAnswer, UnprotectPermit, grant};
    use keeper_core::evidence::Evidence;
    use keeper_core::id::{CallId, RequestId};
    use keeper_core::intent::{Intent, Rights, Selector};
    use keeper_core::interface::{Interface, InterfaceFacts, InterfaceType};
    use keeper_core::time::Moment;

    use super::*;
    use crate::sign::canonical_query;

    /// A permit as it is given: by everything that speaks for it.
    fn permit(id: &InterfaceId) -> UnprotectPermit<DeleteOnRelease> {
        let now = Moment::at(Duration::ZERO);
        let intent: Intent<Interface> =
            Intent { protect: false, may: Rights::ALL, ..Intent::of(Selector::default()) };
        let facts = InterfaceFacts {
            delete_on_release: Some(false),
            interface_type: Some(InterfaceType::Secondary),
            service_managed: Some(false),
            tags: Some(Vec::new()),
            ..InterfaceFacts::default()
        };
        let evidence: Evidence<Interface> =
            Evidence { facts, seen: now, call: CallId(1), request_id: RequestId::new("R-1"), tag_epoch: 0 };
        let answer =
            PreflightAnswer { object: Some((1, false)), holds_as_known: true, ..PreflightAnswer::default() };
        let case = Case {
            intent: (1, &intent),
            object: ObjectProof::new(&answer, 1, &intent, now).unwrap(),
            target: (evidence.fresh(now, None).unwrap(), CallId(1)),
            read_since: CallId(1),
            selected: true,
            steps_aside: false,
            obstacles: Obstacles { held: false, opaque: false, circuit_open: false },
        };
        grant(id, &case, now).unwrap()
    }

    #[test]
    fn i13_a_write_says_region_id_and_flag_and_nothing_else() {
        let id = InterfaceId::new("eni-2zeexample0000001");
        let unprotect = WriteCall::Unprotect(permit(&id));
        let sent = |call| canonical_query(&parameters(&Region::new("cn-beijing"), call));
        // The query of the vendor's SDK among the signature vectors.
        assert_eq!(
            sent(WriteCall::Protect(id)),
            "DeleteOnRelease=false&NetworkInterfaceId=eni-2zeexample0000001&RegionId=cn-beijing"
        );
        assert_eq!(
            sent(unprotect),
            "DeleteOnRelease=true&NetworkInterfaceId=eni-2zeexample0000001&RegionId=cn-beijing"
        );
    }
}
