"""The demo application before the gateway: in dev, a header names the tenant; else a token."""

import json
import os
import pathlib
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "wire-python"))

import door

SECONDS_MAX = 60


class Api:
    """`items-api`, on a free port, stopped by its process id."""

    def __init__(self, *arguments):
        address = door.address()
        url = f"postgres://app_user:app_user@{address['host']}:{address['port']}/postgres"
        self.process = subprocess.Popen(
            [os.environ["ROWHOUSE_EXAMPLE"], "--listen", "127.0.0.1:0", *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"DATABASE_URL": url},
        )
        self.url = self.process.stdout.readline().removeprefix("ready ").strip()

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()

    def ask(self, method, path, headers=None, body=None):
        """Status and JSON, as curl shows them."""
        headers = (headers or {}) | {"Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            answer = urllib.request.urlopen(request, timeout=SECONDS_MAX)
        except urllib.error.HTTPError as refused:
            answer = refused
        with answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None


@pytest.fixture(scope="module")
def dev():
    api = Api("--dev")
    yield api
    api.stop()


@pytest.fixture(scope="module")
def api():
    api = Api()
    yield api
    api.stop()


def pytest_terminal_summary(terminalreporter):
    reports = terminalreporter.stats
    failed = len(reports.get("failed", [])) + len(reports.get("error", []))
    terminalreporter.write_line(f"{len(reports.get('passed', []))} passed, {failed} failed")
