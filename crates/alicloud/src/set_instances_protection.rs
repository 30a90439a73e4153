//! `SetInstancesProtection`: keeps up to twenty instances of one scaling group from scale-in. Can say nothing else: giving
//! an instance up to scale-in is unprotecting, for which there is no permit yet.
//!
//! It takes no region: the host, or the group's id, decides where the group is looked up. The region is sent all the same,
//! as the vendor's Terraform provider does; what the operation doesn't have is passed over.

use keeper_core::id::Region;

use crate::operation::{Operation, Parameters, Product};
use crate::permission::{Permission, ResourceType};
use crate::scaling_member::MemberProtection;

pub(crate) const OPERATION: Operation =
    Operation::write(Product::Ess, "SetInstancesProtection", Permission::on(&[ResourceType::ScalingGroup]));

/// The parameters of a write.
pub(crate) fn parameters(region: &Region, protection: &MemberProtection) -> Parameters {
    let ids = (1..).zip(protection.instances());
    let mut parameters: Parameters =
        ids.map(|(number, id)| (format!("InstanceIds.{number}"), id.as_str().to_owned())).collect();
    parameters.extend([
        ("ScalingGroupId".to_owned(), protection.group().as_str().to_owned()),
        ("ProtectedFromScaleIn".to_owned(), "true".to_owned()),
        ("RegionId".to_owned(), region.as_str().to_owned()),
    ]);
    parameters
}

#[cfg(test)]
mod tests {
    use keeper_core::id::InstanceId;

    use super::*;
    use crate::scaling_member::ScalingGroupId;

    #[test]
    fn i13_a_write_says_the_group_the_ids_and_the_flag_and_nothing_else() {
        let ids = ["i-1", "i-2"].map(InstanceId::new).to_vec();
        let protection = MemberProtection::new(ScalingGroupId::parse("asg-1").unwrap(), ids).unwrap();
        let expected = [
            ("InstanceIds.1", "i-1"),
            ("InstanceIds.2", "i-2"),
            ("ScalingGroupId", "asg-1"),
            ("ProtectedFromScaleIn", "true"),
            ("RegionId", "cn-hangzhou"),
        ];
        assert_eq!(
            parameters(&Region::new("cn-hangzhou"), &protection),
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }
}
