//! Calls, faults, log and instances.

use std::io;
use std::time::Duration;

use keeper_simulator::{Allowed, Change, Fault, ReleaseReason, Rule, Seed, Status};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{REGION, call, control, request, send, started};

#[tokio::test]
async fn each_answer_names_its_request_in_body_header_and_log() {
    let (simulator, account) = started().await;
    let answer =
        call(&simulator, &account, "DescribeInstances", &[("RegionId", REGION)]).await.expect("an answer");
    let id = answer.body["RequestId"].as_str().expect("a RequestId");
    assert_eq!((answer.status, answer.code()), (200, "OK"));
    assert!(
        answer.head.contains(&format!("x-acs-request-id: {}", id.to_ascii_lowercase())),
        "{}",
        answer.head
    );
    assert_eq!(account.log()[0].request_id, id);
}

#[tokio::test]
async fn a_throttled_answer_says_how_long_to_wait() {
    let (simulator, account) = started().await;
    let throttle = Fault::Throttle { code: None, retry_after_millis: Some(2_500) };
    account.fault(Rule::new("DescribeInstances", throttle));
    let answer =
        call(&simulator, &account, "DescribeInstances", &[("RegionId", REGION)]).await.expect("an answer");
    assert_eq!((answer.status, answer.code()), (400, "Throttling"));
    assert!(answer.head.contains("x-acs-retry-after: 2500"), "{}", answer.head);
}

#[tokio::test]
async fn the_same_signed_bytes_work_once() {
    let (simulator, account) = started().await;
    let text = request(&simulator, &account, "DescribeRegions", &[], "a-nonce");
    assert_eq!(send(&simulator, &text).await.expect("an answer").code(), "OK");
    assert_eq!(send(&simulator, &text).await.expect("an answer").code(), "SignatureNonceUsed");
}

#[tokio::test]
async fn any_changed_byte_of_a_query_breaks_the_signature() {
    let (simulator, account) = started().await;
    let text = request(&simulator, &account, "DescribeInstances", &[("RegionId", REGION)], "a-nonce");
    let changed = text.replacen(REGION, "cn-beijing0", 1);
    assert_eq!(send(&simulator, &changed).await.expect("an answer").code(), "SignatureDoesNotMatch");
    assert_eq!(
        send(&simulator, &text).await.expect("an answer").code(),
        "OK",
        "a bad signature burns no nonce"
    );
}

#[tokio::test]
async fn a_call_goes_on_when_its_client_hangs_up() {
    let (simulator, account) = started().await;
    let id = account.seed_one(&Seed::new(REGION));
    account.fault(Rule::new("ModifyInstanceAttribute", Fault::Latency { millis: 100, jitter_millis: 0 }));
    let text = request(
        &simulator,
        &account,
        "ModifyInstanceAttribute",
        &[("InstanceId", &id), ("DeletionProtection", "true")],
        "a-nonce",
    );
    let mut stream =
        TcpStream::connect(simulator.endpoint().trim_start_matches("http://")).await.expect("a connection");
    stream.write_all(text.as_bytes()).await.expect("sent");
    tokio::time::sleep(Duration::from_millis(30)).await;
    drop(stream);
    let protected = async {
        while !account.instance(&id).expect("it exists").deletion_protection {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), protected).await.expect("the write happens all the same");
}

#[tokio::test]
async fn a_broken_connection_carries_not_one_byte() {
    let (simulator, account) = started().await;
    let id = account.seed_one(&Seed::new(REGION));
    for (fault, protected) in [(Fault::DropBefore, false), (Fault::DropAfter, true)] {
        account.fault(Rule::new("ModifyInstanceAttribute", fault).times(1));
        let params = [("InstanceId", id.as_str()), ("DeletionProtection", "true")];
        let error =
            call(&simulator, &account, "ModifyInstanceAttribute", &params).await.expect_err("no answer");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(account.instance(&id).expect("it exists").deletion_protection, protected);
        assert!(account.log().last().expect("an entry").lost);
    }
}

