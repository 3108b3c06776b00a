"""A schema for each program, and one line at the end that a person and a script can read."""

import door
import pytest


@pytest.fixture(scope="module")
def schema(request):
    with door.schema(request.module.__name__.replace("test_", "wire_")) as name:
        yield name


@pytest.fixture
def note(schema):
    return f"{schema}.note"


@pytest.fixture
def plain(schema):
    """Nobody's rows; none at the beginning."""
    with door.operator() as operator:
        operator.execute(f"truncate {schema}.plain")
    return f"{schema}.plain"


def pytest_terminal_summary(terminalreporter):
    reports = terminalreporter.stats
    failed = len(reports.get("failed", [])) + len(reports.get("error", []))
    terminalreporter.write_line(f"{len(reports.get('passed', []))} passed, {failed} failed")
