//! Elastic network interfaces: the flag is `DeleteOnRelease`, its protected value `false`.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use crate::id::{InstanceId, InterfaceId, Tag};
use crate::kind::{Applicability, Kind, Place, Refusal, Types, Wanted};
use crate::owners::Surroundings;
use crate::reason::{Reason, Risk};

/// Tag key by which Terway and the eRDMA controller mark what they created.
const CREATOR_TAG: &str = "creator";
/// Values of that tag: Terway's own interfaces, and those that its controller made for Pods.
const TERWAY: [&str; 2] = ["terway", TERWAY_CONTROLLER];
/// The latter: its collector deletes them when they are free for ten minutes and no Pod's record names them.
const TERWAY_CONTROLLER: &str = "terway-controller";
/// Tag key and value by which Terway is told to leave an interface alone.
const TERWAY_EXCLUDED: (&str, &str) = ("terway.alibabacloud.com/excluded", "true");
/// Tag key that Cilium's operator puts on every interface that it creates, with a number as its value. Source: Cilium,
/// `pkg/alibabacloud/utils`.
const CILIUM_INDEX_TAG: &str = "cilium-eni-index";
/// Value of the creator's tag on interfaces of the eRDMA controller.
const ERDMA: &str = "alibabacloud-erdma-controller";
/// Traffic mode of an interface that carries eRDMA.
const HIGH_PERFORMANCE: &str = "HighPerformance";

/// The regions in which a primary interface can be retained; a secondary can be in all of them. Source: the vendor's
/// page on retaining and reusing an ENI, as of 2026-02-28. The cloud will add regions before this table does, so the
/// administrator's configuration can name more.
pub const PRIMARY_RETAINED_IN: &[&str] = &[
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-southeast-1",
    "ap-southeast-3",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "cn-beijing",
    "cn-chengdu",
    "cn-guangzhou",
    "cn-hangzhou",
    "cn-heyuan",
    "cn-hongkong",
    "cn-huhehaote",
    "cn-qingdao",
    "cn-shanghai",
    "cn-shenzhen",
    "cn-wulanchabu",
    "cn-zhangjiakou",
    "eu-central-1",
    "eu-west-1",
    "us-east-1",
    "us-west-1",
];

/// The kind of network interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interface;

/// What an interface is to its instance (`Type`). A primary that outlives its instance becomes a secondary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InterfaceType {
    /// `Primary`
    Primary,
    /// `Secondary`
    Secondary,
    /// `Trunk`: carries members for Pods.
    Trunk,
    /// `Member` of a trunk.
    Member,
}

/// Where an interface is in its life (`Status`). Attaching, detaching and deleting take their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InterfaceStatus {
    /// Free.
    Available,
    /// On its way to an instance.
    Attaching,
    /// On an instance.
    InUse,
    /// On its way off.
    Detaching,
    /// On its way out of the world.
    Deleting,
}

/// A public address that is bound to an address of the interface.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Eip {
    /// `AllocationId` of the elastic IP. The vendor's page calls the field not open to everyone and shows it as null, so
    /// the address may come without it.
    pub allocation_id: Option<Arc<str>>,
    /// The public address.
    pub public_ip: Arc<str>,
    /// The private address that it is bound to.
    pub private_ip: Arc<str>,
}

/// What an interface carries and where it can be attached: what a survivor's row in status tells.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Belongings {
    /// vSwitch.
    pub vswitch_id: Option<Arc<str>>,
    /// VPC.
    pub vpc_id: Option<Arc<str>>,
    /// Private IPv4 addresses, the primary one first.
    pub private_ips: Vec<Arc<str>>,
    /// IPv6 addresses.
    pub ipv6_addresses: Vec<Arc<str>>,
    /// IPv4 prefixes.
    pub ipv4_prefixes: Vec<Arc<str>>,
    /// IPv6 prefixes.
    pub ipv6_prefixes: Vec<Arc<str>>,
    /// Elastic IPs.
    pub eips: Vec<Eip>,
    /// Security groups.
    pub security_group_ids: Vec<Arc<str>>,
}

