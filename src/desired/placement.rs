//! Where what an object asks goes.

use std::collections::BTreeMap;

use keeper_core::conditions::Question;
use keeper_core::delete_on_release::DeleteOnRelease;
use keeper_core::deletion_protection::DeletionProtection;
use keeper_core::engine::{Asked, ProtectionRecord};
use keeper_core::id::{AccountName, InstanceId, Region};
use keeper_core::instance::Instance;
use keeper_core::intent::Intent;
use keeper_core::interface::Interface;
use keeper_core::reason::Reason;
use keeper_core::retention::Record;

use super::removal::Removing;
use crate::scope::Scope;

/// Where an object's intent goes.
#[derive(Debug, Clone, PartialEq)]
pub enum Placement {
    /// To these regions of the account.
    Served(Served),
    /// Nowhere: the administrator has not granted it. Why exactly is not for its author to know (I42).
    NotGranted,
    /// Nowhere: the vendor's table has no such region, and none of that name is granted. What is wrong, and what to do.
    UnknownRegion(String),
    /// Nowhere, and it may be a hold on anything: what is wrong, and what to do.
    Opaque(String),
}

/// An intent in all its regions.
#[derive(Debug, Clone, PartialEq)]
pub struct Served {
    pub account: AccountName,
    pub intents: BTreeMap<Region, Desired>,
    /// Selected Nodes that are rightly not targets.
    pub nodes_ignored: u32,
    /// Selected Nodes of which it is not known which instance they stand for, or that may not be looked at, and why.
    pub targetless: BTreeMap<String, Reason>,
    /// The Node through which an instance is selected.
    pub nodes: BTreeMap<(Region, InstanceId), String>,
    /// The selected Nodes of which Karpenter is about to release the instance, where the spec says to step aside.
    pub removals: BTreeMap<(Region, InstanceId), Removing>,
    /// Whether the spec says to step aside for Karpenter, and the operator does not watch what Karpenter does.
    pub karpenter_unwatched: bool,
}

/// What an object asks in one region.
#[derive(Debug, Clone, PartialEq)]
pub enum Desired {
    /// Release protection of instances, and what status says of its exceptions and lifts already.
    Protection(Box<Intent<Instance>>, Box<ProtectionRecord>),
    /// Retention of network interfaces, and what status says of them already.
    Retention(Box<Intent<Interface>>, Box<Record>),
}

impl Desired {
    /// The same, as a worker is told.
    pub fn asked(&self) -> Asked {
        match self {
            Self::Protection(intent, records) => Asked::Protection(intent.clone(), records.clone()),
            Self::Retention(intent, record) => Asked::Retention(intent.clone(), record.clone()),
        }
    }

    pub fn question(&self) -> Question {
        match self {
            Self::Protection(intent, _) => Question::of::<DeletionProtection>(intent),
            Self::Retention(intent, _) => Question::of::<DeleteOnRelease>(intent),
        }
    }

    /// Whether it asks for members of scaling groups to be given up to scale-in.
    pub fn gives_up_to_scale_in(&self) -> bool {
        match self {
            Self::Protection(intent, _) => {
                intent.of_members().is_some_and(|intent| intent.unprotecting().is_some())
            }
            Self::Retention(..) => false,
        }
    }

    /// Whether any flag of a target is to be unprotected.
    #[cfg(feature = "plan")]
    pub fn unprotects(&self) -> bool {
        match self {
            Self::Protection(intent, _) => intent.unprotecting().is_some() || self.gives_up_to_scale_in(),
            Self::Retention(intent, _) => intent.unprotecting().is_some(),
        }
    }

    /// Whether all targets are to be unprotected.
    pub fn gives_up(&self) -> bool {
        match self {
            Self::Protection(intent, _) => intent.gives_up(),
            Self::Retention(intent, _) => intent.gives_up(),
        }
    }
}

impl Served {
    /// Whether the object goes on to keep the target though its Node is gone, because it has stepped aside for it.
    pub fn lifts(&self, region: &Region, id: &InstanceId) -> bool {
        match self.intents.get(region) {
            Some(Desired::Protection(intent, _)) => intent.lifts.contains_key(id),
            Some(Desired::Retention(..)) | None => false,
        }
    }

    /// The scopes that the intent goes to, each with its part of it.
    pub fn scopes(&self) -> impl Iterator<Item = (Scope, &Desired)> {
        self.intents
            .iter()
            .map(|(region, intent)| (Scope { account: self.account.clone(), region: region.clone() }, intent))
    }
}
