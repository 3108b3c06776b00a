//! Attempts on a sealed context: tokens that nobody has signed, keys, and what stands around them.
//!
//! Directly nobody is a tenant, whatever is set: a token is made with a key that the gateway and
//! the connection share, and that the role cannot read.

use super::attempt::{Attempt, Command, Context, Expect, Parameter, Statement, Step, Ways};
use super::target::{Draft, Pair, Target, Whose};

const FORGED: &str = "whoever can make a token is every tenant";
const KEYS: &str = "whoever can read or change a key can make every token";
const AROUND: &str =
    "policies ask rowhouse.tenant(): whoever changes or replaces it is every tenant";
const STOLEN: &str = "tokens stand in bind parameters, and may come into logs: they must be worth \
                      nothing on another connection";

/// What is set for a token; `{}` is the tenant.
const TOKENS: [(&str, &str); 6] = [
    ("by the tenant's name alone", "{}"),
    (
        "by a token of zeros",
        "0000000000000000000000000000000000000000000000000000000000000000\
      .9999999999.{}",
    ),
    (
        "by a token in capitals",
        "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF\
      .9999999999.{}",
    ),
    (
        "by a token that is no hexadecimal",
        "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz\
      zzzzzzzz.9999999999.{}",
    ),
    (
        "by a token without a MAC",
        "................................................................\
      .9999999999.{}",
    ),
    (
        "by a token that never ends",
        "0000000000000000000000000000000000000000000000000000000000000000\
      .9999999999999999.{}",
    ),
];

/// Statements that must fail, or come to nothing, before another tenant's rows are asked for.
const BEFORE: [(&str, &str, &str); 5] = [
    (
        "by replacing rowhouse.tenant()",
        AROUND,
        "create or replace function rowhouse.tenant() returns text language sql as 'select $1'",
    ),
    ("by changing rowhouse.tenant()", AROUND, "alter function rowhouse.tenant() security invoker"),
    ("by becoming the keys' owner", KEYS, "set local role rowhouse_seal"),
    (
        "by a registration of one's own",
        KEYS,
        "insert into rowhouse.seal_session (pid, key_id, inner_key, outer_key) select \
      pg_catalog.pg_backend_pid(), 1, repeat('6', 64)::bytea, repeat('\\', 128)::bytea",
    ),
    (
        "by entering as a setting of the seal",
        FORGED,
        "select rowhouse.enter('', array['rowhouse.context'], $1)",
    ),
];

/// What must not be read or written at all.
const ITSELF: [(&str, &str, bool); 7] = [
    ("reads the keys", "select 1 from rowhouse.seal_key limit 1", false),
    ("reads the connections' keys", "select 1 from rowhouse.seal_session limit 1", false),
    ("copies the keys out", "copy rowhouse.seal_key to stdout", false),
    ("changes a key", "update rowhouse.seal_key set id = id", true),
    ("takes a connection's key away", "delete from rowhouse.seal_session", true),
    (
        "adds a key",
        "insert into rowhouse.seal_key (id, inner_key, outer_key) values (2147483647, \
      repeat('6', 64)::bytea, repeat('6', 64)::bytea)",
        true,
    ),
    (
        "registers without the key",
        "select rowhouse.begin_session(1, repeat('0', 32), extract(epoch from now())::bigint + 60, \
      repeat('0', 64))",
        false,
    ),
];

/// Everything that is tried on the seal, on one table that has rows of two tenants.
pub(super) fn draft(target: &Target<'_>, attempts: &mut Vec<Attempt>) {
    let Some(pair) = target.pairs().next() else { return };
    for (name, form) in TOKENS {
        let token = form.replace("{}", &pair.victim.tenant);
        attempts.push(forged(target, pair, name, "set local rowhouse.context = $1", &token));
    }
    let (_, zeros) = TOKENS[1];
    let token = zeros.replace("{}", &pair.victim.tenant);
    let enter = "select rowhouse.enter($1, array[]::text[], '')";
    attempts.push(forged(target, pair, "by entering with a token of zeros", enter, &token));
    for (name, why, sql) in BEFORE {
        let mut attempt = forged(target, pair, name, sql, &pair.victim.tenant);
        attempt.why = why;
        attempts.push(attempt);
    }
    for (name, sql, writes) in ITSELF {
        let expect = if writes { Expect::NotWritten } else { Expect::NoRows };
        let made = (Statement::plain(sql).inline(), expect);
        let attempt = target.against(pair, Command::Seal, name, KEYS, made);
        attempts.push(Attempt { victim: None, privileged: false, ..attempt });
    }
}

fn forged(
    target: &Target<'_>,
    pair: Pair<'_>,
    name: &'static str,
    sql: &str,
    value: &str,
) -> Attempt {
    let mut draft = Draft::default();
    let pick = target.pick(&mut draft, pair.victim, Whose::Victim);
    let asked = draft.done(format!("select 1 from {} where {pick} limit 1", target.table.name));
    let made = (asked, Expect::NoRows);
    let mut attempt = target.against(pair, Command::Seal, name, FORGED, made);
    let mut draft = Draft::default();
    if sql.contains("$1") {
        draft.text(value);
    }
    attempt.steps.insert(0, Step::Run(draft.done(sql.to_owned()).inline()));
    attempt
}

/// A token of the victim's that came to light elsewhere: whoever runs the attempts gets one through
/// the gateway and puts it in with [`with_token`].
pub(super) fn stolen(target: &Target<'_>) -> Option<Attempt> {
    let pair = target.pairs().next()?;
    let sql = "set local rowhouse.context = $1";
    let name = "by a token of another connection";
    let mut attempt = forged(target, pair, name, sql, "");
    attempt.why = STOLEN;
    attempt.ways = Ways::DirectOnly;
    attempt.context = Context::Nothing;
    Some(attempt)
}

/// The attempt with the token that was stolen.
pub fn with_token(mut attempt: Attempt, token: &str) -> Attempt {
    if let Some(Step::Run(statement)) = attempt.steps.first_mut() {
        let (value, meaning) = (Some(token.to_owned()), "a token of another tenant's".to_owned());
        statement.parameters = vec![Parameter { value, meaning }];
    }
    attempt
}