/// What DescribeNetworkInterfaces says of one interface, as far as a decision or a status needs it. A field that decides
/// is `None` when the cloud's answer lacked it or had it in a form that we do not know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InterfaceFacts {
    /// `DeleteOnRelease`.
    pub delete_on_release: Option<bool>,
    /// `Type`.
    pub interface_type: Option<InterfaceType>,
    /// `Status`.
    pub status: Option<InterfaceStatus>,
    /// The instance that it is on: inner `None` when it is free, or when the cloud withholds it because another product
    /// manages the interface.
    pub instance: Option<Option<InstanceId>>,
    /// `ServiceManaged`: a cloud product created it.
    pub service_managed: Option<bool>,
    /// `NetworkInterfaceTrafficMode`.
    pub traffic_mode: Option<Arc<str>>,
    /// Zone. It never changes.
    pub zone_id: Option<Arc<str>>,
    /// Whether a primary interface can be retained in this region. Not from the answer: from the table of regions.
    pub primary_retainable: bool,
    /// `Tags`: a missing field is the cloud's way to say "none"; `None` is an odd shape.
    pub tags: Option<Vec<Tag>>,
    /// What it carries.
    pub belongings: Arc<Belongings>,
}

impl InterfaceFacts {
    fn creator(&self) -> Option<&str> {
        let tag = self.tags.iter().flatten().find(|tag| tag.key.as_ref() == CREATOR_TAG)?;
        Some(&tag.value)
    }

    fn is_cilium_s(&self) -> bool {
        self.tags.iter().flatten().any(|tag| tag.key.as_ref() == CILIUM_INDEX_TAG)
    }

    /// Whether Terway is told to leave the interface alone.
    pub fn excluded_from_terway(&self) -> bool {
        let (key, value) = TERWAY_EXCLUDED;
        self.tags.iter().flatten().any(|tag| tag.key.as_ref() == key && tag.value.as_ref() == value)
    }
}

impl Kind for Interface {
    type Id = InterfaceId;
    type Facts = InterfaceFacts;

    fn protected(facts: &InterfaceFacts) -> Option<bool> {
        facts.delete_on_release.map(|deletes| !deletes)
    }

    // The vendor's pages: interfaces of cloud products take no changes; trunk and member interfaces belong to the
    // container network; a primary can be retained in some regions only (page on retaining network interfaces). Terway
    // sets the flag of its own interfaces itself; Cilium and the eRDMA controller own what they created.
    fn applicability(facts: &InterfaceFacts) -> Applicability {
        let (Some(managed), Some(kind), true) =
            (facts.service_managed, facts.interface_type, facts.tags.is_some())
        else {
            return Applicability::Unreadable;
        };
        let erdma = facts.creator() == Some(ERDMA) || facts.traffic_mode.as_deref() == Some(HIGH_PERFORMANCE);
        match kind {
            _ if managed => Applicability::No(Reason::ServiceManaged),
            InterfaceType::Trunk | InterfaceType::Member => Applicability::No(Reason::TrunkOrMember),
            _ if facts.creator().is_some_and(|creator| TERWAY.contains(&creator)) => {
                Applicability::No(Reason::TerwayOwned)
            }
            _ if facts.is_cilium_s() => Applicability::No(Reason::CiliumOwned),
            _ if erdma => Applicability::No(Reason::ErdmaOwned),
            InterfaceType::Primary if !facts.primary_retainable => {
                Applicability::No(Reason::PrimaryNotRetainable)
            }
            InterfaceType::Primary | InterfaceType::Secondary => Applicability::Yes,
        }
    }

    const LISTING: &'static str = "DescribeNetworkInterfaces";
    const REFUSAL: Refusal = Refusal {
        settling: Reason::RetentionRefused,
        settles: Duration::ZERO,
        settled: Reason::RetentionRefused,
    };
    const REMEMBERS: bool = true;
    const UNPROTECTED: Reason = Reason::ReleasedAsAsked;

