"""Who comes in by the PostgreSQL door, and the schema that the programs work in.

`rowhouse dev` writes where its doors are into DATA_DIR/endpoints.json. With ROWHOUSE_PG, a host
and a port, the programs talk to that one: a PostgreSQL with the same roles answers the same.
"""

import contextlib
import json
import os
import pathlib
import subprocess
import time

import asyncpg
import psycopg

DATA_DIR = pathlib.Path(os.environ.get("ROWHOUSE_DATA_DIR", ".rowhouse"))
PROGRAM = os.environ.get("ROWHOUSE_PROGRAM", "rowhouse")
PASSWORDS = {"app_user": "app_user"}
SEED_PASSWORD = "TestPW123!"
# A machine that compiles something else meanwhile.
SOON_S = 60
SETTING = "app.current_tenant"


def cluster():
    """The PostgreSQL behind the door, as its operator reaches it."""
    found = json.loads((DATA_DIR / "cluster.json").read_text())
    password = pathlib.Path(found["superuser_password_file"]).read_text().strip()
    return {
        "host": found["host"],
        "port": found["port"],
        "user": found["superuser"],
        "password": password,
    }


def is_direct():
    return "ROWHOUSE_PG" in os.environ


def address():
    named = os.environ.get("ROWHOUSE_PG")
    if named is None:
        named = json.loads((DATA_DIR / "endpoints.json").read_text())["pg"]
    host, port = named.rsplit(":", 1)
    return {"host": host, "port": int(port)}


def login(user="app_user", database="postgres"):
    """What every driver calls by the same names, but for the database."""
    return address() | {"user": user, "password": PASSWORDS.get(user, SEED_PASSWORD)}


def tenant_options(tenant):
    return f"-c {SETTING}={tenant}"


def connect(tenant=None, user="app_user", database="postgres", **more):
    """psycopg, as an application that says its tenant when it connects."""
    if tenant is not None:
        more["options"] = f"{tenant_options(tenant)} {more.get('options', '')}"
    return psycopg.connect(**login(user) | {"dbname": database} | more)


async def connect_async(tenant=None, **more):
    """asyncpg, the same way; it names settings instead of writing `options`."""
    if tenant is not None:
        more["server_settings"] = {SETTING: str(tenant)} | more.get("server_settings", {})
    return await asyncpg.connect(**login() | {"database": "postgres"} | more)


def token(tenant):
    command = [PROGRAM, "token", "--data-dir", str(DATA_DIR), "--tenant", str(tenant)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@contextlib.contextmanager
def operator():
    with psycopg.connect(**cluster(), dbname="postgres", autocommit=True) as connection:
        yield connection


def until_running(like):
    """Until PostgreSQL works at a statement like that, whoever sent it."""
    sql = "select from pg_stat_activity where state = 'active' and query like %s"
    deadline = time.monotonic() + SOON_S
    with operator() as connection:
        while time.monotonic() < deadline:
            if connection.execute(f"{sql} and pid <> pg_backend_pid()", [like]).rowcount:
                return
    raise AssertionError(f"{like} is not running after {SOON_S} s")


SCHEMA = """
    drop schema if exists {schema} cascade;
    create schema {schema};
    grant usage on schema {schema} to app_user;
    create table {schema}.note (
        tenant_id text not null default current_setting('app.current_tenant'),
        id bigint generated always as identity,
        body text not null,
        at timestamptz not null default now(),
        primary key (tenant_id, id)
    );
    create policy own on {schema}.note
        using (tenant_id = (select nullif(current_setting('app.current_tenant', true), '')))
        with check (tenant_id = (select nullif(current_setting('app.current_tenant', true), '')));
    alter table {schema}.note enable row level security;
    alter table {schema}.note force row level security;
    create table {schema}.plain (id bigint, body text, amount numeric(12, 2));
    grant select, insert, update, delete on all tables in schema {schema} to app_user;
"""


@contextlib.contextmanager
def schema(name):
    """A walled table `note` and one without walls, which COPY FROM wants, for as long as needed."""
    with operator() as connection:
        connection.execute(SCHEMA.format(schema=name))
        yield name
        connection.execute(f"drop schema {name} cascade")
