//! When something is said of an object.

use std::time::Duration;

use super::judge::{digest, judge_part, shape};
use super::objects::Reported;
use super::rosters::bereaved;
use super::{Action, Engine, Extension};
use crate::id::ObjectId;
use crate::time::Moment;
use crate::verdict::RegionReport;

/// Counts alone are reported this often at most.
const COUNTS_EVERY: Duration = Duration::from_secs(2);
/// Reports and rosters that take at least this long to make share a part of the time.
const LONG_REPORT: Duration = Duration::from_micros(200);

impl<K: Extension> Engine<K> {
    pub(super) fn plan_reports(&mut self, now: Moment, out: &mut Vec<Action<K>>) {
        self.fetch_due_reports(now);
        let dirty = self.context.take_touched();
        for name in dirty {
            let Some(object) = self.objects.get(&name) else { continue };
            if object.intent.enumerates {
                self.rosters_due.insert(name);
                continue;
            }
            if object.next_report > now {
                self.deferred.insert((object.next_report, name));
                continue;
            }
            self.tidy_memory(now, &name);
            self.watches_due.insert(name.clone());
            let (part, cost) = judge_part(self.view(now), &name);
            let whole = digest(&part);
            let shape = shape(self.view(now), &name, &part);
            let next_report = now.after(self.rest(&name, cost));
            let uncertain = !part.counts.unknown.is_empty()
                || part.unlisted.is_some()
                || self.objects.get(&name).is_some_and(|object| bereaved(self.view(now), object));
            let gathers = self.objects.get(&name).is_some_and(|object| self.gathers_losses(now, object));
            let Some(object) = self.objects.get_mut(&name) else { continue };
            object.settled |= part.settled;
            let awaited = (object.born, name.clone());
            if object.settled {
                self.unsettled.remove(&awaited);
            } else {
                self.unsettled.insert(awaited);
            }
            object.next_report = next_report;
            let tells = !object.losses.is_empty();
            match object.reported {
                Some(last) if last.whole == whole && !tells => {
                    object.reported = Some(Reported { uncertain, ..last });
                }
                Some(last) if last.shape == shape && now.since(last.at) < COUNTS_EVERY => {
                    // A transition that comes before its time goes out at once all the same.
                    self.deferred.insert((last.at.after(COUNTS_EVERY), name));
                }
                Some(last) if last.shape == shape && tells && gathers => {
                    self.deferred.insert((now.after(COUNTS_EVERY), name));
                }
                _ => {
                    object.reported = Some(Reported { at: now, whole, shape, uncertain });
                    let part = RegionReport { lost: std::mem::take(&mut object.losses), ..part };
                    out.push(Action::Report(name, object.generation, Box::new(part)));
                }
            }
        }
        if let Some((at, _)) = self.deferred.first() {
            let at = *at;
            self.context.wake_at(at);
        }
        if let Some((born, _)) = self.unsettled.first() {
            let at = born.after(self.patience);
            self.context.wake_at(at);
        }
    }

    /// How long an object is left alone after what was made for it: a long list is not looked through at every answer, and
    /// all of them together take a tenth of the time.
    pub(super) fn rest(&mut self, name: &ObjectId, cost: Duration) -> Duration {
        if cost >= LONG_REPORT {
            self.long_reports.insert(name.clone());
        } else {
            self.long_reports.remove(name);
        }
        let rivals = u32::try_from(self.long_reports.len()).unwrap_or(u32::MAX).max(2);
        cost * 10 * rivals
    }

    /// Marks the reports whose time has come: those put off, and those that were waited for long enough.
    fn fetch_due_reports(&mut self, now: Moment) {
        while self.deferred.first().is_some_and(|(at, _)| *at <= now)
            && let Some((_, name)) = self.deferred.pop_first()
        {
            self.context.touch(name);
        }
        let patience = self.patience;
        while self.unsettled.first().is_some_and(|(born, _)| born.after(patience) <= now)
            && let Some((_, name)) = self.unsettled.pop_first()
        {
            self.context.touch(name);
        }
    }
}
