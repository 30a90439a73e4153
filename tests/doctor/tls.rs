//! What is said of an endpoint whose TLS is not as it should be.

use keeper_simulator::{Addresses, Contents, Simulator, TlsIdentity};
use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

use crate::program::Stage;
use crate::{HERE, examine_as, found};

/// A certificate for this name that is valid in these years and that this issuer has signed for itself, and its key.
fn certificate(issuer: &str, name: &str, years: [i32; 2]) -> (String, String) {
    let mut certificate = CertificateParams::new([name.to_owned()]).unwrap();
    certificate.distinguished_name.push(DnType::CommonName, issuer);
    [certificate.not_before, certificate.not_after] = years.map(|year| date_time_ymd(year, 1, 1));
    let key = KeyPair::generate().unwrap();
    (certificate.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// A cloud that shows this certificate.
async fn endpoint((certificate, key): &(String, String)) -> Simulator {
    let identity = TlsIdentity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let any = Addresses::default();
    let addresses = Addresses { tls: Some((any.cloud, identity)), ..any };
    Simulator::start_with(addresses, Contents::default()).await.unwrap()
}

#[tokio::test]
async fn trouble_with_tls_is_named_with_what_to_do() {
    let stage = Stage::new().await;
    let ip = "127.0.0.1";
    for (name, years, trusted, why, help) in [
        (
            ip,
            [2020, 2090],
            false,
            "UnknownIssuer",
            "This machine trusts nobody who vouches for the certificate.",
        ),
        ("other.example", [2020, 2090], true, "other.example", "The certificate is for another name:"),
        (ip, [2020, 2021], true, "expired", "The certificate has expired."),
        (
            ip,
            [2090, 2091],
            true,
            "not valid",
            "The certificate is not valid yet: check this machine's clock.",
        ),
    ] {
        let shown = certificate("the endpoint", name, years);
        let simulator = endpoint(&shown).await;
        let roots = if trusted { shown } else { certificate("somebody else", name, years) };
        let roots = stage.write("roots.pem", &roots.0);
        let mut config = stage.config(&[HERE]);
        let endpoints = &mut config["accounts"][0]["endpoints"];
        endpoints["sts"] = endpoints["ecs"].take();
        endpoints["ecs"] = simulator.endpoint_tls().unwrap().into();
        let ended = examine_as(&stage, &config, &[("SSL_CERT_FILE", &roots)]).await;
        assert_eq!(ended.code, 1, "{ended:?}");
        let [(level, message)] = &found(&ended, "Endpoint")[..] else { panic!("{ended:?}") };
        assert_eq!(level, "Failure", "{message}");
        assert!(message.contains(why) && message.contains(help), "{why}: {message}");
    }
}

#[tokio::test]
async fn an_endpoint_without_tls_is_told() {
    let stage = Stage::new().await;
    let mut config = stage.config(&[HERE]);
    let endpoints = &mut config["accounts"][0]["endpoints"];
    endpoints["sts"] = endpoints["ecs"].take();
    endpoints["ecs"] = stage.simulator.endpoint().replace("http:", "https:").into();
    let ended = examine_as(&stage, &config, &[]).await;
    let [(level, message)] = &found(&ended, "Endpoint")[..] else { panic!("{ended:?}") };
    assert!(level == "Failure" && message.contains("does not speak TLS"), "{message}");
}
