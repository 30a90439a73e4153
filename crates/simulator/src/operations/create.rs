//! RunInstances and CreateInstance, as far as release protection and its neighbours go.

use jiff::SignedDuration;
use serde_json::json;

use super::auto_release::{self, refuse_subscription};
use super::call::{Body, Call, Done, once};
use super::create_network_interface::{groups, refuse_quota};
use super::honours::Honours;
use super::new_interfaces::NewInterfaces;
use super::subscription::{self, Periods};
use super::tags::{self, TAGS_PER_RESOURCE};
use super::texts::{self, Naming};
use crate::state::{ChargeType, Effect, Instance, Seed, SpotStrategy, Status, World};
use crate::wire::{Params, Refusal};

/// What the simulator's instances are in any case.
const AS_IT_IS: &[(&str, &[&str])] = &[
    ("Affinity", &["default"]),
    ("AutoRenew", &["false"]),
    ("HttpEndpoint", &["enabled"]),
    ("HttpTokens", &["optional"]),
    ("InternetChargeType", &["PayByTraffic"]),
    ("InternetMaxBandwidthOut", &["0"]),
    ("IoOptimized", &["optimized"]),
    ("PasswordInherit", &["false"]),
    ("SpotDuration", &["0"]),
    ("SpotInterruptionBehavior", &["Terminate"]),
    ("Tenancy", &["default"]),
];

pub(super) const RUN: Honours = Honours {
    any: &[
        "Amount",
        "AutoReleaseTime",
        "ClientToken",
        "CreditSpecification",
        "DeletionProtection",
        "Description",
        "DryRun",
        "HostName",
        "HostNames.N",
        "ImageId",
        "InstanceChargeType",
        "InstanceName",
        "InstanceType",
        "Ipv6Address.N",
        "Ipv6AddressCount",
        "NetworkInterface.N.DeleteOnRelease",
        "NetworkInterface.N.Description",
        "NetworkInterface.N.InstanceType",
        "NetworkInterface.N.Ipv6Address.N",
        "NetworkInterface.N.Ipv6AddressCount",
        "NetworkInterface.N.NetworkInterfaceId",
        "NetworkInterface.N.NetworkInterfaceName",
        "NetworkInterface.N.NetworkInterfaceTrafficMode",
        "NetworkInterface.N.PrimaryIpAddress",
        "NetworkInterface.N.QueueNumber",
        "NetworkInterface.N.SecondaryPrivateIpAddressCount",
        "NetworkInterface.N.SecurityGroupId",
        "NetworkInterface.N.SecurityGroupIds.N",
        "NetworkInterface.N.SourceDestCheck",
        "NetworkInterface.N.VSwitchId",
        "NetworkInterfaceQueueNumber",
        "Password",
        "Period",
        "PeriodUnit",
        "PrivateIpAddress",
        "RegionId",
        "ResourceGroupId",
        "SecurityGroupId",
        "SecurityGroupIds.N",
        "SpotPriceLimit",
        "SpotStrategy",
        "Tag.N.Key",
        "Tag.N.Value",
        "UniqueSuffix",
        "VSwitchId",
        "ZoneId",
    ],
    only: AS_IT_IS,
};

pub(super) const CREATE: Honours = Honours {
    any: &[
        "ClientToken",
        "CreditSpecification",
        "DeletionProtection",
        "Description",
        "DryRun",
        "HostName",
        "ImageId",
        "InstanceChargeType",
        "InstanceName",
        "InstanceType",
        "Password",
        "Period",
        "PeriodUnit",
        "PrivateIpAddress",
        "RegionId",
        "ResourceGroupId",
        "SecurityGroupId",
        "SpotPriceLimit",
        "SpotStrategy",
        "Tag.N.Key",
        "Tag.N.Value",
        "VSwitchId",
        "ZoneId",
    ],
    only: AS_IT_IS,
};

/// What an operation asks of its parameters that the other doesn't.
struct Manner {
    naming: Naming,
    periods: Periods,
    /// Whether the instance starts by itself and tags its primary interface.
    runs: bool,
}

/// What is to be made, as often as it is to be made.
struct Order {
    seed: Seed,
    amount: usize,
    period: Option<SignedDuration>,
    host_names: Vec<String>,
    unique_suffix: bool,
    description: Option<String>,
    image_id: String,
    credit_specification: Option<String>,
    spot_price_limit: Option<f64>,
    runs: bool,
}

/// The place that the instance's id takes in a host name.
const ID_IN_HOST_NAME: &str = "${instance_id}";

