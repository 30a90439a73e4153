//! The cloud over TLS.

use std::sync::Arc;

use keeper_simulator::{Addresses, Contents, Simulator, TlsIdentity};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::client::request;

#[tokio::test]
async fn the_same_cloud_is_served_over_tls() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let identity = TlsIdentity::from_pem(certificate.as_bytes(), key.as_bytes()).expect("an identity");
    let any = Addresses::default();
    let addresses = Addresses { tls: Some((any.cloud, identity)), ..any };
    let simulator = Simulator::start_with(addresses, Contents::default()).await.expect("free ports");
    let account = &simulator.accounts()[0];

    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a root");
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("protocols")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let url = simulator.endpoint_tls().expect("a port");
    let stream = TcpStream::connect(url.trim_start_matches("https://")).await.expect("it listens");
    let name = ServerName::try_from("localhost").expect("a name");
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a handshake");
    let text = request(&simulator, account, "DescribeRegions", &[], "a-nonce");
    stream.write_all(text.as_bytes()).await.expect("sent");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 200");
    let log = account.log();
    let asked: Vec<_> = log.iter().map(|entry| (&*entry.action, &*entry.host)).collect();
    assert_eq!(asked, [("DescribeRegions", simulator.endpoint().trim_start_matches("http://"))]);
}

#[test]
fn what_is_no_certificate_with_its_key_is_refused() {
    let make = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (one, other) = (make(), make());
    let (certificate, key) = (one.cert.pem(), one.signing_key.serialize_pem());
    let foreign = other.signing_key.serialize_pem();
    assert!(TlsIdentity::from_pem(certificate.as_bytes(), key.as_bytes()).is_ok());
    for (certificate, key, word) in [
        ("", &*key, "The certificate must"),
        (&*certificate, "", "The key must"),
        (&*certificate, &*foreign, "together"),
    ] {
        let error = TlsIdentity::from_pem(certificate.as_bytes(), key.as_bytes()).expect_err("refused");
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[tokio::test]
async fn without_a_certificate_there_is_no_tls() {
    assert_eq!(Simulator::start().await.expect("free ports").endpoint_tls(), None);
}
