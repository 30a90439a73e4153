//! What one object's newest generation asks of its targets in one account and region.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::exception::Exception;
use crate::id::{InstanceId, InterfaceId, Tag, TagFilter};
use crate::instance::Instance;
use crate::lift::Lift;
use crate::resource::{Resource, Types};
use crate::scaling_member::ScalingMember;

/// Which targets an object selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector<R: Resource> {
    /// By id.
    pub ids: BTreeSet<R::Id>,
    /// Through Kubernetes Nodes.
    pub node_ids: BTreeSet<R::Id>,
    /// By tags, all of which must match; empty: not by tags.
    pub tags: Vec<TagFilter>,
    /// Every target that the cloud shows.
    pub all: bool,
    /// Never these.
    pub exclude_ids: BTreeSet<R::Id>,
    /// Never what matches any of these.
    pub exclude_tags: Vec<TagFilter>,
    /// Not selected, but to be known of.
    pub watch: BTreeSet<R::Id>,
    /// Whether what `exclude_tags` excludes is to be known of, too, though nothing else selects it.
    pub shows_excluded: bool,
}

impl<R: Resource> Default for Selector<R> {
    fn default() -> Self {
        Self {
            ids: BTreeSet::new(),
            node_ids: BTreeSet::new(),
            tags: Vec::new(),
            all: false,
            exclude_ids: BTreeSet::new(),
            exclude_tags: Vec::new(),
            watch: BTreeSet::new(),
            shows_excluded: false,
        }
    }
}

impl<R: Resource> Selector<R> {
    /// Whether the id is named, itself or through a Node, and not excluded by id.
    pub fn names(&self, id: &R::Id) -> bool {
        (self.ids.contains(id) || self.node_ids.contains(id)) && !self.exclude_ids.contains(id)
    }

    /// Whether the id is known through a Node alone.
    pub fn only_node_names(&self, id: &R::Id) -> bool {
        self.node_ids.contains(id) && !self.ids.contains(id)
    }

    /// Whether the tags select, exclusion by id apart.
    pub fn tags_match(&self, tags: &[Tag]) -> bool {
        !self.tags.is_empty() && self.tags.iter().all(|f| f.matches(tags))
    }

    /// Whether a target is selected that nothing names, exclusion apart.
    pub fn finds(&self, tags: &[Tag]) -> bool {
        self.all || self.tags_match(tags)
    }

    /// Whether only a listing of the region tells all that it selects.
    pub fn needs_listing(&self) -> bool {
        self.all || self.entries().next().is_some()
    }

    /// Whether any tag excludes.
    pub fn tags_exclude(&self, tags: &[Tag]) -> bool {
        self.exclude_tags.iter().any(|f| f.matches(tags))
    }

    /// The filters under which a target can come: the first of those that must all match, and where what is excluded is
    /// to be known of, each that excludes.
    pub fn entries(&self) -> impl Iterator<Item = &TagFilter> {
        let excluded = self.exclude_tags.iter().filter(|_| self.shows_excluded);
        self.tags.first().into_iter().chain(excluded)
    }

    /// The ids by which a target can come.
    pub fn named(&self) -> impl Iterator<Item = &R::Id> {
        self.ids.iter().chain(&self.node_ids).chain(&self.watch)
    }

    /// Whether a target can come by this id, selected in the end or not.
    pub fn holds(&self, id: &R::Id) -> bool {
        self.ids.contains(id) || self.node_ids.contains(id) || self.watch.contains(id)
    }

    /// The filters whose tag keys must be known to evaluate this selector.
    pub fn filters(&self) -> impl Iterator<Item = &TagFilter> {
        self.tags.iter().chain(&self.exclude_tags)
    }
}

/// What the administrator lets an object do beside keeping flags at their protected value. By default nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rights {
    /// Set flags to their unprotected value.
    pub unprotect: bool,
    /// Attach network interfaces.
    pub attach: bool,
}

impl Rights {
    /// Everything.
    pub const ALL: Self = Self { unprotect: true, attach: true };

    /// These rights and the others.
    pub fn add(&mut self, others: Self) {
        self.unprotect |= others.unprotect;
        self.attach |= others.attach;
    }
}