    // Terway's own documents: its controller collects the interfaces that it made for Pods.
    fn risks(facts: &InterfaceFacts) -> Vec<Risk> {
        if facts.tags.is_none() {
            vec![Risk { reason: Reason::RisksUnreadable, detail: None }]
        } else if facts.creator() == Some(TERWAY_CONTROLLER) {
            vec![Risk { reason: Reason::TerwayCollects, detail: None }]
        } else {
            Vec::new()
        }
    }

    fn tags(facts: &InterfaceFacts) -> Option<&[Tag]> {
        facts.tags.as_deref()
    }

    fn prune(facts: &mut InterfaceFacts, wanted: Wanted<'_>) {
        if let Some(tags) = &mut facts.tags {
            let telling = [CREATOR_TAG, CILIUM_INDEX_TAG, TERWAY_EXCLUDED.0];
            tags.retain_mut(|tag| (wanted.tag)(tag) || telling.contains(&tag.key.as_ref()));
            tags.shrink_to_fit();
        }
        // What it carries is told of survivors. While it is on an instance that would be most of what is remembered.
        if facts.status == Some(InterfaceStatus::InUse) {
            static NOTHING: LazyLock<Arc<Belongings>> = LazyLock::new(Arc::default);
            facts.belongings = NOTHING.clone();
        }
    }

