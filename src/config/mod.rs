//! What the administrator has written into the file.

mod check;
pub mod file;
mod load;
mod problem;
mod settings;

pub use load::{ConfigError, load, parse, schema};
pub use problem::{Problem, Problems, nearest};
pub use settings::{Account, AccountEndpoints, Budgets, Config, KeyParts, KeySource, RegionUrls, Urls};

#[cfg(test)]
mod tests;
