-- The server, the database and the role that tenants' statements run as.
select jsonb_build_object(
    'version', current_setting('server_version_num')::int4,
    'database', quote_ident(current_database()),
    'role', quote_ident(r.rolname),
    'temporary', has_database_privilege(r.oid, d.oid, 'TEMPORARY'),
    'create_schema', has_database_privilege(r.oid, d.oid, 'CREATE'),
    'predefined', (
        select coalesce(jsonb_agg(quote_ident(p.rolname) order by p.rolname), '[]')
        from pg_roles p
        where p.rolname in (
            'pg_read_all_data', 'pg_write_all_data', 'pg_monitor', 'pg_read_all_stats',
            'pg_read_all_settings', 'pg_stat_scan_tables', 'pg_signal_backend', 'pg_maintain',
            'pg_checkpoint', 'pg_create_subscription'
        ) and pg_has_role(r.oid, p.oid, 'MEMBER')
    ),
    'settings', (
        select coalesce(jsonb_agg(jsonb_build_object(
            'database', quote_ident(sd.datname), 'setting', one
        )), '[]')
        from pg_db_role_setting s
        left join pg_database sd on sd.oid = s.setdatabase
        cross join lateral unnest(s.setconfig) one
        where s.setrole = r.oid and (s.setdatabase = 0 or s.setdatabase = d.oid)
    ),
    'default_privileges', (
        select coalesce(jsonb_agg(distinct jsonb_build_object(
            'owner', quote_ident(o.rolname), 'schema', quote_ident(n.nspname),
            'grantee', case when a.grantee = 0 then 'public' else quote_ident(g.rolname) end
        )), '[]')
        from pg_default_acl x
        join pg_roles o on o.oid = x.defaclrole
        left join pg_namespace n on n.oid = x.defaclnamespace
        cross join lateral aclexplode(x.defaclacl) a
        left join pg_roles g on g.oid = a.grantee
        where x.defaclobjtype = 'r'
            and (a.grantee = 0 or pg_has_role(r.oid, a.grantee, 'USAGE'))
    ),
    'functions', (
        select coalesce(jsonb_agg(distinct p.proname::text order by p.proname::text), '[]')
        from pg_proc p
        join pg_namespace n on n.oid = p.pronamespace
        where has_function_privilege(r.oid, p.oid, 'EXECUTE')
            and (
                n.nspname = 'pg_catalog' and (
                    p.proname in (
                        'pg_cancel_backend', 'pg_terminate_backend', 'set_config', 'pg_notify',
                        'pg_stat_get_activity', 'lo_get', 'lo_put', 'lo_open', 'lo_create',
                        'lo_creat', 'lo_from_bytea', 'lo_unlink', 'lo_import', 'lo_export',
                        'query_to_xml', 'cursor_to_xml', 'table_to_xml', 'schema_to_xml',
                        'database_to_xml', 'pg_read_file', 'pg_read_binary_file', 'pg_ls_dir'
                    )
                    or starts_with(p.proname, 'pg_advisory_')
                    or starts_with(p.proname, 'pg_try_advisory_')
                )
                or n.nspname <> 'pg_catalog' and p.proname in ('dblink', 'dblink_exec')
            )
    ),
    'activity', has_table_privilege(r.oid, 'pg_catalog.pg_stat_activity', 'SELECT'),
    'statements', (
        select coalesce(jsonb_agg(format('%I.%I', n.nspname, c.relname)), '[]')
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        where c.relname = 'pg_stat_statements' and c.relkind = 'v'
            and has_schema_privilege(r.oid, n.oid, 'USAGE')
            and has_table_privilege(r.oid, c.oid, 'SELECT')
    ),
    'large_objects', (
        select count(*) from pg_largeobject_metadata l
        where pg_has_role(r.oid, l.lomowner, 'MEMBER')
    ),
    'foreign_servers', (
        select coalesce(jsonb_agg(quote_ident(s.srvname) order by s.srvname), '[]')
        from pg_foreign_server s where has_server_privilege(r.oid, s.oid, 'USAGE')
    ),
    'schemas', (
        select coalesce(jsonb_agg(quote_ident(n.nspname) order by n.nspname), '[]')
        from pg_namespace n
        where has_schema_privilege(r.oid, n.oid, 'CREATE')
            and not starts_with(n.nspname, 'pg_') and n.nspname <> 'information_schema'
    ),
    'all_tables_publications', (
        select coalesce(jsonb_agg(quote_ident(p.pubname) order by p.pubname), '[]')
        from pg_publication p where p.puballtables
    )
)::text
from pg_roles r
join pg_database d on d.datname = current_database()
where r.rolname = :role
