//! `ModifyInstanceAttribute`: sets release protection on one instance. Can say nothing else, although the operation
//! also sets passwords, user data and security groups.
//!
//! It takes no region: the endpoint alone decides in which region the id is looked up. Setting a value that is set
//! already changes nothing, so the operation needs no client token (and takes none).

use keeper_core::call::WriteCall;
use keeper_core::deletion_protection::DeletionProtection;
use keeper_core::id::InstanceId;

use crate::operation::{Operation, Parameters, Product};
use crate::permission::{Permission, ResourceType};

pub(crate) const OPERATION: Operation = Operation::write(
    Product::Ecs,
    "ModifyInstanceAttribute",
    Permission::Resources { types: &[ResourceType::Instance], never: Some("ecs:PasswordCustomized") },
);

/// The parameters of a write. A permit ends here.
pub(crate) fn parameters(call: WriteCall<DeletionProtection>) -> Parameters {
    match call {
        WriteCall::Protect(id) => deletion_protection(&id, "true"),
        WriteCall::Unprotect(permit) => deletion_protection(permit.target(), "false"),
    }
}

fn deletion_protection(id: &InstanceId, value: &str) -> Parameters {
    vec![
        ("InstanceId".to_owned(), id.as_str().to_owned()),
        ("DeletionProtection".to_owned(), value.to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use keeper_core::authority::{Case, ObjectProof, Obstacles, PreflightAnswer, UnprotectPermit, grant};
    use keeper_core::evidence::Evidence;
    use keeper_core::id::{CallId, RequestId};
    use keeper_core::instance::{ChargeType, Instance, InstanceFacts};
    use keeper_core::intent::{Intent, Rights, Selector};
    use keeper_core::time::Moment;

    use super::*;

    /// A permit as it is given: by everything that speaks for it.
    fn permit(id: &InstanceId) -> UnprotectPermit<DeletionProtection> {
        let now = Moment::at(Duration::ZERO);
        let intent: Intent<Instance> =
            Intent { protect: false, may: Rights::ALL, ..Intent::of(Selector::default()) };
        let facts = InstanceFacts {
            deletion_protection: Some(true),
            charge_type: Some(ChargeType::PostPaid),
            spot: Some(false),
            ..InstanceFacts::default()
        };
        let evidence: Evidence<Instance> =
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
    fn i13_a_write_says_the_id_and_the_flag_and_nothing_else() {
        let id = InstanceId::new("i-1");
        let unprotect = WriteCall::Unprotect(permit(&id));
        for (call, value) in [(WriteCall::Protect(id), "true"), (unprotect, "false")] {
            let expected = [("InstanceId", "i-1"), ("DeletionProtection", value)];
            assert_eq!(parameters(call), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
    }
}
