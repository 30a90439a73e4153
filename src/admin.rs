//! The port for probes and metrics. Tells numbers and words, and no names of objects; takes no commands.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tracing::info;

use crate::cli::AdminAddress;
use crate::health::{Answer, Health};
use crate::leader::Leadership;
use crate::metrics::{CONTENT_TYPE, Metrics};

#[derive(Debug, thiserror::Error)]
#[error(
    "failed to listen on {address} for probes and metrics; free the address, or set another with --admin-address"
)]
pub struct BindError {
    address: AdminAddress,
    source: std::io::Error,
}

/// A port that is ours, and on which nobody answers yet.
pub struct Port {
    listener: TcpListener,
    address: SocketAddr,
}

#[derive(Clone)]
struct Told {
    health: Health,
    metrics: Arc<Metrics>,
    leadership: Leadership,
}

impl Port {
    pub async fn bind(address: AdminAddress) -> Result<Self, BindError> {
        let failed = |source| BindError { address, source };
        let listener = TcpListener::bind(&*address.candidates()).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Answers until it is dropped.
    pub fn answer(
        self,
        health: &Health,
        metrics: &Arc<Metrics>,
        leadership: &Leadership,
    ) -> impl Future<Output = std::io::Result<()>> + use<> {
        info!(address = %self.address, "serving probes and metrics");
        let (health, metrics, leadership) = (health.clone(), metrics.clone(), leadership.clone());
        let router = Router::new()
            .route("/livez", get(async |State(told): State<Told>| probed(&told.health.alive())))
            .route("/readyz", get(async |State(told): State<Told>| probed(&told.health.ready())))
            .route("/metrics", get(numbers))
            .with_state(Told { health, metrics, leadership });
        async { axum::serve(self.listener, router).await }
    }
}

fn probed(answer: &Answer) -> Response {
    let status = if answer.good() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], answer.to_string()).into_response()
}

async fn numbers(State(told): State<Told>) -> Response {
    match told.metrics.text(told.leadership.held().is_some()) {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
