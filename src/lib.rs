//! Signed, versioned JSON documents for software agents, stored anywhere.
//!
//! Data flows one way: text -> document -> signed bytes -> storage key -> operator. Each module uses only what
//! stands above it here:
//!
//! | module | what |
//! |---|---|
//! | [`error`], [`cancel`], [`progress`], [`id`] | stable codes; a wish to stop; how far a call is; identifiers, parsed once and typed after |
//! | [`environment`], [`local_file`], [`config`] | variables and files; settings and where each came from |
//! | [`net`] | the HTTP client: certificates, proxies, time limits; knows no storage |
//! | [`canonical`], [`crypto`] | JSON in and canonical JSON out; keys, signatures, hashes |
//! | [`document`] | header, signature, checks, schema; knows no store |
//! | [`store`] | immutable objects on a backend; the only place that names OpenDAL; knows no document |
//! | [`trust`] | whose key is it |
//! | [`vault`] | verified documents: succession, reads, writes under a lock |
//! | [`transfer`] | from vault to vault, to archives and back, and a look at every object; knows no agent |
//! | [`agent`] | the use cases, one method a verb |
//! | [`node`] | the classes that JavaScript sees |

pub mod agent;
pub mod cancel;
pub mod canonical;
pub mod config;
pub mod crypto;
pub mod document;
pub mod environment;
pub mod error;
pub mod id;
pub mod local_file;
pub mod net;
pub mod node;
pub mod progress;
pub mod store;
pub mod transfer;
pub mod trust;
pub mod vault;
