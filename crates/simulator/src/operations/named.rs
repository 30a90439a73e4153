//! What a call names, for faults that apply to one thing.

use std::collections::BTreeSet;

use crate::wire::Params;

/// The instances that a call names, for faults that apply to one of them.
pub(crate) fn named_instances(params: &Params) -> BTreeSet<String> {
    let mut ids: BTreeSet<String> = params.list("InstanceId").into_iter().map(str::to_owned).collect();
    ids.extend(params.list("ResourceId").into_iter().map(str::to_owned));
    ids.extend(params.get("InstanceId").map(str::to_owned));
    if let Some(Ok(listed)) = params.get("InstanceIds").map(serde_json::from_str::<Vec<String>>) {
        ids.extend(listed);
    }
    ids
}

/// The network interfaces that a call names, for faults that apply to one of them.
pub(crate) fn named_interfaces(params: &Params) -> BTreeSet<String> {
    let mut ids: BTreeSet<String> =
        params.list("NetworkInterfaceId").into_iter().map(str::to_owned).collect();
    ids.extend(params.list("ResourceId").into_iter().map(str::to_owned));
    ids.extend(params.get("NetworkInterfaceId").map(str::to_owned));
    let of_new_instance = params.objects("NetworkInterface");
    ids.extend(
        of_new_instance
            .values()
            .filter_map(|members| members.get("NetworkInterfaceId"))
            .map(|id| (*id).to_owned()),
    );
    ids
}