#[tokio::test]
async fn dropping_the_simulator_ends_ports_connections_and_waiting_calls() {
    let (simulator, account) = started().await;
    account.fault(Rule::new("DescribeInstances", Fault::Latency { millis: 3_600_000, jitter_millis: 0 }));
    let text = request(&simulator, &account, "DescribeInstances", &[("RegionId", REGION)], "a-nonce");
    let address = simulator.endpoint().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await.expect("a connection");
    stream.write_all(text.as_bytes()).await.expect("sent");
    drop(simulator);
    let mut rest = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
    assert!(end.is_ok() && rest.is_empty(), "the connection ends without an answer");
    while TcpStream::connect(&address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_large_fleet_is_listed_whole_and_once() {
    let (simulator, account) = started().await;
    let ids = account.seed(&Seed::new(REGION).id("i-bp1large").times(2_345).tag("env", "prod"));
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let params = [("RegionId", REGION), ("MaxResults", "100"), ("NextToken", &token)];
        let page = call(&simulator, &account, "DescribeInstances", &params).await.expect("an answer");
        seen.extend(page.ids().into_iter().map(str::to_owned));
        token = page.token();
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ids);
    assert_eq!(account.count("DescribeInstances").calls, 24);
}

#[tokio::test]
async fn a_release_during_a_listing_moves_nothing_and_a_birth_comes_last() {
    let (simulator, account) = started().await;
    let ids = account.seed(&Seed::new(REGION).times(12));
    let params = [("RegionId", REGION), ("MaxResults", "10")];
    let first = call(&simulator, &account, "DescribeInstances", &params).await.expect("an answer");
    account.release(&ids[0], ReleaseReason::Overdue).expect("it exists");
    let born = account.seed_one(&Seed::new(REGION));
    let params = [("RegionId", REGION), ("MaxResults", "10"), ("NextToken", &first.token())];
    let second = call(&simulator, &account, "DescribeInstances", &params).await.expect("an answer");
    assert_eq!(second.ids(), [ids[10].as_str(), ids[11].as_str(), born.as_str()]);
}

#[tokio::test]
async fn what_the_console_does_is_neither_logged_nor_disturbed() {
    let (simulator, account) = started().await;
    let id = account.seed_one(&Seed::new(REGION).protected(true));
    let error = Fault::Error { code: "InternalError".into(), status: None, message: None };
    simulator.fault(Rule { operation: None, ..Rule::new("", error) });
    let delete = [("InstanceId", id.as_str()), ("Force", "true")];
    let refusal = account.console("DeleteInstance", &delete).expect_err("protected");
    assert_eq!((refusal.status, &*refusal.code), (403, "InvalidOperation.DeletionProtection"));
    assert!(account.change(&id, &Change::protection(false)));
    assert!(!account.change(&id, &Change::protection(false)), "nothing is different now");
    account.console("DeleteInstance", &delete).expect("not protected any more");
    assert_eq!(account.released()[0].reason, ReleaseReason::Manual);
    assert!(account.log().is_empty());
    let answer = call(&simulator, &account, "DescribeRegions", &[]).await.expect("an answer");
    assert_eq!(answer.code(), "InternalError");
}

#[tokio::test]
async fn the_control_port_carries_out_what_somebody_does_in_the_console() {
    let (simulator, account) = started().await;
    let act = |account: &str, action: &str, parameters: Value| {
        let (path, body) =
            (format!("/accounts/{account}/console"), json!({ "action": action, "parameters": parameters }));
        control(&simulator, "POST", path, body)
    };
    let run =
        json!({ "RegionId": REGION, "ImageId": "image", "InstanceType": "ecs.g7.large", "Amount": "1" });
    let made = act(account.id(), "RunInstances", run.clone()).await;
    let id = made.body["InstanceIdSets"]["InstanceIdSet"][0].as_str().expect("an id").to_owned();
    assert_eq!(made.status, 200);
    assert!(account.instance(&id).is_some());

    account.change(&id, &Change::protection(true));
    let refused = act(account.id(), "DeleteInstance", json!({ "InstanceId": id, "Force": "true" })).await;
    assert_eq!((refused.status, &refused.body["code"]), (403, &json!("InvalidOperation.DeletionProtection")));
    assert!(refused.body["error"].as_str().is_some_and(|text| text.contains(&id)));

    assert_eq!(act("nobody", "RunInstances", run).await.status, 404);
    assert!(account.log().is_empty());
}

#[tokio::test]
async fn accounts_share_nothing() {
    let (simulator, first) = started().await;
    let second = simulator.new_account();
    first.seed_one(&Seed::new(REGION).id("i-same"));
    second.seed_one(&Seed::new(REGION).id("i-same").protected(true));
    first.fault(Rule::new("DescribeInstances", Fault::Hide));
    let params = [("RegionId", REGION)];
    let hidden = call(&simulator, &first, "DescribeInstances", &params).await.expect("an answer");
    let seen = call(&simulator, &second, "DescribeInstances", &params).await.expect("an answer");
    assert_eq!((hidden.ids().len(), seen.ids()), (0, vec!["i-same"]));
    assert!(!first.instance("i-same").expect("it exists").deletion_protection);
    assert_eq!((first.log().len(), second.log().len(), simulator.log().len()), (1, 1, 2));
    first.clear_log();
    assert_eq!(simulator.counts()["DescribeInstances"].calls, 1);
    first.clear_faults();
    let back = call(&simulator, &first, "DescribeInstances", &params).await.expect("an answer");
    assert_eq!(back.ids(), ["i-same"]);
}

#[tokio::test]
async fn the_allow_list_tells_operations_and_parameters_that_were_not_in_it() {
    let (simulator, account) = started().await;
    let tagged = [("RegionId", REGION), ("Tag.1.Key", "env"), ("Tag.1.Value", "prod")];
    call(&simulator, &account, "DescribeInstances", &tagged).await.expect("an answer");
    call(&simulator, &account, "DescribeRegions", &[]).await.expect("an answer");
    let allowed = |parameters| vec![Allowed::new("DescribeInstances", parameters)];
    assert_eq!(
        account.violations(&allowed(&["RegionId", "Tag.N.Key"])),
        ["DescribeRegions was called", "DescribeInstances was called with Tag.N.Value"]
    );
    let mut all = allowed(&["RegionId", "Tag.N.Key", "Tag.N.Value"]);
    all.push(Allowed::new("DescribeRegions", &[]));
    assert_eq!(simulator.violations(&all), Vec::<String>::new());
}

#[tokio::test]
async fn stale_reads_show_the_former_state_to_reads_by_id_and_to_listings() {
    let (simulator, account) = started().await;
    let id = account.seed_one(&Seed::new(REGION).tag("env", "test"));
    account.fault(Rule::new("TagResources", Fault::Delay { millis: None, reads: Some(1) }).times(1));
    let tag = [
        ("RegionId", REGION),
        ("ResourceType", "instance"),
        ("ResourceId.1", &id),
        ("Tag.1.Key", "env"),
        ("Tag.1.Value", "prod"),
    ];
    assert_eq!(call(&simulator, &account, "TagResources", &tag).await.expect("an answer").code(), "OK");
    let find = [("RegionId", REGION), ("Tag.1.Key", "env"), ("Tag.1.Value", "prod")];
    let read = || call(&simulator, &account, "DescribeInstances", &find);
    assert!(read().await.expect("an answer").ids().is_empty(), "the first look sees the former tags");
    assert_eq!(read().await.expect("an answer").ids(), [&id]);
}

#[tokio::test]
async fn an_instance_that_is_born_late_is_not_listed_at_first() {
    let (simulator, account) = started().await;
    account.fault(Rule::new("RunInstances", Fault::Delay { millis: None, reads: Some(1) }));
    let run = [("RegionId", REGION), ("ImageId", "image"), ("InstanceType", "ecs.g7.large")];
    let made = call(&simulator, &account, "RunInstances", &run).await.expect("an answer");
    let id = made.body["InstanceIdSets"]["InstanceIdSet"][0].as_str().expect("an id").to_owned();
    let ids = format!("[\"{id}\"]");
    let find = [("RegionId", REGION), ("InstanceIds", ids.as_str())];
    let read = || call(&simulator, &account, "DescribeInstances", &find);
    assert!(read().await.expect("an answer").ids().is_empty());
    assert_eq!(read().await.expect("an answer").ids(), [&id]);
}

#[tokio::test]
async fn an_automatic_release_comes_with_the_clock_unless_it_was_called_off() {
    let (simulator, account) = started().await;
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    let seed = Seed { auto_release_time: Some(soon), ..Seed::new(REGION) };
    let (goes, stays) = (account.seed_one(&seed), account.seed_one(&seed));
    account.change(&stays, &Change { auto_release_time: Some(None), ..Change::default() });
    simulator.set(|settings| settings.clock_offset_seconds = 7_200);
    assert!(account.instance(&goes).is_none());
    assert!(account.instance(&stays).is_some());
    assert_eq!(account.released()[0].reason, ReleaseReason::AutoRelease);
}

#[tokio::test]
async fn a_new_instance_boots_with_the_clock() {
    let (simulator, account) = started().await;
    simulator.set(|settings| settings.boot_seconds = 60);
    let run = [("RegionId", REGION), ("ImageId", "image"), ("InstanceType", "ecs.g7.large")];
    let running =
        account.console("RunInstances", &run).expect("made")["InstanceIdSets"]["InstanceIdSet"][0].clone();
    let stopped = account.console("CreateInstance", &run).expect("made")["InstanceId"].clone();
    let status = |id: &Value| account.instance(id.as_str().expect("an id")).expect("it exists").status;
    assert_eq!((status(&running), status(&stopped)), (Status::Pending, Status::Pending));
    simulator.set(|settings| settings.clock_offset_seconds = 61);
    assert_eq!((status(&running), status(&stopped)), (Status::Running, Status::Stopped));
}
