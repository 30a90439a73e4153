//! What becomes of each flag of a target when the files are applied: what the engine says of it as the objects are, beside what it says
//! of it as they would be.

use std::collections::BTreeSet;

use keeper_core::delete_on_release::DeleteOnRelease;
use keeper_core::engine::{FlagProspect, Next, Prospect, Stance};
use keeper_core::flag::Flag as _;
use keeper_core::id::ObjectId;
use keeper_core::reason::Reason;
use keeper_core::verdict::State;
use keeper_core::wall_clock::WallTime;
use schemars::JsonSchema;
use serde::Serialize;

/// What becomes of a flag, what needs attention first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub enum Outcome {
    /// The operator gives it its unprotected value.
    Unprotect,
    /// An object asks for its unprotected value, and something stands against that.
    StaysProtected,
    /// No object keeps it protected any more, or none stops others from unprotecting it. It is left as it is.
    NoLongerHeld,
    /// It is unprotected, and an object steps aside for it until another time than without the files.
    LeftUnprotected,
    /// It can't be told.
    Unknown,
    /// An object wants it protected, and the target can't carry it.
    CannotProtect,
    /// The operator gives it its protected value.
    Protect,
    /// It is left as it is, which is not protected, or not known to be kept so.
    Unchanged,
    /// It is protected, and stays so.
    Protected,
}

/// What becomes of one flag of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// The attribute of the cloud's API.
    pub flag: &'static str,
    pub outcome: Outcome,
    /// Whether the same becomes of it without the files.
    pub anyway: bool,
    /// Why, if that has a word.
    pub reason: Option<Reason>,
    /// For which object it is done, or which asks for it.
    pub object: Option<ObjectId>,
    /// The objects that stand against unprotecting it.
    pub holders: Vec<ObjectId>,
    /// Until when an object steps aside.
    pub until: Option<WallTime>,
}

/// What the objects that select a target do for its flag, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Keeping {
    Nothing,
    /// Nobody may unprotect it, and nobody protects it.
    Holds,
    /// The same, and it is protected later.
    StepsAside,
    /// It is protected.
    Enforces,
}

/// What becomes of a target, if an object of the files has to do with it, or if the files have it unprotected for another object: one
/// that could not be read stood against that. `before`: without the files, if the cluster is known.
pub fn fates(files: &BTreeSet<ObjectId>, before: Option<&Prospect>, after: &Prospect) -> Vec<Fate> {
    let before_of = |name: &str| before.and_then(|before| before.flags.iter().find(|flag| flag.name == name));
    let concerns =
        |prospect: &Prospect| prospect.objects.iter().any(|opinion| files.contains(&opinion.object));
    let mut fates = Vec::new();
    if concerns(after) || before.is_some_and(concerns) {
        for (number, flag) in after.flags.iter().enumerate() {
            let old = before_of(flag.name);
            // Others may want something of the other flags.
            let asked = asks(files, flag) || old.is_some_and(|old| asks(files, old));
            if number == 0 || asked || is_released(old, flag) {
                let opinions = if number == 0 { Some((before, after)) } else { None };
                fates.push(fate(flag, old, opinions));
            }
        }
        // Of those that are not in there, nobody wants anything any more.
        let gone = before.into_iter().flat_map(|before| &before.flags);
        let gone =
            gone.filter(|old| asks(files, old) && after.flags.iter().all(|flag| flag.name != old.name));
        for old in gone {
            let held = keeping(old) > Keeping::Nothing;
            let outcome = if held { Outcome::NoLongerHeld } else { Outcome::Unchanged };
            fates.push(Fate::of(old.name, outcome));
        }
    } else {
        let released = after.flags.iter().filter(|flag| is_released(before_of(flag.name), flag));
        fates.extend(released.map(|flag| fate(flag, before_of(flag.name), None)));
    }
    for (object, reason) in after.unknown_hosts.iter().filter(|(object, _)| files.contains(object)) {
        fates.push(Fate {
            anyway: before.is_some_and(|before| before.unknown_hosts.contains(&(object.clone(), *reason))),
            reason: Some(*reason),
            object: Some(object.clone()),
            ..Fate::of(DeleteOnRelease::NAME, Outcome::Unknown)
        });
    }
    fates
}

