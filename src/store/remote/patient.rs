//! Retries of single requests, for uploads in parts: a step of OpenDAL's writer that failed cannot be repeated, because
//! what it had taken of its buffers is gone. The requests of an upload can: each does the same again.

use http::{Request, Response};
use opendal::{Buffer, HttpBody, HttpTransport, HttpTransporter, Result};

use super::pause;

/// Repeats what may pass.
pub(super) struct Patient {
    transport: HttpTransporter,
    retries: u32,
}

impl Patient {
    pub fn new(transport: HttpTransporter, retries: u32) -> Self {
        Self { transport, retries }
    }
}

impl HttpTransport for Patient {
    async fn fetch(&self, request: Request<Buffer>) -> Result<Response<HttpBody>> {
        for attempt in 0..self.retries {
            match self.transport.fetch(request.clone()).await {
                Err(error) if error.is_temporary() => tokio::time::sleep(pause(attempt)).await,
                done => return done,
            }
        }
        self.transport.fetch(request).await.map_err(opendal::Error::set_persistent)
    }
}
