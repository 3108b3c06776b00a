-- The cluster's roles, but PostgreSQL's own.
select jsonb_build_object(
    'name', quote_ident(r.rolname),
    'login', r.rolcanlogin,
    'superuser', r.rolsuper,
    'bypass', r.rolbypassrls,
    'create_role', r.rolcreaterole,
    'replication', r.rolreplication
)::text
from pg_roles r
where not starts_with(r.rolname, 'pg_')
order by r.oid
