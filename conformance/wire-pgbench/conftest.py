"""pgbench, as whom it comes in, and the table that it works on."""

import contextlib
import functools
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "wire-python"))

import door

PGBENCH = shutil.which("pgbench") or next(
    (str(path) for path in sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/pgbench"))), None
)
SCHEMA = "wire_pgbench"
# pgbench knows whole seconds; one that cannot end is stuck.
GRACE_S = 120


def pytest_addoption(parser):
    parser.addoption("--seconds", type=int, default=20, help="how long each mode runs")


@pytest.fixture(scope="session")
def seconds(request):
    return request.config.getoption("seconds")


@pytest.fixture(scope="session")
def table():
    """Counters and notes of many tenants, behind row-level security."""
    with door.operator() as operator:
        operator.execute(f"drop schema if exists {SCHEMA} cascade")
        operator.execute(pathlib.Path(__file__).with_name("schema.sql").read_text())
        yield SCHEMA
        operator.execute(f"drop schema {SCHEMA} cascade")


@functools.cache
def token(tenant):
    return door.token(tenant)


class Crowd:
    """pgbench once for each tenant, all of them side by side."""

    def __init__(self, tenants):
        self.tokens = {tenant: token(tenant) for tenant in tenants}

    def run(self, script, mode, seconds, clients=1):
        """How many transactions each tenant's pgbench has done. Any failed one fails the run."""
        with contextlib.ExitStack() as stack:
            running = {
                tenant: stack.enter_context(self.start(tenant, script, mode, seconds, clients))
                for tenant in self.tokens
            }
            return {
                tenant: done(process, tenant, seconds + GRACE_S)
                for tenant, process in running.items()
            }

    def start(self, tenant, script, mode, seconds, clients):
        address = door.address()
        environment = os.environ | {
            "PGHOST": address["host"],
            "PGPORT": str(address["port"]),
            "PGUSER": f"tenant {tenant}",
            "PGPASSWORD": self.tokens[tenant],
            "PGSSLMODE": "disable",
        }
        command = [PGBENCH, "--no-vacuum", "--protocol", mode, "--time", str(seconds)]
        command += ["--client", str(clients), "--define", f"tenant={tenant}"]
        command += ["--file", str(pathlib.Path(__file__).with_name(script)), "postgres"]
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )


def done(process, tenant, seconds_max):
    try:
        printed, errors = process.communicate(timeout=seconds_max)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode == 0, f"tenant {tenant}: {errors}{printed}"
    assert "error" not in errors, f"tenant {tenant}: {errors}"
    failed = re.search(r"number of failed transactions: (\d+)", printed)
    assert failed is None or failed[1] == "0", f"tenant {tenant}: {printed}"
    processed = re.search(r"number of transactions actually processed: (\d+)", printed)
    return int(processed[1])


@pytest.fixture(scope="session")
def crowd():
    if PGBENCH is None:
        pytest.skip("no pgbench here: install postgresql-contrib")
    return Crowd


def pytest_terminal_summary(terminalreporter):
    reports = terminalreporter.stats
    failed = len(reports.get("failed", [])) + len(reports.get("error", []))
    terminalreporter.write_line(f"{len(reports.get('passed', []))} passed, {failed} failed")
