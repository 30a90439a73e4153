use std::path::PathBuf;

use clap::Parser as _;
use serde_json::{Value, json};

use super::*;
use crate::cli::{Cli, Command, RamCommand};

const PROVIDER: &str = "acs:ram::11111:oidc-provider/ack-rrsa-c1";
const ISSUER: &str = "https://issuer.example/c1";

/// What `ecs-keeper ram trust` prints with these flags, or complains of.
async fn print(flags: &[&str]) -> Result<Value, String> {
    let line = ["ecs-keeper", "ram", "trust", "--provider-arn", PROVIDER, "--issuer", ISSUER];
    let options = match Cli::try_parse_from(line.iter().chain(flags)) {
        Ok(Cli { command: Command::Ram(RamCommand::Trust(options)) }) => options,
        Ok(other) => panic!("{other:?}"),
        Err(error) => return Err(error.to_string()),
    };
    let printed = trust(&options).await.map_err(|error| error.to_string())?;
    assert_eq!(printed.notes, [""; 0]);
    Ok(serde_json::from_str(&printed.text).unwrap())
}

fn of_service_account(subject: &str) -> Value {
    json!({ "Version": "1", "Statement": [{
        "Effect": "Allow",
        "Principal": { "Federated": PROVIDER },
        "Action": "sts:AssumeRole",
        "Condition": { "StringEquals": {
            "oidc:aud": "sts.aliyuncs.com", "oidc:iss": ISSUER, "oidc:sub": subject,
        } },
    }] })
}

#[tokio::test]
async fn i43_the_role_trusts_one_service_account_of_one_cluster() {
    let usual = of_service_account("system:serviceaccount:ecs-keeper:ecs-keeper");
    assert_eq!(print(&[]).await.unwrap(), usual);
    let other = print(&["--namespace", "a", "--service-account", "b.c"]).await.unwrap();
    assert_eq!(other, of_service_account("system:serviceaccount:a:b.c"));
}

#[tokio::test]
async fn both_sides_of_a_chain_name_each_other() {
    let chain = |external_id: Option<&str>| {
        let mut second = json!({
            "Effect": "Allow",
            "Principal": { "RAM": "acs:ram::11111:role/keeper" },
            "Action": "sts:AssumeRole",
        });
        if let Some(id) = external_id {
            second["Condition"] = json!({ "StringEquals": { "sts:ExternalId": id } });
        }
        json!([
            {
                "role": "acs:ram::11111:role/keeper",
                "trustPolicy": of_service_account("system:serviceaccount:ecs-keeper:ecs-keeper"),
                "policy": { "Version": "1", "Statement": [{
                    "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "acs:ram::22222:role/keeper",
                }] },
            },
            { "role": "acs:ram::22222:role/keeper", "trustPolicy": { "Version": "1", "Statement": [second] } },
        ])
    };
    let plain = ["--role-in", "22222", "--role", "keeper"];
    assert_eq!(print(&plain).await.unwrap(), chain(None));
    let more = [&plain[..], &["--external-id", "e-1"]].concat();
    assert_eq!(print(&more).await.unwrap(), chain(Some("e-1")));
}

/// A configuration whose second account is reached through the first one's role.
fn file(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("ecs-keeper-trust-{name}-{}.yaml", std::process::id()));
    let text = "
accounts:
  - {name: home, credentials: {oidc: {}}}
  - name: away
    credentials: {oidc: {roleArn: 'acs:ram::11111:role/first'}}
    assumeRole: {roleArn: 'acs:ram::22222:role/second', externalId: e-2}
  - {name: chosen, assumeRole: {roleArn: 'acs:ram::22222:role/second'}}
  - {name: node, credentials: {ecsRole: {}}, assumeRole: {roleArn: 'acs:ram::33333:role/third'}}
";
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn a_configuration_names_the_roles_and_the_external_id() {
    let path = file("roles");
    let of = async |account: &str| {
        print(&["--config", path.to_str().unwrap(), "--role-in", account]).await.map(|found| {
            let second = &found[1]["trustPolicy"]["Statement"][0];
            let id = second["Condition"]["StringEquals"]["sts:ExternalId"].as_str().map(str::to_owned);
            let roles = [&found[0]["role"], &second["Principal"]["RAM"], &found[1]["role"]];
            (roles.map(|role| role.as_str().unwrap().to_owned()), id)
        })
    };
    let (roles, id) = of("away").await.unwrap();
    let (first, second) = ("acs:ram::11111:role/first", "acs:ram::22222:role/second");
    assert_eq!((roles, id.as_deref()), ([first, first, second].map(str::to_owned), Some("e-2")));
    let (roles, id) = of("chosen").await.unwrap();
    let usual = "acs:ram::11111:role/ecs-keeper";
    assert_eq!((roles, id), ([usual, usual, second].map(str::to_owned), None));
    for (account, sentence) in [
        ("home", "the account home has no assumeRole"),
        ("node", "the account node does not get its first credentials by RRSA"),
        ("awai", "unknown account `awai`; did you mean `away`?"),
    ] {
        let why = of(account).await.unwrap_err();
        assert!(why.contains(sentence), "{why}");
    }
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn what_can_t_be_meant_is_refused_with_a_sentence() {
    for (flags, sentence) in [
        (&["--issuer=http://issuer.example"][..], "use an https URL"),
        (&["--provider-arn=acs:ram::11111:role/x"], "use the ARN of an OIDC provider"),
        (&["--namespace=A"], "use the name of a namespace"),
        (&["--service-account=a:b"], "use the name of an object"),
        (&["--external-id=e-1"], "--role-in"),
        (&["--role-in=22222", "--external-id=e 1"], "use 2 to 1,224 letters"),
        (&["--role-in=22222", "--role=a/b"], "use the name of a role"),
        (&["--role-in=production"], "`production` is not the id of a cloud account"),
        (&["--role-in=11111"], "the role acs:ram::11111:role/ecs-keeper would assume itself"),
    ] {
        let why = match flags {
            // A flag that is given twice is another mistake.
            [flag] if flag.starts_with("--issuer=") || flag.starts_with("--provider-arn=") => {
                let rest = if flag.starts_with("--issuer=") {
                    ["--provider-arn", PROVIDER]
                } else {
                    ["--issuer", ISSUER]
                };
                let line = ["ecs-keeper", "ram", "trust", flag].into_iter().chain(rest);
                Cli::try_parse_from(line).unwrap_err().to_string()
            }
            flags => print(flags).await.unwrap_err(),
        };
        assert!(why.contains(sentence), "{flags:?}: {why}");
    }
}
