//! The answer of DescribeNetworkInterfaces.

use serde_json::{Value, json};

use super::interface_answer::whole;
use super::odd::{distort, text};
use super::page::Page;
use crate::faults::OddField;
use crate::state::NetworkInterface;

/// One page of network interfaces, and whose they are.
#[derive(Debug)]
pub(crate) struct InterfacePage {
    page: Page<NetworkInterface>,
    owner: String,
}

impl InterfacePage {
    pub(super) fn new(page: Page<NetworkInterface>, owner: String) -> Self {
        Self { page, owner }
    }

    pub(super) fn render(&self, request_id: &str, odd: &[OddField]) -> serde_json::Result<Vec<u8>> {
        let mut items: Vec<Value> =
            self.page.items.iter().map(|interface| whole(interface, &self.owner).into()).collect();
        for item in &mut items {
            let (id, instance) = (text(item, "NetworkInterfaceId"), text(item, "InstanceId"));
            let meant = |odd: &&OddField| odd.target.is_interface(&id) && odd.target.is_instance(&instance);
            for field in odd.iter().filter(meant) {
                distort(item, field);
            }
        }
        serde_json::to_vec(&json!({
            "RequestId": request_id,
            "NextToken": self.page.next_token,
            "TotalCount": self.page.total,
            "PageNumber": self.page.number,
            "PageSize": self.page.size,
            "NetworkInterfaceSets": { "NetworkInterfaceSet": items },
        }))
    }
}
