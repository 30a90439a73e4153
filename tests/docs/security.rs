//! The threat model: each row names the tests that show what it says, or the step of `make test`.

use crate::pages;

/// What a row says instead of naming a test.
const WITHOUT: [&str; 2] = ["not tested", "not stopped"];

/// The last cells of the rows below a heading `Test`.
fn cells(page: &str) -> Vec<&str> {
    let mut cells = Vec::new();
    let mut within = false;
    for line in page.lines() {
        let cell = line.strip_suffix(" |").and_then(|row| Some(row.rsplit_once("| ")?.1));
        match cell {
            Some("Test") => within = true,
            Some(cell) if within => cells.push(cell),
            _ => within &= line.starts_with("|---"),
        }
    }
    cells
}

/// Whether this source defines a test of this name, be it in Rust or in Python.
fn has_test(source: &str, name: &str) -> bool {
    let in_rust = source.split_once(&format!("fn {name}(")).is_some_and(|(before, _)| {
        let above = before.rsplit('\n').skip(1).map(str::trim_start);
        let mut attributes = above.take_while(|line| line.starts_with("#[") || line.starts_with("//"));
        attributes.any(|line| matches!(line, "#[test]" | "#[tokio::test]"))
    });
    in_rust || (name.starts_with("test_") && source.contains(&format!("    def {name}(self")))
}

/// Whether `make test` has this step.
fn has_step(makefile: &str, name: &str) -> bool {
    let steps = makefile.lines().find_map(|line| line.strip_prefix("TEST_STEPS := "));
    steps.is_some_and(|steps| steps.split(' ').any(|step| step == name))
}

/// What is wrong with a cell, if anything is.
fn mistake(cell: &str) -> Option<String> {
    if WITHOUT.contains(&cell) {
        return None;
    }
    cell.split(", ").find_map(|link| {
        let Some((name, file)) =
            link.strip_prefix("[`").and_then(|link| link.strip_suffix(')')?.split_once("`]("))
        else {
            return Some(format!("{link} is no link to a test"));
        };
        let source = std::fs::read_to_string(pages::root().join(file)).unwrap_or_default();
        let found = match name.strip_prefix("make ") {
            Some(step) => has_step(&source, step),
            None => has_test(&source, name),
        };
        (!found).then(|| format!("{file} has no {name}"))
    })
}

#[test]
fn each_row_of_the_threat_model_names_tests_that_there_are() {
    let (_, page) = pages::all().into_iter().find(|(path, _)| path.as_os_str() == "SECURITY.md").unwrap();
    let cells = cells(&page);
    assert!(!cells.is_empty());
    let mistakes: Vec<String> = cells.into_iter().filter_map(mistake).collect();
    assert!(mistakes.is_empty(), "{mistakes:#?}");
}

#[test]
fn a_test_that_is_not_there_would_be_noticed() {
    let here = "tests/docs/security.rs";
    for (cell, right) in [
        ("not tested", true),
        (&format!("[`a_test_that_is_not_there_would_be_noticed`]({here})"), true),
        (&format!("[`has_test`]({here})"), false),
        (&format!("[`a_test_that_is_not_there_would_be_noticed`]({here}), [`gone`]({here})"), false),
        ("[`every_link_leads_somewhere`](tests/docs/moved.rs)", false),
        ("[`make lint`](Makefile)", true),
        ("[`make demo`](Makefile)", false),
        ("by hand", false),
        ("", false),
    ] {
        assert_eq!(mistake(cell).is_none(), right, "{cell}");
    }
}
