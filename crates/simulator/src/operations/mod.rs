//! The operations: one file each, or one for a few that share their rules.

mod attach;
mod auto_release;
mod create;
mod create_network_interface;
mod describe_instances;
mod describe_network_interfaces;
mod identity;
mod interface_answer;
mod list_tags;
mod listing;
mod modify_instance_attribute;
mod modify_network_interface;
mod new_interfaces;
mod odd;
mod parameters;
mod regions;
mod release;
mod subscription;
mod tags;
mod texts;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

pub(crate) use describe_instances::InstancePage;
use describe_network_interfaces::InterfacePage;
pub(crate) use identity::PRINCIPAL;
pub(crate) use release::{Manner, refuse_release};

use parameters::Honours;

use crate::accounts::Caller;
use crate::faults::{OddField, PageFaults};
use crate::regions as region_table;
use crate::state::{Effect, Ending, Instance, LockReason, NetworkInterface, Status, World};
use crate::wire::{Params, Refusal};

const ECS: &str = "2014-05-26";
const STS: &str = "2015-04-01";

type Run = fn(&mut World, &Call<'_>) -> Result<Done, Refusal>;

/// An operation that the simulated cloud has.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// Whether it may change the state.
    pub(crate) writes: bool,
    run: Run,
    honours: Honours,
}

const OPERATIONS: &[Operation] = &[
    read("DescribeInstances", describe_instances::run, describe_instances::HONOURS),
    read("DescribeNetworkInterfaces", describe_network_interfaces::list, describe_network_interfaces::LIST),
    read(
        "DescribeNetworkInterfaceAttribute",
        describe_network_interfaces::one,
        describe_network_interfaces::ONE,
    ),
    read("ListTagResources", list_tags::run, list_tags::HONOURS),
    read("DescribeRegions", regions::run, regions::HONOURS),
    Operation { version: STS, ..read("GetCallerIdentity", identity::run, Honours::any(&[])) },
    write("ModifyInstanceAttribute", modify_instance_attribute::run, modify_instance_attribute::HONOURS),
    write("ModifyInstanceAutoReleaseTime", auto_release::run, auto_release::HONOURS),
    write("RunInstances", create::run_instances, create::RUN),
    write("CreateInstance", create::create_instance, create::CREATE),
    write("DeleteInstance", release::delete_instance, release::ONE),
    write("DeleteInstances", release::delete_instances, release::MANY),
    write(
        "ModifyNetworkInterfaceAttribute",
        modify_network_interface::run,
        modify_network_interface::HONOURS,
    ),
    write("AttachNetworkInterface", attach::attach, attach::ATTACH),
    write("DetachNetworkInterface", attach::detach, attach::DETACH),
    write("CreateNetworkInterface", create_network_interface::create, create_network_interface::CREATE),
    write("DeleteNetworkInterface", create_network_interface::delete, create_network_interface::DELETE),
    write("TagResources", tags::tag, tags::TAG),
    write("UntagResources", tags::untag, tags::UNTAG),
];

const fn read(name: &'static str, run: Run, honours: Honours) -> Operation {
    Operation { name, version: ECS, writes: false, run, honours }
}

const fn write(name: &'static str, run: Run, honours: Honours) -> Operation {
    Operation { name, version: ECS, writes: true, run, honours }
}

impl Operation {
    /// Looks an operation up; the same name in another product version is another operation.
    pub(crate) fn find(name: &str, version: &str) -> Option<&'static Self> {
        OPERATIONS.iter().find(|operation| operation.name == name && operation.version == version)
    }

    /// Looks an operation up by its name alone.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        OPERATIONS.iter().find(|operation| operation.name == name)
    }

    pub(crate) fn product(&self) -> &'static str {
        if self.version == STS { "Sts" } else { "Ecs" }
    }

    pub(crate) fn run(&self, world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
        let params = &self.honours.select(self.name, call.params)?;
        (self.run)(world, &Call { params, ..*call })
    }
}

/// One authenticated call.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) params: &'a Params,
    /// The region whose endpoint was called, when that is known.
    pub(crate) endpoint_region: Option<&'a str>,
    pub(crate) now: Timestamp,
    pub(crate) effect: Effect,
    /// How what the call begins ends.
    pub(crate) ending: Ending,
    pub(crate) page: &'a PageFaults,
}

