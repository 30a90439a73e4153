//! `SetInstancesProtection`: keeps up to twenty instances of one scaling group from scale-in, or gives them up to it.
//!
//! It takes no region: the host, or the group's id, decides where the group is looked up. The region is sent all the same,
//! as the vendor's Terraform provider does; what the operation doesn't have is passed over.

use std::collections::BTreeMap;

use keeper_core::call::WriteCall;
use keeper_core::flag::Flag;
use keeper_core::id::{InstanceId, Region, ScalingGroupId};
use keeper_core::protected_from_scale_in::ProtectedFromScaleIn;

use crate::operation::{Operation, Parameters, Product};
use crate::permission::{Permission, ResourceType};

/// The operation.
pub const OPERATION: Operation =
    Operation::write(Product::Ess, "SetInstancesProtection", Permission::on(&[ResourceType::ScalingGroup]));

/// The parameters of a write; `None` unless it is about one to twenty instances and one value. Takes the calls by value: a
/// permit is used once.
pub(crate) fn parameters(
    region: &Region,
    group: &ScalingGroupId,
    writes: Vec<WriteCall<ProtectedFromScaleIn>>,
) -> Option<Parameters> {
    let of = |write: WriteCall<ProtectedFromScaleIn>| match write {
        WriteCall::Protect(id) => (id, true),
        WriteCall::Unprotect(permit) => (permit.target().clone(), false),
    };
    let values: BTreeMap<InstanceId, bool> = writes.into_iter().map(of).collect();
    let value = *values.values().next()?;
    let alike = values.values().all(|each| *each == value);
    let ids = (1..).zip(values.keys());
    let mut parameters: Parameters =
        ids.map(|(nth, id)| (format!("InstanceIds.{nth}"), id.as_str().to_owned())).collect();
    parameters.extend([
        ("ScalingGroupId".to_owned(), group.as_str().to_owned()),
        ("ProtectedFromScaleIn".to_owned(), value.to_string()),
        ("RegionId".to_owned(), region.as_str().to_owned()),
    ]);
    (alike && values.len() <= ProtectedFromScaleIn::PER_CALL).then_some(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protect(ids: impl IntoIterator<Item = u32>) -> Option<Parameters> {
        let write = |id| WriteCall::Protect(InstanceId::new(format!("i-{id}")));
        let writes = ids.into_iter().map(write).collect();
        parameters(&Region::new("cn-hangzhou"), &ScalingGroupId::new("asg-1"), writes)
    }

    #[test]
    fn i13_a_write_says_the_group_the_ids_and_the_flag_and_nothing_else() {
        let expected = [
            ("InstanceIds.1", "i-1"),
            ("InstanceIds.2", "i-2"),
            ("ScalingGroupId", "asg-1"),
            ("ProtectedFromScaleIn", "true"),
            ("RegionId", "cn-hangzhou"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(protect([2, 1, 2]).unwrap(), expected);
    }

    #[test]
    fn i58_one_call_is_about_one_to_twenty_instances() {
        assert_eq!(protect([]), None);
        assert!(protect(0..20).is_some());
        assert_eq!(protect(0..21), None);
    }
}
