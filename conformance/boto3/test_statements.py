"""Statements that change something: counts, batches, transactions and how they end."""

import pytest
from callers import CLUSTER_ARN, TARGET, admin, app, refusal, secret_arn

AS_ADMIN = {"resourceArn": CLUSTER_ARN, "secretArn": secret_arn("admin")}
TABLE = "conformance_statements"


def run(sql, **more):
    return admin().execute_statement(**AS_ADMIN, sql=sql, **more)


def count():
    return run(f"select count(*) from {TABLE}")["records"][0][0]["longValue"]


def begin():
    return admin().begin_transaction(**AS_ADMIN)["transactionId"]


@pytest.fixture(autouse=True)
def table():
    run(f"drop table if exists {TABLE}")
    run(f"create table {TABLE} (id integer primary key, note text)")
    yield
    run(f"drop table {TABLE}")


def test_what_an_answer_holds():
    insert = run(f"insert into {TABLE} values (1, 'a'), (2, 'b')")
    assert insert["numberOfRecordsUpdated"] == 2
    assert insert["generatedFields"] == []
    assert "records" not in insert
    assert run(f"select * from {TABLE} where id > 9")["records"] == []
    returned = run(f"update {TABLE} set note = 'c' where id = 1 returning id, note")
    assert returned["records"] == [[{"longValue": 1}, {"stringValue": "c"}]]
    assert run(f"delete from {TABLE}")["numberOfRecordsUpdated"] == 2
    assert run(f"truncate {TABLE};")["numberOfRecordsUpdated"] == 0


def test_what_the_service_itself_refuses():
    several = run(
        f"insert into {TABLE} values (1, 'a'); select note from {TABLE}; set work_mem = 64"
    )
    assert several["records"] == [[{"stringValue": "a"}]]
    run("create schema conformance_schema")
    run("create table conformance_schema.here (id int)")
    assert run("select * from here", schema="conformance_schema")["records"] == []
    assert refusal(run, sql="select * from here")[1] == "DatabaseErrorException"
    run("drop schema conformance_schema cascade")


def batch(rows, **more):
    sets = [
        [
            {"name": "id", "value": {"longValue": id}},
            {"name": "note", "value": {"stringValue": note}},
        ]
        for id, note in rows
    ]
    sql = f"insert into {TABLE} values (:id, :note)"
    return admin().batch_execute_statement(**AS_ADMIN, sql=sql, parameterSets=sets, **more)


def test_batch():
    answer = batch((number, "a") for number in range(1000))
    assert answer["updateResults"] == [{"generatedFields": []}] * 1000
    assert count() == 1000


def test_a_batch_with_an_error_changes_nothing():
    rows = [(1, "a"), (2, "b"), (1, "again")]
    sets = refusal(batch, rows=rows)
    assert sets[:2] == (400, "DatabaseErrorException")
    assert "SQLState: 23505" in sets[2]
    assert count() == 0


def test_commit_and_rollback():
    begun = begin()
    run(f"insert into {TABLE} values (1, 'a')", transactionId=begun)
    batch([(2, "b"), (3, "c")], transactionId=begun)
    assert count() == 0, "nobody else sees it yet"
    status = admin().commit_transaction(**AS_ADMIN, transactionId=begun)["transactionStatus"]
    assert status == "Transaction Committed"
    assert count() == 3
    begun = begin()
    run(f"delete from {TABLE}", transactionId=begun)
    status = admin().rollback_transaction(**AS_ADMIN, transactionId=begun)["transactionStatus"]
    assert status == "Rollback Complete"
    assert count() == 3


def test_an_ended_transaction_is_unknown():
    begun = begin()
    admin().commit_transaction(**AS_ADMIN, transactionId=begun)
    gone = (404, "TransactionNotFoundException")
    for call in (admin().commit_transaction, admin().rollback_transaction):
        assert refusal(call, **AS_ADMIN, transactionId=begun)[:2] == gone
    assert refusal(run, sql="select 1", transactionId=begun)[:2] == gone


def test_an_error_in_a_transaction_leaves_it_to_be_rolled_back():
    begun = begin()
    run(f"insert into {TABLE} values (1, 'a')", transactionId=begun)
    assert refusal(run, sql="select 1/0", transactionId=begun)[1] == "DatabaseErrorException"
    aborted = refusal(run, sql="select 1", transactionId=begun)
    assert "current transaction is aborted" in aborted[2]
    admin().rollback_transaction(**AS_ADMIN, transactionId=begun)
    assert count() == 0


def test_savepoints_and_cursors_are_plain_sql():
    begun = begin()
    for sql in (
        "savepoint a",
        f"insert into {TABLE} values (1, 'a')",
        "rollback to savepoint a",
        "release savepoint a",
        "declare c cursor for select generate_series(1, 10)",
    ):
        run(sql, transactionId=begun)
    fetched = run("fetch 3 from c", transactionId=begun)["records"]
    assert fetched == [[{"longValue": number}] for number in (1, 2, 3)]
    admin().commit_transaction(**AS_ADMIN, transactionId=begun)
    assert count() == 0


def test_statements_that_no_transaction_can_hold():
    run("create database conformance_attic")
    run(f"vacuum {TABLE}")
    run("drop database conformance_attic")


def test_a_transaction_belongs_to_its_caller():
    begun = begin()
    answer = refusal(app().execute_statement, **TARGET, sql="select 1", transactionId=begun)
    assert answer[:2] == (404, "TransactionNotFoundException")
    admin().rollback_transaction(**AS_ADMIN, transactionId=begun)


def test_app_user_may_not_create():
    answer = refusal(app().execute_statement, **TARGET, sql="create table attic (id int)")
    assert answer[1] == "DatabaseErrorException" and "SQLState: 42501" in answer[2]
