//! Generated files that are kept in the repository.

use std::path::Path;

use ecs_keeper::crds;

#[test]
#[expect(clippy::disallowed_methods, reason = "a switch of the test itself, not of the operator")]
fn the_committed_definitions_are_the_ones_that_the_types_give() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
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
    let mut found: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected, "crds/ holds a file that no type gives, or lacks one");
}
