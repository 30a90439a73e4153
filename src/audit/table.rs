//! The report for people: a table of each region, the worst first, and a summary of all of them.

use std::collections::BTreeMap;
use std::io::{self, Write};

use unicode_width::UnicodeWidthStr as _;

use super::form::{Form, Region};
use super::glossary::{Glossary, Meaning};
use super::row::{Counts, Kind, Row, Severity};
use super::why::why;
use super::words::not_examined;
use crate::scope::Scope;
use crate::visible_text::{cut, fit, wrap};
use crate::zone::Zone;

/// Columns of a line.
const WIDTH: usize = 100;
/// Columns of state, id and name, each with a blank after it. The reasons get the rest.
const STATE: usize = 13;
const ID: usize = 24;
const NAME: usize = 15;
/// Bytes of lines that are kept in one piece.
const PIECE: usize = 16 * 1024;
/// Longer ids don't occur; if one does, it leaves room for the reasons.
const LONGEST_ID: usize = 60;

/// The report as a table. Of a region, only the lines of one kind of targets are kept until all are there, without the worst, which
/// come first.
pub struct Table<W> {
    out: W,
    /// Whether the account has to be told.
    accounts: bool,
    lines: BTreeMap<(Kind, Severity), Vec<String>>,
    /// The kind that is being listed; `None` between two regions.
    kind: Option<Kind>,
    summary: Vec<String>,
    glossary: Glossary,
    /// Whether the scaling groups of all regions were listed.
    all_groups: bool,
    /// Whether a region without targets is named at the end alone, because nobody has named it before.
    terse: bool,
    empty: Vec<String>,
    zone: Zone,
}

impl<W: Write> Table<W> {
    /// `accounts`: there are several. `terse`: a region without targets is named at the end alone.
    pub fn new(out: W, accounts: bool, terse: bool) -> Self {
        Self {
            out,
            accounts,
            lines: BTreeMap::new(),
            kind: None,
            summary: Vec::new(),
            glossary: Glossary::default(),
            all_groups: true,
            terse,
            empty: Vec::new(),
            zone: Zone::of_process(),
        }
    }

    /// Writes the lines that are there.
    fn flush(&mut self) -> io::Result<()> {
        for lines in std::mem::take(&mut self.lines).into_values().flatten() {
            self.out.write_all(lines.as_bytes())?;
        }
        Ok(())
    }

    fn begin(&mut self, scope: &Scope) -> io::Result<()> {
        let place = self.place(scope);
        writeln!(self.out, "{place}")?;
        writeln!(self.out, "{} {} {} WHY", fit("STATE", STATE), fit("ID", ID), fit("NAME", NAME))
    }

    fn place(&self, scope: &Scope) -> String {
        let account = if self.accounts { format!(", account {}", scope.account) } else { String::new() };
        format!("{}{account}", scope.region)
    }

    fn add_summary(&mut self, what: &str, counts: &Counts) {
        let Counts {
            total,
            protected,
            unprotected,
            not_applicable,
            unknown,
            at_risk,
            risks_unknown,
            ignored,
            unclaimed,
        } = *counts;
        self.summary.push(format!(
            "  {what:<22} {total:>8}  {protected:>9}  {unprotected:>11}  {not_applicable:>14}  {unknown:>7}  {at_risk:>7}"
        ));
        if risks_unknown > 0 {
            self.summary.push(format!("    of which the risks are not known: {risks_unknown}"));
        }
        if ignored > 0 {
            self.summary.push(format!("    of which ignored: {ignored}"));
        }
        if let Some(unclaimed) = unclaimed {
            self.summary.push(format!("    of which no object of the cluster holds: {unclaimed}"));
        }
    }
}

impl<W: Write> Table<W> {
    fn add_remark(&mut self, text: &str) {
        self.summary.extend(wrap(text, WIDTH - 2).iter().map(|line| format!("  {line}")));
    }
}

