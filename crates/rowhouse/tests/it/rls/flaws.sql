-- One flaw in each case: what makes it, and what mends it. The trial makes all of them in one
-- database, has doctor name every one and nothing else, mends all, and has doctor find nothing.
--
-- A case begins with `-- flaw CODE OBJECT`, one line for each finding that it makes; what mends it
-- stands below `-- mended`. `good(…)` protects a table as it should be.

-- flaw RH017 doctor_app
grant pg_monitor to doctor_app;
-- mended
revoke pg_monitor from doctor_app;

-- flaw RH018 doctor_app
alter role doctor_app in database doctor set row_security = off;
-- mended
alter role doctor_app in database doctor reset row_security;

-- flaw RH101 f101.item
create schema f101;
create table f101.item (tenant_id int not null, id uuid, primary key (tenant_id, id));
grant select, insert, update, delete on f101.item to doctor_app;
-- mended
select public.good('f101.item');

-- flaw RH102 f102.item
create schema f102;
create table f102.item (tenant_id int not null, id uuid, primary key (tenant_id, id));
create policy own on f102.item using (tenant_id = (select public.tenant()));
grant select on f102.item to doctor_app;
-- mended
alter table f102.item enable row level security;
alter table f102.item force row level security;

-- flaw RH103 f103.item
create schema f103;
create table f103.item (tenant_id int not null, id uuid, primary key (tenant_id, id));
select public.good('f103.item');
alter policy own on f103.item to doctor_other;
-- mended
alter policy own on f103.item to doctor_app;

-- flaw RH104 f104.item
create schema f104;
create table f104.item (tenant_id int not null, id uuid, primary key (tenant_id, id));
select public.good('f104.item');
alter table f104.item no force row level security;
-- mended
alter table f104.item force row level security;

-- flaw RH105 f105.item
create schema f105;
create table f105.item (tenant_id int, id uuid default gen_random_uuid() primary key);
create index on f105.item (tenant_id);
select public.good('f105.item');
-- mended
alter table f105.item alter column tenant_id set not null;

-- flaw RH106 f106.line
-- flaw RH113 f106.line
create schema f106;
create table f106.item (tenant_id int not null, id uuid default gen_random_uuid() unique);
create index on f106.item (tenant_id);
select public.good('f106.item');
create table f106.line (item uuid references f106.item (id), body int);
grant select, insert on f106.line to doctor_app;
-- mended
drop table f106.line;

-- flaw RH107 f107.item
create schema f107;
create table f107.item (tenant_id int not null, id uuid, primary key (tenant_id, id));
select public.good('f107.item');
grant truncate on f107.item to doctor_app;
-- mended
revoke truncate on f107.item from doctor_app;

-- flaw RH108 f108.item
create schema f108;
create table f108.item (tenant_id int not null, id uuid, primary key (tenant_id, id));
select public.good('f108.item');
grant references on f108.item to doctor_app;
-- mended
revoke references on f108.item from doctor_app;

-- flaw RH109 f109.item
create schema f109;
create table f109.item (tenant_id int not null, id uuid, primary key (tenant_id, id));
select public.good('f109.item');
grant trigger on f109.item to public;
-- mended
revoke trigger on f109.item from public;

-- flaw RH110 f110.item_1
create schema f110;
create table f110.item (tenant_id int not null, id uuid, primary key (tenant_id, id))
    partition by list (tenant_id);
create table f110.item_1 partition of f110.item for values in (1);
select public.good('f110.item');
grant select on f110.item_1 to doctor_app;
-- mended
revoke all on f110.item_1 from doctor_app;

-- flaw RH111 f111.item
create schema f111;
create foreign data wrapper f111;
create server f111 foreign data wrapper f111;
create foreign table f111.item (tenant_id int not null) server f111;
grant usage on schema f111 to doctor_app;
grant select on f111.item to doctor_app;
-- mended
revoke all on f111.item from doctor_app;

