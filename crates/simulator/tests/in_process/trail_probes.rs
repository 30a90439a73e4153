//! Calls that show of each parameter of LookupEvents what the simulator does with it, and the events that they are about.

use keeper_simulator::{Account, ConsoleUser};

use super::probes::Test::{Refuses, Shows};
use super::probes::{Probe, probe};

/// What happens before the stage is looked at. It changes nothing.
pub fn record(account: &Account) {
    let protection = |id, value| [("InstanceId", id), ("DeletionProtection", value)];
    account.console("ModifyInstanceAttribute", &protection("i-a", "false")).expect("nothing to do");
    account.console("ModifyInstanceAttribute", &protection("i-b", "false")).expect("nothing to do");
    let ann = ConsoleUser { user_name: "ann".to_owned(), ..ConsoleUser::default() };
    let scale_in =
        [("ScalingGroupId", "asg-a"), ("InstanceIds.1", "i-in"), ("ProtectedFromScaleIn", "false")];
    account.console_as(&ann, "SetInstancesProtection", &scale_in).expect("nothing to do");
}

const INVALID: &str = "InvalidParameterValue";
const OPERATION: &str = "LookupEvents";

pub const TRAIL_PROBES: &[Probe] = &[
    probe(
        OPERATION,
        "Direction",
        &[("MaxResults", "1")],
        &[Refuses("UP", INVALID), Refuses("forward", INVALID)],
    ),
    probe(
        OPERATION,
        "EndTime",
        &[("StartTime", "2026-01-01T00:00:00Z")],
        &[
            Refuses("2026-01-02T00:00:00Z", "InvalidTimeRangeException"),
            Refuses("in two hours", "InvalidTimeRangeException"),
            Refuses("2026-01-02", INVALID),
            Refuses("2026-01-02T00:00Z", INVALID),
        ],
    ),
    probe(
        OPERATION,
        "StartTime",
        &[("EndTime", "2020-01-01T00:00:00Z")],
        &[
            Refuses("2019-12-31T00:00:00Z", "InvalidTimeRangeException"),
            Refuses("2020-01-02T00:00:00Z", "InvalidTimeRangeException"),
            Refuses("yesterday", INVALID),
        ],
    ),
    probe(
        OPERATION,
        "LookupAttribute.1.Key",
        &[("LookupAttribute.1.Value", "i-a")],
        &[
            Shows("ResourceName"),
            Refuses("Colour", INVALID),
            Refuses("PrincipalId", INVALID),
            Refuses("SensitiveAction", "UnsupportedParameter"),
        ],
    ),
    probe(
        OPERATION,
        "LookupAttribute.1.Value",
        &[("LookupAttribute.1.Key", "User"), ("LookupAttribute.1.Value", "console")],
        &[Shows("ann"), Shows("nobody")],
    ),
    probe(
        OPERATION,
        "MaxResults",
        &[],
        &[Shows("1"), Refuses("0", INVALID), Refuses("51", INVALID), Refuses("x", INVALID)],
    ),
    probe(OPERATION, "NextToken", &[], &[Refuses("x", INVALID)]),
];
