//! Why something is as it is: the one list of words for condition reasons, event reasons and metric labels.

/// Declares the reasons with their word and the sentence that tells a reader what is the matter and what to do.
macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $sentence:literal;)*) => {
        /// One CamelCase word, each with a sentence for people.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[$doc])* #[doc = $sentence] $name,)* }

        impl Reason {
            /// Every reason, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The word, as it stands in conditions, events and metrics.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// The reason that has this word, if this version knows one.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|reason| reason.as_str() == word)
            }

            /// What is the matter, and what to do.
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)* }
            }
        }
    };
}

reasons! {
    AllProtected = "Every target holds the protected value.";
    ProtectedButExceptions = "The spec leaves some targets unprotected for a time (spec.exceptions, or nodeRemoval: Lift). All others hold the protected value.";
    ProtectedWhereApplicable = "Every target that can carry the flag holds the protected value; the others can't carry it.";
    NoTargets = "Nothing is selected: no resource in the region matches the selectors. Check the tags, the Node labels and the region.";
    DisabledAsAsked = "Protection was switched off, as this generation asks. ecs-keeper switches nothing else off for this generation.";
    ReleasedAsAsked = "Retention was switched off for the attached network interfaces, as this generation asks. ecs-keeper switches nothing else off for this generation.";
    Excepted = "The spec leaves it unprotected for a time (spec.exceptions): it can be released. ecs-keeper protects it again when the time is over, or when the entry is removed.";
    Lifted = "Karpenter is about to release the instance, so ecs-keeper steps aside (nodeRemoval: Lift). If the instance still exists a quarter of an hour later, ecs-keeper protects it again.";
    OrphanedInstance = "Karpenter was to release the instance and its Node is gone, but the instance still exists and is billed. ecs-keeper protects it again. Look at it in the console: release it, or join it to the cluster again.";
    NotReleased = "Karpenter did not release the instance within a quarter of an hour after ecs-keeper had switched protection off for that, and still wants to. ecs-keeper has protected the instance again and does not step aside once more for this removal. Look for the error in Karpenter's log and correct its cause. Then let Karpenter release the instance with an exception, or set nodeRemoval: KeepProtected and then Lift again.";
    NotKarpenters = "Karpenter is removing the Node, but the instance lacks the tag karpenter.sh/nodepool, so it is not Karpenter's to release, and ecs-keeper keeps it protected. If Karpenter created it, put the tag back.";
    TooManyLifts = "Karpenter removes many Nodes at once: ecs-keeper steps aside for ten of them, or 5 % of the selected Nodes, in ten minutes, and goes on after that.";
    KarpenterNotWatched = "The spec says nodeRemoval: Lift, but ecs-keeper does not watch Karpenter's NodeClaims, so it does not step aside. Ask its administrator to set config.karpenter.enabled in the chart.";
    Unprotecting = "ecs-keeper is switching protection off, as the spec asks.";
    Conflict = "Another object that selects the same target wants it protected, and protected wins. Change or delete the other object, or take the target out of this one.";
    Correcting = "The flag does not hold its protected value; ecs-keeper is setting it.";
    Unprotected = "The flag does not hold its protected value, and mode Observe only reports it. Set mode: Enforce to let ecs-keeper set it.";
    NotWanted = "The flag does not hold its protected value, and this object does not ask for it.";
    Verifying = "ecs-keeper has sent the change, and waits until the cloud shows its effect.";
    WriteIneffective = "The cloud accepted the change twice without showing its effect, or somebody switches the flag off again before ecs-keeper sees the effect. ecs-keeper writes it again with every sweep. Look at the resource in the console, and find out in ActionTrail who changes it.";
    Contested = "Somebody keeps changing back what ecs-keeper sets: ecs-keeper restored it three times within an hour. It restores it each time, but the resource can be lost between two sweeps. Find out in ActionTrail who changes it.";
    ChangedBy = "Somebody had switched the flag off before ecs-keeper restored it, and ActionTrail has the call.";
    MayHaveBeenChangedBy = "Somebody had switched the flag off before ecs-keeper restored it. ActionTrail has calls that may have done it, but ecs-keeper does not know that one of them did.";
    ChargeTypeSettling = "The cloud shows the instance as pay-as-you-go but still refuses the flag, as it does for a while after the charge type changes. ecs-keeper tries again.";
    ChargeTypeRefused = "The cloud shows the instance as pay-as-you-go but has refused the flag for a quarter of an hour: its charge type does not allow protection.";
    NotApplicable = "Some targets can't carry the flag.";
    SubscriptionInstance = "A subscription instance does not support release protection. It can't be released before it expires. Watch its renewal instead, or exclude it.";
    SpotInstance = "A spot instance does not support release protection, and the cloud may reclaim it at any time. Use a pay-as-you-go instance, or exclude it.";
    ServiceManaged = "A cloud product manages this network interface. It can't be retained, and ecs-keeper leaves it alone.";
    TrunkOrMember = "Trunk and member interfaces belong to the container network. ecs-keeper leaves them alone.";
    TerwayOwned = "Terway created this network interface and decides whether to keep it. ecs-keeper leaves it alone.";
    CiliumOwned = "Cilium created this network interface for its Pods and decides whether to keep it. ecs-keeper leaves it alone.";
    ErdmaOwned = "The eRDMA controller owns this network interface. ecs-keeper leaves it alone.";
    PrimaryNotRetainable = "In this region a primary network interface can't be retained. The cloud deletes it with its instance.";
    RetentionRefused = "The cloud refuses to retain this network interface: its type does not allow it, a cloud product manages it, or the region lacks retention. If it is a primary network interface, check primaryRetentionRegions in the operator's configuration. ecs-keeper tries again every ten minutes.";
    AwaitingEvidence = "ecs-keeper has not read it from the cloud yet.";
    AwaitingListing = "ecs-keeper has not read the complete listing of the region yet, so it may not have found everything that is selected.";
    ListingUnreadable = "The listing of the region contained entries without a readable id, so it may be incomplete. If this lasts, please report it.";
    ListsDisagree = "The instance's own list of network interfaces differs from the listing of the region, as it does while an interface is attached or detached. ecs-keeper reads both again.";
    EvidenceStale = "The last answer from the cloud is too old to tell the current state. ecs-keeper reads it again. If this lasts, check the log of ecs-keeper for failed calls.";
    FieldUnreadable = "The cloud's answer lacked the flag or another field that ecs-keeper needs, or the field had an unknown form. If this lasts, please report it.";
    NotFound = "The cloud knows no such resource in this region, or this identity may not see it. Check the id, the region and the account.";
    NodeUnresolved = "The Node has no providerID yet, or its providerID names no ECS instance, so ecs-keeper does not know its instance. A new Node gets its providerID within minutes. If it does not, check the cluster's cloud controller manager, which writes REGION.INSTANCE-ID there, or take the Node out of the selection.";
    NodeNotServed = "The providerID of the Node names a region that is not granted to this namespace, so ecs-keeper does not read its instance. Ask the administrator of ecs-keeper to grant the region, or take the Node out of the selection.";
    NodeIdRefused = "The cloud refuses the instance id in the providerID of the Node, so ecs-keeper does not know its instance. The cluster's cloud controller manager writes REGION.INSTANCE-ID there. A providerID can't be changed: delete the Node and let it register again, or take it out of the selection.";
    NodeInstanceGone = "The instance behind the Node is gone. A Node can stay for a while after its instance is released; if it does not go away, delete it. If the machine still runs, check the account and the RAM policy.";
    Missing = "The cloud's last answer did not contain it. ecs-keeper looks it up again before it concludes anything.";
    NothingVisible = "The cloud returned no resources at all, so ecs-keeper can't tell whether this one is gone or only hidden. Check that the identity may call the describe operation in this region.";
    Throttled = "The cloud throttles this operation for the whole account. ecs-keeper tries again within a minute.";
    CloudUnavailable = "The cloud can't be reached, or its answer can't be used. ecs-keeper tries again.";
    Busy = "The state of the resource does not allow this: it is starting or stopping, or another operation is in progress. ecs-keeper tries again. If this lasts, look at the resource in the console: you may have to restart or stop it first.";
    Locked = "The cloud denies the change because of the resource itself: a lock, its charge type, a full security group, or an image that is gone. Look at the resource in the console. ecs-keeper tries again every ten minutes.";
    SecurityGroupRefuses = "A security group of the resource prevents the change: a cloud product manages it, it is full, or it can't be combined with the others. Check the resource's security groups in the console. ecs-keeper tries again every ten minutes.";
    PermissionDenied = "The cloud refuses: this identity may not make the call. Grant it the RAM policy that the command ecs-keeper ram policy prints. If it has that policy, the cloud restricts the account or the user itself. ecs-keeper tries again every ten minutes.";
    CredentialsRejected = "The cloud rejects the credentials of this account: the access key, its signature, or the token or role from which a session is to come. The log of ecs-keeper tells its administrator what to correct. ecs-keeper tries again.";
    CredentialsMissing = "There are no credentials for this account, or none that can be used. The log of ecs-keeper tells its administrator what is missing. ecs-keeper keeps looking for them.";
    WrongAccount = "The credentials belong to another cloud account than the one that this name stands for, so ecs-keeper reads and changes nothing with them. The log of ecs-keeper shows its administrator which account they belong to. Put the right ones back, or correct accountId.";
    StsUnavailable = "STS does not answer, so ecs-keeper has no credentials of which it knows the cloud account. Until STS answers, ecs-keeper reads and changes nothing. It asks again. If this lasts, the administrator of ecs-keeper has to check that its Pods reach the STS endpoint.";
    StsOutsideVpc = "The region has no STS endpoint in the VPC, so ecs-keeper asks STS over the Internet which cloud account the credentials belong to, and gets no answer. Until it does, it reads and changes nothing. Give ecs-keeper's Pods access to the Internet, or set endpoints.regions[].sts in its configuration to an endpoint that they can reach.";
    ClockSkew = "The cloud rejects the time of the request. Set the clock of the operator's machine: it must be within 15 minutes of the cloud's clock.";
    RequestRefused = "The cloud rejects the request as invalid. Check region and endpoint in the operator's configuration. If they are right, this is a bug in ecs-keeper: please report it with the request id.";
    NoEndpoint = "ecs-keeper knows no endpoint of Auto Scaling for this region, so it can't tell or change whether instances are protected from scale-in. The administrator of ecs-keeper has to set ess in endpoints of its configuration.";
    UnrecognizedError = "The cloud answered with an error code that ecs-keeper does not know. Look up the code in the vendor's documentation, and please report it.";
    NotGranted = "This is not granted: ecs-keeper does not serve this namespace, or the namespace may not use the account or the region of the spec, or may not do there what the spec asks (switch protection off, attach). Check the spelling, or ask the administrator of ecs-keeper.";
    UnknownRegion = "The vendor's table of regions does not contain this region. Check the spelling. If the vendor has added the region since, the administrator of ecs-keeper can add and grant it.";
    Undecodable = "This version of ecs-keeper can't read the object. Correct the named field, or upgrade ecs-keeper. Until then it switches nothing off in the object's account.";
    AutoReleaseTimeSet = "The instance has an automatic release time: the cloud releases it then although it is protected. Remove the release time in the console, or set autoReleaseTime: Cancel.";
    ReleaseTimeCancelled = "The automatic release time was removed, as the spec asks. Nothing puts it back.";
    CancellingReleaseTime = "The instance has an automatic release time; ecs-keeper is removing it.";
    FinancialLock = "The instance is locked for payment: the cloud eventually releases it although it is protected. Settle the account's bill.";
    SecurityLock = "The instance is locked for security: the cloud may release it although it is protected. Look at the lock in the console.";
    OtherLock = "The instance is locked by the cloud, which may release it although it is protected. Look at the lock in the console.";
    ScalingGroupMember = "An Auto Scaling group may remove the instance although it is protected: scale-in ignores the flag. Set scaleIn: Protect, or use the scaling group's own instance protection.";
    ScalingRemovalByName = "The instance is protected from scale-in, but whoever names it can still have Auto Scaling remove it: cluster-autoscaler, ACK's \"remove node\", RemoveInstances. On a Node, the annotation cluster-autoscaler.kubernetes.io/scale-down-disabled: \"true\" keeps cluster-autoscaler from doing so. While it is protected, the scaling group neither replaces it when it is unhealthy nor becomes smaller by it.";
    ProtectingFromScaleIn = "An Auto Scaling group may remove the instance by scale-in; ecs-keeper is protecting it from that.";
    ScalingPending = "The instance is being added to its scaling group. ecs-keeper protects it from scale-in when it is in service.";
    ScalingRemoving = "The scaling group is removing the instance: it is too late to protect it from scale-in.";
    ScalingStandby = "The instance is on standby in its scaling group, and ecs-keeper leaves it so. Scale-in passes it over, but who deletes the group by force releases it.";
    ScalingStopped = "Its scaling group has stopped the instance to save cost, and ecs-keeper does not protect it from scale-in while it is stopped.";
    ScaleInUnprotected = "Protection from scale-in was taken away from members of scaling groups, as this generation asks. ecs-keeper takes it away from no other member for this generation.";
    ScalingMemberMissing = "The instance has the tag of a scaling group, but Auto Scaling does not list it as a member, so ecs-keeper can't tell whether it is protected from scale-in. Look at the group in the console.";
    KarpenterOwned = "Karpenter owns this Node. While the instance is protected, Karpenter can't delete it and keeps trying. Exclude the instance, add an exception for it, or set nodeRemoval: Lift.";
    ReleasePathUndocumented = "The instance can be released in a way for which the vendor does not document whether retained network interfaces are kept. Remove the cause, or don't rely on retention for this instance.";
    TerwayCollects = "Terway created this network interface for a Pod, and deletes it once it has been free for ten minutes and no Pod needs it. Stop Terway from managing it, or don't rely on its retention.";
    RisksUnreadable = "The cloud's answer lacked fields that show risks, or the fields had an unknown form.";
    CircuitBreaker = "Too many targets vanished or changed at once. Until two complete listings agree, ecs-keeper concludes nothing from absence and switches nothing off.";
    OpaqueRival = "An object that ecs-keeper can't read may want these targets protected. Until that object is corrected or deleted, ecs-keeper switches nothing off.";
    DeadlinePassed = "ecs-keeper could not finish this within an hour. What remains keeps its protection.";
    NodeLeft = "Targets that leave the selection keep their protection as it is.";
    Survived = "It has outlived its instance and is free for reuse.";
    SurvivorsForgotten = "Only the deleted object knew of these network interfaces. Name them in another EniRetention to keep them, or delete them in the cloud.";
    SurvivorForgotten = "It has been free for as long as spec.survivors.forgetAfter says, and nothing in the spec names it. Its flag stays as it is. If you still need it, name it in spec.targets.networkInterfaceIds; otherwise delete it in the cloud.";
    Departed = "It is gone for good: the cloud did not return it in two separate look-ups by id.";
    Excluded = "The spec excludes it. Its flag stays as it is.";
    InstanceLost = "The instance is gone: the cloud did not return it in two separate look-ups by id. If nobody meant to release it, search ActionTrail for the release by the instance id.";
    SelectionLost = "It is no longer selected, although this object has not changed. Its flag stays as it is, but ecs-keeper no longer restores it. Put the tag back, or name it by id.";
    SelectionShrank = "Fewer targets are selected than status counted for this generation, and no replica of ecs-keeper was leading when they went. Look in ActionTrail for what was released or lost its tags meanwhile.";
    EventsSummedUp = "ecs-keeper published twenty Events about this object within ten minutes, and summarises the later ones here.";
    RecordFull = "More than 5,000 free network interfaces are retained, more than one object can list. The flag is set on all of them, but ecs-keeper forgets those beyond the list when it restarts. Delete those that you don't need, or attach them again (spec.reattach). Or let ecs-keeper forget those that nobody needs for long (spec.survivors.forgetAfter). Or let other objects retain the listed ones (ecs-keeper eni export), then exclude those here by a tag.";
    AttachWaits = "ecs-keeper attaches it as soon as it is free and the instance can take it.";
    AttachRequested = "ecs-keeper has asked the cloud to attach it, and waits until it sees it on the instance.";
    AttachDone = "ecs-keeper has seen it on the wanted instance, and does nothing more for this entry.";
    AttachLost = "ecs-keeper asked the cloud to attach it, but two complete listings later it is still free. The request may still take effect, so ecs-keeper does not send it again. To send it again, remove the entry from spec.reattach and add it again.";
    NotRetained = "This object does not retain the network interface, and attaches only what it retains. Select the interface, and wait until status.retainedEniIds lists it.";
    AttachedElsewhere = "ecs-keeper asked the cloud to attach it, and then saw it on another instance. ecs-keeper does not move it from there. To attach it when it is free, remove the entry from spec.reattach and add it again.";
    InUse = "The network interface is on another instance, and ecs-keeper never moves one that is in use. It attaches the interface as soon as it is free.";
    InstanceGone = "The instance is gone, so nothing can be attached to it. Name another instance.";
    InterfaceGone = "The network interface is gone, so it can't be attached. Remove the entry.";
    NodeUnknown = "The cluster has no such Node yet, or the Node has no ECS instance in this region. ecs-keeper waits for it. If it does not appear, check the Node's name and its providerID.";
    ZoneMismatch = "The instance is in another zone. A network interface can be attached only within its own zone. Name an instance in the interface's zone.";
    VpcMismatch = "The instance is in another VPC. A network interface can be attached only within its own VPC. Name an instance in the interface's VPC.";
    InstanceNotReady = "The instance is neither running nor stopped. ecs-keeper attaches the network interface as soon as it is one of the two.";
    StopInstanceFirst = "The instance takes this network interface only while it is stopped, because of the type of the instance or of the interface. Stop the instance. ecs-keeper tries again every ten minutes.";
    QuotaExceeded = "A quota is exhausted: network interfaces on the instance, a quota of the account, or instances in a security group. Free some of it, or ask the vendor to raise it. ecs-keeper tries again every ten minutes.";
    InstanceCanNotTake = "The type or the generation of the instance does not support this network interface. Name another instance.";
    InstanceUnknown = "The cloud knows no such instance in this region, or this identity may not attach anything to it. Check the instance id in spec.reattach. ecs-keeper tries again every ten minutes.";
    TypeNotAttachable = "A network interface of this type can't be attached to an instance. Name another network interface, or remove the entry.";
    Contended = "Another object wants to attach the same network interface, so neither of them attaches it. Remove the entry from one of them.";
    TerwayWouldTake = "The instance belongs to a Kubernetes cluster in which Terway takes over every network interface that it isn't told to leave alone. Put the tag terway.alibabacloud.com/excluded=true on the interface.";
    ObserveOnly = "Mode Observe only reports. Set mode: Enforce to let ecs-keeper attach it.";
    Satisfied = "There is nothing left to do.";
    NothingUnderWay = "ecs-keeper has nothing in progress.";
    AwaitsPerson = "A person has to act first: the condition Stalled says what to do.";
    NothingStalled = "Nothing needs your action.";
    NoRisk = "No documented risk was found.";
    RisksFound = "Some targets can be lost although they hold the protected value.";
}

