//! The body of an answer, piece by piece, none of which may keep the reader waiting for ever.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use tokio::time::Sleep;

use super::{Failure, What, failure};

/// A stream of the bytes that a server answers with. It fails when the next piece does not come in time.
pub struct Body {
    pieces: Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send + Sync>>,
    host: String,
    length: Option<u64>,
    wait: Duration,
    /// Set while a piece is awaited.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Body {
    pub(super) fn new(answer: reqwest::Response, host: String, length: Option<u64>, wait: Duration) -> Self {
        Self { pieces: Box::pin(answer.bytes_stream()), host, length, wait, alarm: None }
    }

    /// In bytes, where the server said so beforehand.
    pub fn length(&self) -> Option<u64> {
        self.length
    }
}

impl Stream for Body {
    type Item = Result<Bytes, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Poll::Ready(piece) = self.pieces.as_mut().poll_next(context) {
            self.alarm = None;
            return Poll::Ready(piece.map(|piece| piece.map_err(|error| failure(&self.host, error))));
        }
        let wait = self.wait;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep(wait)));
        match alarm.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                let detail = format!("{} ms within the answer", wait.as_millis());
                Poll::Ready(Some(Err(Failure { what: What::Late, host: self.host.clone(), detail })))
            }
        }
    }
}
