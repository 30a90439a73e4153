//! One call of an operation, and what came of it.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::instance_page::InstancePage;
use super::interface_page::InterfacePage;
use super::scaling_page::ScalingPage;
use crate::faults::{OddField, PageFaults};
use crate::keys::Caller;
use crate::regions;
use crate::state::{Effect, Ending, World};
use crate::wire::{Params, Refusal};

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
    pub(super) fn region(&self) -> Result<String, Refusal> {
        let region = self.params.required("RegionId")?;
        if regions::find(region).is_none() {
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
    pub(super) fn reaches(&self, region: &str) -> bool {
        self.endpoint_region.is_none_or(|endpoint| endpoint == region)
    }

    /// A ClientToken, checked.
    pub(super) fn client_token(&self) -> Result<Option<&str>, Refusal> {
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
    pub(super) fn answer(body: Value) -> Self {
        Self { body: Body::Value(body), mutated: false }
    }

    /// The answer of a write, which is its RequestId and nothing else.
    pub(super) fn write(mutated: bool) -> Self {
        Self { body: Body::Value(Value::Object(Map::new())), mutated }
    }
}

/// The body of an answer, still without its RequestId.
pub(crate) enum Body {
    Value(Value),
    Instances(InstancePage),
    Interfaces(InterfacePage),
    Members(ScalingPage),
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
            Self::Members(page) => page.render(request_id, odd),
        };
        // Nothing in these types can fail to be JSON: no maps with other keys than text.
        bytes.unwrap_or_default()
    }
}

/// Runs a write once for each ClientToken: a repetition gets the first answer, and a token that comes back with
/// other parameters is refused.
pub(super) fn once(
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
