//! The acts of the leak oracle in a sealed database: what one tenant, or an application, has done
//! there, the next tenant does not meet.

use super::database::at;
use crate::gateway::Gateway;
use crate::leak::acts::{ACTS, Act};
use crate::person::Person;
use crate::stand::Stand;

/// One connection of each kind, so that who looks meets what was left.
const NARROW: &[(&str, &str)] = &[
    ("POOL__SHARDS", "1"),
    ("POOL__FAST_CONNECTIONS", "1"),
    ("POOL__SLOW_CONNECTIONS", "1"),
    ("POOL__TRANSACTION_CONNECTIONS", "1"),
    ("POOL__FAST_STATEMENT_TIMEOUT", "5s"),
    ("LIMITS__STATEMENT_TIMEOUT", "5s"),
];

/// Taken for harmless, so that nothing is reset but for who asks.
const LOOK: &str = "select current_setting('app.current_tenant', true), rowhouse_seen.tenant,
    (select string_agg(tenant || ' ' || body, ',' order by tenant, id) from note),
    current_setting('search_path'), current_setting('TimeZone'), current_setting('row_security'),
    current_setting('work_mem'), current_setting('transform_null_equals'), current_user::text,
    current_setting('standard_conforming_strings'), current_setting('lock_timeout'),
    current_setting('default_transaction_read_only'), current_setting('role'),
    (select count(*) from pg_class where relpersistence = 't')
    from (select tenant from note limit 1) as rowhouse_seen";

/// What a tenant does: every third of the acts, and every third of those in a transaction as well.
pub fn nothing_is_left_by_tenants(stand: &Stand) {
    acts(stand, &|gateway| gateway.tenant("tenant_3"), 3);
}

/// What an application does: some of the acts.
pub fn nothing_is_left_by_applications(stand: &Stand) {
    acts(stand, &Gateway::app, 8);
}

fn acts(stand: &Stand, actor: &dyn Fn(&Gateway) -> Person, every: usize) {
    let stage = stand.sealed();
    let gateway = stage.gateway(NARROW);
    let next = at(gateway.tenant("tenant_2"));
    let expected = next.execute(LOOK).ok().text();
    assert!(expected.contains("note 3 of tenant_2"), "{expected}");
    let actor = at(actor(&gateway));
    for (number, act) in ACTS.iter().enumerate().step_by(every) {
        let Act::Run(sql) = act else { continue };
        let steps: Vec<String> = spelled(sql).split(" THEN ").map(str::to_owned).collect();
        let look = |place: &str, sql: &str| {
            let seen = next.execute(sql).ok().text();
            assert_eq!(seen, expected, "{place}: {steps:?}");
        };
        let unknown = format!("{LOOK} /* {number} */");
        steps.iter().for_each(|step| do_it(&actor, step));
        look("on the connection as it was left", &unknown);
        look("in the fast lane", LOOK);
        if number % (3 * every) > 0 {
            continue;
        }
        let transaction = actor.begin();
        for step in &steps {
            transaction.execute(step);
        }
        transaction.commit();
        let transaction = next.begin();
        let seen = transaction.execute(LOOK).ok().text();
        assert_eq!(seen, expected, "in a transaction: {steps:?}");
        transaction.rollback();
    }
}

fn do_it(actor: &Person, sql: &str) {
    let answer = actor.execute(sql);
    // 504 is what becomes of a caller that ends its own backend.
    let fine = [200, 400, 403, 404, 504].contains(&answer.status);
    assert!(fine, "{sql}: {} {}", answer.status, answer.text());
    assert!(!answer.text().contains("of tenant_2"), "{sql}: {}", answer.text());
}

fn spelled(sql: &str) -> String {
    sql.replace("TENANT", "'app.current_tenant', 'tenant_2'")
        .replace("QUOTED", "''app.current_tenant'', ''tenant_2''")
        .replace("tenant_3", "tenant_2")
        .replace("KEY", "72000")
        .replace("WHO", "sealed")
}
