//! The way of a call through the cloud: admitted, perhaps disturbed, carried out, logged, answered.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::faults::{Instead, PageFaults, Plan, Subject};
use crate::keys::{Caller, Principal, authenticate, check_unsigned};
use crate::log::LogEntry;
use crate::operations::{Body, Call, Done, InstancePage, Operation, Origin, named_interfaces, record};
use crate::ram::{Decision, parse_ram_arn};
use crate::regions;
use crate::state::{ConsoleUser, Effect, Ending, World, scaling};
use crate::wire::{AccessDenied, Format, Params, Refusal, WireRequest, xml};

/// The connection is to break without an answer.
#[derive(Debug)]
pub(crate) struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the simulator was told to break this connection")
    }
}

impl std::error::Error for Broken {}

/// The simulated cloud, shared by its two ports and by handles inside the process.
#[derive(Clone, Debug)]
pub(crate) struct Cloud {
    world: Arc<Mutex<World>>,
    /// Ends calls that are still waiting when the simulator goes.
    closing: CancellationToken,
}

/// A call that was admitted.
struct Job {
    operation: &'static Operation,
    caller: Caller,
    /// The account that the call is about.
    account: String,
    params: Params,
    endpoint_region: Option<String>,
    /// The region that the call is about, as far as it is known; else empty.
    region: String,
    user_agent: String,
    entry: LogEntry,
    back: Back,
}

impl Job {
    fn call<'a>(&'a self, world: &World, plan: &'a Plan) -> Call<'a> {
        Call {
            caller: &self.caller,
            params: &self.params,
            endpoint_region: self.endpoint_region.as_deref(),
            now: world.now(),
            effect: plan.effect,
            ending: plan.ending,
            page: &plan.page,
        }
    }
}

/// How an answer goes back.
struct Back {
    host: String,
    product: &'static str,
    format: Format,
}

/// What goes back to the client.
struct Reply {
    status: u16,
    content_type: String,
    retry_after_millis: Option<u64>,
    request_id: String,
    body: Vec<u8>,
}

impl Cloud {
    pub(crate) fn new(closing: CancellationToken) -> Self {
        Self { world: Arc::default(), closing }
    }

