-- An application that names its tenant in a transaction: four statements, four round trips.
\set tenant random(1, 100)
\set id random(1, 1000)
begin;
select set_config('app.current_tenant', :tenant::text, true);
select tenant_id, id, note from item where id = :id;
commit;
