//! The command line. Beside it, only access keys are read from the environment.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub use audit_options::{AuditFormat, AuditOptions, FailOn};
pub use cluster_options::ClusterOptions;
pub use doctor_options::DoctorOptions;
pub use explain_options::{ExplainOptions, TargetId};
#[cfg(feature = "plan")]
pub use plan_options::{PlanFormat, PlanOptions};
pub use scope_options::{PaceOptions, PlaceOptions, ScopeOptions};
pub use values::{AdminAddress, OutputFormat};
use values::{
    external_id, issuer, lease_duration, lease_name, namespace, object_name, provider_arn, role_name,
};

mod audit_options;
mod cluster_options;
mod doctor_options;
mod explain_options;
#[cfg(feature = "plan")]
mod plan_options;
mod scope_options;
mod values;

/// The name of the program's file as a plugin: kubectl writes hyphens of a command as underscores.
const KUBECTL_PLUGIN: &str = "kubectl-ecs_keeper";

/// Keeps release protection on Alibaba Cloud ECS instances and retains network interfaces, as Kubernetes objects ask for it.
#[derive(Debug, Parser)]
#[command(name = "ecs-keeper", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// The command line of this process. kubectl finds its plugins by the names of their files, and does not pass on how it was called.
    pub fn of_process() -> Result<Self, clap::Error> {
        let mut command = Self::command();
        let called = std::env::args_os().next();
        let file = called.as_deref().map(Path::new).and_then(Path::file_stem);
        if file.is_some_and(|file| file == KUBECTL_PLUGIN) {
            command = command.bin_name("kubectl ecs-keeper");
        }
        Self::from_arg_matches(&command.try_get_matches()?)
    }
}

/// What the program can do.
#[derive(Debug, Subcommand)]
#[expect(clippy::doc_markdown, reason = "read in a terminal, where backticks only disturb")]
pub enum Command {
    /// Run the operator until it receives SIGTERM or SIGINT.
    ///
    /// The configuration file sets accounts, budgets and grants. It also says where the credentials of each account come from.
    /// If it doesn't, the first source counts that the environment configures, such as an access key in
    /// ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET and, if it is temporary, ALIBABA_CLOUD_SECURITY_TOKEN. There
    /// are no flags for keys, because every process on the machine can read a command line.
    Run(Box<RunOptions>),
    /// Show which instances and network interfaces can be lost, of everything that an account has.
    ///
    /// Lists every instance and every network interface of the regions, and judges each as the operator does. Also lists the scaling
    /// groups, for some can be deleted with their instances. This command only reads from the cloud, needs no cluster and changes
    /// nothing. It needs ecs:DescribeInstances and ecs:DescribeNetworkInterfaces, and ess:DescribeScalingGroups for the scaling groups.
    ///
    /// Exit codes: 0 if nothing that --fail-on names was found; 3 if a target is unprotected, 4 if one is at risk and 5 if one is
    /// unclaimed, if --fail-on asks for it; 1 for errors, wrong usage, and if something could not be read.
    Audit(Box<AuditOptions>),
    /// Print a completion script for a shell.
    ///
    /// For bash, for example: source <(ecs-keeper completion bash)
    Completion {
        /// The shell.
        shell: Shell,
    },
    /// Explain one instance or network interface: whether it is protected and why, who selects it, and how it can be lost.
    ///
    /// Looks for it by its id in each region, and reads it with what belongs to it. With a kubeconfig, also reads the objects of the
    /// cluster, and says which of them select it, what each wants, and what the operator does next. Says "unknown" where the identity
    /// may not look. This command only reads, from the cloud and from the API server. It needs ecs:DescribeInstances and
    /// ecs:DescribeNetworkInterfaces.
    ///
    /// Exit codes: 0 if it was explained; 1 for errors, wrong usage, and if it was not found.
    Explain(Box<ExplainOptions>),
    /// Check the configuration file, or print its schema.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the CustomResourceDefinitions as YAML, for kubectl apply.
    Crds,
    /// Examine the operator's configuration, its access to the cloud and to the cluster, and whether it works.
    ///
    /// Prints a line for each thing that it examines: ok, unknown, warning or failure, with what to do. It runs in the operator's Pod
    /// (kubectl exec deployment/ecs-keeper -- ecs-keeper doctor), where it has the operator's own access, and on any other machine.
    /// This command only reads, from the cloud and from the cluster, and changes nothing.
    ///
    /// Exit codes: 0 if there is no failure; 1 if there is one, for errors and for wrong usage.
    Doctor(Box<DoctorOptions>),
    /// Reuse or export retained network interfaces.
    #[command(subcommand)]
    Eni(EniCommand),
    /// Describe the evidence log, which the operator writes to standard output.
    #[command(subcommand)]
    Evidence(EvidenceCommand),
    /// Write the man pages of all commands into a folder.
    Man {
        /// The folder. It must exist.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
    /// Show what applying objects would do, target by target, without applying them.
    ///
    /// Reads objects from files, checks them by the CRDs, reads the regions that they name, and says which instances and network
    /// interfaces would be protected or unprotected, which can't be, and how many calls that takes. With --cluster or --kubeconfig, it
    /// also reads the objects of the cluster: one of them may hold what the files give up. Without --config, every namespace is taken to be
    /// served. This command only reads, from the cloud and from the API server, and changes nothing. It needs ecs:DescribeInstances, and ecs:DescribeNetworkInterfaces and
    /// ess:DescribeScalingInstances if an object is about those.
    ///
    /// Exit codes: 0 if there is nothing to do; 2 if there is something to do, or something is not known; 3 if something would be
    /// unprotected; 1 for errors, for wrong usage, if a region can't be read, and if an object would not be served.
    #[cfg(feature = "plan")]
    Plan(Box<PlanOptions>),
    /// Print RAM policies: what the operator must be allowed, and who may assume its roles.
    #[command(subcommand)]
    Ram(RamCommand),
    /// Check whether you can uninstall the operator: list the objects whose deletion would hang without it.
    ///
    /// Exits with an error while there are such objects, and says for each what to do. Also lists network interfaces that would
    /// be forgotten, and scaling groups with members that stay protected from scale-in. This command only reads objects from the
    /// API server. It does not call the cloud, needs no access key and changes nothing.
    UninstallCheck(UninstallCheckOptions),
}

/// What the program can tell of the evidence log.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum EvidenceCommand {
    /// Print the JSON Schema of a line of the evidence log.
    Schema,
}

