//! The client over real sockets: what it sends, and what it makes of answers that come late, cut, huge or not at all.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keeper_alicloud::{
    Always, Client, Credentials, Endpoints, Error, LeaseGuard, Stamp, StampSource, StaticCredentials,
    Timeouts, Transport,
};
use keeper_core::authority::AttachPermit;
use keeper_core::call::{Query, ReadCall, WriteCall};
use keeper_core::delete_on_release::DeleteOnRelease;
use keeper_core::deletion_protection::DeletionProtection;
use keeper_core::evidence::Evidence;
use keeper_core::failure::{Class, Effect};
use keeper_core::id::{CallId, InstanceId, InterfaceId, Region, RequestId};
use keeper_core::instance::Instance;
use keeper_core::intent::Rights;
use keeper_core::interface::{Interface, InterfaceFacts, InterfaceStatus, InterfaceType};
use keeper_core::time::Moment;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

use crate::server::{Server, Then, http, read_head};

mod server;
mod sts;

const SECRET: &str = "ExampleSecretKey0123456789abcd";
const TOKEN: &str = "CAISexampleSecurityToken+/=with/base64+chars==";
const ACCEPTED: &str = r#"{"RequestId":"R-1"}"#;

/// A fixed time, and the number of the signature as nonce.
#[derive(Debug)]
pub struct Counted(Mutex<u64>);

impl StampSource for Counted {
    fn stamp(&self) -> Stamp {
        let mut count = self.0.lock().unwrap();
        *count += 1;
        Stamp { date: "2026-03-01T08:00:00.9Z".parse().unwrap(), nonce: format!("nonce-{count}") }
    }
}

const SHORT: Timeouts = Timeouts {
    connect: Duration::from_millis(500),
    read: Duration::from_millis(300),
    total: Duration::from_millis(900),
};

fn client(url: &str, timeouts: Timeouts) -> Client<StaticCredentials, Counted> {
    client_of("cn-hangzhou", url, timeouts)
}

fn client_of(region: &str, url: &str, timeouts: Timeouts) -> Client<StaticCredentials, Counted> {
    let key = Credentials::new("LTAIexample".to_owned(), SECRET.into(), Some(TOKEN.into())).unwrap();
    let endpoints = Endpoints::explicit(&Region::new(region), url, url).unwrap();
    let transport = Transport::new(timeouts).unwrap();
    Client::with_stamps(transport, endpoints, StaticCredentials::new(key), Counted(Mutex::new(0)))
}

fn protect() -> WriteCall<DeletionProtection> {
    WriteCall::Protect(InstanceId::new("i-1"))
}

async fn failed_write(then: Then, timeouts: Timeouts) -> (Error, Server) {
    let server = Server::start(then).await;
    let error = client(&server.url, timeouts).write(protect(), &Always).await.unwrap_err();
    (error, server)
}

#[tokio::test]
async fn a_write_is_sent_as_the_vendors_sdk_sends_it_and_signed_anew_each_time() {
    let server = Server::start(Then::Answer(http("200 OK", "", ACCEPTED))).await;
    let client = client(&server.url, Timeouts::default());
    for _ in 0..2 {
        assert_eq!(client.write(protect(), &Always).await.unwrap(), RequestId::new("R-1"));
    }
    let heads = server.heads();
    let host = server.url.strip_prefix("http://").unwrap();
    for (head, nonce) in heads.iter().zip(["nonce-1", "nonce-2"]) {
        let mut lines = head.lines();
        assert_eq!(lines.next(), Some("POST /?DeletionProtection=true&InstanceId=i-1 HTTP/1.1"));
        let lines: Vec<_> = lines.collect();
        for expected in [
            format!("host: {host}"),
            "x-acs-action: ModifyInstanceAttribute".to_owned(),
            "x-acs-version: 2014-05-26".to_owned(),
            "x-acs-date: 2026-03-01T08:00:00Z".to_owned(),
            format!("x-acs-signature-nonce: {nonce}"),
            "x-acs-accesskey-id: LTAIexample".to_owned(),
            format!("x-acs-security-token: {TOKEN}"),
            "accept: application/json".to_owned(),
            format!("user-agent: ecs-keeper/{}", env!("CARGO_PKG_VERSION")),
            "content-length: 0".to_owned(),
        ] {
            assert!(lines.contains(&expected.as_str()), "{expected} is not in {head}");
        }
    }
    assert_eq!(heads.len(), 2);
    let signature =
        |head: &str| head.lines().find(|line| line.starts_with("authorization:")).unwrap().to_owned();
    assert_ne!(signature(&heads[0]), signature(&heads[1]));
}

