use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

/// The class of a code that needs no message.
fn class_of(operation: &str, code: &str) -> Class {
    classify(operation, code, "")
}

const FACTS: &str = include_str!("../../tests/data/error-codes.json");

/// Operations that this crate has no call for.
const NEVER_CALLED: [&str; 3] = ["DeleteInstance", "DeleteInstances", "DetachNetworkInterface"];

/// Every documented code of an operation that is called; `*` is every operation.
fn documented() -> Vec<(String, String)> {
    let facts: Value = serde_json::from_str(FACTS).unwrap();
    let operations = facts["operations"].as_object().unwrap();
    let of = |operation: &String, codes: &Value| -> Vec<_> {
        let code = |entry: &Value| entry["code"].as_str().unwrap().to_owned();
        codes.as_array().unwrap().iter().map(|entry| (operation.clone(), code(entry))).collect()
    };
    operations
        .iter()
        .filter(|(operation, _)| !NEVER_CALLED.contains(&operation.as_str()))
        .flat_map(|(operation, codes)| of(operation, codes))
        .collect()
}

/// The operations that are called, and one that no rule knows.
const CALLED: [&str; 10] = [
    "DescribeInstances",
    "ModifyInstanceAttribute",
    "DescribeNetworkInterfaces",
    "ModifyNetworkInterfaceAttribute",
    "AttachNetworkInterface",
    "DescribeScalingInstances",
    "SetInstancesProtection",
    "LookupEvents",
    "GetCallerIdentity",
    "AnyOperation",
];

#[test]
fn i29_every_documented_code_has_a_class() {
    let documented = documented();
    assert!(documented.len() > 95);
    for (operation, code) in documented {
        assert_ne!(class_of(&operation, &code), Class::Unrecognized, "{operation} {code}");
    }
}

#[test]
fn i29_every_code_has_the_class_that_the_facts_give_it() {
    let classes: [(&str, &[&str], &[Class]); 9] = [
        (
            "throttle",
            &["Throttling", "Throttling.User", "Throttling.Api.Limit", "Rejected.Throttling"],
            &[Class::Throttled],
        ),
        ("transient", &[], &[Class::Transient]),
        ("state", &[], &[Class::Busy]),
        ("not_found", &[], &[Class::Gone]),
        ("not_applicable", &[], &[Class::NotApplicable]),
        ("locked", &[], &[Class::Locked]),
        ("bug", &[], &[Class::Bug]),
        ("auth", &[], &[Class::Permission, Class::Credentials]),
        ("clock", &[], &[Class::Clock]),
    ];
    let facts: Value = serde_json::from_str(FACTS).unwrap();
    let documented = documented();
    for (name, more, expected) in classes {
        let matches = facts["retry_class"][name]["match"].as_array().cloned().unwrap_or_default();
        let listed = matches.iter().map(|code| code.as_str().unwrap());
        // Sentences about statuses and connections are not codes, and dependency errors come from deletions alone.
        let codes = listed
            .map(|code| code.split(" (").next().unwrap())
            .filter(|code| !code.contains(' ') && !["timeout", "DependencyViolation.*"].contains(code));
        let codes: BTreeSet<_> =
            codes.chain(more.iter().copied()).map(|code| code.replace(".*", ".Any")).collect();
        assert!(codes.len() > 1, "{name}");
        for code in codes {
            // What a code means where no table lists it, or else in the operations whose tables do.
            let by: Vec<&str> = documented.iter().filter(|(_, c)| *c == code).map(|(op, _)| &**op).collect();
            let operations = if name == "not_applicable" { by } else { vec!["AnyOperation"] };
            assert!(!operations.is_empty(), "{code} is in no table of an operation that is called");
            for operation in operations {
                let class = class_of(operation, &code);
                assert!(expected.contains(&class), "{operation} {code} is {class:?} and not {name}");
            }
        }
    }
}

