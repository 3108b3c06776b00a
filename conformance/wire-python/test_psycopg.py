"""psycopg 3, which is libpq: everyday things and awkward ones."""

import concurrent.futures
import threading

import door
import psycopg
import pytest
from psycopg import errors, sql
from psycopg.rows import namedtuple_row, scalar_row

ROWS = 1_000_000
LARGE = 10_000_000


def test_who_one_is():
    with door.connect(7) as connection:
        row = connection.execute("select current_user, current_setting('app.current_tenant')")
        assert row.fetchone() == ("app_user", "7")
        info = connection.info
        assert (info.user, info.dbname, info.encoding) == ("app_user", "postgres", "utf-8")
        assert info.parameter_status("standard_conforming_strings") == "on"
        assert info.transaction_status == psycopg.pq.TransactionStatus.INTRANS


def test_rows_of_one_tenant(note):
    with door.connect("a") as a, door.connect("b") as b:
        for connection, body in ((a, "of a"), (b, "of b")):
            connection.execute(f"insert into {note} (body) values (%s)", [body])
            connection.commit()
        for connection, tenant in ((a, "a"), (b, "b"), (a, "a")):
            found = connection.execute(f"select tenant_id, body from {note}").fetchall()
            assert found == [(tenant, f"of {tenant}")]
            connection.commit()
        assert a.execute(f"update {note} set body = '' where tenant_id = 'b'").rowcount == 0
        assert a.execute(f"delete from {note} where body = 'of b'").rowcount == 0
        with pytest.raises(errors.InsufficientPrivilege, match="row-level security policy"):
            a.execute(f"insert into {note} (tenant_id, body) values ('b', 'x')")
        a.rollback()
    with door.connect() as nobody:
        assert nobody.execute(f"select count(*) from {note}").fetchone() == (0,)


def test_many_at_once_by_executemany(note):
    with door.connect("many") as connection, connection.cursor() as cursor:
        values = [(f"note {number}",) for number in range(500)]
        query = f"insert into {note} (body) values (%s) returning id"
        cursor.executemany(query, values, returning=True)
        ids = [cursor.fetchone()[0]]
        while cursor.nextset():
            ids.append(cursor.fetchone()[0])
        assert len(set(ids)) == 500
        cursor.row_factory = namedtuple_row
        assert cursor.execute(f"select count(*) as n from {note}").fetchone().n == 500


def test_pipeline(note):
    with door.connect("pipe") as connection:
        with connection.pipeline() as pipeline:
            cursors = [connection.execute("select %s::int", [number]) for number in range(100)]
            pipeline.sync()
            assert [cursor.fetchone()[0] for cursor in cursors] == list(range(100))
            connection.execute(f"insert into {note} (body) values ('kept')")
        connection.commit()
        assert connection.execute(f"select body from {note}").fetchall() == [("kept",)]


def test_an_error_inside_a_pipeline(note):
    with door.connect("broken", autocommit=True) as connection:
        with pytest.raises(errors.DivisionByZero), connection.pipeline():
            connection.execute(f"insert into {note} (body) values ('before')")
            connection.execute("select 1 / 0")
            connection.execute(f"insert into {note} (body) values ('after')")
        assert connection.execute(f"select count(*) from {note}").fetchone() == (0,)
        with connection.pipeline() as pipeline:
            failing = connection.execute("select nothing from nowhere")
            with pytest.raises(errors.UndefinedTable):
                pipeline.sync()
            assert failing.rownumber is None
            good = connection.execute("select 2")
            pipeline.sync()
            assert good.fetchone() == (2,)


def test_server_side_cursors():
    with door.connect(1) as connection:
        with connection.cursor("numbers") as cursor:
            cursor.itersize = 1000
            cursor.execute("select generate_series(1, 10000)")
            assert sum(number for (number,) in cursor) == 50_005_000
        with connection.cursor("back", scrollable=True) as cursor:
            cursor.execute("select generate_series(1, 10)")
            cursor.scroll(5)
            assert cursor.fetchone() == (6,)
            cursor.scroll(-3)
            assert cursor.fetchone() == (4,)
        connection.commit()
        with connection.cursor("held", withhold=True) as cursor:
            cursor.execute("select generate_series(1, 10)")
            assert cursor.fetchmany(3) == [(1,), (2,), (3,)]
            connection.commit()
            assert cursor.fetchone() == (4,)


def test_rows_as_they_come():
    with door.connect(1) as connection, connection.cursor() as cursor:
        seen = sum(number for (number,) in cursor.stream("select generate_series(1, 50000)"))
        assert seen == 1_250_025_000


def test_copy_of_a_million_rows(plain):
    lines = [f"{number}\tnote {number}\t{number % 1000}.25\n" for number in range(ROWS)]
    with door.connect(1) as connection, connection.cursor() as cursor:
        with cursor.copy(f"copy {plain} from stdin") as copy:
            for start in range(0, ROWS, 10_000):
                copy.write("".join(lines[start : start + 10_000]))
        assert cursor.rowcount == ROWS
        total = 0
        with cursor.copy(f"copy (select * from {plain} order by id) to stdout") as copy:
            for number, row in enumerate(copy):
                if number % 100_000 == 0:
                    assert bytes(row).decode() == lines[number]
                total += 1
        assert total == ROWS
        connection.rollback()
        assert cursor.execute(f"select count(*) from {plain}").fetchone() == (0,)


