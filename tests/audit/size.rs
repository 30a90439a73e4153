//! An account of 100,000 machines: as few calls as can be, and little memory.

use std::fs::File;
use std::time::Duration;

use keeper_simulator::{Fault, InterfaceSeed, Rule, Seed};
use tokio::process::Child;

use crate::program::{HERE, Stage};

/// Instances, each with its primary network interface.
const MACHINES: u32 = 100_000;

/// The most memory that the process has had, in KiB, read until it ends.
async fn peak(child: &mut Child) -> u64 {
    let path = format!("/proc/{}/status", child.id().unwrap());
    let mut peak = 0;
    loop {
        if let Ok(status) = std::fs::read_to_string(&path)
            && let Some(line) = status.lines().find(|line| line.starts_with("VmHWM:"))
        {
            peak = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        }
        if tokio::time::timeout(Duration::from_millis(20), child.wait()).await.is_ok() {
            return peak;
        }
    }
}

/// The peak of an audit, and its calls.
async fn audited(stage: &Stage) -> (u64, [u64; 2]) {
    let config = stage.folder.join("config.yaml");
    // Of all forms, a table keeps the most.
    let flags = ["--config", config.to_str().unwrap(), "--calls-per-minute", "6000"];
    let out = File::create(stage.folder.join("table")).unwrap();
    let mut child = stage.command(&flags).stdout(out).spawn().unwrap();
    let peak = peak(&mut child).await;
    assert!(child.wait().await.unwrap().success());
    let calls = |operation: &str| stage.account.count(operation).calls;
    (peak, [calls("DescribeInstances"), calls("DescribeNetworkInterfaces")])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i52_a_hundred_thousand_machines_take_the_fewest_calls_and_little_memory() {
    let stage = Stage::new().await;
    // A program that ends at once is not looked at in time.
    let slow = Fault::Latency { millis: 2_000, jitter_millis: 0 };
    stage.account.fault(Rule::new("DescribeNetworkInterfaces", slow).times(1));
    let (empty, _) = audited(&stage).await;
    stage.account.clear_log();
    // Of what is protected, a table keeps the lines until all are there.
    let retained = InterfaceSeed::primary().delete_on_release(false);
    stage.account.seed(&Seed::new(HERE).id("i-bp1").protected(true).interface(retained).times(MACHINES));
    let (peak, calls) = audited(&stage).await;
    println!("{calls:?} calls, {peak} KiB, of which the program without machines has {empty} KiB");
    assert_eq!(calls, [1_000, 200]);
    // The program as it is released has less than 20 MiB without machines, and 64 MiB are the most with them. Its debug build is
    // larger by itself.
    assert!(peak - empty <= 44 * 1024, "{peak} KiB, {empty} KiB without machines");
}
