"""psql's own commands, which are queries and protocol in their own right."""

import pytest

APP = ("app_user", "postgres")
TENANT = "-c app.current_tenant=2"


@pytest.mark.parametrize(
    "command, expected",
    [
        ("\\dt public.*", "public | tenant"),
        ("\\d tenant", "tenant_policy"),
        ("\\df get_tenant_data", "p_tenant_id integer"),
        ("\\l", "onlineshop"),
        ("\\du t1", "t1"),
        ("\\dp tenant", "app_user=arwd/owner"),
        ("\\dn", "public"),
        ("\\sf get_tenant_data(int)", "CREATE OR REPLACE FUNCTION"),
        ("\\encoding", "UTF8"),
        ("\\conninfo", "app_user"),
        ("\\copy (select tenant_name from tenant) to stdout", "Tenant2"),
        ("select 1 as one, 'x' as two", " one | two \n-----+-----\n   1 | x\n(1 row)"),
        ("values (1), (2)", "(2 rows)"),
        ("select nothing", 'ERROR:  column "nothing" does not exist\nLINE 1: select nothing'),
        ("table tenant", "       2 | Tenant2"),
        ("begin; update tenant set account_balance = 0; rollback", "UPDATE 1"),
        ("select * from get_tenant_data(2)", "Tenant2"),
        ("select * from get_tenant_data(3)", "belongs to another tenant"),
        ("do $$ begin raise notice 'heard'; end $$", "NOTICE:  heard"),
        ("show app.current_tenant", "2"),
        ("explain (costs off) select 1", "Result"),
    ],
)
def test_one_command(psql, command, expected):
    (found,) = psql(*APP, [command], TENANT)
    assert expected in found


def test_a_session(psql):
    steps = [
        ("\\set AUTOCOMMIT off", ""),
        ("select tenant_name from tenant", "Tenant2"),
        ("select 1 / 0", "ERROR:  division by zero"),
        ("select 1", "ERROR:  current transaction is aborted"),
        ("rollback", "ROLLBACK"),
        ("\\set AUTOCOMMIT on", ""),
        ("prepare p as select count(*) from tenant", "PREPARE"),
        ("execute p", "1"),
        ("set app.current_tenant = '3'", "SET"),
        ("select tenant_name from tenant", "Tenant3"),
        ("execute p", "1"),
    ]
    found = psql(*APP, [command for command, _ in steps], TENANT)
    for (command, expected), printed in zip(steps, found, strict=True):
        assert expected in printed, command


def test_rows_by_cursor(psql):
    more = ("-A", "-t", "-v", "FETCH_COUNT=100")
    (found,) = psql(*APP, ["select generate_series(1, 1000)"], more=more)
    assert found.splitlines() == [str(number) for number in range(1, 1001)]
