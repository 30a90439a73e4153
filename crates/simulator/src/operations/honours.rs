//! What becomes of each parameter of a call: the operation honours it, or the call is refused, or, as in the cloud, a name
//! that the vendor doesn't have is passed over. Nothing that the vendor has is ignored.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use crate::wire::{Params, Refusal};

/// The vendor's operations and their parameters, with the sources.
const FACTS: &str = include_str!("parameters.txt");

/// The parameters that an operation honours. The operation sees no others.
#[derive(Clone, Copy)]
pub(crate) struct Honours {
    /// With every value that the vendor allows.
    pub(crate) any: &'static [&'static str],
    /// Only with the values that describe what the simulator does anyway.
    pub(crate) only: &'static [(&'static str, &'static [&'static str])],
}

impl Honours {
    pub(crate) const fn any(any: &'static [&'static str]) -> Self {
        Self { any, only: &[] }
    }

    /// The parameters of a call that its operation honours; a refusal if the vendor has one that it doesn't.
    pub(crate) fn select(self, operation: &str, params: &Params) -> Result<Params, Refusal> {
        let facts = FACTS_BY_OPERATION.get(operation);
        let mut honoured = Params::default();
        for (name, value) in params.iter() {
            let general = general(name);
            let kind = facts.and_then(|facts| facts.kind(&general));
            if kind.is_some()
                && general.split('.').zip(name.split('.')).any(|(n, number)| n == "N" && number == "0")
            {
                return Err(Refusal::invalid(name));
            }
            if self.any.contains(&general.as_str()) {
                if !value.is_empty() && !kind.is_none_or(|kind| kind.has(value)) {
                    return Err(Refusal::invalid(name));
                }
                honoured.add(name, value);
            } else if let Some((_, values)) = self.only.iter().find(|(only, _)| *only == general) {
                if !value.is_empty() && !values.iter().any(|known| known.eq_ignore_ascii_case(value)) {
                    let known = values.join(" or ");
                    let text = format!("The simulator has {general} of {operation} only as {known}.");
                    return Err(Refusal::new(400, "UnsupportedParameter", text));
                }
            } else if kind.is_some() && !value.is_empty() {
                let text =
                    format!("The simulator doesn't have {general} of {operation}, which the cloud has.");
                return Err(Refusal::new(400, "UnsupportedParameter", text));
            } else if facts.is_some_and(|facts| facts.holds(&general)) && !value.is_empty() {
                // A list or an object that is given as one value.
                return Err(Refusal::invalid(name));
            }
        }
        Ok(honoured)
    }
}

/// A name with `N` for its numbers, as the facts have it.
fn general(name: &str) -> String {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    name.split('.').map(|part| if is_number(part) { "N" } else { part }).collect::<Vec<_>>().join(".")
}

/// The vendor's types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Integer,
    Boolean,
    Number,
    Struct,
}

impl Kind {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "String" => Self::Text,
            "Integer" | "Long" => Self::Integer,
            "Boolean" => Self::Boolean,
            "Float" => Self::Number,
            "Struct" => Self::Struct,
            _ => return None,
        })
    }

    fn has(self, value: &str) -> bool {
        match self {
            Self::Text | Self::Struct => true,
            Self::Integer => value.parse::<i64>().is_ok(),
            Self::Boolean => value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false"),
            Self::Number => value.parse::<f64>().is_ok_and(f64::is_finite),
        }
    }
}

