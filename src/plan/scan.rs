//! Reads one region, and shows it to the engine twice: with the objects as they are, and as the files make them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use keeper_core::budget::Limit;
use keeper_core::engine::{Prospect, Survey};
use keeper_core::id::{InstanceId, InterfaceId};
use keeper_core::instance::Instance;
use keeper_core::interface::Interface;
use keeper_core::resource::Resource;
use keeper_core::scaling_member::ScalingMember;

use super::extent::{Extent, Extents};
use crate::causes::told;
use crate::listing::{Listed, Lister, ListingError, Total};
use crate::progress::Progress;
use crate::scope::Scope;
use crate::visible_text::plain;

/// How many calls a minute.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub instances: Limit,
    pub interfaces: Limit,
    pub members: Limit,
}

/// Why it is not known what is in a region.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    #[error(transparent)]
    Listing(#[from] ListingError),
    #[error("{count} entries of {operation} have no readable id, so the plan lacks them: please report this")]
    Unreadable { operation: &'static str, count: usize },
}

/// What is known of a region.
pub struct Scan {
    /// With the objects as they are; `None`: nobody has looked.
    before: Option<Survey>,
    /// With those of the files.
    after: Survey,
    names: BTreeMap<String, String>,
    /// Why members of scaling groups are not known.
    pub without_members: Option<String>,
}

/// A target, and what becomes of it.
pub struct Scanned {
    pub target: Target,
    pub name: Option<String>,
    pub before: Option<Prospect>,
    pub after: Prospect,
}

/// An instance or a network interface.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    Instance(InstanceId),
    Interface(InterfaceId),
}

impl Scan {
    pub fn new(before: Option<Survey>, after: Survey) -> Self {
        Self { before, after, names: BTreeMap::new(), without_members: None }
    }

    /// Reads the region.
    pub async fn read(
        &mut self,
        lister: &mut Lister,
        (scope, limits, extents): (&Scope, Limits, Extents),
        progress: &Progress,
    ) -> Result<(), ScanError> {
        let what = (scope, "instances", limits.instances);
        let asked = !extents.instances.is_nothing();
        let total =
            self.show::<Instance>(lister, what, extents.instances, progress, Survey::show_instances).await?;
        if asked && total == Total::default() {
            // Who may not list gets an empty list.
            lister.may_list_instances().await?;
        }
        readable(Instance::LISTING, total)?;
        self.each(Survey::instances_listed);
        if !extents.interfaces.is_nothing() {
            let what = (scope, "network interfaces", limits.interfaces);
            let show = Survey::show_interfaces;
            let total = self.show::<Interface>(lister, what, extents.interfaces, progress, show).await?;
            readable(Interface::LISTING, total)?;
            self.each(Survey::interfaces_listed);
        }
        self.read_again(lister, limits.instances).await?;
        if !extents.members.is_nothing() {
            let what = (scope, "members of scaling groups", limits.members);
            let show = Survey::show_members;
            match self.show::<ScalingMember>(lister, what, extents.members, progress, show).await {
                Ok(total) => {
                    readable(ScalingMember::LISTING, total)?;
                    self.each(Survey::members_listed);
                }
                // The other flags don't depend on it.
                Err(error) => self.without_members = Some(told(&error)),
            }
        }
        // What status is to say first, it says soon.
        self.each(Survey::record);
        Ok(())
    }

    /// Instances of which somebody asks since network interfaces were shown.
    async fn read_again(&mut self, lister: &mut Lister, limit: Limit) -> Result<(), ListingError> {
        let mut unseen: BTreeSet<InstanceId> = BTreeSet::new();
        self.each(|survey| unseen.extend(survey.unseen_instances()));
        let unseen: Vec<InstanceId> = unseen.into_iter().collect();
        if !unseen.is_empty() {
            let (found, _) = lister.find::<Instance>(limit, &unseen).await?;
            self.each(|survey| survey.show_instances(found.iter().map(Listed::item)));
        }
        Ok(())
    }

    /// Shows what there is of a resource.
    async fn show<R: keeper_alicloud::WireResource>(
        &mut self,
        lister: &mut Lister,
        (scope, what, limit): (&Scope, &'static str, Limit),
        extent: Extent<R::Id>,
        progress: &Progress,
        show: fn(&mut Survey, Vec<keeper_core::call::Item<R>>),
    ) -> Result<Total, ListingError> {
        let (mut pages, mut items) = (0, 0);
        let mut take = |page: Vec<Listed<R>>, _| -> io::Result<()> {
            (pages, items) = (pages + 1, items + u64::try_from(page.len()).unwrap_or(u64::MAX));
            progress.page(scope, what, pages, items);
            self.each(|survey| show(survey, page.iter().map(Listed::item).collect()));
            for listed in page {
                let Some(name) = listed.name.as_deref().map(plain) else { continue };
                // Whoever gives no name gets the id.
                if name != listed.id.as_ref() && !name.is_empty() {
                    self.names.insert(listed.id.as_ref().to_owned(), name);
                }
            }
            Ok(())
        };
        let total = match extent {
            Extent::Everything => lister.list::<R>(limit, take).await,
            Extent::These(ids) => {
                let ids: Vec<R::Id> = ids.into_iter().collect();
                let found = lister.find::<R>(limit, &ids).await;
                found.and_then(|(found, seen)| {
                    let total = Total { items: found.len(), unreadable: 0 };
                    take(found, seen.unwrap_or_default()).map_err(ListingError::Output)?;
                    Ok(total)
                })
            }
        };
        progress.clear();
        total
    }

    fn each(&mut self, mut with: impl FnMut(&mut Survey)) {
        self.before.iter_mut().for_each(&mut with);
        with(&mut self.after);
    }

    /// What becomes of each target that an object asks after, one after the other.
    pub fn targets(mut self) -> impl Iterator<Item = Scanned> {
        let mut targets = BTreeSet::new();
        self.each(|survey| {
            targets.extend(survey.instances().into_iter().map(Target::Instance));
            targets.extend(survey.interfaces().into_iter().map(Target::Interface));
        });
        targets.into_iter().map(move |target| {
            let look = |survey: &mut Survey| match &target {
                Target::Instance(id) => survey.instance(id),
                Target::Interface(id) => survey.interface(id),
            };
            let (before, after) = (self.before.as_mut().map(look), look(&mut self.after));
            let name = self.names.get(target.id()).cloned();
            Scanned { target, name, before, after }
        })
    }
}

impl Target {
    pub fn id(&self) -> &str {
        match self {
            Self::Instance(id) => id.as_str(),
            Self::Interface(id) => id.as_str(),
        }
    }
}

fn readable(operation: &'static str, total: Total) -> Result<(), ScanError> {
    match total.unreadable {
        0 => Ok(()),
        count => Err(ScanError::Unreadable { operation, count }),
    }
}
