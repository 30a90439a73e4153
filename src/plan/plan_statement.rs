//! What becomes of a flag of a target, in words.

use jiff::Timestamp;
use keeper_core::auto_release_time::AutoReleaseTime;
use keeper_core::delete_on_release::DeleteOnRelease;
use keeper_core::flag::Flag as _;
use keeper_core::protected_from_scale_in::ProtectedFromScaleIn;

use super::comparison::Outcome;
use crate::object_ref::{ObjectRef, names};
use crate::zone::Zone;

/// What becomes of it, and who has to do with it.
pub struct Statement<'a> {
    pub flag: &'a str,
    /// Whether it is about an instance that has the flag only through its network interfaces.
    pub is_host: bool,
    pub outcome: Outcome,
    pub object: Option<&'a ObjectRef>,
    pub holders: &'a [ObjectRef],
    pub until: Option<Timestamp>,
    pub anyway: bool,
}

/// How a flag is spoken of: what is done, what is taken back, what it is, and what it is not.
fn words(flag: &str) -> [&'static str; 4] {
    match flag {
        DeleteOnRelease::NAME => {
            ["will be retained", "will be released from retention", "retained", "without retention"]
        }
        ProtectedFromScaleIn::NAME => [
            "will be protected from scale-in",
            "will be given up to scale-in",
            "protected from scale-in",
            "unprotected from scale-in",
        ],
        AutoReleaseTime::NAME => ["its release time will be removed", "", "without a release time", ""],
        _ => ["will be protected", "will be unprotected", "protected", "unprotected"],
    }
}

impl Statement<'_> {
    /// The sentence, without an end, with times in this zone.
    pub fn text(&self, zone: &Zone) -> String {
        let [done, undone, so, not_so] = words(self.flag);
        let asker = || self.object.map_or_else(|| "an object".to_owned(), ToString::to_string);
        let said = match self.outcome {
            Outcome::Protect => done.to_owned(),
            Outcome::Unprotect => match self.until {
                Some(until) => format!("{undone}, for {} until {}", asker(), zone.time(until)),
                None => format!("{undone}, as {} asks", asker()),
            },
            Outcome::StaysProtected if self.holders.is_empty() => {
                format!("stays {so}, although {} gives it up", asker())
            }
            Outcome::StaysProtected => {
                format!("stays {so}, although {} gives it up: held by {}", asker(), names(self.holders))
            }
            Outcome::NoLongerHeld if self.holders.is_empty() => {
                format!("is left as it is, and no object keeps it {so} any more")
            }
            Outcome::NoLongerHeld => format!(
                "is left as it is, and no object keeps it {so} any more: {} only stands against giving it up",
                names(self.holders)
            ),
            Outcome::LeftUnprotected if self.flag == AutoReleaseTime::NAME => match self.until {
                Some(until) => {
                    format!("keeps its release time: {} steps aside until {}", asker(), zone.time(until))
                }
                None => format!("keeps its release time: {} steps aside", asker()),
            },
            Outcome::LeftUnprotected => match self.until {
                Some(until) => format!("is left {not_so} until {}, for {}", zone.time(until), asker()),
                None => format!("is left {not_so}, for {}", asker()),
            },
            Outcome::Unknown if self.is_host => "it is not known which network interfaces it has".to_owned(),
            Outcome::Unknown => format!("it is not known whether it will be {so}"),
            Outcome::CannotProtect => format!("can't be {so}"),
            Outcome::Unchanged => "is left as it is".to_owned(),
            Outcome::Protected => format!("is {so} already"),
        };
        if self.anyway { format!("{said} (also without the files)") } else { said }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_has_a_sentence_that_names_who_has_to_do_with_it() {
        let object = |name: &str| ObjectRef {
            kind: "EcsInstanceProtection",
            namespace: "team".to_owned(),
            name: name.to_owned(),
        };
        let (asks, holds) = (object("old"), [object("prod")]);
        let told = |flag, outcome, until| {
            Statement {
                flag,
                is_host: outcome == Outcome::Unknown,
                outcome,
                object: Some(&asks),
                holders: &holds,
                until,
                anyway: false,
            }
            .text(&Zone::utc())
        };
        let until = Some("2030-01-01T00:00:00.5Z".parse().unwrap());
        let old = "EcsInstanceProtection team/old";
        for (told, expected) in [
            (told("DeletionProtection", Outcome::Protect, None), "will be protected".to_owned()),
            (told("DeleteOnRelease", Outcome::Protect, None), "will be retained".to_owned()),
            (
                told("DeletionProtection", Outcome::Unprotect, until),
                format!("will be unprotected, for {old} until 2030-01-01T00:00:00Z"),
            ),
            (
                told("ProtectedFromScaleIn", Outcome::Unprotect, None),
                format!("will be given up to scale-in, as {old} asks"),
            ),
            (
                told("DeletionProtection", Outcome::StaysProtected, None),
                format!(
                    "stays protected, although {old} gives it up: held by EcsInstanceProtection team/prod"
                ),
            ),
            (
                told("DeletionProtection", Outcome::LeftUnprotected, until),
                format!("is left unprotected until 2030-01-01T00:00:00Z, for {old}"),
            ),
            (
                told("DeletionProtection", Outcome::NoLongerHeld, None),
                "is left as it is, and no object keeps it protected any more: EcsInstanceProtection team/prod only \
                 stands against giving it up"
                    .to_owned(),
            ),
            (
                told("DeleteOnRelease", Outcome::Unknown, None),
                "it is not known which network interfaces it has".to_owned(),
            ),
            (
                told("AutoReleaseTime", Outcome::LeftUnprotected, until),
                format!("keeps its release time: {old} steps aside until 2030-01-01T00:00:00Z"),
            ),
            (told("AutoReleaseTime", Outcome::Protect, None), "its release time will be removed".to_owned()),
        ] {
            assert_eq!(told, expected);
        }
        let pending = Statement {
            flag: "DeletionProtection",
            is_host: false,
            outcome: Outcome::Protect,
            object: None,
            holders: &[],
            until: None,
            anyway: true,
        };
        assert_eq!(pending.text(&Zone::utc()), "will be protected (also without the files)");
    }
}
