-- Tables, partitions, views, materialised views and foreign tables that users have made, with
-- what the role may do with them. Members of extensions are the extension's affair.
select jsonb_build_object(
    'oid', c.oid::int8,
    'schema', n.nspname,
    'name', format('%I.%I', n.nspname, c.relname),
    'kind', c.relkind,
    'owner', quote_ident(o.rolname),
    'owner_exempt', o.rolsuper or o.rolbypassrls,
    'role_owns', pg_has_role(r.oid, c.relowner, 'MEMBER'),
    'row_security', c.relrowsecurity,
    'forced', c.relforcerowsecurity,
    'rows', c.reltuples::int8,
    'partition', c.relispartition,
    'parents', (
        select coalesce(jsonb_agg(i.inhparent::int8), '[]')
        from pg_inherits i where i.inhrelid = c.oid
    ),
    'security_invoker', coalesce(
        (select option_value::bool from pg_options_to_table(c.reloptions)
         where option_name = 'security_invoker'), false
    ),
    'usage', has_schema_privilege(r.oid, n.oid, 'USAGE'),
    'privileges', (
        select coalesce(jsonb_agg(p), '[]')
        from unnest(
            array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']
            || case when current_setting('server_version_num')::int4 >= 170000
               then array['MAINTAIN'] else '{}' end
        ) p
        where has_table_privilege(r.oid, c.oid, p)
            -- Rights on single columns count as well: they open the row.
            or p in ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES')
                and has_any_column_privilege(r.oid, c.oid, p)
    ),
    'columns', (
        select coalesce(jsonb_agg(jsonb_build_object(
            'number', a.attnum,
            'name', quote_ident(a.attname),
            'type', format_type(a.atttypid, a.atttypmod),
            'not_null', a.attnotnull,
            'identity', a.attidentity <> '',
            'generated', a.attgenerated <> '',
            'default', (
                select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d
                where d.adrelid = a.attrelid and d.adnum = a.attnum
            ),
            -- Null since PostgreSQL 17 and -1 before: the default, which keeps statistics.
            'statistics', coalesce(a.attstattarget, -1) <> 0,
            'update', has_column_privilege(r.oid, c.oid, a.attnum, 'UPDATE')
        ) order by a.attnum), '[]')
        from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    ),
    'publications', (
        select coalesce(jsonb_agg(quote_ident(p.pubname) order by p.pubname), '[]')
        from pg_publication_rel pr join pg_publication p on p.oid = pr.prpubid
        where pr.prrelid = c.oid and pr.prqual is null
    ) || (
        select coalesce(jsonb_agg(quote_ident(p.pubname) order by p.pubname), '[]')
        from pg_publication_namespace pn join pg_publication p on p.oid = pn.pnpubid
        where pn.pnnspid = n.oid
    )
)::text
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_roles o on o.oid = c.relowner
join pg_roles r on r.rolname = :role
where c.relkind in ('r', 'p', 'v', 'm', 'f')
    and c.relpersistence <> 't'
    and not starts_with(n.nspname, 'pg_') and n.nspname <> 'information_schema'
    and not exists (
        select from pg_depend d
        where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
    )
order by c.oid
