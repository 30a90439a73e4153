//! What GitOps tools read in an object. The tools are asked themselves: kstatus, by which Flux and Helm wait, and Argo CD with
//! the health checks that we give it (`go/`).

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{LazyLock, Mutex};

use serde::Deserialize;
use serde_json::Value;

/// The health checks for Argo CD, as its own repository has them.
pub const HEALTH_CHECKS: &str = "deploy/argocd/resource_customizations";

/// What the tools read in an object.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct Reading {
    /// Its status by kstatus.
    pub kstatus: String,
    /// Its health in Argo CD.
    pub health: Health,
}

/// What Argo CD shows.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct Health {
    pub status: String,
    pub message: String,
}

/// Asks the tools.
pub fn read(object: &Value) -> Reading {
    static TOOLS: LazyLock<Mutex<Tools>> = LazyLock::new(|| Mutex::new(Tools::start()));
    TOOLS.lock().unwrap().read(object)
}

/// I8: the tools read in an object what its operator means: nothing is left to do, the operator is at work, or a person must
/// act. Nothing of it is read from a status of an older generation, and an object that is deleted is on its way out.
pub fn agree(object: &Value) -> Reading {
    let status = &object["status"];
    let is_true = |name: &str| {
        let conditions = status["conditions"].as_array();
        conditions.is_some_and(|all| all.iter().any(|each| each["type"] == name && each["status"] == "True"))
    };
    let judged = status["observedGeneration"] == object["metadata"]["generation"];
    let meant = match ["Ready", "Reconciling", "Stalled"].map(is_true) {
        _ if !object["metadata"]["deletionTimestamp"].is_null() => ("Terminating", "Progressing"),
        _ if !judged => ("InProgress", "Progressing"),
        [true, false, false] => ("Current", "Healthy"),
        [false, true, false] => ("InProgress", "Progressing"),
        [false, false, true] => ("Failed", "Degraded"),
        said => panic!("Ready, Reconciling and Stalled are {said:?}: {status:#}"),
    };
    let read = read(object);
    assert_eq!((&*read.kstatus, &*read.health.status), meant, "{object:#}");
    assert!(!read.health.message.is_empty(), "{object:#}");
    read
}

/// The tools, as one process. It ends with this one, whose end it reads.
struct Tools {
    running: Child,
    objects: ChildStdin,
    readings: BufReader<ChildStdout>,
}

impl Tools {
    #[expect(clippy::disallowed_methods, reason = "a setting of the tests themselves, not of the operator")]
    fn start() -> Self {
        let program = std::env::var_os("KEEPER_TEST_GITOPS").unwrap_or_else(|| {
            panic!("KEEPER_TEST_GITOPS is not set: run `make test`, or `tests/control-plane/run.py -- cargo test`")
        });
        let mut command = Command::new(program);
        command.args(["health", HEALTH_CHECKS]).current_dir(env!("CARGO_MANIFEST_DIR"));
        let mut running = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (objects, readings) = (running.stdin.take().unwrap(), running.stdout.take().unwrap());
        Self { running, objects, readings: BufReader::new(readings) }
    }

    fn read(&mut self, object: &Value) -> Reading {
        writeln!(self.objects, "{object}").unwrap();
        let mut line = String::new();
        let bytes = self.readings.read_line(&mut line).unwrap();
        assert!(bytes > 0, "the tools ended with {} at {object:#}", self.running.wait().unwrap());
        serde_json::from_str(&line).unwrap()
    }
}
