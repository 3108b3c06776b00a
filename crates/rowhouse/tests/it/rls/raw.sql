-- A database that nobody has thought of tenants in, but for a column: every kind of thing that
-- `plan` knows.
create schema shop;
create table shop.tenants (id uuid primary key default gen_random_uuid(), name text not null);
create table shop.items (
    id uuid primary key default gen_random_uuid(),
    title text,
    tenant_id uuid references shop.tenants (id)
);
create table shop.users (id serial primary key, tenant_id uuid not null, email text unique);
create table shop.notes (item uuid references shop.items (id) on delete cascade, body text);
create table shop."Posts" (
    id int generated always as identity primary key,
    tenant_id uuid,
    author int references shop.users (id) on delete set null
);
create table shop.events (tenant_id uuid not null, at date not null) partition by range (at);
create table shop.events_2026 partition of shop.events
    for values from ('2026-01-01') to ('2027-01-01');
create view shop.titles as select title from shop.items;
create materialized view shop.counted as select count(*) from shop.items;
create table shop.colours (name text);
grant select on shop.counted, shop.events_2026 to public;
grant truncate on shop.items to public;
insert into shop.tenants (id, name) values
    ('00000000-0000-0000-0000-000000000001', 'one'),
    ('00000000-0000-0000-0000-000000000002', 'two');
insert into shop.items (title, tenant_id)
    select name || ' ' || number, id from shop.tenants, generate_series(1, 3) number;
insert into shop.notes select id, title from shop.items;