/// Whether it is unprotected with the files and not without them.
fn is_released(old: Option<&FlagProspect>, flag: &FlagProspect) -> bool {
    matches!(flag.next, Next::Unprotect(_)) && old.is_some_and(|old| !is_same(old, flag))
}

fn asks(files: &BTreeSet<ObjectId>, flag: &FlagProspect) -> bool {
    flag.wants.iter().any(|(object, stance)| files.contains(object) && *stance != Stance::Observes)
}

fn keeping(flag: &FlagProspect) -> Keeping {
    let each = flag.wants.iter().map(|(_, stance)| match stance {
        Stance::Enforces => Keeping::Enforces,
        Stance::StepsAside(_) => Keeping::StepsAside,
        Stance::Holds => Keeping::Holds,
        Stance::Unprotects | Stance::Unprotected | Stance::Observes => Keeping::Nothing,
    });
    each.max().unwrap_or(Keeping::Nothing)
}

/// The objects that step aside for it, and until when.
fn stepping_aside(flag: &FlagProspect) -> impl Iterator<Item = (&ObjectId, WallTime)> {
    flag.wants.iter().filter_map(|(object, stance)| match stance {
        Stance::StepsAside(until) => Some((object, *until)),
        _ => None,
    })
}

fn until(flag: &FlagProspect, object: &ObjectId) -> Option<WallTime> {
    stepping_aside(flag).find(|(name, _)| *name == object).map(|(_, until)| until)
}

impl Fate {
    fn of(flag: &'static str, outcome: Outcome) -> Self {
        Self { flag, outcome, anyway: false, reason: None, object: None, holders: Vec::new(), until: None }
    }
}

/// `opinions`: what is said of the main flag, which the verdicts are about.
fn fate(
    flag: &FlagProspect,
    old: Option<&FlagProspect>,
    opinions: Option<(Option<&Prospect>, &Prospect)>,
) -> Fate {
    let told =
        |outcome| Fate { anyway: old.is_some_and(|old| is_same(old, flag)), ..Fate::of(flag.name, outcome) };
    match &flag.next {
        Next::Protect(object) => Fate { object: Some(object.clone()), ..told(Outcome::Protect) },
        Next::Unprotect(object) => {
            Fate { object: Some(object.clone()), until: until(flag, object), ..told(Outcome::Unprotect) }
        }
        Next::StaysProtected { object, reason, holders } => Fate {
            object: Some(object.clone()),
            reason: Some(*reason),
            holders: holders.clone(),
            ..told(Outcome::StaysProtected)
        },
        Next::CannotProtect(reason) => Fate { reason: Some(*reason), ..told(Outcome::CannotProtect) },
        Next::Unknown(reason) => Fate { reason: Some(*reason), ..told(Outcome::Unknown) },
        Next::Nothing => at_rest(flag, old, opinions),
    }
}

/// Whether the same is done next with the files as without them. It does not matter for whom something is protected.
fn is_same(old: &FlagProspect, flag: &FlagProspect) -> bool {
    match (&old.next, &flag.next) {
        (Next::Protect(_), Next::Protect(_)) => true,
        (Next::Unprotect(one), Next::Unprotect(other)) => {
            one == other && until(old, one) == until(flag, other)
        }
        (one, other) => one == other,
    }
}

