//! URLs that give one object to whoever has them.

use std::time::Duration;

use super::{ObjectKey, Store};
use crate::error::{Code, Error, Result};

impl Store {
    /// Whether there are such URLs here. Errors: `JACS_UNSUPPORTED`.
    pub fn check_presigns(&self) -> Result<()> {
        match self.0.remote.as_ref().is_some_and(|remote| remote.presigner.is_some()) {
            true => Ok(()),
            false => Err(Error::new(Code::Unsupported, "only the storage `aws` gives an object by a signed URL")
                .with("storage", self.0.operator.info().scheme())),
        }
    }

    /// A URL that gives the object under `key` without credentials, for whole seconds. The server is not asked, so nothing says
    /// that the object is there.
    ///
    /// Errors: `JACS_UNSUPPORTED` (another storage, or one that is used without credentials), `JACS_CONFIG`, `JACS_PERMISSION`,
    /// `JACS_UNAVAILABLE` when there are no credentials to sign with.
    pub async fn presign(&self, key: &ObjectKey, expires: Duration) -> Result<String> {
        self.check_presigns()?;
        let path = key.path();
        let presigner = self.0.remote.as_ref().and_then(|remote| remote.presigner.as_ref());
        let signed = async {
            match presigner {
                Some(presigner) => presigner.read(&path, expires).await,
                None => Err(opendal::Error::new(opendal::ErrorKind::Unsupported, "no signed URLs")),
            }
        };
        let turn = self.turn().await;
        Box::pin(self.within(&turn, 0, signed)).await.map_err(|error| self.fail(error, key, &path))
    }
}
