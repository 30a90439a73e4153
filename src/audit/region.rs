//! The audit of one region: its instances first, because what is said of a network interface depends on its instance.

use std::collections::BTreeSet;
use std::io;

use jiff::Timestamp;
use keeper_alicloud::ScalingGroup;
use keeper_core::budget::Limit;
use keeper_core::engine::{Observation, ObservedRegion, observe_scaling_group};
use keeper_core::id::{InstanceId, InterfaceId, Tag};
use keeper_core::instance::{Instance, InstanceFacts};
use keeper_core::interface::{Interface, InterfaceFacts};
use keeper_core::resource::{Place, Resource as _};

use super::claim::{Claim, Claimants};
use super::form::Form;
use super::found::Found;
use super::ignore::IgnoreList;
use super::row::{Counts, Kind, Row, Said};
use crate::listing::{Listed, Lister, ListingError, Total};
use crate::progress::Progress;
use crate::scope::Scope;
use crate::visible_text::plain;

/// Why a region was not listed whole.
#[derive(Debug, thiserror::Error)]
pub enum RegionError {
    #[error(transparent)]
    Listing(#[from] ListingError),
    #[error(
        "{count} entries of {operation} have no readable id, so the report lacks them: please report this"
    )]
    Unreadable { operation: &'static str, count: usize },
}

/// How many calls a minute.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub instances: Limit,
    /// `None`: network interfaces are not asked for.
    pub interfaces: Option<Limit>,
}

/// A target that is told when more is known of who holds it.
struct Late<Id, Facts> {
    id: Id,
    name: Option<Box<str>>,
    facts: Facts,
    said: Observation,
    asked: Timestamp,
}

/// Where what is found goes.
pub struct Sink<'a> {
    pub report: &'a mut dyn Form,
    pub ignores: &'a mut IgnoreList,
    pub found: &'a mut Found,
}

/// What is known of a region while it is read.
pub struct RegionAudit<'a> {
    scope: &'a Scope,
    /// Tags that a selected instance carries.
    select: &'a [Tag],
    sink: Sink<'a>,
    progress: &'a Progress,
    shown: ObservedRegion,
    /// What the objects of the cluster would have of the region.
    claimants: Option<Claimants<'a>>,
    /// Instances that are not selected.
    others: BTreeSet<InstanceId>,
    late_instances: Vec<Late<InstanceId, ()>>,
    late_interfaces: Vec<Late<InterfaceId, InterfaceFacts>>,
    /// What somebody should know of the objects.
    pub remarks: Vec<String>,
    pub instances: Counts,
    pub interfaces: Counts,
    pub scaling_groups: Counts,
}

impl<'a> RegionAudit<'a> {
    pub fn new(
        scope: &'a Scope,
        select: &'a [Tag],
        claimants: Option<Claimants<'a>>,
        sink: Sink<'a>,
        progress: &'a Progress,
    ) -> Self {
        Self {
            claimants,
            scope,
            select,
            sink,
            progress,
            shown: ObservedRegion::default(),
            others: BTreeSet::new(),
            late_instances: Vec::new(),
            late_interfaces: Vec::new(),
            remarks: Vec::new(),
            instances: Counts::default(),
            interfaces: Counts::default(),
            scaling_groups: Counts::default(),
        }
    }

