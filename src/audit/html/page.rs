//! The markup. Whatever is put in is escaped, unless it is said here that it is not: the style and the script alone, which are
//! ours.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use keeper_core::reason::Reason;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::bar::bar;
use super::soon::{DAYS, Soon};
use super::tally::Tally;
use super::verdict::{class, verdict};
use crate::audit::glossary::Meaning;
use crate::audit::row::{Kind, Row, Severity};
use crate::audit::why::{Why, why};
use crate::audit::words::not_examined;
use crate::scope::Scope;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What the page begins with.
pub struct Heading {
    /// Whether the account has to be told.
    pub accounts: bool,
    /// What the report leaves out because it was asked to.
    pub narrowed: Vec<String>,
    /// Whether exceptions of a cluster's objects are known.
    pub cluster: bool,
    pub now: Timestamp,
}

/// What was found in a region.
pub struct RegionPart {
    pub scope: Scope,
    pub tallies: BTreeMap<Kind, Tally>,
    pub failure: Option<String>,
    /// Why its scaling groups are not known.
    pub groups_failure: Option<String>,
}

/// Everything before the body. The policy lets the browser fetch nothing, and run nothing but the script of this page.
pub fn begin() -> Markup {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    html! {
        (DOCTYPE)
        (PreEscaped("<html lang=\"en\">"))
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(policy);
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="referrer" content="no-referrer";
            title { "What can be lost – ecs-keeper audit" }
            style { (PreEscaped(STYLE)) }
        }
        (PreEscaped("<body>"))
    }
}

/// What is looked at, and how much of it needs attention.
pub fn heading(heading: &Heading, regions: &[RegionPart]) -> Markup {
    let mut all: BTreeMap<Kind, Tally> = BTreeMap::new();
    for (kind, tally) in regions.iter().flat_map(|region| &region.tallies) {
        all.entry(*kind).or_default().add_all(tally);
    }
    let total = |severity: Severity| all.values().map(|tally| tally.of(severity)).sum::<u64>();
    let ignored = |severity: Severity| all.values().map(|tally| tally.ignored(severity)).sum::<u64>();
    html! {
        header {
            h1 { "What can be lost" }
            p.about {
                "ecs-keeper audit " (env!("CARGO_PKG_VERSION")) ", " (time(heading.now)) ": "
                (place_names(heading, regions))
                @for narrowed in &heading.narrowed { ", " (narrowed) }
            }
        }
        @let failed: Vec<&RegionPart> = regions.iter().filter(|region| region.failure.is_some()).collect();
        @if !failed.is_empty() {
            section.incomplete {
                h2 { "Not complete" }
                ul {
                    @for region in failed {
                        li { b { (place(heading, &region.scope)) } ": " (region.failure.as_deref().unwrap_or_default()) }
                    }
                }
            }
        }
        section.tiles aria-label="Targets by verdict" {
            @for severity in Severity::ALL {
                div.tile {
                    (verdict(severity))
                    strong.none[total(severity) == 0] { (grouped(total(severity))) }
                    span {
                        @for (number, (kind, tally)) in all.iter().enumerate() {
                            @if number > 0 { br; }
                            (grouped(tally.of(severity))) " " (kind.plural())
                        }
                        @if ignored(severity) > 0 { br; "of which " (grouped(ignored(severity))) " ignored" }
                    }
                }
            }
        }
    }
}

