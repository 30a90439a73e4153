//! The client of one account in one region. Each call is signed anew and sent once; nothing queues in here. Nothing is
//! signed without leave, which is asked for just before.

use std::sync::Arc;

use keeper_core::authority::AttachPermit;
use keeper_core::call::{Identity, Page, ReadCall, WriteCall};
use keeper_core::delete_on_release::PRIMARY_RETAINED_IN;
use keeper_core::id::{Region, RequestId};
use secrecy::ExposeSecret;
use tracing::{Instrument, debug, debug_span};

use crate::answer::{self, Answer};
use crate::attach_network_interface;
use crate::credentials::{Credentials, CredentialsSource};
use crate::endpoint::{Endpoints, host};
use crate::error::{Error, OwnCode};
use crate::get_caller_identity::{self, Caller};
use crate::listing::Place;
use crate::observe::{Observer, Watched};
use crate::operation::{Operation, Parameters};
use crate::sign::{
    LeaseGuard, Request, Stamp, StampSource, SystemStamps, canonical_query, date_text, sha256_hex,
};
use crate::transport::Transport;
use crate::wire::{WireFlag, WireResource};

const METHOD: &str = "POST";
const PATH: &str = "/";

/// A client for the calls of one account in one region.
#[derive(Debug)]
pub struct Client<C, S = SystemStamps> {
    transport: Transport,
    endpoints: Endpoints,
    credentials: C,
    stamps: S,
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
        Self { transport, endpoints, credentials, stamps, primary_retainable, observer: None }
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
            R::page(Place { region, primary_retainable, identity }, answer)
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
        let span = debug_span!("call", operation = operation.name, region = self.region().as_str());
        async {
            let result = match self.credentials.credentials(guard).await {
                // Without a key that may be used, this operation is not called at all.
                Err(error) => Err(error),
                Ok(key) => {
                    let watched = Watched::begin(self.observer.as_ref(), operation.name);
                    let result = self.attempt(operation, &parameters, guard, key, decode).await;
                    watched.end(&result);
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

    async fn attempt<T>(
        &self,
        operation: Operation,
        parameters: &Parameters,
        guard: &dyn LeaseGuard,
        (credentials, identity): (Arc<Credentials>, Identity),
        decode: impl FnOnce(Answer, Identity) -> Option<T>,
    ) -> Result<T, Error> {
        let mut url = self.endpoints.url(operation.product).clone();
        let query = canonical_query(parameters);
        let stamp = self.stamps.stamp();
        // After the stamp was taken: what it says of the time can't be later than the leave.
        if !guard.held() {
            return Err(Error::unanswered(operation, OwnCode::LeaveLost));
        }
        let headers = signed_headers(operation, &host(&url), &query, &credentials, &stamp);
        url.set_query(Some(&query).filter(|query| !query.is_empty()).map(String::as_str));

        let raw = self.transport.post(url, headers).await.map_err(|failure| {
            let error = Error::unanswered(operation, failure.code);
            match failure.source {
                Some(source) => error.with_source(source),
                None => error,
            }
        })?;
        let answer = answer::read(operation, &raw)?;
        debug!(request_id = answer.request_id.as_str(), "answered");
        let request_id = answer.request_id.clone();
        decode(answer, identity).ok_or_else(|| {
            Error::unanswered(operation, OwnCode::MalformedResponse).with_answer(
                raw.status,
                Some(request_id),
                None,
            )
        })
    }
}

/// The headers of a request, all of them signed, and the signature.
fn signed_headers(
    operation: Operation,
    host: &str,
    query: &str,
    credentials: &Credentials,
    stamp: &Stamp,
) -> Vec<(&'static str, String)> {
    const BODY: &[u8] = b"";
    let mut headers = vec![
        ("host", host.to_owned()),
        ("x-acs-action", operation.name.to_owned()),
        ("x-acs-content-sha256", sha256_hex(BODY)),
        ("x-acs-date", date_text(stamp.date)),
        ("x-acs-signature-nonce", stamp.nonce.clone()),
        ("x-acs-version", operation.product.version().to_owned()),
    ];
    if let Some(token) = credentials.security_token() {
        headers.push(("x-acs-accesskey-id", credentials.access_key_id().to_owned()));
        headers.push(("x-acs-security-token", token.expose_secret().to_owned()));
    }
    let signed: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let request = Request { method: METHOD, path: PATH, query, headers: &signed, body: BODY };
    let authorization = request.authorization(credentials.access_key_id(), credentials.access_key_secret());
    headers.push(("authorization", authorization));
    headers
}
