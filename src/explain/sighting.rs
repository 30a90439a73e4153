//! What the cloud shows of one target and of what belongs to it. It is read by its ids, in one region.

use jiff::Timestamp;
use keeper_core::budget::Limit;
use keeper_core::engine::Settings;
use keeper_core::id::InterfaceId;
use keeper_core::instance::{Instance, InstanceFacts};
use keeper_core::interface::Interface;
use keeper_core::resource::{Place, Resource as _};
use keeper_core::scaling_member::ScalingMember;

use crate::causes::told;
use crate::cli::TargetId;
use crate::listing::{Listed, Lister, ListingError};
use crate::scope::Scope;

/// What may be asked: of instances, of network interfaces, and of members of scaling groups.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub instances: Limit,
    pub interfaces: Limit,
    pub members: Limit,
}

impl Limits {
    /// What the configuration allows, or whoever asks.
    pub fn new(
        (instances, interfaces, members): (Settings, Settings, Settings),
        limit: impl Fn(Limit) -> Limit,
    ) -> Self {
        Self {
            instances: limit(instances.reads),
            interfaces: limit(interfaces.reads),
            members: limit(members.reads),
        }
    }
}

/// What was found.
pub struct Found {
    pub scope: Scope,
    /// When the cloud was asked for the target.
    pub seen: Timestamp,
    /// The instance, or the one that the network interface is on.
    pub instance: Part<Listed<Instance>>,
    /// The network interfaces of the instance, or the one that is explained.
    pub interfaces: Part<Vec<Listed<Interface>>>,
    /// The network interfaces that the instance lists, and that were not shown.
    pub unseen: Vec<InterfaceId>,
    /// What Auto Scaling says of the instance.
    pub member: Part<Listed<ScalingMember>>,
}

/// A part of what was found.
#[derive(Debug)]
pub enum Part<T> {
    Shown(T),
    /// There is none, or nobody asked.
    Absent,
    /// It is not known, for this reason.
    Unknown(String),
}

impl<T> Part<T> {
    pub fn shown(&self) -> Option<&T> {
        match self {
            Self::Shown(part) => Some(part),
            Self::Absent | Self::Unknown(_) => None,
        }
    }

    pub fn why_unknown(&self) -> Option<&str> {
        match self {
            Self::Unknown(why) => Some(why),
            Self::Shown(_) | Self::Absent => None,
        }
    }
}

/// Looks for the target in a region; `None`: it is not there, or this identity may not see it. `members`: whether some object asks
/// for members of scaling groups.
pub async fn find(
    lister: &mut Lister,
    (scope, target): (&Scope, &TargetId),
    limits: Limits,
    members: bool,
) -> Result<Option<Found>, ListingError> {
    match target {
        TargetId::Instance(id) => {
            let (instances, seen) =
                lister.find::<Instance>(limits.instances, std::slice::from_ref(id)).await?;
            let Some((instance, seen)) = instances.into_iter().next().zip(seen) else {
                // Who may not list gets an empty list.
                lister.may_list_instances().await?;
                return Ok(None);
            };
            let interfaces = match listed(&instance.evidence.facts) {
                Some(ids) => {
                    part(lister.find::<Interface>(limits.interfaces, ids).await.map(|(found, _)| found))
                }
                None => {
                    Part::Unknown("the instance's own list of network interfaces can't be read".to_owned())
                }
            };
            let shown = |id: &&InterfaceId| {
                interfaces.shown().is_none_or(|shown| shown.iter().any(|it| it.id == **id))
            };
            let own = listed(&instance.evidence.facts).unwrap_or_default();
            let unseen = own.iter().filter(|id| !shown(id)).cloned().collect();
            let member = member(lister, &instance, limits.members, members).await;
            let instance = Part::Shown(instance);
            Ok(Some(Found { scope: scope.clone(), seen, instance, interfaces, unseen, member }))
        }
        TargetId::Interface(id) => {
            let (interfaces, seen) =
                lister.find::<Interface>(limits.interfaces, std::slice::from_ref(id)).await?;
            let Some((interface, seen)) = interfaces.into_iter().next().zip(seen) else { return Ok(None) };
            let instance = host(lister, &interface, limits.instances).await;
            let interfaces = Part::Shown(vec![interface]);
            let (unseen, member) = (Vec::new(), Part::Absent);
            Ok(Some(Found { scope: scope.clone(), seen, instance, interfaces, unseen, member }))
        }
    }
}

fn listed(facts: &InstanceFacts) -> Option<&[InterfaceId]> {
    facts.surroundings.as_ref()?.interfaces.as_deref()
}

/// The instance that an interface is on.
async fn host(lister: &mut Lister, interface: &Listed<Interface>, limit: Limit) -> Part<Listed<Instance>> {
    let id = match Interface::place(&interface.evidence.facts) {
        Place::On(id) => id.clone(),
        Place::Free => return Part::Absent,
        Place::Unreadable => return Part::Unknown("the cloud's answer does not say which one".to_owned()),
    };
    match lister.find::<Instance>(limit, std::slice::from_ref(&id)).await {
        Ok((found, _)) => found
            .into_iter()
            .next()
            .map_or_else(|| Part::Unknown(format!("this identity does not see {id}")), Part::Shown),
        Err(error) => Part::Unknown(told(&error)),
    }
}

/// What Auto Scaling says of an instance.
async fn member(
    lister: &mut Lister,
    instance: &Listed<Instance>,
    limit: Limit,
    asked: bool,
) -> Part<Listed<ScalingMember>> {
    if !asked {
        return Part::Absent;
    }
    match lister.find::<ScalingMember>(limit, std::slice::from_ref(&instance.id)).await {
        Ok((found, _)) => found.into_iter().next().map_or(Part::Absent, Part::Shown),
        Err(error) => Part::Unknown(told(&error)),
    }
}

fn part<T>(read: Result<T, ListingError>) -> Part<T> {
    read.map_or_else(|error| Part::Unknown(told(&error)), Part::Shown)
}
