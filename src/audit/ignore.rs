//! Findings that somebody has accepted for a time: the file of `--ignore`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::config::{Problems, problems_of};
use crate::visible_text::plain;

/// Why the file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum IgnoreError {
    #[error("failed to read the file {path} of ignored targets", path = path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("invalid file {path} of ignored targets:\n{problems}", path = path.display())]
    Invalid { path: PathBuf, problems: Problems },
    #[error("invalid file {path} of ignored targets: {sentence}", path = path.display())]
    Entry { path: PathBuf, sentence: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    reason: String,
    until: String,
}

/// A target whose findings don't count until a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    pub reason: String,
    /// The first moment at which they count again.
    pub until: Timestamp,
}

/// The ignored targets, and which of them were there.
#[derive(Debug, Default)]
pub struct IgnoreList {
    current: BTreeMap<Box<str>, Ignored>,
    ended: BTreeMap<Box<str>, Ignored>,
    listed: BTreeSet<Box<str>>,
}

impl IgnoreList {
    /// The list in a file.
    pub fn load(path: &Path, now: Timestamp) -> Result<Self, IgnoreError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| IgnoreError::Unreadable { path: path.to_owned(), source })?;
        Self::read(path, &text, now)
    }

    /// The list in the text of a file.
    pub fn read(path: &Path, text: &str, now: Timestamp) -> Result<Self, IgnoreError> {
        let entries: Option<Vec<Entry>> = serde_saphyr::from_str(text)
            .map_err(|error| IgnoreError::Invalid { path: path.to_owned(), problems: problems_of(&error) })?;
        Self::of(entries.unwrap_or_default(), now)
            .map_err(|sentence| IgnoreError::Entry { path: path.to_owned(), sentence })
    }

    fn of(entries: Vec<Entry>, now: Timestamp) -> Result<Self, String> {
        let mut list = Self::default();
        for Entry { id, reason, until } in entries {
            let (id, reason) = (plain(&id), plain(reason.trim()));
            if reason.is_empty() {
                return Err(format!("the entry for {id} has no reason"));
            }
            let end = end(&until).ok_or_else(|| {
                format!(
                    "until of {id}: use a date such as 2026-12-31, or a time such as 2026-12-31T18:00:00Z"
                )
            })?;
            let part = if now < end { &mut list.current } else { &mut list.ended };
            if part.insert(id.as_str().into(), Ignored { reason, until: end }).is_some() {
                return Err(format!("there are two entries for {id}; keep one of them"));
            }
        }
        match list.ended.keys().find(|id| list.current.contains_key(*id)) {
            Some(id) => Err(format!("there are two entries for {id}; keep one of them")),
            None => Ok(list),
        }
    }

    /// Notes that a target is there.
    pub fn note(&mut self, id: &str) {
        if self.current.contains_key(id) || self.ended.contains_key(id) {
            self.listed.insert(id.into());
        }
    }

    /// The entry that holds for a target.
    pub fn find(&self, id: &str) -> Option<&Ignored> {
        self.current.get(id)
    }

    /// What somebody should know of the file: entries that no longer hold and, once everything was listed, those for what is not
    /// there.
    pub fn remarks(&self, complete: bool) -> Vec<String> {
        let ended = self.ended.iter().filter(|(id, _)| self.listed.contains(*id)).map(|(id, entry)| {
            format!("{id} is no longer ignored: its entry ended at {}, so it counts again", entry.until)
        });
        let all = self.current.keys().chain(self.ended.keys());
        let absent = all.filter(|id| complete && !self.listed.contains(*id));
        ended
            .chain(absent.map(|id| format!("{id} is ignored, but it was not listed; remove its entry")))
            .collect()
    }
}

/// The end of a day in UTC, or the moment itself.
fn end(until: &str) -> Option<Timestamp> {
    let day = until.parse::<Date>().ok().filter(|_| !until.contains('T'));
    match day {
        Some(day) => Some(day.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp()),
        None => until.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, until: &str) -> Entry {
        Entry { id: id.to_owned(), reason: "because".to_owned(), until: until.to_owned() }
    }

    #[test]
    fn an_entry_holds_until_its_end_and_counts_again_after_it() {
        let now = "2026-12-31T23:00:00Z".parse().unwrap();
        let mut list = IgnoreList::of(
            vec![
                entry("i-day", "2026-12-31"),
                entry("i-time", "2026-12-31T23:00:01Z"),
                entry("i-over", "2026-12-31T23:00:00Z"),
                entry("i-gone", "2027-01-01"),
                entry("i-gone-and-over", "2026-12-30"),
            ],
            now,
        )
        .unwrap();
        let holds = ["i-day", "i-time", "i-over", "i-other"].map(|id| {
            list.note(id);
            list.find(id).is_some()
        });
        assert_eq!(holds, [true, true, false, false]);
        assert_eq!(
            list.remarks(true),
            [
                "i-over is no longer ignored: its entry ended at 2026-12-31T23:00:00Z, so it counts again",
                "i-gone is ignored, but it was not listed; remove its entry",
                "i-gone-and-over is ignored, but it was not listed; remove its entry",
            ]
        );
        assert_eq!(list.remarks(false).len(), 1, "what was not listed may be where nothing could be listed");
    }

    #[test]
    fn an_entry_needs_a_reason_and_an_end_and_stands_once() {
        let now = "2026-12-31T23:00:00Z".parse().unwrap();
        let refused = |entries| IgnoreList::of(entries, now).map(|_| ()).unwrap_err();
        assert!(refused(vec![entry("i-a", "soon")]).contains("until of i-a: use a date such as"));
        assert!(
            refused(vec![entry("i-a", "2027-01-01"), entry("i-a", "2020-01-01")]).contains("two entries")
        );
        assert!(
            refused(vec![entry("i-a", "2027-01-01"), entry("i-a", "2027-01-01")]).contains("two entries")
        );
        let without = Entry { reason: " ".to_owned(), ..entry("i-a", "2027-01-01") };
        assert_eq!(refused(vec![without]), "the entry for i-a has no reason");
    }
}
