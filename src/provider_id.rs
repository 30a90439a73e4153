//! Which ECS instance stands behind a Kubernetes Node.
//!
//! The forms are those that the vendor's cloud controller manager and CSI driver write and read:
//! `REGION.INSTANCE-ID`, the same after `alicloud://`, and the marks of Nodes that are no ECS instances at all. A Node's
//! text is a stranger's text: what comes out of here has the shape of a region id and of an instance id, nothing else.

use std::collections::BTreeMap;

use keeper_core::id::{InstanceId, Region};

/// What a Node says of the machine behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderId {
    /// An ECS instance.
    Instance {
        /// Region of the instance: of the right shape, not yet known to exist.
        region: Region,
        /// Id of the instance: of the right shape, not yet known to exist.
        id: InstanceId,
    },
    /// Not an ECS instance, and rightly so.
    NotEcs(NotEcs),
    /// The Node has no providerID (yet).
    Missing,
    /// The Node has one that is of no form that is written anywhere.
    Malformed,
}

/// Why a Node is not an ECS instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NotEcs {
    /// A virtual node: its Pods run on container instances.
    VirtualNode,
    /// A Lingjun machine, which has its own service and its own API.
    Lingjun,
    /// A machine outside of the cloud, registered with a hybrid cluster.
    Hybrid,
    /// A machine of another provider.
    OtherProvider,
}

const SCHEME: &str = "alicloud://";
const HYBRID_SCHEME: &str = "ack-hybrid://";
const VIRTUAL_NODE: (&str, &str) = ("type", "virtual-kubelet");
const LINGJUN_WORKER: &str = "alibabacloud.com/lingjun-worker";

impl ProviderId {
    /// Reads `spec.providerID` and the labels that overrule it.
    pub fn read(provider_id: Option<&str>, labels: &BTreeMap<String, String>) -> Self {
        if labels.get(VIRTUAL_NODE.0).is_some_and(|value| value == VIRTUAL_NODE.1) {
            return Self::NotEcs(NotEcs::VirtualNode);
        }
        if labels.contains_key(LINGJUN_WORKER) {
            return Self::NotEcs(NotEcs::Lingjun);
        }
        match provider_id {
            None | Some("") => Self::Missing,
            Some(text) => Self::parse(text),
        }
    }

    fn parse(text: &str) -> Self {
        let text = match text.strip_prefix(SCHEME) {
            Some(rest) => rest,
            None if text.starts_with(HYBRID_SCHEME) => return Self::NotEcs(NotEcs::Hybrid),
            // Nearly right is wrong, and no other provider's.
            None if text.to_ascii_lowercase().starts_with(SCHEME) => return Self::Malformed,
            None if text.contains("://") => return Self::NotEcs(NotEcs::OtherProvider),
            None => text,
        };
        // Region ids hold hyphens but no dots, so the first dot is the border.
        match text.split_once('.') {
            Some((region, id)) if is_region(region) && is_instance_id(id) => {
                Self::Instance { region: Region::new(region), id: InstanceId::new(id) }
            }
            _ => Self::Malformed,
        }
    }
}

/// Whether the text has the shape of a region id, the one that the custom resources ask for: `cn-hangzhou`,
/// `ap-southeast-1`.
pub fn is_region(text: &str) -> bool {
    let mut parts = text.split('-');
    let area =
        parts.next().is_some_and(|area| area.len() == 2 && area.bytes().all(|b| b.is_ascii_lowercase()));
    area && text.len() > 2 && text.len() <= 64 && parts.all(is_word)
}

