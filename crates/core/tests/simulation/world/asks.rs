//! What people ask for.

use keeper_core::id::InstanceId;
use keeper_core::instance::Instance;
use keeper_core::intent::{Intent, Rights, Selector};
use keeper_core::interface::Interface;

use super::cloud::{eni, filter, i};

// Of instances.

pub fn instances(names: &[&str]) -> std::collections::BTreeSet<InstanceId> {
    names.iter().map(|name| i(name)).collect()
}

pub fn by_ids(names: &[&str]) -> Selector<Instance> {
    Selector { ids: instances(names), ..Selector::default() }
}

pub fn by_tag(key: &str, value: &str) -> Selector<Instance> {
    Selector { tags: vec![filter(key, value)], ..Selector::default() }
}

/// The instances behind the Nodes that an object selects.
pub fn behind_nodes(names: &[&str]) -> Selector<Instance> {
    Selector { node_ids: instances(names), ..Selector::default() }
}

pub fn everything() -> Selector<Instance> {
    Selector { all: true, ..Selector::default() }
}

/// Protects them, and may do everything.
pub fn enabled(selector: Selector<Instance>) -> Intent<Instance> {
    Intent { may: Rights::ALL, ..Intent::of(selector) }
}

pub fn disabled(selector: Selector<Instance>) -> Intent<Instance> {
    Intent { protect: false, ..enabled(selector) }
}

// Of interfaces.

/// Retains them, and may do everything.
pub fn granted(selector: Selector<Interface>) -> Intent<Interface> {
    Intent { may: Rights::ALL, ..Intent::of(selector) }
}

/// Retains the interfaces with these ids.
pub fn ids(names: &[&str]) -> Intent<Interface> {
    granted(Selector { ids: names.iter().map(|name| eni(name)).collect(), ..Selector::default() })
}

/// Retains the interfaces with this tag.
pub fn tagged(key: &str, value: &str) -> Intent<Interface> {
    granted(Selector { tags: vec![filter(key, value)], ..Selector::default() })
}

/// Retains what is on the instances that this selects.
pub fn on(hosts: Selector<Instance>) -> Intent<Interface> {
    Intent { hosts: Some(Box::new(hosts)), ..granted(Selector::default()) }
}