/// What is said of a flag about which nothing is done.
fn at_rest(
    flag: &FlagProspect,
    old: Option<&FlagProspect>,
    opinions: Option<(Option<&Prospect>, &Prospect)>,
) -> Fate {
    let (is, was) = (keeping(flag), old.map_or(Keeping::Nothing, keeping));
    let told = |outcome, reason| Fate { reason, ..Fate::of(flag.name, outcome) };
    let said =
        |prospect: &Prospect| prospect.objects.first().map(|opinion| (opinion.row.state, opinion.row.reason));
    let verdict = opinions.and_then(|(before, after)| said(after).or_else(|| said(before?)));
    // Of the other flags nothing is said but what was read.
    let read = flag.protected.filter(|_| opinions.is_none());
    let of_flag = read.map(|protected| if protected { State::Protected } else { State::Unprotected });
    let state = verdict.map(|(state, _)| state).or(of_flag);
    let reason = verdict.map(|(_, reason)| reason).filter(|_| is > Keeping::Nothing);
    let aside = stepping_aside(flag)
        .find(|(object, until)| old.is_none_or(|old| self::until(old, object) != Some(*until)));
    match (state, aside) {
        (Some(State::NotApplicable), _) if is > Keeping::Nothing => told(Outcome::CannotProtect, reason),
        (Some(State::Unknown), _) if is > Keeping::Nothing => {
            let said_before = opinions.and_then(|(before, _)| said(before?));
            Fate { anyway: is == was && said_before == verdict, ..told(Outcome::Unknown, reason) }
        }
        (Some(State::Unprotected | State::Excepted), Some((object, until))) if is == Keeping::StepsAside => {
            let (object, until) = (Some(object.clone()), Some(until));
            Fate { object, until, ..told(Outcome::LeftUnprotected, reason) }
        }
        (Some(State::NotApplicable), _) => told(Outcome::Unchanged, None),
        _ if is < was => {
            let holders = flag.wants.iter().filter(|(_, stance)| *stance == Stance::Holds);
            let holders = holders.map(|(object, _)| object.clone()).collect();
            Fate { holders, ..told(Outcome::NoLongerHeld, None) }
        }
        (Some(State::Protected), _) if is >= Keeping::StepsAside => told(Outcome::Protected, None),
        (Some(State::Unprotected | State::Excepted), _) => told(Outcome::Unchanged, reason),
        _ => told(Outcome::Unchanged, None),
    }
}

#[cfg(test)]
mod tests {
    use keeper_core::engine::Opinion;
    use keeper_core::verdict::Row;

    use super::*;

    fn object(name: &str) -> ObjectId {
        ObjectId::new("team", name, name)
    }

    /// What objects want of the main flag of a target that is in this state, and what is done next.
    fn prospect(wants: &[(&str, Stance)], state: State, next: Next) -> Prospect {
        let reason = if state == State::Protected { Reason::AllProtected } else { Reason::Unprotected };
        let opinion = |(name, _): &(&str, Stance)| Opinion {
            object: object(name),
            generation: 1,
            doubt: None,
            row: Row { id: "i-a".into(), state, reason, detail: None, risks: Vec::new() },
        };
        let wanted = wants.iter().map(|(name, stance)| (object(name), *stance)).collect();
        Prospect {
            objects: wants.iter().map(opinion).collect(),
            flags: vec![FlagProspect {
                name: "DeletionProtection",
                protected: None,
                wants: wanted,
                next,
                in_call_with: None,
            }],
            unknown_hosts: Vec::new(),
        }
    }

    fn becomes(before: Option<&Prospect>, after: &Prospect) -> Vec<(Outcome, bool)> {
        let fates = fates(&[object("file")].into(), before, after);
        fates.iter().map(|fate| (fate.outcome, fate.anyway)).collect()
    }

    #[test]
    fn what_the_files_change_is_told_from_what_happens_anyway() {
        let enforces = [("file", Stance::Enforces)];
        let protect = || Next::Protect(object("file"));
        let (off, on) = (State::Unprotected, State::Protected);
        let pending = prospect(&enforces, off, protect());
        assert_eq!(becomes(None, &pending), [(Outcome::Protect, false)]);
        assert_eq!(becomes(Some(&pending), &pending), [(Outcome::Protect, true)]);
        let nobody = prospect(&[], on, Next::Nothing);
        assert_eq!(becomes(Some(&nobody), &pending), [(Outcome::Protect, false)]);
        let safe = prospect(&enforces, on, Next::Nothing);
        assert_eq!(becomes(Some(&nobody), &safe), [(Outcome::Protected, false)]);
        assert_eq!(becomes(Some(&safe), &nobody), [(Outcome::NoLongerHeld, false)]);
        let bare = prospect(&[], off, Next::Nothing);
        assert_eq!(becomes(Some(&pending), &bare), [(Outcome::NoLongerHeld, false)]);
        let gives_up = [("file", Stance::Unprotects)];
        let unprotect = prospect(&gives_up, on, Next::Unprotect(object("file")));
        assert_eq!(becomes(Some(&safe), &unprotect), [(Outcome::Unprotect, false)]);
        let done = prospect(&[("file", Stance::Unprotected)], off, Next::Nothing);
        assert_eq!(becomes(Some(&done), &done), [(Outcome::Unchanged, false)]);
        let watches = prospect(&[("file", Stance::Holds)], off, Next::Nothing);
        assert_eq!(becomes(None, &watches), [(Outcome::Unchanged, false)]);
    }