    /// The state, up to date with its clock. A panic of another holder leaves nothing half done that matters here.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.catch_up();
        scaling::carry_on(&mut world);
        world
    }

    /// Answers one HTTP request.
    pub(crate) async fn serve(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Broken> {
        let reply = match WireRequest::read(request).await {
            Ok(request) => match self.admit(&request) {
                Ok((job, plan)) => self.perform(job, plan).await?,
                Err(reply) => reply,
            },
            Err(refusal) => {
                let entry = LogEntry::unread(self.world().now());
                let back = Back { host: String::new(), product: "Ecs", format: Format::Json };
                self.refuse(&refusal, entry, &back)
            }
        };
        Ok(reply.into_response())
    }

    /// Decides whether a request is believed, and what will happen to it.
    fn admit(&self, request: &WireRequest) -> Result<(Job, Plan), Reply> {
        let mut world = self.world();
        let now = world.now();
        let mut entry = LogEntry {
            host: request.host().to_owned(),
            acs_date: request.date().map(str::to_owned),
            ..LogEntry::unread(now)
        };
        request.action().unwrap_or_default().clone_into(&mut entry.action);
        let operation = request.version().and_then(|version| Operation::find(&entry.action, version));
        let back = Back {
            host: request.host().to_owned(),
            product: operation.map_or("Ecs", Operation::product),
            format: request.format(operation.is_some_and(|operation| operation.anonymous)),
        };

        let checked = (|| {
            if !matches!(request.method.as_str(), "GET" | "POST") {
                return Err(Refusal::new(405, "UnsupportedHTTPMethod", "Use GET or POST."));
            }
            let params = request.params()?;
            entry.parameters =
                params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let caller = if operation.is_some_and(|operation| operation.anonymous) {
                check_unsigned(request, now)?;
                Caller::anonymous()
            } else {
                let (keys, nonces) = world.keys_and_nonces();
                let caller = authenticate(request, |id| keys.get(id), nonces, now)?;
                entry.access_key_id = Some(caller.access_key_id.clone());
                caller
            };
            let account = account_of(&world, operation, &caller, &params);
            entry.account = Some(account.clone()).filter(|account| !account.is_empty());
            request.action().ok_or_else(|| Refusal::missing("Action"))?;
            request.version().ok_or_else(|| Refusal::missing("Version"))?;
            let operation = operation.filter(|_| request.path == "/").ok_or_else(|| {
                Refusal::new(404, "InvalidAction.NotFound", "There is no such operation in this version.")
            })?;
            Ok((operation, caller, account, params))
        })();
        let (operation, caller, account, params) = match checked {
            Ok(checked) => checked,
            Err(refusal) => {
                drop(world);
                return Err(self.refuse(&refusal, entry, &back));
            }
        };

        let endpoint_region = world
            .settings
            .region
            .clone()
            .or_else(|| regions::of_host(request.host()).map(|region| region.id.to_owned()));
        let instances = operation.instances_of(&params);
        let named = params.get("RegionId").or(endpoint_region.as_deref()).map(str::to_owned);
        let region = named.unwrap_or_else(|| region_of(&world, operation, &caller.account, &params));
        let subject = Subject {
            operation: operation.name,
            writes: operation.writes,
            account: &account,
            region: &region,
            instances: &instances,
            interfaces: &named_interfaces(&params),
        };
        let plan = world.plan(&subject);
        let user_agent = request.header("user-agent").unwrap_or_default().to_owned();
        let job =
            Job { operation, caller, account, params, endpoint_region, region, user_agent, entry, back };
        Ok((job, plan))
    }

    /// Carries a call out. A call that has to wait goes on when its client hangs up: the real cloud doesn't stop
    /// either, and the client can't know.
    async fn perform(&self, job: Job, plan: Plan) -> Result<Reply, Broken> {
        if plan.latency.is_zero() {
            return self.finish(job, &plan);
        }
        let cloud = self.clone();
        let who = (job.account.clone(), job.entry.action.clone());
        *self.world().under_way.entry(who.clone()).or_default() += 1;
        let work = tokio::spawn(async move {
            let reply = tokio::select! {
                () = cloud.closing.cancelled() => Err(Broken),
                () = tokio::time::sleep(plan.latency) => cloud.finish(job, &plan),
            };
            if let Some(calls) = cloud.world().under_way.get_mut(&who) {
                *calls -= 1;
            }
            reply
        });
        work.await.map_err(|_| Broken)?
    }

    fn finish(&self, mut job: Job, plan: &Plan) -> Result<Reply, Broken> {
        let mut world = self.world();
        let request_id = world.request_id();
        let outcome = match &plan.instead {
            Some(Instead::Drop) => {
                "Lost".clone_into(&mut job.entry.code);
                job.entry.lost = true;
                job.entry.request_id = request_id;
                world.log.record(job.entry);
                return Err(Broken);
            }
            Some(Instead::Answer { status, content_type, body }) => {
                job.entry.status = *status;
                "Answer".clone_into(&mut job.entry.code);
                job.entry.request_id.clone_from(&request_id);
                world.log.record(job.entry);
                return Ok(Reply {
                    status: *status,
                    content_type: content_type.clone(),
                    retry_after_millis: None,
                    request_id,
                    body: body.clone().into_bytes(),
                });
            }
            Some(Instead::Refuse(refusal)) => Err(refusal.clone()),
            Some(Instead::Deny { always_forbidden }) => deny(&job, *always_forbidden, Decision::NotAllowed),
            None => {
                let call = job.call(&world, plan);
                match job.operation.authorize(&world, &call) {
                    Decision::Allowed => job.operation.run(&mut world, &call),
                    refused => deny(&job, false, refused),
                }
            }
        };
        let call = job.call(&world, plan);
        let origin = Origin::Api { host: &job.back.host, user_agent: &job.user_agent };
        record(&mut world, job.operation, (&call, &job.region, &request_id), origin, &outcome);
        match outcome {
            Ok(done) => {
                job.entry.mutated = done.mutated;
                job.entry.lost = plan.lose_answer;
                job.entry.request_id.clone_from(&request_id);
                world.log.record(job.entry);
                drop(world);
                if plan.lose_answer {
                    return Err(Broken);
                }
                Ok(Reply {
                    status: 200,
                    content_type: job.back.content_type().to_owned(),
                    retry_after_millis: None,
                    body: job.back.body(job.operation.name, done.body.render(&request_id, &plan.page.odd)),
                    request_id,
                })
            }
            Err(refusal) => {
                drop(world);
                job.entry.lost = plan.lose_answer;
                let reply = self.refuse(&refusal, job.entry, &job.back);
                if plan.lose_answer { Err(Broken) } else { Ok(reply) }
            }
        }
    }

    /// Logs a refusal and writes it down for the client.
    fn refuse(&self, refusal: &Refusal, mut entry: LogEntry, back: &Back) -> Reply {
        let mut world = self.world();
        let request_id = world.request_id();
        entry.status = refusal.status;
        entry.code = refusal.code.clone().into_owned();
        entry.request_id.clone_from(&request_id);
        tracing::debug!(action = entry.action, code = entry.code, request_id, "refused");
        world.log.record(entry);
        drop(world);
        Reply {
            status: refusal.status,
            content_type: back.content_type().to_owned(),
            retry_after_millis: refusal.retry_after_millis,
            body: back.error(&refusal.body(&back.host, back.product, &request_id)),
            request_id,
        }
    }

    /// Carries out an operation for somebody who isn't a client under test: same rules, no faults, not logged.
    pub(crate) fn console(
        &self,
        account: &str,
        (action, pairs): (&str, &[(&str, &str)]),
        user: &ConsoleUser,
    ) -> Result<Value, Refusal> {
        let operation = Operation::named(action)
            .ok_or_else(|| Refusal::new(404, "InvalidAction.NotFound", "There is no such operation."))?;
        let pairs: Vec<_> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let params = Params::from_pairs(&pairs)?;
        let principal = Principal::User(user.user_name.clone());
        let caller = Caller { account: account.to_owned(), access_key_id: "console".to_owned(), principal };
        let mut world = self.world();
        let request_id = world.request_id();
        let call = Call {
            caller: &caller,
            params: &params,
            endpoint_region: None,
            now: world.now(),
            effect: Effect::Immediate,
            ending: Ending::Success,
            page: &PageFaults::default(),
        };
        let region = region_of(&world, operation, account, &params);
        let outcome = operation.run(&mut world, &call);
        record(&mut world, operation, (&call, &region, &request_id), Origin::Console(user), &outcome);
        drop(world);
        let done = outcome?;
        Ok(serde_json::from_slice(&done.body.render(&request_id, &[])).unwrap_or_default())
    }
}