#[tokio::test]
async fn a_read_sends_the_bytes_that_were_signed_and_decodes_the_page() {
    let body = r#"{"RequestId":"R-2","NextToken":"t","Instances":{"Instance":[
        {"InstanceId":"i-1","RegionId":"cn-hangzhou","DeletionProtection":true}]}}"#;
    let server = Server::start(Then::Answer(http("200 OK", "", body))).await;
    let ids = ["i-1", "i-2"].map(InstanceId::new).to_vec();
    let call: ReadCall<Instance> = ReadCall { query: Query::Ids(ids), page: None };
    let page = client(&server.url, Timeouts::default()).read(&call, &Always).await.unwrap();
    assert_eq!((page.items[0].id.as_str(), page.items[0].facts.deletion_protection), ("i-1", Some(true)));
    assert_eq!(page.next.unwrap().as_str(), "t");
    assert!(server.heads()[0].starts_with(
        "POST /?InstanceIds=%5B%22i-1%22%2C%22i-2%22%5D&MaxResults=100&RegionId=cn-hangzhou HTTP/1.1\r\n"
    ));
}

/// Permission to attach `eni-1` to `i-1`.
fn attachment() -> AttachPermit {
    let seen = Moment::at(Duration::ZERO);
    let facts = InterfaceFacts {
        interface_type: Some(InterfaceType::Secondary),
        status: Some(InterfaceStatus::Available),
        instance: Some(None),
        service_managed: Some(false),
        tags: Some(Vec::new()),
        ..InterfaceFacts::default()
    };
    let evidence: Evidence<Interface> =
        Evidence { facts, seen, call: CallId(1), request_id: RequestId::new("R-1"), tag_epoch: 0 };
    let fresh = evidence.fresh(seen, None).unwrap();
    AttachPermit::grant(Rights::ALL, &InterfaceId::new("eni-1"), fresh, &InstanceId::new("i-1")).unwrap()
}

#[tokio::test]
async fn the_calls_on_an_interface_name_its_region_and_nothing_that_is_not_needed() {
    let server = Server::start(Then::Answer(http("200 OK", "", ACCEPTED))).await;
    let client = client(&server.url, Timeouts::default());
    let retain: WriteCall<DeleteOnRelease> = WriteCall::Protect(InterfaceId::new("eni-1"));
    assert_eq!(client.write(retain, &Always).await.unwrap(), RequestId::new("R-1"));
    assert_eq!(client.attach(attachment(), &Always).await.unwrap(), RequestId::new("R-1"));
    let expected = [
        (
            "POST /?DeleteOnRelease=false&NetworkInterfaceId=eni-1&RegionId=cn-hangzhou HTTP/1.1",
            "x-acs-action: ModifyNetworkInterfaceAttribute",
        ),
        (
            "POST /?InstanceId=i-1&NetworkInterfaceId=eni-1&RegionId=cn-hangzhou HTTP/1.1",
            "x-acs-action: AttachNetworkInterface",
        ),
    ];
    let heads = server.heads();
    assert_eq!(heads.len(), expected.len());
    for (head, (request, action)) in heads.iter().zip(expected) {
        assert_eq!(head.lines().next(), Some(request));
        assert!(head.lines().any(|line| line == action), "{action} is not in {head}");
    }
}

