//! How much of a region has to be read: what objects name, or everything. The engine reads by id as well, where nothing else is
//! asked for.

use std::collections::BTreeSet;

use keeper_core::id::{InstanceId, InterfaceId};
use keeper_core::intent::Selector;
use keeper_core::resource::Resource;

use crate::desired::Desired;

/// What has to be read of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extent<Id> {
    These(BTreeSet<Id>),
    Everything,
}

impl<Id> Default for Extent<Id> {
    fn default() -> Self {
        Self::These(BTreeSet::new())
    }
}

impl<Id: Ord + Clone> Extent<Id> {
    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::These(ids) if ids.is_empty())
    }

    fn add(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::These(ids), Self::These(others)) => ids.extend(others),
            (Self::Everything, _) => {}
            (_, Self::Everything) => *self = Self::Everything,
        }
    }
}

/// What has to be read of each resource.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extents {
    pub instances: Extent<InstanceId>,
    pub interfaces: Extent<InterfaceId>,
    /// Members of scaling groups, by their instances.
    pub members: Extent<InstanceId>,
}

impl Extents {
    /// What has to be read to know the targets of objects that ask this. The instances that interfaces turn out to be on come to it.
    pub fn of<'a>(asked: impl Iterator<Item = &'a Desired>) -> Self {
        let mut extents = Self::default();
        for desired in asked {
            match desired {
                Desired::Protection(intent, _) => {
                    let own = selected(&intent.selector);
                    if intent.of_members().is_some() {
                        extents.members.add(own.clone());
                    }
                    extents.instances.add(own);
                }
                Desired::Retention(intent, record) => {
                    let mut own = selected(&intent.selector);
                    own.add(Extent::These(record.retained.keys().cloned().collect()));
                    let hosts = intent.hosts.as_deref().map(selected).unwrap_or_default();
                    if !hosts.is_nothing() {
                        // Nobody can ask for the interfaces of an instance and be sure to get all of them.
                        own = Extent::Everything;
                    }
                    extents.interfaces.add(own);
                    extents.instances.add(hosts);
                }
            }
        }
        extents
    }
}

fn selected<R: Resource>(selector: &Selector<R>) -> Extent<R::Id> {
    if selector.needs_listing() {
        Extent::Everything
    } else {
        Extent::These(selector.named().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use keeper_core::instance::Instance;
    use keeper_core::intent::{Intent, ScaleIn};
    use keeper_core::interface::Interface;
    use keeper_core::retention::{Record, Remembered};

    use super::*;

    fn hosts(ids: &[&str]) -> BTreeSet<InstanceId> {
        ids.iter().map(|id| InstanceId::new(*id)).collect()
    }

    fn interfaces(ids: &[&str]) -> BTreeSet<InterfaceId> {
        ids.iter().map(|id| InterfaceId::new(*id)).collect()
    }

    fn protection(selector: Selector<Instance>) -> Desired {
        Desired::Protection(Box::new(Intent::of(selector)), Box::default())
    }

    fn retention(selector: Selector<Interface>, hosts: Option<Selector<Instance>>, kept: &[&str]) -> Desired {
        let retained = interfaces(kept).into_iter().map(|id| (id, Remembered::default())).collect();
        let record = Record { retained, ..Record::default() };
        let intent = Intent { hosts: hosts.map(Box::new), ..Intent::of(selector) };
        Desired::Retention(Box::new(intent), Box::new(record))
    }

    fn of(asked: &[Desired]) -> Extents {
        Extents::of(asked.iter())
    }

    #[test]
    fn what_is_named_is_read_by_id_and_everything_where_something_else_selects() {
        let by_id = || Selector { ids: hosts(&["i-a"]), node_ids: hosts(&["i-b"]), ..Selector::default() };
        let all = || Selector { all: true, ..Selector::default() };
        let read = of(&[protection(by_id())]);
        assert_eq!(read.instances, Extent::These(hosts(&["i-a", "i-b"])));
        assert!(read.interfaces.is_nothing() && read.members.is_nothing());
        assert_eq!(of(&[protection(by_id()), protection(all())]).instances, Extent::Everything);
        assert_eq!(of(&[protection(all()), protection(by_id())]).instances, Extent::Everything);
        let scale_in = Intent { scale_in: ScaleIn::Protect, ..Intent::of(by_id()) };
        let members = of(&[Desired::Protection(Box::new(scale_in), Box::default())]).members;
        assert_eq!(members, Extent::These(hosts(&["i-a", "i-b"])));
    }

    #[test]
    fn interfaces_are_read_by_id_with_those_that_status_lists_unless_an_instance_selects_them() {
        let named = || Selector { ids: interfaces(&["eni-a"]), ..Selector::default() };
        let excluding = Selector { exclude_ids: hosts(&["i-x"]), ..Selector::default() };
        let read = of(&[retention(named(), Some(excluding), &["eni-kept"])]);
        assert_eq!(read.interfaces, Extent::These(interfaces(&["eni-a", "eni-kept"])));
        assert!(read.instances.is_nothing());
        let on = Selector { ids: hosts(&["i-a"]), ..Selector::default() };
        let read = of(&[retention(named(), Some(on), &[])]);
        assert_eq!(
            read,
            Extents {
                instances: Extent::These(hosts(&["i-a"])),
                interfaces: Extent::Everything,
                members: Extent::default(),
            }
        );
    }
}
