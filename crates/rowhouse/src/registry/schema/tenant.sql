-- One row for each tenant that somebody has said something about. Ids are compared byte by byte, as
-- the gateway compares them, whatever the database's collation.
create table rowhouse.tenant (
    id text collate "C" primary key
        check (pg_catalog.octet_length(id) operator(pg_catalog.<=) 255),
    name text,
    tier text,
    state text not null default 'active'
        check (state operator(pg_catalog.=) any (array['active', 'suspended'])),
    reason text,
    limits jsonb not null default '{}'
        check (pg_catalog.jsonb_typeof(limits) operator(pg_catalog.=) 'object'),
    created_at timestamptz not null default pg_catalog.now(),
    changed_at timestamptz not null default pg_catalog.now(),
    changed_by text not null default session_user
);

-- How often rowhouse.tenant has changed, which is asked instead of reading it. The epoch tells a
-- table from another that was made or restored in its place.
create table rowhouse.tenant_change (
    only_row boolean primary key default true check (only_row),
    epoch uuid not null default pg_catalog.gen_random_uuid(),
    version bigint not null default 0
);
insert into rowhouse.tenant_change default values;

-- Whoever changes a row, by a command or by hand, is written down.
create function rowhouse.sign_tenant() returns trigger language plpgsql as $$
begin
    new.changed_at := pg_catalog.now();
    new.changed_by := coalesce(
        nullif(pg_catalog.current_setting('rowhouse.actor', true), ''), session_user);
    return new;
end
$$;
create trigger sign before insert or update on rowhouse.tenant
    for each row execute function rowhouse.sign_tenant();

-- The one row is locked until the end of the transaction: versions are in the order of commits.
create function rowhouse.announce_tenant() returns trigger language plpgsql as $$
begin
    update rowhouse.tenant_change set version = version operator(pg_catalog.+) 1;
    perform pg_catalog.pg_notify('rowhouse_tenant', '');
    return null;
end
$$;
create trigger announce after insert or update or delete or truncate on rowhouse.tenant
    for each statement execute function rowhouse.announce_tenant();
