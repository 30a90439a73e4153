//! RunInstances and CreateInstance, as far as release protection and its neighbours go.

use serde_json::json;

use super::auto_release::{self, refuse_subscription};
use super::create_network_interface::refuse_quota;
use super::new_interfaces::NewInterfaces;
use super::tags::{self, TAGS_PER_RESOURCE};
use super::{Body, Call, Done, once};
use crate::state::{ChargeType, Effect, Seed, SpotStrategy, Status, World};
use crate::wire::Refusal;

/// Checks a request and turns it into what is to be made.
fn parse(call: &Call<'_>) -> Result<Seed, Refusal> {
    let params = call.params;
    let region = call.region()?;
    let given = |name: &str| params.get(name).map(str::to_owned);

    let template = params.get("LaunchTemplateId").or(params.get("LaunchTemplateName")).is_some();
    if !template {
        if params.get("ImageFamily").is_none() {
            params.required("ImageId")?;
        }
        params.required("InstanceType")?;
    }
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
    let subscription = charge_type == ChargeType::PrePaid;
    let protected = params.flag("DeletionProtection")?;
    if protected && (subscription || spot_strategy != SpotStrategy::NoSpot) {
        return Err(Refusal::new(
            403,
            "InvalidChargeType.ValueNotSupported",
            "DeletionProtection is for pay-as-you-go instances: subscription and spot instances have none.",
        ));
    }
    if subscription {
        if spot_strategy != SpotStrategy::NoSpot {
            return Err(Refusal::new(400, "InvalidSpotPrepaid", "A spot instance can't be a subscription."));
        }
        params.required("Period")?;
    }
    let auto_release_time = auto_release::parse(call)?;
    if subscription && auto_release_time.is_some() {
        return Err(refuse_subscription());
    }
    let wanted_tags = params.tags()?;
    if wanted_tags.len() > TAGS_PER_RESOURCE {
        return Err(Refusal::new(400, "InvalidTagCount", "At most 20 tags."));
    }
    tags::check(&wanted_tags)?;

    Ok(Seed {
        instance_name: given("InstanceName"),
        region_id: Some(region),
        zone_id: given("ZoneId"),
        resource_group_id: given("ResourceGroupId"),
        instance_type: given("InstanceType"),
        status: Some(Status::Pending),
        instance_charge_type: Some(charge_type),
        spot_strategy: Some(spot_strategy),
        deletion_protection: protected,
        auto_release_time,
        tags: wanted_tags.into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())).collect(),
        v_switch_id: given("VSwitchId"),
        security_group_ids: given("SecurityGroupId")
            .into_iter()
            .chain(params.list("SecurityGroupIds").into_iter().map(str::to_owned))
            .collect(),
        ..Seed::default()
    })
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

fn make(
    world: &mut World,
    call: &Call<'_>,
    mut seed: Seed,
    amount: i64,
    running: bool,
) -> Result<Vec<String>, Refusal> {
    let account = &call.caller.account;
    let interfaces = NewInterfaces::parse(world, call, &mut seed)?;
    place(world, call, &mut seed)?;
    let count = usize::try_from(amount).unwrap_or_default();
    let mut instances = Vec::with_capacity(count);
    for _ in 0..count {
        let instance = world.instance(&seed);
        let made = interfaces.make(world, account, &instance)?;
        instances.push((instance, made));
    }
    for (instance, _) in &instances {
        interfaces.refuse(world, call, (&instance.zone_id, &instance.vpc_id, amount))?;
        refuse_quota(world, account, &instance.region_id, count * interfaces.made_per_instance())?;
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
        world.boots(account, &id, running);
    }
    Ok(ids)
}

/// One or many instances, which start by themselves.
pub(crate) fn run_instances(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let seed = parse(call)?;
    let amount = call.params.integer("Amount")?.unwrap_or(1);
    if !(1..=100).contains(&amount) {
        return Err(Refusal::new(400, "InvalidAmount", "Amount must be 1 to 100."));
    }
    once(world, call, "RunInstances", |world| {
        let ids = make(world, call, seed, amount, true)?;
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
    let seed = parse(call)?;
    once(world, call, "CreateInstance", |world| {
        let ids = make(world, call, seed, 1, false)?;
        Ok(Done {
            body: Body::Value(json!({ "InstanceId": ids.first(), "OrderId": "", "TradePrice": 0.0 })),
            mutated: call.effect != Effect::Ignored,
        })
    })
}
