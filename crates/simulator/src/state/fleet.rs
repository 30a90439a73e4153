//! The instances, network interfaces, scaling groups or members of one account, by region and in order of creation.
//!
//! Listings walk an ordered index from a cursor, filters by tag or instance start from an index of marks, and items
//! are shared snapshots, so that one call costs what its answer costs and not what the fleet is large.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// Something that a fleet holds.
pub(crate) trait Item: Clone + PartialEq {
    fn id(&self) -> &str;
    fn region(&self) -> &str;
    /// What filters can start from.
    fn marks(&self) -> Vec<Mark>;
}

/// What some items of a fleet have in common, and can be found by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Mark {
    Tag {
        key: String,
        value: String,
    },
    /// The instance that an interface belongs to.
    Instance(String),
    /// The scaling group that a member belongs to.
    ScalingGroup(String),
}

impl Mark {
    pub(crate) fn tag(key: &str, value: &str) -> Self {
        Self::Tag { key: key.to_owned(), value: value.to_owned() }
    }

    /// The marks that tags are.
    pub(crate) fn tags(tags: &BTreeMap<String, String>) -> impl Iterator<Item = Self> {
        tags.iter().map(|(key, value)| Self::tag(key, value))
    }
}

/// What a write does besides being accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It takes effect, and the next read shows it.
    #[default]
    Immediate,
    /// It takes effect; reads show the former state until this much time has passed and this many reads have looked.
    Delayed { time: Option<Duration>, reads: Option<u32> },
    /// It is answered with success and does nothing.
    Ignored,
}

/// The former state of an item, which reads still show. Without a version the item isn't listed yet.
#[derive(Debug)]
struct Stale<T> {
    version: Option<Arc<T>>,
    until: Option<Instant>,
    reads: Option<u32>,
}

#[derive(Debug)]
struct Entry<T> {
    item: Arc<T>,
    stale: Option<Stale<T>>,
}

impl<T> Entry<T> {
    fn hide_behind(&mut self, version: Option<Arc<T>>, effect: Effect, now: Instant) {
        if let Effect::Delayed { time, reads } = effect {
            // What is already hidden stays the older state: a second delayed write doesn't reveal the first.
            let version = self.stale.take().map_or(version, |stale| stale.version);
            self.stale = Some(Stale { version, until: time.map(|time| now + time), reads });
        }
    }

    /// What a read sees now. `counts` is false for looks that aren't reads of a client.
    fn visible(&mut self, now: Instant, counts: bool) -> Option<Arc<T>> {
        if let Some(stale) = &mut self.stale {
            let over =
                stale.until.is_none_or(|until| until <= now) && stale.reads.is_none_or(|reads| reads == 0);
            if over {
                self.stale = None;
            }
        }
        let Some(stale) = &mut self.stale else { return Some(Arc::clone(&self.item)) };
        if counts && let Some(reads) = &mut stale.reads {
            *reads = reads.saturating_sub(1);
        }
        stale.version.clone()
    }
}

#[derive(Debug)]
struct RegionFleet<T> {
    entries: BTreeMap<u64, Entry<T>>,
    /// Every item that has or had a mark, a superset of what a filter matches: reads may see a former state, and what
    /// is gone is passed over.
    marked: HashMap<Mark, BTreeSet<u64>>,
}

impl<T> Default for RegionFleet<T> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), marked: HashMap::new() }
    }
}

impl<T: Item> RegionFleet<T> {
    fn index(&mut self, sequence: u64, item: &T) {
        for mark in item.marks() {
            self.marked.entry(mark).or_default().insert(sequence);
        }
    }

    fn forget(&mut self, sequence: u64, item: &T) {
        for mark in item.marks() {
            if let Some(positions) = self.marked.get_mut(&mark) {
                positions.remove(&sequence);
                if positions.is_empty() {
                    self.marked.remove(&mark);
                }
            }
        }
    }
}

/// All instances, or all network interfaces, of an account.
#[derive(Debug)]
pub(crate) struct Fleet<T> {
    regions: HashMap<String, RegionFleet<T>>,
    home: HashMap<String, (String, u64)>,
}

impl<T> Default for Fleet<T> {
    fn default() -> Self {
        Self { regions: HashMap::new(), home: HashMap::new() }
    }
}

impl<T: Item> Fleet<T> {
    /// The true state of an item, whatever reads show.
    pub(crate) fn get(&self, id: &str) -> Option<&Arc<T>> {
        let (region, sequence) = self.home.get(id)?;
        Some(&self.regions.get(region)?.entries.get(sequence)?.item)
    }