#[tokio::test]
async fn i23_an_attachment_whose_answer_is_lost_or_says_too_little_has_an_unknown_effect() {
    let refusal = |code: &str| {
        let body = format!(r#"{{"Code":"{code}","RequestId":"R-6"}}"#);
        Then::Answer(http("403 Forbidden", "", &body))
    };
    for (then, code, class, effect) in [
        (Then::HangUp, "ConnectionLost", Class::Transient, Effect::Unknown),
        (refusal("InternalError"), "InternalError", Class::Transient, Effect::Unknown),
        (refusal("NeverHeardOf"), "NeverHeardOf", Class::Unrecognized, Effect::Unknown),
        (refusal("Throttling.User"), "Throttling.User", Class::Throttled, Effect::None),
        (refusal("MaxEniCountExceeded"), "MaxEniCountExceeded", Class::Locked, Effect::None),
    ] {
        let server = Server::start(then).await;
        let error = client(&server.url, Timeouts::default()).attach(attachment(), &Always).await.unwrap_err();
        assert_eq!((&*error.code, error.class, error.effect), (code, class, effect));
        assert_eq!(server.heads().len(), 1, "{code}");
    }
}

#[tokio::test]
async fn a_primary_can_be_retained_where_the_table_or_the_administrator_says_so() {
    let body = r#"{"RequestId":"R-2","NextToken":"","NetworkInterfaceSets":{"NetworkInterfaceSet":[
        {"NetworkInterfaceId":"eni-1","Type":"Primary"}]}}"#;
    let server = Server::start(Then::Answer(http("200 OK", "", body))).await;
    let at = |region| client_of(region, &server.url, Timeouts::default());
    for (client, retainable) in
        [(at("cn-hangzhou"), true), (at("me-east-1"), false), (at("me-east-1").retaining_primaries(), true)]
    {
        let call: ReadCall<Interface> = ReadCall { query: Query::Region, page: None };
        let page = client.read(&call, &Always).await.unwrap();
        assert_eq!(page.items[0].facts.primary_retainable, retainable, "{}", client.region());
    }
}

#[tokio::test]
async fn a_call_can_run_as_a_task_of_its_own() {
    let server = Server::start(Then::Answer(http("200 OK", "", ACCEPTED))).await;
    let client = Arc::new(client(&server.url, Timeouts::default()));
    let task = tokio::spawn(async move { client.write(protect(), &Always).await });
    assert_eq!(task.await.unwrap().unwrap(), RequestId::new("R-1"));
}

/// A lease that ends while the stamp is taken.
struct EndsWithTheStamp<'a>(&'a Mutex<bool>);

impl LeaseGuard for EndsWithTheStamp<'_> {
    fn held(&self) -> bool {
        !*self.0.lock().unwrap()
    }
}

struct EndingStamps(Arc<Mutex<bool>>);

impl StampSource for EndingStamps {
    fn stamp(&self) -> Stamp {
        *self.0.lock().unwrap() = true;
        Stamp { date: "2026-03-01T08:00:00Z".parse().unwrap(), nonce: "nonce".to_owned() }
    }
}

#[tokio::test]
async fn i33_nothing_is_signed_when_the_lease_has_ended_by_the_time_of_the_stamp() {
    let server = Server::start(Then::Answer(http("200 OK", "", ACCEPTED))).await;
    let ended = Arc::new(Mutex::new(false));
    let key = Credentials::new("LTAIexample".to_owned(), SECRET.into(), None).unwrap();
    let endpoints = Endpoints::explicit(&Region::new("cn-hangzhou"), &server.url, &server.url).unwrap();
    let transport = Transport::new(SHORT).unwrap();
    let stamps = EndingStamps(Arc::clone(&ended));
    let client = Client::with_stamps(transport, endpoints, StaticCredentials::new(key), stamps);
    let error = client.write(protect(), &EndsWithTheStamp(&ended)).await.unwrap_err();
    assert_eq!((&*error.code, error.class, error.effect), ("LeaseLost", Class::Transient, Effect::None));
    assert!(*ended.lock().unwrap() && server.heads().is_empty());
}

