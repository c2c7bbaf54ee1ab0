//! The trust store: agents that are vouched for, and agents that are blocked. It is this machine's own and nothing in it is
//! signed, so an agent that was loaded read-only changes it, too.

use jiff::Timestamp;

use super::Agent;
use super::key_directory::KeyDirectory;
use crate::document::{MAX_AGENT_BYTES, Origin, Parsed};
use crate::error::{Code, Error, Result};
use crate::id::DocumentId;
use crate::store::blocking;
use crate::trust::{AgentVersion, Pin, Pins};

impl Agent {
    /// Pins the key of an agent document: only that key, and keys that rotation proofs lead to from it, are believed to be the
    /// agent's from now on. An agent that was blocked is not blocked any more.
    ///
    /// Errors: `JACS_INPUT` for what is no agent's own document and for the loaded agent itself, `JACS_KEY` when it carries no key,
    /// `JACS_SIGNATURE`, `JACS_HASH`, `JACS_CONFLICT` when another key is pinned and no proof leads from that to this one,
    /// `JACS_PERMISSION`.
    pub async fn trust(&self, text: &str) -> Result<()> {
        let agent = read_agent(text)?;
        let id = agent.key.id;
        if id == self.key.id {
            return Err(Error::new(Code::Input, "an agent always believes its own key").with_key(agent.key));
        }
        let key = match (agent.sound_key(), &agent.public_key) {
            (Some(key), _) => key.clone(),
            (None, None) => {
                return Err(Error::new(Code::Key, "the agent document carries no public key").with_key(agent.key));
            }
            (None, Some(_)) => {
                let error = Error::new(Code::Signature, "the agent document is not signed by its own key");
                return Err(error.with_key(agent.key));
            }
        };
        let agent_key = agent.key;
        let pinned = self.pin(id).await?;
        if let Some(Pin::Trusted { key: pinned, .. }) = &pinned
            && *pinned != key
            && !self.vault.keyring.leads(pinned, agent).await?
        {
            let message = "another key of the agent is pinned, and no rotation proof at hand leads from that to this one: give the agent's versions between them first, in their order";
            return Err(Error::new(Code::Conflict, message).with_key(agent_key));
        }
        self.change_pins(move |pins| match pins.get(id)? {
            // Somebody else was quicker.
            now if now != pinned => {
                Err(Error::new(Code::Conflict, "the trust store was changed meanwhile").with_key(agent_key).retryable())
            }
            Some(Pin::Trusted { key: same, .. }) if same == key => Ok(()),
            _ => pins.set(id, &Pin::Trusted { key, since: Timestamp::now() }),
        })
        .await
    }

    /// Blocks an agent: nothing that it signed is valid until it is trusted again. `forget`: only removes its entry.
    ///
    /// Errors: `JACS_NOT_FOUND` when there is no entry to forget, `JACS_INPUT` for the loaded agent itself, `JACS_PERMISSION`.
    pub async fn untrust(&self, id: DocumentId, forget: bool) -> Result<()> {
        if id == self.key.id {
            return Err(Error::new(Code::Input, "an agent always believes its own key").with_key(id));
        }
        self.change_pins(move |pins| match forget {
            true if pins.forget(id)? => Ok(()),
            true => Err(Error::new(Code::NotFound, "the trust store has no such agent").with_key(id)),
            false => match pins.get(id) {
                Ok(Some(Pin::Blocked { .. })) => Ok(()),
                _ => pins.set(id, &Pin::Blocked { since: Timestamp::now() }),
            },
        })
        .await
    }

    /// The entries of the trust store, by id. Errors: `JACS_KEY` for one that is not as it was written, `JACS_PERMISSION`.
    pub async fn trusted(&self) -> Result<Vec<(DocumentId, Pin)>> {
        let pins = self.pins();
        blocking(move || pins.all()).await
    }

    async fn pin(&self, id: DocumentId) -> Result<Option<Pin>> {
        let pins = self.pins();
        blocking(move || pins.get(id)).await
    }

    async fn change_pins(&self, change: impl FnOnce(&Pins) -> Result<()> + Send + 'static) -> Result<()> {
        let (directory, pins): (KeyDirectory, Pins) = (self.key_directory.clone(), self.pins());
        blocking(move || {
            let _lock = directory.lock()?;
            change(&pins)
        })
        .await
    }

    fn pins(&self) -> Pins {
        Pins::beside(self.key_directory.folder())
    }
}

/// Errors: `JACS_INPUT`, `JACS_HASH`, `JACS_SIGNATURE`.
fn read_agent(text: &str) -> Result<AgentVersion> {
    let parsed = Parsed::read(text, Origin::Caller, MAX_AGENT_BYTES)?;
    let key = parsed.header.key;
    if !parsed.header.is_agent() {
        return Err(Error::new(Code::Input, "the document is not that of an agent").with_key(key));
    }
    parsed.check_hash()?;
    parsed.check_fields(&parsed.claim()?, false)?;
    AgentVersion::read(parsed.canonical_text(), Origin::Caller, MAX_AGENT_BYTES)
        .ok_or_else(|| Error::new(Code::Input, "the agent document is not signed by the agent itself").with_key(key))
}
