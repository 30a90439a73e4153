//! What every form of the report is told, in this order: the rows of a region, its summary, the next region, the end.

use std::io;

use super::row::{Counts, Row};
use crate::scope::Scope;

/// One form of the report.
pub trait Form {
    /// Takes one target.
    fn row(&mut self, row: &Row<'_>) -> io::Result<()>;
    /// Takes what there is to say of a region.
    fn region(&mut self, region: &Region<'_>) -> io::Result<()>;
    /// Writes what is left.
    fn end(&mut self) -> io::Result<()>;
}

/// What was found in a region.
pub struct Region<'a> {
    pub scope: &'a Scope,
    pub instances: Counts,
    /// `None`: they were not asked for.
    pub interfaces: Option<Counts>,
    /// `None`: they were not asked for, or could not be listed.
    pub scaling_groups: Option<Counts>,
    /// Why scaling groups could not be listed.
    pub scaling_groups_failure: Option<&'a str>,
    /// Why it was not listed whole.
    pub failure: Option<&'a str>,
}
