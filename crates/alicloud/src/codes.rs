//! The one table that turns the cloud's error codes into classes. HTTP statuses have no say here:
//! `InvalidAccessKeyId.NotFound` is a 404 and says nothing of any resource.
//!
//! The codes are those of the error tables on the vendor's API pages of each operation, of its page of common errors,
//! of its page on RRSA, and of the lists in its Terraform provider.

use keeper_core::failure::Class;

/// Which codes a rule is about.
enum Codes {
    /// This code and no other.
    Is(&'static str),
    /// Every code that begins so.
    StartsWith(&'static str),
}

impl Codes {
    fn matches(&self, code: &str) -> bool {
        match *self {
            Self::Is(whole) => code == whole,
            Self::StartsWith(beginning) => code.starts_with(beginning),
        }
    }
}

use Codes::{Is, StartsWith};

/// What codes mean in one operation. Looked up first. What can't be done to a target at all depends on what was to be
/// done, so nothing is `NotApplicable` but in an operation whose page says so.
const BY_OPERATION: &[(&str, Class, &[Codes])] = &[
    // Subscription instances and spot instances alike.
    ("ModifyInstanceAttribute", Class::NotApplicable, &[Is("InvalidChargeType.ValueNotSupported")]),
    // Of up to twenty members one may have left the group, and a group may be looked for on another region's host: who is
    // gone, only a listing tells.
    (
        "SetInstancesProtection",
        Class::Busy,
        &[Is("InvalidInstanceId.NotFound"), Is("InvalidScalingGroupId.NotFound")],
    ),
    // Only a fault of ours, or a clock that is wrong by weeks, asks for a span that the record doesn't have.
    (
        "LookupEvents",
        Class::Bug,
        &[Is("InvalidParameterValue"), Is("InvalidTimeRangeException"), Is("TimeRangeExceeded")],
    ),
    // A subscription instance has no release time.
    ("ModifyInstanceAutoReleaseTime", Class::NotApplicable, &[Is("ChargeTypeViolation")]),
    ("ModifyInstanceAutoReleaseTime", Class::Gone, &[Is("NoSuchResource")]),
    (
        "ModifyNetworkInterfaceAttribute",
        Class::NotApplicable,
        &[
            Is("InvalidOperation.EniServiceManaged"),
            Is("InvalidOperation.InvalidEniType"),
            // An HTTP 404 that is no "not found".
            Is("InvalidOperation.PrimaryEniOnlySupportModifyNameAndDesc"),
            // The region lacks the service. Which code answers for a primary interface in a region without retention no
            // page says.
            Is("Forbidden.RegionId"),
        ],
    ),
    // What is wrong with the role, its trust policy or the parameters of the configuration leaves the account without a key.
    ("AssumeRole", Class::Credentials, &[Is("NoPermission"), StartsWith("InvalidParameter")]),
    ("AssumeRoleWithOIDC", Class::Credentials, &[Is("NoPermission"), StartsWith("InvalidParameter")]),
    // STS itself could not fetch the issuer's keys.
    ("AssumeRoleWithOIDC", Class::Transient, &[Is("AuthenticationFail.OIDCToken.IssuerConfigurationBroken")]),
    // The instance that the interface is attached to is not there; the interface, which is the target, may well be.
    ("ModifyNetworkInterfaceAttribute", Class::Busy, &[Is("InvalidEcsId.NotFound")]),
    (
        "AttachNetworkInterface",
        Class::NotApplicable,
        &[
            // Neither can ever be attached to that instance: another zone, another network.
            Is("InvalidOperation.AvailabilityZoneMismatch"),
            Is("InvalidOperation.VpcMismatch"),
            // What the instance's type can't carry: more addresses, IPv6, or any interface of this generation.
            Is("InvalidOperation.InvalidGeneration"),
            Is("InvalidOperation.Ipv4CountExceeded"),
            Is("InvalidOperation.Ipv6NotSupport"),
            // What is never attached, to whatever instance.
            Is("InvalidOperation.EniServiceManaged"),
            Is("InvalidOperation.InvalidEniType"),
        ],
    ),
];

/// The code that has several documented meanings, of which only the message tells.
const AMBIGUOUS: &str = "OperationDenied";

/// What a message of [`AMBIGUOUS`] speaks of where nothing but a person can help: a security group that is full, an image
/// that is gone. Otherwise it speaks of the instance's status, or of what no page says: that may pass.
const DENIED_FOR_GOOD: [&str; 3] = ["security group", "securitygroup", "image"];

/// What codes mean in every other case. No code is in two classes.
const TABLE: &[(Class, &[Codes])] = &[
    (Class::Throttled, &[StartsWith("Throttling"), Is("Rejected.Throttling")]),
    (
        Class::Transient,
        &[
            Is("InternalError"),
            Is("ServiceUnavailable"),
            Is("LastTokenProcessing"),
            // The next attempt has a new nonce of its own.
            Is("SignatureNonceUsed"),
        ],
    ),
    (
        Class::Busy,
        &[
            StartsWith("IncorrectInstanceStatus"),
            // The scaling group is not active. It may be switched on again.
            Is("IncorrectScalingGroupStatus"),
            // Of queue numbers, which are never sent from here.
            Is("InvalidEniState"),
            // An HTTP 404 that is no "not found".
            Is("InvalidInstanceStatus.NeedRestart"),
            Is("InvalidInstanceStatus.NotRunning"),
            Is("InvalidOperation.Conflict"),
            Is("InvalidOperation.HasMemberEniAttached"),
            Is("InvalidOperation.InstanceStatusNotSupport"),
            Is("InvalidOperation.InstanceStatusUnsupported"),
            Is("InvalidOperation.InvalidEcsState"),
            Is("InvalidOperation.InvalidEniState"),
            Is("InvalidStatus.StoppedRequired"),
            Is("Operation.Conflict"),
            Is("OperationConflict"),
            Is("ScalingActivityInProgress"),
        ],
    ),
    (
        Class::Gone,
        &[
            Is("Forbidden.InstanceNotFound"),
            Is("InvalidEcsId.NotFound"),
            Is("InvalidEniId.NotFound"),
            Is("InvalidInstanceId.NotFound"),
            Is("InvalidInstanceIds.NotFound"),
            Is("InvalidScalingGroupId.NotFound"),
        ],
    ),
    (
        Class::Locked,
        &[
            Is("InstanceLockedForSecurity"),
            // "Pay-as-you-go instances do not support this", of a flag that only those can carry: it contradicts the page
            // of the flag, and is no proof that the instance can't carry it.
            Is("ChargeTypeViolation"),
            // Quotas: of interfaces on the instance, of the account, and of instances in a security group.
            Is("EniPerInstanceLimitExceeded"),
            Is("MaxEniCountExceeded"),
            Is("SecurityGroupInstanceLimitExceed"),
            // Security groups: managed by a cloud product, full, or of kinds that don't go together.
            Is("AclLimitExceed"),
            Is("InvalidOperation.EniCountExceeded"),
            Is("InvalidOperation.MultiGroupType"),
            Is("InvalidOperation.ResourceManagedByCloudProduct"),
            Is("InvalidSecurityGroupId.NotVpc"),
            Is("JoinedGroupLimitExceed"),
            // The instance, or a high-performance interface, takes part only while the instance is stopped. The pages have
            // them with and without the group.
            Is("EniHotPlugNotSupported"),
            Is("HotPlugNotSupport"),
            Is("InvalidOperation.EniHotPlugNotSupported"),
            Is("InvalidOperation.HotPlugNotSupport"),
        ],
    ),
    (
        Class::Permission,
        &[
            Is("Abs.InvalidAccount.NotFound"),
            Is("Forbidden.NotSupportRAM"),
            Is("Forbidden.RAM"),
            Is("Forbidden.RiskControl"),
            Is("Forbidden.SubUser"),
            Is("Forbidden.Unauthorized"),
            Is("InvalidUser.Unauthorized"),
            Is("InvalidUserType.NotSupported"),
            Is("NoPermission"),
        ],
    ),
    (
        Class::Credentials,
        &[
            // An OIDC token for which no role was given.
            StartsWith("AuthenticationFail."),
            Is("EntityNotExist.Role"),
            Is("Forbidden.AccessKeyDisabled"),
            Is("IncompleteSignature"),
            // `.NotFound` among them, an HTTP 404 too: the key is not found, not the resource.
            StartsWith("InvalidAccessKeyId."),
            StartsWith("InvalidSecurityToken."),
            Is("MissingSecurityToken"),
            Is("SignatureDoesNotMatch"),
        ],
    ),
    (Class::Clock, &[Is("IllegalTimestamp"), Is("InvalidTimeStamp.Expired")]),
    (
        Class::Bug,
        &[
            Is("Forbidden.RegionId"),
            Is("IdempotentParameterMismatch"),
            Is("InvalidFilterKey.NotFound"),
            Is("InvalidInstanceChargeType.NotFound"),
            Is("InvalidInstanceID.Malformed"),
            Is("InvalidLockReason.NotFound"),
            Is("InvalidNetworkType.NotFound"),
            Is("InvalidOperation.DetachPrimaryEniNotAllowed"),
            Is("InvalidOperation.InvalidEniPageNumber"),
            Is("InvalidOperation.InvalidRegion"),
            Is("InvalidParameter"),
            Is("InvalidParameter.Conflict"),
            Is("InvalidParams.EniId"),
            Is("InvalidRegionId.MalFormed"),
            Is("InvalidSecurityGroupId.NotFound"),
            Is("InvalidStatus.NotFound"),
            Is("InvalidTag.Mismatch"),
            Is("InvalidTagCount"),
            Is("InvalidVSwitchId.NotFound"),
            Is("MissingParameter"),
            Is("UnsupportedParameter"),
        ],
    ),
];

/// The class of a code in an operation; [`Class::Unrecognized`] when no rule speaks of it. The message is looked at only
/// where the code alone does not tell.
pub fn classify(operation: &str, code: &str, message: &str) -> Class {
    if code == AMBIGUOUS {
        let message = message.to_lowercase();
        let for_good = DENIED_FOR_GOOD.iter().any(|word| message.contains(word));
        return if for_good { Class::Locked } else { Class::Busy };
    }
    let listed = |codes: &[Codes]| codes.iter().any(|rule| rule.matches(code));
    let here = BY_OPERATION
        .iter()
        .find(|(name, _, codes)| *name == operation && listed(codes))
        .map(|(_, class, _)| *class);
    let anywhere = || TABLE.iter().find(|(_, codes)| listed(codes)).map(|(class, _)| *class);
    here.or_else(anywhere).unwrap_or(Class::Unrecognized)
}

#[cfg(test)]
mod tests;