/// The verdicts of each region, as a picture and in numbers.
pub fn regions(heading: &Heading, regions: &[RegionPart]) -> Markup {
    let (empty, listed): (Vec<_>, Vec<_>) =
        regions.iter().partition(|region| region.tallies.values().all(|tally| tally.total() == 0));
    html! {
        section {
            h2 { "Verdicts by region" }
            @if !listed.is_empty() {
                table.regions {
                    thead {
                        tr {
                            th scope="col" { "Region" }
                            th scope="col" { "Kind" }
                            th.share scope="col" { "Share" }
                            @for severity in Severity::ALL { th.number scope="col" { (verdict(severity)) } }
                            th.number scope="col" { "Total" }
                        }
                    }
                    @for region in listed {
                        tbody {
                            @for (number, (kind, tally)) in region.tallies.iter().enumerate() {
                                tr {
                                    @if number == 0 {
                                        th scope="rowgroup" rowspan=(region.tallies.len()) {
                                            (place(heading, &region.scope))
                                            @if region.failure.is_some() { small { "not complete" } }
                                        }
                                    }
                                    td { (kind.plural()) }
                                    td.share { (bar(tally)) }
                                    @for severity in Severity::ALL {
                                        td.number.none[tally.of(severity) == 0] data-label=(severity.label()) { (grouped(tally.of(severity))) }
                                    }
                                    td.number data-label="Total" { (grouped(tally.total())) }
                                }
                            }
                        }
                    }
                }
            }
            @if !empty.is_empty() {
                p.note {
                    "Nothing listed: "
                    @for (number, region) in empty.iter().enumerate() {
                        @if number > 0 { ", " }
                        (place(heading, &region.scope))
                        @if region.failure.is_some() { " (not complete)" }
                    }
                }
            }
            @for region in regions {
                @if let Some(failure) = &region.groups_failure {
                    p.note { "The scaling groups of " (place(heading, &region.scope)) " are not known: " (failure) }
                }
            }
            p.note {
                "Each target counts once, by the worst that is known of it. At risk: it can be lost although its flag is, or would \
                 be, protected."
            }
        }
    }
}

/// What comes to its end soon, and of what that is not known.
pub fn soon(heading: &Heading, regions: &[RegionPart], soon: &Soon) -> Markup {
    let failed: Vec<&RegionPart> = regions.iter().filter(|region| region.failure.is_some()).collect();
    html! {
        section {
            h2 { "Ends within " (DAYS) " days" }
            @if soon.endings().len() == 0 {
                p.note { "None within " (DAYS) " days among what was listed." }
            } @else {
                table.soon {
                    thead {
                        tr {
                            th scope="col" { "Time" }
                            th scope="col" { "What ends" }
                            th scope="col" { "Target" }
                            th scope="col" { "Region" }
                        }
                    }
                    tbody {
                        @for ending in soon.endings() {
                            tr {
                                td { (time(ending.at)) small { (soon.within(ending)) } }
                                td { (ending.what) @if let Some(remark) = &ending.remark { small { (remark) } } }
                                td { code { (ending.id) } small { (ending.kind.label()) } }
                                td { (region_cell(&ending.scope, heading.accounts)) }
                            }
                        }
                    }
                }
            }
            @if soon.left_out() > 0 { p.note { (grouped(soon.left_out())) " more end later within this time." } }
            @if soon.unreadable() > 0 {
                p.note { "Of " (grouped(soon.unreadable())) " instances it is not known: what tells of a release time could not be read." }
            }
            @if !failed.is_empty() {
                p.note { "Not all is known of: " (failed.iter().map(|region| place(heading, &region.scope)).collect::<Vec<_>>().join("; ")) }
            }
            p.note {
                @if heading.cluster {
                    "Automatic release times, entries of the file of ignored targets, and exceptions of the cluster's objects."
                } @else {
                    "Automatic release times, and entries of the file of ignored targets. Exceptions of a cluster's objects are not looked at."
                }
            }
        }
    }
}

/// Everything around the rows that comes before them.
pub fn begin_rows(rows: usize, left_out: &BTreeMap<Severity, u64>) -> Markup {
    let more: u64 = left_out.values().sum();
    html! {
        section.targets {
            h2 { "Targets" }
            @if more > 0 {
                p.note {
                    "The worst " (grouped(u64::try_from(rows).unwrap_or(u64::MAX))) ". " (grouped(more))
                    " more are counted above, and not listed here: "
                    @for (number, (severity, count)) in left_out.iter().enumerate() {
                        @if number > 0 { ", " }
                        (severity.label()) " " (grouped(*count))
                    }
                    ". Of equally bad ones, those that are ignored come last."
                }
            }
            // The script shows them: without it they would do nothing.
            div #controls hidden {
                input #search type="search" placeholder="Search ids, names, reasons" aria-label="Search" autocomplete="off" spellcheck="false";
                select #verdict aria-label="Verdict" {
                    option value="" { "All verdicts" }
                    @for severity in Severity::ALL { option value=(class(severity)) { (severity.label()) } }
                }
                output #shown for="search verdict" data-left-out=(more) {}
            }
            (PreEscaped("<table id=\"targets\"><thead><tr>"))
            th.verdict-column scope="col" aria-sort="ascending" { "Verdict" }
            th.kind-column scope="col" { "Kind" }
            th.id-column scope="col" { "Id" }
            th.name-column scope="col" { "Name" }
            th.region-column scope="col" { "Region" }
            th.why-column scope="col" { "Why" }
            (PreEscaped("</tr></thead><tbody>"))
        }
    }
}

