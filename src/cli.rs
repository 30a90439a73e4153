//! The command line. The only place that reads the environment.

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::SignedDuration;
use keeper_core::id::{AccountName, Region};
use secrecy::SecretString;

use crate::api::DEFAULT_ACCOUNT;
use crate::provider_id::is_region;

/// Keeps release protection on Alibaba Cloud ECS instances, as Kubernetes objects ask for it.
#[derive(Debug, Parser)]
#[command(name = "ecs-keeper", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
#[expect(clippy::doc_markdown, reason = "read in a terminal, where backticks only disturb")]
pub enum Command {
    /// Run the operator until it is told to stop.
    ///
    /// The cloud credentials come from ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET and, for temporary
    /// ones, ALIBABA_CLOUD_SECURITY_TOKEN. There are no flags for them: a command line can be read by every process of
    /// the machine.
    Run(Box<RunOptions>),
    /// Print the custom resource definitions as YAML, ready for kubectl apply.
    Crds,
    /// Help with network interfaces that are retained.
    #[command(subcommand)]
    Eni(EniCommand),
    /// Say whether the operator can be uninstalled: lists the objects whose deletion would hang without it.
    ///
    /// Fails while there are any, and says for each what to do. The cloud is not asked, no access key is needed, and
    /// nothing is changed anywhere.
    UninstallCheck(UninstallCheckOptions),
}

/// What the program can do about network interfaces.
#[derive(Debug, Subcommand)]
#[expect(clippy::doc_markdown, reason = "read in a terminal, where backticks only disturb")]
pub enum EniCommand {
    /// Say how a new instance gets a retained network interface as its primary one.
    ///
    /// Prints the parameters of RunInstances for whoever creates the instance, and what to mind before and afterwards.
    /// They come from the status of the EniRetention that retains the network interface: the cloud is not asked, no
    /// access key is needed, and nothing is changed anywhere.
    Handover(HandoverOptions),
}

/// Which network interface is handed over.
#[derive(Debug, Clone, Args)]
pub struct HandoverOptions {
    /// Id of the network interface.
    #[arg(value_name = "ENI-ID")]
    pub network_interface_id: String,

    /// Look at the EniRetentions of this namespace only. Without it: of all namespaces.
    #[arg(short, long, value_name = "NAMESPACE", value_parser = namespace)]
    pub namespace: Option<String>,

    /// Form of the answer.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub output: OutputFormat,

    /// Kubeconfig file to use. Without it: the Pod's own access in a cluster, kubectl's configuration elsewhere.
    #[arg(long, env = "ECS_KEEPER_KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
}

/// What is looked at before the operator is uninstalled.
#[derive(Debug, Clone, Args)]
pub struct UninstallCheckOptions {
    /// Look only at objects with matching labels: those of the operator that was given the same selector.
    #[arg(long, env = "ECS_KEEPER_OBJECT_SELECTOR", value_name = "SELECTOR")]
    pub object_selector: Option<String>,

    /// Form of the answer.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub output: OutputFormat,

    /// Kubeconfig file to use. Without it: the Pod's own access in a cluster, kubectl's configuration elsewhere.
    #[arg(long, env = "ECS_KEEPER_KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
}

/// Form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Settings of the operator.
#[derive(Debug, Clone, Args)]
pub struct RunOptions {
    /// Where and as whom the cloud is reached.
    #[command(flatten)]
    pub cloud: CloudOptions,

    /// How much the cloud is asked.
    #[command(flatten)]
    pub pace: PaceOptions,

    /// Whose objects are served.
    #[command(flatten)]
    pub kubernetes: KubernetesOptions,

    /// Which of several replicas does the work.
    #[command(flatten)]
    pub leading: LeadingOptions,

    /// What is logged, and how.
    #[command(flatten)]
    pub log: LogOptions,
}

