-- The same four statements in one round trip, as a client that knows pipelining would send them.
\set tenant random(1, 100)
\set id random(1, 1000)
\startpipeline
begin;
select set_config('app.current_tenant', :tenant::text, true);
select tenant_id, id, note from item where id = :id;
commit;
\endpipeline
