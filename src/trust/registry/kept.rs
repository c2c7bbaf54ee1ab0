//! Answers that are kept for a while, as bytes: what they mean is judged anew each time. Questions that are asked at the
//! same time are asked once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use http::HeaderMap;
use http::header::{AGE, CACHE_CONTROL};
use moka::sync::Cache;

use crate::error::Result;

/// Answers in memory, in bytes: about a thousand keys of Ed25519.
const MOST_BYTES: u64 = 4 << 20;
/// What an answer takes beside its text, in bytes, roughly.
const OVERHEAD: usize = 512;

/// An answer of the registry.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// `None`: there is no such key.
    pub text: Option<Arc<str>>,
    /// When it is to be asked for again.
    pub until: Instant,
}

impl Kept {
    fn is_fresh(&self) -> bool {
        Instant::now() < self.until
    }
}

/// How long answers are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ages {
    /// Where the answer does not say it.
    pub usual: Duration,
    /// Whatever the answer says.
    pub most: Duration,
    /// The same two for the answer that there is none.
    pub usual_none: Duration,
    pub most_none: Duration,
}

impl Default for Ages {
    /// A key that was revoked is believed for so much longer. A minute spares most questions of a busy reader; an hour is
    /// what a registry may ask for and what its users can be told. Who registers an agent wants to see it soon.
    fn default() -> Self {
        Self {
            usual: Duration::from_secs(60),
            most: Duration::from_secs(3600),
            usual_none: Duration::from_secs(10),
            most_none: Duration::from_secs(60),
        }
    }
}

impl Ages {
    /// By `Cache-Control` and `Age` (RFC 9111, 5.1, 5.2.2). What cannot be read counts as old.
    pub fn of(&self, headers: &HeaderMap, found: bool) -> Duration {
        let (usual, most) = if found { (self.usual, self.most) } else { (self.usual_none, self.most_none) };
        let mut lifetime = None;
        for line in headers.get_all(CACHE_CONTROL) {
            let Ok(line) = line.to_str() else { return Duration::ZERO };
            for directive in line.split(',') {
                let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
                match name.trim().to_ascii_lowercase().as_str() {
                    "no-store" | "no-cache" => return Duration::ZERO,
                    "max-age" => {
                        let Some(seconds) = seconds(value.trim().trim_matches('"')) else { return Duration::ZERO };
                        lifetime = Some(lifetime.map_or(seconds, |other: Duration| other.min(seconds)));
                    }
                    _ => {}
                }
            }
        }
        let age = headers.get(AGE).and_then(|age| seconds(age.to_str().ok()?)).unwrap_or_default();
        lifetime.map_or(usual, |lifetime| lifetime.saturating_sub(age)).min(most)
    }
}

/// A number of seconds; more than 2^31 of them count as that many (RFC 9111, 1.2.2).
fn seconds(text: &str) -> Option<Duration> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Duration::from_secs(text.parse().unwrap_or(1 << 31)))
}

type Asking = BoxFuture<'static, Result<Kept>>;

/// Kept answers by their URLs, and questions that are under way.
pub(super) struct Answers {
    kept: Cache<String, Kept>,
    /// Held by those who wait: when the last of them goes, the question is given up.
    asked: Mutex<HashMap<String, WeakShared<Asking>>>,
}

impl Answers {
    /// `most`: how long an answer may be kept at most.
    pub fn new(most: Duration) -> Self {
        let weigh = |url: &String, kept: &Kept| {
            let bytes = url.len() + kept.text.as_ref().map_or(0, |text| text.len()) + OVERHEAD;
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        let kept = Cache::builder().weigher(weigh).max_capacity(MOST_BYTES).time_to_live(most).build();
        Self { kept, asked: Mutex::default() }
    }

    /// The answer about a URL: one that is kept, one that is on its way to somebody else, or that of `ask`.
    pub async fn get(&self, url: &str, ask: impl FnOnce() -> Asking) -> Result<Kept> {
        if let Some(kept) = self.kept.get(url).filter(Kept::is_fresh) {
            return Ok(kept);
        }
        let _waiting = Waiting { answers: self, url };
        let answer = self.join(url, ask).await?;
        if answer.is_fresh() {
            self.kept.insert(url.to_owned(), answer.clone());
        }
        Ok(answer)
    }

    fn join(&self, url: &str, ask: impl FnOnce() -> Asking) -> Shared<Asking> {
        let mut asked = self.asked();
        if let Some(asking) = asked.get(url).and_then(WeakShared::upgrade) {
            return asking;
        }
        let asking = ask().shared();
        if let Some(weak) = asking.downgrade() {
            asked.insert(url.to_owned(), weak);
        }
        asking
    }

    fn asked(&self) -> MutexGuard<'_, HashMap<String, WeakShared<Asking>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Questions under way, and answers in memory.
    #[cfg(test)]
    pub fn count(&self) -> (usize, u64) {
        self.kept.run_pending_tasks();
        (self.asked().len(), self.kept.entry_count())
    }
}

/// Somebody who waits for an answer. Dropped after what it waits for, and takes away what nobody waits for any more.
struct Waiting<'a> {
    answers: &'a Answers,
    url: &'a str,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut asked = self.answers.asked();
        if asked.get(self.url).is_some_and(|asking| asking.upgrade().is_none()) {
            asked.remove(self.url);
        }
    }
}