/// Where and as whom the cloud is reached.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Cloud")]
pub struct CloudOptions {
    /// Name by which specs call the account that the credentials belong to.
    #[arg(
        long,
        env = "ECS_KEEPER_ACCOUNT_NAME",
        value_name = "NAME",
        default_value = DEFAULT_ACCOUNT,
        value_parser = account_name
    )]
    pub account_name: AccountName,

    /// ECS endpoint for every region, as a URL. Without it: the vendor's endpoint of each region.
    #[arg(long, env = "ECS_KEEPER_ENDPOINT", value_name = "URL", value_parser = endpoint)]
    pub endpoint: Option<String>,

    /// STS endpoint, as a URL. Without it: the vendor's.
    #[arg(long, env = "ECS_KEEPER_STS_ENDPOINT", value_name = "URL", value_parser = endpoint)]
    pub sts_endpoint: Option<String>,

    /// Use the endpoints inside of the cloud's private networks, so that no way to the Internet is needed.
    #[arg(long, env = "ECS_KEEPER_VPC")]
    pub vpc: bool,

    /// Regions that specs may name, separated by commas. Without it: every region that the vendor has an endpoint for.
    #[arg(
        long,
        env = "ECS_KEEPER_REGIONS",
        value_name = "REGION",
        value_delimiter = ',',
        value_parser = region
    )]
    pub regions: Vec<Region>,

    /// Regions in which a primary network interface can be retained although this version does not know of it, separated
    /// by commas: for regions that the vendor has added since.
    #[arg(
        long,
        env = "ECS_KEEPER_PRIMARY_RETENTION_REGIONS",
        value_name = "REGION",
        value_delimiter = ',',
        value_parser = region
    )]
    pub primary_retention_regions: Vec<Region>,
}

/// How much the cloud is asked.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Pace")]
pub struct PaceOptions {
    /// Time between two complete listings of a region, such as 60s or 500ms. Stretched where a listing would take more
    /// than half of the read budget.
    #[arg(
        long,
        env = "ECS_KEEPER_SWEEP_INTERVAL",
        value_name = "DURATION",
        default_value = "60s",
        value_parser = sweep_interval
    )]
    pub sweep_interval: Duration,

    /// Reading calls a minute to each region.
    #[arg(long, env = "ECS_KEEPER_READ_BUDGET", value_name = "CALLS", default_value = "60", value_parser = calls)]
    pub read_budget: NonZeroU32,

    /// Writing calls a minute to each region.
    #[arg(long, env = "ECS_KEEPER_WRITE_BUDGET", value_name = "CALLS", default_value = "60", value_parser = calls)]
    pub write_budget: NonZeroU32,

    /// Calls of either sort that may be made at once after a quiet time.
    #[arg(long, env = "ECS_KEEPER_BURST", value_name = "CALLS", default_value = "20", value_parser = calls)]
    pub burst: NonZeroU32,
}

/// Whose objects are served.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Kubernetes")]
pub struct KubernetesOptions {
    /// Namespace of the operator itself. Objects in it are served.
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAMESPACE", value_parser = namespace)]
    pub namespace: String,

    /// Further namespaces whose objects are served, separated by commas. Objects elsewhere are told that they are not.
    #[arg(
        long,
        env = "ECS_KEEPER_WATCH_NAMESPACES",
        value_name = "NAMESPACE",
        value_delimiter = ',',
        value_parser = namespace
    )]
    pub watch_namespaces: Vec<String>,

    /// Serve only objects with matching labels, such as account=prod or shard!=b. Objects without them do not exist for
    /// this operator, not even as claims against switching protection off: use it only to part accounts among several
    /// operators.
    #[arg(long, env = "ECS_KEEPER_OBJECT_SELECTOR", value_name = "SELECTOR")]
    pub object_selector: Option<String>,

    /// Kubeconfig file to use. Without it: the Pod's own access in a cluster, kubectl's configuration elsewhere.
    // Not KUBECONFIG: one that strays into the Pod would win over the Pod's own access.
    #[arg(long, env = "ECS_KEEPER_KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
}

/// Which of several replicas does the work.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Replicas")]
pub struct LeadingOptions {
    /// Name of the Lease that only one replica holds, in the operator's namespace. Operators that are not replicas of each
    /// other need Leases of their own.
    #[arg(
        long,
        env = "ECS_KEEPER_LEASE_NAME",
        value_name = "NAME",
        default_value = "ecs-keeper",
        value_parser = lease_name
    )]
    pub lease_name: String,

    /// How long a replica that has gone silent is waited for before another takes over, the same for all replicas. The
    /// holder renews the Lease five times in it, and stops when two thirds of it have gone by without success.
    #[arg(
        long,
        env = "ECS_KEEPER_LEASE_DURATION",
        value_name = "DURATION",
        default_value = "15s",
        value_parser = lease_duration
    )]
    pub lease_duration: Duration,

    /// Name of this replica, with which what it writes into the Lease begins.
    #[arg(long, env = "POD_NAME", value_name = "NAME", default_value = "ecs-keeper")]
    pub pod_name: String,
}

/// What is logged, and how.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Log")]
pub struct LogOptions {
    /// Form of the log lines.
    #[arg(long, env = "ECS_KEEPER_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,

    /// Least important lines of the operator that are still logged.
    #[arg(long, env = "ECS_KEEPER_LOG_LEVEL", value_name = "LEVEL", default_value = "info")]
    pub log_level: LogLevel,
}

