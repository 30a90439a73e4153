//! Calls that show of each parameter of Auto Scaling what the simulator does with it, and the groups that they are about.

use keeper_simulator::{GroupSeed, GroupState, LifecycleState, MemberSeed, ReclaimMode, Seed};

use super::client::REGION;
use super::probes::Test::{Only, Refuses, Repeats, Shows};
use super::probes::{Given, Probe, probe};

/// The groups of the stage.
pub fn groups() -> Vec<GroupSeed> {
    let made = |id: &str| MemberSeed::made(Seed::new(REGION).id(id));
    let beijing = Seed::new("cn-beijing").id("i-far");
    vec![
        GroupSeed {
            scaling_group_name: Some("alpha".to_owned()),
            members: vec![
                made("i-in"),
                made("i-protected").state(LifecycleState::Protected),
                made("i-standby").state(LifecycleState::Standby),
                made("i-ill"),
                MemberSeed {
                    creation_type: Some(keeper_simulator::CreationType::Attached),
                    ..made("i-added")
                },
            ],
            ..GroupSeed::new(REGION).id("asg-a")
        },
        GroupSeed {
            desired_capacity: Some(2),
            scaling_policy: Some(ReclaimMode::Recycle),
            members: vec![made("i-d1"), made("i-d2")],
            ..GroupSeed::new(REGION).id("asg-d")
        },
        GroupSeed { lifecycle_state: Some(GroupState::Inactive), ..GroupSeed::new(REGION).id("asg-off") },
        GroupSeed { members: vec![MemberSeed::made(beijing)], ..GroupSeed::new("cn-beijing").id("asg-far") },
    ]
}

/// A call that passes.
pub fn base(operation: &str) -> Option<Given> {
    Some(match operation {
        "AttachInstances" => &[("ScalingGroupId", "asg-a"), ("InstanceIds.1", "i-a")],
        "DetachInstances" | "RemoveInstances" | "EnterStandby" => {
            &[("ScalingGroupId", "asg-a"), ("InstanceIds.1", "i-in")]
        }
        "ExitStandby" => &[("ScalingGroupId", "asg-a"), ("InstanceIds.1", "i-standby")],
        "SetInstancesProtection" => {
            &[("ScalingGroupId", "asg-a"), ("InstanceIds.1", "i-in"), ("ProtectedFromScaleIn", "true")]
        }
        "SetInstanceHealth" => &[("InstanceId", "i-in"), ("HealthStatus", "Unhealthy")],
        "CreateScalingGroup" => &[("RegionId", "cn-hangzhou"), ("MinSize", "0"), ("MaxSize", "10")],
        "ModifyScalingGroup" => &[("ScalingGroupId", "asg-d"), ("GroupDeletionProtection", "true")],
        "EnableScalingGroup" | "DeleteScalingGroup" => &[("ScalingGroupId", "asg-off")],
        "DisableScalingGroup" => &[("ScalingGroupId", "asg-a")],
        "DescribeScalingGroups" | "DescribeScalingInstances" => &[("RegionId", "cn-hangzhou")],
        _ => return None,
    })
}

const INVALID: &str = "InvalidParameter";
const NO_GROUP: &str = "InvalidScalingGroupId.NotFound";
const NO_INSTANCE: &str = "InvalidInstanceId.NotFound";
const OTHER_GROUP: Given = &[("ScalingGroupId", "asg-d"), ("InstanceIds.1", "i-d1")];
const ONE_BAD: Given = &[("InstanceIds.2", "i-unknown")];

