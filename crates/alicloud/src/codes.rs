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

/// What a code means in one operation, where that differs from what it means elsewhere. Looked up first.
const BY_OPERATION: &[(&str, Codes, Class)] = &[
    // The instance that the interface is attached to is not there; the interface, which is the target, may well be.
    ("ModifyNetworkInterfaceAttribute", Is("InvalidEcsId.NotFound"), Class::Busy),
];

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
            Is("InvalidInstanceStatus.NotRunning"),
            Is("InvalidOperation.Conflict"),
            Is("InvalidOperation.InstanceStatusNotSupport"),
            Is("InvalidOperation.InvalidEcsState"),
            Is("InvalidOperation.InvalidEniState"),
            Is("Operation.Conflict"),
            Is("OperationConflict"),
        ],
    ),
    (
        Class::NotApplicable,
        &[
            Is("ChargeTypeViolation"),
            // Subscription instances and spot instances alike.
            Is("InvalidChargeType.ValueNotSupported"),
            // Neither can ever be attached to that instance: another zone, another network.
            Is("InvalidOperation.AvailabilityZoneMismatch"),
            Is("InvalidOperation.VpcMismatch"),
            // What the instance's type can't carry: more addresses, IPv6, or any interface of this generation.
            Is("InvalidOperation.InvalidGeneration"),
            Is("InvalidOperation.Ipv4CountExceeded"),
            Is("InvalidOperation.Ipv6NotSupport"),
            Is("InvalidOperation.EniServiceManaged"),
            Is("InvalidOperation.InvalidEniType"),
            // An HTTP 404 that is no "not found".
            Is("InvalidOperation.PrimaryEniOnlySupportModifyNameAndDesc"),
            Is("InvalidOperation.ResourceManagedByCloudProduct"),
            Is("OperationDenied.SystemInstanceNotSupport"),
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
        ],
    ),
    (
        Class::Locked,
        &[
            Is("InstanceLockedForSecurity"),
            Is("OperationDenied"),
            // Quotas: of interfaces on the instance, of the account, and of instances in a security group.
            Is("EniPerInstanceLimitExceeded"),
            Is("MaxEniCountExceeded"),
            Is("SecurityGroupInstanceLimitExceed"),
            // Instances of this type take an interface only while they are stopped.
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

/// The class of a code in an operation; [`Class::Unrecognized`] when no rule speaks of it.
pub fn classify(operation: &str, code: &str) -> Class {
    let here = BY_OPERATION
        .iter()
        .find(|(name, codes, _)| *name == operation && codes.matches(code))
        .map(|(_, _, class)| *class);
    let anywhere = || {
        let row = TABLE.iter().find(|(_, row)| row.iter().any(|codes| codes.matches(code)));
        row.map(|(class, _)| *class)
    };
    here.or_else(anywhere).unwrap_or(Class::Unrecognized)
}

#[cfg(test)]
mod tests;
