//! Attempts to become another tenant: every way in which SQL can change a setting.
//!
//! Directly, with a setting as the context, they work: PostgreSQL lets any session change a custom
//! setting, and that cannot be revoked. Through the gateway they must not.

use super::attempt::{Attempt, Command, Expect, Statement, Step, Ways};
use super::target::{Draft, Pair, Target, Whose};

const WHY: &str = "SQL that changes the setting is that tenant from then on: a setting is no wall \
                   against SQL that somebody hostile wrote";

/// What stands around the bodies of DO blocks.
const QUOTES: &str = "$rowhouse_prove$";

/// Name, statements (`{}` is the setting, `$1` the tenant), and where they are tried. What changes
/// a role lasts where nobody rolls back, and is left to a gateway that must refuse it.
const FORMS: [(&str, &[&str], Ways); 16] = [
    ("by SET", &["set {} = $1"], Ways::Both),
    ("by SET SESSION", &["set session {} = $1"], Ways::Both),
    ("by SET LOCAL", &["set local {} to $1"], Ways::Both),
    ("by SET in quotes and comments", &["/**/ set/**/local\n{} = $1 -- "], Ways::Both),
    ("by RESET", &["reset {}"], Ways::Both),
    ("by RESET ALL", &["reset all"], Ways::Both),
    ("by set_config", &["select set_config('{}', $1, false)"], Ways::Both),
    ("by set_config, locally", &["select pg_catalog.set_config('{}', $1, true)"], Ways::Both),
    (
        "by set_config in a subquery",
        &["select 1 from (select 1 where set_config('{}', $1, true) <> '') as changed"],
        Ways::Both,
    ),
    (
        "by set_config with a composed name",
        &["select set_config(concat('{}', ''), $1, true)"],
        Ways::Both,
    ),
    (
        "by SQL in a text",
        &["select query_to_xml(format('select set_config(%L, %L, true)', '{}', $1), true, false, \
           '')"],
        Ways::Both,
    ),
    (
        "by DO",
        &["do $rowhouse_prove$ begin perform set_config('{}', $1, true); end $rowhouse_prove$"],
        Ways::Both,
    ),
    (
        "by EXECUTE in DO",
        &["do $rowhouse_prove$ begin execute 'set local {} = ' || quote_literal($1); end \
           $rowhouse_prove$"],
        Ways::Both,
    ),
    (
        "by a prepared statement",
        &[
            "prepare rowhouse_prove_set as select set_config('{}', $1, true)",
            "execute rowhouse_prove_set",
        ],
        Ways::Both,
    ),
    ("by ALTER ROLE", &["alter role current_user set {} = $1"], Ways::GatewayOnly),
    ("by COMMIT and SET", &["commit; begin; set local {} = $1"], Ways::GatewayOnly),
];

/// Every form, for one setting, on one table that has rows of two tenants.
pub(super) fn draft(target: &Target<'_>, setting: &str, sealed: bool, attempts: &mut Vec<Attempt>) {
    let before = attempts.len();
    let Some(pair) = target.pairs().next() else { return };
    for (name, statements, ways) in FORMS {
        // A tenant that is called like the quotes would end them.
        if pair.victim.tenant.contains(QUOTES) && statements.iter().any(|one| one.contains(QUOTES))
        {
            continue;
        }
        let mut attempt = asked(target, pair, name);
        let changes = statements.iter().map(|text| {
            let mut draft = Draft::default();
            if text.contains("$1") {
                draft.text(&pair.victim.tenant);
            }
            Step::Run(draft.done(text.replace("{}", setting)).inline())
        });
        attempt.steps.splice(0..0, changes.collect::<Vec<_>>());
        attempt.ways = ways;
        attempts.push(attempt);
    }
    attempts.push(within(target, pair, setting));
    if sealed {
        // There a setting decides nothing: whoever sees rows by it has crossed.
        attempts.iter_mut().skip(before).for_each(|one| one.command = Command::Seal);
    }
}

fn asked(target: &Target<'_>, pair: Pair<'_>, name: &'static str) -> Attempt {
    let mut draft = Draft::default();
    let pick = target.pick(&mut draft, pair.victim, Whose::Victim);
    let sql = format!("select 1 from {} where {pick} limit 1", target.table.name);
    let made = (draft.done(sql), Expect::NoRows);
    target.against(pair, Command::Context, name, WHY, made)
}

/// The change and the question in one statement: the setting is read when the first row needs it.
fn within(target: &Target<'_>, pair: Pair<'_>, setting: &str) -> Attempt {
    let mut draft = Draft::default();
    let victim = draft.text(&pair.victim.tenant);
    let pick = target.pick(&mut draft, pair.victim, Whose::Victim);
    let table = &target.table.name;
    let sql = format!(
        "with changed as materialized (select set_config('{setting}', {victim}, true) as done) \
         select 1 from changed cross join lateral (select 1 from {table} where {pick} and done \
         is not null limit 1) found"
    );
    let statement: Statement = draft.done(sql).inline();
    let name = "by set_config within the same statement";
    target.against(pair, Command::Context, name, WHY, (statement, Expect::NoRows))
}
