//! OpenDAL's raw service: only what documents need. No copy, no rename, no overwriting write.

use opendal::raw::{
    OpCopy, OpCreateDir, OpDelete, OpList, OpPresign, OpRead, OpRename, OpStat, OpWrite, RpCreateDir, RpPresign,
    RpRename, RpStat, Service, ServiceInfo, Timestamp, oio,
};
use opendal::{Capability, Configurator, Error, ErrorKind, Metadata, MetadataBuilder, OperationContext, Result};
use serde::{Deserialize, Serialize};

use super::lister::Lister;
use super::reader::Reader;
use super::writer::Writer;
use super::{Fs, Stat};

/// The name by which this service is known.
const SCHEME: &str = "fs";

/// Hands the service to [`opendal::Operator::new`].
#[derive(Debug, Default)]
pub(super) struct Builder(Option<Fs>);

impl Builder {
    pub fn new(fs: Fs) -> Self {
        Self(Some(fs))
    }
}

impl opendal::Builder for Builder {
    type Config = Config;

    fn build(self) -> Result<impl Service> {
        let unset = || Error::new(ErrorKind::ConfigInvalid, "the local service is made by the store only");
        self.0.ok_or_else(unset)
    }
}

/// Required by OpenDAL; a root may not be UTF-8 and cannot be told by texts, so there is nothing to configure.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Config {}

impl Configurator for Config {
    type Builder = Builder;

    fn into_builder(self) -> Builder {
        Builder::default()
    }
}

impl Service for Fs {
    type Reader = oio::StreamReader<Reader>;
    type Writer = Writer;
    type Lister = Lister;
    type Deleter = oio::OneShotDeleter<Deleter>;
    type Copier = ();
    type Composer = ();

    fn info(&self) -> ServiceInfo {
        ServiceInfo::new(SCHEME, self.root().to_string_lossy(), "")
    }

    fn capability(&self) -> Capability {
        Capability {
            stat: true,
            read: true,
            read_with_suffix: true,
            write: true,
            write_can_empty: true,
            write_can_multi: true,
            write_with_if_not_exists: true,
            delete: true,
            list: true,
            list_with_start_after: true,
            ..Capability::default()
        }
    }

    async fn create_dir(&self, _: &OperationContext, _: &str, _: OpCreateDir) -> Result<RpCreateDir> {
        Err(unsupported("a directory is made with its first file only"))
    }

    async fn stat(&self, _: &OperationContext, path: &str, _: OpStat) -> Result<RpStat> {
        let path = trimmed(path);
        let stat = self.blocking(move |disk| disk.stat(&path)).await?;
        Ok(RpStat::new(metadata(&stat)))
    }

    fn read(&self, _: &OperationContext, path: &str, _: OpRead) -> Result<Self::Reader> {
        Ok(oio::StreamReader::new(Reader::new(self.clone(), path)))
    }

    fn write(&self, _: &OperationContext, path: &str, args: OpWrite) -> Result<Self::Writer> {
        // So that no mistake further up can ever overwrite a document.
        match args.if_not_exists() && !args.append() {
            true => Ok(Writer::new(self.clone(), path)),
            false => Err(unsupported("a file can only be created")),
        }
    }

    fn delete(&self, _: &OperationContext) -> Result<Self::Deleter> {
        Ok(oio::OneShotDeleter::new(Deleter(self.clone())))
    }

    fn list(&self, _: &OperationContext, path: &str, args: OpList) -> Result<Self::Lister> {
        Ok(Lister::new(self.clone(), &trimmed(path), args.start_after()))
    }

    fn copy(&self, _: &OperationContext, _: &str, _: &str, _: OpCopy) -> Result<Self::Copier> {
        Err(unsupported("a file is never copied"))
    }

    async fn rename(&self, _: &OperationContext, _: &str, _: &str, _: OpRename) -> Result<RpRename> {
        Err(unsupported("a file is never renamed"))
    }

    async fn presign(&self, _: &OperationContext, _: &str, _: OpPresign) -> Result<RpPresign> {
        Err(unsupported("a local file has no address to sign"))
    }
}

/// Removes files. Unlike OpenDAL's own services it says `NotFound` for a missing one, since only the one call that
/// removes can tell.
pub(in crate::store) struct Deleter(Fs);

impl oio::OneShotDelete for Deleter {
    async fn delete_once(&self, path: String, _: OpDelete) -> Result<()> {
        self.0.blocking(move |disk| disk.remove(&path)).await
    }
}

pub(super) fn metadata(stat: &Stat) -> Metadata {
    let mut builder = match stat.directory {
        true => MetadataBuilder::dir(),
        false => MetadataBuilder::file(stat.bytes),
    };
    if let Some(modified) = stat.modified.and_then(|time| Timestamp::try_from(time).ok()) {
        builder.last_modified(modified);
    }
    builder.build()
}

