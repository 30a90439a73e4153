//! Several accounts in one operator, and keys that are missing, wrong or swapped.

use std::path::PathBuf;

use keeper_simulator::{AccessKey, Account, Fault, Rule, Seed};
use serde_json::{Value, json};

use crate::settings::Settings;
use crate::stage::{REGION, Stage, eventually, message};

/// A folder with a key, as the kubelet keeps a Secret that is mounted.
struct KeyFolder(PathBuf);

impl KeyFolder {
    fn new(stage: &Stage, name: &str) -> Self {
        let folder = stage.folder.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// Puts a key in as the kubelet does: another folder is made, and one link is swapped.
    fn put(&self, key: &AccessKey) {
        let version = self.0.join(format!("..{}", key.access_key_id));
        std::fs::create_dir_all(&version).unwrap();
        std::fs::write(version.join("id"), &key.access_key_id).unwrap();
        std::fs::write(version.join("secret"), format!("{}\n", key.access_key_secret)).unwrap();
        let link = self.0.join("..new");
        std::os::unix::fs::symlink(version.file_name().unwrap(), &link).unwrap();
        std::fs::rename(link, self.0.join("..data")).unwrap();
    }

    fn name(&self) -> &str {
        self.0.file_name().and_then(|name| name.to_str()).unwrap()
    }

    /// Where it is mounted.
    fn at(&self) -> String {
        format!("/etc/keys/{}", self.name())
    }

    fn path(&self, part: &str) -> String {
        format!("{}/..data/{part}", self.at())
    }

    fn credentials(&self) -> Value {
        json!({ "files": { "accessKeyId": self.path("id"), "accessKeySecret": self.path("secret") } })
    }
}

fn by_id(account: &str, region: &str, id: &str) -> Value {
    json!({ "account": account, "region": region, "targets": { "instanceIds": [id] } })
}

/// The usual account with further ones, which have their keys in files.
fn accounts(stage: &Stage, more: &[(&str, &Account, &KeyFolder)]) -> Value {
    let usual = stage.settings().config["accounts"][0].clone();
    let mut all = vec![usual.clone()];
    for (name, account, folder) in more {
        let mut entry = usual.clone();
        entry["name"] = (*name).into();
        entry["accountId"] = account.id().into();
        entry["credentials"] = folder.credentials();
        all.push(entry);
    }
    all.into()
}

/// Settings with these accounts, and with their keys mounted.
fn settings<'a>(stage: &'a Stage, accounts: Value, folders: &[&KeyFolder]) -> Settings<'a> {
    let settings = stage.settings().set("/accounts", accounts);
    folders.iter().fold(settings, |settings, folder| settings.mounted(folder.name(), &folder.0, &folder.at()))
}

#[tokio::test]
async fn i17_a_swapped_key_stops_its_account_alone_and_heals_when_the_right_one_is_back() {
    let stage = Stage::new().await;
    let other = stage.simulator.new_account();
    let (here, there) = (stage.account.seed_one(&Seed::new(REGION)), other.seed_one(&Seed::new(REGION)));
    // The same id in a third account: whoever wrote with its key would protect the wrong machine.
    let stranger = stage.simulator.new_account();
    let folder = KeyFolder::new(&stage, "key");
    folder.put(other.access_key());
    let _operator = settings(&stage, accounts(&stage, &[("other", &other, &folder)]), &[&folder]).start();
    stage.apply("here", by_id("default", REGION, &here)).await;
    stage.apply("there", by_id("other", REGION, &there)).await;
    stage.until("here", "Protected=True/AllProtected").await;
    stage.until("there", "Protected=True/AllProtected").await;
    assert!(other.instance(&there).unwrap().deletion_protection);

    folder.put(stranger.access_key());
    let object = stage.until("there", "Protected=Unknown/WrongAccount Stalled=True/WrongAccount").await;
    assert!(message(&object, "Stalled").contains("belong to another cloud account"), "{object:?}");
    for id in [other.id(), stranger.id()] {
        assert!(stage.printed().contains(id), "the log names both accounts");
        assert!(!message(&object, "Stalled").contains(id), "the object names none");
    }
    let asked: Vec<String> = stranger.log().into_iter().map(|call| call.action).collect();
    assert_eq!(asked, ["GetCallerIdentity"], "nothing but the question whose key it is was signed with it");
    stage.seen().await;
    stage.until_repaired(&here).await;

    folder.put(other.access_key());
    stage.until("there", "Protected=True/AllProtected").await;
    assert_eq!(stranger.log().len(), 1);
}

