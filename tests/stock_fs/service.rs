//! Two services behind one face: our store, and OpenDAL's fs service in its two configurations.

use std::path::Path;

use bytes::Bytes;
use jacs_agent::error::Code;
use jacs_agent::store::{Name, ObjectKey, Put, Store};
use opendal::services::Fs;
use opendal::{ErrorKind, Operator};

use crate::store_support::{NO_LIMIT, open};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Ours,
    /// Written in place.
    Plain,
    /// Written aside and renamed: `atomic_write_dir`.
    Atomic,
}

impl Which {
    pub fn name(self) -> &'static str {
        match self {
            Which::Ours => "ours",
            Which::Plain => "plain",
            Which::Atomic => "atomic",
        }
    }

    pub fn named(name: &str) -> Which {
        [Which::Ours, Which::Plain, Which::Atomic].into_iter().find(|which| which.name() == name).unwrap()
    }

    /// The service over `data` in `place`.
    pub async fn open(self, place: &Path) -> Service {
        let data = place.join("data");
        let stock = Fs::default().root(data.to_str().unwrap());
        match self {
            Which::Ours => Service::Ours(open(&data).await),
            Which::Plain => Service::Stock(Operator::new(stock).unwrap()),
            Which::Atomic => {
                let aside = place.join("aside");
                Service::Stock(Operator::new(stock.atomic_write_dir(aside.to_str().unwrap())).unwrap())
            }
        }
    }
}

#[derive(Clone)]
pub enum Service {
    Ours(Store),
    Stock(Operator),
}

impl Service {
    /// Whether this writer is told that it created the object; an error says something else than that another did.
    pub async fn create(&self, key: &ObjectKey, bytes: Bytes) -> Result<bool, String> {
        match self {
            Service::Ours(store) => match store.put(key, bytes, Name::Given).await {
                Ok(put) => Ok(put == Put::Created),
                Err(error) if error.code() == Code::Conflict => Ok(false),
                Err(error) => Err(error.to_string()),
            },
            Service::Stock(operator) => match operator.write_with(&key.path(), bytes).if_not_exists(true).await {
                Ok(_) => Ok(true),
                Err(error) if error.kind() == ErrorKind::ConditionNotMatch => Ok(false),
                Err(error) => Err(error.to_string()),
            },
        }
    }

    /// `None` when nothing is there.
    pub async fn read(&self, key: &ObjectKey) -> Option<Vec<u8>> {
        match self {
            Service::Ours(store) => match store.get(key, NO_LIMIT).await {
                Ok(bytes) => Some(bytes),
                Err(error) => {
                    assert_eq!(error.code(), Code::NotFound, "{error:?}");
                    None
                }
            },
            Service::Stock(operator) => match operator.read(&key.path()).await {
                Ok(bytes) => Some(bytes.to_vec()),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
                    None
                }
            },
        }
    }
}