/// What the program can do about its configuration file.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Check a configuration file and print everything that is wrong with it.
    ///
    /// Without --identity, this command reads no credentials and does not call the cloud.
    Check {
        /// Also obtain the credentials of each account, as the operator does, and ask STS whose they are.
        ///
        /// Run it where the operator runs, because the credentials come from there: kubectl exec deployment/ecs-keeper --
        /// ecs-keeper config check --identity /etc/ecs-keeper/config.yaml. Exits with an error if an account has no credentials
        /// or those of another account.
        #[arg(long)]
        identity: bool,
        /// The configuration file.
        file: PathBuf,
    },
    /// Print the JSON Schema of the configuration file, for editors.
    Schema,
}

/// What the program can do about network interfaces.
#[derive(Debug, Subcommand)]
#[expect(clippy::doc_markdown, reason = "read in a terminal, where backticks only disturb")]
pub enum EniCommand {
    /// Show how to create an instance with a retained network interface as its primary one.
    ///
    /// Prints the parameters of RunInstances, and what to check before and after you create the instance. The values come from
    /// the status of the EniRetention that retains the network interface. This command does not call the cloud, needs no access
    /// key and changes nothing.
    Handover(HandoverOptions),
    /// Print EniRetentions that name the network interfaces that only the status of an EniRetention lists: those that outlived
    /// their instance.
    ///
    /// Apply the output before you delete or rename that EniRetention, or on another cluster. Otherwise no object retains these
    /// network interfaces any more. Each printed object names at most 1,000 of them, as YAML for kubectl apply. The ids come
    /// from status. This command does not call the cloud, needs no access key and changes nothing.
    Export(ExportOptions),
}

/// Which policies the program can print.
#[derive(Debug, Subcommand)]
#[expect(clippy::doc_markdown, reason = "read in a terminal, where backticks only disturb")]
pub enum RamCommand {
    /// Print the least RAM policy with which the operator can work.
    ///
    /// It allows the operations that the operator can call, in the accounts and regions of the configuration file, as far as
    /// the file's grants go. Without --config, it is for one account and all regions. If several identities need a policy, the
    /// output is a list that names them; --account selects one. This command reads no credentials and calls nobody.
    Policy(PolicyOptions),
    /// Print the trust policy of the RAM role that the operator's ServiceAccount assumes (RRSA).
    ///
    /// With --role-in, print what is needed to go on from that role to another one: a list of both roles, each with its trust
    /// policy, and for the first one the policy that allows it to assume the second one. This command reads no credentials and
    /// does not call the cloud.
    Trust(TrustOptions),
}