#[tokio::test]
async fn i17_without_a_pin_the_first_account_counts_and_none_has_two_names() {
    let stage = Stage::new().await;
    let id = stage.account.seed_one(&Seed::new(REGION));
    let stranger = stage.simulator.new_account();
    let (own, double) = (KeyFolder::new(&stage, "own"), KeyFolder::new(&stage, "double"));
    own.put(stage.account.access_key());
    let mut entries = accounts(&stage, &[("double", &stranger, &double)]);
    entries[0]["credentials"] = own.credentials();
    entries[1].as_object_mut().unwrap().remove("accountId");
    let _operator = settings(&stage, entries, &[&own, &double]).start();
    stage.apply("one", by_id("default", REGION, &id)).await;
    stage.until("one", "Protected=True/AllProtected").await;
    stage.until_printed("accountId is not set", 2).await;

    // Under a second name the same account would be served by somebody who does not know of the holds of the first.
    double.put(stage.account.access_key());
    let mut off = by_id("double", REGION, &id);
    off["protection"] = "Disabled".into();
    stage.apply("two", off).await;
    stage.until("two", "Protected=False/WrongAccount Stalled=True/WrongAccount").await;
    assert!(stage.protected(&id));

    own.put(stranger.access_key());
    stage.until("one", "Protected=Unknown/WrongAccount").await;
    // Another key of the account is as good as the first.
    let renewed = AccessKey::lasting("LTAIrenewed", "SecretOfTheRenewed");
    stage.account.add_key(renewed.clone());
    own.put(&renewed);
    stage.until("one", "Protected=True/AllProtected").await;
}

#[tokio::test]
async fn i28_an_account_without_a_key_is_told_so_and_holds_up_no_other() {
    let stage = Stage::new().await;
    let id = stage.account.seed_one(&Seed::new(REGION));
    let late = stage.simulator.new_account();
    let there = late.seed_one(&Seed::new(REGION));
    let folder = KeyFolder::new(&stage, "late");
    let _operator = settings(&stage, accounts(&stage, &[("late", &late, &folder)]), &[&folder]).start();
    stage.apply("there", by_id("late", REGION, &there)).await;
    stage.apply("here", by_id("default", REGION, &id)).await;
    stage.until("here", "Protected=True/AllProtected").await;
    let object = stage.until("there", "Protected=Unknown/CredentialsMissing Stalled=True").await;
    assert!(message(&object, "Stalled").contains("There are no credentials for this account"), "{object:?}");
    assert!(stage.printed().contains(&folder.path("id")), "the log names the file");
    folder.put(late.access_key());
    stage.until("there", "Protected=True/AllProtected").await;
}

#[tokio::test]
async fn i28_an_account_whose_region_hangs_slows_neither_its_others_nor_another_account() {
    let stage = Stage::new().await;
    let other = stage.simulator.new_account();
    let folder = KeyFolder::new(&stage, "key");
    folder.put(other.access_key());
    let hanging = other.seed_one(&Seed::new("cn-beijing"));
    let (near, far) = (stage.account.seed_one(&Seed::new(REGION)), other.seed_one(&Seed::new(REGION)));
    other.fault(Rule::new("DescribeInstances", Fault::HANG).instance(&hanging));
    let _operator = settings(&stage, accounts(&stage, &[("other", &other, &folder)]), &[&folder]).start();
    stage.apply("hanging", by_id("other", "cn-beijing", &hanging)).await;
    stage.apply("far", by_id("other", REGION, &far)).await;
    stage.apply("near", by_id("default", REGION, &near)).await;
    stage.until("far", "Protected=True/AllProtected").await;
    stage.until("near", "Protected=True/AllProtected").await;
    stage.repairs_while_a_read_hangs(&other, &near).await;
    let object = stage.objects.get("hanging").await.unwrap();
    assert!(!crate::stage::shows(&object, "Protected=True"), "{object:?}");
}

/// The question whose key it is is asked again only for another key, however many calls there are.
#[tokio::test]
async fn i17_the_question_is_asked_once_for_each_key() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(150));
    let _operator = stage.start();
    stage.apply("many", json!({ "region": REGION, "targets": { "instanceIds": ids } })).await;
    stage.until("many", "Protected=True/AllProtected").await;
    stage.reads(5).await;
    let asked = || stage.account.count("GetCallerIdentity").calls;
    eventually("the question is asked", async || if asked() == 1 { Ok(()) } else { Err(asked()) }).await;
    stage.reads(5).await;
    assert_eq!(asked(), 1);
}
