"""psql, and whom it comes in as; the rest is as beside it."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "wire-python"))

import door

PSQL = shutil.which("psql")
SECONDS_MAX = 60


def run_psql(user, database, commands, options="", more=()):
    """What psql prints of commands in one session, errors where they happen; one text for each."""
    address = door.address()
    environment = os.environ | {
        "PGHOST": address["host"],
        "PGPORT": str(address["port"]),
        "PGUSER": user,
        "PGDATABASE": database,
        "PGPASSWORD": door.PASSWORDS.get(user, door.SEED_PASSWORD),
        "PGOPTIONS": options,
        "PGCLIENTENCODING": "UTF8",
    }
    arguments = [PSQL, "-X", "-P", "pager=off", "-P", "linestyle=ascii", *more]
    mark = "--- next ---"
    for command in commands:
        arguments += ["-c", command, "-c", f"\\echo {mark}"]
    ran = subprocess.run(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        timeout=SECONDS_MAX,
    )
    return [text.strip("\n") for text in ran.stdout.split(mark)[: len(commands)]]


@pytest.fixture
def psql():
    if PSQL is None:
        pytest.skip("no psql here: install postgresql-client")
    return run_psql


def pytest_terminal_summary(terminalreporter):
    reports = terminalreporter.stats
    failed = len(reports.get("failed", [])) + len(reports.get("error", []))
    terminalreporter.write_line(f"{len(reports.get('passed', []))} passed, {failed} failed")