/// For which configuration a policy is printed.
#[derive(Debug, Clone, Default, Args)]
pub struct PolicyOptions {
    /// Configuration file of the operator. Defaults to an empty one: one account, all regions.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Print only the policy of the identity that signs the calls for this account of the configuration.
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,

    /// Allow only reading. It is enough if all objects have the mode Observe.
    #[arg(long)]
    pub observe: bool,

    /// Also allow what objects with scaleIn: Protect or Unprotect need of Auto Scaling.
    #[arg(long)]
    pub scale_in: bool,

    /// Output format: policies as RAM takes them, or resources of Terraform.
    #[arg(short, long, value_name = "FORMAT", default_value = "json")]
    pub output: PolicyFormat,
}

/// Form of a policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum PolicyFormat {
    /// JSON.
    #[default]
    Json,
    /// Terraform, for the provider aliyun/alicloud.
    Terraform,
}

/// Who may assume a role.
#[derive(Debug, Clone, Args)]
pub struct TrustOptions {
    /// ARN of the OIDC provider that RAM has for the cluster, such as
    /// acs:ram::1234567890123456:oidc-provider/ack-rrsa-c0123456789.
    #[arg(long, value_name = "ARN", value_parser = provider_arn)]
    pub provider_arn: String,

    /// Issuer of the cluster's tokens. Without it, the command asks the API server and tells what it answered.
    #[arg(long, value_name = "URL", value_parser = issuer)]
    pub issuer: Option<String>,

    /// Kubeconfig file to use. Defaults to the Pod's ServiceAccount in a cluster, and to kubectl's configuration elsewhere.
    /// Not used with --issuer.
    #[arg(long, env = "ECS_KEEPER_KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// Namespace of the operator.
    #[arg(short, long, value_name = "NAMESPACE", default_value = "ecs-keeper", value_parser = namespace)]
    pub namespace: String,

    /// Name of the operator's ServiceAccount.
    #[arg(long, value_name = "NAME", default_value = "ecs-keeper", value_parser = object_name)]
    pub service_account: String,

    /// Also print how to go on to a role in this cloud account: its id or, with --config, an account of the configuration, which
    /// names the role (assumeRole).
    #[arg(long, value_name = "ACCOUNT")]
    pub role_in: Option<String>,

    /// Name of the role, in both accounts. ARNs in the configuration take precedence.
    #[arg(long, value_name = "NAME", default_value = "ecs-keeper", value_parser = role_name, requires = "role_in")]
    pub role: String,

    /// External id that the second role asks for. With --config, the configuration names it.
    #[arg(long, value_name = "ID", value_parser = external_id, requires = "role_in", conflicts_with = "config")]
    pub external_id: Option<String>,

    /// Configuration file of the operator.
    #[arg(long, value_name = "FILE", requires = "role_in")]
    pub config: Option<PathBuf>,
}

/// Whose network interfaces are exported, and under which name.
#[derive(Debug, Clone, Args)]
pub struct ExportOptions {
    /// Name of the EniRetention.
    #[arg(value_name = "NAME", value_parser = object_name)]
    pub name: String,

    /// Namespace of the EniRetention. Defaults to the namespace of the kubeconfig, or to the Pod's own.
    #[arg(short, long, value_name = "NAMESPACE", value_parser = namespace)]
    pub namespace: Option<String>,

    /// Name of the new object. If several are needed, each gets a number. Defaults to NAME-survivors.
    #[arg(long, value_name = "NEW-NAME", value_parser = object_name)]
    pub new_name: Option<String>,

    /// Kubeconfig file to use. Defaults to the Pod's ServiceAccount in a cluster, and to kubectl's configuration elsewhere.
    #[arg(long, env = "ECS_KEEPER_KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
}

/// Which network interface is handed over.
#[derive(Debug, Clone, Args)]
pub struct HandoverOptions {
    /// Id of the network interface.
    #[arg(value_name = "ENI-ID")]
    pub network_interface_id: String,

    /// Namespace of the EniRetentions to read. Defaults to all namespaces.
    #[arg(short, long, value_name = "NAMESPACE", value_parser = namespace)]
    pub namespace: Option<String>,

    /// Output format.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub output: OutputFormat,

