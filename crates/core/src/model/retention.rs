//! What an object that retains network interfaces asks and remembers beyond keeping a flag: which interfaces have been
//! seen protected, where they were, and where they are to be attached.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::id::{InstanceId, InterfaceId};
use crate::interface::{Belongings, InterfaceType};
use crate::reason::{Reason, Risk};
use crate::resource::Place;
use crate::wall_clock::WallTime;

/// Most ids in the list of retained interfaces. Beyond it the flag is still set, and only the list stops: those that their
/// instance leads to are left out first.
pub const MAX_RETAINED: usize = 5000;
/// Most rows of interfaces that are free.
pub const MAX_SURVIVORS: usize = 500;
/// Most rows of interfaces that are gone.
pub const MAX_GONE: usize = 20;
/// Most rows of interfaces that are on an instance, those that need attention first.
pub const MAX_ATTACHED: usize = 100;

/// Where an intent to attach stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttachPhase {
    /// Something is waited for.
    Waiting,
    /// The call was, or is about to be, sent.
    Requested,
    /// The interface was seen on the wanted instance. Final.
    Attached,
    /// It can't be attached as things are.
    Refused,
    /// The interface or the instance is gone. Final.
    Obsolete,
}

impl AttachPhase {
    /// The word in status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "Waiting",
            Self::Requested => "Requested",
            Self::Attached => "Attached",
            Self::Refused => "Refused",
            Self::Obsolete => "Obsolete",
        }
    }
}

/// One line of status about one intent to attach.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Attachment {
    /// The interface.
    pub interface: InterfaceId,
    /// The instance, as soon as it is known.
    pub instance: Option<InstanceId>,
    /// The Node that was named.
    pub node: Option<Arc<str>>,
    /// Where it stands.
    pub phase: AttachPhase,
    /// Why.
    pub reason: Reason,
    /// What the cloud said of it (code, request id), when that helps.
    pub detail: Option<Box<str>>,
}

impl Attachment {
    /// Whether nothing more is done about it for as long as the entry stands in the spec.
    pub fn ended(&self) -> bool {
        matches!(
            (self.phase, self.reason),
            (AttachPhase::Attached | AttachPhase::Obsolete, _) | (AttachPhase::Refused, Reason::AttachLost)
        )
    }
}

/// What is remembered of one retained interface.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Remembered {
    /// The instance that it was last seen on, as long as it is not seen free.
    pub on: Option<InstanceId>,
    /// The instance that it was on before.
    pub before: Option<InstanceId>,
    /// Whether it is free and the instance that it was on before is proven to be gone.
    pub survived: bool,
    /// Whether it came to where it is through this object.
    pub reattached: bool,
}

impl Remembered {
    /// Notes where it was seen.
    pub fn follow(&mut self, place: Place<'_>) {
        let on = match place {
            Place::Unreadable => return,
            Place::Free => None,
            Place::On(instance) => Some(instance),
        };
        if self.on.as_ref() != on {
            if let Some(left) = self.on.take() {
                self.before = Some(left);
            }
            self.on = on.cloned();
            (self.survived, self.reattached) = (false, false);
        }
    }

    /// Notes whether it is free and has outlived its last instance. Which of the two is learned first is chance. `gone`:
    /// whether an instance is proven to be gone.
    pub fn outlive(&mut self, gone: impl FnOnce(&InstanceId) -> bool) {
        if self.on.is_none() && !self.survived {
            self.survived = self.before.as_ref().is_some_and(gone);
        }
    }
}

/// What status says durably of one object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// The retained interfaces, with what the rows say of them.
    pub retained: BTreeMap<InterfaceId, Remembered>,
    /// Those of which there is a row among those of the free ones.
    pub rows: BTreeSet<InterfaceId>,
    /// Since when those rows say that an interface has outlived its instance.
    pub survived_since: BTreeMap<InterfaceId, WallTime>,
    /// The intents to attach.
    pub attachments: Vec<Attachment>,
}

/// Where an interface is in its life with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InterfacePhase {
    /// On an instance.
    Attached,
    /// Free, and its last instance still lives, or nobody knows.
    Detached,
    /// Free, and its last instance is gone.
    Available,
    /// On its way to an instance.
    Attaching,
    /// On an instance to which this object had it attached.
    Reattached,
    /// Proven to be gone.
    Gone,
    /// It can't be retained.
    NotApplicable,
}

