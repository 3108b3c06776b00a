-- Whether this server and database can be sealed, as the role of tenants sees it. Reads only
-- catalogs that every role may read, without parameters; every row has three columns of type text.
select 'version', pg_catalog.current_setting('server_version_num'), null
union all
-- The body counts of what belongs to the right role, runs as it, and may be called.
select 'function', p.proname::pg_catalog.text, case
    when o.rolname operator(pg_catalog.=) 'rowhouse_seal'
        and p.prosecdef
        and pg_catalog.has_schema_privilege(n.oid, 'usage')
        and pg_catalog.has_function_privilege(p.oid, 'execute')
    then p.prosrc
    else ''
end
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) p.pronamespace
join pg_catalog.pg_roles o on o.oid operator(pg_catalog.=) p.proowner
where n.nspname operator(pg_catalog.=) 'rowhouse'
union all
select 'table', c.relname::pg_catalog.text, case
    when pg_catalog.has_any_column_privilege(c.oid, 'select, insert, update, references')
        or pg_catalog.has_table_privilege(c.oid, 'delete, truncate, trigger')
    then 'open'
    else 'closed'
end
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.relnamespace
join pg_catalog.pg_roles o on o.oid operator(pg_catalog.=) c.relowner
where n.nspname operator(pg_catalog.=) 'rowhouse'
    and c.relkind operator(pg_catalog.=) 'r'
    and o.rolname operator(pg_catalog.=) 'rowhouse_seal'
union all
select 'member', r.rolname::pg_catalog.text, null
from pg_catalog.pg_roles r
where r.rolname operator(pg_catalog.=) 'rowhouse_seal'
    and pg_catalog.pg_has_role(session_user, r.oid, 'member')
