//! Many documents at once: signed on all cores, stored with bounded concurrency, each a success or a failure of
//! its own.

use std::sync::Arc;

use futures::{StreamExt, stream};

use super::{Agent, CreateOptions};
use crate::cancel::Cancel;
use crate::error::{Code, Details, Error, Failure, Result};
use crate::progress::Progress;

/// Documents in flight at the same time when the caller does not say.
const DEFAULT_CONCURRENCY: usize = 64;
/// Documents that one task takes: so many that handing out tasks costs little, so few that all cores stay busy.
const TASK: usize = 16;

/// What a caller asks of a batch.
#[derive(Clone, Debug, Default)]
pub struct BatchOptions {
    pub create: CreateOptions,
    pub concurrency: Option<usize>,
}

impl Agent {
    /// Creates documents; their texts in the order of the input. An abort stops before the next item.
    ///
    /// Errors: when some failed, the code of the first failure, with `documents` and `failures`; `JACS_ABORTED`
    /// with the same.
    pub async fn create_documents(
        self: &Arc<Self>,
        texts: Vec<Result<String>>,
        options: BatchOptions,
        cancel: &Cancel,
        on_progress: impl Fn(Progress),
    ) -> Result<Vec<String>> {
        cancel.check()?;
        let total = texts.len();
        let concurrency = options.concurrency.unwrap_or(DEFAULT_CONCURRENCY);
        // Stored documents wait for the disk, each in a task of its own; documents that are only signed do not.
        let per_task = if options.create.no_save { TASK } else { 1 };
        let options = Arc::new(options.create);
        let mut items = texts.into_iter().enumerate();
        let chunks = std::iter::from_fn(|| {
            Some(items.by_ref().take(per_task).collect::<Vec<_>>()).filter(|chunk| !chunk.is_empty())
        });
        let tasks = chunks.map(|chunk| {
            let (agent, options, cancel) = (self.clone(), options.clone(), cancel.clone());
            tokio::spawn(async move { agent.create_chunk(chunk, &options, &cancel).await })
        });
        let mut results: Vec<Option<Result<String>>> = (0..total).map(|_| None).collect();
        let mut progress = Progress { total: Some(total as u64), ..Progress::default() };
        let mut running = stream::iter(tasks).buffer_unordered(concurrency);
        while let Some(finished) = running.next().await {
            let finished = finished
                .map_err(|error| Error::new(Code::Internal, "a task of the batch failed").with_source(error))?;
            for (index, result) in finished {
                progress.done += 1;
                match &result {
                    Ok(text) => progress.bytes += text.len() as u64,
                    Err(_) => progress.failed += 1,
                }
                results[index] = Some(result);
            }
            on_progress(progress);
        }
        gather(results)
    }

    async fn create_chunk(
        &self,
        chunk: Vec<(usize, Result<String>)>,
        options: &CreateOptions,
        cancel: &Cancel,
    ) -> Vec<(usize, Result<String>)> {
        let mut results = Vec::with_capacity(chunk.len());
        for (index, text) in chunk {
            let result = match text {
                Ok(text) => self.create_document(&text, options, cancel).await,
                Err(error) => Err(error),
            };
            results.push((index, result));
        }
        results
    }
}

fn gather(results: Vec<Option<Result<String>>>) -> Result<Vec<String>> {
    let mut failures = Vec::new();
    let mut first: Option<Error> = None;
    let mut documents: Vec<Option<String>> = Vec::with_capacity(results.len());
    for (index, result) in results.into_iter().enumerate() {
        let result = result.unwrap_or_else(|| Err(Error::new(Code::Internal, "an item of the batch was lost")));
        if let Err(error) = &result {
            let Details { key, document, .. } = error.details().clone();
            failures.push(Failure { index, code: error.code(), message: error.to_string(), key, document });
            first.get_or_insert_with(|| error.clone());
        }
        documents.push(result.ok());
    }
    let Some(first) = first else { return Ok(documents.into_iter().flatten().collect()) };
    let mut error = Error::new(first.code(), "some documents of the batch were not made");
    if first.is_retryable() {
        error = error.retryable();
    }
    let error = error.with("failed", failures.len()).with("of", documents.len()).with("first", &first);
    Err(error.with_details(|details| {
        details.documents = Some(documents);
        details.failures = Some(failures);
    }))
}
