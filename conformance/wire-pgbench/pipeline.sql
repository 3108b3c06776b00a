-- The same walls in one round trip.
\set id random(1, 50)
\startpipeline
begin;
update wire_pgbench.counter set value = value + 1;
select 1 / (count(*) = 1 and min(tenant_id) = :tenant)::integer from wire_pgbench.counter;
select 1 / (count(*) = 1 and min(tenant_id) = :tenant)::integer
from wire_pgbench.note where id = :id;
end;
\endpipeline
select 1 / (count(*) = 50 and max(tenant_id) = :tenant)::integer from wire_pgbench.note;
