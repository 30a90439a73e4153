//! The command line of `ecs-keeper plan`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::values::namespace;
use super::{PaceOptions, PlaceOptions};

/// What is planned, and where it is looked at.
#[derive(Debug, Clone, Default, Args)]
pub struct PlanOptions {
    /// File with objects, in YAML or JSON; a folder, for all files in it that end with .yaml, .yml or .json; or - for standard input.
    /// Repeat it for several.
    #[arg(short, long = "filename", value_name = "FILE", required_unless_present = "schema")]
    pub filenames: Vec<PathBuf>,

    /// Namespace of objects without one. Defaults to the one of the kubeconfig if a cluster is read, and to default elsewhere.
    #[arg(short, long, value_name = "NAMESPACE", value_parser = namespace)]
    pub namespace: Option<String>,

    /// Compare with the objects of a cluster, which may hold what these give up. Uses the Pod's ServiceAccount in a cluster, and
    /// kubectl's configuration elsewhere. Needs --config, which says which objects are served.
    #[arg(long)]
    pub cluster: bool,

    /// The same, with those of the cluster of this kubeconfig file.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// Namespace of the operator. Unless the configuration has grants, only the objects in this namespace are served.
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAMESPACE", default_value = "ecs-keeper", value_parser = namespace)]
    pub operator_namespace: String,

    /// Where it is looked.
    #[command(flatten)]
    pub places: PlaceOptions,

    /// How often the cloud may be asked.
    #[command(flatten)]
    pub pace: PaceOptions,

    /// Also list the targets of which nothing changes, and all of those of which something does.
    #[arg(long)]
    pub all: bool,

    /// Output format.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub output: PlanFormat,

    /// Print the JSON Schema of --output json, and do nothing else.
    // Not `exclusive`: variables that are set in the Pod would count as other options.
    #[arg(long)]
    pub schema: bool,
}

impl PlanOptions {
    /// Whether objects of a cluster are asked for.
    pub fn asks_for_cluster(&self) -> bool {
        self.cluster || self.kubeconfig.is_some()
    }
}

/// Form of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// Plain text.
    #[default]
    Text,
    /// JSON, for programs.
    Json,
    /// Markdown, for a comment on a pull request.
    Markdown,
}
