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
use super::worst::{Rank, Worst};
use page::{Heading, RegionPart};
use soon::Soon;
use tally::Tally;

/// Most rows: more than anyone reads, and what a browser shows without hanging.
const MOST: usize = 10_000;

/// The report as HTML.
pub struct Html<W> {
    out: W,
    heading: Heading,
    rows: Worst<String>,
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
            rows: Worst::new(MOST),
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
