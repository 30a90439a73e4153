//! A reader that goes away before the program has printed anything.

use std::io::Read as _;
use std::process::Stdio;

use tokio::process::Command;

/// Runs a command whose output nobody reads: it says nothing about that, and ends with the code of an error.
pub async fn ends_quietly_unread(mut command: Command) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let status = child.wait().await.unwrap();
    let mut complaint = String::new();
    let stderr = child.stderr.take().unwrap().into_owned_fd().unwrap();
    std::fs::File::from(stderr).read_to_string(&mut complaint).unwrap();
    assert_eq!((status.code(), complaint.as_str()), (Some(1), ""));
}