    /// Kubeconfig file to use. Defaults to the Pod's ServiceAccount in a cluster, and to kubectl's configuration elsewhere.
    #[arg(long, env = "ECS_KEEPER_KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
}

/// What is looked at before the operator is uninstalled.
#[derive(Debug, Clone, Args)]
pub struct UninstallCheckOptions {
    /// Check only objects with matching labels. Use the objectSelector of the operator's configuration.
    #[arg(long, value_name = "SELECTOR")]
    pub object_selector: Option<String>,

    /// Output format.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub output: OutputFormat,

    /// Kubeconfig file to use. Defaults to the Pod's ServiceAccount in a cluster, and to kubectl's configuration elsewhere.
    #[arg(long, env = "ECS_KEEPER_KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
}

/// Settings of the operator.
#[derive(Debug, Clone, Args)]
pub struct RunOptions {
    /// Where the rest is set.
    #[command(flatten)]
    pub configuration: ConfigurationOptions,

    /// How Kubernetes is reached.
    #[command(flatten)]
    pub kubernetes: KubernetesOptions,

    /// Which of several replicas does the work.
    #[command(flatten)]
    pub leading: LeadingOptions,

    /// How the operator is seen from outside.
    #[command(flatten)]
    pub admin: AdminOptions,

    /// What is logged, and how.
    #[command(flatten)]
    pub log: LogOptions,
}

/// Where the rest is set.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Configuration")]
pub struct ConfigurationOptions {
    /// Configuration file with accounts, budgets and grants. It may be empty. The operator reads it once, at startup.
    #[arg(long, env = "ECS_KEEPER_CONFIG", value_name = "FILE")]
    pub config: PathBuf,
}

/// How Kubernetes is reached.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Kubernetes")]
pub struct KubernetesOptions {
    /// Namespace of the operator. Unless the configuration has grants, the operator serves the objects in this namespace only.
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAMESPACE", value_parser = namespace)]
    pub namespace: String,

    /// Kubeconfig file to use. Defaults to the Pod's ServiceAccount in a cluster, and to kubectl's configuration elsewhere.
    // Not KUBECONFIG: one that strays into the Pod would win over the Pod's own access.
    #[arg(long, env = "ECS_KEEPER_KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
}

/// Which of several replicas does the work.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Replicas")]
pub struct LeadingOptions {
    /// Name of the Lease for leader election, in the operator's namespace. Replicas of one operator share a Lease; other
    /// operators in the namespace need another name.
    #[arg(
        long,
        env = "ECS_KEEPER_LEASE_NAME",
        value_name = "NAME",
        default_value = "ecs-keeper",
        value_parser = lease_name
    )]
    pub lease_name: String,

    /// Lease duration: how long the other replicas wait for a leader that no longer renews the Lease before one takes over.
    /// Set the same value on all replicas. The leader renews the Lease five times in this time, and stops when it has failed to
    /// renew it for two thirds of this time.
    #[arg(
        long,
        env = "ECS_KEEPER_LEASE_DURATION",
        value_name = "DURATION",
        default_value = "15s",
        value_parser = lease_duration
    )]
    pub lease_duration: Duration,

    /// Name of this replica. The holder identity in the Lease begins with it.
    #[arg(long, env = "POD_NAME", value_name = "NAME", default_value = "ecs-keeper")]
    pub pod_name: String,
}

/// How the operator is seen from outside.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Probes and metrics")]
pub struct AdminOptions {
    /// Address that serves /livez, /readyz and /metrics, without authentication: host and port, or a colon and a port to
    /// listen on all addresses.
    #[arg(long, env = "ECS_KEEPER_ADMIN_ADDRESS", value_name = "ADDRESS", default_value = ":8080")]
    pub admin_address: AdminAddress,
}

/// What is logged, and how.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Log")]
pub struct LogOptions {
    /// Log format.
    #[arg(long, env = "ECS_KEEPER_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,

    /// Log level of the operator. Lines below this level are not logged.
    #[arg(long, env = "ECS_KEEPER_LOG_LEVEL", value_name = "LEVEL", default_value = "info")]
    pub log_level: LogLevel,
}

/// Log format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Plain text.
    Text,
    /// One JSON object per line.
    Json,
}

/// Log levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// What failed.
    Error,
    /// What looks wrong.
    Warn,
    /// What happened.
    Info,
    /// Each call.
    Debug,
    /// Everything.
    Trace,
}

impl From<LogLevel> for tracing::Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}

#[cfg(test)]
mod tests;
