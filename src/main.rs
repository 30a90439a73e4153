//! The program: reads the command line and does what it says.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use ecs_keeper::cli::{
    AuditFormat, AuditOptions, Cli, Command, ConfigCommand, EniCommand, EvidenceCommand, RamCommand,
};
use ecs_keeper::{AuditError, config, crds, ram, told};

fn main() -> ExitCode {
    let command = match Cli::of_process() {
        Ok(cli) => cli.command,
        Err(answer) => {
            // Whoever closed the pipe does not read it.
            let _ = answer.print();
            return if answer.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    match carry_out(command) {
        Ok(code) => code,
        Err(error) => {
            if !is_closed_pipe(&error) {
                complain(&error);
            }
            ExitCode::FAILURE
        }
    }
}

/// Whether nobody reads what is printed any more, as after `| head`. That is for whoever reads to know.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let printing = error.downcast_ref::<PrintError>().map(|PrintError(error)| error);
    let reporting = error.downcast_ref::<AuditError>().and_then(|error| match error {
        AuditError::Output(error) => Some(error),
        _ => None,
    });
    printing.or(reporting).is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Something could not be printed.
#[derive(Debug, thiserror::Error)]
#[error("failed to write to standard output")]
struct PrintError(#[source] io::Error);

fn carry_out(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Crds => {
            let definitions =
                crds::yaml_stream().context("failed to write the CustomResourceDefinitions as YAML")?;
            print(&definitions)?;
        }
        Command::Audit(options) => return run_audit(&options),
        Command::Completion { shell } => print_bytes(&ecs_keeper::completion(shell))?,
        Command::Man { folder } => ecs_keeper::man(&folder)?,
        Command::Explain(options) if options.schema => print_schema(&ecs_keeper::explain_schema())?,
        Command::Explain(options) => {
            let watched = io::stderr().is_terminal();
            print(&small_runtime()?.block_on(ecs_keeper::explain(&options, watched))?)?;
        }
        Command::Config(ConfigCommand::Check { file, identity }) => {
            let config = config::load(&file)?;
            print(&format!("{} is valid: {config}\n", file.display()))?;
            for doubt in &config.doubts {
                print(&format!("  warning: {doubt}\n"))?;
            }
            if identity {
                let found = small_runtime()?.block_on(ecs_keeper::check_identities(&config))?;
                print(&found.answer)?;
                if !found.good {
                    return Ok(ExitCode::FAILURE);
                }
            }
        }
        Command::Config(ConfigCommand::Schema) => print_schema(&config::schema())?,
        Command::Doctor(options) => {
            if options.schema {
                print_schema(&ecs_keeper::doctor_schema())?;
                return Ok(ExitCode::SUCCESS);
            }
            let examined = small_runtime()?.block_on(ecs_keeper::examine(&options))?;
            print(&examined.answer)?;
            if !examined.good {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Evidence(EvidenceCommand::Schema) => print_schema(&ecs_keeper::evidence_schema())?,
        Command::Eni(EniCommand::Handover(options)) => {
            print(&small_runtime()?.block_on(ecs_keeper::handover(&options))?)?;
        }
        Command::Eni(EniCommand::Export(options)) => {
            print(&small_runtime()?.block_on(ecs_keeper::export(&options))?)?;
        }
        #[cfg(feature = "plan")]
        Command::Plan(options) if options.schema => print_schema(&ecs_keeper::plan_schema())?,
        #[cfg(feature = "plan")]
        Command::Plan(options) => {
            let watched = io::stderr().is_terminal();
            let planned = small_runtime()?.block_on(ecs_keeper::plan(&options, watched))?;
            print(&planned.answer)?;
            return Ok(ExitCode::from(planned.outcome.code()));
        }
        Command::Ram(RamCommand::Policy(options)) => print_with_notes(&ram::policy(&options)?)?,
        Command::Ram(RamCommand::Trust(options)) => {
            print_with_notes(&small_runtime()?.block_on(ram::trust(&options))?)?;
        }
        Command::UninstallCheck(options) => {
            let checked = small_runtime()?.block_on(ecs_keeper::uninstall_check(&options))?;
            print(&checked.answer)?;
            if !checked.safe {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Run(options) => {
            ecs_keeper::start_logging(&options.log).context("failed to start logging")?;
            choose_tls_provider()?;
            let runtime = tokio::runtime::Runtime::new().context("failed to start the runtime")?;
            runtime.block_on(ecs_keeper::run(*options))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn run_audit(options: &AuditOptions) -> anyhow::Result<ExitCode> {
    if options.schema {
        print_schema(&ecs_keeper::audit_schema())?;
        return Ok(ExitCode::SUCCESS);
    }
    choose_tls_provider()?;
    // Two threads: one may wait for whoever reads the report, and the keys have to be renewed all the same.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.context("failed to start the runtime")?;
    let (stdout, stderr) = (io::stdout(), io::stderr());
    let (is_table, on_terminal) = (options.output == AuditFormat::Table, stdout.is_terminal());
    // What is written line by line is progress enough.
    let watched = stderr.is_terminal() && (is_table || !on_terminal);
    // Whole lines, so that the progress never stands in the middle of one.
    let out: Box<dyn io::Write> =
        if on_terminal { Box::new(stdout.lock()) } else { Box::new(io::BufWriter::new(stdout.lock())) };
    let audited = runtime.block_on(ecs_keeper::audit(options, out, watched))?;
    let seen = is_table && on_terminal;
    for line in audited.failures.iter().chain(&audited.ungrouped).filter(|_| !seen).chain(&audited.remarks) {
        eprintln!("ecs-keeper: {line}");
    }
    Ok(ExitCode::from(audited.outcome.code()))
}

/// For a few questions to the API server, one after the other.
fn small_runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    choose_tls_provider()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("failed to start the runtime")
}

/// Where there is a log, the last word stands in it as well.
fn complain(error: &anyhow::Error) {
    if tracing::dispatcher::has_been_set() {
        tracing::error!("{}", told(error.as_ref()));
    } else {
        eprintln!("ecs-keeper: {}", told(error.as_ref()));
    }
}

fn print_schema(schema: &serde_json::Value) -> anyhow::Result<()> {
    print(&(serde_json::to_string_pretty(schema).context("failed to write the schema")? + "\n"))
}

fn print(text: &str) -> anyhow::Result<()> {
    print_bytes(text.as_bytes())
}

fn print_bytes(bytes: &[u8]) -> anyhow::Result<()> {
    Ok(io::stdout().write_all(bytes).map_err(PrintError)?)
}

/// What is to be piped into a file is not mixed with what is for people.
fn print_with_notes(printed: &ram::Printed) -> anyhow::Result<()> {
    for note in &printed.notes {
        eprintln!("ecs-keeper: {note}");
    }
    print(&printed.text)
}

/// Two crates here bring rustls; which provider it uses must be said once, before any client is made.
fn choose_tls_provider() -> anyhow::Result<()> {
    match rustls::crypto::ring::default_provider().install_default() {
        Ok(()) => Ok(()),
        Err(_) => anyhow::bail!("another TLS provider was installed first"),
    }
}