/// Whether the text has the shape of an instance id, the one that the custom resources ask for: `i-bp1example`.
pub fn is_instance_id(text: &str) -> bool {
    text.len() <= 64 && text.strip_prefix("i-").is_some_and(is_word)
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn instance(region: &str, id: &str) -> ProviderId {
        ProviderId::Instance { region: Region::new(region), id: InstanceId::new(id) }
    }

    fn read(text: &str) -> ProviderId {
        ProviderId::read(Some(text), &BTreeMap::new())
    }

    #[test]
    fn every_documented_form_is_read_as_documented() {
        let cases = [
            ("cn-hangzhou.i-bp1example0000001", instance("cn-hangzhou", "i-bp1example0000001")),
            ("alicloud://cn-hangzhou.i-bp1example0000001", instance("cn-hangzhou", "i-bp1example0000001")),
            ("ap-southeast-1.i-t4nexample", instance("ap-southeast-1", "i-t4nexample")),
            ("cn-shanghai-finance-1.i-123abc", instance("cn-shanghai-finance-1", "i-123abc")),
            ("ack-hybrid://edge-7", ProviderId::NotEcs(NotEcs::Hybrid)),
            ("ack-hybrid://cn-hangzhou.i-bp1", ProviderId::NotEcs(NotEcs::Hybrid)),
            ("aws:///eu-west-1a/i-0123456789", ProviderId::NotEcs(NotEcs::OtherProvider)),
            ("kind://docker/demo/demo-worker", ProviderId::NotEcs(NotEcs::OtherProvider)),
            ("", ProviderId::Missing),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), expected, "{text}");
        }
        assert_eq!(ProviderId::read(None, &BTreeMap::new()), ProviderId::Missing);
    }

    #[test]
    fn anything_else_is_malformed() {
        for text in [
            "i-bp1example",
            "cn-hangzhou",
            "cn-hangzhou.",
            ".i-bp1",
            "cn-hangzhou.i-",
            "cn-hangzhou.i-BP1",
            "cn-hangzhou.bp1",
            "cn-hangzhou.i-bp1.example",
            "cn.hangzhou.i-bp1",
            "cn-.i-bp1",
            "cn--hangzhou.i-bp1",
            "cn.i-bp1",
            "CN-hangzhou.i-bp1",
            " cn-hangzhou.i-bp1",
            "cn-hangzhou.i-bp1\n",
            "cn-hangzhou.i-bp1/../x",
            "evil@cn-hangzhou.i-bp1",
            "alicloud:///cn-hangzhou.i-bp1",
            "alicloud://alicloud://cn-hangzhou.i-bp1",
            "ALICLOUD:cn-hangzhou.i-bp1",
            "AliCloud://cn-hangzhou.i-bp1",
            "cn-hangzhou\u{ff0e}i-bp1",
        ] {
            assert_eq!(read(text), ProviderId::Malformed, "{text:?}");
        }
        let long = format!("cn-hangzhou.i-{}", "a".repeat(63));
        assert_eq!(read(&long), ProviderId::Malformed);
    }

    #[test]
    fn labels_overrule_the_text() {
        let labels = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        let cases = [
            (labels("type", "virtual-kubelet"), ProviderId::NotEcs(NotEcs::VirtualNode)),
            (labels("alibabacloud.com/lingjun-worker", "true"), ProviderId::NotEcs(NotEcs::Lingjun)),
            (labels("alibabacloud.com/lingjun-worker", ""), ProviderId::NotEcs(NotEcs::Lingjun)),
            (labels("type", "worker"), instance("cn-hangzhou", "i-bp1")),
        ];
        for (labels, expected) in cases {
            assert_eq!(ProviderId::read(Some("cn-hangzhou.i-bp1"), &labels), expected, "{labels:?}");
        }
    }

    proptest! {
        #[test]
        fn what_the_custom_resource_accepts_is_accepted_here(
            region in "[a-z]{2}(-[a-z0-9]{1,9}){1,4}", id in "i-[a-z0-9]{1,62}", scheme in "(alicloud://)?"
        ) {
            prop_assert_eq!(read(&format!("{scheme}{region}.{id}")), instance(&region, &id));
        }

        /// Judged by what is left when the shape is taken apart, not by the code above.
        #[test]
        fn i43_only_exact_shapes_come_out(text in "(alicloud://)?[a-zA-Z0-9.:/@ -]{0,40}|\\PC{0,40}|cn-[a-z-]{1,9}[.]i-[a-z0-9.-]{0,9}") {
            if let ProviderId::Instance { region, id } = read(&text) {
                let bare = text.strip_prefix("alicloud://").unwrap_or(&text);
                prop_assert_eq!(format!("{region}.{id}"), bare);
                let plain = |c: char| matches!(c, 'a'..='z' | '0'..='9');
                prop_assert!(region.as_str().chars().all(|c| plain(c) || c == '-'));
                prop_assert!(!region.as_str().contains("--") && !region.as_str().ends_with('-'));
                prop_assert!(id.as_str()[2..].chars().all(plain) && id.as_str().len() > 2);
                prop_assert_eq!(&id.as_str()[..2], "i-");
            }
        }
    }
}
