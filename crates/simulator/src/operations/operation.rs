//! Which operations there are, and what carries each of them out.

use std::collections::BTreeSet;

use super::authorization::Needs;
use super::call::{Call, Done};
use super::honours::Honours;
use super::named::named_instances;
use super::{
    assume_role, attach, auto_release, create, create_network_interface, describe_instances,
    describe_network_interfaces, describe_regions, describe_scaling_groups, describe_scaling_instances,
    identity, list_tags, lookup_events, modify_instance_attribute, modify_network_interface, release,
    scaling_groups, scaling_members, set_instances_protection, tags,
};
use crate::ram::Decision;
use crate::state::World;
use crate::wire::{AccessDenied, Params, Refusal};

const ECS: &str = "2014-05-26";
const ESS: &str = "2022-02-22";
const STS: &str = "2015-04-01";
const ACTIONTRAIL: &str = "2020-07-06";

type Run = fn(&mut World, &Call<'_>) -> Result<Done, Refusal>;

/// An operation that the simulated cloud has.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// Whether it may change the state.
    pub(crate) writes: bool,
    /// Whether nobody has to sign it.
    pub(crate) anonymous: bool,
    /// What RAM has to allow.
    pub(super) needs: Needs,
    run: Run,
    pub(super) honours: Honours,
}

pub(super) const OPERATIONS: &[Operation] = &[
    read("DescribeInstances", Needs::Instances, describe_instances::run, describe_instances::HONOURS),
    read(
        "DescribeNetworkInterfaces",
        Needs::Interfaces,
        describe_network_interfaces::list,
        describe_network_interfaces::LIST,
    ),
    read(
        "DescribeNetworkInterfaceAttribute",
        Needs::Interfaces,
        describe_network_interfaces::one,
        describe_network_interfaces::ONE,
    ),
    read("ListTagResources", Needs::AllResources, list_tags::run, list_tags::HONOURS),
    read("DescribeRegions", Needs::AllResources, describe_regions::run, describe_regions::HONOURS),
    sts("GetCallerIdentity", Needs::Nothing, identity::run, Honours::any(&[])),
    sts("AssumeRole", Needs::Role, assume_role::assume, assume_role::ASSUME),
    Operation {
        anonymous: true,
        ..sts(
            "AssumeRoleWithOIDC",
            Needs::Nothing,
            assume_role::assume_with_oidc,
            assume_role::ASSUME_WITH_OIDC,
        )
    },
    Operation {
        version: ACTIONTRAIL,
        ..read("LookupEvents", Needs::AllResources, lookup_events::run, lookup_events::HONOURS)
    },
    write(
        "ModifyInstanceAttribute",
        Needs::InstancesAndGroups,
        modify_instance_attribute::run,
        modify_instance_attribute::HONOURS,
    ),
    write("ModifyInstanceAutoReleaseTime", Needs::Instances, auto_release::run, auto_release::HONOURS),
    write("RunInstances", Needs::AllResources, create::run_instances, create::RUN),
    write("CreateInstance", Needs::AllResources, create::create_instance, create::CREATE),
    write("DeleteInstance", Needs::Instances, release::delete_instance, release::ONE),
    write("DeleteInstances", Needs::Instances, release::delete_instances, release::MANY),
    write(
        "ModifyNetworkInterfaceAttribute",
        Needs::InterfacesAndAllGroups,
        modify_network_interface::run,
        modify_network_interface::HONOURS,
    ),
    write("AttachNetworkInterface", Needs::InterfacesAndInstances, attach::attach, attach::ATTACH),
    write("DetachNetworkInterface", Needs::InterfacesAndInstances, attach::detach, attach::DETACH),
    write(
        "CreateNetworkInterface",
        Needs::NewInterface,
        create_network_interface::create,
        create_network_interface::CREATE,
    ),
    write(
        "DeleteNetworkInterface",
        Needs::Interfaces,
        create_network_interface::delete,
        create_network_interface::DELETE,
    ),
    write("TagResources", Needs::Tagged, tags::tag, tags::TAG),
    write("UntagResources", Needs::Tagged, tags::untag, tags::UNTAG),
    scaling_read(
        "DescribeScalingInstances",
        describe_scaling_instances::run,
        describe_scaling_instances::HONOURS,
    ),
    scaling_read("DescribeScalingGroups", describe_scaling_groups::run, describe_scaling_groups::HONOURS),
    scaling_write("SetInstancesProtection", set_instances_protection::run, set_instances_protection::HONOURS),
    scaling_write("AttachInstances", scaling_members::attach, scaling_members::ATTACH),
    scaling_write("DetachInstances", scaling_members::detach, scaling_members::DETACH),
    scaling_write("RemoveInstances", scaling_members::remove, scaling_members::REMOVE),
    scaling_write("EnterStandby", scaling_members::enter_standby, scaling_members::ENTER_STANDBY),
    scaling_write("ExitStandby", scaling_members::exit_standby, scaling_members::EXIT_STANDBY),
    scaling_write("SetInstanceHealth", scaling_members::set_health, scaling_members::HEALTH),
    scaling_write("CreateScalingGroup", scaling_groups::create, scaling_groups::CREATE),
    scaling_write("ModifyScalingGroup", scaling_groups::modify, scaling_groups::MODIFY),
    scaling_write("EnableScalingGroup", scaling_groups::enable, scaling_groups::ENABLE),
    scaling_write("DisableScalingGroup", scaling_groups::disable, scaling_groups::DISABLE),
    scaling_write("DeleteScalingGroup", scaling_groups::delete, scaling_groups::DELETE),
];

