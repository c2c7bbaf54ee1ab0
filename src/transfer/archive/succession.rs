//! What came in and does not count: a later version of a document by an agent who does not own it.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use futures::{StreamExt, stream};

use super::super::finding::{Finding, What};
use super::super::sink::Sink;
use crate::cancel::Cancel;
use crate::error::{Code, Result};
use crate::id::{DocumentId, DocumentKey};
use crate::store::{Kind, ObjectKey};
use crate::vault::{Reading, Vault};

/// Documents whose versions are read at the same time.
const AT_ONCE: usize = 8;

/// Documents that got versions. Of those whose first version and all others came by one agent, where nothing was before,
/// every version counts; the others are to be asked about.
#[derive(Default)]
pub struct Touched {
    state: Mutex<State>,
    /// Nobody can choose ids or agents that are taken for others.
    hasher: RandomState,
}

#[derive(Default)]
struct State {
    /// A few bytes a document: who signed.
    seen: HashMap<u64, u32>,
    asked: BTreeSet<DocumentId>,
}

impl Touched {
    pub fn note(&self, key: DocumentKey, signer: DocumentId, is_original: bool, had_before: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let signer = self.hasher.hash_one(signer) as u32;
        let before = state.seen.insert(self.hasher.hash_one(key.id), signer);
        let goes_on = !is_original && before == Some(signer);
        let begins = is_original && before.is_none() && !had_before;
        if !goes_on && !begins {
            state.asked.insert(key.id);
        }
    }

    /// Tells of each version that does not count, of the documents in question.
    ///
    /// Errors: `JACS_ABORTED`, and where the store cannot be asked.
    pub async fn tell(&self, vault: &Vault, sink: &Sink, cancel: &Cancel) -> Result<()> {
        let asked = std::mem::take(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner).asked);
        let judged = asked.into_iter().map(|id| async move {
            cancel.check()?;
            Ok((id, Box::pin(vault.lineage(Kind::Document, id, Reading::Fresh)).await))
        });
        let mut judged = stream::iter(judged).buffered(AT_ONCE);
        while let Some(judged) = cancel.or(async { Ok(judged.next().await) }).await? {
            let (id, lineage) = judged?;
            let lineage = match lineage {
                Ok(lineage) => lineage,
                Err(error) if error.code() == Code::Conflict => {
                    sink.found(Finding::of(What::NotAccepted, &error).with_key(id));
                    continue;
                }
                // Removed meanwhile.
                Err(error) if error.code() == Code::NotFound => continue,
                Err(error) => return Err(error),
            };
            for state in lineage.versions.iter().filter(|state| state.error.is_none()) {
                if let Some(why) = &state.refused {
                    let finding = Finding::new(What::NotAccepted, Code::Untrusted, why.to_string());
                    let path = ObjectKey::Version { kind: Kind::Document, key: state.key }.path();
                    sink.found(finding.with_key(state.key).with_path(path));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(notes: &[(u8, u8, u8, bool, bool)]) -> usize {
        let touched = Touched::default();
        for (id, version, signer, is_original, had_before) in notes {
            let key = DocumentKey { id: [*id; 16].into(), version: [*version; 16].into() };
            touched.note(key, [*signer; 16].into(), *is_original, *had_before);
        }
        touched.state.lock().unwrap().asked.len()
    }

    #[test]
    fn only_doubtful_documents_are_asked_about() {
        let original = (1, 1, 7, true, false);
        assert_eq!(asked(&[original, (1, 2, 7, false, false), (2, 1, 8, true, false)]), 0);
        // Another's version; one without its first; another first one; one into a document that was there.
        assert_eq!(asked(&[original, (1, 2, 8, false, false)]), 1);
        assert_eq!(asked(&[(1, 2, 7, false, false), original]), 1);
        assert_eq!(asked(&[original, (1, 2, 7, true, false)]), 1);
        assert_eq!(asked(&[(1, 1, 7, true, true)]), 1);
        assert_eq!(asked(&[original, (1, 2, 8, false, false), (1, 3, 7, false, false)]), 1);
    }
}