/// OpenDAL ends the paths of directories with a `/`, and names the root so.
fn trimmed(path: &str) -> String {
    path.trim_end_matches('/').to_owned()
}

fn unsupported(what: &'static str) -> Error {
    Error::new(ErrorKind::Unsupported, what)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use opendal::Operator;

    use super::super::Publish;
    use super::*;
    use crate::store::Durability;

    fn operator(root: &Path) -> Operator {
        Fs::new(root.to_owned(), Durability::Full, Publish::Unnamed).operator().unwrap()
    }

    #[tokio::test]
    async fn nothing_can_replace_a_file() {
        let place = tempfile::tempdir().unwrap();
        let operator = operator(place.path());
        operator.write_with("d/a", "first").if_not_exists(true).await.unwrap();
        assert_eq!(operator.write("d/a", "other").await.unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(operator.write_with("d/a", "x").append(true).await.unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(operator.rename("d/a", "d/b").await.unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(operator.copy("d/a", "d/b").await.unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(operator.create_dir("e/").await.unwrap_err().kind(), ErrorKind::Unsupported);
        let error = operator.write_with("d/a", "other").if_not_exists(true).await.unwrap_err();
        assert_eq!((error.kind(), error.is_permanent()), (ErrorKind::ConditionNotMatch, true));
        assert_eq!(operator.read("d/a").await.unwrap().to_vec(), b"first");
    }

    #[tokio::test]
    async fn no_path_leads_out_of_the_root() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("secret"), "secret").unwrap();
        let operator = operator(&place.path().join("data"));
        operator.write_with("d/a", "first").if_not_exists(true).await.unwrap();
        for path in ["../secret", "d/../../secret", "d/../a"] {
            assert_eq!(operator.read(path).await.unwrap_err().kind(), ErrorKind::PermissionDenied);
            assert_eq!(operator.stat(path).await.unwrap_err().kind(), ErrorKind::PermissionDenied);
            assert_eq!(operator.delete(path).await.unwrap_err().kind(), ErrorKind::PermissionDenied);
            let written = operator.write_with(path, "x").if_not_exists(true).await;
            assert_eq!(written.unwrap_err().kind(), ErrorKind::PermissionDenied);
        }
    }

    #[tokio::test]
    async fn ranges_are_read() {
        let place = tempfile::tempdir().unwrap();
        let operator = operator(place.path());
        let bytes: Vec<u8> = (0..5_000_000u32).map(|position| (position % 251) as u8).collect();
        operator.write_with("d/a", bytes.clone()).if_not_exists(true).await.unwrap();
        for range in [0..0, 0..1, 7..4_999_999, 4_999_999..5_000_000, 0..5_000_000] {
            let read = operator.read_with("d/a").range(range.clone()).await.unwrap();
            assert!(read.to_vec() == bytes[range.start as usize..range.end as usize], "{range:?}");
        }
        assert!(operator.read_with("d/a").range(3..).await.unwrap().to_vec() == bytes[3..]);
        let behind = operator.read_with("d/a").range(4_999_999..5_000_001).await.unwrap_err();
        assert_eq!(behind.kind(), ErrorKind::RangeNotSatisfied);
    }

    #[tokio::test]
    async fn a_file_written_in_pieces_appears_when_it_is_closed() {
        for publish in [Publish::Unnamed, Publish::Named] {
            let place = tempfile::tempdir().unwrap();
            let operator = Fs::new(place.path().to_owned(), Durability::Full, publish).operator().unwrap();
            let piece = vec![b'x'; 700_000];
            let mut writer = operator.writer_with("d/e/a").if_not_exists(true).await.unwrap();
            for _ in 0..5 {
                writer.write(piece.clone()).await.unwrap();
                assert_eq!(operator.read("d/e/a").await.unwrap_err().kind(), ErrorKind::NotFound);
                assert!(operator.list("d/e/").await.unwrap().is_empty());
            }
            assert_eq!(writer.close().await.unwrap().content_length(), 3_500_000);
            assert_eq!(operator.stat("d/e/a").await.unwrap().content_length(), 3_500_000);

            for path in ["d/f/a", "d/e/b"] {
                let mut writer = operator.writer_with(path).if_not_exists(true).await.unwrap();
                writer.write(vec![b'x'; 2_000_000]).await.unwrap();
                writer.abort().await.unwrap();
                assert_eq!(writer.close().await.unwrap_err().kind(), ErrorKind::Unexpected, "it was given up");
            }
            let left: Vec<_> = std::fs::read_dir(place.path().join("d")).unwrap().collect();
            assert_eq!(left.len(), 1, "{left:?}");
            assert_eq!(std::fs::read_dir(place.path().join("d/e")).unwrap().count(), 1);
        }
    }
}
