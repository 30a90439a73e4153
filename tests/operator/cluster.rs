//! The control plane that the tests share.

use std::fmt::Debug;
use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use ecs_keeper::api::{EcsInstanceProtection, EniRetention};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::{conditions, wait::await_condition};
use kube::{Api, Client, Config, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::pod;
use crate::release::Release;
use crate::stage::PATIENCE;

/// A control plane with the definitions and the operator's access rules installed, seen by its administrator.
pub struct Cluster {
    /// A client of this test alone: its connections live and die with the test's runtime.
    pub client: Client,
    /// The administrator's kubeconfig.
    pub kubeconfig: PathBuf,
    pub kubectl: PathBuf,
    pub helm: PathBuf,
}

impl Cluster {
    /// Connects to the shared control plane, and prepares it if no other test has done so yet.
    pub async fn connect() -> Self {
        static PREPARED: OnceCell<()> = OnceCell::const_new();

        let cluster = Self::seen_with(given("KEEPER_TEST_KUBECONFIG")).await;
        PREPARED
            .get_or_init(async || {
                pod::check();
                cluster.prepare().await;
            })
            .await;
        cluster
    }

    /// Connects to any control plane.
    pub async fn seen_with(kubeconfig: PathBuf) -> Self {
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(Kubeconfig::read_from(&kubeconfig).unwrap(), &options)
            .await
            .unwrap();
        let client = Client::try_from(config).unwrap();
        let (kubectl, helm) = (given("KEEPER_TEST_KUBECTL"), given("KEEPER_TEST_HELM"));
        Self { client, kubeconfig, kubectl, helm }
    }

    /// A client in somebody's name.
    pub async fn client_of(&self, user: &str) -> Client {
        let kubeconfig = Kubeconfig::read_from(&self.kubeconfig).unwrap();
        let mut config =
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        config.auth_info.impersonate = Some(user.to_owned());
        Client::try_from(config).unwrap()
    }

    /// Installs the definitions that the types give, and the chart in its usual namespace, for tests that need no stage.
    pub async fn prepare(&self) {
        install(self.client.clone()).await;
        let namespace: Namespace =
            serde_json::from_value(json!({ "metadata": { "name": "ecs-keeper" } })).unwrap();
        let apply = PatchParams::apply("ecs-keeper-tests").force();
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        namespaces.patch("ecs-keeper", &apply, &Patch::Apply(&namespace)).await.unwrap();
        Release::usual(self).install(self).await;
    }

    /// A namespace that no other test uses. It goes when the control plane goes.
    pub async fn namespace(&self) -> String {
        let named = json!({ "metadata": { "generateName": "keeper-test-" } });
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        namespaces
            .create(&PostParams::default(), &serde_json::from_value(named).unwrap())
            .await
            .unwrap()
            .name_unchecked()
    }

    /// What kubectl prints; panics with what it complains of.
    pub async fn kubectl(&self, arguments: &[&str]) -> String {
        let done = Command::from(self.kubectl_command(arguments)).output().await;
        printed(arguments, done.unwrap())
    }

    /// A token of a ServiceAccount, for an audience and so many seconds.
    pub fn token(&self, namespace: &str, account: &str, audience: &str, seconds: u64) -> String {
        let (audience, duration) = (format!("--audience={audience}"), format!("--duration={seconds}s"));
        let create = ["create", "token", account, "--namespace", namespace, &audience, &duration];
        printed(&create, self.kubectl_command(&create).output().unwrap()).trim_end().to_owned()
    }

    fn kubectl_command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(&self.kubectl);
        // A cache of this run's own: an earlier control plane on the same port may have known other resources.
        let cache = format!("{}/kubectl-{}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
        command.arg("--kubeconfig").arg(&self.kubeconfig).arg("--cache-dir").arg(cache).args(arguments);
        command
    }
}

fn printed(arguments: &[&str], done: Output) -> String {
    assert!(done.status.success(), "kubectl {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// Every request that the shared API server has answered so far, a JSON record a line.
pub fn audit_log() -> String {
    std::fs::read_to_string(given("KEEPER_TEST_AUDIT_LOG")).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "settings of the tests themselves, not of the operator")]
pub fn given(variable: &str) -> PathBuf {
    let Some(value) = std::env::var_os(variable) else {
        panic!("{variable} is not set: run `make test`, or `tests/control-plane/run.py -- cargo test`")
    };
    value.into()
}

async fn install(client: Client) {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let apply = PatchParams::apply("ecs-keeper-tests").force();
    for crd in ecs_keeper::crds::all() {
        let name = crd.name_unchecked();
        definitions.patch(&name, &apply, &Patch::Apply(&crd)).await.unwrap();
        let established = await_condition(definitions.clone(), &name, conditions::is_crd_established());
        tokio::time::timeout(PATIENCE, established).await.expect("established in time").unwrap();
    }
    let served = async {
        tokio::join!(served::<EcsInstanceProtection>(&client), served::<EniRetention>(&client));
    };
    tokio::time::timeout(PATIENCE, served).await.expect("served in time");
}

/// Ends when objects of a kind can be listed: the API server serves them a moment after their definition is
/// established.
async fn served<K>(client: &Client)
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let objects: Api<K> = Api::all(client.clone());
    while objects.list(&ListParams::default().limit(1)).await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