    #[test]
    fn who_only_stops_others_keeps_nothing_protected() {
        let (off, on) = (State::Unprotected, State::Protected);
        let enforces = prospect(&[("file", Stance::Enforces)], on, Next::Nothing);
        let holds = prospect(&[("file", Stance::Holds)], on, Next::Nothing);
        assert_eq!(becomes(Some(&enforces), &holds), [(Outcome::NoLongerHeld, false)]);
        assert_eq!(becomes(Some(&holds), &holds), [(Outcome::Unchanged, false)]);
        assert_eq!(becomes(None, &holds), [(Outcome::Unchanged, false)]);
        let pending = prospect(&[("file", Stance::Enforces)], off, Next::Protect(object("file")));
        let bare = prospect(&[("file", Stance::Holds)], off, Next::Nothing);
        assert_eq!(becomes(Some(&pending), &bare), [(Outcome::NoLongerHeld, false)]);
        let both = [("file", Stance::Enforces), ("other", Stance::Holds)];
        let both = prospect(&both, on, Next::Nothing);
        let other = prospect(&[("other", Stance::Holds)], on, Next::Nothing);
        let fate = fates(&[object("file")].into(), Some(&both), &other).remove(0);
        assert_eq!((fate.outcome, fate.holders), (Outcome::NoLongerHeld, vec![object("other")]));
        let others = [("file", Stance::Holds), ("other", Stance::Enforces)];
        let others = prospect(&others, on, Next::Nothing);
        assert_eq!(becomes(Some(&both), &others), [(Outcome::Protected, false)]);
    }

    #[test]
    fn i09_what_the_files_have_unprotected_for_another_object_is_told() {
        let gives_up = [("other", Stance::Unprotects)];
        let on = |next| prospect(&gives_up, State::Protected, next);
        let stays = || Next::StaysProtected {
            object: object("other"),
            reason: Reason::OpaqueRival,
            holders: Vec::new(),
        };
        let unprotect = || on(Next::Unprotect(object("other")));
        assert_eq!(becomes(Some(&on(stays())), &unprotect()), [(Outcome::Unprotect, false)]);
        assert_eq!(becomes(Some(&unprotect()), &unprotect()), [], "it is unprotected anyway");
        assert_eq!(becomes(None, &unprotect()), [], "nobody knows what stood against it");
        assert_eq!(becomes(Some(&on(stays())), &on(stays())), []);
    }

    #[test]
    fn i53_an_exception_that_is_new_or_ends_at_another_time_is_told() {
        let at = |second| WallTime::at(std::time::Duration::from_secs(second));
        let aside = |second| [("file", Stance::StepsAside(at(second)))];
        let left = |second| prospect(&aside(second), State::Excepted, Next::Nothing);
        let pending = |second| prospect(&aside(second), State::Protected, Next::Unprotect(object("file")));
        let bare = prospect(&[("file", Stance::Enforces)], State::Unprotected, Next::Protect(object("file")));
        assert_eq!(becomes(Some(&bare), &left(5)), [(Outcome::LeftUnprotected, false)]);
        assert_eq!(becomes(Some(&left(4)), &left(5)), [(Outcome::LeftUnprotected, false)]);
        assert_eq!(becomes(Some(&left(5)), &left(5)), [(Outcome::Unchanged, false)]);
        assert_eq!(becomes(None, &left(5)), [(Outcome::LeftUnprotected, false)]);
        let fate = fates(&[object("file")].into(), Some(&left(4)), &left(5)).remove(0);
        assert_eq!((fate.object, fate.until), (Some(object("file")), Some(at(5))));
        assert_eq!(becomes(Some(&pending(5)), &pending(5)), [(Outcome::Unprotect, true)]);
        assert_eq!(becomes(Some(&pending(4)), &pending(5)), [(Outcome::Unprotect, false)]);
        let gives_up = [("file", Stance::Unprotects), ("other", Stance::Unprotects)];
        let by = |name| prospect(&gives_up, State::Protected, Next::Unprotect(object(name)));
        assert_eq!(becomes(Some(&by("other")), &by("file")), [(Outcome::Unprotect, false)]);
    }

