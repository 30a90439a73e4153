//! Which cluster a command looks at that can also do without one.

use std::path::PathBuf;

use clap::Args;

use super::values::namespace;

/// The cluster whose objects are looked at.
#[derive(Debug, Clone, Args)]
pub struct ClusterOptions {
    /// Kubeconfig file to use. Defaults to the Pod's ServiceAccount in a cluster, and to kubectl's configuration elsewhere.
    #[arg(long, env = "ECS_KEEPER_KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// Do not call the API server: say only what the cloud says.
    #[arg(long)]
    pub skip_cluster: bool,

    /// Namespace of the operator. Unless the configuration has grants, only the objects in this namespace are served.
    #[arg(short, long, env = "POD_NAMESPACE", value_name = "NAMESPACE", default_value = "ecs-keeper", value_parser = namespace)]
    pub namespace: String,
}