#[tokio::test]
async fn the_caller_is_asked_for_without_parameters() {
    let body = r#"{"RequestId":"R-3","AccountId":"1234567890123456","Arn":"acs:ram::1234567890123456:root"}"#;
    let server = Server::start(Then::Answer(http("200 OK", "", body))).await;
    let identity = client(&server.url, Timeouts::default()).caller_identity(&Always).await.unwrap();
    assert_eq!(&*identity.account_id, "1234567890123456");
    let head = &server.heads()[0];
    assert!(head.starts_with("POST / HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("x-acs-version: 2015-04-01\r\n"), "{head}");
}

#[tokio::test]
async fn i05_an_empty_id_filter_is_never_sent() {
    let server = Server::start(Then::Answer(http("200 OK", "", ACCEPTED))).await;
    let call: ReadCall<Instance> = ReadCall { query: Query::Ids(vec![]), page: None };
    let error = client(&server.url, Timeouts::default()).read(&call, &Always).await.unwrap_err();
    assert_eq!((&*error.code, error.class), ("InvalidRequest", Class::Bug));
    assert!(server.heads().is_empty());
}

#[tokio::test]
async fn i43_a_redirect_is_not_followed() {
    let elsewhere = Server::start(Then::Answer(http("200 OK", "", ACCEPTED))).await;
    for status in ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let location = format!("location: {}/\r\n", elsewhere.url);
        let (error, _) = failed_write(Then::Answer(http(status, &location, "")), Timeouts::default()).await;
        assert_eq!((&*error.code, error.effect), ("MalformedResponse", Effect::Unknown), "{status}");
    }
    assert!(elsewhere.heads().is_empty());
}

#[tokio::test]
async fn i15_a_write_that_gets_no_answer_in_time_has_an_unknown_effect_and_is_sent_once() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{\"Requ".to_owned();
    for then in [Then::Stall(String::new()), Then::Stall(cut)] {
        let timeouts = Timeouts { total: Duration::from_mins(1), ..SHORT };
        let (error, server) = timeout(Duration::from_secs(10), failed_write(then, timeouts)).await.unwrap();
        assert_eq!((&*error.code, error.class, error.effect), ("Timeout", Class::Transient, Effect::Unknown));
        assert_eq!(server.heads().len(), 1);
    }
}

#[tokio::test]
async fn i15_a_write_whose_connection_breaks_has_an_unknown_effect_and_is_sent_once() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{\"Requ".to_owned();
    for then in [Then::HangUp, Then::Answer(cut)] {
        let (error, server) = failed_write(then, Timeouts::default()).await;
        assert_eq!(
            (&*error.code, error.class, error.effect),
            ("ConnectionLost", Class::Transient, Effect::Unknown)
        );
        // Time enough for a hidden second sending to arrive.
        sleep(Duration::from_millis(50)).await;
        assert_eq!(server.heads().len(), 1);
    }
}

#[tokio::test]
async fn the_total_time_bounds_an_answer_that_comes_in_drops() {
    let drip = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", drip.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = drip.accept().await.unwrap();
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        while stream.write_all(b" ").await.is_ok() {
            sleep(Duration::from_millis(100)).await;
        }
    });
    let error = timeout(Duration::from_secs(10), client(&url, SHORT).write(protect(), &Always))
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!((&*error.code, error.effect), ("Timeout", Effect::Unknown));
}

#[tokio::test]
async fn a_refused_connection_proves_that_nothing_was_done() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = client(&url, Timeouts::default()).write(protect(), &Always).await.unwrap_err();
    assert_eq!(
        (&*error.code, error.class, error.effect),
        ("ConnectionFailed", Class::Transient, Effect::None)
    );
    let cause = std::error::Error::source(&error).unwrap();
    assert!(!format!("{cause} {cause:?}").contains("DeletionProtection"), "{cause:?}");
}

#[tokio::test]
async fn a_failed_tls_handshake_proves_that_nothing_was_done() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"not TLS at all\r\n").await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    let error = client(&url, Timeouts::default()).write(protect(), &Always).await.unwrap_err();
    assert_eq!((&*error.code, error.effect), ("ConnectionFailed", Effect::None));
}

#[tokio::test]
async fn i47_an_answer_without_end_is_cut_off() {
    let write = failed_write(Then::Flood, Timeouts::default());
    let (error, _) = timeout(Duration::from_secs(10), write).await.unwrap();
    assert_eq!((&*error.code, error.effect), ("ResponseTooLarge", Effect::Unknown));
}

#[tokio::test]
async fn a_throttled_call_says_how_long_to_wait() {
    let body = r#"{"Code":"Throttling.User","RequestId":"R-4","Message":"x"}"#;
    for (header, expected) in [
        ("x-acs-retry-after: 1500\r\n", Some(Duration::from_millis(1500))),
        ("X-Acs-Retry-After: 0\r\n", Some(Duration::ZERO)),
        ("x-acs-retry-after: 18446744073709551615\r\n", Some(Duration::from_hours(1))),
        ("x-acs-retry-after: soon\r\n", None),
        ("", None),
    ] {
        let (error, _) =
            failed_write(Then::Answer(http("400 Bad Request", header, body)), Timeouts::default()).await;
        assert_eq!(
            (error.class, error.effect, error.retry_after),
            (Class::Throttled, Effect::None, expected)
        );
        assert_eq!(error.request_id, Some(RequestId::new("R-4")));
    }
}

