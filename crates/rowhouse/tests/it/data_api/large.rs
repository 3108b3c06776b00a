//! Results of any size: refused after the limit's bytes, and never held.

use std::time::{Duration, Instant};

use crate::case::{Case, suite};
use crate::gateway::Gateway;
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite("data_api::large", &[("memory_stays_flat", memory_stays_flat)])
}

/// What the gateway may grow by: a result at its limit, some buffers, and what the allocator keeps.
const GROWTH_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// To send all of it would take PostgreSQL longer, on this machine and busy as it is.
const REFUSED_WITHIN: Duration = Duration::from_secs(20);

fn memory_stays_flat(stand: &Stand) {
    let gateway = stand.gateway("flat", &[("POOL__SHARDS", "1")]);
    let tenant = gateway.tenant("tenant_1");
    let rows = |count: u32| format!("select repeat('x', 1000) from generate_series(1, {count})");
    tenant.execute(&rows(800)).ok();
    let before = peak_bytes(&gateway);
    let begun = Instant::now();
    let refused =
        ("BadRequestException", "Database returned more than the allowed response size limit");
    tenant.execute(&rows(2_000_000)).fails(refused.0, refused.1);
    let took = begun.elapsed();
    assert!(took < REFUSED_WITHIN, "{took:?}");
    // The server was told to stop, and has.
    let working = "select count(*) from pg_stat_activity where state = 'active'
        and usename = 'it_app' and query like 'select repeat(%2000000)'";
    let mut direct = stand.cluster().address.connect("it");
    crate::wait::until_true("it stops", REFUSED_WITHIN, || direct.value(working) == "0");
    // In a transaction it is read to its end, unseen, and the transaction survives.
    let transaction = tenant.begin();
    transaction.execute(&rows(200_000)).fails(refused.0, refused.1);
    assert_eq!(transaction.execute("select count(*) from note").value(), 3);
    transaction.commit().ok();
    let grown = peak_bytes(&gateway).saturating_sub(before);
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes");
}

/// The most memory that the process ever had in use (proc(5), VmHWM).
fn peak_bytes(gateway: &Gateway) -> u64 {
    let pid = gateway.process.pid().as_raw_nonzero();
    // Elsewhere than on Linux there is nothing to read, and nothing is compared.
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}