    #[test]
    fn what_is_not_known_without_the_files_either_is_pending_anyway() {
        let missing = |stance| prospect(&[("file", stance)], State::Unknown, Next::Nothing);
        let holds = missing(Stance::Holds);
        assert_eq!(becomes(None, &holds), [(Outcome::Unknown, false)]);
        assert_eq!(becomes(Some(&holds), &holds), [(Outcome::Unknown, true)]);
        assert_eq!(becomes(Some(&missing(Stance::Enforces)), &holds), [(Outcome::Unknown, false)]);
    }

    #[test]
    fn i21_an_instance_whose_network_interfaces_are_not_known_is_told() {
        let nothing = || prospect(&[], State::Unknown, Next::Nothing);
        let host = |name| Prospect { unknown_hosts: vec![(object(name), Reason::Missing)], ..nothing() };
        assert_eq!(becomes(None, &host("file")), [(Outcome::Unknown, false)]);
        assert_eq!(becomes(Some(&nothing()), &host("file")), [(Outcome::Unknown, false)]);
        assert_eq!(becomes(Some(&host("file")), &host("file")), [(Outcome::Unknown, true)]);
        assert_eq!(becomes(None, &host("other")), []);
    }

    #[test]
    fn what_is_no_concern_of_the_files_is_not_told() {
        let others =
            prospect(&[("other", Stance::Enforces)], State::Unprotected, Next::Protect(object("other")));
        assert_eq!(becomes(Some(&others), &others), []);
    }

    #[test]
    fn who_stands_against_unprotecting_is_told() {
        let wants = [("file", Stance::Unprotects), ("other", Stance::Enforces)];
        let holders = vec![object("other")];
        let next = Next::StaysProtected {
            object: object("file"),
            reason: Reason::Conflict,
            holders: holders.clone(),
        };
        let after = prospect(&wants, State::Protected, next);
        let fate = fates(&[object("file")].into(), None, &after).remove(0);
        assert_eq!(
            (fate.outcome, fate.holders, fate.reason),
            (Outcome::StaysProtected, holders, Some(Reason::Conflict))
        );
    }

    #[test]
    fn another_flag_is_told_if_the_files_want_something_of_it() {
        let with = |protected, wants: &[(&str, Stance)], next| {
            let mut all = prospect(&[("file", Stance::Enforces)], State::Protected, Next::Nothing);
            let wants = wants.iter().map(|(name, stance)| (object(name), *stance)).collect();
            all.flags.push(FlagProspect {
                name: "AutoReleaseTime",
                protected: Some(protected),
                wants,
                next,
                in_call_with: None,
            });
            all
        };
        let plain = prospect(&[("file", Stance::Enforces)], State::Protected, Next::Nothing);
        let theirs = with(false, &[("other", Stance::Enforces)], Next::Protect(object("other")));
        assert_eq!(becomes(None, &theirs), [(Outcome::Protected, false)]);
        let ours = with(false, &[("file", Stance::Enforces)], Next::Protect(object("file")));
        assert_eq!(becomes(Some(&plain), &ours), [(Outcome::Protected, false), (Outcome::Protect, false)]);
        assert_eq!(
            becomes(Some(&ours), &plain),
            [(Outcome::Protected, false), (Outcome::NoLongerHeld, false)]
        );
        let until = WallTime::at(std::time::Duration::from_secs(5));
        let aside = |protected| with(protected, &[("file", Stance::StepsAside(until))], Next::Nothing);
        assert_eq!(becomes(None, &aside(true)), [(Outcome::Protected, false), (Outcome::Protected, false)]);
        assert_eq!(
            becomes(None, &aside(false)),
            [(Outcome::Protected, false), (Outcome::LeftUnprotected, false)]
        );
        assert_eq!(
            becomes(Some(&aside(false)), &aside(false)),
            [(Outcome::Protected, false), (Outcome::Unchanged, false)]
        );
    }
}
