//! The command line of `ecs-keeper audit`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use keeper_core::id::Tag;

use super::ScopeOptions;

/// What is audited, and how it is told.
#[derive(Debug, Clone, Default, Args)]
pub struct AuditOptions {
    /// What is looked at.
    #[command(flatten)]
    pub scopes: ScopeOptions,

    /// List neither network interfaces nor scaling groups.
    #[arg(long)]
    pub instances_only: bool,

    /// Audit only instances with this tag, and what is on them. Repeat it for instances that have all of several tags.
    #[arg(long, value_name = "KEY=VALUE", value_parser = tag)]
    pub select: Vec<Tag>,

    /// File with targets whose findings do not count for --fail-on: a list of id, reason and until, in YAML.
    #[arg(long, value_name = "FILE")]
    pub ignore: Option<PathBuf>,

    /// Exit with 3 if a target is unprotected, and with 4 if one is at risk. If both are asked for and found, 3 wins. If neither is
    /// found, but something is not known, exits with 1.
    #[arg(long, value_name = "FINDING", value_delimiter = ',')]
    pub fail_on: Vec<FailOn>,

    /// Output format.
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: AuditFormat,

    /// Print the JSON Schema of one line of --output json, and do nothing else.
    // Not `exclusive`: variables that are set in the Pod would count as other options.
    #[arg(long)]
    pub schema: bool,
}

/// A finding that is to make the command fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// A flag does not hold its protected value.
    Unprotected,
    /// A documented way is known in which a target can be lost although its flag is, or would be, protected.
    AtRisk,
}

/// Form of the report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum AuditFormat {
    /// A table for people, the worst first, with a summary.
    #[default]
    Table,
    /// One JSON object per line, in the order in which the cloud lists them.
    Json,
    /// Comma-separated values with a header, for spreadsheets.
    Csv,
    /// SARIF 2.1.0, for code scanning: findings only, the worst first, at most 5,000.
    Sarif,
    /// One page for browsers, which can be handed over: at most 10,000 targets, the worst first, and numbers of all of them.
    Html,
}

fn tag(text: &str) -> Result<Tag, &'static str> {
    let (key, value) = text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or("use KEY=VALUE")?;
    Ok(Tag::new(key, value))
}
