//! `ecs-keeper eni handover`, as a person runs it: with their own kubeconfig and no access key. What it prints is given
//! to the cloud.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ecs_keeper::api::EniRetention;
use keeper_simulator::{
    Account, InterfaceSeed, InterfaceType, NetworkInterface, ReleaseReason, Seed, Simulator,
};
use kube::Api;
use kube::api::PostParams;
use kube::config::{AuthInfo, Kubeconfig};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::process::{self, Answer};
use crate::stage::{REGION, eventually};
use crate::status::{apply, condition};

/// Asks with a kubeconfig and nothing else.
async fn ask(kubeconfig: &Path, arguments: &[&str]) -> Answer {
    process::ask(kubeconfig, &[&["eni", "handover"], arguments].concat()).await
}

/// An instance that was released, and the primary interface that outlived it. Whoever asks in all namespaces finds the
/// objects of other tests, too: the id is nobody else's.
fn survivor(account: &Account, id: &str) -> Arc<NetworkInterface> {
    let primary =
        InterfaceSeed::primary().id(id).delete_on_release(false).eip("eip-bp1handover", "203.0.113.1");
    let instance = account.seed_one(&Seed::new(REGION).interface(primary));
    account.release(&instance, ReleaseReason::Manual).unwrap();
    account.network_interface(id).expect("it outlived its instance")
}

/// What the operator says of an object that retains this interface.
fn status(interface: &NetworkInterface) -> Value {
    json!({
        "observedGeneration": 1,
        "retainedEniIds": [interface.network_interface_id],
        "availableEniIds": [interface.network_interface_id],
        "networkInterfaces": [{
            "networkInterfaceId": interface.network_interface_id,
            "type": "Secondary",
            "phase": "Available",
            "lastInstanceId": interface.last_instance_id,
            "zoneId": interface.zone_id,
            "vSwitchId": interface.v_switch_id,
            "vpcId": interface.vpc_id,
            "privateIps": [interface.primary_ip_address],
            "securityGroupIds": interface.security_group_ids,
            "since": "2026-01-01T00:00:00Z",
            "reason": "Survived",
            "message": "It outlived its instance.",
        }],
        "conditions": [condition("Retained", "True", "AllProtected", "All are retained.")],
    })
}

/// A kubeconfig of somebody who may look into one namespace, by the role that the chart has for that.
pub async fn person(cluster: &Cluster, namespace: &str) -> PathBuf {
    somebody(cluster, namespace, "person", ("rolebinding", "ecs-keeper-view")).await
}

/// A kubeconfig of a ServiceAccount in a namespace with a ClusterRole, by a binding of this kind.
pub async fn somebody(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    (binding, role): (&str, &str),
) -> PathBuf {
    cluster.kubectl(&["-n", namespace, "create", "serviceaccount", name]).await;
    let (of_role, subject) =
        (format!("--clusterrole={role}"), format!("--serviceaccount={namespace}:{name}"));
    let binding_name = format!("{namespace}-{name}");
    cluster.kubectl(&["-n", namespace, "create", binding, &binding_name, &of_role, &subject]).await;
    let token = cluster.kubectl(&["-n", namespace, "create", "token", name]).await;

    let mut kubeconfig = Kubeconfig::read_from(&cluster.kubeconfig).unwrap();
    for user in &mut kubeconfig.auth_infos {
        user.auth_info =
            Some(AuthInfo { token: Some(token.trim().to_owned().into()), ..AuthInfo::default() });
    }
    let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("{namespace}-{}-{name}.kubeconfig", std::process::id()));
    std::fs::write(&path, serde_json::to_vec(&kubeconfig).unwrap()).unwrap();
    path
}

