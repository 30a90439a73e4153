//! The health checks for Argo CD: the test files beside them, which have the form that Argo CD's own repository gives them, and the
//! page that offers them. `src/status/tests/tools.rs` and `tests/operator/tools.rs` have Argo CD judge all other states.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::gitops::{self, HEALTH_CHECKS};
use crate::pages;

const KINDS: [&str; 2] = ["EcsInstanceProtection", "EniRetention"];

/// Where the health check of a kind is.
fn folder(kind: &str) -> PathBuf {
    pages::root().join(HEALTH_CHECKS).join("ecs-keeper.io").join(kind)
}

fn yaml(file: &Path) -> Value {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The objects of all test files, each with its file.
pub fn objects() -> Vec<(PathBuf, Value)> {
    let folders = KINDS.map(|kind| folder(kind).join("testdata"));
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    files.map(|file| file.unwrap().path()).map(|path| (path.clone(), yaml(&path))).collect()
}

#[test]
fn argo_cd_finds_in_each_test_file_what_the_tests_expect() {
    let mut tried = Vec::new();
    for kind in KINDS {
        for test in yaml(&folder(kind).join("health_test.yaml"))["tests"].as_array().unwrap() {
            let file = folder(kind).join(test["inputPath"].as_str().unwrap());
            let object = yaml(&file);
            assert_eq!(object["kind"], kind, "{}", file.display());
            let read = gitops::agree(&object).health;
            let read = json!({ "status": read.status, "message": read.message });
            assert_eq!(read, test["healthStatus"], "{}", file.display());
            tried.push(file);
        }
    }
    tried.sort();
    let mut all: Vec<PathBuf> = objects().into_iter().map(|(file, _)| file).collect();
    all.sort();
    assert_eq!(tried, all, "each file is tried once");
}

#[test]
fn argo_cd_waits_for_a_status() {
    let mut object = yaml(&folder(KINDS[0]).join("testdata/healthy.yaml"));
    object["status"]["conditions"] = json!([]);
    let unsaid = gitops::read(&object).health;
    assert_eq!(
        (&*unsaid.status, &*unsaid.message),
        ("Progressing", "ecs-keeper has not set the conditions yet")
    );
    for status in [json!({}), Value::Null] {
        object["status"] = status;
        assert_eq!(gitops::read(&object).health.status, "Progressing");
    }
}

#[test]
fn the_page_has_the_health_checks_of_the_files() {
    let page = std::fs::read_to_string(pages::root().join("docs/argocd.md")).unwrap();
    let blocks = pages::blocks(&page, "yaml").into_iter().map(|block| serde_saphyr::from_str(block).unwrap());
    let config_map = blocks
        .into_iter()
        .find(|block: &Value| block["kind"] == "ConfigMap")
        .expect("the page has a ConfigMap");
    for kind in KINDS {
        let script = std::fs::read_to_string(folder(kind).join("health.lua")).unwrap();
        let key = format!("resource.customizations.health.ecs-keeper.io_{kind}");
        assert_eq!(config_map["data"][&key], script, "{kind}");
    }
}
