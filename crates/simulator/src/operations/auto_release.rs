//! ModifyInstanceAutoReleaseTime, and the rules of automatic release times.

use jiff::{SignedDuration, Timestamp};

use super::call::{Call, Done};
use super::honours::Honours;
use crate::clock::start_of_minute;
use crate::state::{ChargeType, World};
use crate::wire::Refusal;

pub(super) const HONOURS: Honours = Honours::any(&["AutoReleaseTime", "InstanceId", "RegionId"]);

/// Reads the parameter AutoReleaseTime: `yyyy-MM-ddTHH:mm:ssZ`, at least 30 minutes and at most three years ahead;
/// seconds are dropped.
pub(super) fn parse(call: &Call<'_>) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = call.params.get("AutoReleaseTime") else { return Ok(None) };
    let ahead = SignedDuration::from_mins(30)..=SignedDuration::from_hours(24 * 365 * 3);
    let well_formed = text.len() == "2026-01-01T00:00:00Z".len() && text.ends_with('Z');
    text.parse::<Timestamp>()
        .ok()
        .filter(|time| well_formed && ahead.contains(&time.duration_since(call.now)))
        .map(|time| Some(start_of_minute(time)))
        .ok_or_else(|| {
            Refusal::new(
                400,
                "InvalidAutoReleaseTime.Malformed",
                "AutoReleaseTime must look like 2026-01-01T00:00:00Z and be 30 minutes to 3 years ahead.",
            )
        })
}

/// The refusal of an automatic release time for a subscription instance.
pub(super) fn refuse_subscription() -> Refusal {
    Refusal::new(403, "ChargeTypeViolation", "A subscription instance has no automatic release time.")
}

pub(crate) fn run(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let id = call.params.required("InstanceId")?;
    let time = parse(call)?;
    let region = call.params.get("RegionId").map(|_| call.region()).transpose()?;
    let account = &call.caller.account;
    let instance = world
        .find(account, id)
        .filter(|instance| call.reaches(&instance.region_id))
        .filter(|instance| region.as_ref().is_none_or(|region| instance.region_id == *region))
        // This operation's page has a code of its own for an unknown id.
        .ok_or_else(|| Refusal::new(404, "NoSuchResource", format!("There is no instance {id} here.")))?;
    if instance.instance_charge_type == ChargeType::PrePaid {
        return Err(refuse_subscription());
    }
    let changed = world.change(account, id, call.effect, |instance| instance.auto_release_time = time);
    Ok(Done::write(changed))
}
