-- 64 tenants with a counter and 50 notes each.
create schema wire_pgbench;
grant usage on schema wire_pgbench to app_user;
create table wire_pgbench.counter (
    tenant_id integer primary key,
    value bigint not null default 0
);
create table wire_pgbench.note (
    tenant_id integer not null,
    id integer not null,
    body text not null,
    primary key (tenant_id, id)
);
insert into wire_pgbench.counter select generate_series(1, 64);
insert into wire_pgbench.note
select tenant, id, 'note ' || id || ' of tenant ' || tenant
from generate_series(1, 64) as tenant, generate_series(1, 50) as id;

alter table wire_pgbench.counter enable row level security;
alter table wire_pgbench.counter force row level security;
create policy own on wire_pgbench.counter
    using (tenant_id = (select nullif(current_setting('app.current_tenant', true), '')::integer));
alter table wire_pgbench.note enable row level security;
alter table wire_pgbench.note force row level security;
create policy own on wire_pgbench.note
    using (tenant_id = (select nullif(current_setting('app.current_tenant', true), '')::integer));
grant select, insert, update, delete on all tables in schema wire_pgbench to app_user;
analyze wire_pgbench.note;