impl Reason {
    /// Whether what is unknown for this reason has not been read lately.
    pub const fn awaits_evidence(self) -> bool {
        matches!(
            self,
            Self::AwaitingEvidence
                | Self::AwaitingListing
                | Self::EvidenceStale
                | Self::Throttled
                | Self::CloudUnavailable
        )
    }

    /// Whether only a person can help; the others go away by waiting.
    pub const fn needs_person(self) -> bool {
        matches!(
            self,
            Self::Conflict
                | Self::WriteIneffective
                | Self::NotFound
                | Self::NodeNotServed
                | Self::NodeIdRefused
                | Self::NothingVisible
                | Self::FieldUnreadable
                | Self::Locked
                | Self::SecurityGroupRefuses
                | Self::PermissionDenied
                | Self::CredentialsRejected
                | Self::CredentialsMissing
                | Self::WrongAccount
                | Self::StsOutsideVpc
                | Self::ClockSkew
                | Self::RequestRefused
                | Self::NoEndpoint
                | Self::UnrecognizedError
                | Self::NotGranted
                | Self::NotReleased
                | Self::NotKarpenters
                | Self::KarpenterNotWatched
                | Self::UnknownRegion
                | Self::Undecodable
                | Self::OpaqueRival
                | Self::ListingUnreadable
                | Self::RecordFull
                | Self::AttachLost
                | Self::NotRetained
                | Self::AttachedElsewhere
                | Self::InstanceGone
                | Self::InterfaceGone
                | Self::ZoneMismatch
                | Self::VpcMismatch
                | Self::StopInstanceFirst
                | Self::QuotaExceeded
                | Self::InstanceCanNotTake
                | Self::InstanceUnknown
                | Self::TypeNotAttachable
                | Self::Contended
                | Self::TerwayWouldTake
                | Self::ScalingMemberMissing
        )
    }
}

