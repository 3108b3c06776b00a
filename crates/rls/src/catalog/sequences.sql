-- Sequences that belong to a column, and what the role may do with them.
select jsonb_build_object(
    'name', format('%I.%I', n.nspname, c.relname),
    'table', d.refobjid::int8,
    'column', d.refobjsubid,
    'identity', d.deptype = 'i',
    'read', has_sequence_privilege(r.oid, c.oid, 'SELECT'),
    'advance', has_sequence_privilege(r.oid, c.oid, 'USAGE'),
    'set', has_sequence_privilege(r.oid, c.oid, 'UPDATE')
)::text
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid
    and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0 and d.deptype in ('a', 'i')
join pg_roles r on r.rolname = :role
where c.relkind = 'S'
order by c.oid
