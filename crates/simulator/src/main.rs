//! `ecs-simulator`: the simulator as a program.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use keeper_simulator::{AccessKey, AccountSeed, Addresses, Contents, Simulator, TlsIdentity};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

/// Simulates Alibaba Cloud's ECS, Auto Scaling, ActionTrail and STS on this machine.
///
/// When all ports listen, one line of JSON on standard output names them and the accounts.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Address of the cloud's port; port 0 takes a free one.
    #[arg(long, env = "ECS_SIMULATOR_LISTEN", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// Address of the control port; port 0 takes a free one. Keep it on the loopback interface: it asks for no
    /// credentials.
    #[arg(long, env = "ECS_SIMULATOR_CONTROL", default_value = "127.0.0.1:0")]
    control: SocketAddr,

    /// Address of the metadata service, which takes the place of 100.100.100.200; port 0 takes a free one.
    #[arg(long, env = "ECS_SIMULATOR_METADATA", default_value = "127.0.0.1:0")]
    metadata: SocketAddr,

    /// PEM file with a certificate: the cloud's port is there once more, over TLS.
    #[arg(long, env = "ECS_SIMULATOR_TLS_CERTIFICATE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,

    /// PEM file with the certificate's key.
    #[arg(long, env = "ECS_SIMULATOR_TLS_KEY", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,

    /// Address of the cloud's port over TLS; port 0 takes a free one.
    #[arg(long, env = "ECS_SIMULATOR_LISTEN_TLS", default_value = "127.0.0.1:0")]
    listen_tls: SocketAddr,

    /// JSON file with accounts, keys, instances, faults and settings, as the README describes. Without one, there is
    /// the default account with no instances.
    #[arg(long, env = "ECS_SIMULATOR_SEED")]
    seed: Option<PathBuf>,

    /// An account with a key, as ACCOUNT_ID:ACCESS_KEY_ID:ACCESS_KEY_SECRET, besides those of the seed file. Can be
    /// given more than once. Use invented keys: real ones have no business here.
    #[arg(long, value_parser = account)]
    account: Vec<AccountSeed>,

    /// End when standard input closes, so that the simulator can't outlive the program that started it with a pipe.
    #[arg(long)]
    end_with_stdin: bool,
}

fn account(text: &str) -> Result<AccountSeed, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let [account_id, access_key_id, access_key_secret] = parts.as_slice() else {
        return Err("it must be ACCOUNT_ID:ACCESS_KEY_ID:ACCESS_KEY_SECRET".to_owned());
    };
    Ok(AccountSeed {
        account_id: Some((*account_id).to_owned()),
        access_keys: vec![AccessKey::lasting(access_key_id, access_key_secret)],
        ..AccountSeed::default()
    })
}

/// Completes when standard input has come to its end. Read in a thread of its own, which unlike a task of the
/// runtime doesn't hold up the end of the process.
async fn end_of_stdin() {
    let (ended, end) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // An input that can't be read has ended as well.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = ended.send(());
    });
    let _ = end.await;
}

/// The certificate and its key, if they were named.
fn identity(arguments: &Arguments) -> anyhow::Result<Option<TlsIdentity>> {
    let Some((certificate, key)) = arguments.tls_certificate.as_ref().zip(arguments.tls_key.as_ref()) else {
        return Ok(None);
    };
    let read = |path: &PathBuf| {
        std::fs::read(path).with_context(|| format!("The file {} can't be read.", path.display()))
    };
    let identity = TlsIdentity::from_pem(&read(certificate)?, &read(key)?);
    let files = format!("{} and {}", certificate.display(), key.display());
    identity.map(Some).with_context(|| format!("TLS can't be served with {files}."))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .init();
    let tls = identity(&arguments)?.map(|identity| (arguments.listen_tls, identity));
    let mut contents: Contents = match &arguments.seed {
        None => Contents::default(),
        Some(path) => {
            let text = std::fs::read(path)
                .with_context(|| format!("The seed file {} can't be read.", path.display()))?;
            serde_json::from_slice(&text).with_context(|| {
                format!("The seed file {} isn't of the form that the README describes.", path.display())
            })?
        }
    };
    contents.accounts.extend(arguments.account);
    // Asked for before anybody can know that the simulator runs.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let addresses =
        Addresses { cloud: arguments.listen, control: arguments.control, metadata: arguments.metadata, tls };
    let simulator = Simulator::start_with(addresses, contents).await.context(
        "A port can't be opened: choose others with --listen, --listen-tls, --control and --metadata.",
    )?;

    let accounts: Vec<_> = simulator
        .accounts()
        .iter()
        .map(
            |account| json!({ "accountId": account.id(), "accessKeyId": account.access_key().access_key_id }),
        )
        .collect();
    let mut ready = json!({
        "endpoint": simulator.endpoint(),
        "control": simulator.control(),
        "metadata": simulator.metadata().endpoint(),
        "accounts": accounts,
    });
    if let (Some(url), Some(members)) = (simulator.endpoint_tls(), ready.as_object_mut()) {
        members.insert("endpointTls".to_owned(), url.into());
    }
    writeln!(std::io::stdout().lock(), "{ready}")?;

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = end_of_stdin(), if arguments.end_with_stdin => {}
    }
    Ok(())
}
