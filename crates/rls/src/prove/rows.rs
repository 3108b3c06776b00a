//! Attempts on rows: to see, write, move, delete, lock and copy those of another tenant.

use super::attempt::{Attempt, Command, Context, Expect, Statement, Step, Ways};
use super::target::{Draft, Pair, Target, Whose};

/// Texts that are no tenant, or that a loose comparison takes for all.
const NO_TENANTS: [(&str, &str); 5] = [
    ("with an empty tenant", ""),
    ("with a tenant that is a pattern", "%"),
    ("with a tenant of another type", "rowhouse-prove-nobody"),
    ("with a tenant that is SQL", "' or true --"),
    ("with a negative number for a tenant", "-7919"),
];
/// Bytes of a tenant that is far too long: more than any key holds, less than costs anything.
const LONG_TENANT_BYTES: usize = 20_000;
/// Rows that are looked at where it is asked whose they are.
const LOOK_ROWS_MAX: u32 = 1_000;

const CONTROL: &str = "whoever sees nothing at all proves nothing by not seeing others' rows";
const READS: &str = "a policy, or that there is none, shows rows of other tenants";
const OPENS: &str = "a policy opens where no tenant is set: any bug that loses the tenant shows \
                     everything";
const WRITES: &str = "rows can be put into another tenant's data";
const CHANGES: &str = "rows of other tenants can be changed";
const DELETES: &str = "rows of other tenants can be deleted";
const LOCKS: &str = "rows of other tenants can be locked, and their writers held up";

/// Everything that is tried on the rows of one table. A child is named by itself only where
/// somebody gave rights on it.
pub(super) fn draft(target: &Target<'_>, attempts: &mut Vec<Attempt>) {
    no_tenant(target, attempts);
    for pair in target.pairs() {
        reads(target, pair, attempts);
        inserts(target, pair, attempts);
        updates(target, pair, attempts);
        moves(target, pair, attempts);
        deletes(target, pair, attempts);
        merges(target, pair, attempts);
        locks(target, pair, attempts);
        copies(target, pair, attempts);
    }
    truncates(target, attempts);
}

fn no_tenant(target: &Target<'_>, attempts: &mut Vec<Attempt>) {
    let Some(first) = target.sample.tenants.first() else { return };
    let pair = Pair { attacker: first, victim: first };
    let long = "a".repeat(LONG_TENANT_BYTES);
    let texts = NO_TENANTS.iter().map(|(name, text)| (*name, Context::Tenant((*text).to_owned())));
    let nothing = [
        ("without any tenant", Context::Nothing),
        ("with a tenant that is too long", Context::Tenant(long)),
    ];
    for (name, context) in nothing.into_iter().chain(texts) {
        // Whoever is called like that sees its own rows.
        let is_tenant =
            |one: &str| target.sample.tenants.iter().any(|sampled| sampled.tenant == one);
        if matches!(&context, Context::Tenant(text) if is_tenant(text)) {
            continue;
        }
        let sql = format!("select 1 from {} limit 1", target.table.name);
        let made = (Statement::plain(sql), Expect::NoRows);
        let attempt = target.against(pair, Command::NoTenant, name, OPENS, made);
        attempts.push(Attempt {
            attacker: None,
            victim: None,
            context,
            // A tenant of the gateway always has one.
            ways: Ways::DirectOnly,
            ..attempt
        });
    }
    for (name, context) in [
        ("writes without any tenant", Context::Nothing),
        ("writes with an empty tenant", Context::Tenant(String::new())),
    ] {
        let mut draft = Draft::default();
        let row = target.row(&mut draft, first, Whose::Victim, |_| None);
        let statement = draft.done(format!("insert into {} {row}", target.table.name));
        let made = (statement, Expect::NotWritten);
        let attempt = target.against(pair, Command::NoTenant, name, OPENS, made);
        let privileged = target.table.allows("INSERT");
        attempts.push(Attempt {
            attacker: None,
            context,
            privileged,
            writes: true,
            ways: Ways::DirectOnly,
            ..attempt
        });
    }
}