/// The vendor's parameters of one operation.
#[derive(Default)]
struct Facts(BTreeMap<&'static str, Kind>);

impl Facts {
    /// The type of a parameter, also of a member that the metadata doesn't name.
    fn kind(&self, general: &str) -> Option<Kind> {
        let exact = self.0.get(general).copied();
        exact.or_else(|| {
            let (parent, _) = general.split_once('.')?;
            self.0.get(parent).copied().filter(|kind| *kind == Kind::Struct)
        })
    }

    /// Whether there are parameters below this name.
    fn holds(&self, general: &str) -> bool {
        let below = format!("{general}.");
        self.0.range(below.as_str()..).next().is_some_and(|(name, _)| name.starts_with(&below))
    }
}

static FACTS_BY_OPERATION: LazyLock<HashMap<&'static str, Facts>> = LazyLock::new(|| {
    let mut all: HashMap<&'static str, Facts> = HashMap::new();
    let mut operation = "";
    for line in FACTS.lines().filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            operation = name;
            all.entry(operation).or_default();
        } else if let Some((name, rest)) = line.split_once(' ') {
            let kind = rest.split(' ').next().and_then(Kind::parse);
            all.entry(operation).or_default().0.extend(kind.map(|kind| (name, kind)));
        }
    }
    all
});

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::operations::operation::OPERATIONS;

    #[test]
    fn every_line_of_the_facts_is_understood() {
        let lines = FACTS.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', '[']));
        let known: usize = FACTS_BY_OPERATION.values().map(|facts| facts.0.len()).sum();
        assert_eq!(lines.count(), known);
    }

    #[test]
    fn the_facts_are_about_the_operations_that_are_served() {
        let served: BTreeSet<_> = OPERATIONS.iter().map(|operation| operation.name).collect();
        assert_eq!(FACTS_BY_OPERATION.keys().copied().collect::<BTreeSet<_>>(), served);
    }

    #[test]
    fn nothing_is_honoured_that_the_vendor_does_not_have() {
        for operation in OPERATIONS {
            let Honours { any, only } = operation.honours;
            let names: Vec<_> = any.iter().copied().chain(only.iter().map(|(name, _)| *name)).collect();
            for name in &names {
                let facts = &FACTS_BY_OPERATION[operation.name];
                assert!(facts.0.contains_key(name), "{} {name}", operation.name);
                assert_eq!(
                    names.iter().filter(|other| *other == name).count(),
                    1,
                    "{} {name}",
                    operation.name
                );
            }
        }
    }

    /// The names of the vendor that are in neither list. A group of which none is honoured has the name of the group.
    fn refused(operation: &'static str, honoured: &[&str]) -> Vec<&'static str> {
        let group = |name: &'static str| name.split('.').next().unwrap_or(name);
        let kept: BTreeSet<&str> =
            honoured.iter().map(|name| name.split('.').next().unwrap_or(name)).collect();
        let all = FACTS_BY_OPERATION[operation].0.keys().filter(|name| !honoured.contains(name));
        let mut names: Vec<_> =
            all.map(|name| if kept.contains(group(name)) { name } else { group(name) }).collect();
        names.retain(|name| !name.contains("Owner"));
        names.dedup();
        names
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the variable is the test's own")]
    fn the_table_of_the_readme_is_what_is_honoured_and_refused() {
        let mut table = "\n| Operation | Honours | Only as | Refuses |\n|---|---|---|---|\n".to_owned();
        for operation in OPERATIONS {
            let Honours { any, only } = operation.honours;
            let honoured: Vec<_> = any.iter().copied().chain(only.iter().map(|(name, _)| *name)).collect();
            let only: Vec<_> =
                only.iter().map(|(name, values)| format!("{name} {}", values.join(" "))).collect();
            let cells = [
                operation.name.to_owned(),
                any.join(", "),
                only.join(", "),
                refused(operation.name, &honoured).join(", "),
            ];
            table.extend(["| ", &cells.join(" | "), " |\n"]);
        }
        table.push('\n');
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
        let page = std::fs::read_to_string(path).expect("the README");
        let (head, rest) = page.split_once("--lib readme -->\n").expect("the beginning of the table");
        let (found, tail) = rest.split_once("<!-- end of parameters -->").expect("the end of the table");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            let page = format!("{head}--lib readme -->\n{table}<!-- end of parameters -->{tail}");
            std::fs::write(path, page).expect("the README can be written");
        } else {
            assert_eq!(found, table, "write it anew with UPDATE_GOLDEN=1");
        }
    }

    #[test]
    fn numbers_in_names_are_lists() {
        assert_eq!(
            general("NetworkInterface.2.SecurityGroupIds.10"),
            "NetworkInterface.N.SecurityGroupIds.N"
        );
        assert_eq!(general("VSwitchId"), "VSwitchId");
    }

    #[test]
    fn each_parameter_is_honoured_or_refused_or_unknown_to_the_vendor() {
        let honours = Honours { any: &["Amount", "Tag.N.Key"], only: &[("Tenancy", &["default"])] };
        let select = |name: &str, value: &str| {
            let params = Params::from_pairs(&[(name.to_owned(), value.to_owned())])?;
            honours.select("RunInstances", &params).map(|params| params.iter().count())
        };
        for (name, value, kept) in [
            ("Amount", "3", 1),
            ("Tag.1.Key", "env", 1),
            ("Tenancy", "default", 0),
            ("Nonsense", "x", 0),
            ("KeyPairName", "", 0),
        ] {
            assert_eq!(select(name, value), Ok(kept), "{name}");
        }
        for (name, value, code) in [
            ("Amount", "three", "InvalidParameter"),
            ("Tag.0.Key", "env", "InvalidParameter"),
            ("Tag.1", "env", "InvalidParameter"),
            ("Tag", "env", "InvalidParameter"),
            ("Tenancy", "host", "UnsupportedParameter"),
            ("KeyPairName", "mine", "UnsupportedParameter"),
            ("ClockOptions.PtpStatus", "enabled", "UnsupportedParameter"),
            ("ImageOptions.NewerThanTheMetadata", "x", "UnsupportedParameter"),
            ("OwnerId", "1", "UnsupportedParameter"),
        ] {
            assert_eq!(select(name, value).expect_err(name).code, code, "{name}");
        }
    }
}
