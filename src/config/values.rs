//! The values that settings can take.

use std::fmt;

/// An enumeration whose members have one stable name each.
macro_rules! named {
    ($(#[$about:meta])* pub enum $name:ident { $($(#[$doc:meta])* $member:ident = $text:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $member,)* }

        impl $name {
            /// Every member, in order.
            pub const ALL: &'static [$name] = &[$($name::$member),*];

            /// The name in configurations, calls and reports.
            pub fn name(self) -> &'static str {
                match self { $($name::$member => $text,)* }
            }

            /// The member of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some($name::$member),)* _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

named! {
    /// Where the value of a setting came from.
    pub enum Source {
        /// The object that the call was given.
        Object = "object",
        /// The setting's name in capitals, in the environment handed in.
        Environment = "environment",
        /// The configuration file.
        File = "file",
        /// Nobody gave one.
        Default = "default",
    }
}

named! {
    /// The algorithm of an agent's key.
    pub enum KeyAlgorithm {
        /// Ed25519 (RFC 8032).
        Ed25519 = "ring-Ed25519",
        /// ML-DSA-87 (FIPS 204).
        MlDsa87 = "pq2025",
    }
}

named! {
    /// Where a signer's key came from; a later member is stronger.
    pub enum KeySource {
        /// The agent document beside the documents.
        Storage = "storage",
        /// The HAI agent registry.
        Registry = "registry",
        /// A key from storage or registry that the agent domain's TXT record confirms.
        Dns = "dns",
        /// The local trust store.
        Pinned = "pinned",
        /// The loaded agent's own key.
        SelfKey = "self",
    }
}

named! {
    /// A place that is asked for a signer's key (`jacs_key_resolution`).
    pub enum KeyResolution {
        /// The loaded agent's own key and the pins.
        Local = "local",
        /// The agent documents in the store.
        Storage = "storage",
        /// The HAI agent registry.
        Registry = "registry",
        /// The agent domain's TXT record.
        Dns = "dns",
    }
}

named! {
    /// Whose versions of a document count (`jacs_update_policy`).
    pub enum UpdatePolicy {
        /// The owner's, the loaded agent's, and those of agents believed at `pinned` or better.
        Owner = "owner",
        /// Every believed signer's.
        Any = "any",
    }
}

named! {
    /// What a resolved promise means on a local disk.
    pub enum Durability {
        /// The file and its directories are synced.
        Full = "full",
        /// The operating system has the bytes; a power failure may lose them.
        None = "none",
    }
}

named! {
    /// Encryption at rest that S3 is asked for (`aws_s3_encryption`).
    pub enum S3Encryption {
        /// Keys that S3 manages.
        Aes256 = "AES256",
        /// Keys in AWS KMS.
        AwsKms = "aws:kms",
    }
}

/// Which backend keeps the documents (`jacs_default_storage`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Storage {
    /// The local filesystem.
    Fs,
    /// Amazon S3 and servers that speak its protocol.
    Aws,
    /// HAI's WebDAV service.
    Hai,
    /// The process's memory, gone with the agent.
    Memory,
    /// Another OpenDAL service by its scheme, such as `gcs`; whether this build has it, the store says.
    Other(String),
}

impl Storage {
    /// The name in configurations.
    pub fn name(&self) -> &str {
        match self {
            Storage::Fs => "fs",
            Storage::Aws => "aws",
            Storage::Hai => "hai",
            Storage::Memory => "memory",
            Storage::Other(scheme) => scheme,
        }
    }

    /// The backend of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "fs" => Some(Storage::Fs),
            "aws" => Some(Storage::Aws),
            "hai" => Some(Storage::Hai),
            "memory" => Some(Storage::Memory),
            _ => OPENDAL_SCHEMES.contains(&name).then(|| Storage::Other(name.to_owned())),
        }
    }

    /// Every name, ours first.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ["fs", "aws", "hai", "memory"].into_iter().chain(OPENDAL_SCHEMES.iter().copied())
    }
}

impl fmt::Display for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// OpenDAL's services that keep named bytes for longer than a process lives. `s3` and `webdav`'s HAI form
/// have names of their own; caches and read-only sources cannot keep documents.
const OPENDAL_SCHEMES: &[&str] = &[
    "aliyun-drive",
    "alluxio",
    "azblob",
    "azdls",
    "azfile",
    "b2",
    "cloudflare-kv",
    "compfs",
    "cos",
    "d1",
    "dbfs",
    "dropbox",
    "etcd",
    "foundationdb",
    "ftp",
    "gcs",
    "gdrive",
    "github",
    "goosefs",
    "gridfs",
    "hdfs",
    "hdfs-native",
    "hf",
    "ipmfs",
    "koofr",
    "lakefs",
    "mongodb",
    "mysql",
    "obs",
    "onedrive",
    "oss",
    "pcloud",
    "postgresql",
    "redb",
    "redis",
    "rocksdb",
    "seafile",
    "sftp",
    "sled",
    "sqlite",
    "surrealdb",
    "swift",
    "tikv",
    "tos",
    "upyun",
    "vercel-blob",
    "webdav",
    "webhdfs",
    "yandex-disk",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_of_keys_rise_in_strength() {
        assert!(KeySource::Storage < KeySource::Registry);
        assert!(KeySource::Registry < KeySource::Dns);
        assert!(KeySource::Dns < KeySource::Pinned);
        assert!(KeySource::Pinned < KeySource::SelfKey);
    }

    #[test]
    fn every_name_leads_back() {
        for source in KeySource::ALL {
            assert_eq!(KeySource::from_name(source.name()), Some(*source));
        }
        for name in Storage::names() {
            assert_eq!(Storage::from_name(name).unwrap().name(), name);
        }
        assert_eq!(Storage::from_name("s3"), None);
        assert_eq!(KeyAlgorithm::from_name("ed25519"), None);
    }
}
