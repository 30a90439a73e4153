//! The filters of DescribeNetworkInterfaces. All that are given must match.

use crate::faults::PageFaults;
use crate::operations::listing;
use crate::state::{InterfaceStatus, InterfaceType, Mark, NetworkInterface};
use crate::wire::{Params, Refusal, TagPair};

/// Lists hold at most so many values.
const LIST: usize = 100;

type Field = fn(&NetworkInterface) -> &str;

/// Filters that compare one text.
const TEXTS: &[(&str, Field)] = &[
    ("NetworkInterfaceName", |interface| &interface.network_interface_name),
    ("PrimaryIpAddress", |interface| &interface.primary_ip_address),
    ("VpcId", |interface| &interface.vpc_id),
    ("VSwitchId", |interface| &interface.v_switch_id),
];

/// All filters of a call.
pub(super) struct Filter {
    ids: Option<Vec<String>>,
    instance: Option<String>,
    texts: Vec<(Field, String)>,
    private_addresses: Vec<String>,
    ipv6_addresses: Vec<String>,
    security_group: Option<String>,
    resource_group: Option<String>,
    status: Option<InterfaceStatus>,
    kind: Option<InterfaceType>,
    service_managed: Option<bool>,
    tags: Vec<TagPair>,
}

impl Filter {
    pub(super) fn parse(params: &Params) -> Result<Self, Refusal> {
        let list = |name: &str| {
            let values: Vec<String> = params.list(name).into_iter().map(str::to_owned).collect();
            if values.len() > LIST { Err(Refusal::invalid(name)) } else { Ok(values) }
        };
        let tags = params.tags()?;
        if tags.len() > 20 {
            return Err(Refusal::invalid("Tag"));
        }
        let mut ids = list("NetworkInterfaceId")?;
        ids.sort_unstable();
        ids.dedup();
        Ok(Self {
            ids: (!ids.is_empty()).then_some(ids),
            instance: params.get("InstanceId").map(str::to_owned),
            texts: TEXTS
                .iter()
                .filter_map(|(name, field)| Some((*field, params.get(name)?.to_owned())))
                .collect(),
            private_addresses: list("PrivateIpAddress")?,
            ipv6_addresses: list("Ipv6Address")?,
            security_group: params.get("SecurityGroupId").map(str::to_owned),
            resource_group: params.get("ResourceGroupId").map(str::to_owned),
            status: word(params, "Status", InterfaceStatus::parse)?,
            kind: word(params, "Type", InterfaceType::parse)?,
            service_managed: params.boolean("ServiceManaged")?,
            tags,
        })
    }
}

impl listing::Filter<NetworkInterface> for Filter {
    fn ids(&self) -> Option<&[String]> {
        self.ids.as_deref()
    }

    fn mark(&self) -> Option<Mark> {
        let instance = self.instance.clone().map(Mark::Instance);
        instance.or_else(|| TagPair::exact(&self.tags).map(|(key, value)| Mark::tag(key, value)))
    }

    fn is_capped(&self) -> bool {
        self.resource_group.is_some() || !self.tags.is_empty()
    }

    fn matches(&self, interface: &NetworkInterface) -> bool {
        let any = |wanted: &[String], found: &[String]| {
            wanted.is_empty() || wanted.iter().any(|address| found.contains(address))
        };
        self.texts.iter().all(|(field, text)| field(interface) == text)
            && self.instance.as_ref().is_none_or(|id| interface.instance_id.as_ref() == Some(id))
            // The list is documented as one of secondary addresses.
            && any(&self.private_addresses, &interface.private_ip_addresses)
            && any(&self.ipv6_addresses, &interface.ipv6_addresses)
            // Documented: this finds no primary interfaces.
            && self.security_group.as_ref().is_none_or(|group| {
                interface.r#type != InterfaceType::Primary && interface.security_group_ids.contains(group)
            })
            // Documented: what is in the default group is shown whatever is asked for.
            && self.resource_group.as_ref().is_none_or(|group| {
                interface.resource_group_id.is_empty() || interface.resource_group_id == *group
            })
            && self.status.is_none_or(|status| status == interface.status)
            && self.kind.is_none_or(|kind| kind == interface.r#type)
            && self.service_managed.is_none_or(|managed| managed == interface.service_managed)
            && self.tags.iter().all(|tag| tag.matches(&interface.tags))
    }

    fn hidden(&self, interface: &NetworkInterface, faults: &PageFaults) -> bool {
        faults.hides_interface(interface)
    }
}

/// A parameter that must be one of the vendor's words.
fn word<T>(params: &Params, name: &str, parse: fn(&str) -> Option<T>) -> Result<Option<T>, Refusal> {
    params.get(name).map(|text| parse(text).ok_or_else(|| Refusal::invalid(name))).transpose()
}
