-- Functions and procedures that users have made.
select jsonb_build_object(
    'oid', p.oid::int8,
    'schema', n.nspname,
    'name', format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
    'owner', quote_ident(o.rolname),
    'owner_exempt', o.rolsuper or o.rolbypassrls,
    'definer', p.prosecdef,
    'volatility', p.provolatile,
    'leakproof', p.proleakproof,
    'settings', to_jsonb(coalesce(p.proconfig, '{}')),
    'callable', has_function_privilege(r.oid, p.oid, 'EXECUTE')
        and has_schema_privilege(r.oid, n.oid, 'USAGE'),
    'source', coalesce(pg_get_function_sqlbody(p.oid), p.prosrc),
    'language', l.lanname,
    'triggers', (
        select coalesce(jsonb_agg(distinct t.tgrelid::int8), '[]')
        from pg_trigger t where t.tgfoid = p.oid and not t.tgisinternal
    )
)::text
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
join pg_roles o on o.oid = p.proowner
join pg_language l on l.oid = p.prolang
join pg_roles r on r.rolname = :role
where p.prokind in ('f', 'p')
    and not starts_with(n.nspname, 'pg_') and n.nspname <> 'information_schema'
    and not exists (
        select from pg_depend d
        where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
    )
order by p.oid
