//! The report as a page that can be handed over: one file that fetches nothing, readable without its script.
//!
//! Only the rows of the worst targets are kept, and of the others the numbers.

mod bar;
mod page;
mod soon;
mod tally;
mod verdict;

use std::collections::BTreeMap;
use std::io::{self, Write};

use jiff::Timestamp;

use super::form::{Form, Region};
use super::glossary::Glossary;
use super::row::{Kind, Row};
use super::worst::{Rank, Room, Worst};
use page::{Heading, RegionPart};
use soon::Soon;
use tally::Tally;

/// More rows than anyone reads, and what a browser shows without hanging. That many have half as many bytes as a rule.
const ROOM: Room = Room { entries: 10_000, bytes: 8 * 1024 * 1024 };

/// The report as HTML.
pub struct Html<W> {
    out: W,
    heading: Heading,
    rows: Worst,
    regions: Vec<RegionPart>,
    /// Of the region that is being listed.
    tallies: BTreeMap<Kind, Tally>,
    soon: Soon,
    glossary: Glossary,
    /// Whether the scaling groups of all regions were listed.
    all_groups: bool,
}

impl<W: Write> Html<W> {
    /// `accounts`: there are several. `narrowed`: what the report leaves out because it was asked to. `cluster`: exceptions of its objects are known.
    pub fn new(out: W, accounts: bool, narrowed: Vec<String>, cluster: bool, now: Timestamp) -> Self {
        Self {
            out,
            heading: Heading { accounts, narrowed, cluster, now },
            rows: Worst::new(ROOM),
            regions: Vec::new(),
            tallies: BTreeMap::new(),
            soon: Soon::new(now),
            glossary: Glossary::default(),
            all_groups: true,
        }
    }
}

impl<W: Write> Form for Html<W> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        self.tallies.entry(row.kind).or_default().add(row.severity(), row.ignored.is_some());
        self.soon.note(row);
        self.glossary.note(row);
        let accounts = self.heading.accounts;
        self.rows.offer(Rank::from(row), || page::row(row, accounts).into());
        Ok(())
    }

    fn region(&mut self, region: &Region<'_>) -> io::Result<()> {
        self.all_groups &= region.scaling_groups.is_some();
        self.regions.push(RegionPart {
            scope: region.scope.clone(),
            tallies: std::mem::take(&mut self.tallies),
            failure: region.failure.map(str::to_owned),
            groups_failure: region.scaling_groups_failure.map(str::to_owned),
        });
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        let Self { heading, rows, regions, soon, glossary, all_groups, .. } = self;
        for part in [
            page::begin(),
            page::heading(heading, regions),
            page::regions(heading, regions),
            page::soon(heading, regions, soon),
            page::begin_rows(rows.kept().len(), rows.left_out()),
        ] {
            self.out.write_all(part.into_string().as_bytes())?;
        }
        for row in rows.kept() {
            self.out.write_all(row.as_bytes())?;
        }
        self.out.write_all(page::end(&glossary.meanings(), *all_groups).into_string().as_bytes())?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use keeper_core::id::{AccountName, Region as RegionId};
    use keeper_core::reason::Reason;
    use keeper_core::verdict::State;

    use super::*;
    use crate::scope::Scope;

    /// A page about as many instances as have room, with names like this one, and the bytes of its rows.
    fn page(name: &str) -> (String, usize) {
        let scope = Scope { account: AccountName::new("default"), region: RegionId::new("cn-hangzhou") };
        let mut page = Vec::new();
        let mut html = Html::new(&mut page, false, Vec::new(), false, Timestamp::UNIX_EPOCH);
        for number in 0..ROOM.entries {
            let row = Row {
                scope: &scope,
                kind: Kind::Instance,
                id: &format!("i-bp1{number:017}"),
                name: Some(name.to_owned()),
                place: None,
                state: State::Unprotected,
                reason: Reason::Unprotected,
                risks: Vec::new(),
                claim: None,
                seen: Timestamp::UNIX_EPOCH,
                ignored: None,
            };
            html.row(&row).unwrap();
        }
        html.end().unwrap();
        let bytes = html.rows.kept().map(str::len).sum();
        (String::from_utf8(page).unwrap(), bytes)
    }

    #[test]
    fn a_page_of_long_names_is_no_longer_than_others_and_counts_what_it_lacks() {
        let (long, bytes) = page(&"\"".repeat(128));
        assert!(bytes <= ROOM.bytes && long.len() < ROOM.bytes + 100_000, "{bytes} of {}", long.len());
        let rows = long.matches("<code>i-bp1").count();
        let left_out = ROOM.entries - rows;
        assert!(rows > 1_000 && left_out > 1_000, "{rows}");
        assert!(long.contains(&format!("data-left-out=\"{left_out}\"")), "{left_out}");
        let (usual, bytes) = page("web-000001.prod.example.com");
        assert_eq!(usual.matches("<code>i-bp1").count(), ROOM.entries, "{bytes}");
        assert!(bytes < ROOM.bytes / 2, "{bytes}");
    }
}
