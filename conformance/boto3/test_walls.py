"""What one caller does, no other caller meets; what a tenant sends, it stays that tenant."""

import concurrent.futures

import pytest
from callers import TARGET, admin, app, refusal, secret_arn, tenant

NAMES = "select tenant_name from tenant order by tenant_id"


def names(client, sql=NAMES, **more):
    records = client.execute_statement(**TARGET, sql=sql, **more)["records"]
    return [record[0]["stringValue"] for record in records]


@pytest.mark.parametrize(
    "leave_behind",
    [
        "set app.current_tenant = 2",
        "set session app.current_tenant = 2",
        "set local app.current_tenant = 2",
        "select set_config('app.current_tenant', '2', false)",
        "select set_config('app.current_tenant', '2', true)",
        "do $$ begin perform set_config('app.current_tenant', '2', false); end $$",
    ],
)
def test_a_tenant_set_by_one_call_is_not_seen_by_the_next(leave_behind):
    app().execute_statement(**TARGET, sql=leave_behind)
    for _ in range(20):
        assert names(app()) == []
        assert names(tenant("1")) == ["Tenant1"]


def test_a_tenant_set_in_a_transaction_ends_with_it():
    for end in (app().commit_transaction, app().rollback_transaction):
        begun = app().begin_transaction(**TARGET)["transactionId"]
        app().execute_statement(**TARGET, sql="set app.current_tenant = 3", transactionId=begun)
        assert names(app(), transactionId=begun) == ["Tenant3"]
        assert names(app()) == []
        end(**TARGET, transactionId=begun)
        assert names(app()) == []


@pytest.mark.parametrize(
    "sql",
    [
        "set app.current_tenant = 2",
        "SET LOCAL app.current_tenant TO '2'",
        "select set_config('app.current_tenant', '2', false)",
        "set role owner",
        "reset all",
        "discard all",
    ],
)
def test_a_tenant_cannot_become_another(sql):
    status, name, message = refusal(tenant("1").execute_statement, **TARGET, sql=sql)
    assert (status, name) == (400, "DatabaseErrorException")
    assert "42501" in message
    assert names(tenant("1")) == ["Tenant1"]


def test_a_tenant_stays_itself_in_its_transactions():
    begun = tenant("2").begin_transaction(**TARGET)["transactionId"]
    assert names(tenant("2"), transactionId=begun) == ["Tenant2"]
    status, name, _ = refusal(
        tenant("1").execute_statement, **TARGET, sql=NAMES, transactionId=begun
    )
    assert (status, name) == (404, "TransactionNotFoundException"), "another caller's transaction"
    tenant("2").rollback_transaction(**TARGET, transactionId=begun)


def test_only_an_admin_may_be_the_superuser():
    as_admin = TARGET | {"secretArn": secret_arn("admin")}
    count = "select count(*) from tenant"
    answer = admin().execute_statement(**as_admin, sql=count)
    assert answer["records"] == [[{"longValue": 3}]]
    for client in (app(), tenant("1")):
        status, name, _ = refusal(client.execute_statement, **as_admin, sql=count)
        assert (status, name) == (403, "AccessDeniedException")


def test_many_tenants_at_once_see_their_own_rows():
    def ask(number):
        name = str(number % 3 + 1)
        return names(tenant(name)) == [f"Tenant{name}"]

    for name in ("1", "2", "3"):
        tenant(name)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(600)))
