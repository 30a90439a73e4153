//! What is wrong with a file, as sentences for people.

use std::fmt;

use keeper_alicloud::endpoint::known_regions;
use serde_saphyr::{Error, Location};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Line, from 1; 0: nowhere in particular.
    pub line: u64,
    pub column: u64,
    /// What is wrong, and what would be right.
    pub sentence: String,
}

impl Problem {
    /// A mistake at a place.
    pub fn at(place: Location, sentence: impl Into<String>) -> Self {
        Self { line: place.line(), column: place.column(), sentence: sentence.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.sentence),
            line => write!(f, "line {line}, column {}: {}", self.column, self.sentence),
        }
    }
}

/// All mistakes, in the order of the file, and beside them what may be right and may not be meant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problems {
    mistakes: Vec<Problem>,
    doubts: Vec<Problem>,
}

impl Problems {
    pub fn add(&mut self, place: Location, sentence: impl Into<String>) {
        self.mistakes.push(Problem::at(place, sentence));
    }

    /// Something that can be used, and that whoever wrote it should look at.
    pub fn doubt(&mut self, place: Location, sentence: impl Into<String>) {
        self.doubts.push(Problem::at(place, sentence));
    }

    /// What can be used and should be looked at.
    pub fn take_doubts(&mut self) -> Vec<Problem> {
        let mut doubts = std::mem::take(&mut self.doubts);
        doubts.sort();
        doubts
    }

    /// What is wrong first, without its place.
    pub fn first_sentence(&self) -> Option<&str> {
        self.mistakes.first().map(|problem| problem.sentence.as_str())
    }

    /// The value, if there are none.
    pub fn or<T>(mut self, value: T) -> Result<T, Self> {
        if self.mistakes.is_empty() {
            return Ok(value);
        }
        self.mistakes.sort();
        Err(self)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.mistakes.iter().enumerate() {
            let end = if i == 0 { "" } else { "\n" };
            write!(f, "{end}  {problem}")?;
        }
        Ok(())
    }
}

/// A region that the table lacks, with what may have been meant.
pub fn unknown_region(name: &str) -> String {
    match nearest(name, known_regions()) {
        Some(near) => format!("unknown region `{name}`; did you mean `{near}`?"),
        None => format!(
            "unknown region `{name}`; for a region that this version does not know, set its URLs in endpoints.regions"
        ),
    }
}

/// An account that the configuration lacks, with what may have been meant.
pub fn unknown_account(name: &str, known: &[&str]) -> String {
    match nearest(name, known) {
        Some(near) => format!("unknown account `{name}`; did you mean `{near}`?"),
        None => format!("unknown account `{name}`; use {}", choices(known)),
    }
}

/// The mistake for which a text was not taken at all.
pub fn of(error: &Error) -> Problems {
    let error = error.without_snippet();
    let place = error.location().unwrap_or(Location::UNKNOWN);
    let sentence = match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            let known = choices(expected);
            match nearest(field, expected) {
                Some(near) => format!("unknown key `{field}`; did you mean `{near}`?"),
                None => format!("unknown key `{field}`; use {known}"),
            }
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            format!("unknown value `{variant}`; use {}", choices(expected))
        }
        Error::SerdeMissingField { field, .. } => format!("`{field}` is missing"),
        Error::SerdeInvalidType { unexpected, expected, .. }
        | Error::SerdeInvalidValue { unexpected, expected, .. } => {
            format!("expected {}, found {unexpected}", plain(expected))
        }
        Error::Unexpected { expected, .. } => format!("expected {}", plain(expected)),
        Error::InvalidScalar { .. } => "expected an integer".to_owned(),
        Error::NullIntoString { .. } => "expected a string, found nothing".to_owned(),
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("duplicate key `{key}`; keep one of them")
        }
        Error::MultipleDocuments { .. } => "the file has several YAML documents; keep one".to_owned(),
        other => format!("invalid YAML: {}", first_line(&other.render())),
    };
    let mut problems = Problems::default();
    problems.add(place, sentence);
    problems
}

/// A type by the name that YAML's users have for it.
fn plain(expected: &str) -> &str {
    match expected {
        _ if expected.starts_with("struct ") || expected.contains("mapping") || expected == "a map" => {
            "a mapping"
        }
        _ if expected.contains("sequence") => "a list",
        "a string" | "string scalar" | "scalar" => "a string",
        "u32" => "an integer",
        other => other,
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Names in a row.
pub fn choices<T: AsRef<str>>(names: &[T]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// The name that was probably meant, if there is one.
pub fn nearest<'a, T: AsRef<str>>(name: &str, known: &'a [T]) -> Option<&'a str> {
    const ALIKE: f64 = 0.8;
    let likeness = |known: &str| strsim::jaro_winkler(&name.to_lowercase(), &known.to_lowercase());
    known
        .iter()
        .map(|known| (likeness(known.as_ref()), known.as_ref()))
        .filter(|(likeness, _)| *likeness > ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}