def test_copy_that_fails_or_is_given_up(note, plain):
    with door.connect("copy") as connection:
        with pytest.raises(errors.BadCopyFileFormat), connection.cursor() as cursor:
            with cursor.copy(f"copy {plain} from stdin") as copy:
                copy.write("1\ttoo few\n")
        connection.rollback()
        with pytest.raises(RuntimeError), connection.cursor() as cursor:
            with cursor.copy(f"copy {plain} from stdin") as copy:
                copy.write("1\tone\t1\n")
                raise RuntimeError("given up")
        connection.rollback()
        # PostgreSQL's own rule: https://www.postgresql.org/docs/current/sql-copy.html
        with pytest.raises(errors.FeatureNotSupported), connection.cursor() as cursor:
            with cursor.copy(f"copy {note} (body) from stdin") as copy:
                copy.write("x\n")
        connection.rollback()
        with connection.cursor() as cursor:
            with cursor.copy(f"copy {plain} from stdin with (format binary)") as copy:
                copy.set_types(["int8", "text", "numeric"])
                copy.write_row([1, "ä", 2])
            cursor.execute(f"select * from {plain}")
            assert cursor.fetchall() == [(1, "ä", 2)]


def test_prepared_statements_across_transactions(note):
    with door.connect("first") as first, door.connect("second") as second:
        first.prepare_threshold = second.prepare_threshold = 0
        for turn in range(10):
            for connection, tenant in ((first, "first"), (second, "second")):
                connection.execute(f"insert into {note} (body) values (%s)", [str(turn)])
                connection.commit()
                query = f"select count(*), min(tenant_id) from {note} where body <> %s"
                found = connection.execute(query, ["x"])
                assert found.fetchone() == (turn + 1, tenant)
                connection.commit()
    with door.connect(1) as connection:
        connection.prepare_threshold = 0
        for number in range(250):
            # More than psycopg keeps, so that it deallocates as well.
            query = sql.SQL("select {} + %s::int").format(sql.Literal(number))
            assert connection.execute(query, [1]).fetchone() == (number + 1,)
            connection.commit()


def test_prepared_in_sql():
    with door.connect(1, autocommit=True) as connection:
        connection.execute("prepare twice (int) as select $1 * 2")
        for number in (1, 21):
            assert connection.execute(f"execute twice ({number})").fetchone() == (number * 2,)
        connection.execute("deallocate twice")
        with pytest.raises(errors.InvalidSqlStatementName):
            connection.execute("execute twice (1)")


def test_cancel():
    with door.connect(1, autocommit=True) as connection:
        for number, cancel in enumerate((connection.cancel_safe, connection.cancel)):

            def when_it_runs(number=number, cancel=cancel):
                door.until_running(f"% /* psycopg {number} */")
                cancel()

            thread = threading.Thread(target=when_it_runs)
            thread.start()
            with pytest.raises(errors.QueryCanceled):
                connection.execute(f"select pg_sleep(60) /* psycopg {number} */")
            thread.join()
            assert connection.execute("select 1").fetchone() == (1,)


