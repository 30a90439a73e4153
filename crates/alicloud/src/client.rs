//! The client of one account in one region. Each call is signed anew and sent once; nothing queues in here. Nothing is
//! signed without the lease, which is looked at just before.

use std::sync::Arc;

use keeper_core::authority::AttachPermit;
use keeper_core::call::{Identity, Page, ReadCall, WriteCall};
use keeper_core::delete_on_release::PRIMARY_RETAINED_IN;
use keeper_core::failure::Class;
use keeper_core::id::{Region, RequestId, ScalingGroupId};
use keeper_core::protected_from_scale_in::ProtectedFromScaleIn;
use keeper_core::trail::{TrailPage, TrailQuery};
use tracing::{Instrument, debug, debug_span};

use crate::answer::Answer;
use crate::credentials::CredentialsSource;
use crate::describe_scaling_groups::ScalingGroupPage;
use crate::endpoint::Endpoints;
use crate::error::{Error, OwnCode};
use crate::get_caller_identity::{self, Caller};
use crate::listing::Place;
use crate::observe::{Observer, Watched};
use crate::operation::{Operation, Parameters, Product};
use crate::send::Sender;
use crate::sign::{LeaseGuard, StampSource, SystemStamps};
use crate::transport::Transport;
use crate::wire::{WireFlag, WireResource};
use crate::{
    attach_network_interface, describe_instances, describe_regions, describe_scaling_groups, lookup_events,
    set_instances_protection,
};

/// A client for the calls of one account in one region.
#[derive(Debug)]
pub struct Client<C, S = SystemStamps> {
    sender: Sender<S>,
    endpoints: Endpoints,
    credentials: C,
    primary_retainable: bool,
    observer: Option<Arc<dyn Observer>>,
}

impl<C: CredentialsSource> Client<C> {
    /// A client that signs with the wall clock's time.
    pub fn new(transport: Transport, endpoints: Endpoints, credentials: C) -> Self {
        Self::with_stamps(transport, endpoints, credentials, SystemStamps)
    }
}

impl<C: CredentialsSource, S: StampSource> Client<C, S> {
    /// A client whose signatures take time and nonce from `stamps`.
    pub fn with_stamps(transport: Transport, endpoints: Endpoints, credentials: C, stamps: S) -> Self {
        let primary_retainable = PRIMARY_RETAINED_IN.contains(&endpoints.region().as_str());
        Self {
            sender: Sender::new(transport, stamps),
            endpoints,
            credentials,
            primary_retainable,
            observer: None,
        }
    }

    /// This client, told that a primary network interface can be retained in its region: for a region that the cloud
    /// has added and [`PRIMARY_RETAINED_IN`] does not know yet.
    #[must_use]
    pub fn retaining_primaries(self) -> Self {
        Self { primary_retainable: true, ..self }
    }

    /// This client, with somebody who is told how each call ended.
    #[must_use]
    pub fn observed_by(self, observer: Arc<dyn Observer>) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// The region that this client reads and writes.
    pub fn region(&self) -> &Region {
        self.endpoints.region()
    }

    /// Reads one page.
    pub async fn read<R: WireResource>(
        &self,
        call: &ReadCall<R>,
        guard: &dyn LeaseGuard,
    ) -> Result<Page<R>, Error> {
        let parameters = R::read_parameters(self.region(), call)
            .ok_or_else(|| Error::unanswered(R::READ, OwnCode::InvalidRequest))?;
        let (region, primary_retainable) = (self.region(), self.primary_retainable);
        self.call(R::READ, parameters, guard, |answer, identity| {
            R::page(call, Place { region, primary_retainable, identity }, answer)
        })
        .await
    }

    /// Sets a flag. What comes back is no evidence of its effect.
    pub async fn write<F: WireFlag>(
        &self,
        call: WriteCall<F>,
        guard: &dyn LeaseGuard,
    ) -> Result<RequestId, Error> {
        let parameters = F::write_parameters(self.region(), call);
        self.call(F::WRITE, parameters, guard, |answer, _| Some(answer.request_id)).await
    }

    /// Has a network interface attached to an instance. What comes back says that the cloud has begun, and is no
    /// evidence of how it ends.
    pub async fn attach(&self, permit: AttachPermit, guard: &dyn LeaseGuard) -> Result<RequestId, Error> {
        let parameters = attach_network_interface::parameters(self.region(), permit);
        self.call(attach_network_interface::OPERATION, parameters, guard, |answer, _| Some(answer.request_id))
            .await
    }

