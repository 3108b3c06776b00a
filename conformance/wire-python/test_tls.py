"""psycopg over TLS: certificates both ways, and passwords that are bound to them."""

import shutil

import door
import psycopg
import pytest
from secure import SecureDoor

pytestmark = [
    pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes certificates"),
    pytest.mark.skipif(door.is_direct(), reason="it is about the door's own certificate"),
]

VISIBLE = "select array_agg(tenant_id order by tenant_id) from sh_vip.t_user"


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    secure = SecureDoor(tmp_path_factory.mktemp("tls"), WIRE__CHANNEL_BINDING="require")
    yield secure
    secure.stop()


def visible(secure, **more):
    with psycopg.connect(**secure.login(**more)) as connection:
        assert connection.pgconn.ssl_in_use
        return connection.execute(VISIBLE).fetchone()[0]


def test_a_bound_password(secure):
    assert visible(secure) == [1]
    assert visible(secure, user="t2") == [2]
    assert visible(secure, channel_binding="prefer") == [1]


def test_what_does_not_do(secure):
    for more, why in [
        ({"password": "guess"}, "password authentication failed"),
        ({"sslrootcert": str(secure.other)}, "certificate verify failed"),
        ({"host": "127.0.0.1"}, "certificate for .* does not match|doesn't match"),
        ({"channel_binding": "disable"}, "SASL|channel binding"),
        ({"sslmode": "disable", "channel_binding": "prefer"}, "sslmode=require"),
    ]:
        with pytest.raises(psycopg.OperationalError, match=why):
            visible(secure, **more)


def test_a_token(secure):
    # Not bound, but nobody else hears it.
    login = {"user": "anybody", "password": door.token(2), "channel_binding": "prefer"}
    assert visible(secure, **login) == [2]


def test_a_certificate_instead_of_a_password(secure):
    own = {name: str(secure.folder / f"reports.{kind}") for name, kind in
           [("sslcert", "pem"), ("sslkey", "key")]}
    login = {"user": "reports", "password": "", "channel_binding": "prefer"}
    assert visible(secure, **login, **own) == [2]
    with pytest.raises(psycopg.OperationalError, match="authentication failed|no password"):
        visible(secure, **login)


@pytest.mark.skipif(psycopg.pq.version() < 170000, reason="sslnegotiation came with libpq 17")
def test_tls_at_once(secure):
    assert visible(secure, sslnegotiation="direct") == [1]