-- flaw RH112 f112.item_email_key
create schema f112;
create table f112.item (tenant_id int not null, email text unique);
create index on f112.item (tenant_id);
select public.good('f112.item');
-- mended
alter table f112.item drop constraint item_email_key, add unique (tenant_id, email);

-- flaw RH112 f112b.item_room_during_excl
create schema f112b;
create table f112b.item (
    tenant_id int not null,
    room int4range,
    during int4range,
    exclude using gist (room with &&, during with &&)
);
create index on f112b.item (tenant_id);
select public.good('f112b.item');
-- mended
alter table f112b.item drop constraint item_room_during_excl;

-- flaw RH113 f113.line
create schema f113;
create table f113.item (
    tenant_id int not null, id uuid default gen_random_uuid() primary key, unique (tenant_id, id)
);
create table f113.line (
    tenant_id int not null, item uuid constraint of_item references f113.item (id)
);
create index on f113.line (tenant_id);
select public.good('f113.item'), public.good('f113.line');
-- mended
alter table f113.line drop constraint of_item,
    add foreign key (tenant_id, item) references f113.item (tenant_id, id);

-- flaw RH113 f114.line
-- flaw RH114 f114.line
create schema f114;
create table f114.item (
    tenant_id int not null, id uuid default gen_random_uuid() primary key, unique (tenant_id, id)
);
create table f114.line (
    tenant_id int not null,
    item uuid constraint of_item references f114.item (id) on delete cascade
);
create index on f114.line (tenant_id);
select public.good('f114.item'), public.good('f114.line');
-- mended
alter table f114.line drop constraint of_item,
    add foreign key (tenant_id, item) references f114.item (tenant_id, id) on delete cascade;

-- flaw RH115 f115.item_id_seq
create schema f115;
create table f115.item (tenant_id int not null, id serial, primary key (tenant_id, id));
select public.good('f115.item');
grant update on sequence f115.item_id_seq to doctor_app;
-- mended
revoke all on sequence f115.item_id_seq from doctor_app;

-- info RH116 f116.item_id_seq
create schema f116;
create table f116.item (tenant_id int not null, id serial, primary key (tenant_id, id));
select public.good('f116.item');
grant usage on sequence f116.item_id_seq to doctor_app;
-- mended
revoke all on sequence f116.item_id_seq from doctor_app;

-- flaw RH117 f117
create schema f117;
alter default privileges in schema f117 grant select on tables to doctor_app;
-- mended
alter default privileges in schema f117 revoke select on tables from doctor_app;

-- flaw RH118 f118.item
create schema f118;
create table f118.item (tenant_id int not null, id uuid, primary key (tenant_id, id));
select public.good('f118.item');
create publication f118 for table f118.item;
-- mended
drop publication f118;

-- flaw RH119 f119.colour
create schema f119;
grant usage on schema f119 to doctor_app;
create table f119.colour (name text primary key);
grant select, insert on f119.colour to doctor_app;
-- mended
revoke insert on f119.colour from doctor_app;

-- flaw RH201 f201.item
create schema f201;
create table f201.item (tenant_id int not null, id uuid, primary key (tenant_id, id));
select public.good('f201.item');
drop policy own on f201.item;
create policy own on f201.item for select using (tenant_id = (select public.tenant()));
revoke update, delete on f201.item from doctor_app;
-- mended
revoke insert on f201.item from doctor_app;

-- flaw RH202 f202.item
create schema f202;
create table f202.item (tenant_id int not null, shared bool, id uuid, primary key (tenant_id, id));
select public.good('f202.item');
create policy everybody on f202.item for select using (shared);
-- mended
drop policy everybody on f202.item;

-- flaw RH202 f202b.item
create schema f202b;
create table f202b.item (tenant_id int not null, id uuid, primary key (tenant_id, id));
select public.good('f202b.item');
alter policy own on f202b.item using (true) with check (tenant_id = (select public.tenant()));
-- mended
create policy wall on f202b.item as restrictive using (tenant_id = (select public.tenant()));