impl Back {
    fn content_type(&self) -> &'static str {
        match self.format {
            Format::Json => "application/json;charset=utf-8",
            Format::Xml => "text/xml;charset=utf-8",
        }
    }

    fn error(&self, body: &Value) -> Vec<u8> {
        match self.format {
            Format::Json => body.to_string().into_bytes(),
            Format::Xml => xml::document("Error", body),
        }
    }

    /// A rendered answer, in the form that was asked for.
    fn body(&self, operation: &str, json: Vec<u8>) -> Vec<u8> {
        match self.format {
            Format::Json => json,
            Format::Xml => {
                let value = serde_json::from_slice(&json).unwrap_or_default();
                xml::document(&format!("{operation}Response"), &value)
            }
        }
    }
}

/// The region of what a call names, if it says no other; empty when it names nothing that there is.
fn region_of(world: &World, operation: &Operation, account: &str, params: &Params) -> String {
    let instances = operation.instances_of(params);
    let interfaces = named_interfaces(params);
    let of_group = || Some(scaling::group(world, account, params.get("ScalingGroupId")?)?.region_id.clone());
    params
        .get("RegionId")
        .map(str::to_owned)
        .or_else(|| instances.iter().find_map(|id| Some(world.find(account, id)?.region_id.clone())))
        .or_else(|| {
            interfaces.iter().find_map(|id| Some(world.find_interface(account, id)?.region_id.clone()))
        })
        .or_else(of_group)
        .unwrap_or_default()
}

/// The account that a call is about: that of a role that is to be assumed, else the caller's.
fn account_of(world: &World, operation: Option<&Operation>, caller: &Caller, params: &Params) -> String {
    let assumes = operation.is_some_and(Operation::assumes_role);
    let role = params.get("RoleArn").filter(|_| assumes).and_then(|arn| parse_ram_arn(arn, "role"));
    let account = role.map(|(account, _)| account).filter(|account| world.accounts.contains_key(*account));
    account.unwrap_or(&caller.account).to_owned()
}

/// The answer to an identity that lacks the permission. That DescribeInstances answers an empty list, and tells the
/// truth only to a dry run, is documented on its page.
fn deny(job: &Job, always_forbidden: bool, decision: Decision) -> Result<Done, Refusal> {
    let name = job.operation.name;
    let dry_run = job.params.flag("DryRun").unwrap_or_default();
    if name == "DescribeInstances" && !always_forbidden && !dry_run {
        return Ok(Done { body: Body::Instances(InstancePage::empty()), mutated: false });
    }
    let Caller { account, principal, .. } = &job.caller;
    Err(job.operation.forbid(&AccessDenied {
        action: &job.operation.action(),
        account,
        principal: principal.display_name(),
        principal_type: principal.kind(),
        explicitly: decision == Decision::Denied,
        policy_type: "AccountLevelIdentityBasedPolicy",
    }))
}

impl Reply {
    fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::builder()
            .status(self.status)
            .header("content-type", self.content_type)
            .header("x-acs-request-id", self.request_id);
        if let Some(millis) = self.retry_after_millis {
            response = response.header("x-acs-retry-after", millis);
        }
        response.body(Full::from(self.body)).unwrap_or_else(|error| {
            // Only a rule's own status or content type can be impossible.
            let mut response =
                Response::new(Full::from(format!("the simulator can't send this answer: {error}")));
            *response.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
            response
        })
    }
}
