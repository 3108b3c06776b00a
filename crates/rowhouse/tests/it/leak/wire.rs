//! The leak oracle through the PostgreSQL door: the same acts by either protocol, and many clients
//! that do anything at once on a few connections.
//!
//! In a session of its own, with one connection of the server behind the door, the next client sees
//! what the first one saw. Where many act by chance, each writes its own name into whatever it
//! leaves: nobody meets another's.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rowhouse_protocol::frontend;

use super::SOON;
use super::acts::{ACTS, Act};
use super::oracle::{CLEAN_LOOK, UNCLEAN_LOOK};
use crate::case::{Case, case};
use crate::dice::Dice;
use crate::gateway::Gateway;
use crate::sealed::DATABASE;
use crate::stand::Stand;
use crate::wait;
use crate::wire::caller::{Caller, Heard};

/// Trials that the acts are divided among, for each caller.
const SHARES: usize = 4;
/// Clients that act at once.
const CLIENTS: usize = 8;
/// What each of them does.
const ACTS_EACH: usize = 40;
/// One client at a time where one connection is shared in order.
static TURNS: LazyLock<[Mutex<()>; 2]> = LazyLock::new(Default::default);
/// One connection, and short limits for what acts run into.
const NARROW: &[(&str, &str)] =
    &[("POOL__SHARDS", "1"), ("POOL__WIRE_CONNECTIONS", "1"), ("LIMITS__STATEMENT_TIMEOUT", "1s")];
/// So few that most clients wait for those that keep one.
const FEW: &[(&str, &str)] = &[
    ("POOL__SHARDS", "1"),
    ("POOL__WIRE_CONNECTIONS", "4"),
    ("POOL__WAIT_TIMEOUT", "2s"),
    ("LIMITS__STATEMENT_TIMEOUT", "2s"),
];

/// The trials.
pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        case("leak::wire::by_chance::standard", |stand| by_chance(stand, false)),
        case("leak::wire::by_chance::sealed", |stand| by_chance(stand, true)),
    ];
    for (turn, who) in ["app", "tenant_1"].into_iter().enumerate() {
        for share in 0..SHARES {
            let name = format!("leak::wire::{who}::{share}");
            cases.push(case(name, move |stand| in_turn(stand, turn, who, share)));
        }
    }
    cases
}

/// A share of the acts, one by one, and a look by an application and another tenant behind each.
fn in_turn(stand: &Stand, turn: usize, who: &str, share: usize) {
    let _turn = TURNS[turn].lock().unwrap_or_else(|broken| broken.into_inner());
    let gateway = stand.gateway(&format!("leak_wire_{who}"), NARROW);
    let key = format!("{}", 71_010 + turn);
    let spell = |sql: &str| {
        sql.replace("TENANT", "'app.current_tenant', 'tenant_3'")
            .replace("QUOTED", "''app.current_tenant'', ''tenant_3''")
            .replace("KEY", &key)
            .replace("WHO", &format!("wire_{who}"))
    };
    // Harmless, so that nothing is reset before it; then everything, on a connection as new.
    let looks = [
        ("tenant_2", spell(CLEAN_LOOK)),
        ("app", spell(&format!("{CLEAN_LOOK} {UNCLEAN_LOOK} order by 1, 2, 3"))),
    ];
    let mut others = looks.map(|(name, look)| (Caller::new(&gateway, "it", name), look));
    let mut see = || others.each_mut().map(|(other, look)| what_is_seen(other, look));
    let clean = see();
    let mut act_and_look = |caller: &mut Caller, act: &Act, way: &str, does: Does<'_>| {
        does(caller);
        caller.leave();
        let deadline = Instant::now() + SOON;
        loop {
            let seen = see();
            if seen == clean {
                return;
            }
            let wait = is_elsewhere(&seen, &clean) && Instant::now() < deadline;
            assert!(wait, "{way}: {}\n{seen:?}\n{clean:?}", act.name());
            // Nobody tells when a backend has ended.
            wait::pause(Duration::from_millis(20));
        }
    };
    let mut caller = Caller::new(&gateway, "it", who);
    for (number, act) in ACTS.iter().skip(share).step_by(SHARES).enumerate() {
        let text = spell(act.sql());
        let steps: Vec<&str> = text.split(" THEN ").collect();
        if let Act::Leave(_) = act {
            for extended in [false, true] {
                act_and_look(&mut caller, act, "left", &|caller| {
                    begin_to_say(caller, &steps, extended);
                });
            }
            continue;
        }
        act_and_look(&mut caller, act, "by queries", &|caller| {
            steps.iter().for_each(|sql| fine(&caller.ask(sql)));
        });
        act_and_look(&mut caller, act, "in a transaction", &|caller| {
            caller.ask("begin");
            steps.iter().for_each(|sql| fine(&caller.run(&[sql])));
            fine(&caller.ask("commit"));
        });
        if !act.takes_time() {
            let pipeline = [&["begin"], &steps[..], &["commit"], &steps[..]].concat();
            act_and_look(&mut caller, act, "in a pipeline", &|caller| fine(&caller.run(&pipeline)));
            if number % 4 == 0 {
                act_and_look(&mut caller, act, "in a text", &|caller| {
                    fine(&caller.ask(&format!("{}; select 1", steps.join("; "))));
                });
            }
        }
    }
}

