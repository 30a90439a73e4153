//! Generated files that are kept in the repository.

use std::path::Path;

use ecs_keeper::crds;

#[test]
fn the_committed_definitions_are_the_ones_that_the_types_give() {
    are_current("crds");
    // A chart can't reach beyond its own folder.
    are_current("deploy/charts/ecs-keeper/files/crds");
}

/// Who keeps lines for years relies on it: within a version, fields are only added.
#[test]
fn the_committed_schema_of_the_evidence_log_is_the_one_that_the_program_prints() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/evidence-v1.schema.json");
    let text = serde_json::to_string_pretty(&ecs_keeper::evidence_schema()).unwrap() + "\n";
    if updating() {
        std::fs::write(&file, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == text, "{} is out of date: run `make crds` and review the diff", file.display());
}

#[expect(clippy::disallowed_methods, reason = "a switch of the test itself, not of the operator")]
fn updating() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

/// Fails if a folder holds anything but the definitions; UPDATE_GOLDEN=1 writes them.
fn are_current(folder: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut expected = Vec::new();
    for crd in crds::all() {
        let file = folder.join(format!("{}.yaml", crd.spec.names.plural));
        let text = crds::yaml(&crd).unwrap();
        if updating() {
            std::fs::write(&file, &text).unwrap();
        }
        let committed = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(committed == text, "{} is out of date: run `make crds` and review the diff", file.display());
        expected.push(file);
    }
    let mut found: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    expected.sort();
    let shown = folder.display();
    assert_eq!(found, expected, "{shown} holds a file that no type gives, or lacks one");
}
