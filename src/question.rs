//! One question to the API server, and the ways in which there is no answer.

use tokio::time::timeout;

use crate::kubernetes::{CALL_TIMEOUT, summary};

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// There is no such thing.
    NotFound,
    /// Whoever asks may not know.
    Forbidden,
    /// Something else, in a sentence.
    Failed(String),
}

/// Asks, and does not wait for ever.
pub async fn ask<T>(question: impl Future<Output = Result<T, kube::Error>>) -> Result<T, NoAnswer> {
    match timeout(CALL_TIMEOUT, question).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => Err(NoAnswer::NotFound),
        Ok(Err(kube::Error::Api(status))) if status.code == 403 => Err(NoAnswer::Forbidden),
        Ok(Err(other)) => Err(NoAnswer::Failed(summary(&other))),
        Err(_) => Err(NoAnswer::Failed(format!(
            "the API server did not answer within {} seconds",
            CALL_TIMEOUT.as_secs()
        ))),
    }
}
