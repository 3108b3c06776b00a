-- What one client of one tenant does again and again. A row of another tenant, or a missing one,
-- divides by zero, which ends pgbench with an error.
\set id random(1, 50)

-- One statement, one transaction.
select count(*) as seen, count(*) filter (where tenant_id <> :tenant) as foreign_rows
from wire_pgbench.note \gset
select 1 / (:seen = 50 and :foreign_rows = 0)::integer;
select tenant_id as owner, body as body from wire_pgbench.note where id = :id \gset
select 1 / (:owner = :tenant)::integer;

-- A transaction of several round trips, in which every tenant writes.
begin;
update wire_pgbench.counter set value = value + 1;
select count(*) as mine, min(tenant_id) as lowest, max(tenant_id) as highest
from wire_pgbench.counter \gset
select 1 / (:mine = 1 and :lowest = :tenant and :highest = :tenant)::integer;
end;

-- One that is taken back.
begin;
update wire_pgbench.counter set value = value + 1000000;
delete from wire_pgbench.note where id = :id;
rollback;