/// "Not applicable" is the one class for which a target is written off. Only a code may say so that the page of the very
/// operation has, and that speaks of what the flag's page says can't carry it.
#[test]
fn i07_only_the_pages_of_the_operation_write_a_target_off() {
    let refusals = |operation: &str| -> Vec<String> {
        let codes = documented().into_iter().map(|(_, code)| code);
        let codes: BTreeSet<String> =
            codes.filter(|code| class_of(operation, code) == Class::NotApplicable).collect();
        codes.into_iter().collect()
    };
    assert_eq!(refusals("ModifyInstanceAttribute"), ["InvalidChargeType.ValueNotSupported"]);
    assert_eq!(
        refusals("ModifyNetworkInterfaceAttribute"),
        [
            "Forbidden.RegionId",
            "InvalidOperation.EniServiceManaged",
            "InvalidOperation.InvalidEniType",
            "InvalidOperation.PrimaryEniOnlySupportModifyNameAndDesc",
        ]
    );
    for operation in [
        "DescribeInstances",
        "DescribeNetworkInterfaces",
        "DescribeScalingInstances",
        "SetInstancesProtection",
        "GetCallerIdentity",
    ] {
        assert_eq!(refusals(operation), [""; 0], "{operation}");
    }
}

/// The vendor's page has three meanings for this code: a security group is full, the instance's status does not allow it,
/// the image is gone.
#[test]
fn i29_of_a_code_with_several_meanings_the_message_tells_which() {
    for (message, class) in [
        ("The number of instances in the specified security group has reached the limit.", Class::Locked),
        ("The specified SecurityGroup is full.", Class::Locked),
        ("The image of the instance has been deleted.", Class::Locked),
        ("The current status of the resource does not support this operation.", Class::Busy),
        ("The operation is denied.", Class::Busy),
        ("", Class::Busy),
    ] {
        for operation in CALLED {
            assert_eq!(classify(operation, "OperationDenied", message), class, "{message}");
        }
    }
    // Nothing else is classed by its words.
    for (operation, code) in documented() {
        let plain = class_of(&operation, &code);
        let worded = classify(&operation, &code, "Throttling: the security group is not found.");
        assert!(plain == worded || code == "OperationDenied", "{code}");
    }
}

#[test]
fn i29_the_codes_that_mislead_are_read_by_code_and_not_by_their_looks() {
    for (operation, code, class) in [
        // 404, and neither says that the resource is gone.
        ("DescribeInstances", "InvalidAccessKeyId.NotFound", Class::Credentials),
        (
            "ModifyNetworkInterfaceAttribute",
            "InvalidOperation.PrimaryEniOnlySupportModifyNameAndDesc",
            Class::NotApplicable,
        ),
        // 404, and the filter's value is wrong, not the resource.
        ("DescribeInstances", "InvalidStatus.NotFound", Class::Bug),
        // 403, and neither is a matter of permission.
        ("ModifyInstanceAttribute", "InvalidChargeType.ValueNotSupported", Class::NotApplicable),
        ("ModifyInstanceAttribute", "IncorrectInstanceStatus", Class::Busy),
        ("ModifyInstanceAttribute", "InvalidInstanceStatus.NeedRestart", Class::Busy),
        ("ModifyInstanceAttribute", "InvalidOperation.InstanceStatusUnsupported", Class::Busy),
        ("ModifyInstanceAttribute", "InvalidStatus.StoppedRequired", Class::Busy),
        // Of an instance that can carry the flag.
        ("ModifyInstanceAttribute", "ChargeTypeViolation", Class::Locked),
        // Of its security groups.
        ("ModifyInstanceAttribute", "InvalidOperation.ResourceManagedByCloudProduct", Class::Locked),
        ("ModifyNetworkInterfaceAttribute", "InvalidOperation.ResourceManagedByCloudProduct", Class::Locked),
        // Of a call that is never made here.
        ("ModifyNetworkInterfaceAttribute", "InvalidOperation.DetachPrimaryEniNotAllowed", Class::Bug),
        // The region lacks the service, which for a primary interface may mean retention alone.
        ("ModifyNetworkInterfaceAttribute", "Forbidden.RegionId", Class::NotApplicable),
        ("DescribeNetworkInterfaces", "Forbidden.RegionId", Class::Bug),
        // 403, and the call may have been carried out.
        ("AttachNetworkInterface", "LastTokenProcessing", Class::Transient),
        ("ModifyInstanceAttribute", "InstanceLockedForSecurity", Class::Locked),
        ("ModifyInstanceAttribute", "InvalidUser.Unauthorized", Class::Permission),
        ("ModifyInstanceAttribute", "Forbidden.RegionId", Class::Bug),
        // The interface's instance is gone, not the interface.
        ("ModifyNetworkInterfaceAttribute", "InvalidEcsId.NotFound", Class::Busy),
        ("DescribeNetworkInterfaces", "InvalidEcsId.NotFound", Class::Gone),
        // 403, and the interface is of a kind that can't carry the flag.
        ("ModifyNetworkInterfaceAttribute", "InvalidOperation.InvalidEniType", Class::NotApplicable),
        ("ModifyNetworkInterfaceAttribute", "InvalidOperation.EniServiceManaged", Class::NotApplicable),
        ("ModifyNetworkInterfaceAttribute", "InvalidOperation.InvalidEniState", Class::Busy),
        ("ModifyNetworkInterfaceAttribute", "InvalidEniId.NotFound", Class::Gone),
    ] {
        assert_eq!(class_of(operation, code), class, "{operation} {code}");
    }
}

