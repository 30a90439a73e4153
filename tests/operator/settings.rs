//! What an operator is started with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use keeper_simulator::AccessKey;
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::process::Operator;
use crate::stage::{LABEL, Stage};

/// The values of the chart, the access key and the name of one operator's Pod: at first, to serve the objects of one test
/// alone, in a hurry.
#[derive(Clone)]
pub struct Settings<'a> {
    pub stage: &'a Stage,
    /// What stands in the configuration file.
    pub config: Value,
    /// Other values.
    values: Value,
    /// What stands in the Secret.
    pub key: AccessKey,
    /// Where the Secrets that are mounted are kept.
    pub secret_folders: BTreeMap<String, PathBuf>,
    /// Name of the Pod.
    pub pod: String,
    /// The clock of the Pod's node, if that may be wrong.
    pub clock: Option<Clock>,
}

impl<'a> Settings<'a> {
    /// The usual ones.
    pub fn new(stage: &'a Stage) -> Self {
        let plenty = json!({ "callsPerMinute": 100_000, "burst": 1000 });
        let config = json!({
            "sweepInterval": "1s",
            "objectSelector": format!("{LABEL}={}", stage.namespace),
            "accounts": [{
                "name": "default",
                "endpoints": { "ecs": stage.simulator.endpoint(), "ess": stage.simulator.endpoint() },
                "budgets": {
                    "DescribeInstances": plenty, "ModifyInstanceAttribute": plenty,
                    "DescribeNetworkInterfaces": plenty, "ModifyNetworkInterfaceAttribute": plenty,
                    "DescribeScalingInstances": plenty, "SetInstancesProtection": plenty,
                },
            }],
        });
        let key = stage.account.access_key().clone();
        let (secret_folders, pod) = (BTreeMap::new(), "ecs-keeper-0".to_owned());
        Self { stage, config, values: json!({}), key, secret_folders, pod, clock: None }
    }

    /// A key of the file, by its place such as `/accounts/0/regions`.
    pub fn set(mut self, place: &str, value: impl Into<Value>) -> Self {
        let (parent, key) = place.rsplit_once('/').expect("a place in the file");
        self.config.pointer_mut(parent).expect("a place in the file")[key] = value.into();
        self
    }

    /// Writing calls to instances.
    pub fn writes(self, calls_per_minute: u32, burst: u32) -> Self {
        let budget = json!({ "callsPerMinute": calls_per_minute, "burst": burst });
        self.set("/accounts/0/budgets/ModifyInstanceAttribute", budget)
    }

    /// Everything is granted to the operator's own namespace and to this one.
    pub fn serving(self, namespace: &str) -> Self {
        let all = ["Protect", "Unprotect", "Attach"];
        let grants = json!([{ "namespaces": [self.stage.namespace, namespace], "may": all }]);
        self.set("/grants", grants)
    }

    /// A value of the chart beside the configuration file.
    pub fn value(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.values[name] = value.into();
        self
    }

    /// A Secret of this name, kept in this folder, is mounted there.
    pub fn mounted(mut self, secret: &str, folder: &Path, at: &str) -> Self {
        let further = [
            ("extraVolumes", json!({ "name": secret, "secret": { "secretName": secret } })),
            ("extraVolumeMounts", json!({ "name": secret, "mountPath": at, "readOnly": true })),
        ];
        for (list, entry) in further {
            let before = self.values[list].as_array().cloned().unwrap_or_default();
            self.values[list] = before.into_iter().chain([entry]).collect();
        }
        self.secret_folders.insert(secret.to_owned(), folder.to_owned());
        self
    }

    /// The name of the Pod.
    pub fn pod(mut self, name: &str) -> Self {
        name.clone_into(&mut self.pod);
        self
    }

    /// A clock that may be wrong.
    pub fn clock(mut self, clock: &Clock) -> Self {
        self.clock = Some(clock.clone());
        self
    }

    /// Another access key.
    pub fn key(mut self, key: &AccessKey) -> Self {
        self.key = key.clone();
        self
    }

    /// An operator that is started so.
    pub fn start(&self) -> Operator {
        Operator::launch(self)
    }

    /// All values of the chart.
    pub fn values(&self) -> Value {
        let mut values = self.values.clone();
        values["config"] = self.config.clone();
        values
    }

    /// Writes the configuration file by itself. JSON is YAML, too.
    pub fn write(&self) -> PathBuf {
        let path = self.stage.new_folder().join("config.yaml");
        std::fs::write(&path, self.config.to_string()).unwrap();
        path
    }
}
