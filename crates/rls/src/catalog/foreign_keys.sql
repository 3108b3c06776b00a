-- Foreign keys. Those of partitions come from their parents and are left to them.
select jsonb_build_object(
    'name', quote_ident(c.conname),
    'table', c.conrelid::int8,
    'columns', to_jsonb(c.conkey),
    'referenced', c.confrelid::int8,
    'referenced_columns', to_jsonb(c.confkey),
    'on_delete', c.confdeltype,
    'on_update', c.confupdtype
)::text
from pg_constraint c
where c.contype = 'f' and c.conparentid = 0
order by c.oid
