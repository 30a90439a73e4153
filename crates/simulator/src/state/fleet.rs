//! The instances of one account, by region and in order of creation.
//!
//! Listings walk an ordered index from a cursor, tag filters start from an index of tags, and instances are shared
//! snapshots, so that one call costs what its answer costs and not what the fleet is large.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Instance;

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

/// The former state of an instance, which reads still show. Without a version the instance isn't listed yet.
#[derive(Debug)]
struct Stale {
    version: Option<Arc<Instance>>,
    until: Option<Instant>,
    reads: Option<u32>,
}

#[derive(Debug)]
struct Entry {
    instance: Arc<Instance>,
    stale: Option<Stale>,
}

impl Entry {
    fn hide_behind(&mut self, version: Option<Arc<Instance>>, effect: Effect, now: Instant) {
        if let Effect::Delayed { time, reads } = effect {
            // What is already hidden stays the older state: a second delayed write doesn't reveal the first.
            let version = self.stale.take().map_or(version, |stale| stale.version);
            self.stale = Some(Stale { version, until: time.map(|time| now + time), reads });
        }
    }

    /// What a read sees now. `counts` is false for looks that aren't reads of a client.
    fn visible(&mut self, now: Instant, counts: bool) -> Option<Arc<Instance>> {
        if let Some(stale) = &mut self.stale {
            let over =
                stale.until.is_none_or(|until| until <= now) && stale.reads.is_none_or(|reads| reads == 0);
            if over {
                self.stale = None;
            }
        }
        let Some(stale) = &mut self.stale else { return Some(Arc::clone(&self.instance)) };
        if counts && let Some(reads) = &mut stale.reads {
            *reads = reads.saturating_sub(1);
        }
        stale.version.clone()
    }
}

#[derive(Debug, Default)]
struct RegionFleet {
    entries: BTreeMap<u64, Entry>,
    /// Every instance that has or had a tag, a superset of what a filter matches: reads may see a former state.
    tagged: HashMap<(String, String), BTreeSet<u64>>,
}

impl RegionFleet {
    fn index(&mut self, sequence: u64, instance: &Instance) {
        for (key, value) in &instance.tags {
            self.tagged.entry((key.clone(), value.clone())).or_default().insert(sequence);
        }
    }
}

/// All instances of an account.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    regions: HashMap<String, RegionFleet>,
    home: HashMap<String, (String, u64)>,
}

impl Fleet {
    /// The true state of an instance, whatever reads show.
    pub(crate) fn get(&self, id: &str) -> Option<&Arc<Instance>> {
        let (region, sequence) = self.home.get(id)?;
        Some(&self.regions.get(region)?.entries.get(sequence)?.instance)
    }

    /// The true state of all instances, by region and order of creation.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Instance>> {
        let ordered: BTreeMap<&String, &RegionFleet> = self.regions.iter().collect();
        ordered.into_values().flat_map(|region| region.entries.values().map(|entry| &entry.instance))
    }

    pub(crate) fn insert(&mut self, sequence: u64, instance: Instance, effect: Effect, now: Instant) {
        let region = self.regions.entry(instance.region_id.clone()).or_default();
        region.index(sequence, &instance);
        self.home.insert(instance.instance_id.clone(), (instance.region_id.clone(), sequence));
        let mut entry = Entry { instance: Arc::new(instance), stale: None };
        entry.hide_behind(None, effect, now);
        region.entries.insert(sequence, entry);
    }

    /// Changes an instance; says whether anything is different now.
    pub(crate) fn change(
        &mut self,
        id: &str,
        effect: Effect,
        now: Instant,
        change: impl FnOnce(&mut Instance),
    ) -> bool {
        let Some((region, sequence)) = self.home.get(id) else { return false };
        let Some(region) = self.regions.get_mut(region) else { return false };
        let Some(entry) = region.entries.get_mut(sequence) else { return false };
        if effect == Effect::Ignored {
            return false;
        }
        let former = Arc::clone(&entry.instance);
        change(Arc::make_mut(&mut entry.instance));
        let instance = Arc::clone(&entry.instance);
        if *instance == *former {
            return false;
        }
        entry.hide_behind(Some(former), effect, now);
        region.index(*sequence, &instance);
        true
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<Arc<Instance>> {
        let (region, sequence) = self.home.remove(id)?;
        let region = self.regions.get_mut(&region)?;
        let entry = region.entries.remove(&sequence)?;
        for set in region.tagged.values_mut() {
            set.remove(&sequence);
        }
        Some(entry.instance)
    }

    /// What a read by id sees in a region, with the position of the instance in listings.
    pub(crate) fn read(&mut self, region: &str, id: &str, now: Instant) -> Option<(u64, Arc<Instance>)> {
        let (home, sequence) = self.home.get(id)?;
        if home != region {
            return None;
        }
        let entry = self.regions.get_mut(region)?.entries.get_mut(sequence)?;
        Some((*sequence, entry.visible(now, true)?))
    }

    /// Walks a region's instances after a position, in order, as reads see them. With a tag, only instances that may
    /// carry it.
    pub(crate) fn walk(
        &mut self,
        region: &str,
        after: u64,
        tag: Option<(&str, &str)>,
        now: Instant,
        mut visit: impl FnMut(u64, &Arc<Instance>) -> Visit,
    ) {
        let Some(region) = self.regions.get_mut(region) else { return };
        let mut show = |sequence: u64, entry: &mut Entry| -> bool {
            let stop = entry.visible(now, false).is_some_and(|seen| visit(sequence, &seen) == Visit::Stop);
            if !stop {
                entry.visible(now, true);
            }
            !stop
        };
        if let Some((key, value)) = tag {
            let Some(candidates) = region.tagged.get(&(key.to_owned(), value.to_owned())) else { return };
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

/// Whether a walk goes on after the instance it was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visit {
    /// It does.
    Next,
    /// It ends before this instance.
    Stop,
}
