-- The statement alone: who says the tenant is somebody else, or nobody.
\set id random(1, 1000)
select tenant_id, id, note from item where id = :id;