#[test]
fn i29_why_an_attachment_is_refused_says_whether_to_wait_to_act_or_to_give_up() {
    for (code, class) in [
        ("InvalidOperation.InvalidEniState", Class::Busy),
        ("InvalidOperation.InvalidEcsState", Class::Busy),
        ("EniPerInstanceLimitExceeded", Class::Locked),
        ("MaxEniCountExceeded", Class::Locked),
        ("SecurityGroupInstanceLimitExceed", Class::Locked),
        ("InvalidOperation.HasMemberEniAttached", Class::Busy),
        ("EniHotPlugNotSupported", Class::Locked),
        ("HotPlugNotSupport", Class::Locked),
        ("InvalidOperation.EniHotPlugNotSupported", Class::Locked),
        ("InvalidOperation.HotPlugNotSupport", Class::Locked),
        ("InvalidOperation.AvailabilityZoneMismatch", Class::NotApplicable),
        ("InvalidOperation.VpcMismatch", Class::NotApplicable),
        ("InvalidOperation.InvalidGeneration", Class::NotApplicable),
        ("InvalidOperation.Ipv4CountExceeded", Class::NotApplicable),
        ("InvalidOperation.Ipv6NotSupport", Class::NotApplicable),
        ("InvalidOperation.EniServiceManaged", Class::NotApplicable),
        ("InvalidOperation.InvalidEniType", Class::NotApplicable),
        // Here a 403; which of the two is gone, the code says.
        ("InvalidInstanceId.NotFound", Class::Gone),
        ("InvalidEcsId.NotFound", Class::Gone),
        ("InvalidEniId.NotFound", Class::Gone),
        ("InvalidOperation.InvalidRegion", Class::Bug),
        ("InvalidParams.EniId", Class::Bug),
    ] {
        assert_eq!(class_of("AttachNetworkInterface", code), class, "{code}");
    }
}

/// One bad id refuses a call about twenty: the code doesn't say which, and the others are as they were.
#[test]
fn i29_why_protection_from_scale_in_is_refused_says_whether_to_wait_or_to_read_again() {
    for (code, class) in [
        ("IncorrectScalingGroupStatus", Class::Busy),
        ("IncorrectInstanceStatus", Class::Busy),
        ("ScalingActivityInProgress", Class::Busy),
        ("InvalidOperation.Conflict", Class::Busy),
        ("InvalidInstanceId.NotFound", Class::Busy),
        ("InvalidScalingGroupId.NotFound", Class::Busy),
        ("Forbidden.Unauthorized", Class::Permission),
        ("Throttling.User", Class::Throttled),
    ] {
        assert_eq!(class_of("SetInstancesProtection", code), class, "{code}");
    }
}

#[test]
fn i29_a_code_that_only_resembles_a_known_one_is_not_known() {
    for code in [
        "",
        "throttling",
        "InternalErrors",
        "InvalidInstanceId",
        "Forbidden",
        "OperationDenied.Other",
        "NotFound",
    ] {
        assert_eq!(class_of("ModifyInstanceAttribute", code), Class::Unrecognized, "{code}");
    }
}
