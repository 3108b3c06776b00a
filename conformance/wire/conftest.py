"""The programs here connect to the PostgreSQL door as the users of the ApsaraDB document do."""

import json
import os
import pathlib

import psycopg
import pytest

DATA_DIR = pathlib.Path(os.environ.get("ROWHOUSE_DATA_DIR", ".rowhouse"))
PASSWORDS = {"app_user": "app_user"}


def door():
    """Host and port of the door."""
    host, port = json.loads((DATA_DIR / "endpoints.json").read_text())["pg"].rsplit(":", 1)
    return host, int(port)


def login(user, **more):
    """What libpq is told."""
    host, port = door()
    password = PASSWORDS.get(user, "TestPW123!")
    return {"host": host, "port": port, "user": user, "password": password,
            "dbname": "rls_vip", **more}


@pytest.fixture
def t1():
    with psycopg.connect(**login("t1"), autocommit=True) as connection:
        yield connection


@pytest.fixture
def app():
    with psycopg.connect(**login("app_user"), autocommit=True) as connection:
        yield connection


@pytest.fixture
def operator():
    with psycopg.connect(**login("bypassrls_user")) as connection:
        yield connection


def pytest_terminal_summary(terminalreporter):
    reports = terminalreporter.stats
    failed = len(reports.get("failed", [])) + len(reports.get("error", []))
    terminalreporter.write_line(f"{len(reports.get('passed', []))} passed, {failed} failed")
