//! The program, and the account that it reads.

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use keeper_simulator::{Account, Allowed, DEFAULT_USER, Policy, Simulator, UserSeed};
use serde_json::{Value, json};
use tokio::process::Command;

pub const HERE: &str = "cn-hangzhou";
pub const THERE: &str = "cn-beijing";

/// A simulated account with a configuration that leads to it.
pub struct Stage {
    pub simulator: Simulator,
    pub account: Account,
    pub folder: PathBuf,
}

/// What the program left behind.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ended {
    /// The lines of JSON of this type.
    pub fn lines(&self, of_type: &str) -> Vec<Value> {
        let lines = self.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["type"] == of_type).collect()
    }

    /// State and risks of a target.
    pub fn said(&self, id: &str) -> (String, Vec<String>) {
        let lines = self.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let target =
            lines.into_iter().find(|line| line["id"] == id).unwrap_or_else(|| panic!("no {id}: {self:?}"));
        let risks = target["risks"].as_array().unwrap().iter();
        let risks = risks.map(|risk| risk["reason"].as_str().unwrap().to_owned()).collect();
        (target["state"].as_str().unwrap().to_owned(), risks)
    }
}

impl Stage {
    pub async fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let simulator = Simulator::start().await.unwrap();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("audit-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let stage = Self { account: simulator.new_account(), simulator, folder };
        stage.write("config.yaml", &stage.config(&[HERE]).to_string());
        stage
    }

    /// A configuration that names these regions.
    pub fn config(&self, regions: &[&str]) -> Value {
        let endpoint = self.simulator.endpoint();
        let endpoints = json!({ "ecs": endpoint, "ess": endpoint });
        json!({ "accounts": [{ "name": "default", "regions": regions, "endpoints": endpoints }] })
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// An audit with these flags.
    pub fn command(&self, flags: &[&str]) -> Command {
        self.program(&[&["audit"], flags].concat())
    }

    /// The program with these words, and with the account's key.
    pub fn program(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ecs-keeper"));
        let key = self.account.access_key();
        command
            .env_clear()
            .env("HOME", &self.folder)
            .env("ALIBABA_CLOUD_ACCESS_KEY_ID", &key.access_key_id)
            .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", key.access_key_secret.as_str())
            .env("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")
            .env("TZ", "UTC")
            .args(words)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs it with the stage's configuration.
    pub async fn audit(&self, flags: &[&str]) -> Ended {
        let config = self.folder.join("config.yaml");
        let flags = [&["--config", config.to_str().unwrap()], flags].concat();
        ended(self.command(&flags)).await
    }

    /// The same, as JSON.
    pub async fn json(&self, flags: &[&str]) -> Ended {
        self.audit(&[&["--output", "json"], flags].concat()).await
    }

    /// Lets the identity carry out this operation only here, and every other one everywhere.
    pub fn allow_only_here(&self, operation: &str) {
        let others = ["DescribeInstances", "DescribeNetworkInterfaces"]
            .into_iter()
            .filter(|other| *other != operation);
        let mut others: Vec<String> = others.map(|other| format!("ecs:{other}")).collect();
        others.push("ess:DescribeScalingGroups".to_owned());
        let here = format!("acs:ecs:{HERE}:*:*");
        let policy = Policy::new(json!({ "Version": "1", "Statement": [
            { "Effect": "Allow", "Action": others, "Resource": "*" },
            { "Effect": "Allow", "Action": format!("ecs:{operation}"), "Resource": here },
        ] }));
        self.account.user(UserSeed::new(DEFAULT_USER).policy(policy.unwrap()));
    }

    /// I59: that nothing but listings was asked for, beside whose the key is.
    pub fn only_read(&self) {
        let allowed = [
            Allowed::new("DescribeInstances", &["RegionId", "MaxResults", "NextToken", "DryRun"]),
            Allowed::new("DescribeNetworkInterfaces", &["RegionId", "MaxResults", "NextToken"]),
            Allowed::new("DescribeScalingGroups", &["RegionId", "PageNumber", "PageSize"]),
            Allowed::new("DescribeRegions", &[]),
            Allowed::new("GetCallerIdentity", &[]),
        ];
        assert_eq!(self.account.violations(&allowed), [""; 0]);
    }
}

/// What comes of a command.
pub async fn ended(mut command: Command) -> Ended {
    let Output { status, stdout, stderr } = command.output().await.unwrap();
    Ended {
        code: status.code().unwrap(),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}
