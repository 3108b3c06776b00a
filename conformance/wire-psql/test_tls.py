"""psql over TLS, as an operator would have it: the server's certificate checked, the password
bound to it."""

import shutil
import subprocess

import pytest
from conftest import PSQL, SECONDS_MAX
from secure import SecureDoor

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes certificates")


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    if PSQL is None:
        pytest.skip("no psql here: install postgresql-client")
    secure = SecureDoor(tmp_path_factory.mktemp("tls"))
    yield secure
    secure.stop()


def run(login, *commands):
    text = " ".join(f"{name}='{value}'" for name, value in login.items())
    arguments = [PSQL, "-X", "-A", "-t", *(word for one in commands for word in ("-c", one)), text]
    ran = subprocess.run(arguments, capture_output=True, text=True, timeout=SECONDS_MAX)
    return ran.stdout.strip(), ran.stderr.strip()


def test_verify_full(secure):
    said, _ = run(secure.login(), "\\conninfo", "select tenant_id from sh_vip.t_user")
    assert said.endswith("1") and "TLSv1.3" in said


def test_another_authority(secure):
    said, refused = run(secure.login(sslrootcert=secure.other), "select 1")
    assert not said and "certificate verify failed" in refused


def test_a_certificate_of_its_own(secure):
    own = {"sslcert": secure.folder / "reports.pem", "sslkey": secure.folder / "reports.key"}
    login = secure.login(user="reports", channel_binding="prefer", password="", **own)
    assert run(login, "select tenant_id from sh_vip.t_user")[0] == "2"


def test_many_guesses(secure):
    for _ in range(12):
        _, refused = run(secure.login(user="t2", password="guess"), "select 1")
    assert "too many logins from this address have failed: try again in" in refused
    assert run(secure.login(user="t1"), "select 1")[0] == "1"