    /// The true state of all items, by region and order of creation.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<T>> {
        let ordered: BTreeMap<&String, &RegionFleet<T>> = self.regions.iter().collect();
        ordered.into_values().flat_map(|region| region.entries.values().map(|entry| &entry.item))
    }

    /// How many items a region has.
    pub(crate) fn count(&self, region: &str) -> usize {
        self.regions.get(region).map_or(0, |region| region.entries.len())
    }

    /// The true state of a region's items that have or had a mark.
    pub(crate) fn marked(&self, region: &str, mark: &Mark) -> impl Iterator<Item = &Arc<T>> {
        let region = self.regions.get(region);
        let positions = region.and_then(|region| region.marked.get(mark)).into_iter().flatten();
        positions.filter_map(move |sequence| Some(&region?.entries.get(sequence)?.item))
    }

    pub(crate) fn insert(&mut self, sequence: u64, item: T, effect: Effect, now: Instant) {
        let region = self.regions.entry(item.region().to_owned()).or_default();
        region.index(sequence, &item);
        self.home.insert(item.id().to_owned(), (item.region().to_owned(), sequence));
        let mut entry = Entry { item: Arc::new(item), stale: None };
        entry.hide_behind(None, effect, now);
        region.entries.insert(sequence, entry);
    }

    /// Changes an item; says whether anything is different now.
    pub(crate) fn change(
        &mut self,
        id: &str,
        effect: Effect,
        now: Instant,
        change: impl FnOnce(&mut T),
    ) -> bool {
        let Some((region, sequence)) = self.home.get(id) else { return false };
        let Some(region) = self.regions.get_mut(region) else { return false };
        let Some(entry) = region.entries.get_mut(sequence) else { return false };
        if effect == Effect::Ignored {
            return false;
        }
        let former = Arc::clone(&entry.item);
        change(Arc::make_mut(&mut entry.item));
        let item = Arc::clone(&entry.item);
        if *item == *former {
            return false;
        }
        entry.hide_behind(Some(former), effect, now);
        region.index(*sequence, &item);
        true
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<Arc<T>> {
        let (region, sequence) = self.home.remove(id)?;
        let region = self.regions.get_mut(&region)?;
        let entry = region.entries.remove(&sequence)?;
        region.forget(sequence, &entry.item);
        Some(entry.item)
    }

    /// What a read by id sees in a region, with the position of the item in listings.
    pub(crate) fn read(&mut self, region: &str, id: &str, now: Instant) -> Option<(u64, Arc<T>)> {
        let (home, sequence) = self.home.get(id)?;
        if home != region {
            return None;
        }
        let entry = self.regions.get_mut(region)?.entries.get_mut(sequence)?;
        Some((*sequence, entry.visible(now, true)?))
    }

    /// What reads see at the moment of a region's items that have or had a mark. Counts as no read.
    pub(crate) fn glimpse(&mut self, region: &str, mark: &Mark, now: Instant) -> Vec<Arc<T>> {
        let Some(RegionFleet { entries, marked }) = self.regions.get_mut(region) else { return Vec::new() };
        let positions = marked.get(mark).into_iter().flatten();
        positions.filter_map(|sequence| entries.get_mut(sequence)?.visible(now, false)).collect()
    }

    /// Walks a region's items after a position, in order, as reads see them. With a mark, only items that may have it.
    pub(crate) fn walk(
        &mut self,
        region: &str,
        after: u64,
        mark: Option<&Mark>,
        now: Instant,
        mut visit: impl FnMut(u64, &Arc<T>) -> Visit,
    ) {
        let Some(region) = self.regions.get_mut(region) else { return };
        let mut show = |sequence: u64, entry: &mut Entry<T>| -> bool {
            let stop = entry.visible(now, false).is_some_and(|seen| visit(sequence, &seen) == Visit::Stop);
            if !stop {
                entry.visible(now, true);
            }
            !stop
        };
        if let Some(mark) = mark {
            let Some(candidates) = region.marked.get(mark) else { return };
            for sequence in candidates.range(after.saturating_add(1)..) {
                if let Some(entry) = region.entries.get_mut(sequence)
                    && !show(*sequence, entry)
                {
                    return;
                }
            }
        } else {
            for (sequence, entry) in region.entries.range_mut(after.saturating_add(1)..) {
                if !show(*sequence, entry) {
                    return;
                }
            }
        }
    }
}

/// Whether a walk goes on after the item it was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visit {
    /// It does.
    Next,
    /// It ends before this item.
    Stop,
}
