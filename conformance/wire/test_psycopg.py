"""psycopg 3: everyday use, pipelines, cursors, COPY, cancelling, errors in the middle."""

import threading

import psycopg
import pytest
from psycopg import errors

from conftest import login

OWN = "select user_id from sh_vip.t_user order by 1"


def test_the_document(t1):
    assert t1.execute("select * from sh_vip.t_user").fetchall() == [(1, 10, "Zhang San")]
    t1.execute("insert into sh_vip.t_user values (1, 11, 'Leo')")
    with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
        t1.execute("insert into sh_vip.t_user values (2, 21, 'Darren')")
    assert t1.execute("update sh_vip.t_user set tenant_name = 'x' where user_id = 20").rowcount == 0
    assert t1.execute("delete from sh_vip.t_user where user_id in (11, 20)").rowcount == 1


def test_another_tenant_cannot_be_chosen(t1):
    with pytest.raises(psycopg.OperationalError, match="fixed by your credential"):
        psycopg.connect(**login("t1", options="-c app.tenant_id=2"))
    with pytest.raises(errors.InsufficientPrivilege):
        t1.execute("set app.tenant_id = 2")
    assert t1.execute(OWN).fetchall() == [(10,)]


def test_prepared_statements_outlive_transactions(t1):
    for number in range(20):
        assert t1.execute("select %s::int + 1", (number,), prepare=True).fetchone() == (number + 1,)
    # More than psycopg keeps: the oldest are given up.
    for number in range(120):
        row = t1.execute(f"select {number}, %s::int", (number,), prepare=True).fetchone()
        assert row == (number, number)
    assert t1.execute("select %s::int + 1", (1,), prepare=True).fetchone() == (2,)


def test_pipelines(t1):
    with t1.pipeline():
        sql = "select %s::int, count(*) from sh_vip.t_user"
        cursors = [t1.execute(sql, (number,)) for number in range(99)]
    assert [cursor.fetchone() for cursor in cursors] == [(n, 1) for n in range(99)]


def test_transactions_in_a_pipeline(t1):
    with t1.pipeline():
        with t1.transaction():
            t1.execute("insert into sh_vip.t_user values (1, 50, 'a')")
        with t1.transaction():
            rows = t1.execute(OWN)
        with t1.transaction():
            t1.execute("delete from sh_vip.t_user where user_id = 50")
        assert rows.fetchall() == [(10,), (50,)]
    assert t1.execute(OWN).fetchall() == [(10,)]


@pytest.mark.parametrize("sql, error", [
    ("select 1 / 0", errors.DivisionByZero),
    ("selec", errors.SyntaxError),
    ("set app.tenant_id = 2", errors.InsufficientPrivilege),
])
def test_an_error_in_a_pipeline(t1, sql, error):
    with pytest.raises(error), t1.pipeline() as pipeline:
        t1.execute("insert into sh_vip.t_user values (1, 51, 'never')")
        t1.execute(sql)
        t1.execute("select 1")
        pipeline.sync()
    assert t1.execute(OWN).fetchall() == [(10,)]


def test_failed_transactions_and_savepoints(t1):
    with pytest.raises(errors.DivisionByZero), t1.transaction():
        t1.execute("select 1 / 0")
    with t1.transaction():
        with pytest.raises(errors.DivisionByZero), t1.transaction():
            t1.execute("select 1 / 0")
        assert t1.execute(OWN).fetchall() == [(10,)]


def test_isolation_levels(t1):
    t1.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
    with t1.transaction():
        assert t1.execute("show transaction_isolation").fetchone() == ("serializable",)
        assert t1.execute(OWN).fetchall() == [(10,)]


def test_cursors_of_the_server(t1):
    with t1.transaction(), t1.cursor(name="numbers") as cursor:
        cursor.execute("select generate_series(1, 5000)")
        assert sum(number for number, in cursor) == 5000 * 5001 // 2


def test_copy_out(t1):
    with t1.cursor().copy("copy (select generate_series(1, 1000000)) to stdout") as copy:
        assert sum(1 for _ in copy.rows()) == 1_000_000


def test_copy_in(operator, t1):
    with operator.cursor().copy("copy sh_vip.t_user from stdin") as copy:
        for number in range(100_000):
            copy.write_row((9, number, "copied"))
    count = "select count(*) from sh_vip.t_user where tenant_id = 9"
    assert operator.execute(count).fetchone() == (100_000,)
    assert t1.execute(OWN).fetchall() == [(10,)]
    operator.rollback()
    with pytest.raises(ZeroDivisionError):
        with operator.cursor().copy("copy sh_vip.t_user from stdin") as copy:
            copy.write_row((9, 1, "x"))
            raise ZeroDivisionError
    operator.rollback()
    assert operator.execute(count).fetchone() == (0,)
    with pytest.raises(errors.FeatureNotSupported, match="row-level security"):
        with t1.cursor().copy("copy sh_vip.t_user from stdin") as copy:
            copy.write_row((1, 12, "x"))


def test_large_values(t1):
    text = "ä" * 5_000_000
    assert t1.execute("select %s::text", (text,)).fetchone() == (text,)


def test_cancelling(t1):
    threading.Timer(0.3, t1.cancel).start()
    with pytest.raises(errors.QueryCanceled):
        t1.execute("select pg_sleep(60)")
    assert t1.execute(OWN).fetchall() == [(10,)]


def test_an_application_picks_its_tenant(app):
    assert app.execute(OWN).fetchall() == []
    with app.transaction():
        app.execute("select set_config('app.tenant_id', %s, true)", ("1",))
        assert app.execute(OWN).fetchall() == [(10,)]
    assert app.execute(OWN).fetchall() == []
    app.execute("set app.tenant_id = '2'")
    assert app.execute(OWN).fetchall() == [(20,)]
    with psycopg.connect(**login("app_user", options="-c app.tenant_id=1")) as other:
        assert other.execute(OWN).fetchall() == [(10,)]


def test_notices(operator):
    heard = []
    operator.add_notice_handler(lambda diagnostic: heard.append(diagnostic.message_primary))
    operator.execute("do $$ begin raise notice 'hello'; end $$")
    assert heard == ["hello"]
