//! The form that all RAM policies have, as the vendor's page "Policy structure and syntax" describes it. What the simulator
//! doesn't evaluate is refused here and never ignored: a policy that is read in part means something else.

use std::fmt;

use serde::Deserialize;
use serde_json::{Map, Value};

/// What is wrong with a policy, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError(String);

impl PolicyError {
    pub(super) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PolicyError {}

/// What a statement says about the requests that it applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// What comes of one or more policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Allowed,
    /// No statement allows it.
    NotAllowed,
    /// A statement denies it.
    Denied,
}

impl Decision {
    /// What the effects of all statements that apply come to: a denial wins, as documented.
    pub(super) fn of(effects: impl IntoIterator<Item = Effect>) -> Self {
        effects.into_iter().fold(Self::NotAllowed, |decision, effect| match (decision, effect) {
            (Self::Denied, _) | (_, Effect::Deny) => Self::Denied,
            (_, Effect::Allow) => Self::Allowed,
        })
    }

    /// What is decided if both have to allow it.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Denied, _) | (_, Self::Denied) => Self::Denied,
            (Self::Allowed, Self::Allowed) => Self::Allowed,
            _ => Self::NotAllowed,
        }
    }
}

/// The statements of a document.
pub(super) fn statements<T>(
    document: &Value,
    parse: impl Fn(&Map<String, Value>) -> Result<T, PolicyError>,
) -> Result<Vec<T>, PolicyError> {
    let document = document.as_object().ok_or_else(|| PolicyError::new("A policy must be a JSON object."))?;
    check_members(document, &["Version", "Statement"])?;
    if document.get("Version").and_then(Value::as_str) != Some("1") {
        return Err(PolicyError::new("The Version of a policy must be \"1\"."));
    }
    let statements = document.get("Statement").and_then(Value::as_array).filter(|list| !list.is_empty());
    let statements =
        statements.ok_or_else(|| PolicyError::new("A policy must have a list of at least one Statement."))?;
    let object = |statement: &Value| {
        let members = statement.as_object().cloned();
        members.ok_or_else(|| PolicyError::new("A Statement must be a JSON object."))
    };
    statements.iter().map(|statement| parse(&object(statement)?)).collect()
}

/// Refuses members that the simulator doesn't have.
pub(super) fn check_members(found: &Map<String, Value>, known: &[&str]) -> Result<(), PolicyError> {
    match found.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(PolicyError::new(format!(
            "The element {name} of a policy is not simulated here: use {}.",
            known.join(", ")
        ))),
        None => Ok(()),
    }
}

pub(super) fn effect(statement: &Map<String, Value>) -> Result<Effect, PolicyError> {
    let effect = statement.get("Effect").and_then(|effect| Effect::deserialize(effect).ok());
    effect.ok_or_else(|| PolicyError::new("The Effect of a Statement must be Allow or Deny."))
}

/// A text, or a list of texts: the vendor's syntax has both everywhere.
pub(super) fn texts(members: &Map<String, Value>, name: &str) -> Result<Vec<String>, PolicyError> {
    let texts = match members.get(name) {
        Some(Value::String(text)) => Some(vec![text.clone()]),
        Some(Value::Array(items)) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    };
    texts
        .filter(|texts| !texts.is_empty())
        .ok_or_else(|| PolicyError::new(format!("{name} must be a text or a list of texts.")))
}

/// Whether a text is of a pattern, in which `*` stands for any letters and `?` for one.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    // reached[n]: the pattern so far can stand for the first n letters.
    let mut reached = vec![false; text.len() + 1];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    for letter in pattern {
        reached = if letter == '*' {
            let any = |seen: &mut bool, here: bool| {
                *seen |= here;
                Some(*seen)
            };
            reached.into_iter().scan(false, any).collect()
        } else {
            let fits = text.iter().map(|found| letter == '?' || letter == *found);
            let moved = reached.iter().zip(fits).map(|(here, fits)| *here && fits);
            std::iter::once(false).chain(moved).collect()
        };
    }
    reached.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_letters_and_a_question_mark_for_one() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "acs:ecs:r:1:instance/i-a", true),
            ("acs:ecs:*:1:instance/*", "acs:ecs:cn-hangzhou:1:instance/i-a", true),
            ("acs:ecs:*:1:instance/*", "acs:ecs:cn-hangzhou:12:instance/i-a", false),
            ("acs:ecs:*:1:instance/*", "acs:ecs:cn-hangzhou:1:eni/eni-a", false),
            ("acs:ecs:*:*:instance/i-a", "acs:ecs:cn-hangzhou:1:instance/*", false),
            ("i-?", "i-a", true),
            ("i-?", "i-", false),
            ("i-?", "i-ab", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXc", false),
            ("", "", true),
            ("", "a", false),
            ("网*", "网卡", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_denial_wins_whatever_else_is_said() {
        use Effect::{Allow, Deny};
        for (effects, expected) in [
            (vec![], Decision::NotAllowed),
            (vec![Allow], Decision::Allowed),
            (vec![Deny, Allow], Decision::Denied),
            (vec![Allow, Deny, Allow], Decision::Denied),
        ] {
            assert_eq!(Decision::of(effects.clone()), expected, "{effects:?}");
        }
        assert_eq!(Decision::Allowed.and(Decision::NotAllowed), Decision::NotAllowed);
        assert_eq!(Decision::NotAllowed.and(Decision::Denied), Decision::Denied);
        assert_eq!(Decision::Allowed.and(Decision::Allowed), Decision::Allowed);
    }
}