fn reads(target: &Target<'_>, pair: Pair<'_>, attempts: &mut Vec<Attempt>) {
    let table = &target.table.name;
    let mut draft = Draft::default();
    let pick = target.pick(&mut draft, pair.attacker, Whose::Attacker);
    let own = draft.done(format!("select 1 from {table} where {pick} limit 1"));
    let name = "sees a row of its own";
    let control = target.against(pair, Command::Select, name, CONTROL, (own, Expect::OwnRow));
    attempts.push(Attempt { victim: None, alone: true, ..control });

    let mut draft = Draft::default();
    let pick = target.pick(&mut draft, pair.victim, Whose::Victim);
    let asked = draft.done(format!("select 1 from {table} where {pick} limit 1"));
    let select = |name, statement: Statement| {
        target.against(pair, Command::Select, name, READS, (statement, Expect::NoRows))
    };
    attempts.push(Attempt { alone: true, ..select("asks for its rows", asked.clone()) });
    if let Some(column) = target.tenant {
        let mut draft = Draft::default();
        let own = draft.value(column, Some(pair.attacker.tenant.clone()), Whose::Attacker);
        let name = &column.name;
        let sql = format!(
            "select 1 from (select {name} from {table} limit {LOOK_ROWS_MAX}) looked where {name} \
             is distinct from {own} limit 1"
        );
        let looks = select("looks whose rows it is given", draft.done(sql));
        attempts.push(Attempt { alone: true, ..looks });
    }
    let declared = format!("declare rowhouse_prove no scroll cursor for {}", asked.sql);
    let declare = Statement { sql: declared, ..asked.clone() };
    let fetch = Statement::plain("fetch 1 from rowhouse_prove");
    let mut by_cursor = select("opens a cursor", fetch);
    by_cursor.steps.insert(0, Step::Run(declare.inline()));
    attempts.push(by_cursor);

    let mut switched = select("with row_security off", asked.clone());
    switched.steps.insert(0, Step::Run(Statement::plain("set local row_security = off")));
    attempts.push(switched);

    attempts.push(left_over(target, pair, &asked));
    let sql = format!("commit; select 1 from {table} limit 1");
    let mut behind = select("after a COMMIT in the same text", Statement::plain(sql).inline());
    // Behind the COMMIT there is no tenant, directly; through the gateway there is its own.
    behind.ways = Ways::DirectOnly;
    attempts.push(behind);
}

/// A plan that was made for another tenant on the same connection must not serve this one.
fn left_over(target: &Target<'_>, pair: Pair<'_>, asked: &Statement) -> Attempt {
    let run = |sql: &str| Step::Run(Statement::plain(sql));
    let prepare = format!("prepare rowhouse_prove as {}", asked.sql);
    let prepare = Statement { sql: prepare, ..asked.clone() }.inline();
    let last = Statement::plain("execute rowhouse_prove");
    let made = (last, Expect::NoRows);
    let name = "by a statement that another tenant has prepared";
    let why = "a plan keeps the tenant that it was made for; a function in the policy may be \
               marked IMMUTABLE";
    let mut attempt = target.against(pair, Command::Select, name, why, made);
    let own = attempt.context.clone();
    attempt.context = Context::Tenant(pair.victim.tenant.clone());
    let before = [
        run("set local plan_cache_mode = force_generic_plan"),
        Step::Run(prepare),
        run("execute rowhouse_prove"),
        Step::Become(own),
    ];
    attempt.steps.splice(0..0, before);
    // It deallocates by itself only with its connection.
    attempt.ways = Ways::DirectOnly;
    attempt
}