impl InterfacePhase {
    /// The word in status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Attached => "Attached",
            Self::Detached => "Detached",
            Self::Available => "Available",
            Self::Attaching => "Attaching",
            Self::Reattached => "Reattached",
            Self::Gone => "Gone",
            Self::NotApplicable => "NotApplicable",
        }
    }

    /// The group of rows that it is listed in.
    pub const fn group(self) -> RowGroup {
        match self {
            Self::Available | Self::Detached => RowGroup::Free,
            Self::Gone => RowGroup::Gone,
            Self::Attached | Self::Attaching | Self::Reattached | Self::NotApplicable => RowGroup::Attached,
        }
    }
}

/// The groups of rows, in the order in which they are listed. Each has a limit of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowGroup {
    /// On no instance.
    Free,
    /// On an instance.
    Attached,
    /// Proven to be gone.
    Gone,
}

impl RowGroup {
    const fn limit(self) -> usize {
        match self {
            Self::Free => MAX_SURVIVORS,
            Self::Attached => MAX_ATTACHED,
            Self::Gone => MAX_GONE,
        }
    }
}

/// Cuts each group of a sorted list to its limit.
pub fn cut_rows<T>(rows: &mut Vec<T>, group: impl Fn(&T) -> RowGroup) {
    let mut counts: BTreeMap<RowGroup, usize> = BTreeMap::new();
    rows.retain(|row| {
        let group = group(row);
        let count = counts.entry(group).or_default();
        *count += 1;
        *count <= group.limit()
    });
}

/// One line of status about one interface.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InterfaceRow {
    /// The interface.
    pub id: InterfaceId,
    /// `Type`.
    pub interface_type: Option<InterfaceType>,
    /// Where it is in its life.
    pub phase: InterfacePhase,
    /// Whether its flag is not as it should be, or something else about it wants to be read.
    pub attention: bool,
    /// The instance that it is on.
    pub instance: Option<InstanceId>,
    /// The one before.
    pub last_instance: Option<InstanceId>,
    /// Its zone.
    pub zone_id: Option<Arc<str>>,
    /// What it carries.
    pub belongings: Arc<Belongings>,
    /// Why its flag is as it is.
    pub reason: Reason,
    /// What the cloud said of it (code, request id), when that helps.
    pub detail: Option<Box<str>>,
    /// Its risks.
    pub risks: Vec<Risk>,
}

impl InterfaceRow {
    /// The row of one that is gone and of which nothing else is known.
    pub fn gone(id: InterfaceId) -> Self {
        Self {
            id,
            interface_type: None,
            phase: InterfacePhase::Gone,
            attention: true,
            instance: None,
            last_instance: None,
            zone_id: None,
            belongings: Arc::default(),
            reason: Reason::Departed,
            detail: None,
            risks: Vec::new(),
        }
    }
}

/// What one engine says of one object's memory and of its intents to attach.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct RetentionReport {
    /// Every retained interface, [`MAX_RETAINED`] at most: those first that nothing but memory leads to, and then those whose
    /// ids are durable already.
    pub retained: BTreeSet<InterfaceId>,
    /// Those of them whose instance is gone and that are free: the survivors.
    pub available: BTreeSet<InterfaceId>,
    /// Where survivors are forgotten after a time: those that status listed when this was said. What it does not list any more
    /// was forgotten by somebody else since.
    pub listed_survivors: BTreeSet<InterfaceId>,
    /// Others of them that no selected instance leads to: those that are free for another reason, and those that were
    /// attached anew elsewhere.
    pub loose: BTreeSet<InterfaceId>,
    /// Those whose ids are durable, and that had to make room for others.
    pub displaced: BTreeSet<InterfaceId>,
    /// Those that were retained and are no more, and why, as long as status has not said so.
    pub departed: BTreeMap<InterfaceId, Reason>,
    /// Those of the retained ones that were not read yet: what status says of them stands.
    pub unread: BTreeSet<InterfaceId>,
    /// Rows: free ones, those that are gone since a short while, and some that are attached.
    pub rows: Vec<InterfaceRow>,
    /// The intents to attach.
    pub attachments: Vec<Attachment>,
    /// How many free ones there are, listed or not.
    pub free: Free,
    /// Whether the list of ids had to stop before one that nothing but memory leads to.
    pub full: bool,
}

