//! The program: reads the command line and does what it says.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use ecs_keeper::cli::{Cli, Command};
use ecs_keeper::{crds, telemetry};

fn main() -> ExitCode {
    match carry_out(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ecs-keeper: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn carry_out(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Crds => {
            let definitions = crds::yaml_stream().context("the definitions can't be written as YAML")?;
            std::io::stdout().write_all(definitions.as_bytes()).context("standard output can't be written to")
        }
        Command::Run(options) => {
            telemetry::init(&options.log).context("logging can't be started")?;
            // Two crates here bring rustls; which provider it uses must be said once, before any client is made.
            if rustls::crypto::ring::default_provider().install_default().is_err() {
                anyhow::bail!("another TLS provider was installed first");
            }
            let runtime = tokio::runtime::Runtime::new().context("the runtime can't be started")?;
            Ok(runtime.block_on(ecs_keeper::run::run(*options))?)
        }
    }
}