impl Order {
    /// Checks a request and turns it into what is to be made.
    fn parse(call: &Call<'_>, manner: &Manner) -> Result<Self, Refusal> {
        let params = call.params;
        let region = call.region()?;
        let given = |name: &str| params.get(name).map(str::to_owned);
        let amount = params.integer("Amount")?.unwrap_or(1);
        let amount = usize::try_from(amount).ok().filter(|amount| (1..=100).contains(amount));
        let amount = amount.ok_or_else(|| Refusal::new(400, "InvalidAmount", "Amount must be 1 to 100."))?;
        let image_id = params.required("ImageId")?.to_owned();
        params.required("InstanceType")?;
        texts::check_password(params)?;

        let (charge_type, spot_strategy) = payment(params)?;
        let subscription = charge_type == ChargeType::PrePaid;
        let auto_release_time = auto_release::parse(call)?;
        if subscription && auto_release_time.is_some() {
            return Err(refuse_subscription());
        }
        let wanted_tags = params.tags()?;
        if wanted_tags.len() > TAGS_PER_RESOURCE {
            return Err(Refusal::new(400, "InvalidTagCount", "At most 20 tags."));
        }
        tags::check(&wanted_tags)?;
        Ok(Self {
            amount,
            period: subscription::parse(params, subscription, manner.periods)?,
            host_names: host_names(params, amount)?,
            unique_suffix: params.flag("UniqueSuffix")?,
            description: texts::description(params, 256)?,
            image_id,
            credit_specification: texts::credit_specification(params)?,
            spot_price_limit: spot_price_limit(params, spot_strategy)?,
            runs: manner.runs,
            seed: Seed {
                instance_name: texts::name(params, "InstanceName", manner.naming)?,
                region_id: Some(region),
                zone_id: given("ZoneId"),
                resource_group_id: given("ResourceGroupId"),
                instance_type: given("InstanceType"),
                status: Some(Status::Pending),
                instance_charge_type: Some(charge_type),
                spot_strategy: Some(spot_strategy),
                deletion_protection: params.flag("DeletionProtection")?,
                auto_release_time,
                tags: wanted_tags.into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())).collect(),
                v_switch_id: given("VSwitchId"),
                security_group_ids: groups(params.get("SecurityGroupId"), params.list("SecurityGroupIds"))?,
                ..Seed::default()
            },
        })
    }

    /// The instance with this number among those that are made together.
    fn instance(&self, world: &mut World, number: usize) -> Instance {
        let mut instance = world.instance(&self.seed);
        let suffix =
            if self.unique_suffix && self.amount > 1 { format!("{:03}", number + 1) } else { String::new() };
        if let Some(name) = &self.seed.instance_name {
            instance.instance_name = format!("{name}{suffix}");
        }
        match self.host_names.as_slice() {
            [] => {}
            [one] => {
                let name = one.replace(ID_IN_HOST_NAME, &instance.instance_id);
                instance.host_name = format!("{name}{suffix}");
            }
            names => {
                if let Some(name) = names.get(number) {
                    instance.host_name.clone_from(name);
                }
            }
        }
        if let Some(period) = self.period {
            instance.expired_time = instance.creation_time.checked_add(period).ok();
        }
        instance.image_id.clone_from(&self.image_id);
        instance.description.clone_from(self.description.as_ref().unwrap_or(&String::new()));
        instance
            .credit_specification
            .clone_from(self.credit_specification.as_ref().unwrap_or(&String::new()));
        instance.spot_price_limit = self.spot_price_limit.unwrap_or_default();
        instance
    }
}

/// InstanceChargeType and SpotStrategy, and whether such an instance can be protected.
fn payment(params: &Params) -> Result<(ChargeType, SpotStrategy), Refusal> {
    let word = |name: &'static str, code: &'static str| {
        Refusal::new(400, code, format!("The value of the parameter {name} is not one of the vendor's."))
    };
    let charge_type = match params.get("InstanceChargeType") {
        None => ChargeType::PostPaid,
        Some(text) => ChargeType::parse(text)
            .ok_or_else(|| word("InstanceChargeType", "InvalidInstanceChargeType.ValueNotSupported"))?,
    };
    let spot_strategy = match params.get("SpotStrategy") {
        None => SpotStrategy::NoSpot,
        Some(text) => SpotStrategy::parse(text).ok_or_else(|| word("SpotStrategy", "InvalidSpotStrategy"))?,
    };
    let spot = spot_strategy != SpotStrategy::NoSpot;
    let subscription = charge_type == ChargeType::PrePaid;
    if params.flag("DeletionProtection")? && (subscription || spot) {
        return Err(Refusal::new(
            403,
            "InvalidChargeType.ValueNotSupported",
            "DeletionProtection is for pay-as-you-go instances: subscription and spot instances have none.",
        ));
    }
    if subscription && spot {
        return Err(Refusal::new(400, "InvalidSpotPrepaid", "A spot instance can't be a subscription."));
    }
    Ok((charge_type, spot_strategy))
}

