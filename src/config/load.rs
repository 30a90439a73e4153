//! From the file to the configuration. Everything that is wrong with a file is told as a sentence, with its line.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::check;
use super::file::File;
use super::problem::{Problems, of};
use super::settings::Config;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("failed to read the configuration file {path}; set its path with --config or ECS_KEEPER_CONFIG", path = path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("invalid configuration file {path}:\n{problems}", path = path.display())]
    Wrong { path: PathBuf, problems: Problems },
}

/// The configuration in a file.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    parse(&text).map_err(|problems| ConfigError::Wrong { path: path.to_owned(), problems })
}

/// The configuration in a file; without one, that of an empty file.
pub fn load_or_empty(path: Option<&Path>) -> Result<Config, ConfigError> {
    match path {
        Some(path) => load(path),
        None => parse("").map_err(|problems| ConfigError::Wrong { path: PathBuf::new(), problems }),
    }
}

/// The configuration in a text.
pub fn parse(text: &str) -> Result<Config, Problems> {
    // A file of comments alone is no document at all.
    let file: Option<File> = serde_saphyr::from_str(text).map_err(|error| of(&error))?;
    check::config(file.unwrap_or_default())
}

/// The schema of the file, for editors.
pub fn schema() -> Value {
    let settings =
        schemars::generate::SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<File>().to_value();
    drop_null_defaults(&mut schema);
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), "Configuration of ecs-keeper".into());
    }
    schema
}

/// What has no default of its own has none in the schema either.
fn drop_null_defaults(schema: &mut Value) {
    match schema {
        Value::Object(keys) => {
            keys.retain(|key, value| key != "default" || !value.is_null());
            keys.values_mut().for_each(drop_null_defaults);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_null_defaults),
        _ => {}
    }
}
