//! A client of few lines, for the port of a simulator inside the process.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;

use hmac::{Hmac, KeyInit, Mac};
use keeper_simulator::{AccessKey, Account, Simulator};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub const REGION: &str = "cn-hangzhou";

/// The operations of Auto Scaling that don't have its name.
const SCALING: &[&str] = &[
    "AttachInstances",
    "DetachInstances",
    "EnterStandby",
    "ExitStandby",
    "RemoveInstances",
    "SetInstanceHealth",
    "SetInstancesProtection",
];

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    /// The body, where it is JSON.
    pub body: Value,
    pub text: String,
}

impl Answer {
    pub fn code(&self) -> &str {
        self.body["Code"].as_str().unwrap_or("OK")
    }

    pub fn ids(&self) -> Vec<&str> {
        let items = self.body["Instances"]["Instance"].as_array().expect("a list of instances");
        items.iter().map(|item| item["InstanceId"].as_str().expect("an id")).collect()
    }

    pub fn token(&self) -> String {
        self.body["NextToken"].as_str().expect("a token").to_owned()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("text grows");
        text
    })
}

/// Percent-encodes; the parameters of these tests hold nothing that needs more than this.
fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("text grows");
        }
        out
    })
}

/// The bytes of a request that is rightly signed with the account's key.
pub fn request(
    simulator: &Simulator,
    account: &Account,
    action: &str,
    params: &[(&str, &str)],
    nonce: &str,
) -> String {
    signed(simulator, account.access_key(), action, params, nonce)
}

fn signed(
    simulator: &Simulator,
    key: &AccessKey,
    action: &str,
    params: &[(&str, &str)],
    nonce: &str,
) -> String {
    let params: BTreeMap<_, _> = params.iter().copied().collect();
    let query =
        params.iter().map(|(n, v)| format!("{}={}", encode(n), encode(v))).collect::<Vec<_>>().join("&");
    let host = simulator.endpoint().trim_start_matches("http://").to_owned();
    let empty = hex(&Sha256::digest(b""));
    let date = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let version = match action {
        "AssumeRole" | "AssumeRoleWithOIDC" | "GetCallerIdentity" => "2015-04-01",
        "LookupEvents" => "2020-07-06",
        _ if action.contains("Scaling") || SCALING.contains(&action) => "2022-02-22",
        _ => "2014-05-26",
    };
    let mut headers = BTreeMap::from([
        ("host", host.as_str()),
        ("x-acs-action", action),
        ("x-acs-content-sha256", &empty),
        ("x-acs-date", &date),
        ("x-acs-signature-nonce", nonce),
        ("x-acs-version", version),
    ]);
    if let Some(token) = &key.security_token {
        headers.insert("x-acs-security-token", token);
    }
    let canonical: String = headers.iter().flat_map(|(n, v)| [n, ":", v, "\n"]).collect();
    let names = headers.keys().copied().collect::<Vec<_>>().join(";");
    let canonical = format!("POST\n/\n{query}\n{canonical}\n{names}\n{empty}");
    let to_sign = format!("ACS3-HMAC-SHA256\n{}", hex(&Sha256::digest(canonical.as_bytes())));
    let mut mac = Hmac::<Sha256>::new_from_slice(key.access_key_secret.as_bytes()).expect("any length");
    mac.update(to_sign.as_bytes());
    let signature = hex(&mac.finalize().into_bytes());

    let mut text = format!("POST /?{query} HTTP/1.1\r\n");
    for (name, value) in headers {
        write!(text, "{name}: {value}\r\n").expect("text grows");
    }
    let id = &key.access_key_id;
    write!(
        text,
        "authorization: ACS3-HMAC-SHA256 Credential={id},SignedHeaders={names},Signature={signature}\r\n\
         content-length: 0\r\nconnection: close\r\n\r\n"
    )
    .expect("text grows");
    text
}

pub async fn send(simulator: &Simulator, text: &str) -> io::Result<Answer> {
    exchange(&simulator.endpoint(), text).await
}

/// A call without a signature, as clients of AssumeRoleWithOIDC send it: all parameters in the query, or those of the
/// operation in a form.
pub async fn unsigned(
    simulator: &Simulator,
    method: &str,
    action: &str,
    params: &[(&str, &str)],
    in_form: bool,
) -> Answer {
    let joined = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(n, v)| format!("{}={}", encode(n), encode(v))).collect::<Vec<_>>().join("&")
    };
    let date = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let common =
        joined(&[("Action", action), ("Format", "JSON"), ("Timestamp", &date), ("Version", "2015-04-01")]);
    let params = joined(params);
    let (query, form) =
        if in_form { (common, params) } else { (format!("{common}&{params}"), String::new()) };
    let text = format!(
        "{method} /?{query} HTTP/1.1\r\nhost: sts.aliyuncs.com\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{form}",
        form.len()
    );
    send(simulator, &text).await.expect("an answer")
}

/// A request to the metadata service.
pub async fn metadata(simulator: &Simulator, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let headers: String = headers.iter().flat_map(|(n, v)| [n, ": ", v, "\r\n"]).collect();
    let text =
        format!("{method} {path} HTTP/1.1\r\nhost: 100.100.100.200\r\n{headers}connection: close\r\n\r\n");
    exchange(&simulator.metadata().endpoint(), &text).await.expect("an answer")
}

/// A request to the control port.
pub async fn control(simulator: &Simulator, method: &str, path: String, body: Value) -> Answer {
    let body = body.to_string();
    let text = format!(
        "{method} {path} HTTP/1.1\r\nhost: control\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    );
    exchange(&simulator.control(), &text).await.expect("an answer")
}

async fn exchange(url: &str, text: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await?;
    stream.write_all(text.as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    let text = String::from_utf8(bytes).expect("text");
    let (head, body) =
        text.split_once("\r\n\r\n").ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line");
    Ok(Answer {
        status,
        head: head.to_ascii_lowercase(),
        body: serde_json::from_str(body).unwrap_or_default(),
        text: body.to_owned(),
    })
}

pub async fn call(
    simulator: &Simulator,
    account: &Account,
    action: &str,
    params: &[(&str, &str)],
) -> io::Result<Answer> {
    call_with(simulator, account.access_key(), action, params).await
}

/// A call with a key of its own.
pub async fn call_with(
    simulator: &Simulator,
    key: &AccessKey,
    action: &str,
    params: &[(&str, &str)],
) -> io::Result<Answer> {
    let nonce = format!("{:032x}", u128::from(rand()) << 64 | u128::from(rand()));
    send(simulator, &signed(simulator, key, action, params, &nonce)).await
}

/// Nonces need to differ, nothing more.
fn rand() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}

pub async fn started() -> (Simulator, Account) {
    let simulator = Simulator::start().await.expect("free ports");
    let account = simulator.new_account();
    (simulator, account)
}