/// One intent to attach a retained interface. It is fulfilled once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reattach {
    /// The interface.
    pub interface: InterfaceId,
    /// The instance that is named, or that stands behind the Node; `None`: there is no such Node.
    pub instance: Option<InstanceId>,
    /// The Node that is named.
    pub node: Option<Arc<str>>,
    /// Whether the instance is a Node of this cluster, however it is named.
    pub is_node: bool,
}

/// What is to become of members of scaling groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ScaleIn {
    /// That they are members is told.
    #[default]
    Report,
    /// They are kept from scale-in, for as long as the object stands.
    Protect,
    /// They are given up to scale-in, once.
    Unprotect,
}

/// What deleting the object does to the flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletionPolicy {
    /// Nothing.
    Keep,
    /// Sets the unprotected value.
    Unprotect,
}

/// What the object's newest generation asks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each says something of its own, and a spec can say any of them"
)]
pub struct Intent<R: Resource> {
    /// Of which targets.
    pub selector: Selector<R>,
    /// Whether it wants the protected value (`Enabled`) or the unprotected one (`Disabled`).
    pub protect: bool,
    /// Mode Observe: report, never write.
    pub observe: bool,
    /// What deletion does.
    pub deletion_policy: DeletionPolicy,
    /// Set when the object is being deleted: for how long already.
    pub deleting: Option<Duration>,
    /// Status says that the unprotecting which this generation asks for was carried out. It can only narrow what is done
    /// (I14): nothing is ever written because of it.
    pub carried_out: bool,
    /// Selects no targets itself: it asks after instances on behalf of an object that retains interfaces. It
    /// never holds and never writes.
    pub enumerates: bool,
    /// Of interfaces: those that are on the instances which this selects are selected, and those on the instances which it
    /// excludes are excluded.
    pub hosts: Option<Box<Selector<Instance>>>,
    /// Of interfaces that are selected through their instance: only these.
    pub types: Types,
    /// Of interfaces: what is to be attached where.
    pub reattach: Vec<Reattach>,
    /// Of instances: those that are left unprotected for a time.
    pub exceptions: BTreeMap<R::Id, Exception>,
    /// Of instances: whether it steps aside for one that Karpenter is about to release.
    pub lift: bool,
    /// Of instances: those that Karpenter is removing, where the spec says to step aside, and those for which status says that
    /// the object has. All of them are among `selector.node_ids`, also when their Node is gone.
    pub lifts: BTreeMap<R::Id, Lift>,
    /// Of instances: whether automatic release times are taken away.
    pub cancel_release_times: bool,
    /// Of instances: what is to become of those that are members of scaling groups.
    pub scale_in: ScaleIn,
    /// Status says that giving them up to scale-in, which this generation asks for, was carried out. Like `carried_out`.
    pub scale_in_carried_out: bool,
    /// Of interfaces: how long one that has outlived its instance is remembered though nothing else selects it; `None`: for
    /// as long as the object stands.
    pub forget_after: Option<Duration>,
    /// What the administrator lets it do. What it asks beyond is told, and not done.
    pub may: Rights,
}

/// What is to be done about unprotecting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unprotecting {
    /// Once for this generation; a hold that stands against it is waited for.
    Once,
    /// Before the object goes; what can't be unprotected is left protected.
    BeforeDeletion,
    /// Only single targets, each once: those of exceptions, and those that Karpenter is about to release.
    SteppingAside,
}

impl Intent<Instance> {
    /// The intent to know of the instances that an object which retains interfaces is about.
    pub fn enumerating(selector: Selector<Instance>) -> Self {
        Self { enumerates: true, ..Self::of(Selector { shows_excluded: true, ..selector }) }
    }

    /// What it asks of the members of scaling groups among its instances; `None`: nothing. It speaks for itself: whether
    /// release protection is on, and what deleting the object does to that, changes nothing here.
    pub fn of_members(&self) -> Option<Intent<ScalingMember>> {
        let protect = match self.scale_in {
            ScaleIn::Protect => true,
            ScaleIn::Unprotect if self.deleting.is_none() => false,
            ScaleIn::Unprotect | ScaleIn::Report => return None,
        };
        Some(Intent {
            protect,
            observe: self.observe,
            carried_out: self.scale_in_carried_out,
            hosts: Some(Box::new(self.selector.clone())),
            may: self.may,
            ..Intent::of(Selector::default())
        })
    }

