//! What a reader copies and applies: the examples of the pages, and what the test files of Argo CD's health checks show.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Value, json};

use crate::{argocd, pages};

/// kubectl on the shared control plane, with the definitions installed.
struct Kubectl {
    program: OsString,
    kubeconfig: OsString,
}

impl Kubectl {
    fn ready() -> &'static Self {
        static READY: OnceLock<Kubectl> = OnceLock::new();
        READY.get_or_init(|| {
            let kubectl =
                Self { program: given("KEEPER_TEST_KUBECTL"), kubeconfig: given("KEEPER_TEST_KUBECONFIG") };
            kubectl.apply("crds/");
            // The API server serves a resource a moment after it knows its definition.
            let resources = "ecsinstanceprotections.ecs-keeper.io,eniretentions.ecs-keeper.io";
            let attempts = (0..300).any(|_| {
                std::thread::sleep(Duration::from_millis(100));
                kubectl.run(&["get", resources], None).is_ok()
            });
            assert!(attempts, "the definitions were not served within half a minute");
            kubectl
        })
    }

    fn apply(&self, file: &str) {
        let apply =
            ["apply", "--server-side", "--force-conflicts", "--field-manager=ecs-keeper-docs", "-f", file];
        self.run(&apply, None).unwrap();
    }

    /// What kubectl prints, or what it complains of.
    fn run(&self, arguments: &[&str], input: Option<&str>) -> Result<String, String> {
        let mut command = Command::new(&self.program);
        // A cache of this run's own: an earlier control plane on the same port may have known other resources.
        let cache = format!("{}/kubectl-{}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
        command.arg("--kubeconfig").arg(&self.kubeconfig).arg("--cache-dir").arg(cache).args(arguments);
        command
            .current_dir(pages::root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.unwrap_or_default().as_bytes()).unwrap();
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        if status.success() {
            Ok(String::from_utf8(stdout).unwrap())
        } else {
            Err(String::from_utf8(stderr).unwrap())
        }
    }

    /// Whether the API server would take the object; unknown fields are refused.
    fn would_take(&self, object: &Value) -> Result<String, String> {
        let dry = ["create", "--dry-run=server", "--validate=strict", "-f", "-"];
        self.run(&dry, Some(&object.to_string()))
    }
}

#[expect(clippy::disallowed_methods, reason = "settings of the tests themselves, not of the operator")]
fn given(variable: &str) -> OsString {
    std::env::var_os(variable).unwrap_or_else(|| {
        panic!("{variable} is not set: run `make test`, or `tests/control-plane/run.py -- cargo test`")
    })
}

#[test]
fn the_api_server_takes_every_example() {
    let kubectl = Kubectl::ready();
    let mut tried = 0;
    for (page, text) in pages::all() {
        for block in pages::blocks(&text, "yaml") {
            let mut object: Value = serde_saphyr::from_str(block)
                .unwrap_or_else(|error| panic!("{}: {error}\n{block}", page.display()));
            // A page may show one line of a spec: the rest of the object is the smallest that there is.
            if object.as_object().is_some_and(|members| members.keys().eq(["spec"])) {
                object["apiVersion"] = json!("ecs-keeper.io/v1alpha1");
                object["kind"] = json!("EcsInstanceProtection");
                object["metadata"] = json!({ "name": "fragment" });
                for (field, value) in
                    [("region", json!("cn-hangzhou")), ("targets", json!({ "allInstances": true }))]
                {
                    if object["spec"][field].is_null() {
                        object["spec"][field] = value;
                    }
                }
            }
            if object["apiVersion"] != "ecs-keeper.io/v1alpha1" {
                continue;
            }
            // The examples' own namespaces don't exist here.
            object["metadata"]["namespace"] = json!("default");
            if let Err(refusal) = kubectl.would_take(&object) {
                panic!("{}: {refusal}\n{block}", page.display());
            }
            tried += 1;
        }
    }
    assert!(tried >= 3, "only {tried} examples were found: is the language of their blocks still yaml?");
}

#[test]
fn the_api_server_takes_the_test_files_of_the_health_checks() {
    let kubectl = Kubectl::ready();
    for (file, mut object) in argocd::objects() {
        object["metadata"]["namespace"] = json!("default");
        if let Err(refusal) = kubectl.would_take(&object) {
            panic!("{}: {refusal}", file.display());
        }
    }
}
