use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

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

#[test]
fn i29_every_documented_code_has_a_class() {
    let documented = documented();
    assert!(documented.len() > 75);
    for (operation, code) in documented {
        assert_ne!(classify(&operation, &code), Class::Unrecognized, "{operation} {code}");
    }
}

#[test]
fn i29_every_code_has_the_class_that_the_facts_give_it() {
    let classes: [(&str, &[&str], &[Class]); 7] = [
        (
            "throttle",
            &["Throttling", "Throttling.User", "Throttling.Api.Limit", "Rejected.Throttling"],
            &[Class::Throttled],
        ),
        ("transient", &[], &[Class::Transient]),
        ("state", &[], &[Class::Busy]),
        ("not_found", &[], &[Class::Gone]),
        ("not_applicable", &[], &[Class::NotApplicable]),
        ("auth", &[], &[Class::Permission, Class::Credentials]),
        ("clock", &[], &[Class::Clock]),
    ];
    let facts: Value = serde_json::from_str(FACTS).unwrap();
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
            let class = classify("AnyOperation", &code);
            assert!(expected.contains(&class), "{code} is {class:?} and not {name}");
        }
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
        ("ModifyInstanceAttribute", "OperationDenied", Class::Locked),
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
        assert_eq!(classify(operation, code), class, "{operation} {code}");
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
        assert_eq!(classify("AttachNetworkInterface", code), class, "{code}");
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
        assert_eq!(classify("ModifyInstanceAttribute", code), Class::Unrecognized, "{code}");
    }
}
