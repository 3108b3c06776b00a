-- Which relations a view or materialised view reads, one step deep.
select distinct jsonb_build_object('view', w.ev_class::int8, 'reads', d.refobjid::int8)::text
from pg_rewrite w
join pg_class v on v.oid = w.ev_class and v.relkind in ('v', 'm')
join pg_namespace n on n.oid = v.relnamespace
join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid
    and d.refclassid = 'pg_class'::regclass and d.refobjid <> w.ev_class
where not starts_with(n.nspname, 'pg_') and n.nspname <> 'information_schema'