/// One target.
pub fn row(row: &Row<'_>, accounts: bool) -> Markup {
    let severity = row.severity();
    html! {
        tr.(class(severity)).ignored[row.ignored.is_some()] {
            td {
                (verdict(severity))
                @if severity.label() != row.state.as_str() && row.state.as_str() != "NotApplicable" { small { (row.state.as_str()) } }
            }
            td { (row.kind.label()) }
            td { code { (row.id) } }
            td { (row.name.as_deref().unwrap_or_default()) }
            td { (region_cell(row.scope, accounts)) }
            td { @for part in &why(row) { span { (because(part)) } } }
        }
    }
}

/// What the reasons mean, what was not examined, and the end.
/// `all_groups`: the scaling groups of all regions were listed.
pub fn end(meanings: &[Meaning], all_groups: bool) -> Markup {
    html! {
        (PreEscaped("</tbody></table>"))
        @if !meanings.is_empty() {
            section {
                h2 { "What it means" }
                dl {
                    @for (number, meaning) in meanings.iter().enumerate() {
                        // One word may have two meanings; links lead to the first.
                        @let first = number.checked_sub(1).and_then(|before| meanings.get(before)).is_none_or(|before| before.reason != meaning.reason);
                        dt id=[first.then_some(meaning.reason)] {
                            (meaning.reason)
                            @if let Some(kind) = meaning.of { small { (kind.plural()) } }
                        }
                        dd { (meaning.sentence) }
                    }
                }
            }
        }
        footer { p { "Not examined, so unknown: " (not_examined(all_groups)) } }
        script { (PreEscaped(SCRIPT)) }
        (PreEscaped("</body></html>\n"))
    }
}

fn because(part: &Why<'_>) -> Markup {
    let linked = |reason: Reason| html! { a href={ "#" (reason.as_str()) } { (reason.as_str()) } };
    match part {
        Why::On(instance) => html! { "on " code { (instance) } },
        Why::Reason(reason) => linked(*reason),
        Why::Risk(risk) => {
            html! { (linked(risk.reason)) @if let Some(detail) = &risk.detail { " " (detail) } }
        }
        Why::NotAttached | Why::Claim(_) | Why::Ignored(_) => html! { (part.to_string()) },
    }
}

fn time(at: Timestamp) -> Markup {
    html! { time datetime=(at) { (at.strftime("%Y-%m-%d %H:%M UTC").to_string()) } }
}

/// A region in a table of targets.
fn region_cell(scope: &Scope, accounts: bool) -> Markup {
    html! { (scope.region.as_str()) @if accounts { small { (scope.account.as_str()) } } }
}

fn place(heading: &Heading, scope: &Scope) -> String {
    if heading.accounts { format!("{}, {}", scope.account, scope.region) } else { scope.region.to_string() }
}

/// The regions, as long as they fit a line; else how many there are.
fn place_names(heading: &Heading, regions: &[RegionPart]) -> String {
    const MOST: usize = 4;
    if regions.len() > MOST {
        return format!("{} regions", regions.len());
    }
    let names: Vec<String> = regions.iter().map(|region| place(heading, &region.scope)).collect();
    names.join("; ")
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let expected = ["0", "999", "1,000", "100,000", "1,234,567"];
        assert_eq!([0, 999, 1_000, 100_000, 1_234_567].map(grouped), expected);
    }

    #[test]
    fn neither_the_style_nor_the_script_can_end_its_element() {
        assert!(!STYLE.contains("</") && !SCRIPT.contains("</"));
    }

    #[test]
    fn a_browser_hashes_the_style_and_the_script_as_we_do() {
        // It makes line feeds of carriage returns first.
        assert!(!STYLE.contains('\r') && !SCRIPT.contains('\r'));
    }
}
