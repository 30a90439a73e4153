use std::path::PathBuf;

use serde_json::Value;

use super::*;

/// A configuration in a file, which goes with the value.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ecs-keeper-{name}-{}.yaml", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

const CHAIN: &str = "
accounts:
  - {name: a, credentials: {oidc: {}}}
  - {name: b, credentials: {oidc: {}}, assumeRole: {roleArn: 'acs:ram::22222:role/b'}}
";

fn print(file: Option<&File>, account: Option<&str>, output: PolicyFormat) -> Result<Printed, String> {
    let options = PolicyOptions {
        config: file.map(|file| file.0.clone()),
        account: account.map(str::to_owned),
        observe: false,
        scale_in: false,
        output,
    };
    let printed = policy(&options).map_err(|error| error.to_string())?;
    assert!(printed.notes.iter().all(|note| !note.contains("  ")), "{:?}", printed.notes);
    Ok(printed)
}

fn json(printed: &Printed) -> Value {
    serde_json::from_str(&printed.text).unwrap()
}

#[test]
fn one_policy_stands_alone_and_several_name_their_identities() {
    let alone = print(None, None, PolicyFormat::Json).unwrap();
    assert_eq!((json(&alone)["Version"].as_str(), alone.notes), (Some("1"), vec![]));

    let file = File::new("chain", CHAIN);
    let all = print(Some(&file), None, PolicyFormat::Json).unwrap();
    assert_eq!(all.notes.len(), 1, "{:?}", all.notes);
    let list = json(&all);
    assert_eq!(list[0]["identity"], "the role acs:ram::22222:role/b");
    assert_eq!(list[0]["accounts"], serde_json::json!(["b"]));
    assert_eq!(list[1]["identity"], "the role of the ServiceAccount (RRSA)");
    assert_eq!(list[1]["accounts"], serde_json::json!(["a", "b"]));

    let first = print(Some(&file), Some("a"), PolicyFormat::Json).unwrap();
    assert_eq!((json(&first), first.notes), (list[1]["policy"].clone(), vec![]));
    let second = print(Some(&file), Some("b"), PolicyFormat::Json).unwrap();
    assert_eq!(json(&second), list[0]["policy"]);
    assert!(second.notes[0].contains("the role of the ServiceAccount (RRSA), which assumes it"));
}

#[test]
fn what_has_no_policy_is_told_in_a_sentence() {
    let file = File::new(
        "granted",
        "accounts: [{name: production}, {name: test, credentials: {ecsRole: {}}}]\n\
         grants: [{namespaces: [x], accounts: [test]}]",
    );
    let wrong = print(Some(&file), Some("prodution"), PolicyFormat::Json).unwrap_err();
    assert_eq!(wrong, "unknown account `prodution`; did you mean `production`?");
    let idle = print(Some(&file), Some("production"), PolicyFormat::Json).unwrap_err();
    assert!(idle.starts_with("no grant of the configuration reaches the account production"), "{idle}");
    let all = print(Some(&file), None, PolicyFormat::Json).unwrap();
    assert_eq!(json(&all)["Version"], "1");
    assert_eq!(all.notes, ["No grant reaches the account production: no policy is needed there."]);
}

#[test]
fn a_profile_may_lead_on_to_a_role_and_is_told_of() {
    let file = File::new("profile", "accounts: [{name: a, credentials: {profile: {file: /config.json}}}]");
    let printed = print(Some(&file), None, PolicyFormat::Json).unwrap();
    let [note] = &printed.notes[..] else { panic!("{:?}", printed.notes) };
    assert!(note.starts_with("If the current profile in the file /config.json assumes a role"), "{note}");
}

#[test]
fn terraform_gets_a_resource_for_each_identity() {
    let text = "accounts: [{name: a-1, credentials: {files: {accessKeyId: \"/a\\nb\", accessKeySecret: /s}}, \
                assumeRole: {roleArn: 'acs:ram::22222:role/b'}}]";
    let file = File::new("terraform", text);
    let printed = print(Some(&file), None, PolicyFormat::Terraform).unwrap();
    let lines: Vec<&str> = printed.text.lines().collect();
    let resources: Vec<&&str> = lines.iter().filter(|line| line.starts_with("resource")).collect();
    assert_eq!(
        resources,
        [
            &"resource \"alicloud_ram_policy\" \"ecs_keeper_a_1\" {",
            &"resource \"alicloud_ram_policy\" \"ecs_keeper_assume_a_1\" {"
        ]
    );
    assert!(lines.contains(&"# For the owner of the access key in the file /a b."), "{}", printed.text);
    assert!(lines.contains(&"  policy_name     = \"ecs-keeper-assume-a-1\""), "{}", printed.text);
    // What is given to RAM is the same in both forms.
    let (_, rest) = printed.text.split_once("jsonencode(").unwrap();
    let (document, _) = rest.split_once(")\n}").unwrap();
    let alone = print(Some(&file), Some("a-1"), PolicyFormat::Json).unwrap();
    assert_eq!(serde_json::from_str::<Value>(document).unwrap(), json(&alone));
}
