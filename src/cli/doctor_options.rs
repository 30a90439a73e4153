//! The command line of `ecs-keeper doctor`.

use std::path::PathBuf;

use clap::Args;

use super::PlaceOptions;
use super::values::{AdminAddress, OutputFormat, lease_name, namespace, object_name};

/// What is examined, and how it is told.
#[derive(Debug, Clone, Args)]
pub struct DoctorOptions {
    /// Where it is looked.
    #[command(flatten)]
    pub places: PlaceOptions,

    /// Do not call the cloud. Use it where you don't have the credentials of the operator.
    #[arg(long)]
    pub skip_cloud: bool,

    /// Do not call the API server.
    #[arg(long, conflicts_with = "skip_cloud")]
    pub skip_cluster: bool,

    /// Kubeconfig file to use. Defaults to the Pod's ServiceAccount in a cluster, and to kubectl's configuration elsewhere.
    #[arg(long, env = "ECS_KEEPER_KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// Namespace of the operator.
    #[arg(short, long, env = "POD_NAMESPACE", value_name = "NAMESPACE", default_value = "ecs-keeper", value_parser = namespace)]
    pub namespace: String,

    /// Name of the Lease for leader election. The chart's objects have the same name.
    #[arg(long, env = "ECS_KEEPER_LEASE_NAME", value_name = "NAME", default_value = "ecs-keeper", value_parser = lease_name)]
    pub lease_name: String,

    /// Name of the operator's ServiceAccount. Defaults to the name of the Lease, as in the chart.
    #[arg(long, value_name = "NAME", value_parser = object_name)]
    pub service_account: Option<String>,

    /// Address that serves the operator's metrics. From outside of its Pod, only the port counts.
    #[arg(long, env = "ECS_KEEPER_ADMIN_ADDRESS", value_name = "ADDRESS", default_value = ":8080")]
    pub admin_address: AdminAddress,

    /// Output format.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub output: OutputFormat,

    /// Print the JSON Schema of --output json, and do nothing else.
    // Not `exclusive`: variables that are set in the Pod would count as other options.
    #[arg(long)]
    pub schema: bool,
}
