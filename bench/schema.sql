-- The data of `cargo xtask bench`: 100 tenants with 1,000 rows each, behind row-level security.
create table item (
    tenant_id integer not null,
    id integer not null,
    note text not null,
    primary key (tenant_id, id)
);
insert into item
select tenant, id, 'item ' || id || ' of tenant ' || tenant
from generate_series(1, 100) as tenant, generate_series(1, 1000) as id;

alter table item enable row level security;
alter table item force row level security;
-- The sub-select is evaluated once for each statement; an empty setting means no tenant, no rows.
create policy tenant_isolation on item
    using (tenant_id = (select nullif(current_setting('app.current_tenant', true), '')::integer));

grant select on item to bench_app, bench_gateway;
vacuum (analyze, freeze) item;
