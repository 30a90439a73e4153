//! Calls that show of each parameter what the simulator does with it.

/// A parameter, a call to try it in, and what has to come of it.
#[derive(Debug)]
pub struct Probe {
    pub operation: &'static str,
    /// With numbers, as a call has it.
    pub name: &'static str,
    /// What the call has besides the base of its operation, and instead of it; nothing, where it is empty.
    pub given: &'static [(&'static str, &'static str)],
    pub tests: &'static [Test],
}

#[derive(Debug)]
pub enum Test {
    /// With this value the call passes, and the answer or the state is another one.
    Shows(&'static str),
    /// With this value the second of two equal calls ends otherwise, and well.
    Repeats(&'static str),
    /// This value is refused with this code.
    Refuses(&'static str, &'static str),
    /// The first value says what is so anyway, the second is refused as not simulated.
    Only(&'static str, &'static str),
}

use Test::{Only, Refuses, Repeats, Shows};

pub type Given = &'static [(&'static str, &'static str)];

pub const fn probe(
    operation: &'static str,
    name: &'static str,
    given: Given,
    tests: &'static [Test],
) -> Probe {
    Probe { operation, name, given, tests }
}

/// A call that passes.
pub fn base(operation: &str) -> Given {
    match operation {
        "AssumeRole" => &[("RoleArn", KEEPER), ("RoleSessionName", "night")],
        "AssumeRoleWithOIDC" => &[
            ("RoleArn", KEEPER),
            ("RoleSessionName", "night"),
            ("OIDCProviderArn", "acs:ram::2000000000000002:oidc-provider/cluster"),
            ("OIDCToken", A_TOKEN),
        ],
        "AttachNetworkInterface" => {
            &[("RegionId", "cn-hangzhou"), ("NetworkInterfaceId", "eni-free"), ("InstanceId", "i-a")]
        }
        "DetachNetworkInterface" => {
            &[("RegionId", "cn-hangzhou"), ("NetworkInterfaceId", "eni-side"), ("InstanceId", "i-a")]
        }
        "CreateInstance" | "RunInstances" => {
            &[("RegionId", "cn-hangzhou"), ("ImageId", "aliyun_3"), ("InstanceType", "ecs.g7.large")]
        }
        "CreateNetworkInterface" => {
            &[("RegionId", "cn-hangzhou"), ("VSwitchId", "vsw-near"), ("SecurityGroupId", "sg-a")]
        }
        "DeleteInstance" => &[("InstanceId", "i-b")],
        "DeleteInstances" => &[("RegionId", "cn-hangzhou"), ("InstanceId.1", "i-b")],
        "DeleteNetworkInterface" | "DescribeNetworkInterfaceAttribute" => {
            &[("RegionId", "cn-hangzhou"), ("NetworkInterfaceId", "eni-free")]
        }
        "DescribeInstances" | "DescribeNetworkInterfaces" => &[("RegionId", "cn-hangzhou")],
        "ModifyInstanceAttribute" => &[("InstanceId", "i-b"), ("Recyclable", "true")],
        "ModifyInstanceAutoReleaseTime" => &[("InstanceId", "i-a")],
        "ModifyNetworkInterfaceAttribute" => {
            &[("RegionId", "cn-hangzhou"), ("NetworkInterfaceId", "eni-free"), ("DeleteOnRelease", "false")]
        }
        "ListTagResources" => {
            &[("RegionId", "cn-hangzhou"), ("ResourceType", "instance"), ("ResourceId.1", "i-a")]
        }
        "TagResources" => &[
            ("RegionId", "cn-hangzhou"),
            ("ResourceType", "instance"),
            ("ResourceId.1", "i-b"),
            ("Tag.1.Key", "env"),
            ("Tag.1.Value", "blue"),
        ],
        "UntagResources" => &[
            ("RegionId", "cn-hangzhou"),
            ("ResourceType", "instance"),
            ("ResourceId.1", "i-a"),
            ("TagKey.1", "env"),
        ],
        _ => &[],
    }
}

/// Stands for a token of the stage's provider, which has to be made at the time.
pub const A_TOKEN: &str = "a token";

/// The stage's account has always the same number.
const KEEPER: &str = "acs:ram::2000000000000002:role/keeper";
const OTHER: &str = "acs:ram::2000000000000002:role/other";
const STRICT: Given = &[("RoleArn", "acs:ram::2000000000000002:role/strict")];
const NO_ROLE: &str = "acs:ram::2000000000000002:role/none";
const READS: &str =
    r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"ecs:Describe*","Resource":"*"}]}"#;