/// A price is valid only with the strategy that has one.
fn spot_price_limit(params: &Params, strategy: SpotStrategy) -> Result<Option<f64>, Refusal> {
    let Some(text) = params.get("SpotPriceLimit") else { return Ok(None) };
    let price =
        text.parse().ok().filter(|price: &f64| *price > 0.0 && strategy == SpotStrategy::SpotWithPriceLimit);
    price.map(Some).ok_or_else(|| Refusal::invalid("SpotPriceLimit"))
}

/// One host name for all, or one for each.
fn host_names(params: &Params, amount: usize) -> Result<Vec<String>, Refusal> {
    let each: Vec<String> = params.list("HostNames").into_iter().map(str::to_owned).collect();
    let one = params.get("HostName");
    if one.is_some() && !each.is_empty() {
        return Err(Refusal::new(
            400,
            "InvalidParameter.Conflict",
            "Give HostName or HostNames.N, not both.",
        ));
    }
    if each.iter().any(|name| !texts::is_host_name(name)) || (!each.is_empty() && each.len() != amount) {
        return Err(Refusal::invalid("HostNames"));
    }
    if one.is_some_and(|name| !texts::is_host_name(&name.replace(ID_IN_HOST_NAME, "i-id"))) {
        return Err(Refusal::invalid("HostName"));
    }
    Ok(one.map(str::to_owned).into_iter().chain(each).collect())
}

/// Gives an instance the place of its vSwitch. A vSwitch that nothing was ever in is taken as it is said.
fn place(world: &World, call: &Call<'_>, seed: &mut Seed) -> Result<(), Refusal> {
    let state = world.accounts.get(&call.caller.account);
    let v_switch = state.zip(seed.v_switch_id.as_ref()).and_then(|(state, id)| state.v_switches.get(id));
    if let Some(v_switch) = v_switch {
        if seed.zone_id.as_ref().is_some_and(|zone| *zone != v_switch.zone) {
            return Err(Refusal::new(
                404,
                "InvalidVSwitchId.NotFound",
                "ZoneId must be the zone of the vSwitch, or not given.",
            ));
        }
        seed.zone_id = Some(v_switch.zone.clone());
        seed.vpc_id = Some(v_switch.vpc.clone());
    }
    Ok(())
}

fn make(world: &mut World, call: &Call<'_>, mut order: Order) -> Result<Vec<String>, Refusal> {
    let account = &call.caller.account;
    let mut interfaces = NewInterfaces::parse(world, call, &mut order.seed)?;
    if order.runs {
        interfaces.tag_primary(&order.seed);
    }
    interfaces.refuse_amount(order.amount)?;
    place(world, call, &mut order.seed)?;
    let mut instances = Vec::with_capacity(order.amount);
    for number in 0..order.amount {
        let instance = order.instance(world, number);
        let made = interfaces.make(world, account, (&instance, number))?;
        instances.push((instance, made));
    }
    for (instance, _) in &instances {
        interfaces.refuse(world, call, (&instance.zone_id, &instance.vpc_id))?;
        refuse_quota(world, account, &instance.region_id, order.amount * interfaces.made_per_instance())?;
    }
    if call.params.flag("DryRun")? {
        return Err(Refusal::new(400, "DryRunOperation", "The request would have passed."));
    }
    let ids = instances.iter().map(|(instance, _)| instance.instance_id.clone()).collect();
    if call.effect == Effect::Ignored {
        return Ok(ids);
    }
    for (instance, made) in instances {
        let id = world.insert(account, instance, made, call.effect);
        interfaces.take(world, account, &id, call.effect);
        world.boots(account, &id, order.runs);
    }
    Ok(ids)
}

/// One or many instances, which start by themselves.
pub(crate) fn run_instances(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let order = Order::parse(call, &Manner { naming: Naming::FREE, periods: Periods::RUN, runs: true })?;
    once(world, call, "RunInstances", |world| {
        let ids = make(world, call, order)?;
        Ok(Done {
            body: Body::Value(
                json!({ "InstanceIdSets": { "InstanceIdSet": ids }, "OrderId": "", "TradePrice": 0.0 }),
            ),
            mutated: call.effect != Effect::Ignored,
        })
    })
}

/// One instance, which stays stopped.
pub(crate) fn create_instance(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let order =
        Order::parse(call, &Manner { naming: Naming::STRICT, periods: Periods::CREATE, runs: false })?;
    once(world, call, "CreateInstance", |world| {
        let ids = make(world, call, order)?;
        Ok(Done {
            body: Body::Value(json!({ "InstanceId": ids.first(), "OrderId": "", "TradePrice": 0.0 })),
            mutated: call.effect != Effect::Ignored,
        })
    })
}
