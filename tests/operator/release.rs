//! The chart as Helm renders it for one test, and what it installs.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use serde_json::{Value, json};

use crate::cluster::Cluster;

/// A release of the chart in a namespace of its own, named after it: what is not namespaced must not meet that of others.
pub struct Release {
    namespace: String,
    manifests: Vec<DynamicObject>,
}

impl Release {
    /// The chart for this namespace with these values. All tests share the definitions, and the policies that judge the objects
    /// of every namespace.
    pub fn render(cluster: &Cluster, namespace: &str, values: &Value) -> Self {
        Self::rendered(cluster, namespace, values, "crds.install=false,unprotectVerb.enabled=false")
    }

    /// The chart in its usual namespace, with the policies.
    pub fn usual(cluster: &Cluster) -> Self {
        Self::rendered(cluster, "ecs-keeper", &json!({}), "crds.install=false")
    }

    fn rendered(cluster: &Cluster, namespace: &str, values: &Value, without: &str) -> Self {
        let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/charts/ecs-keeper");
        let mut helm = Command::new(&cluster.helm);
        helm.args(["template", namespace]).arg(chart).args(["--namespace", namespace]);
        helm.args(["--set", without, "--values", "-"]);
        let mut running =
            helm.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // JSON is YAML, too.
        running.stdin.take().unwrap().write_all(values.to_string().as_bytes()).unwrap();
        let output = running.wait_with_output().unwrap();
        assert!(output.status.success(), "{values}: {}", String::from_utf8_lossy(&output.stderr));
        let rendered = String::from_utf8(output.stdout).unwrap();
        Self { namespace: namespace.to_owned(), manifests: serde_saphyr::from_multiple(&rendered).unwrap() }
    }

    /// Applies all of it. No Pod runs here, so that the Deployment remains an intent.
    pub async fn install(&self, cluster: &Cluster) {
        let apply = PatchParams::apply("helm").force();
        for manifest in &self.manifests {
            let kind = GroupVersionKind::try_from(manifest.types.as_ref().unwrap()).unwrap();
            let resource = ApiResource::from_gvk(&kind);
            let api: Api<DynamicObject> = match &manifest.metadata.namespace {
                Some(namespace) => Api::namespaced_with(cluster.client.clone(), namespace, &resource),
                None => Api::all_with(cluster.client.clone(), &resource),
            };
            let name = manifest.metadata.name.as_deref().unwrap();
            api.patch(name, &apply, &Patch::Apply(manifest)).await.unwrap();
        }
    }

    /// The name that most of it has, and the leader's Lease.
    pub fn name(&self) -> &str {
        self.the("Deployment").metadata.name.as_deref().unwrap()
    }

    /// What the Pods are to be.
    pub fn pod(&self) -> &Value {
        &self.the("Deployment").data["spec"]["template"]["spec"]
    }

    /// The keys of the ConfigMap, by its name.
    pub fn config_maps(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let found = self.the("ConfigMap");
        let data = serde_json::from_value(found.data["data"].clone()).unwrap();
        BTreeMap::from([(found.metadata.name.clone().unwrap(), data)])
    }

    /// The name of the ServiceAccount that the Pods run as.
    pub fn service_account(&self) -> &str {
        self.pod()["serviceAccountName"].as_str().unwrap()
    }

    /// The ServiceAccounts of the namespace.
    pub fn service_accounts(&self, cluster: &Cluster) -> Api<ServiceAccount> {
        Api::namespaced(cluster.client.clone(), &self.namespace)
    }

    /// The only manifest of a kind.
    fn the(&self, kind: &str) -> &DynamicObject {
        let of_kind = |manifest: &&DynamicObject| manifest.types.as_ref().unwrap().kind == kind;
        let found: Vec<&DynamicObject> = self.manifests.iter().filter(of_kind).collect();
        assert_eq!(found.len(), 1, "{kind}: {found:?}");
        found[0]
    }
}