    /// Sets the flag on members of one scaling group. What comes back is no evidence of its effect.
    pub async fn write_members(
        &self,
        group: &ScalingGroupId,
        writes: Vec<WriteCall<ProtectedFromScaleIn>>,
        guard: &dyn LeaseGuard,
    ) -> Result<RequestId, Error> {
        let operation = set_instances_protection::OPERATION;
        let parameters = set_instances_protection::parameters(self.region(), group, writes)
            .ok_or_else(|| Error::unanswered(operation, OwnCode::InvalidRequest))?;
        self.call(operation, parameters, guard, |answer, _| Some(answer.request_id)).await
    }

    /// Asks whether the identity may list instances in the region. Where it may not, a listing is no error but empty, and only a
    /// dry run tells the truth: the vendor's page on DescribeInstances.
    pub async fn may_list_instances(&self, guard: &dyn LeaseGuard) -> Result<(), Error> {
        let parameters = describe_instances::dry_run(self.region());
        match self.call(describe_instances::OPERATION, parameters, guard, |_, _| Some(())).await {
            Err(error) if &*error.code == describe_instances::DRY_RUN_PASSED => Ok(()),
            other => other,
        }
    }

    /// Asks which regions there are.
    pub async fn regions(&self, guard: &dyn LeaseGuard) -> Result<Vec<Region>, Error> {
        let regions = |answer: Answer, _| describe_regions::regions(&answer);
        self.call(describe_regions::OPERATION, describe_regions::parameters(), guard, regions).await
    }

    /// Reads one page of scaling groups, counted from 1.
    pub async fn scaling_groups(&self, page: u32, guard: &dyn LeaseGuard) -> Result<ScalingGroupPage, Error> {
        let parameters = describe_scaling_groups::parameters(self.region(), page);
        let decode = |answer, _| describe_scaling_groups::page(self.region(), page, answer);
        self.call(describe_scaling_groups::OPERATION, parameters, guard, decode).await
    }

    /// Whether it is known where to ask ActionTrail in this region.
    pub fn knows_actiontrail(&self) -> bool {
        self.endpoints.url(Product::ActionTrail).is_some()
    }

    /// Reads one page of the recorded calls that a query asks for.
    pub async fn events(&self, query: &TrailQuery, guard: &dyn LeaseGuard) -> Result<TrailPage, Error> {
        let decode = |answer, _| lookup_events::page(query.flag, answer);
        let answer =
            self.call(lookup_events::OPERATION, lookup_events::parameters(query), guard, decode).await;
        answer.map_err(|error| match error.class {
            // Its codes of a missing permission are not documented.
            Class::Unrecognized if error.http_status == Some(403) => error.classed(Class::Permission),
            _ => error,
        })
    }

    /// Asks whose the credentials are.
    pub async fn caller_identity(&self, guard: &dyn LeaseGuard) -> Result<Caller, Error> {
        let identity = |answer, _| get_caller_identity::identity(answer);
        self.call(get_caller_identity::OPERATION, Vec::new(), guard, identity).await
    }

    /// Any operation: signs, sends, and reads the answer with `decode`, which answers `None` to what is none.
    async fn call<T>(
        &self,
        operation: Operation,
        parameters: Parameters,
        guard: &dyn LeaseGuard,
        decode: impl FnOnce(Answer, Identity) -> Option<T>,
    ) -> Result<T, Error> {
        let url = self
            .endpoints
            .url(operation.product)
            .ok_or_else(|| Error::unanswered(operation, OwnCode::NoEndpoint))?;
        let span = debug_span!("call", operation = operation.name, region = self.region().as_str());
        async {
            let result = match self.credentials.credentials(guard).await {
                // Without a key that may be used, this operation is not called at all.
                Err(error) => Err(error),
                Ok((key, identity)) => {
                    let watched = Watched::begin(self.observer.as_ref(), operation.name);
                    let decode = |answer| decode(answer, identity);
                    let result = self.sender.signed(operation, url, &parameters, &key, guard, decode).await;
                    watched.end(&result);
                    if let Err(error) = &result
                        && error.says_expired()
                    {
                        self.credentials.expired(&key);
                    }
                    result
                }
            };
            if let Err(error) = &result {
                debug!(
                    failed = error.operation,
                    class = error.class.as_str(),
                    code = &*error.code,
                    status = error.http_status,
                    request_id = error.request_id.as_ref().map(RequestId::as_str),
                    "failed"
                );
            }
            result
        }
        .instrument(span)
        .await
    }
}
