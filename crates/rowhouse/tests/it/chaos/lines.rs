//! Money is moved over bad lines, before the PostgreSQL door and behind it: what was told is what
//! is there, whatever was cut where.
//!
//! `ROWHOUSE_LINES_SEED` runs another seed, and `ROWHOUSE_LINES_TURNS` more transfers of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::ledger::Ledger;
use super::proxy::{Far, Proxy};
use super::teller::{Desk, Teller};
use crate::gateway::{Gateway, configuration};
use crate::postgres::{Address, Direct};
use crate::schema::{self, tenant};
use crate::stand::Stand;
use crate::token;
use crate::wait;
use crate::wire::client::Client;

/// Tellers at a time, three for each tenant.
const TELLERS: usize = 12;
/// Tenants whose money is moved.
const TENANTS: u32 = 4;
/// Transfers of each teller.
const TURNS: usize = 20;
/// Bytes in one direction before something befalls a connection: some transfers of a client's, some
/// dozen of a server's.
const NEAR_LIFE: usize = 5000;
const FAR_LIFE: usize = 20_000;
/// PostgreSQL notices that somebody has left when what runs has ended.
const SOON: Duration = Duration::from_secs(30);

/// Which lines are bad.
#[derive(Debug, Clone, Copy)]
struct Bad {
    near: bool,
    far: bool,
}

pub fn before_the_door(stand: &Stand) {
    over_lines(stand, "it_lines_near", Bad { near: true, far: false }, 11);
}

pub fn behind_the_door(stand: &Stand) {
    over_lines(stand, "it_lines_far", Bad { near: false, far: true }, 12);
}

pub fn on_both_sides(stand: &Stand) {
    over_lines(stand, "it_lines_both", Bad { near: true, far: true }, 13);
}

fn over_lines(stand: &Stand, database: &str, bad: Bad, seed: u64) {
    let named = |name: &str| std::env::var(name).ok()?.parse().ok();
    let seed = named("ROWHOUSE_LINES_SEED").unwrap_or(seed);
    let turns = named("ROWHOUSE_LINES_TURNS").map_or(TURNS, |turns| turns as usize);
    let server = &stand.cluster().address;
    schema::make_another(server, database);
    let socket = server.socket.join(format!(".s.PGSQL.{}", server.port));
    let far = Proxy::start(Far::Path(socket), seed, FAR_LIFE);
    let mut gateway = gateway(server, &far, database);
    let door = gateway.pg.unwrap();
    let near = Proxy::start(Far::Port(door), seed + 1, NEAR_LIFE);
    let proxies = [(&near, bad.near), (&far, bad.far)];
    for (proxy, _) in proxies.iter().filter(|(_, bad)| *bad) {
        proxy.stir();
    }
    let ledger = Arc::new(Ledger::default());
    let panicked = move_money(near.address, database, (seed, turns), &ledger);
    assert_eq!(panicked, 0, "seed {seed}: tellers met what they should not, see above");
    for (proxy, bad) in proxies {
        proxy.calm();
        assert!(!bad || proxy.ended() > 0, "seed {seed}: the lines were good");
    }
    let mut direct = server.connect(database);
    nothing_is_open(&mut direct);
    assert!(ledger.done() > TELLERS as u64, "seed {seed}: hardly anything was done");
    ledger.audit(&mut direct);
    let wrong = "select count(*) from (select from account group by tenant \
                 having sum(balance) <> 2000) as wrong";
    assert_eq!(direct.value(wrong), "0", "seed {seed}");
    everybody_is_served(&gateway, database);
    drop((near, far));
    assert!(gateway.process.stop().success(), "{}", gateway.process.last_lines());
}

/// Few connections, so that tenants meet on them.
fn gateway(server: &Address, far: &Proxy, database: &str) -> Gateway {
    let through = Address {
        socket: far.address.ip().to_string().into(),
        port: far.address.port(),
        ..server.clone()
    };
    let mut text = configuration(&through);
    for key in ["default_database", "name"] {
        text = text.replace(&format!("{key} = 'it'"), &format!("{key} = '{database}'"));
    }
    let settings = [("POOL__SHARDS", "2"), ("POOL__WIRE_CONNECTIONS", "4")];
    Gateway::serve_text(&text, &settings)
}

/// How many tellers met what they should not.
fn move_money(
    door: SocketAddr,
    database: &str,
    (seed, turns): (u64, usize),
    ledger: &Arc<Ledger>,
) -> usize {
    let users = [None, Some("app"), None];
    let threads: Vec<_> = (0..TELLERS)
        .map(|number| {
            let tenant = tenant(u32::try_from(number).unwrap() % TENANTS);
            let user = match tenant.as_str() {
                "tenant_1" if number % 2 == 0 && number > 0 => Some("one"),
                _ => users[number % users.len()],
            };
            let desk = Desk { tenant, user };
            let mut teller = Teller::new(door, database, desk, (number, seed), Arc::clone(ledger));
            std::thread::spawn(move || (0..turns).for_each(|turn| teller.act(turn)))
        })
        .collect();
    threads.into_iter().filter_map(|thread| thread.join().err()).count()
}

/// No connection of PostgreSQL's is left in a transaction.
fn nothing_is_open(direct: &mut Direct) {
    let open = "select count(*) from pg_stat_activity where datname = current_database() \
                and pid <> pg_backend_pid() and xact_start is not null";
    wait::until_true("no transaction is open", SOON, || direct.value(open) == "0");
}

/// As soon as the gateway has a connection again.
fn everybody_is_served(gateway: &Gateway, database: &str) {
    for number in 0..TENANTS {
        let name = tenant(number);
        let (parameters, token) =
            ([("user", "anybody"), ("database", database)], token::token(&name));
        let shown = wait::until("everybody is served", SOON, || {
            let mut client = Client::begin(gateway, &parameters, &token).ok()?;
            let reply = client.ask("select tenant, count(*) from account group by tenant");
            reply.error.is_none().then(|| reply.shown())
        });
        assert_eq!(shown, format!("{name}|2"));
    }
}
