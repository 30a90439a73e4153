//! What becomes of each flag of a target when the files are applied: what the engine says of it as the objects are, beside what it says
//! of it as they would be.

use std::collections::BTreeSet;

use keeper_core::engine::{FlagProspect, Next, Prospect, Stance};
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
    /// No object keeps it protected any more. It is left as it is.
    NoLongerHeld,
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
    /// The objects that stand against it.
    pub holders: Vec<ObjectId>,
    /// Until when an object steps aside.
    pub until: Option<WallTime>,
}

/// What becomes of a target, if an object of the files has to do with it. `before`: without the files, if the cluster is known.
pub fn fates(files: &BTreeSet<ObjectId>, before: Option<&Prospect>, after: &Prospect) -> Vec<Fate> {
    let concerns =
        |prospect: &Prospect| prospect.objects.iter().any(|opinion| files.contains(&opinion.object));
    if !concerns(after) && !before.is_some_and(concerns) {
        return Vec::new();
    }
    let before_of = |name: &str| before.and_then(|before| before.flags.iter().find(|flag| flag.name == name));
    let mut fates = Vec::new();
    for (number, flag) in after.flags.iter().enumerate() {
        let old = before_of(flag.name);
        // Others may want something of the other flags.
        if number == 0 || asks(files, flag) || old.is_some_and(|old| asks(files, old)) {
            let opinions = if number == 0 { Some((before, after)) } else { None };
            fates.push(fate(flag, old, opinions));
        }
    }
    // Of those that are not in there, nobody wants anything any more.
    let gone = before.into_iter().flat_map(|before| &before.flags);
    for old in gone.filter(|old| asks(files, old) && after.flags.iter().all(|flag| flag.name != old.name)) {
        let outcome = if is_held(old) { Outcome::NoLongerHeld } else { Outcome::Unchanged };
        fates.push(Fate::of(old.name, outcome));
    }
    fates
}

fn asks(files: &BTreeSet<ObjectId>, flag: &FlagProspect) -> bool {
    flag.wants.iter().any(|(object, stance)| files.contains(object) && *stance != Stance::Observes)
}

fn is_held(flag: &FlagProspect) -> bool {
    flag.wants
        .iter()
        .any(|(_, stance)| matches!(stance, Stance::Enforces | Stance::Holds | Stance::StepsAside(_)))
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
    let told = |outcome| Fate {
        anyway: old
            .is_some_and(|old| std::mem::discriminant(&old.next) == std::mem::discriminant(&flag.next)),
        ..Fate::of(flag.name, outcome)
    };
    match &flag.next {
        Next::Protect(object) => Fate { object: Some(object.clone()), ..told(Outcome::Protect) },
        Next::Unprotect(object) => {
            let until = flag.wants.iter().find_map(|(name, stance)| match stance {
                Stance::StepsAside(until) if name == object => Some(*until),
                _ => None,
            });
            Fate { object: Some(object.clone()), until, ..told(Outcome::Unprotect) }
        }
        Next::StaysProtected { object, reason, holders } => Fate {
            object: Some(object.clone()),
            reason: Some(*reason),
            holders: holders.clone(),
            ..told(Outcome::StaysProtected)
        },
        Next::CannotProtect(reason) => Fate { reason: Some(*reason), ..told(Outcome::CannotProtect) },
        Next::Unknown(reason) => Fate { reason: Some(*reason), ..told(Outcome::Unknown) },
        Next::Nothing => {
            let (outcome, reason) = at_rest(flag, old, opinions);
            Fate { reason, ..Fate::of(flag.name, outcome) }
        }
    }
}

/// What is said of a flag about which nothing is done.
fn at_rest(
    flag: &FlagProspect,
    old: Option<&FlagProspect>,
    opinions: Option<(Option<&Prospect>, &Prospect)>,
) -> (Outcome, Option<Reason>) {
    let verdict = opinions.and_then(|(before, after)| {
        let opinion = after.objects.first().or_else(|| before?.objects.first());
        opinion.map(|opinion| (opinion.row.state, opinion.row.reason))
    });
    match verdict {
        Some((State::NotApplicable, reason)) if is_held(flag) => (Outcome::CannotProtect, Some(reason)),
        Some((State::Unknown, reason)) if is_held(flag) => (Outcome::Unknown, Some(reason)),
        Some((State::Unprotected | State::Excepted, reason)) if is_held(flag) => {
            (Outcome::Unchanged, Some(reason))
        }
        None | Some((State::Protected, _)) if is_held(flag) => (Outcome::Protected, None),
        Some((State::NotApplicable, _)) => (Outcome::Unchanged, None),
        _ if old.is_some_and(is_held) => (Outcome::NoLongerHeld, None),
        _ => (Outcome::Unchanged, None),
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
            flags: vec![FlagProspect { name: "DeletionProtection", wants: wanted, next }],
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
        let with = |wants: &[(&str, Stance)], next| {
            let mut all = prospect(&[("file", Stance::Enforces)], State::Protected, Next::Nothing);
            let wants = wants.iter().map(|(name, stance)| (object(name), *stance)).collect();
            all.flags.push(FlagProspect { name: "AutoReleaseTime", wants, next });
            all
        };
        let plain = prospect(&[("file", Stance::Enforces)], State::Protected, Next::Nothing);
        let theirs = with(&[("other", Stance::Enforces)], Next::Protect(object("other")));
        assert_eq!(becomes(None, &theirs), [(Outcome::Protected, false)]);
        let ours = with(&[("file", Stance::Enforces)], Next::Protect(object("file")));
        assert_eq!(becomes(Some(&plain), &ours), [(Outcome::Protected, false), (Outcome::Protect, false)]);
        assert_eq!(
            becomes(Some(&ours), &plain),
            [(Outcome::Protected, false), (Outcome::NoLongerHeld, false)]
        );
    }
}