/// Form of the log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Importance of log lines.
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

/// An access key of the cloud. Its parts hide themselves from `Debug`.
#[derive(Debug, Clone)]
pub struct AccessKey {
    /// Id of the key.
    pub id: SecretString,
    /// The secret that belongs to it.
    pub secret: SecretString,
    /// The token that temporary keys need.
    pub security_token: Option<SecretString>,
}

/// What is wrong with the access key in the environment. Never says what the values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccessKeyError {
    /// A variable is absent or empty.
    #[error("no cloud credentials: set {0}, for example from a Kubernetes Secret")]
    Missing(&'static str),
    /// A variable holds something that no key contains.
    #[error(
        "{0} holds blanks or characters beyond ASCII, which no key has: look for a stray line end in the Secret"
    )]
    Garbled(&'static str),
}

impl AccessKey {
    const ID: &'static str = "ALIBABA_CLOUD_ACCESS_KEY_ID";
    const SECRET: &'static str = "ALIBABA_CLOUD_ACCESS_KEY_SECRET";
    const SECURITY_TOKEN: &'static str = "ALIBABA_CLOUD_SECURITY_TOKEN";

    /// The access key in this process's environment, under the names that the vendor's tools use.
    #[expect(
        clippy::disallowed_methods,
        reason = "flags would show the secret to every process of the machine"
    )]
    pub fn from_environment() -> Result<Self, AccessKeyError> {
        Self::from_variables(|name| std::env::var_os(name))
    }

    fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, AccessKeyError> {
        let optional = |name| match variable(name).filter(|value| !value.is_empty()) {
            None => Ok(None),
            Some(value) => match value.into_string() {
                Ok(text) if text.bytes().all(|byte| byte.is_ascii_graphic()) => {
                    Ok(Some(SecretString::from(text)))
                }
                _ => Err(AccessKeyError::Garbled(name)),
            },
        };
        let required = |name| optional(name)?.ok_or(AccessKeyError::Missing(name));
        Ok(Self {
            id: required(Self::ID)?,
            secret: required(Self::SECRET)?,
            security_token: optional(Self::SECURITY_TOKEN)?,
        })
    }
}

const SWEEP_INTERVALS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3600));
const MOST_CALLS: u32 = 100_000;

/// Shorter ones are lost by a busy machine; with longer ones nobody would take over in time. Whole seconds, as a Lease
/// has them.
const LEASE_DURATIONS: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));

fn duration(text: &str) -> Result<Duration, &'static str> {
    let parsed = text.parse::<SignedDuration>().ok().and_then(|signed| Duration::try_from(signed).ok());
    parsed.ok_or("write a number with its unit, such as 60s, 500ms or 2m")
}

fn lease_duration(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    if (LEASE_DURATIONS.0..=LEASE_DURATIONS.1).contains(&duration) && duration.subsec_nanos() == 0 {
        Ok(duration)
    } else {
        Err("choose whole seconds between 5s and 5m".to_owned())
    }
}

fn lease_name(text: &str) -> Result<String, String> {
    // A release's name may have dots. The names of the records begin with it, and 253 characters are the most.
    if text.len() <= 100 && text.split('.').all(is_label) {
        Ok(text.to_owned())
    } else {
        Err("write up to 100 small letters, digits, hyphens and dots".to_owned())
    }
}

fn sweep_interval(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    if (SWEEP_INTERVALS.0..=SWEEP_INTERVALS.1).contains(&duration) {
        Ok(duration)
    } else {
        Err("choose something between 100ms and 1h".to_owned())
    }
}

fn calls(text: &str) -> Result<NonZeroU32, String> {
    text.parse()
        .ok()
        .filter(|calls: &NonZeroU32| calls.get() <= MOST_CALLS)
        .ok_or_else(|| format!("write a whole number from 1 to {MOST_CALLS}"))
}

/// An absolute URL of scheme, host and perhaps port. Credentials in it would end up in logs, and a path or a query would
/// be signed as something else than what is sent.
fn endpoint(text: &str) -> Result<String, String> {
    let bare = text.strip_suffix('/').unwrap_or(text);
    let authority = bare.strip_prefix("https://").or_else(|| bare.strip_prefix("http://"));
    let host = authority.filter(|authority| {
        !authority.is_empty()
            && authority.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
    });
    match host {
        Some(_) => Ok(bare.to_owned()),
        None => {
            Err("write a URL of scheme, host and perhaps port, such as https://ecs.example.com:8443"
                .to_owned())
        }
    }
}