/// What a caller does.
type Does<'d> = &'d dyn Fn(&mut Caller);
/// Rows as they are seen by each look.
type Seen = [BTreeSet<Vec<Option<String>>>; 2];

/// What a look shows. On a machine that is busy it may take too long.
fn what_is_seen(caller: &mut Caller, look: &str) -> BTreeSet<Vec<Option<String>>> {
    let deadline = Instant::now() + SOON;
    loop {
        let heard = caller.ask(look);
        match heard.code.as_deref() {
            None => return heard.rows.into_iter().collect(),
            Some("57014" | "53300") if Instant::now() < deadline => {}
            Some(_) => panic!("{}", heard.text),
        }
    }
}

/// Whether what differs can be seen from everywhere: a backend that is about to end has it.
fn is_elsewhere(seen: &Seen, clean: &Seen) -> bool {
    let pairs = seen.iter().zip(clean);
    let mut differing = pairs.flat_map(|(seen, clean)| seen.symmetric_difference(clean));
    differing.all(|row| matches!(row[0].as_deref(), Some("lock" | "temp")))
}

/// An act may be refused, but not by a defect of ours.
#[track_caller]
fn fine(heard: &Heard) {
    assert_ne!(heard.code.as_deref(), Some("XX000"), "{}", heard.text);
}

/// Says it and is gone, or has not even said all of it.
fn begin_to_say(caller: &mut Caller, steps: &[&str], extended: bool) {
    let mut words = BytesMut::new();
    for sql in steps {
        match extended {
            false => frontend::query(&mut words, sql).unwrap(),
            true => {
                frontend::parse(&mut words, "", sql, &[]).unwrap();
                frontend::bind(&mut words, "", "", &[]).unwrap();
                frontend::execute(&mut words, "", 0).unwrap();
                frontend::flush(&mut words);
            }
        }
    }
    caller.mutter(&words);
}

/// What one of many does: its own name, in everything that a session can keep. In a sealed database
/// tenants are refused most of it.
const CHANCES: &[&str] = &[
    "set app.other = 'MINE'",
    "begin; set local app.other = 'MINE'",
    "set application_name = 'MINE'",
    "select innocent('app.other', 'MINE')",
    "begin; select harmless('set app.other = ''MINE''')",
    "prepare \"MINE\" as select 'MINE'",
    "declare \"MINE\" cursor with hold for select 'MINE'",
    "begin; declare \"MINE\" cursor for select 'MINE'",
    "create temp table \"MINE\" as select 'MINE' as mine",
    "listen \"MINE\"",
    "begin; update note set body = body",
    "begin; select 1 / 0",
    "begin read only",
    "commit",
    "rollback",
    "begin; savepoint \"MINE\"; select 1; rollback to \"MINE\"",
    "select 'MINE' from pg_sleep(0.01)",
    "selec 'MINE'",
    "copy (select 'MINE') to stdout",
    "select nextval('numbers')",
];
/// What each looks at: by harmless means, and by others.
const SEEN: [&str; 2] = [
    "select 'seen', current_setting('app.other', true), current_setting('application_name'),
        (select string_agg(tenant || ' ' || body, ',') from note)",
    "select 'seen', current_setting('app.other', true), current_setting('application_name'),
        (select string_agg(tenant || ' ' || body, ',') from note),
        (select string_agg(relname, ',') from pg_class where relpersistence = 't'
            and relnamespace = pg_my_temp_schema())",
];
/// Where nobody has taken them from everybody.
const SEEN_OF_THE_SESSION: &str = "select 'seen',
    (select string_agg(name || statement, ',') from pg_prepared_statements),
    (select string_agg(name || statement, ',') from pg_cursors),
    (select string_agg(c, ',') from pg_listening_channels() c)";

