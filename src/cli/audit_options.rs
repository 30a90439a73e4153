//! The command line of `ecs-keeper audit`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use keeper_core::id::Tag;

/// What is audited, and how it is told.
#[derive(Debug, Clone, Default, Args)]
pub struct AuditOptions {
    /// Configuration file of the operator, for its accounts, regions, credentials and budgets. Defaults to an empty one: one
    /// account, called default, with the credentials that the environment configures.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Audit only this account of the configuration. Repeat it for several.
    #[arg(long, value_name = "NAME")]
    pub account: Vec<String>,

    /// Audit this region. Repeat it for several. Defaults to the regions of each account in the configuration.
    #[arg(long, value_name = "REGION")]
    pub region: Vec<String>,

    /// Do not list network interfaces.
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

    /// Most calls of each operation in a minute, in each region of each account. Defaults to the budgets of the configuration. Everyone
    /// in the account shares the cloud's quotas.
    #[arg(long, value_name = "CALLS", value_parser = clap::value_parser!(u32).range(1..=6000))]
    pub calls_per_minute: Option<u32>,

    /// Output format.
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: AuditFormat,

    /// Print the JSON Schema of one line of --output json, and do nothing else.
    #[arg(long, exclusive = true)]
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
}

fn tag(text: &str) -> Result<Tag, &'static str> {
    let (key, value) = text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or("use KEY=VALUE")?;
    Ok(Tag::new(key, value))
}