-- flaw RH203 f203.item
create schema f203;
create table f203.item (tenant_id int not null, id uuid, primary key (tenant_id, id));
select public.good('f203.item');
alter policy own on f203.item with check (true);
-- mended
alter policy own on f203.item with check (tenant_id = (select public.tenant()));

-- flaw RH202 f204.item
-- flaw RH204 f204.item
create schema f204;
create table f204.item (tenant_id int not null, id uuid, primary key (tenant_id, id));
select public.good('f204.item');
drop policy own on f204.item;
create policy own on f204.item
    using ((select public.tenant()) is null or tenant_id = (select public.tenant()));
-- mended
drop policy own on f204.item;
create policy own on f204.item using (tenant_id = (select public.tenant()));

-- flaw RH205 f205.item
create schema f205;
create table f205.item (tenant_id int not null, id uuid, primary key (tenant_id, id));
select public.good('f205.item');
drop policy own on f205.item;
create policy own on f205.item as restrictive using (tenant_id = (select public.tenant()));
-- mended
create policy pass on f205.item using (tenant_id = (select public.tenant()));

-- flaw RH202 f206.item
-- flaw RH206 f206.item
create schema f206;
create table f206.item (tenant_id text not null, id uuid, primary key (tenant_id, id));
select public.good('f206.item', 'text');
drop policy own on f206.item;
create policy own on f206.item using (tenant_id = current_user);
-- mended
drop policy own on f206.item;
create policy own on f206.item using (tenant_id = (select public.tenant()::text));

-- flaw RH207 f207.item
-- flaw RH119 f207.member
create schema f207;
create table f207.member (usr text, tenant int);
create table f207.item (tenant_id int not null, id uuid, primary key (tenant_id, id));
select public.good('f207.item');
grant select, insert on f207.member to doctor_app;
drop policy own on f207.item;
create policy own on f207.item using (tenant_id in (
    select m.tenant from f207.member m
    where m.usr = (select nullif(current_setting('app.user', true), ''))
));
-- mended
revoke insert on f207.member from doctor_app;

-- flaw RH202 f208.item
-- flaw RH208 f208.item
create schema f208;
create table f208.item (tenant_id int not null, id uuid, primary key (tenant_id, id));
select public.good('f208.item');
drop policy own on f208.item;
create policy own on f208.item using (tenant_id = 1);
-- mended
drop policy own on f208.item;
create policy own on f208.item using (tenant_id = (select public.tenant()));

-- flaw RH202 f209.item
-- flaw RH209 f209.item
create schema f209;
create table f209.item (tenant_id text not null, id uuid, primary key (tenant_id, id));
select public.good('f209.item', 'text');
drop policy own on f209.item;
create policy own on f209.item using (tenant_id like (select public.tenant()::text));
-- mended
drop policy own on f209.item;
create policy own on f209.item using (tenant_id = (select public.tenant()::text));

-- flaw RH210 f210.item
create schema f210;
create table f210.item (tenant_id int not null, id uuid, primary key (tenant_id, id));
select public.good('f210.item');
drop policy own on f210.item;
create policy own on f210.item
    using (tenant_id = (select current_setting('app.tenant_id', true)::int));
-- mended
drop policy own on f210.item;
create policy own on f210.item using (tenant_id = (select public.tenant()));

-- flaw RH214 f214.item
create schema f214;
create table f214.item (tenant_id text not null, id uuid, primary key (tenant_id, id));
select public.good('f214.item', 'text');
drop policy own on f214.item;
create policy own on f214.item using (tenant_id = (select current_setting('application_name')));
-- mended
drop policy own on f214.item;
create policy own on f214.item using (tenant_id = (select public.tenant()::text));

-- flaw RH215 f215.item
create schema f215;
create table f215.item (tenant_id text not null, id uuid, primary key (tenant_id, id));
select public.good('f215.item', 'text');
drop policy own on f215.item;
create policy own on f215.item using (lower(tenant_id) = (select lower(public.tenant()::text)));
-- mended
drop policy own on f215.item;
create policy own on f215.item using (tenant_id = (select public.tenant()::text));

