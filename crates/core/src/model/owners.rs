//! The instances that network interfaces are on, as the engine of instances tells them to the engine of interfaces.
//!
//! An object that retains the interfaces of instances has two halves: one engine finds the instances, the other keeps
//! the flags. Between them goes the [`Roster`], whole and at once, whenever it comes to say something else.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::id::{InstanceId, InterfaceId};
use crate::pace::Fits;
use crate::reason::{Reason, Risk};
use crate::time::Moment;

/// What a listing says of an instance besides its flag, as far as its network interfaces are concerned. A field is `None`
/// when the cloud's answer lacked it or had it in a form that we do not know.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Surroundings {
    /// The instance's own list of its interfaces. An interface on its way to the instance may not stand there yet.
    pub interfaces: Option<Vec<InterfaceId>>,
    /// Zone.
    pub zone_id: Option<Arc<str>>,
    /// VPC; of an instance outside of any, the text is empty.
    pub vpc_id: Option<Arc<str>>,
    /// Status.
    pub power: Option<Power>,
}

/// The status of an instance as far as attaching an interface depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Power {
    /// `Running`
    Running,
    /// `Stopped`
    Stopped,
    /// On its way from one to the other, or not there yet.
    Between,
}

/// What one object's selectors make of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Its interfaces are selected.
    Selected,
    /// Whether they are can't be told, for this reason.
    Unclear(Reason),
    /// Whatever is on it is left alone.
    Excluded,
    /// Not selected; it was asked after because something of the object is or was on it, or is to be.
    Watched,
}

/// What is known of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Presence {
    /// Fresh evidence shows it.
    Shown(Shown),
    /// It is proven that the cloud knows no such instance, since then.
    Gone(Moment),
    /// We can't tell.
    Unknown(Reason),
}

/// An instance as fresh evidence shows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shown {
    /// What its interfaces need to know of it.
    pub surroundings: Arc<Surroundings>,
    /// Whether a tag says that it belongs to a Kubernetes cluster of the vendor's.
    pub in_cluster: bool,
    /// The ways in which it may go that the vendor's page on retention doesn't speak of.
    pub departures: Arc<[Risk]>,
}

/// One instance of a roster.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Owner {
    /// What the object's selectors make of it.
    pub role: Role,
    /// Whether the object names it by id.
    pub named: bool,
    /// Whether a selected Node stands for it.
    pub behind_node: bool,
    /// What is known of it.
    pub presence: Presence,
}

impl Owner {
    /// What fresh evidence shows of it.
    pub fn shown(&self) -> Option<&Shown> {
        match &self.presence {
            Presence::Shown(shown) => Some(shown),
            Presence::Gone(_) | Presence::Unknown(_) => None,
        }
    }

    /// Whether it is proven that the cloud knows no such instance.
    pub fn gone(&self) -> bool {
        matches!(self.presence, Presence::Gone(_))
    }

    /// What is known of it, when a network interface was seen on it at this moment. Nothing is on an instance that is gone:
    /// what is seen there after that was proven says that the instance is only hidden from us.
    pub fn presence_below(&self, seen: Moment) -> &Presence {
        match &self.presence {
            Presence::Gone(since) if seen >= *since => &Presence::Unknown(Reason::ListsDisagree),
            known => known,
        }
    }
}

/// The instances that one object is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Roster {
    /// The instances.
    pub owners: BTreeMap<InstanceId, Owner>,
    /// Why there may be selected ones that are not here.
    pub unlisted: Option<Reason>,
    /// Why instances can't be read, and what the cloud said to that.
    pub unread: Option<(Reason, Box<str>)>,
    /// Why nothing positive is to be said although all of them are here: they are looked at too seldom.
    pub lagging: Option<Reason>,
    /// Where throttling is why something is not known: how many calls are let through.
    pub fits: Fits,
}

impl Roster {
    /// What the cloud said, if this is why instances can't be read.
    pub fn words_for(&self, reason: Reason) -> Option<&str> {
        self.unread.as_ref().filter(|(why, _)| *why == reason).map(|(_, words)| &**words)
    }

