-- The tables of the five seed documents as somebody has them who has not thought of walls yet.
create table tenant (tenant_id integer primary key, tenant_name text);
create table users (tenant_id text, user_id bigint, primary key (tenant_id, user_id));
create table product (tenant_id varchar not null, product_id int, name varchar);
create schema sh_vip;
create table sh_vip.t_user (tenant_id bigint, user_id bigserial, tenant_name varchar(64));
create table tenants (id uuid primary key default gen_random_uuid(), name text not null);
create table items (
    id uuid primary key default gen_random_uuid(), title text not null,
    "tenantRef" uuid not null references tenants (id)
);
insert into tenant select t, 'tenant ' || t from generate_series(1, 3) t;
insert into users select 'tenant' || t, u from generate_series(1, 3) t, generate_series(1, 2) u;
insert into product select 'tenant_' || t, t, 'thing' from generate_series(1, 3) t;
insert into sh_vip.t_user (tenant_id, tenant_name) select t, 'Li Si' from generate_series(1, 2) t;
insert into tenants (name) select 'parks of ' || t from generate_series(1, 3) t;
insert into items (title, "tenantRef") select 'bench', id from tenants;
grant select, insert, update, delete on all tables in schema public, sh_vip to app_user;
grant usage on schema sh_vip to app_user;
grant usage on all sequences in schema sh_vip to app_user;
