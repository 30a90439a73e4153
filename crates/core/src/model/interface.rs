//! Elastic network interfaces: what a listing says of them.

use std::sync::{Arc, LazyLock};

use crate::id::{InstanceId, InterfaceId, Tag};
use crate::resource::{HostFacts, Place, Resource, Types, Wanted};

/// Tag key by which Terway and the eRDMA controller mark what they created.
const CREATOR_TAG: &str = "creator";
/// Tag key and value by which Terway is told to leave an interface alone.
const TERWAY_EXCLUDED: (&str, &str) = ("terway.alibabacloud.com/excluded", "true");
/// Tag key that Cilium's operator puts on every interface that it creates, with a number as its value. Source: Cilium,
/// `pkg/alibabacloud/utils`.
const CILIUM_INDEX_TAG: &str = "cilium-eni-index";
/// The resource.
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
    /// What the creator's tag says.
    pub(crate) fn creator(&self) -> Option<&str> {
        let tag = self.tags.iter().flatten().find(|tag| tag.key.as_ref() == CREATOR_TAG)?;
        Some(&tag.value)
    }

    /// Whether Cilium's operator created it.
    pub(crate) fn is_cilium_s(&self) -> bool {
        self.tags.iter().flatten().any(|tag| tag.key.as_ref() == CILIUM_INDEX_TAG)
    }

    /// Whether Terway is told to leave the interface alone.
    pub fn excluded_from_terway(&self) -> bool {
        let (key, value) = TERWAY_EXCLUDED;
        self.tags.iter().flatten().any(|tag| tag.key.as_ref() == key && tag.value.as_ref() == value)
    }
}

impl Resource for Interface {
    type Id = InterfaceId;
    type Facts = InterfaceFacts;

    const NAME: &'static str = "NetworkInterface";
    const LISTING: &'static str = "DescribeNetworkInterfaces";
    const REMEMBERS: bool = true;

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

    fn listed(host: HostFacts<'_>) -> Option<&[InterfaceId]> {
        host.surroundings.interfaces.as_deref()
    }
}

#[cfg(test)]
impl InterfaceFacts {
    /// An unprotected secondary interface on the instance `i-a`, without tags.
    pub(crate) fn secondary() -> Self {
        Self {
            delete_on_release: Some(true),
            interface_type: Some(InterfaceType::Secondary),
            status: Some(InterfaceStatus::InUse),
            instance: Some(Some(InstanceId::new("i-a"))),
            service_managed: Some(false),
            primary_retainable: true,
            tags: Some(Vec::new()),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let facts = InterfaceFacts {
                instance,
                status,
                service_managed: Some(managed),
                ..InterfaceFacts::secondary()
            };
            assert_eq!(Interface::place(&facts), place, "{facts:?}");
            assert_eq!(Interface::misplaced(&facts), misplaced, "{facts:?}");
        }
    }

    #[test]
    fn types_narrow_what_is_selected_through_an_instance_and_hide_nothing_that_is_left_alone() {
        let of = |interface_type, primary, secondary| {
            Interface::of_types(
                &InterfaceFacts { interface_type, ..InterfaceFacts::secondary() },
                Types { primary, secondary },
            )
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
                ..InterfaceFacts::secondary()
            };
            Interface::prune(&mut facts, Wanted { tag: &|_| false, surroundings: false });
            (facts.belongings == carried, facts.tags.map_or(0, |tags| tags.len()))
        };
        assert_eq!(kept(InterfaceStatus::Available), (true, 3));
        assert_eq!(kept(InterfaceStatus::Detaching), (true, 3));
        assert_eq!(kept(InterfaceStatus::InUse), (false, 3));
    }
}
