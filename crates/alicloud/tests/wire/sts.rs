//! Exchanges with STS, and calls through a proxy, as they arrive.

use std::time::Duration;

use keeper_alicloud::session::RoleToAssume;
use keeper_alicloud::transport::Proxy;
use keeper_alicloud::{
    Always, Client, Credentials, Endpoints, StaticCredentials, Sts, StsEndpoint, Timeouts, Transport,
};
use keeper_core::failure::Class;
use keeper_core::id::Region;

use crate::server::{Server, Then, http};

const SESSION: &str = r#"{"RequestId":"R-1","AssumedRoleUser":{"Arn":"acs:ram::1:role/keeper/night"},"Credentials":{
    "AccessKeyId":"STS.x","AccessKeySecret":"s","SecurityToken":"t","Expiration":"2026-03-01T09:00:00Z"}}"#;
const DATE: &str = "date: Sun, 01 Mar 2026 08:00:00 GMT\r\n";

fn role() -> RoleToAssume {
    RoleToAssume {
        arn: "acs:ram::1:role/keeper".to_owned(),
        session_name: "night".to_owned(),
        duration: Some(Duration::from_mins(15)),
        external_id: Some("ex:1".to_owned()),
        policy: Some("{\"Version\": \"1\"}".to_owned()),
    }
}

fn sts(server: &Server) -> Sts {
    let transport = Transport::new(Timeouts::default()).unwrap();
    Sts::new(transport, StsEndpoint::explicit(&server.url).unwrap())
}

fn key() -> Credentials {
    Credentials::new("LTAI".to_owned(), "secret".into(), None).unwrap()
}

#[tokio::test]
async fn i44_a_token_is_sent_in_the_form_and_nothing_of_it_in_the_url() {
    let server = Server::start(Then::Answer(http("200 OK", DATE, SESSION))).await;
    let session = sts(&server)
        .assume_role_with_oidc(&role(), "acs:ram::1:oidc-provider/ack", &"a.b+c/=.d".into())
        .await
        .unwrap();
    assert_eq!(
        (session.lifetime, session.credentials.session()),
        (Duration::from_hours(1), Some("acs:ram::1:role/keeper/night"))
    );
    let head = server.heads().remove(0);
    assert!(head.starts_with("POST /?Action=AssumeRoleWithOIDC&Format=JSON&Timestamp="), "{head}");
    assert!(head.contains("&Version=2015-04-01 HTTP/1.1"), "{head}");
    assert!(head.contains("content-type: application/x-www-form-urlencoded"), "{head}");
    assert!(!head.contains("authorization") && !head.contains("a.b"), "{head}");
    assert_eq!(
        server.bodies(),
        [
            "DurationSeconds=900&OIDCProviderArn=acs%3Aram%3A%3A1%3Aoidc-provider%2Fack&OIDCToken=a.b%2Bc%2F%3D.d\
          &Policy=%7B%22Version%22%3A%20%221%22%7D&RoleArn=acs%3Aram%3A%3A1%3Arole%2Fkeeper&RoleSessionName=night"
        ]
    );
}

#[tokio::test]
async fn a_role_is_asked_for_with_a_signature() {
    let server = Server::start(Then::Answer(http("200 OK", DATE, SESSION))).await;
    sts(&server).assume_role(&key(), &role()).await.unwrap();
    let head = server.heads().remove(0);
    assert!(
        head.starts_with(
            "POST /?DurationSeconds=900&ExternalId=ex%3A1&Policy=%7B%22Version%22%3A%20%221%22%7D\
             &RoleArn=acs%3Aram%3A%3A1%3Arole%2Fkeeper&RoleSessionName=night HTTP/1.1"
        ),
        "{head}"
    );
    for header in [
        "x-acs-action: AssumeRole",
        "x-acs-version: 2015-04-01",
        "authorization: ACS3-HMAC-SHA256 Credential=LTAI,",
    ] {
        assert!(head.contains(header), "{header} is not in {head}");
    }
    assert_eq!(server.bodies(), [""]);
}

#[tokio::test]
async fn a_refusal_says_what_to_do_and_whether_waiting_helps() {
    for (code, class, sentence) in [
        ("EntityNotExist.Role", Class::Credentials, "the role does not exist"),
        ("NoPermission", Class::Credentials, "allow it sts:AssumeRole on the role"),
        ("InvalidParameter.DurationSeconds", Class::Credentials, "shorten durationSeconds"),
        ("Throttling.User", Class::NoIdentity, "STS did not answer as it should"),
        ("ServiceUnavailable", Class::NoIdentity, "STS did not answer as it should"),
        ("InvalidTimeStamp.Expired", Class::Clock, "set the clock"),
    ] {
        let body = format!(r#"{{"RequestId":"R-1","Code":"{code}","Message":"CANARY"}}"#);
        let server = Server::start(Then::Answer(http("400 Bad Request", "", &body))).await;
        let error = sts(&server).assume_role(&key(), &role()).await.unwrap_err();
        assert_eq!(error.class, class, "{code}");
        let told = error.to_string();
        assert!(told.contains(sentence) && !told.contains("CANARY"), "{told}");
    }
}

#[tokio::test]
async fn an_answer_without_a_whole_session_is_malformed() {
    let body = r#"{"RequestId":"R-1","Credentials":{"AccessKeyId":"STS.x","AccessKeySecret":"CANARY"}}"#;
    let server = Server::start(Then::Answer(http("200 OK", "", body))).await;
    let error = sts(&server).assume_role(&key(), &role()).await.unwrap_err();
    assert_eq!((&*error.code, error.class), ("MalformedResponse", Class::NoIdentity));
    assert!(!format!("{error} {error:?}").contains("CANARY"));
}

#[tokio::test]
async fn calls_go_through_the_proxy_that_is_named_with_what_it_asks_for() {
    let answer = r#"{"RequestId":"R-1","AccountId":"1"}"#;
    let server = Server::start(Then::Answer(http("200 OK", "", answer))).await;
    let credentials = Some(("user".to_owned(), "password".into()));
    let proxy = Proxy { url: server.url.clone(), credentials, ca_bundle: None };
    let transport = Transport::through(Some(&proxy), Timeouts::default()).unwrap();
    let url = "http://ecs.nowhere.example";
    let endpoints = Endpoints::explicit(&Region::new("cn-hangzhou"), url, url).unwrap();
    let client = Client::new(transport, endpoints, StaticCredentials::new(key()));
    client.caller_identity(&Always).await.unwrap();
    let head = server.heads().remove(0);
    assert!(head.starts_with("POST http://ecs.nowhere.example/"), "{head}");
    assert!(head.to_lowercase().contains("proxy-authorization: basic dxnlcjpwyxnzd29yza=="), "{head}");
}
