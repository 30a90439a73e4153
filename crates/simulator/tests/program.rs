//! The program `ecs-simulator`: how it starts, and that it ends.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use keeper_simulator::Contents;
use serde_json::Value;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/seed.example.json");

/// A running program, which ends with the test whatever happens.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // Fails when it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(arguments: &[&str]) -> (Program, Value) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ecs-simulator"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let stdout = child.stdout.take().expect("a pipe");
    let program = Program(child);
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    (program, serde_json::from_str(&line).expect("a line of JSON"))
}

#[test]
fn it_says_where_it_listens_and_ends_when_asked() {
    for signal in ["-TERM", "-INT"] {
        let (mut program, ready) = start(&[]);
        for port in ["endpoint", "control", "metadata"] {
            let address = ready[port].as_str().expect("a URL").trim_start_matches("http://");
            std::net::TcpStream::connect(address).expect("it listens");
        }
        assert_eq!(ready["accounts"][0]["accessKeyId"], keeper_simulator::DEFAULT_ACCESS_KEY_ID);
        assert!(!ready.to_string().contains(keeper_simulator::DEFAULT_ACCESS_KEY_SECRET));
        let kill =
            Command::new("kill").args([signal, &program.0.id().to_string()]).status().expect("kill runs");
        assert!(kill.success());
        assert!(program.0.wait().expect("it ends").success(), "{signal}");
    }
}

#[test]
fn it_serves_tls_with_the_certificate_of_a_file() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).expect("written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    let [certificate, key] = [&certificate, &key].map(|path| path.to_str().expect("a path"));
    let (_program, ready) = start(&["--tls-certificate", certificate, "--tls-key", key]);
    let address = ready["endpointTls"].as_str().expect("a URL").strip_prefix("https://").expect("TLS");
    std::net::TcpStream::connect(address).expect("it listens");

    for (arguments, word) in [
        (["--tls-certificate", certificate].as_slice(), "--tls-key"),
        (&["--tls-certificate", key, "--tls-key", key], "key.pem"),
        (&["--tls-certificate", certificate, "--tls-key", "none.pem"], "none.pem"),
    ] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_ecs-simulator"));
        // It ends at once where it should not have started.
        let output = program.args(arguments).arg("--end-with-stdin").output().expect("the program starts");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(word), "{error}");
    }
}

#[test]
fn it_ends_with_its_standard_input_when_told_to() {
    let (mut program, _) = start(&["--end-with-stdin"]);
    drop(program.0.stdin.take());
    assert!(program.0.wait().expect("it ends").success());
}

#[test]
fn the_example_of_a_seed_file_is_taken() {
    let (_program, ready) = start(&["--seed", EXAMPLE]);
    assert_eq!(ready["accounts"][0]["accountId"], "1234567890123456");
    let text = std::fs::read(EXAMPLE).expect("the example is there");
    let contents: Contents = serde_json::from_slice(&text).expect("the example is a seed");
    assert_eq!(contents.accounts[0].instances.len(), 6);
    assert_eq!(contents.accounts[0].network_interfaces.len(), 1);
    assert_eq!(contents.accounts[0].roles.len(), 1);
    assert_eq!(contents.faults.len(), 2);
    assert!(contents.metadata.role.is_some_and(|arn| arn.ends_with(":role/node")));
}

#[test]
fn accounts_can_be_named_on_the_command_line() {
    let (_program, ready) = start(&["--account", "1:key:secret", "--account", "2:other:secret"]);
    let ids: Vec<_> =
        ready["accounts"].as_array().expect("a list").iter().map(|a| a["accountId"].clone()).collect();
    assert_eq!(ids, ["1", "2"]);
}

#[test]
fn a_seed_file_with_a_mistake_is_refused_with_its_name() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mistake.json");
    std::fs::write(&path, r#"{"acounts": []}"#).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_ecs-simulator"))
        .args(["--seed".as_ref(), path.as_os_str()])
        .output()
        .expect("the program starts");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && error.contains("mistake.json") && error.contains("acounts"),
        "{error}"
    );
}
