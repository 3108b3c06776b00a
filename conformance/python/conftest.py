"""The programs here call as those beside them do, each in a PostgreSQL schema of its own."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "boto3"))

from callers import CLUSTER_ARN, admin, secret_arn

AS_ADMIN = {"resourceArn": CLUSTER_ARN, "secretArn": secret_arn("admin"), "database": "postgres"}


def as_admin(sql):
    """One statement as the superuser, outside of what is being tried."""
    return admin().execute_statement(**AS_ADMIN, sql=sql)


@pytest.fixture(scope="module")
def schema(request):
    """A schema named like the program, empty whatever an earlier run has left."""
    name = request.module.__name__.replace("test_", "conformance_")
    as_admin(f"drop schema if exists {name} cascade")
    as_admin(f"create schema {name}")
    as_admin(f"grant usage on schema {name} to app_user")
    yield name
    as_admin(f"drop schema {name} cascade")


def wall_off(table):
    """Only a tenant's own rows: the policy of the README."""
    own = "tenant_id = (select nullif(current_setting('app.current_tenant', true), '')::int)"
    for sql in (
        f"grant select, insert, update, delete on {table} to app_user",
        f"create policy tenant on {table} using ({own}) with check ({own})",
        f"alter table {table} enable row level security",
        f"alter table {table} force row level security",
    ):
        as_admin(sql)


def pytest_terminal_summary(terminalreporter):
    reports = terminalreporter.stats
    failed = len(reports.get("failed", [])) + len(reports.get("error", []))
    terminalreporter.write_line(f"{len(reports.get('passed', []))} passed, {failed} failed")