const PRIMARY: Given = &[("NetworkInterface.1.InstanceType", "Primary")];
const NEW: Given = &[("NetworkInterface.1.NetworkInterfaceName", "new")];
const SUBSCRIPTION: Given = &[("InstanceChargeType", "PrePaid"), ("Period", "1")];
const SPOT: Given = &[("SpotStrategy", "SpotWithPriceLimit")];
const INVALID: &str = "InvalidParameter";
const FOREIGN: &str = "http://x.example";

#[rustfmt::skip]
pub const PROBES: &[Probe] = &[
    probe("AssumeRole", "DurationSeconds", &[], &[Shows("900"), Refuses("899", "InvalidParameter.DurationSeconds"), Refuses("3601", "InvalidParameter.DurationSeconds")]),
    probe("AssumeRole", "ExternalId", STRICT, &[Shows("a-shared-word"), Refuses("another-word", "NoPermission"), Refuses("a b", "InvalidParameter.ExternalId")]),
    probe("AssumeRole", "Policy", &[], &[Shows(READS), Refuses("x", "InvalidParameter.PolicyGrammar")]),
    probe("AssumeRole", "RoleArn", &[], &[Shows(OTHER), Refuses(NO_ROLE, "EntityNotExist.Role"), Refuses("keeper", "InvalidParameter.RoleArn")]),
    probe("AssumeRole", "RoleSessionName", &[], &[Shows("day"), Refuses("a b", "InvalidParameter.RoleSessionName")]),
    probe("AssumeRole", "SourceIdentity", &[], &[Shows("alice"), Refuses("acs:alice", "InvalidParameter.SourceIdentity")]),

    probe("AssumeRoleWithOIDC", "DurationSeconds", &[], &[Shows("900"), Refuses("899", "InvalidParameter.DurationSeconds"), Refuses("3601", "InvalidParameter.DurationSeconds")]),
    probe("AssumeRoleWithOIDC", "OIDCProviderArn", &[], &[Refuses("acs:ram::2000000000000002:oidc-provider/none", "AuthenticationFail.NoPermission")]),
    probe("AssumeRoleWithOIDC", "OIDCToken", &[], &[Refuses("no-token", "AuthenticationFail.OIDCToken.Invalid")]),
    probe("AssumeRoleWithOIDC", "Policy", &[], &[Shows(READS), Refuses("x", "InvalidParameter.PolicyGrammar")]),
    probe("AssumeRoleWithOIDC", "RoleArn", &[], &[Shows(OTHER), Refuses(NO_ROLE, "EntityNotExist.Role")]),
    probe("AssumeRoleWithOIDC", "RoleSessionName", &[], &[Shows("day"), Refuses("a b", "InvalidParameter.RoleSessionName")]),

    probe("AttachNetworkInterface", "InstanceId", &[], &[Shows("i-many000001"), Refuses("i-unknown", "InvalidEcsId.NotFound")]),
    probe("AttachNetworkInterface", "NetworkInterfaceId", &[], &[Shows("eni-near"), Refuses("eni-unknown", "InvalidEniId.NotFound")]),
    probe("AttachNetworkInterface", "RegionId", &[], &[Refuses("cn-beijing", "InvalidEniId.NotFound")]),
    probe("AttachNetworkInterface", "NetworkCardIndex", &[], &[Only("0", "1")]),

    probe("CreateInstance", "ClientToken", &[], &[Repeats("token")]),
    probe("CreateInstance", "CreditSpecification", &[], &[Shows("Unlimited"), Refuses("Free", INVALID)]),
    probe("CreateInstance", "DeletionProtection", &[], &[Shows("true")]),
    probe("CreateInstance", "Description", &[], &[Shows("httpd front end"), Refuses(FOREIGN, INVALID)]),
    probe("CreateInstance", "DryRun", &[], &[Refuses("true", "DryRunOperation")]),
    probe("CreateInstance", "HostName", &[], &[Shows("web-1"), Refuses("web--1", INVALID)]),
    probe("CreateInstance", "ImageId", &[], &[Shows("another")]),
    probe("CreateInstance", "InstanceChargeType", &[("Period", "1")], &[Shows("PrePaid"), Refuses("Free", "InvalidInstanceChargeType.ValueNotSupported")]),
    probe("CreateInstance", "InstanceName", &[], &[Shows("web.1"), Refuses("1web", INVALID)]),
    probe("CreateInstance", "InstanceType", &[], &[Shows("ecs.c7.large")]),
    probe("CreateInstance", "Password", &[], &[Refuses("alllowercase", INVALID)]),
    probe("CreateInstance", "Period", SUBSCRIPTION, &[Shows("6"), Refuses("9", INVALID), Refuses("0", INVALID)]),
    probe("CreateInstance", "Period", &[], &[Refuses("1", INVALID)]),
    probe("CreateInstance", "PeriodUnit", SUBSCRIPTION, &[Refuses("Week", INVALID)]),
    probe("CreateInstance", "PrivateIpAddress", &[], &[Shows("10.251.0.9"), Refuses("10.251.0.256", INVALID)]),
    probe("CreateInstance", "RegionId", &[], &[Shows("cn-beijing"), Refuses("cn-nowhere", "InvalidRegionId.NotFound")]),
    probe("CreateInstance", "ResourceGroupId", &[], &[Shows("rg-x")]),
    probe("CreateInstance", "SecurityGroupId", &[], &[Shows("sg-x")]),
    probe("CreateInstance", "SpotPriceLimit", SPOT, &[Shows("0.5"), Refuses("-1", INVALID)]),
    probe("CreateInstance", "SpotPriceLimit", &[], &[Refuses("0.5", INVALID)]),
    probe("CreateInstance", "SpotStrategy", &[], &[Shows("SpotAsPriceGo"), Refuses("Gamble", "InvalidSpotStrategy")]),
    probe("CreateInstance", "Tag.1.Key", &[], &[Shows("env"), Refuses("acs:x", "InvalidTagKey.Malformed")]),
    probe("CreateInstance", "Tag.1.Value", &[("Tag.1.Key", "env")], &[Shows("prod"), Refuses(FOREIGN, "InvalidTagValue.Malformed")]),
    probe("CreateInstance", "VSwitchId", &[], &[Shows("vsw-b")]),
    probe("CreateInstance", "ZoneId", &[], &[Shows("cn-hangzhou-i")]),
    probe("CreateInstance", "Affinity", &[], &[Only("default", "host")]),
    probe("CreateInstance", "AutoRenew", &[], &[Only("false", "true")]),
    probe("CreateInstance", "HttpEndpoint", &[], &[Only("enabled", "disabled")]),
    probe("CreateInstance", "HttpTokens", &[], &[Only("optional", "required")]),
    probe("CreateInstance", "InternetChargeType", &[], &[Only("PayByTraffic", "PayByBandwidth")]),
    probe("CreateInstance", "InternetMaxBandwidthOut", &[], &[Only("0", "1")]),
    probe("CreateInstance", "IoOptimized", &[], &[Only("optimized", "none")]),
    probe("CreateInstance", "PasswordInherit", &[], &[Only("false", "true")]),
    probe("CreateInstance", "SpotDuration", &[], &[Only("0", "1")]),
    probe("CreateInstance", "SpotInterruptionBehavior", &[], &[Only("Terminate", "Stop")]),
    probe("CreateInstance", "Tenancy", &[], &[Only("default", "host")]),

    probe("CreateNetworkInterface", "ClientToken", &[], &[Repeats("token")]),
    probe("CreateNetworkInterface", "DeleteOnRelease", &[], &[Shows("false")]),
    probe("CreateNetworkInterface", "Description", &[], &[Shows("httpd front end"), Refuses(FOREIGN, INVALID)]),
    probe("CreateNetworkInterface", "InstanceType", &[], &[Only("Secondary", "Trunk")]),
    probe("CreateNetworkInterface", "Ipv4Prefix.1", &[], &[Shows("10.251.0.0/28")]),
    probe("CreateNetworkInterface", "Ipv4PrefixCount", &[], &[Shows("2")]),
    probe("CreateNetworkInterface", "Ipv4PrefixCount", &[("Ipv4Prefix.1", "10.251.0.0/28")], &[Refuses("2", "InvalidParameter.Conflict")]),
    probe("CreateNetworkInterface", "Ipv6Address.1", &[], &[Shows("2001:db8::9")]),
    probe("CreateNetworkInterface", "Ipv6AddressCount", &[], &[Shows("2")]),
    probe("CreateNetworkInterface", "Ipv6Prefix.1", &[], &[Shows("2001:db8:9::/80")]),
    probe("CreateNetworkInterface", "Ipv6PrefixCount", &[], &[Shows("2")]),
    probe("CreateNetworkInterface", "NetworkInterfaceName", &[], &[Shows("1web.x"), Refuses("bad name!", INVALID)]),
    probe("CreateNetworkInterface", "NetworkInterfaceTrafficMode", &[], &[Shows("HighPerformance"), Refuses("Slow", INVALID)]),
    probe("CreateNetworkInterface", "PrimaryIpAddress", &[], &[Shows("10.251.0.9"), Refuses("x", INVALID)]),
    probe("CreateNetworkInterface", "PrivateIpAddress.1", &[], &[Shows("10.251.0.9")]),
    probe("CreateNetworkInterface", "QueueNumber", &[], &[Shows("4")]),
    probe("CreateNetworkInterface", "RegionId", &[], &[Refuses("cn-beijing", "InvalidVSwitchId.NotFound")]),
    probe("CreateNetworkInterface", "ResourceGroupId", &[], &[Shows("rg-x")]),
    probe("CreateNetworkInterface", "SecondaryPrivateIpAddressCount", &[], &[Shows("2")]),
    probe("CreateNetworkInterface", "SecurityGroupId", &[], &[Shows("sg-x")]),
    probe("CreateNetworkInterface", "SecurityGroupIds.1", &[("SecurityGroupId", "")], &[Shows("sg-x")]),
    probe("CreateNetworkInterface", "SecurityGroupIds.1", &[], &[Refuses("sg-x", "InvalidParameter.Conflict")]),
    probe("CreateNetworkInterface", "SourceDestCheck", &[], &[Shows("true")]),
    probe("CreateNetworkInterface", "Tag.1.Key", &[], &[Shows("env"), Refuses("acs:x", "InvalidTagKey.Malformed")]),
    probe("CreateNetworkInterface", "Tag.1.Value", &[("Tag.1.Key", "env")], &[Shows("prod")]),
    probe("CreateNetworkInterface", "VSwitchId", &[], &[Shows("vsw-b"), Refuses("vsw-unknown", "InvalidVSwitchId.NotFound")]),

    probe("DeleteInstance", "DryRun", &[], &[Refuses("true", "DryRunOperation")]),
    probe("DeleteInstance", "Force", &[("InstanceId", "i-a")], &[Shows("true")]),
    probe("DeleteInstance", "ForceStop", &[], &[Only("true", "false")]),
    probe("DeleteInstance", "InstanceId", &[], &[Refuses("i-a", "IncorrectInstanceStatus")]),
    probe("DeleteInstance", "TerminateSubscription", &[("InstanceId", "i-p")], &[Shows("true")]),

    probe("DeleteInstances", "ClientToken", &[], &[Repeats("token")]),
    probe("DeleteInstances", "DryRun", &[], &[Refuses("true", "DRYRUN.SUCCESS")]),
    probe("DeleteInstances", "Force", &[("InstanceId.1", "i-a")], &[Shows("true")]),
    probe("DeleteInstances", "ForceStop", &[], &[Only("true", "false")]),
    probe("DeleteInstances", "InstanceId.1", &[], &[Refuses("i-a", "IncorrectInstanceStatus")]),
    probe("DeleteInstances", "RegionId", &[], &[Refuses("cn-beijing", "InvalidParameter.CrossRegionNotSupport")]),
    probe("DeleteInstances", "TerminateSubscription", &[("InstanceId.1", "i-p")], &[Shows("true")]),

    probe("DeleteNetworkInterface", "NetworkInterfaceId", &[], &[Shows("eni-near"), Refuses("eni-unknown", "InvalidEniId.NotFound")]),
    probe("DeleteNetworkInterface", "RegionId", &[], &[Refuses("cn-beijing", "InvalidEniId.NotFound")]),

    probe("DescribeInstances", "DryRun", &[], &[Refuses("true", "DryRunOperation")]),
    probe("DescribeInstances", "Filter.1.Key", &[("Filter.1.Value", "2021-01-01T00:00Z")], &[Shows("CreationEndTime"), Refuses("X", "InvalidFilterKey.NotFound")]),
    probe("DescribeInstances", "Filter.2.Value", &[("Filter.2.Key", "ExpiredEndTime")], &[Shows("2021-01-01T00:00Z"), Refuses("yesterday", "InvalidFilterValue")]),
    probe("DescribeInstances", "ImageId", &[], &[Shows("another")]),
    probe("DescribeInstances", "InstanceChargeType", &[], &[Shows("PrePaid"), Refuses("Free", "InvalidInstanceChargeType.NotFound")]),
    probe("DescribeInstances", "InstanceIds", &[], &[Shows("[\"i-a\"]"), Refuses("i-a", "InvalidInstanceIds.Malformed")]),
    probe("DescribeInstances", "InstanceName", &[], &[Shows("al*")]),
    probe("DescribeInstances", "InstanceNetworkType", &[], &[Shows("classic"), Refuses("ether", "InvalidNetworkType.NotFound")]),
    probe("DescribeInstances", "InstanceType", &[], &[Shows("ecs.c7.large")]),
    probe("DescribeInstances", "InstanceTypeFamily", &[], &[Shows("ecs.c7")]),
    probe("DescribeInstances", "LockReason", &[], &[Shows("financial"), Refuses("bored", "InvalidLockReason.NotFound")]),
    probe("DescribeInstances", "MaxResults", &[], &[Shows("20")]),
    probe("DescribeInstances", "NextToken", &[], &[Refuses("nonsense", INVALID)]),
    probe("DescribeInstances", "PageNumber", &[], &[Shows("2"), Refuses("0", INVALID)]),
    probe("DescribeInstances", "PageSize", &[], &[Shows("20")]),
    probe("DescribeInstances", "RegionId", &[], &[Shows("cn-beijing"), Refuses("cn-nowhere", "InvalidRegionId.NotFound")]),
    probe("DescribeInstances", "ResourceGroupId", &[], &[Shows("rg-x")]),
    probe("DescribeInstances", "SecurityGroupId", &[], &[Shows("sg-b")]),
    probe("DescribeInstances", "Status", &[], &[Shows("Stopped"), Refuses("Asleep", "InvalidStatus.NotFound")]),
    probe("DescribeInstances", "Tag.1.Key", &[], &[Shows("env")]),
    probe("DescribeInstances", "Tag.1.Value", &[("Tag.1.Key", "env")], &[Shows("test")]),
    probe("DescribeInstances", "Tag.1.Value", &[], &[Refuses("test", "InvalidTag.Mismatch")]),
    probe("DescribeInstances", "VSwitchId", &[], &[Shows("vsw-b")]),
    probe("DescribeInstances", "VpcId", &[], &[Shows("vpc-b")]),
    probe("DescribeInstances", "ZoneId", &[], &[Shows("cn-hangzhou-i")]),

    probe("DescribeNetworkInterfaceAttribute", "Attribute", &[("NetworkInterfaceId", "eni-trunk")], &[Shows("attachment"), Refuses("colour", INVALID), Refuses("connectionTrackingConfiguration", "UnsupportedParameter")]),
    probe("DescribeNetworkInterfaceAttribute", "NetworkInterfaceId", &[], &[Shows("eni-other")]),
    probe("DescribeNetworkInterfaceAttribute", "RegionId", &[], &[Refuses("cn-beijing", "InvalidEniId.NotFound")]),

    probe("DescribeNetworkInterfaces", "InstanceId", &[], &[Shows("i-a")]),
    probe("DescribeNetworkInterfaces", "Ipv6Address.1", &[], &[Shows("2001:db8:250::1")]),
    probe("DescribeNetworkInterfaces", "MaxResults", &[], &[Shows("20")]),
    probe("DescribeNetworkInterfaces", "NetworkInterfaceId.1", &[], &[Shows("eni-free")]),
    probe("DescribeNetworkInterfaces", "NetworkInterfaceName", &[], &[Shows("other")]),
    probe("DescribeNetworkInterfaces", "NextToken", &[], &[Refuses("nonsense", INVALID)]),
    probe("DescribeNetworkInterfaces", "PageNumber", &[], &[Shows("2"), Refuses("0", INVALID)]),
    probe("DescribeNetworkInterfaces", "PageSize", &[], &[Shows("20")]),
    probe("DescribeNetworkInterfaces", "PrimaryIpAddress", &[], &[Shows("10.250.0.1")]),
    probe("DescribeNetworkInterfaces", "PrivateIpAddress.1", &[], &[Shows("10.250.0.2")]),
    probe("DescribeNetworkInterfaces", "RegionId", &[], &[Shows("cn-beijing")]),
    probe("DescribeNetworkInterfaces", "ResourceGroupId", &[], &[Shows("rg-x")]),
    probe("DescribeNetworkInterfaces", "SecurityGroupId", &[], &[Shows("sg-b")]),
    probe("DescribeNetworkInterfaces", "ServiceManaged", &[], &[Shows("true")]),
    probe("DescribeNetworkInterfaces", "Status", &[], &[Shows("Available"), Refuses("Asleep", INVALID)]),
    probe("DescribeNetworkInterfaces", "Tag.1.Key", &[], &[Shows("env")]),
    probe("DescribeNetworkInterfaces", "Tag.1.Value", &[("Tag.1.Key", "env")], &[Shows("test")]),
    probe("DescribeNetworkInterfaces", "Type", &[], &[Shows("Secondary"), Refuses("Tertiary", INVALID)]),
    probe("DescribeNetworkInterfaces", "VSwitchId", &[], &[Shows("vsw-b")]),
    probe("DescribeNetworkInterfaces", "VpcId", &[], &[Shows("vpc-b")]),

    probe("DescribeRegions", "AcceptLanguage", &[], &[Only("en-US", "zh-CN")]),
    probe("DescribeRegions", "InstanceChargeType", &[], &[Only("PostPaid", "PrePaid")]),
    probe("DescribeRegions", "ResourceType", &[], &[Only("instance", "disk")]),

    probe("DetachNetworkInterface", "InstanceId", &[], &[Refuses("i-b", "InvalidParameter.EniNotBelongEcs")]),
    probe("DetachNetworkInterface", "NetworkInterfaceId", &[], &[Refuses("eni-free", "InvalidParameter.EniNotBelongEcs")]),
    probe("DetachNetworkInterface", "RegionId", &[], &[Refuses("cn-beijing", "InvalidEniId.NotFound")]),

    probe("ListTagResources", "NextToken", &[], &[Refuses("nonsense", INVALID)]),
    probe("ListTagResources", "RegionId", &[], &[Refuses("cn-beijing", "InvalidResourceId.NotFound")]),
    probe("ListTagResources", "ResourceId.1", &[], &[Shows("i-b"), Refuses("i-unknown", "InvalidResourceId.NotFound")]),
    probe("ListTagResources", "ResourceType", &[], &[Refuses("eni", "InvalidResourceId.NotFound"), Refuses("teapot", "InvalidResourceType.NotFound")]),
    probe("ListTagResources", "Tag.1.Key", &[], &[Shows("acs:none")]),
    probe("ListTagResources", "Tag.1.Value", &[("Tag.1.Key", "env")], &[Shows("test")]),

    probe("ModifyInstanceAttribute", "CreditSpecification", &[], &[Shows("Unlimited"), Refuses("Free", INVALID)]),
    probe("ModifyInstanceAttribute", "DeletionProtection", &[], &[Shows("true")]),
    probe("ModifyInstanceAttribute", "Description", &[], &[Shows("httpd front end"), Refuses(FOREIGN, INVALID)]),
    probe("ModifyInstanceAttribute", "HostName", &[], &[Shows("web-1"), Refuses("web..1", INVALID)]),
    probe("ModifyInstanceAttribute", "InstanceId", &[], &[Shows("i-a"), Refuses("i-unknown", "InvalidInstanceId.NotFound")]),
    probe("ModifyInstanceAttribute", "InstanceName", &[], &[Shows("web-1"), Refuses("1web", INVALID)]),
    probe("ModifyInstanceAttribute", "NetworkInterfaceQueueNumber", &[], &[Shows("4"), Refuses("0", INVALID), Refuses("2049", INVALID)]),
    probe("ModifyInstanceAttribute", "NetworkInterfaceQueueNumber", &[("InstanceId", "i-a")], &[Refuses("4", "IncorrectInstanceStatus")]),
    probe("ModifyInstanceAttribute", "Password", &[], &[Refuses("alllowercase", INVALID)]),
    probe("ModifyInstanceAttribute", "Recyclable", &[], &[Shows("false")]),
    probe("ModifyInstanceAttribute", "SecurityGroupIds.1", &[], &[Shows("sg-x")]),
    probe("ModifyInstanceAttribute", "SecurityGroupIds.2", &[("SecurityGroupIds.1", "sg-x")], &[Refuses("sg-x", INVALID)]),

    probe("ModifyInstanceAutoReleaseTime", "AutoReleaseTime", &[], &[Shows("in two hours"), Refuses("tomorrow", "InvalidAutoReleaseTime.Malformed")]),
    probe("ModifyInstanceAutoReleaseTime", "InstanceId", &[], &[Refuses("i-p", "ChargeTypeViolation")]),
    probe("ModifyInstanceAutoReleaseTime", "RegionId", &[], &[Refuses("cn-beijing", "NoSuchResource"), Refuses("cn-nowhere", "InvalidRegionId.NotFound")]),

    probe("ModifyNetworkInterfaceAttribute", "DeleteOnRelease", &[], &[Shows("true")]),
    probe("ModifyNetworkInterfaceAttribute", "Description", &[], &[Shows("httpd front end"), Refuses(FOREIGN, INVALID)]),
    probe("ModifyNetworkInterfaceAttribute", "NetworkInterfaceId", &[], &[Shows("eni-near"), Refuses("eni-unknown", "InvalidEniId.NotFound")]),
    probe("ModifyNetworkInterfaceAttribute", "NetworkInterfaceName", &[], &[Shows("web.1"), Refuses("1name", INVALID), Refuses("bad name!", INVALID), Refuses(FOREIGN, INVALID)]),
    probe("ModifyNetworkInterfaceAttribute", "QueueNumber", &[], &[Shows("4")]),
    probe("ModifyNetworkInterfaceAttribute", "QueueNumber", &[("NetworkInterfaceId", "eni-side")], &[Refuses("4", "InvalidEniState")]),
    probe("ModifyNetworkInterfaceAttribute", "RegionId", &[], &[Refuses("cn-beijing", "InvalidEniId.NotFound")]),
    probe("ModifyNetworkInterfaceAttribute", "SecurityGroupId.1", &[], &[Shows("sg-x")]),
    probe("ModifyNetworkInterfaceAttribute", "SourceDestCheck", &[], &[Shows("true")]),

    probe("RunInstances", "Amount", &[], &[Shows("2")]),
    probe("RunInstances", "AutoReleaseTime", &[], &[Shows("in two hours"), Refuses("tomorrow", "InvalidAutoReleaseTime.Malformed")]),
    probe("RunInstances", "ClientToken", &[], &[Repeats("token")]),
    probe("RunInstances", "CreditSpecification", &[], &[Shows("Unlimited"), Refuses("Free", INVALID)]),
    probe("RunInstances", "DeletionProtection", &[], &[Shows("true")]),
    probe("RunInstances", "Description", &[], &[Shows("httpd front end"), Refuses(FOREIGN, INVALID)]),
    probe("RunInstances", "DryRun", &[], &[Refuses("true", "DryRunOperation")]),
    probe("RunInstances", "HostName", &[], &[Shows("web-${instance_id}"), Refuses("-web", INVALID)]),
    probe("RunInstances", "HostNames.1", &[], &[Shows("web-1"), Refuses("web_1", INVALID)]),
    probe("RunInstances", "HostNames.1", &[("HostName", "web")], &[Refuses("web-1", "InvalidParameter.Conflict")]),
    probe("RunInstances", "ImageId", &[], &[Shows("another")]),
    probe("RunInstances", "InstanceChargeType", &[("Period", "1")], &[Shows("PrePaid"), Refuses("Free", "InvalidInstanceChargeType.ValueNotSupported")]),
    probe("RunInstances", "InstanceName", &[], &[Shows("1web.x"), Refuses("web[1,3]", INVALID)]),
    probe("RunInstances", "InstanceType", &[], &[Shows("ecs.c7.large")]),
    probe("RunInstances", "Ipv6Address.1", &[], &[Shows("2001:db8::9")]),
    probe("RunInstances", "Ipv6Address.1", &[("Amount", "2")], &[Refuses("2001:db8::9", "InvalidAmount")]),
    probe("RunInstances", "Ipv6AddressCount", &[], &[Shows("2")]),
    probe("RunInstances", "NetworkInterface.1.DeleteOnRelease", NEW, &[Shows("false")]),
    probe("RunInstances", "NetworkInterface.1.Description", NEW, &[Shows("httpd front end"), Refuses(FOREIGN, INVALID)]),
    probe("RunInstances", "NetworkInterface.1.InstanceType", NEW, &[Shows("Primary"), Refuses("Tertiary", INVALID)]),
    probe("RunInstances", "NetworkInterface.1.Ipv6Address.1", PRIMARY, &[Shows("2001:db8::9")]),
    probe("RunInstances", "NetworkInterface.1.Ipv6Address.1", NEW, &[Refuses("2001:db8::9", "InvalidParameter.Conflict")]),
    probe("RunInstances", "NetworkInterface.1.Ipv6AddressCount", PRIMARY, &[Shows("2")]),
    probe("RunInstances", "NetworkInterface.1.NetworkInterfaceId", &[], &[Shows("eni-near"), Refuses("eni-unknown", "InvalidEniId.NotFound")]),
    probe("RunInstances", "NetworkInterface.1.NetworkInterfaceId", NEW, &[Refuses("eni-near", "InvalidParameter.Conflict")]),
    probe("RunInstances", "NetworkInterface.1.NetworkInterfaceName", &[], &[Shows("1web.x"), Refuses("bad name!", INVALID)]),
    probe("RunInstances", "NetworkInterface.1.NetworkInterfaceTrafficMode", NEW, &[Shows("HighPerformance"), Refuses("Slow", INVALID)]),
    probe("RunInstances", "NetworkInterface.1.PrimaryIpAddress", NEW, &[Shows("10.251.0.9"), Refuses("x", INVALID)]),
    probe("RunInstances", "NetworkInterface.1.QueueNumber", NEW, &[Shows("4"), Refuses("0", INVALID)]),
    probe("RunInstances", "NetworkInterface.1.SecondaryPrivateIpAddressCount", NEW, &[Shows("2")]),
    probe("RunInstances", "NetworkInterface.1.SecurityGroupId", NEW, &[Shows("sg-x")]),
    probe("RunInstances", "NetworkInterface.1.SecurityGroupIds.1", NEW, &[Shows("sg-x")]),
    probe("RunInstances", "NetworkInterface.1.SourceDestCheck", NEW, &[Shows("true")]),
    probe("RunInstances", "NetworkInterface.1.VSwitchId", NEW, &[Shows("vsw-near"), Refuses("vsw-unknown", "InvalidVSwitchId.NotFound")]),
    probe("RunInstances", "NetworkInterfaceQueueNumber", &[], &[Shows("4"), Refuses("2049", INVALID)]),
    probe("RunInstances", "Password", &[], &[Refuses("alllowercase", INVALID)]),
    probe("RunInstances", "Period", SUBSCRIPTION, &[Shows("6"), Refuses("10", INVALID), Refuses("0", INVALID)]),
    probe("RunInstances", "Period", &[], &[Refuses("1", INVALID)]),
    probe("RunInstances", "PeriodUnit", SUBSCRIPTION, &[Shows("Week"), Refuses("Year", INVALID)]),
    probe("RunInstances", "PrivateIpAddress", &[], &[Shows("10.251.0.9"), Refuses("x", INVALID)]),
    probe("RunInstances", "RegionId", &[], &[Shows("cn-beijing"), Refuses("cn-nowhere", "InvalidRegionId.NotFound")]),
    probe("RunInstances", "ResourceGroupId", &[], &[Shows("rg-x")]),
    probe("RunInstances", "SecurityGroupId", &[], &[Shows("sg-x")]),
    probe("RunInstances", "SecurityGroupIds.1", &[], &[Shows("sg-x")]),
    probe("RunInstances", "SecurityGroupIds.1", &[("SecurityGroupId", "sg-a")], &[Refuses("sg-x", "InvalidParameter.Conflict")]),
    probe("RunInstances", "SpotPriceLimit", SPOT, &[Shows("0.5"), Refuses("-1", INVALID)]),
    probe("RunInstances", "SpotPriceLimit", &[], &[Refuses("0.5", INVALID)]),
    probe("RunInstances", "SpotStrategy", &[], &[Shows("SpotAsPriceGo"), Refuses("Gamble", "InvalidSpotStrategy")]),
    probe("RunInstances", "Tag.1.Key", &[], &[Shows("env"), Refuses("acs:x", "InvalidTagKey.Malformed")]),
    probe("RunInstances", "Tag.1.Value", &[("Tag.1.Key", "env")], &[Shows("prod"), Refuses(FOREIGN, "InvalidTagValue.Malformed")]),
    probe("RunInstances", "UniqueSuffix", &[("Amount", "2"), ("HostName", "web")], &[Shows("true")]),
    probe("RunInstances", "VSwitchId", &[], &[Shows("vsw-b")]),
    probe("RunInstances", "ZoneId", &[], &[Shows("cn-hangzhou-i")]),
    probe("RunInstances", "Affinity", &[], &[Only("default", "host")]),
    probe("RunInstances", "AutoRenew", &[], &[Only("false", "true")]),
    probe("RunInstances", "HttpEndpoint", &[], &[Only("enabled", "disabled")]),
    probe("RunInstances", "HttpTokens", &[], &[Only("optional", "required")]),
    probe("RunInstances", "InternetChargeType", &[], &[Only("PayByTraffic", "PayByBandwidth")]),
    probe("RunInstances", "InternetMaxBandwidthOut", &[], &[Only("0", "1")]),
    probe("RunInstances", "IoOptimized", &[], &[Only("optimized", "none")]),
    probe("RunInstances", "PasswordInherit", &[], &[Only("false", "true")]),
    probe("RunInstances", "SpotDuration", &[], &[Only("0", "1")]),
    probe("RunInstances", "SpotInterruptionBehavior", &[], &[Only("Terminate", "Stop")]),
    probe("RunInstances", "Tenancy", &[], &[Only("default", "host")]),

    probe("TagResources", "RegionId", &[], &[Refuses("cn-beijing", "InvalidResourceId.NotFound")]),
    probe("TagResources", "ResourceId.1", &[], &[Shows("i-a")]),
    probe("TagResources", "ResourceType", &[], &[Refuses("eni", "InvalidResourceId.NotFound"), Refuses("teapot", "InvalidResourceType.NotFound")]),
    probe("TagResources", "Tag.1.Key", &[], &[Shows("team"), Refuses("acs:x", "InvalidTagKey.Malformed")]),
    probe("TagResources", "Tag.1.Value", &[], &[Shows("green"), Refuses(FOREIGN, "InvalidTagValue.Malformed")]),

    probe("UntagResources", "All", &[("TagKey.1", "")], &[Shows("true")]),
    probe("UntagResources", "RegionId", &[], &[Refuses("cn-beijing", "InvalidResourceId.NotFound")]),
    probe("UntagResources", "ResourceId.1", &[], &[Shows("i-b")]),
    probe("UntagResources", "ResourceType", &[], &[Refuses("eni", "InvalidResourceId.NotFound")]),
    probe("UntagResources", "TagKey.1", &[], &[Shows("team")]),
];
