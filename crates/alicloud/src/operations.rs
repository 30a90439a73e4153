//! All operations that can be sent.

use crate::operation::Operation;
use crate::{
    assume_role, assume_role_with_oidc, attach_network_interface, describe_instances,
    describe_network_interfaces, describe_regions, describe_scaling_groups, describe_scaling_instances,
    get_caller_identity, lookup_events, modify_instance_attribute, modify_instance_auto_release_time,
    modify_network_interface_attribute, set_instances_protection,
};

/// Every operation that the operator calls, whatever it is asked for.
pub const OPERATIONS: [Operation; 9] = [
    describe_instances::OPERATION,
    modify_instance_attribute::OPERATION,
    modify_instance_auto_release_time::OPERATION,
    describe_network_interfaces::OPERATION,
    modify_network_interface_attribute::OPERATION,
    attach_network_interface::OPERATION,
    assume_role::OPERATION,
    assume_role_with_oidc::OPERATION,
    get_caller_identity::OPERATION,
];

/// Every operation on scaling groups. They need permissions of their own, which nobody has to give who asks for nothing of
/// scaling groups.
pub const SCALING_OPERATIONS: [Operation; 2] =
    [describe_scaling_instances::OPERATION, set_instances_protection::OPERATION];

/// Every operation that tells who has switched a flag. They need permissions of their own, which nobody has to give who does not ask for
/// attribution.
pub const ATTRIBUTION_OPERATIONS: [Operation; 1] = [lookup_events::OPERATION];

/// Every operation that only commands call which look at everything, and the operator never does.
pub const COMMAND_OPERATIONS: [Operation; 2] =
    [describe_regions::OPERATION, describe_scaling_groups::OPERATION];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn i13_every_file_with_an_operation_is_in_one_of_the_lists() {
        // In two parts, so that this file is none of those.
        let constant = concat!("const OPERATION: ", "Operation =");
        let mut written: Vec<String> = Vec::new();
        for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let text = std::fs::read_to_string(path).unwrap();
                let found = text.split_once(constant).and_then(|(_, rest)| rest.split('"').nth(1));
                written.extend(found.map(str::to_owned));
            }
        }
        let mut listed: Vec<_> = OPERATIONS
            .into_iter()
            .chain(SCALING_OPERATIONS)
            .chain(ATTRIBUTION_OPERATIONS)
            .chain(COMMAND_OPERATIONS)
            .map(Operation::name)
            .collect();
        written.sort();
        listed.sort_unstable();
        assert_eq!(written, listed);
    }
}
