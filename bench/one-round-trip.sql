-- The same four statements as one text, the only single round trip a transaction pooler allows.
\set tenant random(1, 100)
\set id random(1, 1000)
begin \;
select set_config('app.current_tenant', :tenant::text, true) \;
select tenant_id, id, note from item where id = :id \;
commit;
