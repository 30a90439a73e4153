//! What a finding means, in a sentence. The words are those of core; where they speak of what the operator does next, which nobody
//! does here, they are said anew.

use keeper_core::reason::Reason;

use super::row::Kind;

/// What is the matter with a target of this kind, and what to do.
pub fn sentence(kind: Kind, reason: Reason) -> &'static str {
    match (reason, kind) {
        (Reason::Unprotected, Kind::Instance) => {
            "The instance is not under release protection (DeletionProtection): one call releases it. Select it with an \
             EcsInstanceProtection."
        }
        (Reason::Unprotected, Kind::NetworkInterface) => {
            "The cloud deletes this network interface, with its addresses, when its instance is released (DeleteOnRelease). \
             Select it with an EniRetention if it is to be kept."
        }
        (Reason::Unprotected, Kind::ScalingGroup) => {
            "The scaling group has no deletion protection (GroupDeletionProtection): one call deletes it, with the instances that it \
             created, although they are under release protection. Switch it on in the console: ecs-keeper does not set it."
        }
        (Reason::ListsDisagree, _) => {
            "The instance's own list of network interfaces differs from the listing of the region, as it does while an interface \
             is attached or detached. Run the audit again."
        }
        (Reason::Missing, Kind::Instance) => {
            "A network interface is on this instance, and the listing of the region lacks it, as it does while an instance is \
             created or released, or if this identity may not see it. Run the audit again."
        }
        (Reason::Missing, Kind::NetworkInterface) => {
            "An instance lists this network interface, and the listing of the region lacks it, as it does while an interface is \
             created or deleted. Run the audit again."
        }
        (Reason::RisksUnreadable, Kind::NetworkInterface) => {
            "It is not known how the instance of this network interface can be lost: it was not listed, or its fields can't be \
             read. Run the audit again; if this lasts, please report it."
        }
        _ => reason.sentence(),
    }
}

/// What no listing shows, so that nothing is said of it. `scaling_groups`: they were listed.
pub const fn not_examined(scaling_groups: bool) -> &'static str {
    if scaling_groups {
        "whether members of scaling groups are protected from scale-in, bills that are overdue and lock nothing yet, and who may \
         change a flag."
    } else {
        "whether scaling groups can be deleted with their instances, whether their members are protected from scale-in, bills that \
         are overdue and lock nothing yet, and who may change a flag."
    }
}
