//! When the API server can't be heard.

use std::net::SocketAddr;
use std::time::Duration;

use keeper_simulator::Seed;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::stage::{REGION, Stage, eventually};

/// The state of the road between the operator and the API server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Open,
    /// Connections stand, and nothing comes through.
    Silent,
    /// Connections are broken, and new ones too.
    Cut,
}

/// A road to the API server that can be blocked. Its tasks end with the test's runtime.
pub struct Road(watch::Sender<State>);

impl Road {
    /// Puts a road between the API server and the operators that the stage starts from now on.
    pub async fn lay(stage: &Stage) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = stage.move_api_server(listener.local_addr().unwrap());
        let (road, seen) = watch::channel(State::Open);
        tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                if *seen.borrow() != State::Cut {
                    tokio::spawn(carry(near, server, seen.clone()));
                }
            }
        });
        Self(road)
    }

    pub fn becomes(&self, state: State) {
        self.0.send_replace(state);
    }
}

/// Carries one connection until either end closes it or the road is cut.
async fn carry(near: TcpStream, server: SocketAddr, state: watch::Receiver<State>) {
    let far = TcpStream::connect(server).await.unwrap();
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    let mut cut = state.clone();
    tokio::select! {
        () = one_way(near_in, far_out, state.clone()) => {}
        () = one_way(far_in, near_out, state) => {}
        _ = cut.wait_for(|state| *state == State::Cut) => {}
    }
}

async fn one_way(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut state: watch::Receiver<State>) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let open = state.wait_for(|state| *state == State::Open).await.is_ok();
        if !open || to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

fn spec(ids: &[String], protection: &str) -> Value {
    json!({ "region": REGION, "targets": { "instanceIds": ids }, "protection": protection })
}

/// A rival was created a moment ago, and the watch is silent.
#[tokio::test]
async fn i11_who_cannot_hear_of_a_new_hold_stops_switching_off() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(20).protected(true));
    let road = Road::lay(&stage).await;
    // Slow, so that there is a middle.
    let mut operator = stage.settings().writes(120, 2).start();
    stage.apply("off", spec(&ids, "Disabled")).await;
    stage.until_cloud("it has begun", |_| stage.unprotecting_writes() >= 2).await;
    road.becomes(State::Silent);
    stage.apply("hold", spec(&ids, "Enabled")).await;
    // What was proven before may still be used up, for ten seconds and in small batches. Half a minute is longer than all of
    // these, and than it takes to switch off all that is left.
    let mut switched_off = stage.unprotecting_writes();
    eventually("it stops", async || {
        tokio::time::sleep(Duration::from_secs(15)).await;
        let before = std::mem::replace(&mut switched_off, stage.unprotecting_writes());
        if before == switched_off { Ok(()) } else { Err(switched_off) }
    })
    .await;
    assert!(switched_off < ids.len(), "all were switched off against a hold");

    road.becomes(State::Open);
    stage.until("hold", "Protected=True/AllProtected").await;
    assert!(ids.iter().all(|id| stage.protected(id)));
    stage.until("off", "Protected=False/Conflict Stalled=True/Conflict").await;
    assert_eq!(stage.unprotecting_writes(), switched_off);
    assert!(operator.runs());
}

#[tokio::test]
async fn i27_without_the_api_server_drift_is_repaired_and_what_was_missed_is_made_up_for() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(3));
    let road = Road::lay(&stage).await;
    let mut operator = stage.start();
    stage.apply("stays", spec(&ids[..1], "Enabled")).await;
    stage.apply("goes", spec(&ids[1..2], "Enabled")).await;
    for name in ["stays", "goes"] {
        stage.until(name, "Protected=True").await;
    }
    road.becomes(State::Cut);
    stage.by_hand(&ids[0], false);
    stage.until_cloud("the drift is repaired", |_| stage.protected(&ids[0])).await;
    stage.delete("goes").await;
    stage.apply("new", spec(&ids[2..], "Enabled")).await;
    stage.reads(3).await;
    assert!(!stage.protected(&ids[2]), "nobody can know of it yet");
    assert!(operator.runs());

    road.becomes(State::Open);
    stage.until("new", "Protected=True/AllProtected").await;
    stage.until("stays", "Protected=True/AllProtected").await;
    // The hold of what was deleted meanwhile has fallen.
    stage.by_hand(&ids[1], false);
    stage.reads(5).await;
    assert!(!stage.protected(&ids[1]));
    assert_eq!(stage.unprotecting_writes(), 0);
}