const fn read(name: &'static str, needs: Needs, run: Run, honours: Honours) -> Operation {
    Operation { name, version: ECS, writes: false, anonymous: false, needs, run, honours }
}

const fn sts(name: &'static str, needs: Needs, run: Run, honours: Honours) -> Operation {
    Operation { version: STS, ..read(name, needs, run, honours) }
}

const fn write(name: &'static str, needs: Needs, run: Run, honours: Honours) -> Operation {
    Operation { writes: true, ..read(name, needs, run, honours) }
}

const fn scaling_read(name: &'static str, run: Run, honours: Honours) -> Operation {
    Operation { version: ESS, ..read(name, Needs::AllResources, run, honours) }
}

const fn scaling_write(name: &'static str, run: Run, honours: Honours) -> Operation {
    Operation { version: ESS, ..write(name, Needs::ScalingGroup, run, honours) }
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
        match self.version {
            STS => "Sts",
            ESS => "Ess",
            ACTIONTRAIL => "Actiontrail",
            _ => "Ecs",
        }
    }

    /// The instances that a call names, for faults that apply to one of them. A list that an operation doesn't have names
    /// nothing.
    pub(crate) fn instances_of(&self, params: &Params) -> BTreeSet<String> {
        let mut ids = named_instances(params);
        if self.version == ESS {
            ids.extend(params.list("InstanceIds").into_iter().map(str::to_owned));
        }
        ids
    }

    /// Whether it makes somebody a role.
    pub(crate) fn assumes_role(&self) -> bool {
        matches!(self.name, "AssumeRole" | "AssumeRoleWithOIDC")
    }

    /// The name of the action in policies.
    pub(crate) fn action(&self) -> String {
        format!("{}:{}", self.product().to_ascii_lowercase(), self.name)
    }

    /// What RAM says of a call of this operation.
    pub(crate) fn authorize(&self, world: &World, call: &Call<'_>) -> Decision {
        self.needs.decide(&self.action(), world, call)
    }

    /// The refusal of a caller without the permission.
    pub(crate) fn forbid(&self, denied: &AccessDenied<'_>) -> Refusal {
        let text = "This identity is not allowed to do that: RAM has to allow it.";
        match self.name {
            "AssumeRole" => Refusal::new(403, "NoPermission", text).because(denied),
            "AssumeRoleWithOIDC" => {
                Refusal::new(401, "AuthenticationFail.NoPermission", text).because(denied)
            }
            // The code that the page of SetInstancesProtection lists.
            _ if self.version == ESS => Refusal::new(403, "Forbidden.Unauthorized", text).because(denied),
            // Which code it is no page says.
            "LookupEvents" => Refusal::new(403, "NoPermission", text).because(denied),
            _ => Refusal::forbidden(denied),
        }
    }

    pub(crate) fn run(&self, world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
        let params = &self.honours.select(self.name, call.params)?;
        (self.run)(world, &Call { params, ..*call })
    }
}
