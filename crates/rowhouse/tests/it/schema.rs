//! The data of the trials: tables of tenants behind row-level security, and who may use them.

use crate::postgres::{Address, SUPERUSER};

/// The databases that callers may name; the second has nothing in it.
pub const DATABASES: [&str; 2] = ["it", "it_other"];
/// The setting that the policies read.
pub const TENANT_SETTING: &str = "app.current_tenant";
/// Tenants are called `tenant_1` to `tenant_100`, and each has three notes.
pub const TENANTS: u32 = 100;

/// The tenant of this number.
pub fn tenant(number: u32) -> String {
    format!("tenant_{}", number % TENANTS + 1)
}

/// The secrets of the trials' gateways: name, role, password, principals.
pub fn secrets(server: &Address) -> Vec<(&'static str, &'static str, &str, &'static str)> {
    vec![
        ("app_user", "it_app", "it_app", "['tenant', 'app', 'admin']"),
        ("reader", "it_reader", "it_reader", "['tenant', 'app']"),
        ("owner", "it_owner", "it_owner", "['app', 'admin']"),
        ("counted", "it_counted", "it_counted", "['app']"),
        ("locked_out", "it_reader", "a wrong password", "['app']"),
        ("admin", SUPERUSER, &server.password, "['admin']"),
    ]
}

/// Makes it.
pub fn make(server: &Address) {
    let mut direct = server.connect("postgres");
    for database in DATABASES {
        direct.query(&format!("create database {database}"));
    }
    direct.query(ROLES);
    server.query("it", TABLES);
}

const ROLES: &str = "
    create role it_app login password 'it_app';
    create role it_reader login password 'it_reader';
    create role it_owner login password 'it_owner';
    create role it_counted login password 'it_counted';
    create role it_member nologin;
    grant it_member to it_app;
";

/// The tables belong to a role that no tenant uses; forced, so that it is bound by the policies as
/// well.
const TABLES: &str = "
    grant create on schema public to it_owner;
    set role it_owner;

    create table note (tenant text not null, id bigint not null, body text,
        primary key (tenant, id));
    insert into note
        select 'tenant_' || t, i, 'note ' || i || ' of tenant_' || t
        from generate_series(1, 100) t, generate_series(1, 3) i;

    create table account (tenant text not null, id int not null, balance bigint not null,
        primary key (tenant, id));
    insert into account select 'tenant_' || t, i, 1000
        from generate_series(1, 100) t, generate_series(1, 2) i;

    -- What was written under trial, by a name of its own. No key: what is there twice is seen.
    create table written (tenant text not null, mark text not null);
    create index on written (mark);

    create table counter (tenant text primary key, count bigint not null);
    insert into counter select 'tenant_' || t, 0 from generate_series(1, 100) t;

    create table parent (tenant text not null, id int not null, primary key (tenant, id));
    create table child (tenant text not null, id int not null, parent int not null,
        foreign key (tenant, parent) references parent deferrable initially deferred);

    create type mood as enum ('sad', 'ok', 'happy');
    create table value (tenant text not null default current_setting('app.current_tenant'), id int,
        i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric(20, 4), t text, v varchar(20),
        b bool, y bytea, d date, ti time, ts timestamp, tz timestamptz, u uuid, j json, jb jsonb,
        m mood, ai int4[], at text[]);

    create table changing (tenant text not null, id int, a int);
    insert into changing values ('tenant_1', 1, 11);

    create sequence numbers;
    grant usage on sequence numbers to it_app;

    do $do$
    declare name text;
    begin
        foreach name in array array['note', 'account', 'written', 'counter', 'parent', 'child',
            'value', 'changing']
        loop
            execute format('create policy own on %I using (tenant = (select
                nullif(current_setting(''app.current_tenant'', true), ''''))) with check (tenant =
                (select nullif(current_setting(''app.current_tenant'', true), '''')))', name);
            execute format('alter table %I enable row level security', name);
            execute format('alter table %I force row level security', name);
            execute format('grant select, insert, update, delete on %I to it_app', name);
            execute format('grant select on %I to it_reader, it_member', name);
        end loop;
    end $do$;

    -- Functions whose names say nothing of what they do to the session.
    create function has_lastval() returns boolean language plpgsql as $f$
        begin perform lastval(); return true;
        exception when object_not_in_prerequisite_state then return false; end $f$;
    create function innocent(name text, value text) returns text language sql
        as $f$ select set_config(name, value, false) $f$;
    create function harmless(sql text) returns void language plpgsql
        as $f$ begin execute sql; end $f$;
    -- In PL/pgSQL a block with an exception handler is a subtransaction.
    create function caught() returns int language plpgsql
        as $f$ begin perform 1 / 0; return 0; exception when others then return 1; end $f$;
";
