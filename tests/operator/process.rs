//! The operator as the process that it is.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use keeper_simulator::AccessKey;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::pod::{self, Surroundings};
use crate::release::Release;
use crate::settings::Settings;

/// The Secret that the chart takes the access key from, unless told otherwise.
const SECRET: &str = "ecs-keeper-credentials";

/// A clean end may take this long: what the chart gives a Pod, `terminationGracePeriodSeconds`.
const FAREWELL: Duration = Duration::from_secs(30);

/// A running operator. It dies with the value.
pub struct Operator {
    child: Child,
}

impl Operator {
    /// Starts the program as a Pod of the chart. What it prints goes to the stage's log and to its evidence log.
    pub fn launch(settings: &Settings) -> Self {
        let stage = settings.stage;
        stage.allow(&settings.write());
        let release = Release::render(&stage.cluster, &stage.namespace, &settings.values());
        let key = credentials(&settings.key).into_iter().map(|(name, value)| (name.to_owned(), value));
        let service_account = stage.release.service_account();
        let mut command = pod::command(
            release.pod(),
            &Surroundings {
                namespace: &stage.namespace,
                pod_name: &settings.pod,
                secrets: BTreeMap::from([(SECRET.to_owned(), key.collect())]),
                secret_folders: settings.secret_folders.clone(),
                config_maps: release.config_maps(),
                access: (service_account, &stage.access),
                token: &|wanted| {
                    let (audience, seconds) = (&wanted.audience, wanted.expiration_seconds);
                    stage.cluster.token(&stage.namespace, service_account, audience, seconds)
                },
                api_server: stage.api_server(),
                folder: stage.new_folder(),
                clock: settings.clock.as_ref(),
            },
        );
        Self { child: to_files(&mut command, &stage.evidence, &stage.log).spawn().unwrap() }
    }

    /// Sends it a signal, such as `STOP`.
    pub async fn signal(&self, name: &str) {
        let id = self.child.id().expect("a running operator").to_string();
        // The shell's own `kill`: the program of that name need not be installed.
        let sent = Command::new("sh").args(["-c", "kill -\"$1\" \"$0\"", &id, name]).status().await.unwrap();
        assert!(sent.success());
    }

    /// Asks it to end; how it ended.
    pub async fn terminate(mut self) -> ExitStatus {
        self.signal("TERM").await;
        timeout(FAREWELL, self.child.wait()).await.expect("an end in time").unwrap()
    }

    /// Ends it in the middle of whatever it does.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Whether it has not ended by itself.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

/// The program with nothing in its environment, writing to a log.
pub fn program(log: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ecs-keeper"));
    to_files(command.env_clear(), log, log);
    command
}

fn to_files<'a>(command: &'a mut Command, out: &Path, log: &Path) -> &'a mut Command {
    let [out, log] = [out, log].map(|file| File::options().create(true).append(true).open(file).unwrap());
    command.stdin(Stdio::null()).stdout(out).stderr(log).kill_on_drop(true)
}

/// What the program answered to a person.
#[derive(Debug)]
pub struct Answer {
    pub code: Option<i32>,
    pub said: String,
    pub complained: String,
}

impl Answer {
    /// The exit code, and what was said and complained of.
    pub fn parts(self) -> (i32, String, String) {
        (self.code.unwrap(), self.said, self.complained)
    }
}

/// Runs the program as a person does, with a kubeconfig and no access key.
pub async fn ask(kubeconfig: &Path, arguments: &[&str]) -> Answer {
    let mut command = program(Path::new("/dev/null"));
    command.args(arguments).env("ECS_KEEPER_KUBECONFIG", kubeconfig);
    answer(command).await
}

/// The program as a person runs it who has this access key and nothing else in the environment.
pub fn with_key(key: &AccessKey) -> Command {
    let mut command = program(Path::new("/dev/null"));
    command.envs(credentials(key)).env("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true");
    command
}

/// Runs it to its end.
pub async fn answer(mut command: Command) -> Answer {
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Answer { code: output.status.code(), said: text(output.stdout), complained: text(output.stderr) }
}

/// The variables that hold a key.
pub fn credentials(key: &AccessKey) -> Vec<(&'static str, String)> {
    let mut variables = vec![
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", key.access_key_id.clone()),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", key.access_key_secret.clone()),
    ];
    variables.extend(key.security_token.clone().map(|token| ("ALIBABA_CLOUD_SECURITY_TOKEN", token)));
    variables
}
