"""Each script is said to the PostgreSQL behind the door and to the door; they answer alike."""

import pathlib
import sys
import tomllib

import pytest

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "wire-python"))

import door
import wire

PARAMETERS = {
    "user": "app_user",
    "database": "postgres",
    "options": f"{door.tenant_options(1)} -c search_path=wire_scripts,public",
    # PostgreSQL's own may be that of the machine.
    "TimeZone": "UTC",
    "application_name": "scripts",
}
# Said of the server, which is one; of who speaks to it, what was asked for.
REPORTED = ["server_version", "application_name", "client_encoding", "TimeZone", "DateStyle"]


def scripts():
    found = {}
    for line in (HERE / "scripts.txt").read_text().splitlines():
        if line.startswith("## "):
            lines = found.setdefault(line[3:], [])
        elif found and line:
            lines.append(line)
    return found


SCRIPTS = scripts()
DIFFERENCES = tomllib.loads((HERE / "differences.toml").read_text()).get("difference", [])
REASONS = {difference["script"]: difference["reason"] for difference in DIFFERENCES}


# What is looked at when a transaction ends, and what no COPY goes into.
MORE = """
    create table wire_scripts.late (id bigint unique deferrable initially deferred);
    create view wire_scripts.seen as select 1::bigint as id;
    grant select, insert on wire_scripts.late, wire_scripts.seen to app_user;
"""
TABLES = "wire_scripts.note, wire_scripts.plain, wire_scripts.late"


@pytest.fixture(scope="module")
def operator():
    with door.schema("wire_scripts"), door.operator() as operator:
        operator.execute(MORE)
        yield operator


def addresses():
    cluster = door.cluster()
    return [{"host": cluster["host"], "port": cluster["port"]}, door.address()]


def answers(operator, address, lines):
    operator.execute(f"truncate {TABLES} restart identity")
    connection = wire.Connection(address, PARAMETERS, door.PASSWORDS["app_user"])
    try:
        assert connection.refusal is None, connection.refusal
        return [(line, connection.say(line)) for line in lines]
    finally:
        connection.close()


@pytest.mark.parametrize("name", SCRIPTS)
def test_script(operator, name):
    direct, through = (answers(operator, address, SCRIPTS[name]) for address in addresses())
    if name in REASONS and not door.is_direct():
        assert direct != through, "no difference any more, and differences.toml has one"
        return
    for (line, expected), (_, found) in zip(direct, through, strict=True):
        assert found == expected, line


def test_differences_are_of_scripts():
    assert set(REASONS) <= set(SCRIPTS) and all(REASONS.values())
    assert len(SCRIPTS) >= 100


def test_what_a_session_is_told(operator):
    told = []
    for address in addresses():
        connection = wire.Connection(address, PARAMETERS, door.PASSWORDS["app_user"])
        told.append({name: connection.parameters.get(name) for name in REPORTED})
        connection.close()
    assert told[0] == told[1]


@pytest.mark.parametrize(
    "more",
    [{"user": "nobody"}, {"database": "nowhere"}, {"options": "-c"}, {"TimeZone": "nowhere"}],
    ids=["user", "database", "options", "TimeZone"],
)
def test_who_is_refused(more):
    refusals = []
    for address in addresses():
        connection = wire.Connection(address, PARAMETERS | more, door.PASSWORDS["app_user"])
        refusals.append(connection.refusal)
        connection.close()
    for refusal in refusals:
        assert refusal and "FATAL" in refusal, refusals