fn inserts(target: &Target<'_>, pair: Pair<'_>, attempts: &mut Vec<Attempt>) {
    let mut draft = Draft::default();
    let row = target.row(&mut draft, pair.victim, Whose::Victim, |_| None);
    let table = &target.table.name;
    let plain = draft.done(format!("insert into {table} {row}"));
    let upsert =
        Statement { sql: format!("{} on conflict do nothing", plain.sql), ..plain.clone() };
    let made = (plain, Expect::NotWritten);
    let name = "writes a row for it";
    attempts.push(target.against(pair, Command::Insert, name, WRITES, made));
    let name = "writes a row for it, on conflict do nothing";
    let made = (upsert, Expect::NotWritten);
    attempts.push(target.against(pair, Command::Upsert, name, WRITES, made));
}

fn updates(target: &Target<'_>, pair: Pair<'_>, attempts: &mut Vec<Attempt>) {
    let table = &target.table.name;
    let Some(column) = target.updated() else { return };
    let mut draft = Draft::default();
    let pick = target.pick_one(&mut draft, pair.victim, Whose::Victim);
    let name = &column.name;
    let statement = draft.done(format!("update {table} set {name} = {name} where {pick}"));
    let made = (statement, Expect::NotWritten);
    attempts.push(target.against(pair, Command::Update, "changes a row of it", CHANGES, made));

    // Without a condition only the policies for UPDATE count, and not those for SELECT.
    if target.sample.rows.is_some() && target.is_plain(column) && column.update {
        let mut draft = Draft::default();
        let value = pair.victim.row.get(&column.number).cloned().flatten();
        let value = draft.value(column, value, Whose::Victim);
        let statement = draft.done(format!("update {table} set {name} = {value}"));
        let name = "changes every row it can";
        attempts.push(blind(target, pair, Command::Update, name, statement));
    }
}

fn deletes(target: &Target<'_>, pair: Pair<'_>, attempts: &mut Vec<Attempt>) {
    let table = &target.table.name;
    let mut draft = Draft::default();
    let pick = target.pick_one(&mut draft, pair.victim, Whose::Victim);
    let made = (draft.done(format!("delete from {table} where {pick}")), Expect::NotWritten);
    attempts.push(target.against(pair, Command::Delete, "deletes a row of it", DELETES, made));
    // Rows that own rows of other tables refer to stop it, which would prove nothing.
    let mut keys = target.survey.catalog.foreign_keys.iter();
    let referenced = keys.any(|key| key.referenced == target.table.oid);
    if target.sample.rows.is_some() && !referenced {
        let statement = Statement::plain(format!("delete from {table}"));
        let name = "deletes every row it can";
        attempts.push(blind(target, pair, Command::Delete, name, statement));
    }
}

/// A statement without condition, after its own rows were counted in the same snapshot.
fn blind(
    target: &Target<'_>,
    pair: Pair<'_>,
    command: Command,
    name: &'static str,
    statement: Statement,
) -> Attempt {
    let expect = Expect::NoMoreThanOwn(pair.attacker.rows);
    let made = (statement, expect);
    let why = "a policy for this command is looser than the one for SELECT: a statement that \
               needs no reading goes by it alone";
    let mut attempt = target.against(pair, command, name, why, made);
    let count = format!("select count(*) from {}", target.table.name);
    attempt.steps.insert(0, Step::Run(Statement::plain(count)));
    // Through the gateway the count would be of another snapshot.
    attempt.ways = Ways::DirectOnly;
    attempt
}

fn moves(target: &Target<'_>, pair: Pair<'_>, attempts: &mut Vec<Attempt>) {
    let Some(column) = target.tenant else { return };
    let mut draft = Draft::default();
    let pick = target.pick_one(&mut draft, pair.attacker, Whose::Attacker);
    let other = draft.value(column, Some(pair.victim.tenant.clone()), Whose::Victim);
    let (table, name) = (&target.table.name, &column.name);
    let statement = draft.done(format!("update {table} set {name} = {other} where {pick}"));
    let made = (statement, Expect::NotWritten);
    let name = "gives it a row of its own";
    let mut attempt = target.against(pair, Command::Move, name, WRITES, made);
    attempt.privileged &= column.update;
    attempts.push(attempt);

    // Without a condition, policies for SELECT do not hold the new row.
    if target.sample.rows.is_some() {
        let mut draft = Draft::default();
        let other = draft.value(column, Some(pair.victim.tenant.clone()), Whose::Victim);
        let statement = draft.done(format!("update {table} set {} = {other}", column.name));
        let made = (statement, Expect::NotWritten);
        let name = "gives it every row it can";
        let mut attempt = target.against(pair, Command::Move, name, WRITES, made);
        attempt.privileged &= column.update;
        attempts.push(attempt);
    }
}

