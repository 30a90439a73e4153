//! The answer of DescribeScalingInstances. Its list is flat: unlike the lists of ECS, it has no wrapper.

use serde_json::{Value, json};

use super::odd::{distort, text};
use super::page::Page;
use crate::clock::{to_the_minute, to_the_second};
use crate::faults::OddField;
use crate::state::ScalingMember;

/// One page of members.
#[derive(Debug)]
pub(crate) struct ScalingPage {
    page: Page<ScalingMember>,
    spot: usize,
}

impl ScalingPage {
    pub(super) fn new(page: Page<ScalingMember>, spot: usize) -> Self {
        Self { page, spot }
    }

    pub(super) fn render(&self, request_id: &str, odd: &[OddField]) -> serde_json::Result<Vec<u8>> {
        let mut items: Vec<Value> = self.page.items.iter().map(|member| item(member)).collect();
        for item in &mut items {
            let id = text(item, "InstanceId");
            let meant =
                |odd: &&OddField| odd.target.network_interface_id.is_none() && odd.target.is_instance(&id);
            for field in odd.iter().filter(meant) {
                distort(item, field);
            }
        }
        serde_json::to_vec(&json!({
            "RequestId": request_id,
            "TotalCount": self.page.total,
            "TotalSpotCount": self.spot,
            "PageNumber": self.page.number,
            "PageSize": self.page.size,
            "ScalingInstances": items,
        }))
    }
}

fn item(member: &ScalingMember) -> Value {
    json!({
        "InstanceId": member.instance_id,
        "ScalingGroupId": member.scaling_group_id,
        "ZoneId": member.zone_id,
        "PrivateIpAddress": member.private_ip_address,
        "LifecycleState": member.lifecycle_state.as_str(),
        "CreationType": member.creation_type.as_str(),
        "Entrusted": member.entrusted,
        "HealthStatus": member.health_status.as_str(),
        "SpotStrategy": member.spot_strategy.as_str(),
        "WarmupState": "NoNeedWarmup",
        "LoadBalancerWeight": 50,
        "CreationTime": to_the_minute(member.created_time),
        "CreatedTime": to_the_second(member.created_time),
    })
}