#[tokio::test]
async fn what_is_printed_makes_a_survivor_the_primary_of_a_new_instance() {
    let cluster = Cluster::connect().await;
    let namespace = cluster.namespace().await;
    let simulator = Simulator::start().await.unwrap();
    let account = simulator.new_account();
    let id = format!("eni-{}", namespace.replace('-', ""));
    let interface = survivor(&account, &id);
    let id = id.as_str();

    let objects: Api<EniRetention> = Api::namespaced(cluster.client.clone(), &namespace);
    let spec = json!({ "region": REGION, "targets": { "networkInterfaceIds": [id] } });
    let retention = EniRetention::new("subject", serde_json::from_value(spec).unwrap());
    objects.create(&PostParams::default(), &retention).await.unwrap();

    // Whoever may look everywhere need not say where.
    let unjudged = ask(&cluster.kubeconfig, &[id]).await;
    assert_eq!(unjudged.code, Some(1), "{unjudged:?}");
    assert!(unjudged.complained.contains("no EniRetention that you may list retains"), "{unjudged:?}");
    apply(&objects, "ecs-keeper", &status(&interface)).await.unwrap();
    let text = ask(&cluster.kubeconfig, &[id]).await;
    assert_eq!((text.code, text.complained.as_str()), (Some(0), ""), "{text:?}");
    for told in [
        format!("{id} is free: it outlived {}.", interface.last_instance_id.as_ref().unwrap()),
        format!("EniRetention     {namespace}/subject, account default\n"),
        format!("--ZoneId {}", interface.zone_id),
        format!("--NetworkInterface.1.NetworkInterfaceId {id}"),
        "--DryRun true".to_owned(),
    ] {
        assert!(text.said.contains(&told), "{told}: {}", text.said);
    }

    // Who may not is told what to do about it.
    let person = person(&cluster, &namespace).await;
    let here = ["--namespace", &namespace, "--output", "json"];
    let answer = eventually("the person may look", async || {
        let answer = ask(&person, &[&[id], here.as_slice()].concat()).await;
        if answer.code == Some(0) { Ok(answer) } else { Err(answer) }
    })
    .await;
    let everywhere = ask(&person, &[id]).await;
    assert_eq!((everywhere.code, everywhere.said.as_str()), (Some(1), ""), "{everywhere:?}");
    assert!(everywhere.complained.contains("in all namespaces: set --namespace"), "{everywhere:?}");
    let elsewhere = ask(&person, &[id, "-n", "kube-system"]).await;
    assert_eq!(elsewhere.code, Some(1), "{elsewhere:?}");
    assert!(elsewhere.complained.contains("ask for the ClusterRole ecs-keeper-view"), "{elsewhere:?}");
    let nobody = ask(&person, &["eni-bp1nobody", "-n", &namespace]).await;
    assert_eq!(nobody.code, Some(1), "{nobody:?}");
    assert!(nobody.complained.contains(&format!("no EniRetention in namespace {namespace}")), "{nobody:?}");
    let wrong = ask(&person, &["i-bp1wrong"]).await;
    assert_eq!(wrong.code, Some(1), "{wrong:?}");
    assert!(wrong.complained.contains("is not the id of a network interface"), "{wrong:?}");
    std::fs::remove_file(&person).unwrap();

    // The cloud does what is promised: first a dry run, then in earnest.
    let answer: Value = serde_json::from_str(&answer.said).unwrap();
    let printed = answer["parameters"].as_object().unwrap();
    let printed = printed.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
    let chosen = [("ImageId", "image"), ("InstanceType", "ecs.g7.large")];
    let asked: Vec<_> = printed.chain(chosen).collect();
    let dry = account.console("RunInstances", &[asked.as_slice(), &[("DryRun", "true")]].concat());
    assert_eq!(dry.unwrap_err().code, "DryRunOperation");
    let made = account.console("RunInstances", &asked).unwrap();
    let instance = made["InstanceIdSets"]["InstanceIdSet"][0].as_str().unwrap();
    let interfaces = account.interfaces_of(instance);
    assert_eq!(interfaces.len(), 1);
    assert_eq!(
        (interfaces[0].network_interface_id.as_str(), interfaces[0].r#type),
        (id, InterfaceType::Primary)
    );
    assert_eq!(interfaces[0].primary_ip_address, interface.primary_ip_address);
    assert_eq!(interfaces[0].eips, interface.eips);
    assert!(interfaces[0].delete_on_release, "the flag comes back unprotected, as is told");
    assert_eq!(account.instance(instance).unwrap().zone_id, interface.zone_id);

    // Where the older text of the vendor holds, the dry run is what finds out.
    simulator.set(|settings| settings.refuse_existing_primary = true);
    let other = survivor(&account, "eni-bp1other").network_interface_id.clone();
    let dry = asked.iter().map(|(name, value)| (*name, if *value == id { &other } else { *value }));
    let dry: Vec<_> = dry.chain([("DryRun", "true")]).collect();
    assert_eq!(account.console("RunInstances", &dry).unwrap_err().code, "InvalidOperation.InvalidEniType");
}