    /// Reads the region, and reports each target.
    pub async fn read(&mut self, lister: &mut Lister, limits: Limits) -> Result<(), RegionError> {
        let (mut pages, mut items) = (0, 0);
        let answer = lister
            .list::<Instance>(limits.instances, |page, asked| {
                (pages, items) = (pages + 1, items + count(page.len()));
                self.progress.clear();
                if let Some(Claimants { survey, .. }) = &mut self.claimants {
                    survey.show_instances(page.iter().map(Listed::item));
                }
                page.into_iter().try_for_each(|listed| self.instance(listed, asked))?;
                self.progress.page(self.scope, "instances", pages, items);
                Ok(())
            })
            .await;
        self.tell_late_instances().map_err(ListingError::Output)?;
        let total = answer?;
        if total == Total::default() {
            lister.may_list_instances().await?;
        }
        if let Some(Claimants { survey, .. }) = &mut self.claimants {
            survey.instances_listed();
        }
        self.note_absent();
        let instances = readable(Instance::LISTING, total);
        let Some(limit) = limits.interfaces else { return instances };
        (pages, items) = (0, 0);
        let mut last = Timestamp::UNIX_EPOCH;
        let answer = lister
            .list::<Interface>(limit, |page, asked| {
                (pages, items) = (pages + 1, items + count(page.len()));
                last = asked;
                self.progress.clear();
                if let Some(Claimants { survey, .. }) = &mut self.claimants {
                    survey.show_interfaces(page.iter().map(Listed::item));
                }
                page.into_iter().try_for_each(|listed| self.interface(listed, asked))?;
                self.progress.page(self.scope, "network interfaces", pages, items);
                Ok(())
            })
            .await;
        self.progress.clear();
        let read = self.read_hosts(lister, limits.instances).await;
        self.tell_late_interfaces().map_err(ListingError::Output)?;
        let total = answer?;
        read?;
        self.missing(last).map_err(ListingError::Output)?;
        instances.and(readable(Interface::LISTING, total))
    }

    /// Lists the scaling groups, and reports each.
    pub async fn read_scaling_groups(
        &mut self,
        lister: &mut Lister,
        limit: Limit,
    ) -> Result<(), ListingError> {
        let (groups, asked) = lister.scaling_groups(limit).await?;
        for ScalingGroup { id, name, deletion_protection } in &groups {
            let said = observe_scaling_group(*deletion_protection).into();
            self.report((Kind::ScalingGroup, id.as_ref()), name.as_deref(), None, (said, None), asked)
                .map_err(ListingError::Output)?;
        }
        Ok(())
    }

    fn instance(&mut self, listed: Listed<Instance>, asked: Timestamp) -> io::Result<()> {
        let Listed { id, name, evidence } = listed;
        let selected = self.selects(&evidence.facts);
        let Some(said) = self.shown.instance(&id, evidence) else { return Ok(()) };
        if !selected {
            self.others.insert(id);
            return Ok(());
        }
        if self.claimants.as_ref().is_some_and(|claimants| claimants.awaits_record(&id)) {
            self.late_instances.push(Late { id, name, facts: (), said, asked });
            return Ok(());
        }
        self.tell_instance(&id, name.as_deref(), said, asked)
    }

    fn interface(&mut self, listed: Listed<Interface>, asked: Timestamp) -> io::Result<()> {
        let Listed { id, name, evidence } = listed;
        let facts = evidence.facts.clone();
        let Some(said) = self.shown.interface(&id, evidence) else { return Ok(()) };
        if !self.selects_through_instance(&facts) {
            return Ok(());
        }
        let mut claim = None;
        if let Some(claimants) = &mut self.claimants {
            claim = claimants.interface_for_certain(&id);
            if claim.is_none() {
                self.late_interfaces.push(Late { id, name, facts, said, asked });
                return Ok(());
            }
        }
        let place = Some(Interface::place(&facts));
        self.tell_interface(&id, name.as_deref(), place, (said, claim), asked)
    }

    fn tell_instance(
        &mut self,
        id: &InstanceId,
        name: Option<&str>,
        said: Observation,
        asked: Timestamp,
    ) -> io::Result<()> {
        let claim = self.claimants.as_mut().map(|claimants| claimants.instance(id));
        self.report((Kind::Instance, id.as_str()), name, None, (said.into(), claim), asked)
    }

    fn tell_interface(
        &mut self,
        id: &InterfaceId,
        name: Option<&str>,
        place: Option<Place<'_>>,
        (said, claim): (Observation, Option<Claim>),
        asked: Timestamp,
    ) -> io::Result<()> {
        self.report((Kind::NetworkInterface, id.as_str()), name, place, (said.into(), claim), asked)
    }

    /// Tells of the instances for which objects may step aside. What status is to say of that first, it says soon.
    fn tell_late_instances(&mut self) -> io::Result<()> {
        let late = std::mem::take(&mut self.late_instances);
        if let Some(Claimants { survey, .. }) = self.claimants.as_mut().filter(|_| !late.is_empty()) {
            survey.record();
        }
        late.into_iter().try_for_each(|Late { id, name, said, asked, .. }| {
            self.tell_instance(&id, name.as_deref(), said, asked)
        })
    }