/// Retained interfaces that are on no instance, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Free {
    /// Those that have outlived their instance.
    pub available: u32,
    /// Those whose last instance is not known to be gone.
    pub detached: u32,
}

/// Puts free ones first and then what needs attention, and cuts each group to its limit. `listed`: whether a free one has a
/// row already, which is not given up for another's. Of those that have none survivors come first: without a row it is not
/// known since when they are.
pub fn sort_rows(rows: &mut Vec<InterfaceRow>, listed: impl Fn(&InterfaceId) -> bool) {
    // What came to where it is through the object may be found nowhere else.
    let moved =
        |row: &InterfaceRow| matches!(row.phase, InterfacePhase::Attaching | InterfacePhase::Reattached);
    rows.sort_by(|a, b| {
        let key = |row: &InterfaceRow| match row.phase.group() {
            RowGroup::Free => (RowGroup::Free, !listed(&row.id), row.phase != InterfacePhase::Available),
            other => (other, !row.attention, !moved(row)),
        };
        key(a).cmp(&key(b)).then_with(|| a.id.cmp(&b.id))
    });
    cut_rows(rows, |row| row.phase.group());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, phase: InterfacePhase, attention: bool) -> InterfaceRow {
        InterfaceRow {
            id: InterfaceId::new(id),
            interface_type: None,
            phase,
            attention,
            instance: None,
            last_instance: None,
            zone_id: None,
            belongings: Arc::default(),
            reason: Reason::AllProtected,
            detail: None,
            risks: Vec::new(),
        }
    }

    fn ids(rows: &[InterfaceRow]) -> Vec<&str> {
        rows.iter().map(|row| row.id.as_str()).collect()
    }

    #[test]
    fn free_ones_stand_first_then_what_needs_attention_and_what_is_gone_last() {
        use InterfacePhase::{Attached, Available, Detached, Gone, NotApplicable, Reattached};
        let mut rows = vec![
            row("eni-gone", Gone, true),
            row("eni-b", Attached, false),
            row("eni-c", Reattached, false),
            row("eni-a", Reattached, true),
            row("eni-terway", NotApplicable, true),
            row("eni-free", Available, false),
            row("eni-loose", Detached, false),
        ];
        sort_rows(&mut rows, |_| false);
        assert_eq!(
            ids(&rows),
            ["eni-free", "eni-loose", "eni-a", "eni-terway", "eni-c", "eni-b", "eni-gone"]
        );
    }

    #[test]
    fn each_group_of_rows_has_its_limit_and_what_is_listed_already_is_not_cut() {
        let many =
            |phase, count: usize| (0..count).map(move |n| row(&format!("eni-{phase:?}{n:04}"), phase, false));
        let count = |rows: &[InterfaceRow], phase| rows.iter().filter(|row| row.phase == phase).count();
        let mut rows: Vec<InterfaceRow> =
            many(InterfacePhase::Attached, 200).chain(many(InterfacePhase::Gone, 30)).collect();
        rows.push(row("eni-unprotected", InterfacePhase::Attached, true));
        rows.extend(many(InterfacePhase::Available, MAX_SURVIVORS));
        rows.push(row("eni-zzz", InterfacePhase::Detached, false));
        rows.push(row("eni-zzzz", InterfacePhase::Available, true));
        rows.push(row("eni-0", InterfacePhase::Detached, false));
        sort_rows(&mut rows, |id| id.as_str() == "eni-zzz");
        assert_eq!(count(&rows, InterfacePhase::Attached), MAX_ATTACHED);
        assert_eq!(count(&rows, InterfacePhase::Gone), MAX_GONE);
        assert_eq!(
            count(&rows, InterfacePhase::Available),
            MAX_SURVIVORS - 1,
            "of new ones those that survived"
        );
        assert_eq!(rows[0].id.as_str(), "eni-zzz", "it was listed before");
        assert_eq!(
            rows[MAX_SURVIVORS].id.as_str(),
            "eni-unprotected",
            "what needs attention is not what is cut"
        );
    }
}
