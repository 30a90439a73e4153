//! What the administrator has written into the file.

mod check;
mod file;
mod load;
mod problem;
mod settings;

pub(crate) use load::ConfigError;
#[cfg(test)]
pub(crate) use load::parse;
pub use load::{load, schema};
pub(crate) use problem::nearest;
pub(crate) use settings::{Account, Config, KeyParts, KeySource};

#[cfg(test)]
mod tests;