    /// Reads the instances again that nobody asked after when they were listed, and on which interfaces are that some object names.
    async fn read_hosts(&mut self, lister: &mut Lister, limit: Limit) -> Result<(), ListingError> {
        let Some(Claimants { survey, .. }) =
            self.claimants.as_mut().filter(|_| !self.late_interfaces.is_empty())
        else {
            return Ok(());
        };
        let (found, _) = lister.find::<Instance>(limit, &survey.unseen_instances()).await?;
        survey.show_instances(found.iter().map(Listed::item));
        Ok(())
    }

    fn tell_late_interfaces(&mut self) -> io::Result<()> {
        let late = std::mem::take(&mut self.late_interfaces);
        late.into_iter().try_for_each(|Late { id, name, facts, said, asked }| {
            let claim = self.claimants.as_mut().map(|claimants| claimants.interface(&id));
            let place = Some(Interface::place(&facts));
            self.tell_interface(&id, name.as_deref(), place, (said, claim), asked)
        })
    }

    /// Notes the instances that objects select and that the listing lacks, but for those for which they step aside: these may go.
    fn note_absent(&mut self) {
        let Some(claimants) = &mut self.claimants else { return };
        let mut absent = claimants.survey.unshown_instances();
        absent.retain(|id| !claimants.awaits_record(id));
        let named = absent.iter().filter_map(|id| {
            let objects: Vec<String> = claimants.selecting(id).into_iter().collect();
            (!objects.is_empty()).then(|| format!("{} ({})", plain(id.as_str()), objects.join(", ")))
        });
        self.remarks.extend(told_of_absent(self.scope, &named.collect::<Vec<_>>()));
    }

    /// What one of the two listings names and the other lacks.
    fn missing(&mut self, asked: Timestamp) -> io::Result<()> {
        let shown = std::mem::take(&mut self.shown);
        for (id, said) in shown.missing_instances() {
            self.tell_instance(id, None, said, asked)?;
        }
        for (id, instance, said) in shown.missing_interfaces() {
            if !self.others.contains(instance) {
                let claim = self.claimants.as_mut().map(|claimants| claimants.interface(id));
                self.tell_interface(id, None, Some(Place::On(instance)), (said, claim), asked)?;
            }
        }
        Ok(())
    }

    /// Whether an instance carries all tags, or may: what can't be read is not passed over.
    fn selects(&self, facts: &InstanceFacts) -> bool {
        facts.tags.as_ref().is_none_or(|tags| self.select.iter().all(|wanted| tags.contains(wanted)))
    }

    /// Whether an interface is on a selected instance, or on one of which that is not known.
    fn selects_through_instance(&self, facts: &InterfaceFacts) -> bool {
        let place = Interface::place(facts).instance();
        self.select.is_empty()
            || place.is_some_and(|instance| !self.others.contains(instance))
            || (place.is_none() && Interface::misplaced(facts))
    }

    fn report(
        &mut self,
        (kind, id): (Kind, &str),
        name: Option<&str>,
        place: Option<Place<'_>>,
        (said, claim): (Said, Option<Claim>),
        asked: Timestamp,
    ) -> io::Result<()> {
        self.sink.ignores.note(id);
        let ignored = self.sink.ignores.find(id);
        let row = Row::new((self.scope, kind, id), name, place, said, claim, (asked, ignored));
        match kind {
            Kind::Instance => self.instances.add(&row),
            Kind::NetworkInterface => self.interfaces.add(&row),
            Kind::ScalingGroup => self.scaling_groups.add(&row),
        }
        self.sink.found.add(&row);
        self.sink.report.row(&row)
    }
}

/// What is told of instances that objects select and that were not listed, each with its objects.
fn told_of_absent(scope: &Scope, named: &[String]) -> Option<String> {
    const MOST: usize = 5;
    let some = named.get(..MOST).unwrap_or(named).join(", ");
    let more = match named.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!named.is_empty()).then(|| {
        format!(
            "objects select instances that were not listed in {} (account {}): {some}{more}; take out what no longer exists",
            scope.region, scope.account
        )
    })
}

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}

fn readable(operation: &'static str, total: Total) -> Result<(), RegionError> {
    match total.unreadable {
        0 => Ok(()),
        count => Err(RegionError::Unreadable { operation, count }),
    }
}