impl<W: Write> Form for Table<W> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        match self.kind.replace(row.kind) {
            None => self.begin(row.scope)?,
            Some(before) if before != row.kind => self.flush()?,
            Some(_) => {}
        }
        let id = cut(row.id, LONGEST_ID);
        let name = row.name.as_deref().unwrap_or("-");
        let start = format!(
            "{} {} {} ",
            fit(row.state.as_str(), STATE),
            fit(&id, ID.max(id.width())),
            fit(name, NAME)
        );
        let free = WIDTH.saturating_sub(start.width());
        let told: Vec<String> = why(row).iter().map(|part| part.told(&self.zone)).collect();
        for (number, line) in wrap(&told.join(", "), free).iter().enumerate() {
            let start = if number == 0 { start.clone() } else { " ".repeat(start.width()) };
            let line = format!("{start}{line}");
            match row.severity() {
                // Nothing comes before it.
                Severity::Unprotected => writeln!(self.out, "{}", line.trim_end())?,
                other => push_line(self.lines.entry((row.kind, other)).or_default(), line.trim_end()),
            }
        }
        self.glossary.note(row);
        Ok(())
    }

    fn region(&mut self, region: &Region<'_>) -> io::Result<()> {
        let place = self.place(region.scope);
        self.flush()?;
        if self.terse && self.kind.is_none() && region.failure.is_none() {
            self.all_groups &= region.scaling_groups.is_some();
            self.empty.push(place);
            return Ok(());
        }
        if self.kind.take().is_none() {
            writeln!(self.out, "{place}\nnothing listed")?;
        }
        if self.summary.is_empty() {
            self.summary.push(format!(
                "{:<24} {:>8}  PROTECTED  UNPROTECTED  NOT APPLICABLE  UNKNOWN  AT RISK",
                "SUMMARY", "TOTAL"
            ));
        }
        self.summary.push(place);
        self.add_summary(Kind::Instance.plural(), &region.instances);
        if let Some(interfaces) = &region.interfaces {
            self.add_summary(Kind::NetworkInterface.plural(), interfaces);
        }
        if let Some(groups) = &region.scaling_groups {
            self.add_summary(Kind::ScalingGroup.plural(), groups);
        }
        self.all_groups &= region.scaling_groups.is_some();
        if let Some(failure) = region.scaling_groups_failure {
            self.add_remark(&format!("scaling groups are not known: {failure}"));
        }
        if let Some(failure) = region.failure {
            self.add_remark(&format!("not complete: {failure}"));
            writeln!(self.out, "not complete: see the summary")?;
        }
        writeln!(self.out)
    }

    fn end(&mut self) -> io::Result<()> {
        for line in &self.summary {
            writeln!(self.out, "{line}")?;
        }
        if !self.empty.is_empty() {
            for line in wrap(
                &format!("nothing listed: {}", self.empty.join(if self.accounts { "; " } else { ", " })),
                WIDTH,
            ) {
                writeln!(self.out, "{line}")?;
            }
        }
        let meanings = self.glossary.meanings();
        if !meanings.is_empty() {
            writeln!(self.out, "\nWHAT IT MEANS")?;
        }
        for Meaning { reason, of, sentence } in meanings {
            let of = of.map(|kind| format!(" ({})", kind.plural())).unwrap_or_default();
            let text = format!("{reason}{of}: {sentence}");
            for (number, line) in wrap(&text, WIDTH - 2).iter().enumerate() {
                writeln!(self.out, "{}{line}", if number == 0 { "" } else { "  " })?;
            }
        }
        writeln!(self.out)?;
        for line in wrap(&format!("Not examined, so unknown: {}", not_examined(self.all_groups)), WIDTH) {
            writeln!(self.out, "{line}")?;
        }
        self.out.flush()
    }
}

/// Adds a line to the last piece, or to a new one: one long text would be copied, and have room for twice as much.
fn push_line(pieces: &mut Vec<String>, line: &str) {
    let full = |piece: &String| piece.capacity() - piece.len() <= line.len();
    if pieces.last().is_none_or(full) {
        pieces.push(String::with_capacity(PIECE.max(line.len() + 1)));
    }
    if let Some(piece) = pieces.last_mut() {
        piece.push_str(line);
        piece.push('\n');
    }
}
