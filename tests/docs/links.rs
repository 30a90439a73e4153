//! Links between the pages.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use crate::pages;

/// The targets of a page's links within the repository: file from the root, and heading.
fn targets(page: &Path, text: &str) -> Vec<(PathBuf, Option<String>)> {
    let links = text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
    let inner = links.filter(|link| !link.contains("://"));
    inner
        .map(|link| {
            let (file, heading) = link.split_once('#').map_or((link, None), |(f, h)| (f, Some(h.to_owned())));
            let from = if file.is_empty() { page } else { page.parent().unwrap() };
            (tidy(&from.join(file)), heading)
        })
        .collect()
}

/// The path without its `..`.
fn tidy(path: &Path) -> PathBuf {
    let mut tidied = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => assert!(tidied.pop(), "{} leaves the repository", path.display()),
            part => tidied.push(part),
        }
    }
    tidied
}

/// The name by which a heading is linked to: lower case, hyphens for blanks, without punctuation.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let kept = |letter: char| letter.is_alphanumeric() || letter == ' ' || letter == '-' || letter == '_';
    headings
        .map(|line| line.trim_start_matches('#').trim().to_lowercase())
        .map(|heading| heading.chars().filter(|letter| kept(*letter)).collect::<String>().replace(' ', "-"))
        .collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut broken = Vec::new();
    for (page, text) in pages::all() {
        for (file, heading) in targets(&page, &text) {
            let path = pages::root().join(&file);
            let found = match heading {
                None => path.exists(),
                Some(heading) => {
                    std::fs::read_to_string(&path).is_ok_and(|text| anchors(&text).contains(&heading))
                }
            };
            if !found {
                broken.push(format!("{} → {}", page.display(), file.display()));
            }
        }
    }
    assert!(broken.is_empty(), "these links lead nowhere: {broken:#?}");
}

#[test]
fn every_page_can_be_reached_from_the_readme() {
    let pages = pages::all();
    let mut reached = BTreeSet::from([PathBuf::from("README.md")]);
    loop {
        let known: Vec<_> = pages.iter().filter(|(page, _)| reached.contains(page)).collect();
        let before = reached.len();
        reached.extend(known.iter().flat_map(|(page, text)| targets(page, text)).map(|(file, _)| file));
        if reached.len() == before {
            break;
        }
    }
    // The book's list of pages is none itself.
    let readable = pages.iter().map(|(page, _)| page).filter(|page| !page.ends_with("SUMMARY.md"));
    let lost: Vec<_> = readable.filter(|page| !reached.contains(*page)).collect();
    assert!(lost.is_empty(), "nothing leads to {lost:?}");
}
