-- What the login role is, what it can become, and which tenant tables it thereby owns.
-- Reads only catalogs that every role may read. Names and operators are qualified because the
-- search_path of the login role is not ours to trust.
-- Since PostgreSQL 16 each membership has its own INHERIT and SET options. Through to_jsonb one
-- text fits the versions with and without these columns (15: SET ROLE is always possible).
with recursive
login as (
    select r.oid
    from pg_catalog.pg_roles r
    -- The session's user and not current_user: RESET ROLE leads back to it.
    where r.rolname operator(pg_catalog.=) session_user
),
membership as (
    select
        m.member,
        m.roleid,
        -- Only superusers may grant the membership in a superuser.
        m.admin_option and not granted.rolsuper as grants,
        coalesce(
            pg_catalog.jsonb_extract_path_text(pg_catalog.to_jsonb(m), 'set_option')
                ::pg_catalog.bool,
            true
        ) as sets,
        coalesce(
            pg_catalog.jsonb_extract_path_text(pg_catalog.to_jsonb(m), 'inherit_option')
                ::pg_catalog.bool,
            true
        ) as inherits
    from pg_catalog.pg_auth_members m
    join pg_catalog.pg_roles granted on granted.oid operator(pg_catalog.=) m.roleid
),
-- becomes: by SET ROLE, if need be after granting itself the right (ADMIN option). Without it the
-- role's privileges, ownership among them, are inherited only. via: the first role on the way.
reach (oid, becomes, via) as (
    select l.oid, true, null::pg_catalog.oid
    from login l
    union
    select m.roleid, m.grants or (r.becomes and m.sets), coalesce(r.via, m.roleid)
    from reach r
    join membership m on m.member operator(pg_catalog.=) r.oid
    where m.grants or m.inherits or (r.becomes and m.sets)
),
tenant_table as (
    select
        pg_catalog.format('%I.%I', n.nspname, c.relname) as name,
        -- The owner of the database is the one member of pg_database_owner, in no catalog row.
        case
            when o.rolname operator(pg_catalog.=) 'pg_database_owner' then d.datdba
            else c.relowner
        end as owner
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.relnamespace
    join pg_catalog.pg_roles o on o.oid operator(pg_catalog.=) c.relowner
    join pg_catalog.pg_database d
        on d.datname operator(pg_catalog.=) pg_catalog.current_database()
    where c.relkind operator(pg_catalog.=) any (array['r', 'p']::pg_catalog."char"[])
        and not pg_catalog.starts_with(n.nspname::pg_catalog.text, 'pg_')
        and n.nspname operator(pg_catalog.<>) 'information_schema'
        and (
            c.relrowsecurity
            or exists (
                select from pg_catalog.pg_policy p where p.polrelid operator(pg_catalog.=) c.oid
            )
        )
),
named as (
    select
        r.oid,
        pg_catalog.quote_ident(role.rolname) as role,
        pg_catalog.quote_ident(via.rolname) as via,
        pg_catalog.concat_ws(
            ',',
            case when r.becomes and role.rolsuper then 'superuser' end,
            case when r.becomes and role.rolbypassrls then 'bypassrls' end,
            case when r.becomes and role.rolreplication then 'replication' end,
            case when r.becomes and role.rolcreaterole then 'createrole' end,
            case
                when role.rolname operator(pg_catalog.=) any (array[
                    'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program'
                ]::pg_catalog.name[]) then 'serverfiles'
            end
        ) as attributes
    from reach r
    join pg_catalog.pg_roles role on role.oid operator(pg_catalog.=) r.oid
    left join pg_catalog.pg_roles via on via.oid operator(pg_catalog.=) r.via
)
select 'role' as fact, n.role, n.via, n.attributes as detail
from named n
union
select 'table', n.role, n.via, t.name
from named n
join tenant_table t on t.owner operator(pg_catalog.=) n.oid
order by 1, 2, 3 nulls first, 4
