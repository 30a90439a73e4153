//! What an operator is started with.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use keeper_simulator::AccessKey;
use serde_json::{Value, json};

use crate::process::Operator;
use crate::stage::{LABEL, Stage};

/// The configuration, the flags and the access key of one operator: at first, to serve the objects of one test alone, in
/// a hurry.
#[derive(Clone)]
pub struct Settings<'a> {
    pub stage: &'a Stage,
    /// What stands in the configuration file.
    pub config: Value,
    /// Further flags.
    pub flags: Vec<String>,
    /// What stands in the environment.
    pub key: AccessKey,
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
                "endpoints": { "ecs": stage.simulator.endpoint() },
                "budgets": {
                    "DescribeInstances": plenty, "ModifyInstanceAttribute": plenty,
                    "DescribeNetworkInterfaces": plenty, "ModifyNetworkInterfaceAttribute": plenty,
                },
            }],
        });
        Self { stage, config, flags: Vec::new(), key: stage.account.access_key().clone() }
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
        let all = ["Protect", "Weaken", "Attach"];
        let grants = json!([{ "namespaces": [self.stage.namespace, namespace], "may": all }]);
        self.set("/grants", grants)
    }

    /// A flag with its value.
    pub fn flag(mut self, name: &str, value: &str) -> Self {
        self.flags.extend([name.to_owned(), value.to_owned()]);
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

    /// Writes the configuration file. JSON is YAML too.
    pub fn write(&self) -> PathBuf {
        static WRITTEN: AtomicU32 = AtomicU32::new(0);
        let path = self.stage.folder.join(format!("config-{}", WRITTEN.fetch_add(1, Ordering::Relaxed)));
        std::fs::write(&path, self.config.to_string()).unwrap();
        path
    }
}
