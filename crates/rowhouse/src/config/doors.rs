//! The sections that need no other: doors, log, pool, limits, region, gate.

use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;
use rowhouse_rls::Code;

use super::certificate::{self, ALPN_HTTP};
use super::reader::Section;
use super::{Admin, Http, Limits, Log, LogLevel, Pool};

/// Shorter waits than this are switched off by rounding somewhere on the way.
pub const SHORTEST: Duration = Duration::from_millis(1);
/// No single wait of the gateway is of use beyond a day.
pub const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Transactions may be kept for a week by those who know why.
const TRANSACTION_LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);
/// One client should not have what thousands share; proxies open more connections.
const STREAMS_MAX: u64 = 10_000;
/// Threads beyond the largest machines' cores only wait for each other.
const SHARDS_MAX: u64 = 1024;
/// Each fetch is a call of AWS that somebody pays for.
const SECRET_TTL_SHORTEST: Duration = Duration::from_secs(1);
/// The most connections that PostgreSQL itself can be configured for (MAX_BACKENDS).
const CONNECTIONS_MAX: u64 = 262_143;
/// Each waiting request costs memory; a million of them is no queue but a failure.
const WAITING_MAX: u64 = 1_000_000;
/// Request and result are held in memory whole; PostgreSQL has no value beyond 1 GiB.
const MESSAGE_BYTES_MAX: u64 = 1 << 30;
/// Parameters of one Bind message are counted in 16 bits
/// (<https://www.postgresql.org/docs/current/protocol-message-formats.html>).
const PARAMETERS_MAX: u64 = 65_535;

pub fn http(section: &Section<'_>) -> Http {
    Http {
        listen: address(section),
        connections_max: section.integer("connections_max", 1..=1_000_000),
        idle_timeout: section.duration("idle_timeout", SHORTEST..=LONGEST),
        head_timeout: section.duration("head_timeout", SHORTEST..=LONGEST),
        body_timeout: section.duration("body_timeout", SHORTEST..=LONGEST),
        write_timeout: section.duration("write_timeout", SHORTEST..=LONGEST),
        http2_streams_max: section.integer("http2_streams_max", 1..=STREAMS_MAX),
        tls: certificate::tls(section, Timestamp::now(), &ALPN_HTTP, None),
    }
}

pub fn admin(section: &Section<'_>) -> Admin {
    Admin { listen: address(section) }
}

pub fn log(section: &Section<'_>) -> Log {
    let levels = [
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
    ];
    Log {
        json: section.word("format", &[("text", false), ("json", true)]).unwrap_or(false),
        level: section.word("level", &levels).unwrap_or(LogLevel::Info),
    }
}

pub fn pool(section: &Section<'_>) -> Pool {
    let shards = section.integer("shards", 0..=SHARDS_MAX);
    Pool {
        shards: if shards == 0 { cores() } else { shards },
        fast_connections: section.integer("fast_connections", 0..=CONNECTIONS_MAX),
        fast_depth: section.integer("fast_depth", 1..=1024),
        fast_statement_timeout: section.duration("fast_statement_timeout", SHORTEST..=LONGEST),
        slow_connections: section.integer("slow_connections", 1..=CONNECTIONS_MAX),
        continued_statements: section.integer("continued_statements", 0..=CONNECTIONS_MAX),
        transaction_connections: section.integer("transaction_connections", 0..=CONNECTIONS_MAX),
        wire_connections: section.integer("wire_connections", 1..=CONNECTIONS_MAX),
        pinned_per_tenant_max: section.integer("pinned_per_tenant_max", 1..=CONNECTIONS_MAX),
        waiting_max: section.integer("waiting_max", 0..=WAITING_MAX),
        wait_timeout: section.duration("wait_timeout", SHORTEST..=LONGEST),
        connect_timeout: section.duration("connect_timeout", SHORTEST..=LONGEST),
        idle_timeout: section.duration("idle_timeout", SHORTEST..=LONGEST),
        prepared_max: section.integer("prepared_max", 0..=1_000_000),
        secret_ttl: section.duration("secret_ttl", SECRET_TTL_SHORTEST..=LONGEST),
        tenant_pools_max: section.integer("tenant_pools_max", 1..=CONNECTIONS_MAX),
    }
}

pub fn limits(section: &Section<'_>) -> Limits {
    Limits {
        request_bytes_max: section.size("request_bytes_max", 1024..=MESSAGE_BYTES_MAX),
        sql_chars_max: section.integer("sql_chars_max", 1..=MESSAGE_BYTES_MAX),
        result_bytes_max: section.size("result_bytes_max", 1024..=MESSAGE_BYTES_MAX),
        json_result_bytes_max: section.size("json_result_bytes_max", 1024..=MESSAGE_BYTES_MAX),
        parameters_max: section.integer("parameters_max", 0..=PARAMETERS_MAX),
        parameter_sets_max: section.integer("parameter_sets_max", 1..=1_000_000),
        transaction_statements_max: section.integer("transaction_statements_max", 1..=10_000),
        statement_timeout: section.duration("statement_timeout", SHORTEST..=LONGEST),
        continued_statement_timeout: section
            .duration("continued_statement_timeout", SHORTEST..=LONGEST),
        transaction_idle_timeout: section
            .duration("transaction_idle_timeout", SHORTEST..=TRANSACTION_LONGEST),
        transaction_age_max: section
            .duration("transaction_age_max", SHORTEST..=TRANSACTION_LONGEST),
        drain_timeout: section.duration("drain_timeout", Duration::ZERO..=LONGEST),
    }
}

pub fn region(section: &Section<'_>) -> String {
    section.required_text("region")
}

pub fn gate_accept(section: &Section<'_>) -> Vec<Code> {
    let written = section.texts("accept");
    let read = written.iter().filter_map(|text| {
        let code = Code::parse(text);
        if code.is_none() {
            section.problem("accept", format!("{text:?} is not a code; they look like \"RH001\""));
        }
        code
    });
    read.collect()
}

pub fn address(section: &Section<'_>) -> SocketAddr {
    let expected = "an address with port such as \"127.0.0.1:8080\" or \"[::1]:8080\"";
    let address = section.parse("listen", expected, |text| text.parse().ok());
    address.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}