-- flaw RH301 f301.tenant()
create schema f301;
create function f301.tenant() returns int language sql immutable
    as $$ select nullif(current_setting('app.tenant_id', true), '')::int $$;
-- mended
alter function f301.tenant() stable;

-- flaw RH302 f302.v
create schema f302;
create table f302.item (tenant_id int not null, id uuid, primary key (tenant_id, id));
select public.good('f302.item');
create view f302.inner_v as select * from f302.item;
create view f302.v as select * from f302.inner_v;
grant select on f302.v to doctor_app;
-- mended
alter view f302.v set (security_invoker = true);

-- flaw RH303 f303.m
create schema f303;
create table f303.item (tenant_id int not null, id uuid, primary key (tenant_id, id));
select public.good('f303.item');
create materialized view f303.m as select * from f303.item;
grant select on f303.m to doctor_app;
-- mended
revoke all on f303.m from doctor_app;

-- flaw RH304 f304.f()
create schema f304;
grant usage on schema f304 to doctor_app;
create function f304.f() returns int language sql security definer
    set search_path = pg_catalog, pg_temp as $$ select 1 $$;
-- mended
revoke execute on function f304.f() from public;

-- flaw RH305 f305.f(integer)
create schema f305;
grant usage on schema f305 to doctor_app;
create function f305.f(int) returns int language sql security definer as $$ select 1 $$;
alter function f305.f(int) owner to doctor_other;
-- mended
alter function f305.f(int) set search_path = pg_catalog, pg_temp;

-- flaw RH306 f306.f(integer)
create schema f306;
create function f306.f(int) returns bool language sql leakproof as $$ select true $$;
-- mended
alter function f306.f(int) not leakproof;

-- flaw RH307 f307.f()
create schema f307;
grant usage on schema f307 to doctor_app;
create function f307.f() returns text language sql
    as $$ select set_config('app.tenant_id', '2', false) $$;
-- mended
create or replace function f307.f() returns text language sql
    as $$ select set_config('app.tenant_id', '2', true) $$;

-- flaw RH307 f307b.f()
create schema f307b;
grant usage on schema f307b to doctor_app;
create function f307b.f() returns int language plpgsql
    as $$ begin set app.tenant_id = '2'; return 1; end $$;
-- mended
create or replace function f307b.f() returns int language plpgsql
    as $$ begin set local app.tenant_id = '2'; return 1; end $$;

-- flaw RH401 f401.item
create schema f401;
create table f401.item (tenant_id int not null, id int);
select public.good('f401.item');
-- mended
create index on f401.item (tenant_id);

-- flaw RH402 f402.item
create schema f402;
create table f402.item (tenant_id int not null, id uuid, primary key (tenant_id, id));
select public.good('f402.item');
drop policy own on f402.item;
create policy own on f402.item using (tenant_id = public.tenant());
-- mended
drop policy own on f402.item;
create policy own on f402.item using (tenant_id = (select public.tenant()));

-- flaw RH601 doctor
-- mended
revoke temporary on database doctor from public;

-- flaw RH602 doctor
grant create on database doctor to doctor_app;
-- mended
revoke create on database doctor from doctor_app;

-- flaw RH602 f602
create schema f602;
grant all on schema f602 to doctor_app;
-- mended
revoke create on schema f602 from doctor_app;

-- flaw RH603 doctor
-- mended
revoke execute on function pg_cancel_backend(int) from public;
revoke execute on function pg_terminate_backend(int, bigint) from public;

-- flaw RH604 doctor
-- mended
revoke select on pg_stat_activity from public;

-- flaw RH606 doctor
alter large object 4711 owner to doctor_app;
-- mended
alter large object 4711 owner to doctor_other;

-- flaw RH607 doctor
create foreign data wrapper f607;
create server f607 foreign data wrapper f607;
grant usage on foreign server f607 to doctor_app;
-- mended
revoke usage on foreign server f607 from doctor_app;
