"""64 clients of 64 tenants at once, in each way that pgbench can talk: no errors, no foreign rows,
and every transaction that was reported as done was done, once.

Each mode runs for 20 seconds; `cargo xtask conformance wire-pgbench --seconds 60` for a minute.
"""

import door
import pytest

TENANTS = range(1, 65)


def counters(schema):
    with door.operator() as operator:
        rows = operator.execute(f"select tenant_id, value from {schema}.counter")
        return dict(rows.fetchall())


def notes(schema):
    with door.operator() as operator:
        rows = operator.execute(f"select count(*), count(distinct tenant_id) from {schema}.note")
        return rows.fetchone()


@pytest.mark.parametrize(
    "mode, script",
    [
        ("simple", "work.sql"),
        ("extended", "work.sql"),
        ("prepared", "work.sql"),
        ("prepared", "pipeline.sql"),
    ],
)
def test_tenants_side_by_side(crowd, table, seconds, mode, script):
    before = counters(table)
    done = crowd(TENANTS).run(script, mode, seconds)
    grown = {tenant: value - before[tenant] for tenant, value in counters(table).items()}
    assert grown == done
    assert min(done.values()) > 0
    assert notes(table) == (50 * 64, 64)


def test_somebody_elses_rows_would_be_seen(crowd, table, tmp_path):
    """The scripts do fail where the tenant is another one than they think."""
    wrong = crowd([1])
    wrong.tokens = {2: wrong.tokens[1]}
    for script in ("work.sql", "pipeline.sql"):
        with pytest.raises(AssertionError, match="division by zero"):
            wrong.run(script, "simple" if script == "work.sql" else "extended", 2)
