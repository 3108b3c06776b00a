"""The document from start to end, as it is written in `seed_004.txt`."""

import pathlib
import re

import door
import pytest

TRANSCRIPT = pathlib.Path(__file__).parent / "seed_004.txt"
CONNECT = re.compile(r'\$ (?:env PGOPTIONS="(.*)" )?psql -d (\S+) -U (\S+)')
PROMPT = re.compile(r"\w+=> (.*)")


def sessions():
    """Options, database and user, and what is typed with what is printed then."""
    found = []
    for line in TRANSCRIPT.read_text().splitlines():
        if connect := CONNECT.fullmatch(line):
            found.append((connect.groups(default=""), []))
        elif typed := PROMPT.fullmatch(line):
            found[-1][1].append((typed[1], []))
        elif not line.startswith("#") and found and found[-1][1]:
            found[-1][1][-1][1].append(line)
    return [
        (who, [(typed, "\n".join(printed).strip("\n")) for typed, printed in steps])
        for who, steps in found
    ]


def test_start_to_end(psql):
    for (options, database, user), steps in sessions():
        printed = psql(user, database, [typed for typed, _ in steps], options)
        for (typed, expected), found in zip(steps, printed, strict=True):
            assert found == expected, f"{user}: {typed}"


def test_what_is_described(psql):
    (found,) = psql("t1", "rls_vip", ["\\d sh_vip.t_user"], "-c app.tenant_id=1")
    assert '"t_user_pkey" PRIMARY KEY, btree (tenant_id, user_id)' in found
    assert 'POLICY "sh_vip_t_user"' in found and "row security disabled" not in found


@pytest.mark.skipif(door.is_direct(), reason="PostgreSQL itself fixes no tenants")
@pytest.mark.parametrize("user, tenant", [("t1", 2), ("t2", 1)])
def test_another_tenant_is_refused(psql, user, tenant):
    (found,) = psql(user, "rls_vip", ["SELECT 1"], f"-c app.tenant_id={tenant}")
    assert "FATAL:" in found and "app.tenant_id" in found
