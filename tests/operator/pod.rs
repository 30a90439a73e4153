//! What a kubelet makes of a Pod, as far as the chart's Pod needs it: arguments, environment and mounted files, in a root of
//! its own. What this doesn't understand it refuses, so that nothing of the chart is left out in silence.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use tokio::process::Command;

use crate::clock::Clock;

/// Where the Pod's access to the API server stands. kube reads these paths and no others.
const ACCESS: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// On which port probes and metrics are answered.
const ADMIN: &str = "ECS_KEEPER_ADMIN_ADDRESS";

/// Makes a root file system that nobody else sees, holding what the image holds, the program with its libraries and the CA
/// certificates, and what is mounted; and starts the program in it. By itself a mount namespace needs root; the user namespace
/// makes it work for others, too.
const ENTER: &str = r#"
set -eu
root=$1 program=$2
shift 2
mount -t tmpfs pod "$root"
for tree in /usr /lib /lib64 /etc/ssl /etc/pki; do
    if [ -e "$tree" ]; then
        mkdir -p "$root$tree"
        mount --rbind "$tree" "$root$tree"
    fi
done
touch "$root/ecs-keeper"
mount --bind "$program" "$root/ecs-keeper"
while [ "$1" != -- ]; do
    mkdir -p "$root$2"
    mount --bind "$1" "$root$2"
    shift 2
done
shift
mount -o remount,ro pod "$root"
exec chroot "$root" /ecs-keeper "$@"
"#;

/// The Pod's spec, with every field that the chart may set.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "what only the scheduler and a real kubelet make something of is known, and not read"
)]
struct Spec {
    service_account_name: String,
    automount_service_account_token: bool,
    enable_service_links: bool,
    containers: Vec<Container>,
    volumes: Vec<Volume>,
    security_context: IgnoredAny,
    node_selector: IgnoredAny,
    termination_grace_period_seconds: IgnoredAny,
    topology_spread_constraints: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "what only a real kubelet makes something of is known, and not read")]