    /// What the object makes of the instance; `None`: nothing.
    pub fn role(&self, instance: &InstanceId) -> Option<Role> {
        self.owners.get(instance).map(|owner| owner.role)
    }

    /// The instances whose interfaces are, or may be, selected.
    pub fn selected(&self) -> impl Iterator<Item = (&InstanceId, &Owner)> {
        self.owners.iter().filter(|(_, owner)| matches!(owner.role, Role::Selected | Role::Unclear(_)))
    }

    /// Whether anything is not known for this reason.
    pub fn lacks_for(&self, reason: Reason) -> bool {
        self.unlisted == Some(reason)
            || self.lagging == Some(reason)
            || self.owners.values().any(|owner| owner.presence == Presence::Unknown(reason))
    }

    /// Whether anything here was missing when it was looked up, and is to be looked up again.
    pub fn misses(&self) -> bool {
        self.owners.values().any(|owner| owner.presence == Presence::Unknown(Reason::Missing))
    }

    /// Whether anything here is not known for want of an answer, whatever the reason for that.
    pub fn unheard(&self) -> bool {
        let answered = |reason| {
            matches!(
                reason,
                Reason::Missing
                    | Reason::NotFound
                    | Reason::FieldUnreadable
                    | Reason::ListingUnreadable
                    | Reason::NothingVisible
            )
        };
        self.unlisted.is_some_and(|reason| !answered(reason))
            || self.owners.values().any(|owner| match owner.presence {
                Presence::Unknown(reason) => !answered(reason),
                Presence::Shown(_) | Presence::Gone(_) => false,
            })
    }

    /// Whether anything here has yet to be read for the first time.
    pub fn awaits(&self) -> bool {
        let first = |reason| matches!(reason, Reason::AwaitingEvidence | Reason::AwaitingListing);
        self.unlisted.is_some_and(first)
            || self.owners.values().any(|owner| match owner.presence {
                Presence::Unknown(reason) => first(reason),
                Presence::Shown(_) | Presence::Gone(_) => false,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(role: Role, presence: Presence) -> Owner {
        Owner { role, named: false, behind_node: false, presence }
    }

    fn shown() -> Presence {
        let surroundings = Arc::new(Surroundings::default());
        Presence::Shown(Shown { surroundings, in_cluster: false, departures: Arc::from([]) })
    }

    fn roster(owners: impl IntoIterator<Item = (&'static str, Owner)>) -> Roster {
        let owners = owners.into_iter().map(|(name, owner)| (InstanceId::new(name), owner)).collect();
        Roster { owners, ..Roster::default() }
    }

    #[test]
    fn i21_what_is_on_an_instance_counts_for_selected_and_doubtful_ones_alone() {
        let roster = roster([
            ("i-selected", owner(Role::Selected, shown())),
            ("i-unclear", owner(Role::Unclear(Reason::EvidenceStale), shown())),
            ("i-excluded", owner(Role::Excluded, shown())),
            ("i-watched", owner(Role::Watched, shown())),
        ]);
        let selected: Vec<&str> = roster.selected().map(|(id, _)| id.as_str()).collect();
        assert_eq!(selected, ["i-selected", "i-unclear"]);
        assert_eq!(roster.role(&InstanceId::new("i-excluded")), Some(Role::Excluded));
        assert_eq!(roster.role(&InstanceId::new("i-other")), None);
    }

    #[test]
    fn i38_a_roster_awaits_what_was_never_read_and_not_what_is_known_to_be_in_doubt() {
        let with = |presence| roster([("i-a", owner(Role::Selected, presence))]);
        assert!(with(Presence::Unknown(Reason::AwaitingEvidence)).awaits());
        for known in [shown(), Presence::Gone(Moment::default()), Presence::Unknown(Reason::EvidenceStale)] {
            assert!(!with(known.clone()).awaits(), "{known:?}");
        }
        let listing = |reason| Roster { unlisted: reason, ..Roster::default() };
        assert!(listing(Some(Reason::AwaitingListing)).awaits());
        assert!(!listing(Some(Reason::PermissionDenied)).awaits());
        assert!(!listing(None).awaits());
    }
}
