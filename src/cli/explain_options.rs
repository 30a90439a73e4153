//! The command line of `ecs-keeper explain`.

use std::str::FromStr;

use clap::Args;
use keeper_core::id::{InstanceId, InterfaceId};

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
