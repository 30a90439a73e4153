//! The pages: the Markdown files at the root, everything under `docs/`, and the chart's own.

use std::path::{Path, PathBuf};

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every page with its text, by its path from the root.
pub fn all() -> Vec<(PathBuf, String)> {
    let mut pages = Vec::new();
    collect(root(), false, &mut pages);
    collect(&root().join("docs"), true, &mut pages);
    collect(&root().join("deploy"), true, &mut pages);
    pages.sort();
    pages
}

fn collect(folder: &Path, deep: bool, pages: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && deep {
            collect(&path, deep, pages);
        } else if path.extension().is_some_and(|ending| ending == "md") {
            let text = std::fs::read_to_string(&path).unwrap();
            pages.push((path.strip_prefix(root()).unwrap().to_owned(), text));
        }
    }
}

/// The fenced blocks of a page that are marked with this language.
pub fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    text.split(opening.as_str()).skip(1).map(|rest| rest.split_once("```").unwrap().0).collect()
}
