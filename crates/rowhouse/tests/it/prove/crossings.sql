create schema x;
-- A policy that compares a part of the name.
create table x.prefix (tenant_id text not null, id int, primary key (tenant_id, id));
create policy p on x.prefix
    using (left(tenant_id, 6) = left(current_setting('app.tenant_id', true), 6));
insert into x.prefix values ('tenant_1', 1), ('tenant_2', 2);
-- A policy that asks a table which tenants are friends: it shows, and is asked for writes as well.
create table x.friend (me text, friend text);
insert into x.friend values ('tenant_1', 'tenant_2');
create table x.shared (tenant_id text not null, id int, primary key (tenant_id, id));
create policy p on x.shared using (tenant_id = current_setting('app.tenant_id', true)
    or exists (select from x.friend f
        where f.me = current_setting('app.tenant_id', true) and f.friend = tenant_id));
insert into x.shared values ('tenant_1', 1), ('tenant_2', 2);
-- A unique index over an expression, of a column that may be null.
create table x.mail (tenant_id text not null, id int, email text, primary key (tenant_id, id));
create unique index mail_key on x.mail (lower(email));
create policy p on x.mail using (tenant_id = current_setting('app.tenant_id', true));
insert into x.mail values ('tenant_1', 1, 'A@x'), ('tenant_2', 2, 'B@x');
-- A floor for SELECT alone: who needs no reading deletes everybody's rows.
create table x.loose (tenant_id text not null, id int, primary key (tenant_id, id));
create policy p on x.loose using (true);
create policy f on x.loose as restrictive for select
    using (tenant_id = current_setting('app.tenant_id', true));
insert into x.loose values ('tenant_1', 1), ('tenant_2', 2), ('tenant_2', 3);
-- Rows without a tenant are everybody's.
create table x.nulls (tenant_id text, id int);
create policy p on x.nulls using (tenant_id = current_setting('app.tenant_id', true)
    or tenant_id is null) with check (tenant_id = current_setting('app.tenant_id', true));
insert into x.nulls values ('tenant_1', 1), ('tenant_2', 2), (null, 3);
-- No crossing: nobody sees anything, for the policy asks for more than the tenant.
create table x.owned (tenant_id text not null, id int, owner text, primary key (tenant_id, id));
create policy p on x.owned using (tenant_id = current_setting('app.tenant_id', true)
    and owner = current_setting('app.user_id'));
insert into x.owned values ('tenant_1', 1, 'u'), ('tenant_2', 2, 'v');
do $$
declare one regclass;
begin
    foreach one in array array['x.prefix', 'x.shared', 'x.mail', 'x.loose', 'x.nulls', 'x.owned']
    loop
        execute format('alter table %s enable row level security', one);
    end loop;
end $$;
grant usage on schema x to app_user;
grant select, insert, update, delete on all tables in schema x to app_user;