fn region(text: &str) -> Result<Region, String> {
    if is_region(text) {
        Ok(Region::new(text))
    } else {
        Err("write region ids such as cn-hangzhou, separated by commas".to_owned())
    }
}

fn account_name(text: &str) -> Result<AccountName, String> {
    if is_label(text) {
        Ok(AccountName::new(text))
    } else {
        Err("write up to 63 small letters, digits and hyphens, as specs write it in spec.account".to_owned())
    }
}

fn namespace(text: &str) -> Result<String, String> {
    if is_label(text) {
        Ok(text.to_owned())
    } else {
        Err("write the name of a namespace: up to 63 small letters, digits and hyphens".to_owned())
    }
}

/// Whether the text is a DNS label (RFC 1123), the form of namespaces and of account names.
fn is_label(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| plain(byte) || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use secrecy::ExposeSecret as _;

    use super::*;

    /// Parses `ecs-keeper run` with these flags.
    fn run(flags: &[&str]) -> Result<RunOptions, String> {
        let line = ["ecs-keeper", "run", "--namespace", "keeper"].iter().chain(flags);
        match Cli::try_parse_from(line) {
            Ok(Cli { command: Command::Run(options) }) => Ok(*options),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_defaults_are_those_of_the_documentation() {
        let options = run(&[]).unwrap();
        assert_eq!(options.cloud.account_name.as_str(), "default");
        assert_eq!(options.pace.sweep_interval, Duration::from_secs(60));
        let pace =
            [options.pace.read_budget, options.pace.write_budget, options.pace.burst].map(NonZeroU32::get);
        assert_eq!(pace, [60, 60, 20]);
        assert!(
            options.cloud.endpoint.is_none() && options.cloud.sts_endpoint.is_none() && !options.cloud.vpc
        );
        assert_eq!(
            (&*options.leading.lease_name, options.leading.lease_duration),
            ("ecs-keeper", Duration::from_secs(15))
        );
        assert!(options.cloud.regions.is_empty() && options.kubernetes.watch_namespaces.is_empty());
        assert!(options.cloud.primary_retention_regions.is_empty());
        assert_eq!((options.log.log_format, options.log.log_level), (LogFormat::Text, LogLevel::Info));
    }

    #[test]
    fn lists_are_given_with_commas_or_one_by_one() {
        let options =
            run(&["--regions", "cn-hangzhou,cn-beijing", "--watch-namespaces=a", "--watch-namespaces=b,c"]);
        let options = options.unwrap();
        assert_eq!(options.cloud.regions, ["cn-hangzhou", "cn-beijing"].map(Region::new));
        assert_eq!(options.kubernetes.watch_namespaces, ["a", "b", "c"]);
    }

    #[test]
    fn good_values_are_taken() {
        for (text, millis) in
            [("60s", 60_000), ("500ms", 500), ("100ms", 100), ("2m", 120_000), ("1h", 3_600_000)]
        {
            let options = run(&["--sweep-interval", text]).unwrap();
            assert_eq!(options.pace.sweep_interval, Duration::from_millis(millis), "{text}");
        }
        for (text, kept) in [
            ("https://ecs.example.com", "https://ecs.example.com"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(run(&["--endpoint", text]).unwrap().cloud.endpoint.as_deref(), Some(kept));
        }
        assert_eq!(run(&["--burst", "100000"]).unwrap().pace.burst.get(), 100_000);
    }

    #[test]
    fn bad_values_are_refused_with_a_sentence() {
        let unit = "write a number with its unit, such as 60s, 500ms or 2m";
        let range = "choose something between 100ms and 1h";
        let number = "write a whole number from 1 to 100000";
        let url = "write a URL of scheme, host and perhaps port";
        let label = "up to 63 small letters, digits and hyphens";
        let long = "a".repeat(64);
        for (flag, text, sentence) in [
            ("--sweep-interval", "60", unit),
            ("--sweep-interval", "", unit),
            ("--sweep-interval", "-60s", unit),
            ("--sweep-interval", "99ms", range),
            ("--sweep-interval", "2h", range),
            ("--read-budget", "0", number),
            ("--write-budget", "-1", number),
            ("--burst", "100001", number),
            ("--endpoint", "ecs.example.com", url),
            ("--endpoint", "ftp://ecs.example.com", url),
            ("--endpoint", "https://", url),
            ("--endpoint", "https://user:word@ecs.example.com", url),
            ("--endpoint", "https://ecs.example.com/path", url),
            ("--sts-endpoint", "https://ecs.example.com?a=b", url),
            ("--regions", "cn-hangzhou,evil.example.com", "write region ids such as cn-hangzhou"),
            ("--primary-retention-regions", "Frankfurt", "write region ids such as cn-hangzhou"),
            ("--account-name", "Production", label),
            ("--watch-namespaces", "a,,b", label),
            ("--namespace", &long, label),
            ("--lease-name", "a/b", "small letters, digits, hyphens and dots"),
            ("--lease-duration", "15", unit),
            ("--lease-duration", "4s", "choose whole seconds between 5s and 5m"),
            ("--lease-duration", "1h", "choose whole seconds between 5s and 5m"),
            ("--lease-duration", "7500ms", "choose whole seconds between 5s and 5m"),
            ("--log-level", "loud", "possible values: error, warn, info, debug, trace"),
        ] {
            // As one word, so that a value may begin with a hyphen.
            let line = ["ecs-keeper", "run", &format!("{flag}={text}")];
            let refusal = Cli::try_parse_from(line).unwrap_err().to_string();
            assert!(refusal.contains(sentence), "{flag}={text}: {refusal}");
        }
    }

    #[test]
    fn every_flag_has_a_variable_and_says_what_it_is() {
        let command = Cli::command();
        let run = command.find_subcommand("run").unwrap();
        for argument in run.get_arguments().filter(|argument| argument.get_id() != "help") {
            assert!(argument.get_env().is_some(), "{} has no variable", argument.get_id());
            assert!(argument.get_help().is_some(), "{} has no help", argument.get_id());
        }
    }

    #[test]
    fn a_handover_is_asked_for_with_an_id_and_little_else() {
        let ask =
            |words: &[&str]| match Cli::try_parse_from(["ecs-keeper", "eni", "handover"].iter().chain(words))
            {
                Ok(Cli { command: Command::Eni(EniCommand::Handover(options)) }) => Ok(options),
                Ok(other) => panic!("{other:?}"),
                Err(error) => Err(error.to_string()),
            };
        let options = ask(&["eni-bp1"]).unwrap();
        assert_eq!((options.network_interface_id.as_str(), options.output), ("eni-bp1", OutputFormat::Text));
        assert!(options.namespace.is_none());
        let options = ask(&["eni-bp1", "-n", "platform", "-o", "json"]).unwrap();
        assert_eq!((options.namespace.as_deref(), options.output), (Some("platform"), OutputFormat::Json));
        assert!(ask(&[]).unwrap_err().contains("ENI-ID"));
        assert!(ask(&["eni-bp1", "-n", "a/b"]).unwrap_err().contains("write the name of a namespace"));
    }

    #[test]
    fn i44_secrets_are_no_flags_and_hide_themselves() {
        let variables = |name: &str| match name {
            AccessKey::ID => Some("LTAIcanaryid".into()),
            AccessKey::SECRET => Some("canarysecret".into()),
            AccessKey::SECURITY_TOKEN => Some("canarytoken".into()),
            _ => None,
        };
        let key = AccessKey::from_variables(variables).unwrap();
        assert_eq!(key.secret.expose_secret(), "canarysecret");
        assert!(!format!("{key:?}").contains("canary"), "{key:?}");

        let mut command = Cli::command();
        let run = command.find_subcommand_mut("run").unwrap();
        for name in [AccessKey::ID, AccessKey::SECRET, AccessKey::SECURITY_TOKEN] {
            assert!(run.get_arguments().all(|argument| argument.get_env() != Some(name.as_ref())));
            assert!(run.render_long_help().to_string().contains(name), "the help does not name {name}");
        }
    }

    #[test]
    fn a_key_that_cannot_be_one_is_refused_with_a_sentence() {
        let read = |id: &'static str, secret: &'static str, token: Option<&'static str>| {
            let variables = move |name: &str| match name {
                AccessKey::ID => Some(id.into()),
                AccessKey::SECRET => Some(secret.into()),
                _ => token.map(Into::into),
            };
            AccessKey::from_variables(variables).map(|key| key.security_token.is_some())
        };
        assert_eq!(read("id", "secret", None), Ok(false));
        assert_eq!(read("id", "secret", Some("")), Ok(false));
        assert_eq!(read("id", "secret", Some("token")), Ok(true));
        assert_eq!(read("", "secret", None), Err(AccessKeyError::Missing(AccessKey::ID)));
        assert_eq!(read("id", "", None), Err(AccessKeyError::Missing(AccessKey::SECRET)));
        assert_eq!(read("id", "canary\n", None), Err(AccessKeyError::Garbled(AccessKey::SECRET)));
        let refusal = read("id", "canary\n", None).unwrap_err().to_string();
        assert!(
            refusal.contains("ALIBABA_CLOUD_ACCESS_KEY_SECRET") && !refusal.contains("canary"),
            "{refusal}"
        );
    }
}