#[rustfmt::skip]
pub const SCALING_PROBES: &[Probe] = &[
    probe("AttachInstances", "ClientToken", &[], &[Repeats("token")]),
    probe("AttachInstances", "Entrusted", &[], &[Shows("true")]),
    probe("AttachInstances", "Entrusted", &[("InstanceIds.1", "i-p")], &[Refuses("true", "IncorrectInstanceStatus")]),
    probe("AttachInstances", "InstanceIds.1", &[], &[Shows("i-many000001"), Refuses("i-unknown", NO_INSTANCE), Refuses("i-c", NO_INSTANCE), Refuses("i-b", "IncorrectInstanceStatus"), Refuses("i-d1", "IncorrectInstanceStatus")]),
    probe("AttachInstances", "RegionId", &[], &[Refuses("cn-beijing", NO_GROUP)]),
    probe("AttachInstances", "ScalingGroupId", &[], &[Shows("asg-d"), Refuses("asg-unknown", NO_GROUP), Refuses("asg-off", "IncorrectScalingGroupStatus")]),
    probe("AttachInstances", "LifecycleHook", &[], &[Only("false", "true")]),

    probe("CreateScalingGroup", "ClientToken", &[], &[Repeats("token")]),
    probe("CreateScalingGroup", "DesiredCapacity", &[], &[Shows("3"), Refuses("11", INVALID)]),
    probe("CreateScalingGroup", "GroupDeletionProtection", &[], &[Shows("true")]),
    probe("CreateScalingGroup", "HealthCheckType", &[], &[Shows("NONE"), Refuses("x", INVALID)]),
    probe("CreateScalingGroup", "HealthCheckTypes.1", &[], &[Shows("NONE"), Refuses("x", INVALID)]),
    probe("CreateScalingGroup", "InstanceId", &[], &[Shows("i-a"), Refuses("i-unknown", NO_INSTANCE), Refuses("i-c", NO_INSTANCE)]),
    probe("CreateScalingGroup", "MaxSize", &[], &[Shows("2000"), Refuses("2001", INVALID)]),
    probe("CreateScalingGroup", "MinSize", &[], &[Shows("10"), Refuses("11", INVALID)]),
    probe("CreateScalingGroup", "RegionId", &[], &[Shows("cn-beijing"), Refuses("cn-nowhere", "InvalidRegionId.NotFound")]),
    probe("CreateScalingGroup", "RemovalPolicies.1", &[], &[Shows("NewestInstance"), Refuses("CustomPolicy", INVALID)]),
    probe("CreateScalingGroup", "ScalingGroupName", &[], &[Shows("web"), Refuses("alpha", "InvalidScalingGroupName.Duplicate"), Refuses("-web", INVALID)]),
    probe("CreateScalingGroup", "ScalingPolicy", &[], &[Shows("recycle"), Refuses("x", INVALID)]),
    probe("CreateScalingGroup", "GroupType", &[], &[Only("ECS", "ECI")]),

    probe("DeleteScalingGroup", "ForceDelete", &[("ScalingGroupId", "asg-a")], &[Shows("true")]),
    probe("DeleteScalingGroup", "RegionId", &[], &[Refuses("cn-beijing", NO_GROUP)]),
    probe("DeleteScalingGroup", "ScalingGroupId", &[], &[Refuses("asg-unknown", NO_GROUP), Refuses("asg-a", "IncorrectScalingGroupStatus")]),

    probe("DescribeScalingGroups", "PageNumber", &[], &[Shows("2"), Refuses("0", INVALID)]),
    probe("DescribeScalingGroups", "PageSize", &[], &[Shows("1"), Refuses("51", INVALID)]),
    probe("DescribeScalingGroups", "RegionId", &[], &[Shows("cn-beijing"), Refuses("cn-nowhere", "InvalidRegionId.NotFound")]),
    probe("DescribeScalingGroups", "ScalingGroupIds.1", &[], &[Shows("asg-a"), Shows("asg-off"), Shows("asg-unknown")]),
    probe("DescribeScalingGroups", "ScalingGroupName", &[], &[Shows("alpha")]),
    probe("DescribeScalingGroups", "ScalingGroupNames.1", &[], &[Shows("alpha")]),
    probe("DescribeScalingGroups", "GroupType", &[], &[Only("ECS", "ECI")]),

    probe("DescribeScalingInstances", "CreationType", &[], &[Shows("Attached"), Shows("Managed"), Refuses("x", INVALID)]),
    probe("DescribeScalingInstances", "CreationTypes.1", &[], &[Shows("Attached"), Refuses("x", INVALID)]),
    probe("DescribeScalingInstances", "CreationTypes.1", &[("CreationType", "Attached")], &[Refuses("Attached", INVALID)]),
    probe("DescribeScalingInstances", "HealthStatus", &[], &[Shows("Unhealthy"), Refuses("x", INVALID)]),
    probe("DescribeScalingInstances", "InstanceIds.1", &[], &[Shows("i-in"), Shows("i-unknown")]),
    probe("DescribeScalingInstances", "LifecycleState", &[], &[Shows("Protected"), Refuses("x", INVALID)]),
    probe("DescribeScalingInstances", "LifecycleStates.1", &[], &[Shows("Pending:Wait"), Refuses("x", INVALID)]),
    probe("DescribeScalingInstances", "LifecycleStates.1", &[("LifecycleState", "Protected")], &[Refuses("Protected", INVALID)]),
    probe("DescribeScalingInstances", "PageNumber", &[], &[Shows("2"), Refuses("0", INVALID)]),
    probe("DescribeScalingInstances", "PageSize", &[], &[Shows("1"), Refuses("101", INVALID)]),
    probe("DescribeScalingInstances", "RegionId", &[], &[Shows("cn-beijing"), Refuses("cn-nowhere", "InvalidRegionId.NotFound")]),
    probe("DescribeScalingInstances", "ScalingGroupId", &[], &[Shows("asg-a"), Refuses("asg-unknown", NO_GROUP), Refuses("asg-far", NO_GROUP)]),

    probe("DetachInstances", "ClientToken", &[], &[Repeats("token")]),
    probe("DetachInstances", "DecreaseDesiredCapacity", OTHER_GROUP, &[Shows("false")]),
    probe("DetachInstances", "IgnoreInvalidInstance", ONE_BAD, &[Shows("true"), Refuses("false", NO_INSTANCE)]),
    probe("DetachInstances", "InstanceIds.1", &[], &[Shows("i-added"), Refuses("i-d1", NO_INSTANCE)]),
    probe("DetachInstances", "ScalingGroupId", &[], &[Refuses("asg-unknown", NO_GROUP), Refuses("asg-d", NO_INSTANCE)]),
    probe("DetachInstances", "DetachOption", &[], &[Only("both", "x")]),
    probe("DetachInstances", "LifecycleHook", &[], &[Only("false", "true")]),

    probe("DisableScalingGroup", "ScalingGroupId", &[], &[Shows("asg-d"), Refuses("asg-unknown", NO_GROUP), Refuses("asg-off", "IncorrectScalingGroupStatus")]),

    probe("EnableScalingGroup", "InstanceIds.1", &[], &[Shows("i-a"), Refuses("i-b", "IncorrectInstanceStatus")]),
    probe("EnableScalingGroup", "RegionId", &[], &[Refuses("cn-beijing", NO_GROUP)]),
    probe("EnableScalingGroup", "ScalingGroupId", &[], &[Refuses("asg-unknown", NO_GROUP), Refuses("asg-a", "IncorrectScalingGroupStatus")]),

    probe("EnterStandby", "ClientToken", &[], &[Repeats("token")]),
    probe("EnterStandby", "InstanceIds.1", &[], &[Shows("i-added"), Refuses("i-protected", "IncorrectInstanceStatus"), Refuses("i-d1", NO_INSTANCE)]),
    probe("EnterStandby", "ScalingGroupId", &[], &[Refuses("asg-unknown", NO_GROUP)]),
    probe("EnterStandby", "Async", &[], &[Only("false", "true")]),

    probe("ExitStandby", "ClientToken", &[], &[Repeats("token")]),
    probe("ExitStandby", "InstanceIds.1", &[], &[Refuses("i-in", "IncorrectInstanceStatus")]),
    probe("ExitStandby", "RegionId", &[], &[Refuses("cn-beijing", NO_GROUP)]),
    probe("ExitStandby", "ScalingGroupId", &[], &[Refuses("asg-unknown", NO_GROUP)]),
    probe("ExitStandby", "Async", &[], &[Only("false", "true")]),

    probe("ModifyScalingGroup", "DesiredCapacity", &[], &[Shows("3"), Shows("1"), Refuses("1001", INVALID)]),
    probe("ModifyScalingGroup", "DisableDesiredCapacity", &[], &[Shows("true")]),
    probe("ModifyScalingGroup", "GroupDeletionProtection", &[], &[Shows("false")]),
    probe("ModifyScalingGroup", "HealthCheckType", &[], &[Shows("NONE"), Refuses("x", INVALID)]),
    probe("ModifyScalingGroup", "HealthCheckTypes.1", &[], &[Shows("NONE"), Refuses("x", INVALID)]),
    probe("ModifyScalingGroup", "MaxSize", &[], &[Shows("2"), Refuses("1", INVALID)]),
    probe("ModifyScalingGroup", "MinSize", &[], &[Shows("2"), Refuses("3", INVALID)]),
    probe("ModifyScalingGroup", "RemovalPolicies.1", &[], &[Shows("NewestInstance"), Refuses("x", INVALID)]),
    probe("ModifyScalingGroup", "ScalingGroupId", &[], &[Shows("asg-a"), Refuses("asg-unknown", NO_GROUP)]),
    probe("ModifyScalingGroup", "ScalingGroupName", &[], &[Shows("web"), Refuses("alpha", "InvalidScalingGroupName.Duplicate")]),
    probe("ModifyScalingGroup", "ScalingPolicy", &[], &[Shows("release"), Refuses("x", INVALID)]),

    probe("RemoveInstances", "ClientToken", &[], &[Repeats("token")]),
    probe("RemoveInstances", "DecreaseDesiredCapacity", OTHER_GROUP, &[Shows("false")]),
    probe("RemoveInstances", "IgnoreInvalidInstance", ONE_BAD, &[Shows("true"), Refuses("false", NO_INSTANCE)]),
    probe("RemoveInstances", "InstanceIds.1", &[], &[Shows("i-protected"), Shows("i-added"), Refuses("i-d1", NO_INSTANCE)]),
    probe("RemoveInstances", "RegionId", &[], &[Refuses("cn-beijing", NO_GROUP)]),
    probe("RemoveInstances", "RemovePolicy", OTHER_GROUP, &[Shows("recycle"), Refuses("x", INVALID)]),
    probe("RemoveInstances", "ScalingGroupId", &[], &[Refuses("asg-unknown", NO_GROUP), Refuses("asg-off", "IncorrectScalingGroupStatus")]),

    probe("SetInstanceHealth", "HealthStatus", &[("InstanceId", "i-protected")], &[Shows("Healthy"), Refuses("x", INVALID)]),
    probe("SetInstanceHealth", "InstanceId", &[], &[Shows("i-added"), Refuses("i-a", NO_INSTANCE)]),

    probe("SetInstancesProtection", "InstanceIds.1", &[], &[Shows("i-added"), Refuses("i-standby", "IncorrectInstanceStatus"), Refuses("i-d1", NO_INSTANCE)]),
    probe("SetInstancesProtection", "ProtectedFromScaleIn", &[], &[Shows("false")]),
    probe("SetInstancesProtection", "ScalingGroupId", &[], &[Refuses("asg-unknown", NO_GROUP), Refuses("asg-off", "IncorrectScalingGroupStatus"), Refuses("asg-d", NO_INSTANCE)]),
];