/// Eight clients of four tenants and an application at once.
fn by_chance(stand: &Stand, sealed: bool) {
    let (looks, last) = (AtomicUsize::new(0), Mutex::new(String::new()));
    let (gateway, database, app) = match sealed {
        true => {
            let gateway = stand.gateway_of("leak_wire_sealed", || stand.sealed().gateway(FEW));
            (gateway, DATABASE, "sealed_app")
        }
        false => (stand.gateway("leak_wire_few", FEW), "it", "app"),
    };
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (gateway, looks, last) = (&gateway, &looks, &last);
            scope.spawn(move || {
                let tenant = format!("tenant_{}", 4 + number % 4);
                // Every other one is an application that has chosen its tenant, or none.
                let caller = match number {
                    0..4 => Caller::new(gateway, database, &tenant),
                    4..7 => Caller::new(gateway, database, app)
                        .with_options(&format!("-c app.current_tenant={tenant}")),
                    _ => Caller::new(gateway, database, app),
                };
                let own = if number < 7 { tenant.as_str() } else { "" };
                let (seen, heard) = act_by_chance(caller, gateway, number, own);
                looks.fetch_add(seen, Ordering::Relaxed);
                *last.lock().unwrap() = heard;
            });
        }
    });
    // Who keeps a connection keeps others from looking, for a while.
    let looks = looks.into_inner();
    assert!(
        looks > CLIENTS * ACTS_EACH / 20,
        "hardly anybody has seen anything: {looks}, {last:?}"
    );
}

fn act_by_chance(
    mut caller: Caller,
    gateway: &Arc<Gateway>,
    number: usize,
    tenant: &str,
) -> (usize, String) {
    let mut dice = Dice::new(37, number as u64);
    let mine = format!("mark_{number}");
    let (mut looks, mut last) = (0, String::new());
    let mut history = Vec::new();
    for _ in 0..ACTS_EACH {
        let act = CHANCES[dice.below(CHANCES.len())].replace("MINE", &mine);
        let steps: Vec<&str> = act.split("; ").collect();
        let way = dice.below(6);
        history.push(format!("{way} {act}"));
        let heard = match way {
            0 => caller.ask(&act),
            1 => caller.run(&steps),
            2 => {
                let mut heard = Heard::default();
                steps.iter().for_each(|sql| heard.add(caller.ask(sql)));
                heard
            }
            3 => {
                let mut heard = Heard::default();
                steps.iter().for_each(|sql| heard.add(caller.run(&[sql])));
                heard
            }
            4 => {
                begin_to_say(&mut caller, &steps, dice.below(2) == 0);
                caller.leave();
                Heard::default()
            }
            _ => {
                let (pid, secret) = caller.key();
                begin_to_say(&mut caller, &["select pg_sleep(0.02)"], false);
                cancel(gateway, pid, &secret);
                caller.say(&BytesMut::new(), 1, false)
            }
        };
        own_only(&heard, &mine, tenant, &history);
        if heard.in_transaction && dice.below(2) == 0 {
            caller.ask(["commit", "rollback"][dice.below(2)]);
        }
        let sql = match dice.below(3) {
            2 => SEEN_OF_THE_SESSION,
            other => SEEN[other],
        };
        let heard = if dice.below(2) == 0 { caller.ask(sql) } else { caller.run(&[sql]) };
        own_only(&heard, &mine, tenant, &history);
        let has_seen = |row: &Vec<Option<String>>| row[0].as_deref() == Some("seen");
        looks += usize::from(heard.rows.iter().any(has_seen));
        last = heard.text;
        if dice.below(3) == 0 {
            caller.leave();
        }
    }
    (looks, last)
}

/// Nothing of it bears another's name.
#[track_caller]
fn own_only(heard: &Heard, mine: &str, tenant: &str, history: &[String]) {
    let last = || history.iter().rev().take(5).cloned().collect::<Vec<_>>();
    for (word, own) in [("mark_", mine), ("tenant_", tenant)] {
        for (at, _) in heard.text.match_indices(word) {
            let name: String =
                heard.text[at + word.len()..].chars().take_while(char::is_ascii_digit).collect();
            let found = format!("{word}{name}");
            // A word of ours, and no name.
            let is_name = !name.is_empty();
            assert!(!is_name || found == own, "{mine} of {tenant} meets {found}: {:?}", last());
        }
    }
    assert_ne!(heard.code.as_deref(), Some("XX000"), "{}: {:?}", heard.text, last());
}

/// A cancel request of its own, which may come too late or hit the next statement of this client.
fn cancel(gateway: &Gateway, pid: i32, secret: &[u8]) {
    let mut client = crate::wire::client::Client::knock(gateway.pg.unwrap());
    client.send(|buf| frontend::cancel_request(buf, pid, secret).unwrap());
    assert!(client.is_closed());
}
