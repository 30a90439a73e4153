//! The command line of `ecs-keeper explain`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use keeper_core::id::{InstanceId, InterfaceId};
use keeper_core::instance::Instance;
use keeper_core::interface::Interface;
use keeper_core::resource::Resource as _;

use super::values::OutputFormat;
use super::{ClusterOptions, ScopeOptions};
use crate::names::is_interface_id;
use crate::provider_id::is_instance_id;

/// What is explained, and where it is looked for.
#[derive(Debug, Clone, Args)]
pub struct ExplainOptions {
    /// Id of the instance (i-...) or of the network interface (eni-...).
    #[arg(value_name = "ID", required_unless_present = "schema")]
    pub target: Option<TargetId>,

    /// Where it is looked for.
    #[command(flatten)]
    pub scopes: ScopeOptions,

    /// Whose objects are looked at.
    #[command(flatten)]
    pub cluster: ClusterOptions,

    /// Evidence log to look for changes in: what the operator's Pods wrote to standard output. Use - for standard input.
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,

    /// Output format.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub output: OutputFormat,

    /// Print the JSON Schema of --output json, and do nothing else.
    // Not `exclusive`: variables that are set in the Pod would count as other options.
    #[arg(long)]
    pub schema: bool,
}

/// What is explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetId {
    /// An instance.
    Instance(InstanceId),
    /// A network interface.
    Interface(InterfaceId),
}

impl TargetId {
    /// The id.
    pub fn id(&self) -> &str {
        match self {
            Self::Instance(id) => id.as_str(),
            Self::Interface(id) => id.as_str(),
        }
    }

    /// What it is, as in reports and in the evidence log.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Instance(_) => Instance::NAME,
            Self::Interface(_) => Interface::NAME,
        }
    }
}

impl FromStr for TargetId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_instance_id(text) {
            Ok(Self::Instance(InstanceId::new(text)))
        } else if is_interface_id(text) {
            Ok(Self::Interface(InterfaceId::new(text)))
        } else {
            Err("use the id of an instance (i-...) or of a network interface (eni-...)")
        }
    }
}