#[tokio::test]
async fn a_success_that_is_not_the_operations_answer_is_malformed() {
    let server = Server::start(Then::Answer(http("200 OK", "", ACCEPTED))).await;
    let call: ReadCall<Instance> = ReadCall { query: Query::Region, page: None };
    let client = client(&server.url, Timeouts::default());
    let error = client.read(&call, &Always).await.unwrap_err();
    assert_eq!(
        (&*error.code, error.http_status, error.effect),
        ("MalformedResponse", Some(200), Effect::None)
    );
    assert_eq!(error.request_id, Some(RequestId::new("R-1")));
    let error = client.caller_identity(&Always).await.unwrap_err();
    assert_eq!((&*error.code, error.operation), ("MalformedResponse", "GetCallerIdentity"));
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn i44_neither_log_nor_error_shows_a_secret_or_what_was_signed() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    // For the whole binary: what one thread alone listens to may be taken for unheard when another thread meets it first.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let body = serde_json::json!({
        "Code": "SignatureDoesNotMatch", "RequestId": "R-5",
        "Message": format!("server string to sign is: {SECRET} {TOKEN}"),
        "AccessDeniedDetail": {"EncodedDiagnosticMessage": "DIAGNOSIS"},
    });
    let refused = Then::Answer(http("400 Bad Request", "", &body.to_string()));
    let (mut texts, mut secrets) = (Vec::new(), Vec::new());
    for then in [refused, Then::HangUp, Then::Answer(http("200 OK", "", ACCEPTED))] {
        let server = Server::start(then).await;
        let client = client(&server.url, Timeouts::default());
        texts.push(format!("{client:?}"));
        if let Err(error) = client.write(protect(), &Always).await {
            texts.push(format!("{error} {error:?} {:?}", std::error::Error::source(&error)));
        }
        let head = &server.heads()[0];
        secrets.push(head.split("Signature=").nth(1).unwrap().lines().next().unwrap().to_owned());
    }
    texts.push(String::from_utf8(log.0.lock().unwrap().clone()).unwrap());
    let texts = texts.join("\n");
    for expected in ["ModifyInstanceAttribute", "SignatureDoesNotMatch", "ConnectionLost", "R-5", "R-1"] {
        assert!(texts.contains(expected), "{expected} is not in {texts}");
    }
    secrets.extend([SECRET, TOKEN, "DIAGNOSIS", "string to sign", "LTAIexample"].map(str::to_owned));
    for secret in secrets {
        assert!(!texts.contains(&secret), "{secret} is in {texts}");
    }
}

/// The signature of a request as it arrived is right for the secret: the bytes sent are the bytes signed.
#[tokio::test]
async fn a_request_as_it_arrives_carries_a_signature_that_fits_it() {
    use keeper_alicloud::sign::Request;
    let server =
        Server::start(Then::Answer(http("200 OK", "", r#"{"RequestId":"R","Instances":{"Instance":[]}}"#)))
            .await;
    let filter = keeper_core::id::TagFilter { key: "k ä*".into(), value: Some("a b&c=d/+%~".into()) };
    let call: ReadCall<Instance> = ReadCall { query: Query::Tagged(vec![filter]), page: None };
    client(&server.url, Timeouts::default()).read(&call, &Always).await.unwrap();

    let head = server.heads().remove(0);
    let (request_line, rest) = head.split_once("\r\n").unwrap();
    let query = request_line.split(' ').nth(1).unwrap().strip_prefix("/?").unwrap();
    let headers: Vec<_> = rest.lines().filter_map(|line| line.split_once(": ")).collect();
    let authorization = headers.iter().find(|(name, _)| *name == "authorization").unwrap().1;
    let signed: Vec<_> =
        headers.iter().copied().filter(|(name, _)| *name == "host" || name.starts_with("x-acs-")).collect();
    let request = Request { method: "POST", path: "/", query, headers: &signed, body: b"" };
    assert_eq!(request.authorization("LTAIexample", &SECRET.into()), authorization);
    assert!(query.contains("Tag.1.Key=k%20%C3%A4%2A&Tag.1.Value=a%20b%26c%3Dd%2F%2B%25~"), "{query}");
}