    fn place(facts: &InterfaceFacts) -> Place<'_> {
        match (&facts.instance, facts.status) {
            (Some(Some(instance)), _) => Place::On(instance),
            // What is in use is somewhere, though the cloud does not say where.
            (Some(None), Some(InterfaceStatus::Available)) => Place::Free,
            (Some(None) | None, _) => Place::Unreadable,
        }
    }

    fn of_types(facts: &InterfaceFacts, types: Types) -> Option<bool> {
        facts.interface_type.map(|of| match of {
            InterfaceType::Primary => types.primary,
            InterfaceType::Secondary => types.secondary,
            // Left alone with a reason, whatever is asked for.
            InterfaceType::Trunk | InterfaceType::Member => true,
        })
    }

    fn misplaced(facts: &InterfaceFacts) -> bool {
        let nowhere = match facts.instance {
            Some(Some(_)) => false,
            Some(None) => facts.status == Some(InterfaceStatus::InUse),
            None => true,
        };
        nowhere && !Self::unlisted(facts)
    }

    // The cloud withholds the instance of an interface that another product manages, and nobody has said whether trunk
    // and member interfaces stand in an instance's list.
    fn unlisted(facts: &InterfaceFacts) -> bool {
        facts.service_managed == Some(true)
            || matches!(facts.interface_type, Some(InterfaceType::Trunk | InterfaceType::Member))
    }

    fn at_stake(facts: &InterfaceFacts) -> bool {
        facts.status == Some(InterfaceStatus::InUse) && matches!(facts.instance, Some(Some(_)))
    }

    fn listed(surroundings: &Surroundings) -> Option<&[InterfaceId]> {
        surroundings.interfaces.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::authority::AttachPermit;
    use crate::evidence::Evidence;
    use crate::id::{CallId, RequestId};
    use crate::intent::Rights;
    use crate::time::Moment;

    fn plain() -> InterfaceFacts {
        InterfaceFacts {
            delete_on_release: Some(true),
            interface_type: Some(InterfaceType::Secondary),
            status: Some(InterfaceStatus::InUse),
            instance: Some(Some(InstanceId::new("i-a"))),
            service_managed: Some(false),
            primary_retainable: true,
            tags: Some(Vec::new()),
            ..InterfaceFacts::default()
        }
    }

    fn with(change: impl FnOnce(&mut InterfaceFacts)) -> Applicability {
        let mut facts = plain();
        change(&mut facts);
        Interface::applicability(&facts)
    }

    #[test]
    fn what_belongs_to_others_is_left_alone_with_a_reason() {
        let created_by = |creator: &str| vec![Tag::new("creator", creator)];
        assert_eq!(with(|_| {}), Applicability::Yes);
        assert_eq!(with(|f| f.interface_type = Some(InterfaceType::Primary)), Applicability::Yes);
        for (found, reason) in [
            (with(|f| f.service_managed = Some(true)), Reason::ServiceManaged),
            (with(|f| f.interface_type = Some(InterfaceType::Trunk)), Reason::TrunkOrMember),
            (with(|f| f.interface_type = Some(InterfaceType::Member)), Reason::TrunkOrMember),
            (with(|f| f.tags = Some(created_by("terway"))), Reason::TerwayOwned),
            (with(|f| f.tags = Some(created_by("terway-controller"))), Reason::TerwayOwned),
            (with(|f| f.tags = Some(vec![Tag::new("cilium-eni-index", "1")])), Reason::CiliumOwned),
            (with(|f| f.tags = Some(created_by("alibabacloud-erdma-controller"))), Reason::ErdmaOwned),
            (with(|f| f.traffic_mode = Some("HighPerformance".into())), Reason::ErdmaOwned),
            (
                with(|f| {
                    f.interface_type = Some(InterfaceType::Primary);
                    f.primary_retainable = false;
                }),
                Reason::PrimaryNotRetainable,
            ),
        ] {
            assert_eq!(found, Applicability::No(reason));
        }
        assert_eq!(
            with(|f| f.primary_retainable = false),
            Applicability::Yes,
            "a secondary can be, everywhere"
        );
    }

    #[test]
    fn i21_an_interface_is_where_the_cloud_says_and_nowhere_when_it_does_not_say() {
        let on = InstanceId::new("i-a");
        for (instance, status, managed, place, misplaced) in [
            (Some(Some(on.clone())), Some(InterfaceStatus::InUse), false, Place::On(&on), false),
            (Some(Some(on.clone())), Some(InterfaceStatus::Attaching), false, Place::On(&on), false),
            (Some(None), Some(InterfaceStatus::Available), false, Place::Free, false),
            // On its way, and on no instance yet or any more.
            (Some(None), Some(InterfaceStatus::Attaching), false, Place::Unreadable, false),
            // In use, and the cloud withholds where.
            (Some(None), Some(InterfaceStatus::InUse), true, Place::Unreadable, false),
            (Some(None), Some(InterfaceStatus::InUse), false, Place::Unreadable, true),
            (Some(None), None, false, Place::Unreadable, false),
            (None, Some(InterfaceStatus::InUse), false, Place::Unreadable, true),
        ] {
            let facts = InterfaceFacts { instance, status, service_managed: Some(managed), ..plain() };
            assert_eq!(Interface::place(&facts), place, "{facts:?}");
            assert_eq!(Interface::misplaced(&facts), misplaced, "{facts:?}");
        }
    }

    #[test]
    fn i22_only_what_is_on_an_instance_is_at_stake() {
        let stake = |status, instance| Interface::at_stake(&InterfaceFacts { status, instance, ..plain() });
        let on = || Some(Some(InstanceId::new("i-a")));
        assert!(stake(Some(InterfaceStatus::InUse), on()));
        assert!(!stake(Some(InterfaceStatus::Available), Some(None)));
        assert!(!stake(Some(InterfaceStatus::Detaching), on()));
        assert!(!stake(None, on()));
        assert!(!stake(Some(InterfaceStatus::InUse), None));
    }

    #[test]
    fn types_narrow_what_is_selected_through_an_instance_and_hide_nothing_that_is_left_alone() {
        let of = |interface_type, primary, secondary| {
            Interface::of_types(&InterfaceFacts { interface_type, ..plain() }, Types { primary, secondary })
        };
        assert_eq!(of(Some(InterfaceType::Primary), true, false), Some(true));
        assert_eq!(of(Some(InterfaceType::Primary), false, true), Some(false));
        assert_eq!(of(Some(InterfaceType::Secondary), true, false), Some(false));
        assert_eq!(of(Some(InterfaceType::Trunk), true, false), Some(true));
        assert_eq!(of(None, true, true), None);
    }

    #[test]
    fn what_an_interface_carries_is_kept_of_those_that_are_not_in_use() {
        let carried = Arc::new(Belongings { vpc_id: Some("vpc-1".into()), ..Belongings::default() });
        let kept = |status| {
            let tags = ["creator", "cilium-eni-index", "terway.alibabacloud.com/excluded", "nobody-asks"]
                .map(|key| Tag::new(key, "x"));
            let mut facts = InterfaceFacts {
                status: Some(status),
                belongings: carried.clone(),
                tags: Some(tags.to_vec()),
                ..plain()
            };
            Interface::prune(&mut facts, Wanted { tag: &|_| false, surroundings: false });
            (facts.belongings == carried, facts.tags.map_or(0, |tags| tags.len()))
        };
        assert_eq!(kept(InterfaceStatus::Available), (true, 3));
        assert_eq!(kept(InterfaceStatus::Detaching), (true, 3));
        assert_eq!(kept(InterfaceStatus::InUse), (false, 3));
    }

    #[test]
    fn i06_a_field_that_decides_and_is_missing_is_never_protected() {
        let blanks: [fn(&mut InterfaceFacts); 3] =
            [|f| f.service_managed = None, |f| f.interface_type = None, |f| f.tags = None];
        for blank in blanks {
            assert_eq!(with(blank), Applicability::Unreadable);
        }
        let mut facts = plain();
        assert_eq!(Interface::protected(&facts), Some(false));
        facts.delete_on_release = Some(false);
        assert_eq!(Interface::protected(&facts), Some(true));
        facts.delete_on_release = None;
        assert_eq!(Interface::protected(&facts), None);
    }

    #[test]
    fn a_primary_can_be_retained_in_the_regions_of_the_vendors_page() {
        assert_eq!(PRIMARY_RETAINED_IN.len(), 23);
        assert!(PRIMARY_RETAINED_IN.is_sorted_by(|one, next| one < next), "in order, each once");
    }

    #[test]
    fn i22_only_a_free_interface_that_is_nobody_elses_may_be_attached() {
        let permit_with = |may: Rights, change: fn(&mut InterfaceFacts)| {
            let mut facts = plain();
            facts.status = Some(InterfaceStatus::Available);
            facts.instance = Some(None);
            change(&mut facts);
            let seen = Moment::at(Duration::ZERO);
            let request_id = RequestId::new("R-1");
            let evidence: Evidence<Interface> =
                Evidence { facts, seen, call: CallId(1), request_id, tag_epoch: 0 };
            let to = InstanceId::new("i-b");
            AttachPermit::grant(may, &InterfaceId::new("eni-1"), evidence.fresh(seen, None).unwrap(), &to)
        };
        let permit = |change| permit_with(Rights::ALL, change);
        let permitted = permit(|_| {}).unwrap();
        assert_eq!((permitted.interface().as_str(), permitted.instance().as_str()), ("eni-1", "i-b"));
        assert!(permit(|f| f.instance = None).is_some(), "the status says that it is free");
        let refused: [fn(&mut InterfaceFacts); 13] = [
            |f| f.instance = Some(Some(InstanceId::new("i-a"))),
            |f| f.status = None,
            |f| f.status = Some(InterfaceStatus::InUse),
            |f| f.status = Some(InterfaceStatus::Attaching),
            |f| f.status = Some(InterfaceStatus::Detaching),
            |f| f.status = Some(InterfaceStatus::Deleting),
            |f| f.service_managed = Some(true),
            |f| f.service_managed = None,
            |f| f.interface_type = None,
            |f| f.interface_type = Some(InterfaceType::Member),
            |f| f.tags = None,
            |f| f.tags = Some(vec![Tag::new("creator", "terway")]),
            |f| f.tags = Some(vec![Tag::new("cilium-eni-index", "3")]),
        ];
        for change in refused {
            assert_eq!(permit(change), None);
        }
        // I41: whoever was not granted it gets no leave, whatever the cloud says.
        assert_eq!(permit_with(Rights { unprotect: true, attach: false }, |_| {}), None);
    }
}
