"""The SDK over TLS, with a certificate whose authority is not one of the system's."""

import os
import re
import shutil
import signal
import subprocess
import time

import boto3
import botocore.config
import botocore.exceptions
import pytest

from callers import DATA_DIR, PROGRAM, REGION, SECRET, TARGET

# A machine that compiles something else meanwhile.
SOON_S = 60

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes certificates")


def certify(folder, authority):
    """A new authority, and a certificate of it for localhost."""
    key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    for command in (
        f"req -x509 -days 2 {key} -keyout {authority}.key -out {authority}.pem"
        " -subj /CN=authority -addext keyUsage=critical,keyCertSign",
        f"req {key} -keyout server.key -out server.csr -subj /CN=localhost",
        f"x509 -req -days 2 -in server.csr -CA {authority}.pem -CAkey {authority}.key"
        " -CAcreateserial -extfile names -out server.pem",
    ):
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
    return folder / f"{authority}.pem"


class Secure:
    """`rowhouse serve` with TLS, before the PostgreSQL of `rowhouse dev`."""

    def __init__(self, folder):
        self.folder, self.authority = folder, certify(folder, "first")
        settings = {
            "HTTP__LISTEN": "127.0.0.1:0",
            "ADMIN__LISTEN": "127.0.0.1:0",
            # The one beside the configuration is that of the gateway that runs.
            "USAGE__JOURNAL_DIR": str(folder / "usage"),
            "HTTP__TLS_CERTIFICATE_FILE": str(folder / "server.pem"),
            "HTTP__TLS_KEY_FILE": str(folder / "server.key"),
        }
        self.process = subprocess.Popen(
            [PROGRAM, "serve", "--config", DATA_DIR / "rowhouse.toml"],
            stdout=subprocess.PIPE,
            stderr=(folder / "log").open("w"),
            text=True,
            env=os.environ | {f"ROWHOUSE_{name}": value for name, value in settings.items()},
        )
        ready = self.process.stdout.readline()
        port = re.search(r"http=https://127\.0\.0\.1:(\d+)", ready)
        assert port, (folder / "log").read_text()
        self.url = f"https://localhost:{port[1]}"

    def client(self, authority):
        return boto3.client(
            "rds-data",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="ROWHOUSEDEV",
            aws_secret_access_key=SECRET,
            config=botocore.config.Config(retries={"total_max_attempts": 1}),
            verify=authority if authority in (None, True) else str(authority),
        )


@pytest.fixture
def secure(tmp_path):
    gateway = Secure(tmp_path)
    yield gateway
    gateway.process.terminate()
    assert gateway.process.wait(SOON_S) == 0
    gateway.process.stdout.close()


def one(client):
    answer = client.execute_statement(**TARGET, database="postgres", sql="select 1")
    return answer["records"][0][0]["longValue"]


def test_an_authority_of_our_own(secure, monkeypatch):
    client = secure.client(secure.authority)
    assert [one(client) for _ in range(3)] == [1, 1, 1]
    begun = client.begin_transaction(**TARGET, database="postgres")
    client.commit_transaction(
        resourceArn=TARGET["resourceArn"],
        secretArn=TARGET["secretArn"],
        transactionId=begun["transactionId"],
    )
    with pytest.raises(botocore.exceptions.SSLError):
        one(secure.client(True))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(secure.authority))
    assert one(secure.client(None)) == 1


def test_a_renewed_certificate(secure):
    kept = secure.client(secure.authority)
    assert one(kept) == 1
    second = certify(secure.folder, "second")
    secure.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + SOON_S
    while True:
        try:
            assert one(secure.client(second)) == 1
            break
        except botocore.exceptions.SSLError:
            assert time.monotonic() < deadline
            # It is followed in the gateway's own time.
            time.sleep(0.05)
    # Its connection was made before.
    assert one(kept) == 1
    with pytest.raises(botocore.exceptions.SSLError):
        one(secure.client(secure.authority))
