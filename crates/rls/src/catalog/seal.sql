-- The sealed context: who may do what to it, and what hostile SQL could still call, read and use.
-- The lists are what docs/rls.md, "Sealed", names.
select jsonb_build_object(
    'user', quote_ident(current_user),
    'superuser', (select u.rolsuper from pg_roles u where u.rolname = current_user),
    -- Whoever may set up the role is its admin from PostgreSQL 16 on, which alone opens nothing.
    'members', (
        select coalesce(jsonb_agg(quote_ident(m.rolname) order by m.rolname), '[]')
        from pg_auth_members a
        join pg_roles s on s.oid = a.roleid and s.rolname = 'rowhouse_seal'
        join pg_roles m on m.oid = a.member
        where coalesce((to_jsonb(a) ->> 'inherit_option')::bool, true)
            or coalesce((to_jsonb(a) ->> 'set_option')::bool, true)
    ),
    'powers', (
        select coalesce(jsonb_agg(p order by p), '[]')
        from pg_roles s
        cross join lateral (
            select case when s.rolcanlogin then 'may log in' end p
            union all select case when s.rolsuper then 'is a superuser' end
            union all select case when s.rolbypassrls then 'has BYPASSRLS' end
            union all select case when s.rolcreaterole then 'has CREATEROLE' end
            union all select case when s.rolreplication then 'has REPLICATION' end
            union all
            select 'is a member of ' || quote_ident(g.rolname)
            from pg_auth_members a join pg_roles g on g.oid = a.roleid
            where a.member = s.oid
        ) powers
        where s.rolname = 'rowhouse_seal' and p is not null
    ),
    'usage', (
        select coalesce(bool_or(has_schema_privilege(r.oid, n.oid, 'USAGE')), false)
        from pg_namespace n where n.nspname = 'rowhouse'
    ),
    -- The owner of a schema drops what stands in it, whoever owns that.
    'owner', (
        select quote_ident(o.rolname)
        from pg_namespace n join pg_roles o on o.oid = n.nspowner
        where n.nspname = 'rowhouse' and pg_has_role(r.oid, o.oid, 'MEMBER')
    ),
    -- A role that is no owner and can read the keys, change them, or see them go by.
    'key_readers', (
        select coalesce(jsonb_agg(distinct jsonb_build_object(
            'table', quote_ident(n.nspname) || '.' || quote_ident(c.relname),
            'role', case when a.grantee = 0 then 'public' else quote_ident(g.rolname) end
        )), '[]')
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'rowhouse'
        cross join lateral (
            select t.grantee from aclexplode(c.relacl) t
            where t.privilege_type not in ('INSERT', 'DELETE', 'MAINTAIN')
                or t.grantee = 0 or pg_has_role(r.oid, t.grantee, 'USAGE')
            union all
            select t.grantee from pg_attribute k cross join lateral aclexplode(k.attacl) t
            where k.attrelid = c.oid and k.attname in ('inner_key', 'outer_key')
            union all
            select r.oid where has_table_privilege(r.oid, c.oid, 'SELECT')
        ) a
        left join pg_roles g on g.oid = a.grantee
        where c.relname in ('seal_key', 'seal_session') and a.grantee <> c.relowner
    ),
    'functions', (
        select coalesce(jsonb_agg(
            format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))
            order by p.proname, p.oid
        ), '[]')
        from pg_proc p
        join pg_namespace n on n.oid = p.pronamespace
        where p.prokind = 'f' and has_function_privilege(r.oid, p.oid, 'EXECUTE')
            and (
                n.nspname = 'pg_catalog' and (
                    p.proname in (
                        -- Settings and signals.
                        'set_config', 'pg_cancel_backend', 'pg_terminate_backend',
                        'pg_wait_for_backend_termination', 'pg_log_backend_memory_contexts',
                        -- Channels and locks that all tenants share, and their traces.
                        'pg_notify', 'pg_lock_status', 'pg_blocking_pids', 'pg_export_snapshot',
                        'pg_safe_snapshot_blocking_pids',
                        -- What other sessions run, and what others have left on this connection.
                        'pg_stat_get_activity', 'pg_stat_get_progress_info',
                        'pg_isolation_test_session_is_blocked', 'pg_prepared_statement',
                        'pg_cursor', 'pg_prepared_xact',
                        -- SQL from text.
                        'ts_stat', 'loread', 'lowrite', 'pg_read_file', 'pg_read_binary_file',
                        'pg_stat_file'
                    )
                    or p.proname = 'ts_rewrite' and p.pronargs = 2
                    or p.proname ~ '^(query|cursor|table|schema|database)_to_xml'
                    or p.proname ~ '^(lo_|pg_advisory_|pg_try_advisory_|pg_logical_|pg_ls_)'
                    -- But for numbers and process ids: begin_session looks who is gone.
                    or p.proname ~ '^pg_stat_get_backend_' and p.proname not in (
                        'pg_stat_get_backend_idset', 'pg_stat_get_backend_pid'
                    )
                )
                or n.nspname <> 'pg_catalog' and p.prolang = 13 -- C: an extension's
                    and p.proname ~ '^(dblink|crosstab|connectby|xpath_table|pg_stat_statements)'
            )
    ),
    'relations', (
        select coalesce(jsonb_agg(format('%I.%I', n.nspname, c.relname) order by c.relname), '[]')
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        where c.relkind = 'v' and has_table_privilege(r.oid, c.oid, 'SELECT')
            and (
                n.nspname = 'pg_catalog' and c.relname in (
                    'pg_stat_activity', 'pg_locks', 'pg_prepared_statements', 'pg_cursors',
                    'pg_prepared_xacts', 'pg_stats', 'pg_stats_ext', 'pg_stats_ext_exprs'
                )
                or c.relname in ('pg_stat_statements', 'pg_stat_statements_info')
            )
    ),
    'languages', (
        select coalesce(jsonb_agg(quote_ident(l.lanname) order by l.lanname), '[]')
        from pg_language l
        where l.lanpltrusted and has_language_privilege(r.oid, l.oid, 'USAGE')
    )
)::text
from pg_roles r
where r.rolname = :role
