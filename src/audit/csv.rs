//! The report as comma-separated values (RFC 4180), for spreadsheets: one line for each target.

use std::io::{self, Write};

use super::form::{Form, Region};
use super::row::Row;

const HEADER: &str = "account,region,type,id,name,instanceId,state,reason,atRisk,risks,seen,ignoredUntil,ignoredReason,heldBy\r\n";

/// The report as CSV.
pub struct Csv<W> {
    out: W,
    begun: bool,
}

impl<W: Write> Csv<W> {
    pub fn new(out: W) -> Self {
        Self { out, begun: false }
    }

    fn begin(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        self.out.write_all(HEADER.as_bytes())
    }
}

impl<W: Write> Form for Csv<W> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        self.begin()?;
        let risks: Vec<String> = row.risks.iter().map(ToString::to_string).collect();
        let (until, accepted) = match row.ignored {
            Some(ignored) => (ignored.until.to_string(), ignored.reason.as_str()),
            None => (String::new(), ""),
        };
        let cells = [
            row.scope.account.as_str(),
            row.scope.region.as_str(),
            row.kind.as_str(),
            row.id,
            row.name.as_deref().unwrap_or_default(),
            row.instance().unwrap_or_default(),
            row.state.as_str(),
            row.reason.as_str(),
            if row.at_risk() { "true" } else { "false" },
            &risks.join("; "),
            &row.seen.to_string(),
            &until,
            accepted,
            &row.claim.as_ref().map(|claim| claim.held_by.join("; ")).unwrap_or_default(),
        ];
        self.out.write_all((cells.map(cell).join(",") + "\r\n").as_bytes())
    }

    fn region(&mut self, _: &Region<'_>) -> io::Result<()> {
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        self.begin()?;
        self.out.flush()
    }
}

/// A cell that a spreadsheet takes for text: what begins like a formula is put behind an apostrophe.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\r', '\n', ';', '\'', ' ']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_or_breaks_its_line() {
        for (text, expected) in [
            ("web", "web"),
            ("", ""),
            ("=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("＝1", "\"'＝1\""),
            ("a,b", "\"a,b\""),
            ("a \"b\"", "\"a \"\"b\"\"\""),
        ] {
            assert_eq!(cell(text), expected);
        }
    }
}
