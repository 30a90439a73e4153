//! Retention of network interfaces: the flag is `DeleteOnRelease`, its protected value `false`.

use std::time::Duration;

use crate::flag::{Applicability, Flag, MainFlag, Refusal};
use crate::intent::{Intent, Unprotecting};
use crate::interface::{Interface, InterfaceFacts, InterfaceStatus, InterfaceType};
use crate::reason::{Reason, Risk};

/// Values of the creator's tag: Terway's own interfaces, and those that its controller made for Pods.
const TERWAY: [&str; 2] = ["terway", TERWAY_CONTROLLER];
/// The latter: its collector deletes them when they are free for ten minutes and no Pod's record names them.
const TERWAY_CONTROLLER: &str = "terway-controller";
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

/// The flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeleteOnRelease;

impl Flag for DeleteOnRelease {
    type Of = Interface;
    type Unprotect = ();

    const UNPROTECT: Option<()> = Some(());
    const ALARMS: bool = true;
    const NAME: &'static str = "DeleteOnRelease";

    const REFUSAL: Refusal = Refusal {
        settling: Reason::RetentionRefused,
        settles: Duration::ZERO,
        settled: Reason::RetentionRefused,
    };

    fn holds(intent: &Intent<Interface>) -> bool {
        intent.holds()
    }

    fn unprotecting(intent: &Intent<Interface>) -> Option<Unprotecting> {
        intent.unprotecting()
    }

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

    // Terway's own documents: its controller collects the interfaces that it made for Pods.

    fn at_stake(facts: &InterfaceFacts) -> bool {
        facts.status == Some(InterfaceStatus::InUse) && matches!(facts.instance, Some(Some(_)))
    }
}

impl MainFlag for DeleteOnRelease {
    const UNPROTECTED: Reason = Reason::ReleasedAsAsked;

    fn risks(facts: &InterfaceFacts) -> Vec<Risk> {
        if facts.tags.is_none() {
            vec![Risk { reason: Reason::RisksUnreadable, detail: None }]
        } else if facts.creator() == Some(TERWAY_CONTROLLER) {
            vec![Risk { reason: Reason::TerwayCollects, detail: None }]
        } else {
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::AttachPermit;
    use crate::evidence::Evidence;
    use crate::id::{CallId, InstanceId, InterfaceId, RequestId, Tag};
    use crate::intent::Rights;
    use crate::time::Moment;

    fn with(change: impl FnOnce(&mut InterfaceFacts)) -> Applicability {
        let mut facts = InterfaceFacts::secondary();
        change(&mut facts);
        DeleteOnRelease::applicability(&facts)
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
    fn i22_only_what_is_on_an_instance_is_at_stake() {
        let stake = |status, instance| {
            DeleteOnRelease::at_stake(&InterfaceFacts { status, instance, ..InterfaceFacts::secondary() })
        };
        let on = || Some(Some(InstanceId::new("i-a")));
        assert!(stake(Some(InterfaceStatus::InUse), on()));
        assert!(!stake(Some(InterfaceStatus::Available), Some(None)));
        assert!(!stake(Some(InterfaceStatus::Detaching), on()));
        assert!(!stake(None, on()));
        assert!(!stake(Some(InterfaceStatus::InUse), None));
    }

    #[test]
    fn i06_a_field_that_decides_and_is_missing_is_never_protected() {
        let blanks: [fn(&mut InterfaceFacts); 3] =
            [|f| f.service_managed = None, |f| f.interface_type = None, |f| f.tags = None];
        for blank in blanks {
            assert_eq!(with(blank), Applicability::Unreadable);
        }
        let mut facts = InterfaceFacts::secondary();
        assert_eq!(DeleteOnRelease::protected(&facts), Some(false));
        facts.delete_on_release = Some(false);
        assert_eq!(DeleteOnRelease::protected(&facts), Some(true));
        facts.delete_on_release = None;
        assert_eq!(DeleteOnRelease::protected(&facts), None);
    }

    #[test]
    fn a_primary_can_be_retained_in_the_regions_of_the_vendors_page() {
        assert_eq!(PRIMARY_RETAINED_IN.len(), 23);
        assert!(PRIMARY_RETAINED_IN.is_sorted_by(|one, next| one < next), "in order, each once");
    }

    #[test]
    fn i22_only_a_free_interface_that_is_nobody_elses_may_be_attached() {
        let permit_with = |may: Rights, change: fn(&mut InterfaceFacts)| {
            let mut facts = InterfaceFacts::secondary();
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
        // I41: whoever was not granted it gets no permit, whatever the cloud says.
        assert_eq!(permit_with(Rights { unprotect: true, attach: false }, |_| {}), None);
    }
}