@pytest.mark.parametrize(
    "mark, value",
    [
        ("%t::text", "grün" * (LARGE // 5)),
        ("%b::text", "grün" * (LARGE // 5)),
        ("%b::bytea", bytes(range(256)) * (LARGE // 256)),
        ("%t::bytea", bytes(range(256)) * (LARGE // 256)),
    ],
    ids=["text", "text, binary", "bytea, binary", "bytea"],
)
def test_large_values(mark, value):
    with door.connect(1) as connection:
        for binary in (False, True):
            found = connection.execute(f"select {mark}", [value], binary=binary).fetchone()
            assert found == (value,)


def test_notices():
    with door.connect(1, autocommit=True) as connection:
        heard = []
        hear = lambda notice: heard.append((notice.severity, notice.message_primary))
        connection.add_notice_handler(hear)
        connection.execute("do $$ begin raise notice 'hello %', 1; raise warning 'mind'; end $$")
        assert heard == [("NOTICE", "hello 1"), ("WARNING", "mind")]


def test_savepoints(note):
    with door.connect("save") as connection:

        def write(body):
            connection.execute(f"insert into {note} (body) values (%s)", [body])

        with connection.transaction():
            write("outer")
            with pytest.raises(errors.DivisionByZero), connection.transaction():
                write("inner, lost")
                connection.execute("select 1 / 0")
            with connection.transaction():
                write("inner, kept")
                with connection.transaction() as innermost:
                    write("innermost, lost")
                    raise psycopg.Rollback(innermost)
        found = connection.execute(f"select body from {note} order by id").fetchall()
        assert found == [("outer",), ("inner, kept",)]


def test_failed_transactions(note):
    with door.connect("failed") as connection:
        connection.execute(f"insert into {note} (body) values ('lost')")
        with pytest.raises(errors.UndefinedColumn, match='column "nothing" does') as caught:
            connection.execute(f"select nothing from {note}")
        assert caught.value.diag.statement_position == "8"
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INERROR
        with pytest.raises(errors.InFailedSqlTransaction):
            connection.execute("select 1")
        # COMMIT of a failed transaction is a ROLLBACK, and no error.
        connection.commit()
        assert connection.execute(f"select count(*) from {note}").fetchone() == (0,)


@pytest.mark.parametrize(
    "statement, error",
    [
        ("select 1 / 0", errors.DivisionByZero),
        ("selec 1", errors.SyntaxError),
        ("select * from nowhere", errors.UndefinedTable),
        ("select nothing()", errors.UndefinedFunction),
        ("select 'x'::int", errors.InvalidTextRepresentation),
        ("select 99999999999::int", errors.NumericValueOutOfRange),
        ("create table public.mine (id int)", errors.InsufficientPrivilege),
        ("insert into {plain} values ('x')", errors.InvalidTextRepresentation),
        ("select $1", errors.UndefinedParameter),
        ("vacuum {plain}; select 1", errors.ActiveSqlTransaction),
    ],
)
def test_errors_by_class(plain, statement, error):
    with door.connect(1, autocommit=True) as connection:
        with pytest.raises(error):
            connection.execute(statement.format(plain=plain))
        assert connection.execute("select 1").fetchone() == (1,)


def test_timeouts(note):
    with door.connect("slow", options="-c statement_timeout=300") as connection:
        with pytest.raises(errors.QueryCanceled, match="statement timeout"):
            connection.execute("select pg_sleep(60)")
        connection.rollback()
        connection.execute("set local statement_timeout = '1min'")
        assert connection.execute("show statement_timeout").fetchone() == ("1min",)
        connection.commit()
        assert connection.execute("show statement_timeout").fetchone() == ("300ms",)
        connection.rollback()
        connection.execute(f"insert into {note} (body) values ('locked')")
        connection.commit()
        with door.connect("slow", options="-c lock_timeout=200ms") as other:
            connection.execute(f"update {note} set body = 'held'")
            with pytest.raises(errors.LockNotAvailable):
                other.execute(f"update {note} set body = 'waits'")


def test_settings_are_ones_own():
    with door.connect(1, autocommit=True) as one, door.connect(2, autocommit=True) as other:
        one.execute("set timezone = 'Asia/Tokyo'")
        one.execute("set app.mine = 'one'")
        one.execute("select set_config('app.current_tenant', '9', false)")
        shown = "select current_setting('timezone'), current_setting('app.mine', true), " \
            "current_setting('app.current_tenant')"
        for _ in range(3):
            assert one.execute(shown).fetchone() == ("Asia/Tokyo", "one", "9")
            zone, mine, tenant = other.execute(shown).fetchone()
            assert (zone != "Asia/Tokyo", mine or None, tenant) == (True, None, "2")
        one.execute("reset timezone")
        assert one.execute("show timezone").fetchone() == other.execute("show timezone").fetchone()


def test_listen_and_notify():
    with door.connect(1, autocommit=True) as listening, door.connect(1, autocommit=True) as saying:
        listening.execute("listen news")
        saying.execute("select pg_notify('news', 'hello')")
        heard = next(listening.notifies(timeout=30))
        assert (heard.channel, heard.payload) == ("news", "hello")


def test_isolation_levels():
    with door.connect(1) as connection:
        for level in psycopg.IsolationLevel:
            connection.isolation_level = level
            shown = connection.execute("show transaction_isolation").fetchone()[0]
            assert shown == level.name.lower().replace("_", " ")
            connection.commit()
        connection.isolation_level = None
        connection.read_only = True
        with pytest.raises(errors.ReadOnlySqlTransaction):
            connection.execute("create table t ()")


def test_many_short_connections(note):
    def visit(number):
        with door.connect(f"short-{number}") as connection:
            connection.execute(f"insert into {note} (body) values ('x')")
        with door.connect(f"short-{number}") as connection:
            return connection.execute(f"select count(*), min(tenant_id) from {note}").fetchone()

    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        for number, found in enumerate(threads.map(visit, range(100))):
            assert found == (1, f"short-{number}")


def test_several_statements_in_one_text():
    tenant = "7a245486-3fc8-47ec-b303-04fefe7a58ff"
    with door.connect(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"SET app.current_tenant_id = '{tenant}'; SELECT * FROM items;")
        assert cursor.nextset()
        assert [title for _, title, owner in cursor.fetchall() if str(owner) == tenant] == [
            "art-fair",
            "bench",
            "concert",
            "drinking-fountain",
            "emergency-kit",
        ]


def test_scalar_rows():
    with door.connect(1, row_factory=scalar_row) as connection:
        assert connection.execute("select 'x'").fetchone() == "x"
