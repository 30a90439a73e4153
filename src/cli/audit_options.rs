//! The command line of `ecs-keeper audit`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use keeper_core::id::Tag;

use super::ScopeOptions;
use super::values::namespace;

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

    /// Also say which objects of a cluster hold each target. Uses the Pod's ServiceAccount in a cluster, and kubectl's configuration
    /// elsewhere. Needs --config, which says which objects are served.
    #[arg(long)]
    pub cluster: bool,

    /// The same, of the cluster of this kubeconfig file.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// Namespace of the operator. Unless the configuration has grants, only the objects in this namespace are served.
    #[arg(short, long, env = "POD_NAMESPACE", value_name = "NAMESPACE", default_value = "ecs-keeper", value_parser = namespace)]
    pub namespace: String,

    /// File with targets whose findings do not count for --fail-on: a list of id, reason and until, in YAML.
    #[arg(long, value_name = "FILE")]
    pub ignore: Option<PathBuf>,

    /// Exit with 3 if a target is unprotected, with 4 if one is at risk, and with 5 if no object of the cluster holds one that carries
    /// the flag. If several are asked for and found, the first of these wins. If none is found, but something is not known, exits with 1.
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

impl AuditOptions {
    /// Whether objects of a cluster are asked for.
    pub fn asks_for_cluster(&self) -> bool {
        self.cluster || self.kubeconfig.is_some()
    }
}

/// A finding that is to make the command fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// A flag does not hold its protected value.
    Unprotected,
    /// A documented way is known in which a target can be lost although its flag is, or would be, protected.
    AtRisk,
    /// A target carries the flag, protected or not, and no object of the cluster holds it. Needs --cluster or --kubeconfig.
    Unclaimed,
}

/// Form of the report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum AuditFormat {
    /// A table for people, the worst first, with a summary.
    #[default]
    Table,
    /// One JSON object per line, while the cloud lists them.
    Json,
    /// Comma-separated values with a header, for spreadsheets.
    Csv,
    /// SARIF 2.1.0, for code scanning: findings only, the worst first, at most 5,000 or 9 MB.
    Sarif,
    /// One page for browsers, which can be handed over: at most 10,000 targets or 8 MiB, the worst first, and numbers of all of them.
    Html,
}

fn tag(text: &str) -> Result<Tag, &'static str> {
    let (key, value) = text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or("use KEY=VALUE")?;
    Ok(Tag::new(key, value))
}