    /// Whether it asks after instances on behalf of what hangs on them.
    pub fn asks_for_hosted(&self) -> bool {
        self.enumerates || self.scale_in != ScaleIn::Report
    }
}

impl<R: Resource> Intent<R> {
    /// The intent to keep the protected value on what this selects, with the careful choice for everything else.
    pub fn of(selector: Selector<R>) -> Self {
        Self {
            selector,
            protect: true,
            observe: false,
            deletion_policy: DeletionPolicy::Keep,
            deleting: None,
            carried_out: false,
            enumerates: false,
            hosts: None,
            types: Types::default(),
            reattach: Vec::new(),
            exceptions: BTreeMap::new(),
            lift: false,
            lifts: BTreeMap::new(),
            cancel_release_times: false,
            scale_in: ScaleIn::Report,
            scale_in_carried_out: false,
            forget_after: None,
            may: Rights::default(),
        }
    }

    /// Whether this intent is a hold on its targets, exceptions apart: it wants them protected, in either mode, terminating or
    /// not, and does not ask for the opposite by being deleted.
    pub fn holds(&self) -> bool {
        self.protect && !self.enumerates && !self.gives_up()
    }

    /// Whether it asks for all its targets to be unprotected.
    pub fn gives_up(&self) -> bool {
        matches!(self.unprotecting(), Some(Unprotecting::Once | Unprotecting::BeforeDeletion))
    }

    /// Whether it can step aside for single targets: who only observes, or may not unprotect, keeps all of them.
    pub fn can_step_aside(&self) -> bool {
        self.protect && !self.enumerates && !self.observe && self.may.unprotect
    }

    /// Whether it leaves alone what is on some instances.
    pub fn excludes_hosts(&self) -> bool {
        self.hosts.as_ref().is_some_and(|o| !o.exclude_ids.is_empty() || !o.exclude_tags.is_empty())
    }

    /// The unprotecting that it asks for.
    pub fn unprotecting(&self) -> Option<Unprotecting> {
        match (self.observe || self.enumerates, self.deleting.is_some(), self.deletion_policy) {
            (false, true, DeletionPolicy::Unprotect) => Some(Unprotecting::BeforeDeletion),
            (false, false, _) if !self.protect => Some(Unprotecting::Once),
            (false, false, _) if !(self.exceptions.is_empty() && self.lifts.is_empty()) => {
                Some(Unprotecting::SteppingAside)
            }
            // Under Keep, deleting an object is never an act, whatever its spec asked for while it lived.
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instance::Instance;

    fn intent(protect: bool, observe: bool, policy: DeletionPolicy, deleting: bool) -> Intent<Instance> {
        Intent {
            protect,
            observe,
            deletion_policy: policy,
            deleting: deleting.then_some(Duration::ZERO),
            ..Intent::of(Selector::default())
        }
    }

    #[test]
    fn i09_only_an_explicit_spec_asks_for_unprotecting_and_observe_never_does() {
        use DeletionPolicy::{Keep, Unprotect};
        for (protect, observe, policy, deleting, holds, unprotecting) in [
            (true, false, Keep, false, true, None),
            (true, false, Keep, true, true, None),
            (true, false, Unprotect, false, true, None),
            (true, false, Unprotect, true, false, Some(Unprotecting::BeforeDeletion)),
            (false, false, Keep, false, false, Some(Unprotecting::Once)),
            (false, false, Keep, true, false, None),
            (false, false, Unprotect, false, false, Some(Unprotecting::Once)),
            (false, false, Unprotect, true, false, Some(Unprotecting::BeforeDeletion)),
            (true, true, Keep, false, true, None),
            (true, true, Unprotect, true, true, None),
            (false, true, Keep, false, false, None),
            (false, true, Unprotect, true, false, None),
        ] {
            let intent = intent(protect, observe, policy, deleting);
            assert_eq!((intent.holds(), intent.unprotecting()), (holds, unprotecting), "{intent:?}");
            let asks = Intent { enumerates: true, ..intent };
            assert_eq!((asks.holds(), asks.unprotecting()), (false, None), "whoever enumerates only asks");
        }
    }
}
