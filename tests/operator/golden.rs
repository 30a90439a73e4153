//! Generated files that are kept in the repository.

use std::path::Path;

use ecs_keeper::crds;

#[test]
fn the_committed_definitions_are_the_ones_that_the_types_give() {
    are_current("crds");
    // A chart can't reach beyond its own folder.
    are_current("deploy/charts/ecs-keeper/files/crds");
}

/// Fails if a folder holds anything but the definitions; UPDATE_GOLDEN=1 writes them.
#[expect(clippy::disallowed_methods, reason = "a switch of the test itself, not of the operator")]
fn are_current(folder: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut expected = Vec::new();
    for crd in crds::all() {
        let file = folder.join(format!("{}.yaml", crd.spec.names.plural));
        let text = crds::yaml(&crd).unwrap();
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
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
