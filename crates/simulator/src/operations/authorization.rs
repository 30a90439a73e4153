//! Whether RAM allows a call: the actions are the operations' names, the resources those of the vendor's page "RAM
//! authorization" of ECS and of the pages of STS and of SetInstancesProtection.

use super::call::Call;
use super::named::{named_instances, named_interfaces};
use crate::keys::{Caller, Principal};
use crate::ram::{Access, Context, Decision, Policy};
use crate::state::{World, scaling};

/// The resources that a caller needs the permission for. Each of them has to be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// No permission.
    Nothing,
    /// The permission for `*`. Pages without a resource are read so, too.
    AllResources,
    /// The instances that are named, or `instance/*` where none is.
    Instances,
    /// The interfaces that are named, or `eni/*` where none is.
    Interfaces,
    /// The interfaces and the instances that are named.
    InterfacesAndInstances,
    /// The instances, and security groups that are named: the page has them as optional.
    InstancesAndGroups,
    /// The interfaces, and security groups. The page has both as required, and so do we, although a call that sets
    /// DeleteOnRelease names no group: `securitygroup/*` then.
    InterfacesAndAllGroups,
    /// `eni/*`, the security groups, and the vSwitch.
    NewInterface,
    /// The resources with tags, of whichever type.
    Tagged,
    /// The scaling group that is named, or `scalinggroup/*` where none is.
    ScalingGroup,
    /// The role that is to be assumed.
    Role,
}

/// A resource, and what conditions may ask of it.
struct Resource {
    arn: String,
    context: Context,
}

impl Needs {
    /// What RAM says of a call of an action.
    pub(super) fn decide(self, action: &str, world: &World, call: &Call<'_>) -> Decision {
        let decide = |resource: &Resource| {
            let access = Access { action, resource: &resource.arn, context: &resource.context };
            permission(world, call.caller, &access)
        };
        self.resources(world, call).iter().map(decide).fold(Decision::Allowed, Decision::and)
    }

    fn resources(self, world: &World, call: &Call<'_>) -> Vec<Resource> {
        let region = call.params.get("RegionId").or(call.endpoint_region);
        let account = &call.caller.account;
        let arn = |service: &str, region: Option<&str>, name: &str, id: &str| {
            format!("acs:{service}:{}:{account}:{name}/{id}", region.unwrap_or("*"))
        };
        let plain = |arn: String| Resource { arn, context: context(call) };
        let all_unless = |mut ids: Vec<String>| {
            if ids.is_empty() {
                ids.push("*".to_owned());
            }
            ids
        };
        let instance = |id: String| {
            let found = world.find(account, &id);
            // A RegionId that the operation doesn't have, or that is wrong, makes it no instance of that region.
            let region = found.map(|instance| instance.region_id.as_str()).or(region);
            let tags = found.into_iter().flat_map(|instance| &instance.tags);
            let context = tags.fold(context(call), |context, (key, value)| {
                context
                    .with(format!("acs:ResourceTag/{key}"), [value.clone()])
                    .with(format!("ecs:tag/{key}"), [value.clone()])
            });
            // The page names tags as a condition of this operation, and of no other that is served here.
            let has_tags = self == Self::InstancesAndGroups;
            let arn = arn("ecs", region, "instance", &id);
            if has_tags { Resource { arn, context } } else { plain(arn) }
        };
        let interface = |id: String| {
            let found = world.find_interface(account, &id);
            let region = found.map(|interface| interface.region_id.as_str()).or(region);
            plain(arn("ecs", region, "eni", &id))
        };
        let group = |id: String| plain(arn("ecs", region, "securitygroup", &id));
        let instances = || all_unless(named_instances(call.params).into_iter().collect());
        let interfaces = || all_unless(named_interfaces(call.params).into_iter().collect());
        let groups = || {
            let listed = ["SecurityGroupId", "SecurityGroupIds"].map(|name| call.params.list(name));
            let one = call.params.get("SecurityGroupId");
            listed.into_iter().flatten().chain(one).map(str::to_owned).collect::<Vec<_>>()
        };
        match self {
            Self::Nothing => Vec::new(),
            Self::AllResources => vec![plain("*".to_owned())],
            Self::Instances => instances().into_iter().map(instance).collect(),
            Self::Interfaces => interfaces().into_iter().map(interface).collect(),
            Self::InterfacesAndInstances => {
                let instances = instances().into_iter().map(instance);
                interfaces().into_iter().map(interface).chain(instances).collect()
            }
            Self::InstancesAndGroups => {
                instances().into_iter().map(instance).chain(groups().into_iter().map(group)).collect()
            }
            Self::InterfacesAndAllGroups => {
                let groups = all_unless(groups()).into_iter().map(group);
                interfaces().into_iter().map(interface).chain(groups).collect()
            }
            Self::NewInterface => {
                let v_switch = call.params.get("VSwitchId").unwrap_or("*");
                let others = [interface("*".to_owned()), plain(arn("vpc", region, "vswitch", v_switch))];
                all_unless(groups()).into_iter().map(group).chain(others).collect()
            }
            Self::ScalingGroup => {
                let id = call.params.get("ScalingGroupId").unwrap_or("*");
                let found = scaling::group(world, account, id);
                let region = found.map(|group| group.region_id.as_str()).or(region);
                vec![plain(arn("ess", region, "scalinggroup", id))]
            }
            Self::Role => vec![plain(call.params.get("RoleArn").unwrap_or("*").to_owned())],
            Self::Tagged => {
                let ids = all_unless(call.params.list("ResourceId").into_iter().map(str::to_owned).collect());
                match call.params.get("ResourceType") {
                    Some("eni") => ids.into_iter().map(interface).collect(),
                    _ => ids.into_iter().map(instance).collect(),
                }
            }
        }
    }
}

/// What conditions may ask of the call itself.
fn context(call: &Call<'_>) -> Context {
    let customized = call.params.get("Password").is_some();
    Context::default().with("ecs:PasswordCustomized", [customized.to_string()])
}

/// What the policies of a caller say.
fn permission(world: &World, caller: &Caller, access: &Access<'_>) -> Decision {
    match &caller.principal {
        Principal::Root | Principal::Temporary => Decision::Allowed,
        Principal::User(name) => {
            let user = world.accounts.get(&caller.account).and_then(|state| state.users.get(name));
            user.map_or(Decision::Allowed, |user| Policy::decide(&user.policies, access))
        }
        Principal::Session(session) => {
            let roles = world.accounts.get(&caller.account).map(|state| &state.roles);
            let role = roles.and_then(|roles| roles.get(&session.role_name));
            // A role that was removed, or made anew, gives the sessions of the former one no permission.
            let policies = role.filter(|role| role.id == session.role_id).map(|role| &role.seed.policies);
            let of_role = Policy::decide(policies.into_iter().flatten(), access);
            session.policy.as_ref().map_or(of_role, |policy| of_role.and(Policy::decide([policy], access)))
        }
        Principal::Anonymous => Decision::NotAllowed,
    }
}
