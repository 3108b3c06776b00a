"""A gateway of its own before the same PostgreSQL, with moto as AWS behind it.

moto answers as Secrets Manager and STS do, remembers every request, and forgets all when it ends.
"""

import base64
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request

import boto3
import botocore.config
import jwt
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "boto3"))

from callers import CLUSTER_ARN, DATA_DIR, PROGRAM, REGION, admin, secret_arn, with_token

AS_ADMIN = {"resourceArn": CLUSTER_ARN, "secretArn": secret_arn("admin"), "database": "postgres"}
KEY = "the key of the tokens of these programs"
AWS_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIAROWHOUSEGATEWAY0",
    "AWS_SECRET_ACCESS_KEY": "the-gateways-own",
    "AWS_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}
# A machine that compiles something else meanwhile.
SOON_S = 60


def as_admin(sql):
    """One statement as the superuser, outside of what is being tried."""
    return admin().execute_statement(**AS_ADMIN, sql=sql)


def until(what, look):
    """What there is to see, as soon as there is something."""
    deadline = time.monotonic() + SOON_S
    while time.monotonic() < deadline:
        seen = look()
        if seen:
            return seen
        # Another process changes at its own time and tells nobody.
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {SOON_S} s")


class Moto:
    """moto's server, started and stopped by its process id, always on the same port."""

    def __init__(self, folder):
        self.folder, self.port, self.process = folder, 0, None
        self.start()

    def start(self):
        log = self.folder / "moto.log"
        server = pathlib.Path(sys.executable).parent / "moto_server"
        with log.open("w") as said:
            command = [server, "-H", "127.0.0.1", "-p", str(self.port)]
            environment = os.environ | {"MOTO_RECORDER_FILEPATH": str(self.folder / "recording")}
            self.process = subprocess.Popen(
                command, stdout=said, stderr=subprocess.STDOUT, env=environment
            )
        found = until("moto", lambda: re.search(r"http://127.0.0.1:(\d+)", log.read_text()))
        self.port = int(found[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self.record()

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None

    @property
    def secrets(self):
        config = botocore.config.Config(retries={"total_max_attempts": 1})
        keys = {"aws_access_key_id": "operator", "aws_secret_access_key": "operator"}
        return boto3.client(
            "secretsmanager", endpoint_url=self.url, region_name=REGION, config=config, **keys
        )

    def put(self, name, role, password):
        """A secret as RDS writes it; gives its version."""
        text = secret_text(role, password)
        try:
            return self.secrets.put_secret_value(SecretId=name, SecretString=text)["VersionId"]
        except self.secrets.exceptions.ResourceNotFoundException:
            return self.secrets.create_secret(Name=name, SecretString=text)["VersionId"]

    def record(self):
        """Forgets the requests so far, and remembers those to come."""
        for action in ("reset-recording", "start-recording"):
            request = urllib.request.Request(f"{self.url}/moto-api/recorder/{action}", b"")
            urllib.request.urlopen(request, timeout=SOON_S).close()

    def requests(self):
        """What was asked since then."""
        with urllib.request.urlopen(f"{self.url}/moto-api/recorder/download-recording") as answer:
            lines = answer.read().decode().splitlines()
        requests = [json.loads(line) for line in lines]
        for request in requests:
            if request.get("body_encoded"):
                request["body"] = base64.b64decode(request["body"]).decode()
        return requests


def secret_text(role, password):
    connection = {"engine": "postgres", "host": "not-read.example", "port": 5432, "dbname": "no"}
    return json.dumps({"username": role, "password": password} | connection)


class Gateway:
    """`rowhouse serve` with the given blocks of configuration."""

    def __init__(self, folder, moto, blocks, settings=None):
        cluster = json.loads((DATA_DIR / "cluster.json").read_text())
        config = folder / "rowhouse.toml"
        config.write_text(f"""
            [http]
            listen = "127.0.0.1:0"
            [admin]
            listen = "127.0.0.1:0"
            [log]
            level = "debug"
            [pool]
            shards = 2
            [jwt]
            audience = "secrets"
            [[jwt.key]]
            algorithm = "HS256"
            secret = "{KEY}"
            [[server]]
            name = "dev"
            host = "{cluster["socket_dir"]}"
            port = {cluster["port"]}
            [[resource]]
            arn = "{CLUSTER_ARN}"
            server = "dev"
            [[resource.database]]
            name = "postgres"
            tenant_settings = ["app.current_tenant"]
            {blocks}
        """)
        self.log = folder / "gateway.log"
        environment = os.environ | AWS_ENVIRONMENT | {"AWS_ENDPOINT_URL": moto.url}
        environment |= {f"ROWHOUSE_{name}": value for name, value in (settings or {}).items()}
        with self.log.open("w") as said:
            self.process = subprocess.Popen(
                [PROGRAM, "serve", "--config", config],
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                env=environment,
            )
        ready = self.process.stdout.readline()
        assert ready.startswith("ready "), self.log.read_text()
        self.http, self.admin = re.search(r"http=(\S+) .*admin=(\S+)", ready).groups()

    def stop(self):
        self.process.terminate()
        assert self.process.wait() == 0
        self.process.stdout.close()
        return self.log.read_text()

    def tenant(self, name, key=KEY):
        """A tenant's client, with a token that this gateway's issuer has signed."""
        claims = {"sub": "somebody", "aud": "secrets", "tenant_id": name}
        signed = jwt.encode(claims | {"exp": int(time.time()) + 600}, key, "HS256")
        return with_token(signed, self.http)

    def is_ready(self):
        try:
            urllib.request.urlopen(f"{self.admin}/readyz", timeout=SOON_S).close()
        except urllib.error.HTTPError:
            return False
        return True


@pytest.fixture
def moto(tmp_path):
    server = Moto(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def serve(tmp_path, moto):
    """Starts gateways; their logs never hold a password, whatever happened."""
    started = []

    def start(blocks, **settings):
        started.append(Gateway(tmp_path, moto, blocks, settings))
        return started[-1]

    yield start
    for gateway in started:
        log = gateway.stop()
        assert "password-" not in log and "panicked" not in log
        assert "sdk_invocation_id" not in log, "the SDK writes no lines here"


@pytest.fixture
def role():
    """Makes roles that may do what app_user may, and takes them away."""
    made = []

    def make(name, password, options=""):
        made.append(name)
        as_admin(f"drop role if exists {name}")
        as_admin(f"create role {name} login password '{password}' in role app_user {options}")
        return name

    yield make
    for name in made:
        until(f"{name} is gone", lambda: drop(name))


def drop(name):
    try:
        as_admin(f"drop role {name}")
    except botocore.exceptions.ClientError:
        return False
    return True


def pytest_terminal_summary(terminalreporter):
    reports = terminalreporter.stats
    failed = len(reports.get("failed", [])) + len(reports.get("error", []))
    terminalreporter.write_line(f"{len(reports.get('passed', []))} passed, {failed} failed")
