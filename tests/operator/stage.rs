//! Where one test of the running operator plays: a namespace with a release of the chart, and a simulated account.
//!
//! Whatever else a test shows, each also shows what [`Stage::closing_checks`] asks when it ends.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ecs_keeper::api::{EcsInstanceProtection, EniRetention};
use ecs_keeper::cli::PolicyOptions;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use k8s_openapi::api::core::v1::{ConfigMap, Node};
use k8s_openapi::api::events::v1::Event;
use keeper_simulator::{
    Account, Allowed, Change, DEFAULT_USER, InterfaceChange, LogEntry, NetworkInterface, Policy, Seed,
    Simulator, UserSeed,
};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::config::{AuthInfo, Kubeconfig};
use kube::{Api, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::cluster::{Cluster, audit_log};
use crate::evidence_log;
use crate::process::Operator;
use crate::release::Release;
use crate::settings::Settings;
use crate::tools;

/// Something that takes longer will never come, however busy the machine is. Only failures wait this long. It is shorter than
/// the ten minutes after which the operator repeats a call that was refused.
pub const PATIENCE: Duration = Duration::from_mins(4);

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// Label of everything that belongs to one test; its value is the test's namespace.
pub const LABEL: &str = "keeper-test";

/// The region of everything that isn't said to be elsewhere.
pub const REGION: &str = "cn-hangzhou";

/// One test's own part of the cluster and of the cloud.
pub struct Stage {
    pub cluster: Cluster,
    /// The operator's own namespace.
    pub namespace: String,
    /// The chart as it is installed for the test.
    pub release: Release,
    pub simulator: Simulator,
    pub account: Account,
    /// The protections of the namespace.
    pub objects: Api<EcsInstanceProtection>,
    /// The retentions of the namespace.
    pub retentions: Api<EniRetention>,
    /// A kubeconfig with the access of the operator's Pods.
    pub kubeconfig: PathBuf,
    /// The access of the operator's Pods, as files.
    pub access: PathBuf,
    /// A folder for files of the test.
    pub folder: PathBuf,
    /// Everything that the test's operators log.
    pub log: PathBuf,
    /// Everything that they write to standard output: the evidence log.
    pub evidence: PathBuf,
}

impl Stage {
    /// A stage in the shared control plane.
    pub async fn new() -> Self {
        Self::on(Cluster::connect().await).await
    }

    /// A stage in a prepared control plane.
    pub async fn on(cluster: Cluster) -> Self {
        let namespace = cluster.namespace().await;
        let simulator = Simulator::start().await.unwrap();
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{namespace}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let kubeconfig = folder.join("kubeconfig");
        let access = folder.join("access");
        std::fs::create_dir_all(&access).unwrap();
        let release = Release::render(&cluster, &namespace, &json!({}));
        release.install(&cluster).await;
        give_access(&cluster, &release, &namespace, &kubeconfig, &access).await;
        Self {
            release,
            account: simulator.new_account(),
            simulator,
            objects: Api::namespaced(cluster.client.clone(), &namespace),
            retentions: Api::namespaced(cluster.client.clone(), &namespace),
            cluster,
            namespace,
            kubeconfig,
            access,
            log: folder.join("log"),
            evidence: folder.join("evidence"),
            folder,
        }
    }

    /// Starts the operator.
    pub fn start(&self) -> Operator {
        self.settings().start()
    }

    /// What the operator is usually started with.
    pub fn settings(&self) -> Settings<'_> {
        Settings::new(self)
    }

    /// I13: allows the RAM users whose keys an operator with this configuration has exactly what `ecs-keeper ram policy` prints for
    /// it. Roles may do what their tests say.
    pub fn allow(&self, config: &Path) {
        let options =
            PolicyOptions { config: Some(config.to_owned()), scale_in: true, ..PolicyOptions::default() };
        // What is not granted, or not valid, needs no policy.
        let printed =
            ecs_keeper::ram::policy(&options).map_or_else(|_| "[]".to_owned(), |printed| printed.text);
        let identities = match serde_json::from_str(&printed).unwrap() {
            Value::Array(identities) => identities,
            policy => vec![json!({ "identity": "the only one", "policy": policy })],
        };
        let config: Value = serde_json::from_slice(&std::fs::read(config).unwrap()).unwrap();
        for entry in config["accounts"].as_array().into_iter().flatten() {
            let mut user = UserSeed::new(DEFAULT_USER);
            for identity in &identities {
                let is_role = identity["identity"].as_str().unwrap().starts_with("the role acs:");
                let is_its = identity["accounts"].as_array().is_none_or(|all| all.contains(&entry["name"]));
                if is_its && !is_role {
                    user = user.policy(Policy::new(identity["policy"].clone()).unwrap());
                }
            }
            // With a role to go on to, the id is that of the role's account.
            let id = entry["accountId"].as_str().filter(|_| entry["assumeRole"].is_null());
            let account = id.and_then(|id| self.simulator.account(id));
            account.as_ref().unwrap_or(&self.account).user(user);
        }
    }

    /// Makes operators that start from now on look for the API server at another address, and answers its real one.
    pub fn move_api_server(&self, to: SocketAddr) -> SocketAddr {
        let real = self.api_server();
        let mut kubeconfig = self.read_kubeconfig();
        kubeconfig["clusters"][0]["cluster"]["server"] = format!("https://{to}").into();
        std::fs::write(&self.kubeconfig, kubeconfig.to_string()).unwrap();
        real
    }

    /// Where operators that start now look for the API server.
    pub fn api_server(&self) -> SocketAddr {
        let kubeconfig = self.read_kubeconfig();
        let server = kubeconfig["clusters"][0]["cluster"]["server"].as_str().unwrap();
        server.trim_start_matches("https://").parse().unwrap()
    }

    fn read_kubeconfig(&self) -> Value {
        serde_json::from_slice(&std::fs::read(&self.kubeconfig).unwrap()).unwrap()
    }

    /// A new folder within that of the test.
    pub fn new_folder(&self) -> PathBuf {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let folder = self.folder.join(MADE.fetch_add(1, Ordering::Relaxed).to_string());
        std::fs::create_dir(&folder).unwrap();
        folder
    }

    /// One more namespace.
    pub async fn another_namespace(&self) -> (String, Api<EcsInstanceProtection>) {
        let namespace = self.cluster.namespace().await;
        let objects = Api::namespaced(self.cluster.client.clone(), &namespace);
        (namespace, objects)
    }

    /// Creates or edits a protection of this test.
    pub async fn apply(&self, name: &str, spec: Value) -> EcsInstanceProtection {
        self.apply_to(&self.objects, name, spec).await
    }

    /// Creates or edits a retention of this test.
    pub async fn retain(&self, name: &str, spec: Value) -> EniRetention {
        self.apply_to(&self.retentions, name, spec).await
    }

    /// Creates or edits an object of this test in any namespace.
    pub async fn apply_to<K: Custom>(&self, objects: &Api<K>, name: &str, spec: Value) -> K {
        // Decoded, so that a test can't ask for something that doesn't exist.
        let object: K = serde_json::from_value(json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            "metadata": { "name": name, "labels": { LABEL: self.namespace } },
            "spec": spec,
        }))
        .unwrap();
        let user = PatchParams::apply("a-user").force();
        objects.patch(name, &user, &Patch::Apply(&object)).await.unwrap()
    }

    /// Creates a Node.
    pub async fn node(&self, name: &str, labels: &[(&str, &str)], provider: Option<&str>) {
        let labels: BTreeMap<&str, &str> = labels.iter().copied().collect();
        let node =
            json!({ "metadata": { "name": name, "labels": labels }, "spec": { "providerID": provider } });
        let nodes: Api<Node> = Api::all(self.cluster.client.clone());
        nodes.create(&PostParams::default(), &serde_json::from_value(node).unwrap()).await.unwrap();
    }

    /// Deletes an object.
    pub async fn delete(&self, name: &str) {
        self.objects.delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// Waits until the object's status is about its newest generation and shows all that is wanted, such as
    /// `Protected=False/Correcting Stalled=False`.
    pub async fn until(&self, name: &str, wanted: &str) -> EcsInstanceProtection {
        self.until_in(&self.objects, name, wanted).await
    }

    /// The same for a retention.
    pub async fn until_retention(&self, name: &str, wanted: &str) -> EniRetention {
        self.until_in(&self.retentions, name, wanted).await
    }

    /// The same for an object of any namespace.
    pub async fn until_in<K: Custom>(&self, objects: &Api<K>, name: &str, wanted: &str) -> K {
        self.until_holds(objects, name, wanted, |object| shows(object, wanted)).await
    }

    /// Waits until something is true of a retention.
    pub async fn until_retained(
        &self,
        name: &str,
        what: &str,
        holds: impl Fn(&EniRetention) -> bool,
    ) -> EniRetention {
        self.until_holds(&self.retentions, name, what, holds).await
    }

    /// Waits until something is true of a protection of any namespace.
    pub async fn until_protection(
        &self,
        objects: &Api<EcsInstanceProtection>,
        name: &str,
        what: &str,
        holds: impl Fn(&EcsInstanceProtection) -> bool,
    ) -> EcsInstanceProtection {
        self.until_holds(objects, name, what, holds).await
    }

    async fn until_holds<K: Custom>(
        &self,
        objects: &Api<K>,
        name: &str,
        what: &str,
        holds: impl Fn(&K) -> bool,
    ) -> K {
        eventually(&format!("{name} shows {what}"), async || {
            let object = objects.get(name).await.unwrap();
            tools::agree(&object);
            if holds(&object) { Ok(object) } else { Err(status(&object)) }
        })
        .await
    }

    /// Waits until no object has this name.
    pub async fn until_gone(&self, name: &str) {
        self.until_gone_from(&self.objects, name).await;
    }

    /// The same for an object of any kind and namespace.
    pub async fn until_gone_from<K: Custom>(&self, objects: &Api<K>, name: &str) {
        eventually(&format!("{name} is gone"), async || {
            objects.get_opt(name).await.unwrap().map_or(Ok(()), Err)
        })
        .await;
    }

    /// Waits until something is true of the cloud.
    pub async fn until_cloud(&self, what: &str, holds: impl Fn(&Account) -> bool) {
        eventually(what, async || {
            let account = &self.account;
            if holds(account) { Ok(()) } else { Err((account.instances(), account.network_interfaces())) }
        })
        .await;
    }

    /// Waits until the region has been listed so many times more, or read in any other way.
    pub async fn reads(&self, more: u64) {
        self.calls("DescribeInstances", more).await;
    }

    /// Waits until there were so many calls more of an operation.
    pub async fn calls(&self, action: &str, more: u64) {
        let until = self.account.count(action).calls + more;
        self.until_cloud(&format!("{more} more calls of {action}"), |account| {
            account.count(action).calls >= until
        })
        .await;
    }

    /// Waits until the operator has gone on with its work: it has protected a machine that nobody has asked for before, and has
    /// read the region a few times since. What it has not done by then it will not do.
    pub async fn witnessed(&self) {
        let id = self.account.seed_one(&Seed::new(REGION));
        let name = format!("witness-{id}");
        self.apply(&name, json!({ "region": REGION, "targets": { "instanceIds": [id] } })).await;
        self.until(&name, "Protected=True/AllProtected").await;
        self.reads(3).await;
    }

    /// Whether release protection is on, in truth.
    pub fn protected(&self, id: &str) -> bool {
        self.account.instance(id).unwrap().deletion_protection
    }

    /// Waits until the operator has read the region twice more: the first of the two may have been on its way already.
    /// After a write this is when the operator has seen what it wrote, and takes what differs from then on for drift.
    pub async fn seen(&self) {
        self.reads(2).await;
    }

    /// Switches release protection off as somebody in the console does, and waits until it is on again.
    pub async fn until_repaired(&self, id: &str) {
        self.by_hand(id, false);
        self.until_cloud(&format!("{id} is repaired"), |_| self.protected(id)).await;
    }

    /// Shows that drift of this account is repaired while a read of another account, or of another region, hangs: before the
    /// client has given that read up. On a busy machine that may take a few hanging reads.
    pub async fn repairs_while_a_read_hangs(&self, hanging: &Account, id: &str) {
        let given_up = || self.printed().matches("Timeout").count();
        for _ in 0..5 {
            self.seen().await;
            let begun = hanging.under_way("DescribeInstances");
            self.until_cloud("one more read hangs", |_| hanging.under_way("DescribeInstances") > begun).await;
            let before = given_up();
            self.until_repaired(id).await;
            if given_up() == before {
                return;
            }
        }
        panic!("{id} was repaired only after a read that hung was given up");
    }

    /// Switches release protection as somebody in the console does.
    pub fn by_hand(&self, id: &str, on: bool) {
        assert!(self.account.change(id, &Change::protection(on)), "{id} was so already");
    }

    /// The writes that were asked for: of which instance, to which value.
    pub fn writes(&self) -> Vec<(String, bool)> {
        let of = |call: &LogEntry| {
            (call.parameters["InstanceId"].clone(), call.parameters["DeletionProtection"] == "true")
        };
        self.calls_of("ModifyInstanceAttribute").iter().map(of).collect()
    }

    /// The calls of an operation so far.
    pub fn calls_of(&self, action: &str) -> Vec<LogEntry> {
        let mut log = self.account.log();
        log.retain(|call| call.action == action);
        log
    }

    /// A network interface, in truth.
    pub fn interface(&self, id: &str) -> NetworkInterface {
        self.account.network_interface(id).unwrap().as_ref().clone()
    }

    /// Whether a network interface outlives its instance, in truth.
    pub fn stays(&self, id: &str) -> bool {
        !self.interface(id).delete_on_release
    }

    /// Sets the flag of a network interface as somebody in the console does.
    pub fn doom_by_hand(&self, id: &str) {
        assert!(self.account.change_interface(id, &InterfaceChange::delete_on_release(true)));
    }

    /// The writes that were asked for: of which network interface, and whether it is to stay.
    pub fn interface_writes(&self) -> Vec<(String, bool)> {
        let of = |call: &LogEntry| {
            (call.parameters["NetworkInterfaceId"].clone(), call.parameters["DeleteOnRelease"] == "false")
        };
        self.calls_of("ModifyNetworkInterfaceAttribute").iter().map(of).collect()
    }

    /// How often switching protection off was asked for.
    pub fn unprotecting_writes(&self) -> usize {
        self.writes().iter().filter(|(_, on)| !on).count()
    }

    /// The Events about an object, in the order of their first time.
    pub async fn events(&self, name: &str) -> Vec<Told> {
        self.events_in(&self.namespace, name).await
    }

    async fn events_in(&self, namespace: &str, name: &str) -> Vec<Told> {
        let all: Api<Event> = Api::namespaced(self.cluster.client.clone(), namespace);
        let mut events = all.list(&ListParams::default()).await.unwrap().items;
        events.retain(|event| event.regarding.as_ref().and_then(|about| about.name.as_deref()) == Some(name));
        events.sort_by_key(|event| event.event_time.as_ref().map(|time| time.0));
        let text = Option::unwrap_or_default;
        let told = |event: Event| Told {
            reason: text(event.reason),
            kind: text(event.type_),
            note: text(event.note),
            times: event.series.map_or(1, |series| series.count),
        };
        events.into_iter().map(told).collect()
    }

    /// Waits for an Event with this reason about an object, and answers its note.
    pub async fn until_event(&self, name: &str, reason: &str) -> String {
        self.until_event_in(&self.namespace, name, reason).await
    }

    /// The same for an object of another namespace.
    pub async fn until_event_in(&self, namespace: &str, name: &str, reason: &str) -> String {
        eventually(&format!("an Event {reason} about {name}"), async || {
            let events = self.events_in(namespace, name).await;
            let found = events.iter().find(|told| told.reason == reason).map(|told| told.note.clone());
            found.ok_or(events)
        })
        .await
    }

    /// Waits for an Event with this reason that says something, where others may have the same one.
    pub async fn until_told(&self, name: &str, reason: &str, what: &str) -> String {
        eventually(&format!("an Event {reason} about {name} that says: {what}"), async || {
            let events = self.events(name).await;
            let found = events.iter().find(|told| told.reason == reason && told.note.contains(what));
            found.map(|told| told.note.clone()).ok_or(events)
        })
        .await
    }

    /// All that the test's operators have printed.
    pub fn printed(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until the test's operators have printed something so often.
    pub async fn until_printed(&self, what: &str, times: usize) {
        eventually(&format!("{what:?} is printed {times} times"), async || {
            let printed = self.printed();
            if printed.matches(what).count() >= times { Ok(()) } else { Err(printed) }
        })
        .await;
    }

    /// How often this test's operators have listed objects of our kinds.
    pub fn listings(&self) -> usize {
        let list = self.audited(r#""verb":"list""#);
        list.iter().filter(|line| line.contains("/apis/ecs-keeper.io/")).count()
    }

    /// What the API server's audit log has of this test's operators that contains a text.
    fn audited(&self, what: &str) -> Vec<String> {
        let user = format!("system:serviceaccount:{}:{}", self.namespace, self.release.service_account());
        let log = audit_log();
        log.lines().filter(|line| line.contains(&user) && line.contains(what)).map(str::to_owned).collect()
    }

    /// I13, I44, and least access that suffices: the operators asked the cloud for nothing else than they need, never
    /// printed a secret, and were never forbidden anything by the API server.
    fn closing_checks(&self) {
        let allowed = [
            Allowed::new(
                "DescribeInstances",
                // With DryRun, commands ask whether they may.
                &["RegionId", "MaxResults", "NextToken", "InstanceIds", "Tag.N.Key", "Tag.N.Value", "DryRun"],
            ),
            Allowed::new("ModifyInstanceAttribute", &["InstanceId", "DeletionProtection"]),
            Allowed::new("ModifyInstanceAutoReleaseTime", &["InstanceId", "RegionId"]),
            Allowed::new(
                "DescribeNetworkInterfaces",
                &["RegionId", "MaxResults", "NextToken", "NetworkInterfaceId.N", "Tag.N.Key", "Tag.N.Value"],
            ),
            Allowed::new(
                "ModifyNetworkInterfaceAttribute",
                &["RegionId", "NetworkInterfaceId", "DeleteOnRelease"],
            ),
            Allowed::new("AttachNetworkInterface", &["RegionId", "NetworkInterfaceId", "InstanceId"]),
            Allowed::new(
                "DescribeScalingInstances",
                &["RegionId", "PageNumber", "PageSize", "InstanceIds.N"],
            ),
            Allowed::new(
                "SetInstancesProtection",
                &["RegionId", "ScalingGroupId", "InstanceIds.N", "ProtectedFromScaleIn"],
            ),
            Allowed::new(
                "LookupEvents",
                &[
                    "Direction",
                    "EndTime",
                    "LookupAttribute.N.Key",
                    "LookupAttribute.N.Value",
                    "MaxResults",
                    "NextToken",
                    "StartTime",
                ],
            ),
            Allowed::new("GetCallerIdentity", &[]),
            Allowed::new(
                "AssumeRole",
                &["RoleArn", "RoleSessionName", "DurationSeconds", "ExternalId", "Policy"],
            ),
            Allowed::new(
                "AssumeRoleWithOIDC",
                &["RoleArn", "RoleSessionName", "OIDCProviderArn", "OIDCToken"],
            ),
        ];
        assert_eq!(self.simulator.violations(&allowed), [""; 0]);
        assert!(
            !self.printed().contains(&self.account.access_key().access_key_secret),
            "a secret was printed"
        );
        for account in self.simulator.accounts() {
            for session in account.sessions() {
                assert!(!self.printed().contains(&session.access_key_id), "a session's key was printed");
            }
        }
        evidence_log::check(self);
        let forbidden = self.audited(r#""authorization.k8s.io/decision":"forbid""#);
        assert_eq!(forbidden, [""; 0]);
    }
}

/// An Event, and how often it was told.
#[derive(Debug)]
pub struct Told {
    pub reason: String,
    pub kind: String,
    pub note: String,
    pub times: i32,
}

impl Drop for Stage {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let printed = self.printed();
            let lines: Vec<&str> = printed.lines().collect();
            let newest = &lines[lines.len().saturating_sub(100)..];
            eprintln!("--- the operator printed:\n{}\n---", newest.join("\n"));
        } else {
            self.closing_checks();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// One of our custom resources.
pub trait Custom: Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned {}

impl<K: Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned> Custom for K {}

/// The status as it is written.
fn status<K: Custom>(object: &K) -> Value {
    serde_json::to_value(object).unwrap()["status"].take()
}

/// Whether the status is about the newest generation and shows all that is wanted.
pub fn shows<K: Custom>(object: &K, wanted: &str) -> bool {
    let status = status(object);
    let generation = json!(object.meta().generation);
    if status["observedGeneration"] != generation {
        return false;
    }
    wanted.split_whitespace().all(|part| {
        let (kind, value) = part.split_once('=').expect("a condition and its status");
        let (value, reason) = value.split_once('/').map_or((value, None), |(v, reason)| (v, Some(reason)));
        status["conditions"].as_array().unwrap().iter().any(|condition| {
            condition["type"] == kind
                && condition["status"] == value
                && reason.is_none_or(|reason| condition["reason"] == reason)
                && condition["observedGeneration"] == generation
        })
    })
}

/// The message of a condition.
pub fn message<K: Custom>(object: &K, kind: &str) -> String {
    let status = status(object);
    let mut conditions = status["conditions"].as_array().unwrap().iter();
    conditions.find(|condition| condition["type"] == kind).unwrap()["message"].as_str().unwrap().to_owned()
}

/// Looks until there is something; panics with what was seen instead when patience ends.
pub async fn eventually<T, E: Debug>(what: &str, mut look: impl AsyncFnMut() -> Result<T, E>) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) if tokio::time::Instant::now() > deadline => panic!("never: {what}; but {seen:#?}"),
            Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
}

/// Looks for a while, and panics if something that must never be is.
pub async fn never(what: &str, span: Duration, mut look: impl AsyncFnMut() -> bool) {
    let end = tokio::time::Instant::now() + span;
    while tokio::time::Instant::now() < end {
        assert!(!look().await, "{what}");
        tokio::time::sleep(LOOK).await;
    }
}

/// Writes the access of the release's ServiceAccount, as a kubeconfig and as the files that a kubelet mounts, and waits until
/// it is in force.
async fn give_access(
    cluster: &Cluster,
    release: &Release,
    namespace: &str,
    kubeconfig_path: &Path,
    folder: &Path,
) {
    let client = &cluster.client;
    let create = PostParams::default();
    let account = release.service_account();
    let spec = TokenRequestSpec { expiration_seconds: Some(3600), ..TokenRequestSpec::default() };
    let request = TokenRequest { spec, ..TokenRequest::default() };
    let token =
        release.service_accounts(cluster).create_token_request(account, &create, &request).await.unwrap();
    let mut kubeconfig = Kubeconfig::read_from(&cluster.kubeconfig).unwrap();
    let token = token.status.unwrap().token;
    let authorities: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let authority = eventually("the API server's authority is published", async || {
        authorities.get_opt("kube-root-ca.crt").await.unwrap().ok_or(())
    })
    .await;
    let authority = authority.data.unwrap()["ca.crt"].clone();
    for (file, text) in [("token", token.as_str()), ("ca.crt", &authority), ("namespace", namespace)] {
        std::fs::write(folder.join(file), text).unwrap();
    }
    let access = AuthInfo { token: Some(token.into()), ..AuthInfo::default() };
    for user in &mut kubeconfig.auth_infos {
        user.auth_info = Some(access.clone());
    }
    // JSON is YAML too.
    std::fs::write(kubeconfig_path, serde_json::to_vec(&kubeconfig).unwrap()).unwrap();

    // The API server knows a new binding a moment after it has stored it.
    let reviews: Api<SubjectAccessReview> = Api::all(client.clone());
    for needed in [
        json!({ "group": "ecs-keeper.io", "resource": "ecsinstanceprotections", "verb": "list" }),
        json!({ "group": "coordination.k8s.io", "resource": "leases", "verb": "get", "namespace": namespace }),
    ] {
        let user = format!("system:serviceaccount:{namespace}:{account}");
        let review = json!({ "spec": { "user": user, "resourceAttributes": needed } });
        let review: SubjectAccessReview = serde_json::from_value(review).unwrap();
        eventually("the operator's access is in force", async || {
            let answer = reviews.create(&create, &review).await.unwrap().status.unwrap();
            if answer.allowed { Ok(()) } else { Err(answer) }
        })
        .await;
    }
}
