"""Records gate.json: what gate.sql returns for each flaw, on real servers.

Run as: python record_gate.py "psql -h DIR -p PORT -U postgres" ... > gate.json
with one psql command per server, each the superuser of a cluster that is thrown away afterwards.
"""

import json
import pathlib
import shlex
import subprocess
import sys

QUERY = pathlib.Path(__file__).parent.parent / "src/role/gate.sql"

BASE = """
create role t_login login; create role t_owner; create role t_team; create role t_boss;
create schema t authorization t_owner;
create table t.item (id int, tenant text);
alter table t.item enable row level security; alter table t.item owner to t_owner;
create policy p on t.item using (tenant = current_setting('app.tenant', true));
create table t.plain (id int); alter table t.plain owner to t_login;
grant usage on schema t to t_login; grant select on t.item to t_login;
"""

# name, first major version, set-up, expected findings; the login role is t_login
SCENARIOS = [
    ("clean", 15, "", []),
    ("superuser", 15, "alter role t_login superuser", ["RH001 t_login"]),
    ("bypassrls", 15, "alter role t_login bypassrls", ["RH002 t_login"]),
    ("replication", 15, "alter role t_login replication", ["RH003 t_login"]),
    ("createrole", 15, "alter role t_login createrole", ["RH004 t_login"]),
    ("owns the table", 15, "alter table t.item owner to t_login", ["RH005 t.item"]),
    ("owns a table with policies only", 15,
     "create policy p on t.plain using (true)", ["RH005 t.plain"]),
    ("owns a partitioned table", 15,
     "create table t.parts (id int) partition by list (id);"
     "alter table t.parts enable row level security, owner to t_login", ["RH005 t.parts"]),
    ("owns a temporary table", 15, "", []),
    ("member of a superuser", 15, "alter role t_boss superuser; grant t_boss to t_login",
     ["RH011 t_boss"]),
    ("member of bypassrls at two removes", 15,
     "alter role t_boss bypassrls; grant t_boss to t_team; grant t_team to t_login",
     ["RH012 t_boss"]),
    ("member of replication", 15, "alter role t_boss replication; grant t_boss to t_login",
     ["RH013 t_boss"]),
    ("member of createrole", 15, "alter role t_boss createrole; grant t_boss to t_login",
     ["RH014 t_boss"]),
    ("member of the owner", 15, "grant t_owner to t_login", ["RH015 t.item"]),
    ("member of the owner, not inheriting", 15,
     "alter role t_login noinherit; grant t_owner to t_login", ["RH015 t.item"]),
    ("member of the owner in two ways", 15,
     "grant t_owner to t_team; grant t_team to t_login; grant t_owner to t_login",
     ["RH015 t.item"]),
    ("member of a harmless role", 15, "grant t_team to t_login; grant pg_monitor to t_login", []),
    ("may write server files", 15, "grant pg_write_server_files to t_login",
     ["RH016 pg_write_server_files"]),
    ("may read files and run programs by a team", 15,
     "grant pg_read_server_files to t_team; grant pg_execute_server_program to t_team;"
     "grant t_team to t_login",
     ["RH016 pg_execute_server_program", "RH016 pg_read_server_files"]),
    ("owns the database and so pg_database_owner's tables", 15,
     "alter table t.item owner to pg_database_owner;"
     "do $$ begin execute format('alter database %I owner to t_login', current_database()); end $$",
     ["RH005 t.item"]),
    ("names to be quoted", 15,
     "alter role t_login rename to \"t Login\"; create schema \"t.x\";"
     "create table \"t.x\".\"a\"\"b\" (id int);"
     "alter table \"t.x\".\"a\"\"b\" enable row level security, owner to \"t Login\"",
     ["RH005 \"t.x\".\"a\"\"b\""]),
    ("a search_path that shadows operators", 15,
     "create function t.no(oid, oid) returns bool language sql as 'select false';"
     "create function t.no(name, name) returns bool language sql as 'select false';"
     "create operator t.= (leftarg = oid, rightarg = oid, function = t.no);"
     "create operator t.= (leftarg = name, rightarg = name, function = t.no);"
     "alter role t_login set search_path = t, pg_catalog; grant t_owner to t_login",
     ["RH015 t.item"]),
    ("a role set at login", 15,
     "alter role t_login bypassrls; grant t_team to t_login; alter role t_login set role = t_team",
     ["RH002 t_login"]),
    ("inherits the owner only", 16, "grant t_owner to t_login with set false", ["RH015 t.item"]),
    ("inherits a superuser only", 16,
     "alter role t_boss superuser; grant t_boss to t_login with set false", []),
    ("neither inherits nor sets", 16,
     "alter role t_boss superuser; grant t_boss to t_login with set false, inherit false", []),
    ("may grant itself bypassrls", 16,
     "alter role t_boss bypassrls;"
     "grant t_boss to t_login with set false, inherit false, admin true", ["RH012 t_boss"]),
    ("may not grant itself a superuser", 16,
     "alter role t_boss superuser;"
     "grant t_boss to t_login with set false, inherit false, admin true", []),
    ("sets behind an inherited role", 16,
     "alter role t_boss superuser; grant t_boss to t_team with inherit false, set true;"
     "grant t_team to t_login with inherit true, set false", []),
    ("grants behind an inherited role", 16,
     "alter role t_boss bypassrls; grant t_boss to t_team with admin true;"
     "grant t_team to t_login with inherit true, set false", ["RH012 t_boss"]),
    ("inherited behind a role it can become", 16,
     "grant t_owner to t_team with inherit true, set false;"
     "grant t_team to t_login with inherit false, set true", ["RH015 t.item"]),
]

def psql(command, text, *options):
    arguments = [*shlex.split(command), "-XqAt", "-v", "ON_ERROR_STOP=1", *options]
    done = subprocess.run(arguments, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{text}\n{done.stderr}")
    return done.stdout


def rows(command, name, setup):
    login = "t Login" if "t Login" in setup else "t_login"
    as_login = [word if word != "postgres" else login for word in shlex.split(command)]
    psql(command, "create database t_gate template template0")
    inside = f"{command} -d t_gate"
    try:
        psql(inside, f"{BASE};{setup};")
        query = QUERY.read_text().rstrip()
        if name == "owns a temporary table":
            query = ("create temp table own (id int); alter table own enable row level security;"
                     + query)
        text = psql(shlex.join([*as_login, "-d", "t_gate"]), query + ";", "-F", "\x1f",
                    "-P", "null=\x1e")
    finally:
        psql(command, "drop database t_gate with (force)")
        for role in ["t_login", "t Login", "t_owner", "t_team", "t_boss"]:
            psql(command, f'drop role if exists "{role}"')
    return [[None if cell == "\x1e" else cell for cell in line.split("\x1f")]
            for line in text.removesuffix("\n").split("\n")]


def main():
    servers = {int(psql(command, "show server_version_num")) // 10000: command
               for command in sys.argv[1:]}
    recorded = []
    for name, first, setup, findings in SCENARIOS:
        found = {}
        for major, command in sorted(servers.items()):
            if major >= first:
                found.setdefault(json.dumps(rows(command, name, setup)), []).append(major)
        for text, majors in found.items():
            recorded.append({"name": name, "majors": majors, "setup": setup,
                             "rows": json.loads(text), "findings": findings})
    json.dump(recorded, sys.stdout, indent=1)
    print()


main()
