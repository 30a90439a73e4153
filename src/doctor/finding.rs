//! What is found, and how it is told.

use std::fmt;
use std::io::{self, Write as _};

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value;

use crate::visible_text::plain_line;

/// How it stands with what was examined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub enum Level {
    /// Nothing is wrong with it.
    Ok,
    /// It could not be examined, by whoever asks or from where they ask.
    Unknown,
    /// Something may be wrong, or will be.
    Warning,
    /// Something is wrong: the operator can't do its work, or not all of it.
    Failure,
}

impl Level {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }
}

/// What was examined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub enum Check {
    /// The configuration file.
    Configuration,
    /// Whether an account has credentials, where they come from, and how long they last.
    Credentials,
    /// Whose the credentials are.
    Identity,
    /// How far this machine's clock is from the cloud's.
    Clock,
    /// Whether the endpoint of a region answers, and how fast.
    Endpoint,
    /// What the identity may ask of a region.
    Permission,
    /// The API server and its version.
    ApiServer,
    /// The CustomResourceDefinitions.
    Definitions,
    /// What the operator's ServiceAccount may do in the cluster.
    Access,
    /// The admission policies that ask for the verb unprotect.
    UnprotectVerb,
    /// Whether a replica leads.
    Leader,
    /// How old the operator's evidence of a region is.
    Evidence,
    /// Objects that wait for a person.
    Objects,
    /// Calls that the cloud has throttled.
    Throttling,
    /// An alert that would fire.
    Alert,
}

impl Check {
    const fn word(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Credentials => "credentials",
            Self::Identity => "identity",
            Self::Clock => "clock",
            Self::Endpoint => "endpoint",
            Self::Permission => "permission",
            Self::ApiServer => "API server",
            Self::Definitions => "definitions",
            Self::Access => "access",
            Self::UnprotectVerb => "unprotect verb",
            Self::Leader => "leader",
            Self::Evidence => "evidence",
            Self::Objects => "objects",
            Self::Throttling => "throttling",
            Self::Alert => "alert",
        }
    }
}

/// One thing that was examined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// How it stands.
    pub level: Level,
    /// What was examined.
    pub check: Check,
    /// What was found and, unless it is good, what to do.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<8} {:<15} {}", self.level.word(), self.check.word(), self.message)
    }
}

/// Everything that was found, in the order in which it was examined.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Findings {
    /// One for each thing that was examined.
    findings: Vec<Finding>,
    /// Whether each is printed at once, so that whoever waits sees how far it is.
    #[serde(skip)]
    told_at_once: bool,
}

impl Findings {
    /// Findings that are each printed at once, as a line.
    pub fn told_at_once() -> Self {
        Self { findings: Vec::new(), told_at_once: true }
    }

    pub fn add(&mut self, level: Level, check: Check, message: impl AsRef<str>) {
        // Error texts and names are other people's.
        let finding = Finding { level, check, message: plain_line(message.as_ref()) };
        if self.told_at_once {
            // Whoever closed the pipe does not read it, and learns how it ended by the exit code.
            let _ = writeln!(io::stdout(), "{finding}");
        }
        self.findings.push(finding);
    }

    pub fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|finding| finding.level == level).count()
    }

    /// How many there are.
    pub fn counts(&self) -> String {
        [Level::Ok, Level::Unknown, Level::Warning, Level::Failure]
            .map(|level| format!("{} {}", self.count(level), level.word()))
            .join(", ")
    }

    /// The same as JSON.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

/// The JSON Schema of what is found.
pub fn schema() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Findings>().to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_has_one_line_whatever_strangers_wrote() {
        let mut findings = Findings::default();
        findings.add(Level::Ok, Check::ApiServer, "Kubernetes 1.36");
        findings.add(Level::Failure, Check::Endpoint, "cn-hangzhou: \u{1b}[31mno\nroute\u{202e}");
        let lines: Vec<String> = findings.findings.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "ok       API server      Kubernetes 1.36",
                "failure  endpoint        cn-hangzhou: [31mno route"
            ]
        );
        assert_eq!(findings.counts(), "1 ok, 0 unknown, 0 warning, 1 failure");
    }
}
