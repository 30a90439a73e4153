//! `ModifyInstanceAutoReleaseTime`: takes the automatic release time of one instance away. The operation also sets one, with a
//! parameter that this can't express: without it the cloud switches automatic release off (the vendor's page of the operation).

use keeper_core::auto_release_time::AutoReleaseTime;
use keeper_core::call::WriteCall;
use keeper_core::id::Region;

use crate::operation::{Operation, Parameters, Product};
use crate::permission::{Permission, ResourceType};

pub(crate) const OPERATION: Operation = Operation::write(
    Product::Ecs,
    "ModifyInstanceAutoReleaseTime",
    Permission::on(&[ResourceType::Instance]),
);

/// The parameters of a write.
pub(crate) fn parameters(region: &Region, call: WriteCall<AutoReleaseTime>) -> Parameters {
    let id = match call {
        WriteCall::Protect(id) => id,
        WriteCall::Unprotect(permit) => permit.never(),
    };
    vec![
        ("InstanceId".to_owned(), id.as_str().to_owned()),
        ("RegionId".to_owned(), region.as_str().to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use keeper_core::id::InstanceId;

    use super::*;

    #[test]
    fn i13_i58_a_release_time_is_taken_away_by_leaving_it_out() {
        let call = WriteCall::Protect(InstanceId::new("i-1"));
        let expected = [("InstanceId", "i-1"), ("RegionId", "cn-hangzhou")];
        assert_eq!(
            parameters(&Region::new("cn-hangzhou"), call),
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }
}
