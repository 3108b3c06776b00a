-- Policies with their expressions as PostgreSQL writes them, and what they depend on.
select jsonb_build_object(
    'table', p.polrelid::int8,
    'name', quote_ident(p.polname),
    'permissive', p.polpermissive,
    'command', p.polcmd,
    -- As PostgreSQL decides it: the role has the privileges of one the policy is for.
    'applies', exists (
        select from unnest(p.polroles) t where t = 0 or pg_has_role(r.oid, t, 'USAGE')
    ),
    'roles', (
        select coalesce(jsonb_agg(
            case when t = 0 then 'public' else quote_ident(pg_get_userbyid(t)) end order by t
        ), '[]')
        from unnest(p.polroles) t
    ),
    'using', pg_get_expr(p.polqual, p.polrelid),
    'check', pg_get_expr(p.polwithcheck, p.polrelid),
    'reads', (
        select coalesce(jsonb_agg(distinct d.refobjid::int8), '[]')
        from pg_depend d
        where d.classid = 'pg_policy'::regclass and d.objid = p.oid
            and d.refclassid = 'pg_class'::regclass and d.refobjid <> p.polrelid
    ),
    'calls', (
        select coalesce(jsonb_agg(distinct d.refobjid::int8), '[]')
        from pg_depend d
        where d.classid = 'pg_policy'::regclass and d.objid = p.oid
            and d.refclassid = 'pg_proc'::regclass
    )
)::text
from pg_policy p
join pg_roles r on r.rolname = :role
order by p.polrelid, p.polname