fn merges(target: &Target<'_>, pair: Pair<'_>, attempts: &mut Vec<Attempt>) {
    let table = &target.table.name;
    let Some(column) = target.updated() else { return };
    let name = &column.name;
    let mut draft = Draft::default();
    let pick = target.pick(&mut draft, pair.victim, Whose::Victim);
    let sql = format!(
        "merge into {table} as merged using (select ctid as place from {table} where {pick} \
         limit 1) found on merged.ctid = found.place and {pick} when matched then update set \
         {name} = merged.{name}"
    );
    let made = (draft.done(sql), Expect::NotWritten);
    attempts.push(target.against(pair, Command::Merge, "changes a row of it", CHANGES, made));

    let mut draft = Draft::default();
    let row = target.row(&mut draft, pair.victim, Whose::Victim, |_| None);
    let sql = format!(
        "merge into {table} as merged using (values (1)) found (x) on false when not matched then \
         insert {row}"
    );
    let made = (draft.done(sql), Expect::NotWritten);
    let mut attempt = target.against(pair, Command::Merge, "writes a row for it", WRITES, made);
    attempt.privileged = target.table.allows("INSERT");
    attempts.push(attempt);
}

fn locks(target: &Target<'_>, pair: Pair<'_>, attempts: &mut Vec<Attempt>) {
    let table = &target.table.name;
    let mut draft = Draft::default();
    let pick = target.pick(&mut draft, pair.victim, Whose::Victim);
    let sql = format!("select 1 from {table} where {pick} limit 1 for update nowait");
    let made = (draft.done(sql), Expect::NotLocked);
    attempts.push(target.against(pair, Command::Lock, "locks a row of it", LOCKS, made));
}

fn copies(target: &Target<'_>, pair: Pair<'_>, attempts: &mut Vec<Attempt>) {
    let table = &target.table.name;
    let mut draft = Draft::default();
    let pick = target.pick(&mut draft, pair.victim, Whose::Victim);
    let sql = format!("copy (select 1 from {table} where {pick} limit 1) to stdout");
    let made = (draft.done(sql).inline(), Expect::NoRows);
    let mut out = target.against(pair, Command::Copy, "copies its rows out", READS, made);
    out.privileged = target.table.allows("SELECT");
    out.writes = false;
    attempts.push(out);

    let (names, line) = target.copied(pair.victim);
    let sql = format!("copy {table} ({names}) from stdin");
    let statement = Statement { copied: Some(line), ..Statement::plain(sql).inline() };
    let made = (statement, Expect::NotWritten);
    attempts.push(target.against(pair, Command::Copy, "copies a row in", WRITES, made));
}

/// A refused TRUNCATE locks nothing: the privilege is asked for first. Where it is granted, the
/// statement would lock out everybody, so that only the privilege is looked at.
fn truncates(target: &Target<'_>, attempts: &mut Vec<Attempt>) {
    let Some(pair) = target.pairs().next() else { return };
    let table = &target.table.name;
    let why = "TRUNCATE is not subject to policies: it empties the table for everybody";
    let granted = target.table.allows("TRUNCATE");
    let made = if granted {
        let literal = crate::catalog::quote_literal(table);
        let sql = format!("select pg_catalog.has_table_privilege({literal}, 'TRUNCATE')");
        (Statement::plain(sql), Expect::NotGranted)
    } else {
        (Statement::plain(format!("truncate {table}")), Expect::NotWritten)
    };
    let mut attempt = target.against(pair, Command::Truncate, "empties the table", why, made);
    attempt.writes = !granted;
    attempts.push(attempt);
}