/// A documented way in which a target can be lost although its flag is protected.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Risk {
    /// Which way.
    pub reason: Reason,
    /// What the cloud said of it (a time, a lock), when that helps.
    pub detail: Option<std::sync::Arc<str>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Class, Effect, Failure, without_request};
    use crate::id::RequestId;

    /// Every reason; `!` marks those that need a person. Conditions, events and metrics are read by programs: a name
    /// that changes or goes is a breaking change.
    const GOLDEN: &str = "
AllProtected
ProtectedButExceptions
ProtectedWhereApplicable
NoTargets
DisabledAsAsked
ReleasedAsAsked
Excepted
Lifted
OrphanedInstance
NotReleased!
NotKarpenters!
TooManyLifts
KarpenterNotWatched!
Unprotecting
Conflict!
Correcting
Unprotected
NotWanted
Verifying
WriteIneffective!
Contested
ChangedBy
MayHaveBeenChangedBy
ChargeTypeSettling
ChargeTypeRefused
NotApplicable
SubscriptionInstance
SpotInstance
ServiceManaged
TrunkOrMember
TerwayOwned
CiliumOwned
ErdmaOwned
PrimaryNotRetainable
RetentionRefused
AwaitingEvidence
AwaitingListing
ListingUnreadable!
ListsDisagree
EvidenceStale
FieldUnreadable!
NotFound!
NodeUnresolved
NodeNotServed!
NodeIdRefused!
NodeInstanceGone
Missing
NothingVisible!
Throttled
CloudUnavailable
Busy
Locked!
SecurityGroupRefuses!
PermissionDenied!
CredentialsRejected!
CredentialsMissing!
WrongAccount!
StsUnavailable
StsOutsideVpc!
ClockSkew!
RequestRefused!
NoEndpoint!
UnrecognizedError!
NotGranted!
UnknownRegion!
Undecodable!
AutoReleaseTimeSet
ReleaseTimeCancelled
CancellingReleaseTime
FinancialLock
SecurityLock
OtherLock
ScalingGroupMember
ScalingRemovalByName
ProtectingFromScaleIn
ScalingPending
ScalingRemoving
ScalingStandby
ScalingStopped
ScaleInUnprotected
ScalingMemberMissing!
KarpenterOwned
ReleasePathUndocumented
TerwayCollects
RisksUnreadable
CircuitBreaker
OpaqueRival!
DeadlinePassed
NodeLeft
Survived
SurvivorsForgotten
SurvivorForgotten
Departed
Excluded
InstanceLost
SelectionLost
SelectionShrank
EventsSummedUp
RecordFull!
AttachWaits
AttachRequested
AttachDone
AttachLost!
NotRetained!
AttachedElsewhere!
InUse
InstanceGone!
InterfaceGone!
NodeUnknown
ZoneMismatch!
VpcMismatch!
InstanceNotReady
StopInstanceFirst!
QuotaExceeded!
InstanceCanNotTake!
InstanceUnknown!
TypeNotAttachable!
Contended!
TerwayWouldTake!
ObserveOnly
Satisfied
NothingUnderWay
AwaitsPerson
NothingStalled
NoRisk
RisksFound
";

    #[test]
    fn the_list_of_reasons_changes_only_on_purpose() {
        let list: Vec<String> = Reason::ALL
            .iter()
            .map(|reason| format!("{}{}", reason.as_str(), if reason.needs_person() { "!" } else { "" }))
            .collect();
        assert_eq!(list.join("\n"), GOLDEN.trim());
    }

    #[test]
    fn every_word_leads_back_to_its_reason() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_word(reason.as_str()), Some(*reason));
        }
        assert_eq!(Reason::from_word("OfANewerVersion"), None);
    }

    /// Read once, as a user would: no clause stands there twice, and no two reasons are told alike.
    #[test]
    fn no_sentence_repeats_itself_or_another() {
        let mut told = std::collections::BTreeMap::new();
        for reason in Reason::ALL {
            let sentence = reason.sentence();
            let clauses: Vec<&str> =
                sentence.split(['.', ':', ';']).map(str::trim).filter(|c| !c.is_empty()).collect();
            let distinct: std::collections::BTreeSet<&str> = clauses.iter().copied().collect();
            assert_eq!(distinct.len(), clauses.len(), "{reason:?}: {sentence}");
            assert_eq!(told.insert(sentence, reason), None, "{reason:?}");
        }
    }

    /// A failure is told by a reason that says what it is about, and the words beside it name the call that failed.
    #[test]
    fn every_failure_is_told_with_the_operation_that_failed() {
        for class in Class::ALL {
            for operation in ["DescribeInstances", "ModifyInstanceAttribute", "GetCallerIdentity"] {
                let failure = Failure {
                    operation: Some(operation),
                    class,
                    code: "Some.Code".into(),
                    request_id: Some(RequestId::new("R-1")),
                    effect: Effect::None,
                    retry_after: None,
                };
                let words = failure.words();
                assert_eq!(&*words, format!("{operation}: Some.Code, request R-1"));
                assert_eq!(without_request(&words), format!("{operation}: Some.Code"));
                let of_sts = matches!(failure.reason(), Reason::StsUnavailable | Reason::StsOutsideVpc);
                assert_eq!(failure.reason().sentence().contains("STS"), of_sts, "{class:?}");
            }
        }
    }

    #[test]
    fn every_sentence_is_one_and_fits_a_row_of_status() {
        for reason in Reason::ALL {
            let sentence = reason.sentence();
            assert!(sentence.ends_with('.') && sentence.len() <= 512, "{reason:?}: {sentence}");
            assert!(
                sentence.starts_with(|first: char| first.is_uppercase())
                    || sentence.starts_with("ecs-keeper")
            );
        }
    }
}