struct Container {
    args: Vec<String>,
    env: Vec<Variable>,
    volume_mounts: Vec<Mount>,
    name: IgnoredAny,
    image: IgnoredAny,
    image_pull_policy: IgnoredAny,
    resources: IgnoredAny,
    ports: IgnoredAny,
    liveness_probe: IgnoredAny,
    readiness_probe: IgnoredAny,
    security_context: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Variable {
    name: String,
    value: Option<String>,
    value_from: Option<Source>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Source {
    #[serde(rename_all = "camelCase")]
    FieldRef { field_path: String },
    SecretKeyRef {
        name: String,
        key: String,
        #[serde(default)]
        optional: bool,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Volume {
    name: String,
    config_map: Option<Named>,
    secret: Option<SecretVolume>,
    projected: Option<Projected>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SecretVolume {
    secret_name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Projected {
    sources: Vec<Projection>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Projection {
    ServiceAccountToken(TokenProjection),
}

/// A token of the Pod's ServiceAccount that is asked for.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenProjection {
    pub audience: String,
    pub expiration_seconds: u64,
    path: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Mount {
    name: String,
    #[serde(rename = "mountPath")]
    at: String,
    read_only: bool,
}

/// What a kubelet finds in the cluster for a Pod.
pub struct Surroundings<'a> {
    pub namespace: &'a str,
    pub pod_name: &'a str,
    /// The keys of each Secret, by its name.
    pub secrets: BTreeMap<String, BTreeMap<String, String>>,
    /// The folder in which a kubelet would keep each Secret that is mounted, by its name: it may change while the Pod runs.
    pub secret_folders: BTreeMap<String, PathBuf>,
    /// The keys of each ConfigMap, by its name.
    pub config_maps: BTreeMap<String, BTreeMap<String, String>>,
    /// The ServiceAccount whose token stands in this folder, with the authority of the API server and the namespace.
    pub access: (&'a str, &'a Path),
    /// Asks the API server for a token of that ServiceAccount.
    pub token: &'a dyn Fn(&TokenProjection) -> String,
    /// Where the API server is.
    pub api_server: std::net::SocketAddr,
    /// An empty folder for what the Pod needs of the disk.
    pub folder: PathBuf,
    /// The clock of its node, if that may be wrong.
    pub clock: Option<&'a Clock>,
}

/// Fails where no Pod can be run, with a sentence and before anything waits for one.
pub fn check() {
    let trial = ["--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/tmp"];
    let tried = std::process::Command::new("unshare").args(trial).output();
    let works = tried.as_ref().is_ok_and(|output| output.status.success());
    assert!(
        works,
        "the chart's Pods run in mount namespaces: install util-linux and allow user namespaces ({tried:?})"
    );
}

/// The program as the Pod runs it: nothing of this process's environment, and of its files the libraries alone.
pub fn command(spec: &Value, around: &Surroundings<'_>) -> Command {
    let spec: Spec = serde_json::from_value(spec.clone()).expect("a Pod that these tests understand");
    let [container] = &spec.containers[..] else { panic!("one container is expected") };
    assert_eq!(
        (spec.service_account_name.as_str(), spec.automount_service_account_token),
        (around.access.0, true)
    );
    assert!(!spec.enable_service_links, "the names of the cluster's Services would be in the environment");

    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", ENTER, "sh"]);
    let root = around.folder.join("root");
    std::fs::create_dir_all(&root).unwrap();
    command.arg(root).arg(env!("CARGO_BIN_EXE_ecs-keeper")).arg(around.access.1).arg(ACCESS);
    for mount in &container.volume_mounts {
        assert!(mount.read_only, "{} is mounted to be written to", mount.name);
        let volume =
            spec.volumes.iter().find(|volume| volume.name == mount.name).expect("the volume that is mounted");
        command.arg(source(volume, around)).arg(&mount.at);
    }
    // At the same place as outside, where the programs that make the root find it, too.
    if let Some(clock) = around.clock {
        command.arg(clock.folder()).arg(clock.folder());
    }
    command.arg("--").args(&container.args).env_clear();
    command.envs(around.clock.into_iter().flat_map(Clock::variables));
    command.env("KUBERNETES_SERVICE_HOST", around.api_server.ip().to_string());
    command.env("KUBERNETES_SERVICE_PORT", around.api_server.port().to_string());
    command
        .envs(container.env.iter().filter_map(|variable| Some((&variable.name, value(variable, around)?))));
    // All the Pods of all tests have one network, so that each takes a port that is free.
    assert!(
        container.env.iter().any(|variable| variable.name == ADMIN),
        "the chart says on which port to answer"
    );
    command.env(ADMIN, "127.0.0.1:0");
    command
}

/// The folder that is mounted for a volume.
fn source(volume: &Volume, around: &Surroundings<'_>) -> PathBuf {
    match (&volume.config_map, &volume.secret, &volume.projected) {
        (Some(Named { name }), None, None) => written(volume, around, around.config_maps[name].clone()),
        (None, Some(SecretVolume { secret_name }), None) => around.secret_folders[secret_name].clone(),
        // A kubelet replaces a token when four fifths of its life are over. No test lasts that long.
        (None, None, Some(Projected { sources })) => {
            let file = |Projection::ServiceAccountToken(wanted): &Projection| {
                (wanted.path.clone(), (around.token)(wanted))
            };
            written(volume, around, sources.iter().map(file))
        }
        _ => panic!("{} is no volume that these tests understand", volume.name),
    }
}

/// A folder with these files.
fn written(
    volume: &Volume,
    around: &Surroundings<'_>,
    files: impl IntoIterator<Item = (String, String)>,
) -> PathBuf {
    let folder = around.folder.join(&volume.name);
    std::fs::create_dir_all(&folder).unwrap();
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
    folder
}

/// The value of a variable; nothing, if it comes from a key that may be missing and is.
fn value(variable: &Variable, around: &Surroundings<'_>) -> Option<String> {
    let name = &variable.name;
    match (&variable.value, &variable.value_from) {
        (Some(value), None) => {
            assert!(
                !value.contains("$("),
                "{name} refers to other variables, which these tests do not resolve"
            );
            Some(value.clone())
        }
        (None, Some(Source::FieldRef { field_path })) => Some(match field_path.as_str() {
            "metadata.namespace" => around.namespace.to_owned(),
            "metadata.name" => around.pod_name.to_owned(),
            other => panic!("{name} comes from {other}, which these tests do not know"),
        }),
        (None, Some(Source::SecretKeyRef { name: secret, key, optional })) => {
            let found = around.secrets.get(secret).and_then(|secret| secret.get(key)).cloned();
            assert!(
                found.is_some() || *optional,
                "{name} comes from {key} of Secret {secret}, which is missing"
            );
            found
        }
        (None, None) | (Some(_), Some(_)) => panic!("{name} has no value, or two"),
    }
}
