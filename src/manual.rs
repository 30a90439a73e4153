//! What shells and people are told of the command line, made from it: completion scripts and man pages.

use std::io;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::Cli;

/// Why there are no man pages.
#[derive(Debug, thiserror::Error)]
#[error("failed to write man pages into {folder}")]
pub struct ManError {
    folder: PathBuf,
    source: io::Error,
}

/// A completion script for a shell.
pub fn completion(shell: Shell) -> Vec<u8> {
    let (mut command, mut script) = (Cli::command(), Vec::new());
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command, name, &mut script);
    script
}

/// Writes a man page for each command into a folder.
pub fn man(folder: &Path) -> Result<(), ManError> {
    clap_mangen::generate_to(Cli::command(), folder)
        .map_err(|source| ManError { folder: folder.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_shell_has_a_script_that_knows_the_commands() {
        for shell in Shell::value_variants() {
            let script = String::from_utf8(completion(*shell)).unwrap();
            for command in Cli::command().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
            }
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_told() {
        let error = man(Path::new("/nowhere/at/all")).unwrap_err();
        assert_eq!(error.to_string(), "failed to write man pages into /nowhere/at/all");
    }
}
