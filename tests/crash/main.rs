//! A process that is killed at any moment of its work: what it promised is there and whole, nothing half-done is
//! visible, and the agent works on. Again and again, some of the time in what the process killed before had left.
//!
//! SIGKILL says nothing about what is synced, since the page cache survives it.
//!
//! `JACS_TEST_SOAK=1` runs ten times the rounds; `JACS_TEST_SEED` repeats the choices of a run, though not its times.

#![cfg(target_os = "linux")]
// The lints know test functions only, not what these call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod random;
mod rounds;
#[path = "../store_support/mod.rs"]
mod store_support;
mod survey;
mod victim;
mod worker;

use std::path::Path;
use std::process::Command;

use rounds::crash;
use store_support::*;
use worker::Setting;

const CONFIG: &str = "JACS_CRASH_CONFIG";
const OPTIONS: &str = "JACS_CRASH_OPTIONS";
const SEED: &str = "JACS_CRASH_SEED";

#[test]
fn what_a_killed_process_promised_is_there_and_whole() {
    let tally = crash(200, &[]);
    assert!(tally.early > 0, "no child was killed before it had loaded: {tally:?}");
    assert!(tally.reused > 0, "no directory saw two crashes: {tally:?}");
}

#[test]
fn so_it_is_where_files_have_temporary_names() {
    let Some(namespace) = mount_namespace() else { return skip("mounting is not permitted") };
    // Without /proc unnamed files cannot be linked.
    let script = ["sh", "-c", "mount -t tmpfs none /proc && exec \"$0\" \"$@\""];
    let tally = crash(20, &[namespace, &script].concat());
    assert!(tally.temporary > 0, "it was another way of publishing: {tally:?}");
}

#[test]
fn so_it_is_where_files_are_renamed() {
    if Command::new("strace").arg("-V").output().is_err() {
        return skip("strace is not installed");
    }
    // -D: the child itself is killed, and not its tracer.
    let strace = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "--seccomp-bpf", "-e", "trace=linkat"];
    let tally = crash(20, &[&strace[..], &["-e", "inject=linkat:error=EPERM"]].concat());
    assert!(tally.temporary > 0, "it was another way of publishing: {tally:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the others, and killed"]
async fn child_works_until_it_is_killed() {
    let Some(data) = child_place() else { return };
    let [config, storage_options, seed] = [CONFIG, OPTIONS, SEED].map(|name| std::env::var(name).unwrap());
    let setting = Setting { config: Path::new(&config), data: &data, storage_options: &storage_options };
    worker::work(worker::load(setting).await, seed.parse().unwrap()).await;
}
