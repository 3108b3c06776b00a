"""Every failed proof of identity is a 403 with one public sentence, whatever was wrong with it."""

import time

import jwt
import pytest
from callers import TARGET, post, refusal, signing_key, token, with_key, with_token
from cryptography.hazmat.primitives.asymmetric import rsa

SQL = "select 1"


def forged(claims=None, key=None, algorithm="HS256", without=(), **headers):
    """A good token with something changed."""
    good = jwt.decode(token("1"), options={"verify_signature": False})
    headers = jwt.get_unverified_header(token("1")) | headers
    headers.pop("alg")
    claims = {name: value for name, value in (good | (claims or {})).items() if name not in without}
    return jwt.encode(claims, key or signing_key(), algorithm, headers)


def unsigned():
    good = jwt.decode(token("1"), options={"verify_signature": False})
    return jwt.encode(good, None, "none")


def signature_changed():
    head, _, last = token("1").rpartition(".")
    return head + "." + ("A" if last[0] != "A" else "B") + last[1:]


OTHER_KEY = b"another key, long enough for HS256, not this gateway's"

TOKENS = {
    "expired": lambda: forged({"exp": int(time.time()) - 3600}),
    "alg none": unsigned,
    "alg none, signature kept": lambda: unsigned() + token("1").rpartition(".")[2],
    "signed with another key": lambda: forged(key=OTHER_KEY),
    "signature changed": signature_changed,
    "signature missing": lambda: token("1").rpartition(".")[0] + ".",
    "another algorithm": lambda: forged(algorithm="HS512"),
    "an RSA key nobody knows": lambda: forged(
        key=rsa.generate_private_key(65537, 2048), algorithm="RS256"
    ),
    "unknown key id": lambda: forged(kid="nobody"),
    "another audience": lambda: forged({"aud": "somebody-else"}),
    "no audience": lambda: forged(without=["aud"]),
    "no expiry": lambda: forged(without=["exp"]),
    "expiry is a text": lambda: forged({"exp": "9999999999"}, without=[]),
    "not valid yet": lambda: forged({"nbf": int(time.time()) + 3600}),
    "no tenant": lambda: forged(without=["tenant_id"]),
    "tenant is a list": lambda: forged({"tenant_id": ["1", "2"]}),
    "empty tenant": lambda: forged({"tenant_id": ""}),
    "tenant with a NUL": lambda: forged({"tenant_id": "1\0"}),
    "critical header": lambda: forged(crit=["b64"], b64=True),
    "not a token": lambda: "hello",
    "only dots": lambda: "..",
    "100 KiB": lambda: "a" * 100_000,
}


def test_the_token_that_is_changed_here_is_good():
    answer = with_token(forged()).execute_statement(**TARGET, sql=SQL)
    assert answer["records"] == [[{"longValue": 1}]]


@pytest.fixture(scope="module")
def sentence():
    """The one public sentence."""
    return refusal(with_token("hello").execute_statement, **TARGET, sql=SQL)[2]


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS.keys())
def test_bad_tokens(token, sentence):
    presented = token()
    if len(presented) > 65_536:
        try:
            status, name, _ = post("/Execute", b"{}", {"Authorization": f"Bearer {presented}"})
        except OSError:
            # Closed before it was all sent: a refusal as well.
            return
        assert (status, name) in [(403, "AccessDeniedException"), (431, None)]
        return
    answer = refusal(with_token(presented).execute_statement, **TARGET, sql=SQL)
    assert answer == (403, "AccessDeniedException", sentence)
    assert "\n" not in sentence and presented not in sentence


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic cm9vdDpyb290"},
        {"X-tenant-id": "1"},
    ],
    ids=str,
)
def test_no_token(headers, sentence):
    answer = post("/Execute", b"{}", headers)
    assert answer == (403, "AccessDeniedException", sentence)


def test_another_secret_does_not_fit(sentence):
    client = with_key("ROWHOUSEDEV", "another secret")
    answer = refusal(client.execute_statement, **TARGET, sql=SQL)
    assert answer == (403, "InvalidSignatureException", sentence)


def test_an_unknown_key_is_refused():
    client = with_key("NOBODYSKEY")
    status, name, _ = refusal(client.execute_statement, **TARGET, sql=SQL)
    assert status == 403
    assert name in ("AccessDeniedException", "InvalidSignatureException")


def test_a_signature_for_another_region_does_not_fit():
    client = with_key("ROWHOUSEDEV", region_name="eu-west-1")
    status, name, _ = refusal(client.execute_statement, **TARGET, sql=SQL)
    assert (status, name) == (403, "InvalidSignatureException")


def test_a_body_that_was_changed_after_signing_does_not_fit():
    client = with_key("ROWHOUSEDEV")

    def change(request, **_):
        request.body = request.body.replace(b"select 1", b"select 2")

    client.meta.events.register("before-send.rds-data", change)
    status, name, _ = refusal(client.execute_statement, **TARGET, sql=SQL)
    assert (status, name) == (403, "InvalidSignatureException")