impl Call<'_> {
    /// The mandatory parameter RegionId.
    fn region(&self) -> Result<String, Refusal> {
        let region = self.params.required("RegionId")?;
        if region_table::find(region).is_none() {
            return Err(Refusal::new(
                404,
                "InvalidRegionId.NotFound",
                format!("There is no region {region}."),
            ));
        }
        if self.endpoint_region.is_some_and(|endpoint| endpoint != region) {
            return Err(Refusal::new(
                400,
                "NotSupportedEndpoint",
                format!("This is not the endpoint of the region {region}."),
            ));
        }
        Ok(region.to_owned())
    }

    /// Whether an instance of this region can be reached through the endpoint that was called. Operations without
    /// RegionId know their region from nothing else.
    fn reaches(&self, region: &str) -> bool {
        self.endpoint_region.is_none_or(|endpoint| endpoint == region)
    }

    /// A ClientToken, checked.
    fn client_token(&self) -> Result<Option<&str>, Refusal> {
        match self.params.get("ClientToken") {
            Some(token) if token.len() > 64 || !token.is_ascii() => Err(Refusal::invalid("ClientToken")),
            token => Ok(token),
        }
    }
}

/// A call that was carried out.
pub(crate) struct Done {
    pub(crate) body: Body,
    pub(crate) mutated: bool,
}

impl Done {
    fn answer(body: Value) -> Self {
        Self { body: Body::Value(body), mutated: false }
    }

    /// The answer of a write, which is its RequestId and nothing else.
    fn write(mutated: bool) -> Self {
        Self { body: Body::Value(Value::Object(Map::new())), mutated }
    }
}

/// The body of an answer, still without its RequestId.
pub(crate) enum Body {
    Value(Value),
    Instances(InstancePage),
    Interfaces(InterfacePage),
}

impl Body {
    /// The bytes of the answer. Called outside the lock, for a page takes longer to write than to find.
    pub(crate) fn render(self, request_id: &str, odd: &[OddField]) -> Vec<u8> {
        let bytes = match self {
            Self::Value(mut value) => {
                if let Value::Object(members) = &mut value {
                    members.insert("RequestId".to_owned(), request_id.into());
                }
                serde_json::to_vec(&value)
            }
            Self::Instances(page) => page.render(request_id, odd),
            Self::Interfaces(page) => page.render(request_id, odd),
        };
        // Nothing in these types can fail to be JSON: no maps with other keys than text.
        bytes.unwrap_or_default()
    }
}

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

fn no_such_interface(id: &str) -> Refusal {
    Refusal::new(404, "InvalidEniId.NotFound", format!("There is no network interface {id} here."))
}

/// A network interface of the region that a call names.
fn interface<'w>(
    world: &'w World,
    call: &Call<'_>,
    region: &str,
    id: &str,
) -> Result<&'w Arc<NetworkInterface>, Refusal> {
    world
        .find_interface(&call.caller.account, id)
        .filter(|interface| interface.region_id == region)
        .ok_or_else(|| no_such_interface(id))
}

/// Refuses what only the product of the cloud that made an interface may do with it.
fn refuse_service_managed(interface: &NetworkInterface) -> Result<(), Refusal> {
    if !interface.service_managed {
        return Ok(());
    }
    Err(Refusal::new(
        403,
        "InvalidOperation.EniServiceManaged",
        format!("{} belongs to a product of the cloud.", interface.network_interface_id),
    ))
}

fn invalid_state(interface: &NetworkInterface) -> Refusal {
    let (id, status) = (&interface.network_interface_id, interface.status.as_str());
    Refusal::new(400, "InvalidOperation.InvalidEniState", format!("{id} is {status}."))
}

/// Refuses an operation on an instance's interface while the instance is on its way somewhere or locked.
fn refuse_unsettled(instance: &Instance) -> Result<(), Refusal> {
    if matches!(instance.status, Status::Running | Status::Stopped)
        && !instance.locked_for(LockReason::Security)
    {
        return Ok(());
    }
    let (id, status) = (&instance.instance_id, instance.status.as_str());
    Err(Refusal::new(
        400,
        "InvalidOperation.InvalidEcsState",
        format!("The instance {id} is {status} or locked."),
    ))
}

/// Runs a write once for each ClientToken: a repetition gets the first answer, and a token that comes back with
/// other parameters is refused.
fn once(
    world: &mut World,
    call: &Call<'_>,
    operation: &'static str,
    run: impl FnOnce(&mut World) -> Result<Done, Refusal>,
) -> Result<Done, Refusal> {
    let Some(token) = call.client_token()? else { return run(world) };
    let key = (operation, token.to_owned());
    let digest = world.digest(call.params.iter().collect::<Vec<_>>());
    let account = &call.caller.account;
    if let Some((former, answer)) =
        world.accounts.get(account).and_then(|state| state.client_tokens.get(&key))
    {
        return if *former == digest {
            Ok(Done::answer(answer.clone()))
        } else {
            Err(Refusal::new(
                403,
                "IdempotentParameterMismatch",
                "This ClientToken was used before with other parameters.",
            ))
        };
    }
    let done = run(world)?;
    if let (Body::Value(answer), Some(state)) = (&done.body, world.accounts.get_mut(account)) {
        state.client_tokens.insert(key, (digest, answer.clone()));
    }
    Ok(done)
}
