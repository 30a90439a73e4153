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
    ProtectedWhereApplicable = "Every target that can carry the flag holds the protected value; the others can't carry it.";
    NoTargets = "Nothing is selected: no resource in the region matches the selectors. Check the tags, the Node labels and the region.";
    DisabledAsAsked = "Protection was switched off as this generation asks; nothing more will be switched off for it.";
    ReleasedAsAsked = "The flag was given up on the attached interfaces as this generation asks; nothing more will be given up for it.";
    Unprotecting = "The flag is being given up as the spec asks.";
    Conflict = "Another object that selects the same target wants it protected, and protected wins. Change or delete the other object, or take the target out of this one.";
    Correcting = "The flag does not hold its protected value; ecs-keeper is setting it.";
    Unprotected = "The flag does not hold its protected value, and mode Observe only reports it. Set mode: Enforce to have it set.";
    NotWanted = "The flag does not hold its protected value, and this object does not ask for it.";
    Verifying = "The change was sent; waiting until the cloud shows its effect.";
    WriteIneffective = "The cloud accepted the change twice without showing its effect, or somebody switches the flag off again before it is seen. It is written again with every sweep; look at the resource in the console, and in ActionTrail who changes it.";
    Contested = "Somebody keeps switching the flag off: it was put right three times within an hour. Each time that is seen it is put right again, but between two sweeps the resource can be lost; find out in ActionTrail who does it.";
    ChargeTypeSettling = "The cloud shows the instance as pay-as-you-go but still refuses the flag, as it does for a while after a change of the charge type. It is tried again.";
    ChargeTypeRefused = "The cloud shows the instance as pay-as-you-go but has refused the flag for a quarter of an hour: its charge type does not allow protection.";
    NotApplicable = "Some targets can't carry the flag.";
    SubscriptionInstance = "A subscription instance can't carry release protection. It can't be released before it expires; watch its renewal instead, or leave it out.";
    SpotInstance = "A spot instance can't carry release protection, and the cloud may reclaim it at any time. Use a pay-as-you-go instance, or leave it out.";
    ServiceManaged = "A cloud product manages this network interface; it can't be retained, and is left alone.";
    TrunkOrMember = "Trunk and member interfaces belong to the container network; they are left alone.";
    TerwayOwned = "Terway created this network interface and decides itself whether it is kept; it is left alone.";
    CiliumOwned = "Cilium created this network interface for its Pods and decides itself whether it is kept; it is left alone.";
    ErdmaOwned = "The eRDMA controller owns this network interface; it is left alone.";
    PrimaryNotRetainable = "In this region a primary network interface can't be retained; it goes with its instance.";
    RetentionRefused = "The cloud refuses to retain this network interface: its type does not allow it, a cloud product manages it, or the region lacks retention. If it is a primary one, check primaryRetentionRegions in the operator's configuration. It is tried again every ten minutes.";
    AwaitingEvidence = "Not yet read from the cloud.";
    AwaitingListing = "The region's complete listing is not there yet, so it is not known whether all that is selected was found.";
    ListingUnreadable = "The region's listing held entries without a readable id, so it can't be taken as complete.";
    ListsDisagree = "The instance's own list of network interfaces and the list of interfaces don't agree, as they do while one is attached or detached; both are read again.";
    EvidenceStale = "The last look at the cloud is too old to say anything about now.";
    FieldUnreadable = "The cloud's answer lacked the flag or a field that decides about it, or had it in an unknown form.";
    NotFound = "The cloud knows no such resource in this region, or this identity may not see it. Check the id, the region and the account.";
    NodeUnresolved = "The Node has no providerID yet, or one that names no ECS instance, so its instance is not known. A new Node gets its providerID within minutes. If it does not, look at the cluster's cloud controller manager (REGION.INSTANCE-ID is what it writes), or take the Node out of the selection.";
    NodeNotServed = "The providerID of the Node names a region that is not granted to this namespace, so its instance is not looked at. Ask the administrator of ecs-keeper for the region, or take the Node out of the selection.";
    NodeIdRefused = "The cloud refuses the instance id in the providerID of the Node, so its instance is not known. The cluster's cloud controller manager writes REGION.INSTANCE-ID there. A providerID can't be changed: delete the Node and let it register anew, or take it out of the selection.";
    NodeInstanceGone = "The instance behind the Node is gone. A Node stands for a while after its instance is released; delete it if it stays. If the machine still runs, check the account and the RAM policy.";
    Missing = "The cloud's last answer did not contain it; it is looked up again before anything is concluded.";
    NothingVisible = "The cloud answered without any resource at all, so it can't be told whether this one is gone or only hidden. Check that the identity may call the describe operation in this region.";
    Throttled = "The cloud throttles this operation for the whole account; it is tried again within a minute.";
    CloudUnavailable = "The cloud does not answer properly; it is tried again.";
    Busy = "The resource is in a state in which this can't be done (starting, stopping, another operation under way); it is tried again. If it lasts, look at the resource in the console: it may have to be restarted or stopped first.";
    Locked = "The cloud denies the change for a reason that lies in the resource: a lock, its charge type, a security group that is full, or an image that is gone. Look at the resource in the console; it is tried again every ten minutes.";
    SecurityGroupRefuses = "A security group of the resource stands against the change: a cloud product manages it, it is full, or it does not go with the others. Look at the resource's security groups in the console; it is tried again every ten minutes.";
    PermissionDenied = "The cloud refuses: this identity may not make the call. Grant it the RAM policy of the documentation; if it has that, the cloud restricts the account or the user itself. It is tried again every ten minutes.";
    CredentialsRejected = "The cloud does not accept the key or its signature. Check the access key of this account in the operator's configuration.";
    CredentialsMissing = "There is no access key for this account, or none that can be used. Whoever runs ecs-keeper finds in its log what is missing; it is looked for again all the time.";
    WrongAccount = "The access key belongs to another account of the cloud than this name stands for, so nothing is read or changed with it. Whoever runs ecs-keeper finds both in its log; put the right key back, or correct accountId.";
    StsUnavailable = "STS has not said whose the access key is, and before that nothing is read or changed with it. It is asked again; if this lasts, whoever runs ecs-keeper checks the way to the endpoint of STS.";
    StsOutsideVpc = "The region has no STS endpoint in the VPC, so STS is asked over the Internet whose the access key is, and does not answer; before that nothing is read or changed. Give ecs-keeper's Pods a way to the Internet, or set endpoints.regions[].sts in its configuration to an endpoint that they can reach.";
    ClockSkew = "The cloud refuses the request's time. Set the clock of the operator's machine; it must be within 15 minutes of the cloud's.";
    RequestRefused = "The cloud refuses the request as wrong. Check region and endpoint in the operator's configuration; if they are right, this is a fault in ecs-keeper: please report it with the request id.";
    UnrecognizedError = "The cloud answered with an error code that ecs-keeper does not know. Look the code up in the vendor's documentation and report it.";
    NotGranted = "It is not granted: this namespace is not served, or the account or the region of the spec is not one that it may use, or it may not do there what the spec asks (switch off, attach). Check the spelling, or ask the administrator of ecs-keeper.";
    UnknownRegion = "The vendor's table of regions has no such region. Check the spelling; if the vendor has added it since, the administrator of ecs-keeper can add and grant it.";
    Undecodable = "The object can't be read by this version of ecs-keeper. Correct the named field, or upgrade; until then nothing in its account is switched off.";
    AutoReleaseTimeSet = "An automatic release time is set: the instance will be released then although it is protected. Remove the release time in the console.";
    FinancialLock = "The instance is locked for payment: the cloud releases it in the end although it is protected. Settle the account's bill.";
    SecurityLock = "The instance is locked for security: the cloud may release it although it is protected. Look at the lock in the console.";
    OtherLock = "The instance is locked by the cloud, which may release it although it is protected. Look at the lock in the console.";
    ScalingGroupMember = "An Auto Scaling group may remove the instance although it is protected: scale-in ignores the flag. Use the scaling group's own instance protection.";
    KarpenterOwned = "Karpenter owns this Node: while the instance is protected, its deletion by Karpenter fails and is repeated. Lift the protection before the Node is to go.";
    ReleasePathUndocumented = "The instance may go in a way of which the vendor has not said whether it keeps retained network interfaces. Take the cause away, or don't rely on the retention there.";
    TerwayCollects = "Terway made this network interface for a Pod and deletes it when it is free for ten minutes and no Pod needs it. Detach it from Terway's care, or don't rely on the retention.";
    RisksUnreadable = "The cloud's answer lacked fields that tell of risks, or had them in an unknown form.";
    CircuitBreaker = "Too many targets vanished or changed at once; until two complete listings agree, nothing is concluded from absence and nothing is switched off.";
    OpaqueRival = "An object that can't be read may want these targets protected; until it is corrected or deleted, nothing is switched off.";
    DeadlinePassed = "It could not be carried out within an hour; the rest keeps its protection.";
    NodeLeft = "What leaves the selection keeps its protection as it is.";
    Survived = "It has outlived its instance; it is free, and waits for reuse.";
    SurvivorsForgotten = "The object is gone, and it alone knew of these network interfaces. Name them in another EniRetention to keep them, or delete them in the cloud.";
    Departed = "It is gone for good: two look-ups by id, apart, have lacked it.";
    Excluded = "The spec excludes it; its flag stays as it is.";
    InstanceLost = "The instance is gone: two look-ups by id, apart, have lacked it. If nobody meant to release it, look for the release in ActionTrail by the instance's id.";
    SelectionLost = "It is not selected any more, without this object having changed. Its flag stays as it is, and nobody puts it right from now on. Put the tag back, or name it by id.";
    SelectionShrank = "Fewer targets are selected than status counted in this generation, and nobody was there to see them go. Look in ActionTrail for what was released or lost its tags meanwhile.";
    EventsSummedUp = "Twenty Events about this object were published within ten minutes; what came after them is summed up here.";
    RecordFull = "More than 5,000 free network interfaces are retained, more than one object can list. The flag is set on all of them, but those beyond the list are forgotten when ecs-keeper restarts. Delete what nobody needs, or attach it again (spec.reattach); or have other objects hold what is listed (ecs-keeper eni export), then put a tag on it and exclude that tag here.";
    AttachWaits = "It is attached as soon as it is free and the instance can take it.";
    AttachRequested = "The cloud has been asked to attach it; waiting until it is seen on the instance.";
    AttachDone = "It was seen on the wanted instance; nothing more is done for this entry.";
    AttachLost = "The cloud was asked to attach it, and two complete listings later it is still free. Whether the request may yet have its effect is not known, so it is not sent again. Remove the entry from spec.reattach and add it again to have it sent anew.";
    NotRetained = "This object does not retain the network interface, and attaches only what it retains. Select it, and wait until it is listed in status.retainedEniIds.";
    AttachedElsewhere = "The cloud was asked to attach it, and since then it was seen on another instance; it is not moved from there. Remove the entry from spec.reattach and add it again to have it attached when it is free.";
    InUse = "The network interface is on another instance, and one that is in use is never moved. It is attached as soon as it is free.";
    InstanceGone = "The instance is gone, so nothing can be attached to it. Name another one.";
    InterfaceGone = "The network interface is gone, so it can't be attached. Remove the entry.";
    NodeUnknown = "The cluster has no such Node yet, or no ECS instance in this region stands behind it. It is waited for; if it does not come, check the Node's name and its providerID.";
    ZoneMismatch = "The instance is in another zone; a network interface can be attached only within its own. Name an instance in the interface's zone.";
    VpcMismatch = "The instance is in another VPC; a network interface can be attached only within its own. Name an instance in the interface's VPC.";
    InstanceNotReady = "The instance is neither running nor stopped; it is attached as soon as it is.";
    StopInstanceFirst = "The instance takes this network interface only while it is stopped, because of the instance's type or the interface's. Stop the instance; it is tried again every ten minutes.";
    QuotaExceeded = "A quota stands against it: of interfaces on the instance, of the account, or of instances in a security group. Free one, or ask the vendor for more; it is tried again every ten minutes.";
    InstanceCanNotTake = "The type or the generation of the instance can't carry this network interface. Name another instance.";
    InstanceUnknown = "The cloud knows no such instance in this region, or this identity may attach nothing to it. Check the instance's id in spec.reattach; it is tried again every ten minutes.";
    TypeNotAttachable = "A network interface of this type is attached to no instance. Name another network interface, or remove the entry.";
    Contended = "Another object wants to attach the same network interface, so neither does. Take it out of one of them.";
    TerwayWouldTake = "The instance belongs to a Kubernetes cluster, where Terway takes over every interface that it isn't told to leave alone. Put the tag terway.alibabacloud.com/excluded=true on the interface.";
    ObserveOnly = "Mode Observe only reports. Set mode: Enforce to have it attached.";
    Satisfied = "There is nothing left to do.";
    NothingUnderWay = "ecs-keeper has nothing under way.";
    AwaitsPerson = "A person has to act first: the condition Stalled says how.";
    NothingStalled = "Nothing waits for a person.";
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
                | Self::UnrecognizedError
                | Self::NotGranted
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
ProtectedWhereApplicable
NoTargets
DisabledAsAsked
ReleasedAsAsked
Unprotecting
Conflict!
Correcting
Unprotected
NotWanted
Verifying
WriteIneffective!
Contested
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
UnrecognizedError!
NotGranted!
UnknownRegion!
Undecodable!
AutoReleaseTimeSet
FinancialLock
SecurityLock
OtherLock
ScalingGroupMember
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
