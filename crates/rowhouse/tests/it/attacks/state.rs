//! What is in the ground's database, all of it that an attack could change, and how it is put back.

/// A shop that nobody has put walls into yet, but for a column.
pub const SCHEMA: &str = "
    create table vault (tenant_id text not null, id int not null, pearl text not null,
        worth int not null default 1, primary key (tenant_id, id));
    create table box (tenant_id text not null, id int not null, primary key (tenant_id, id));
    create table item (tenant_id text not null, id int not null, box int, label text default '',
        primary key (tenant_id, id),
        foreign key (tenant_id, box) references box on delete cascade);
    create table word (tenant_id text not null, word text not null,
        primary key (tenant_id, word));
    create table event (tenant_id text not null, day date not null, what text,
        primary key (tenant_id, day)) partition by range (day);
    create table event_2026 partition of event for values from ('2026-01-01') to ('2027-01-01');
    create table plan (tenant_id text not null, id int not null, kind text not null,
        primary key (tenant_id, id));
    create view seen as select tenant_id, id, pearl from vault;
    create view rich as select * from vault where worth > 0 with check option;
    create table currency (code text primary key, name text);
    create sequence numbers;

    insert into vault select t, i, 'pearl-of-' || t || '-' || i
        from unnest(array['alice', 'bob', 'carol']) t, generate_series(1, 3) i;
    insert into box select t, i from unnest(array['alice', 'bob']) t, generate_series(1, 3) i;
    insert into box values ('bob', 77);
    insert into item select 'bob', i, i from generate_series(1, 3) i;
    insert into word values ('alice', 'own-word'), ('bob', 'bob-word');
    insert into event values ('alice', '2026-01-01', 'x'), ('bob', '2026-01-01', 'pearl-of-bob-0');
    insert into plan select 'bob', i, 'enterprise' from generate_series(1, 2000) i;
    insert into plan select 'bob', i + 5000, 'p' || i from generate_series(1, 2000) i;
    insert into currency values ('EUR', 'euro');
    analyze;
    grant select on currency to public;

    -- The operator's own functions, whose names say nothing of what they can do.
    create function innocent(name text, value text) returns text language sql
        as $f$ select set_config(name, value, true) $f$;
    create function harmless(sql text) returns void language plpgsql
        as $f$ begin execute sql; end $f$;
    create operator public.=!= (function = innocent, leftarg = text, rightarg = text);
    create function chosen(before text, tenant text) returns text language sql
        as $f$ select set_config('app.tenant_id', tenant, true) $f$;
    create aggregate last_chosen (text) (sfunc = chosen, stype = text, initcond = '');
";

/// Copies of the rows, where only the superuser gets, and large objects: the superuser's, and one
/// that bob has made in the role of all tenants.
pub const KEEP: &str = "
    create schema keep;
    create table keep.vault as table vault;
    create table keep.box as table box;
    create table keep.item as table item;
    create table keep.word as table word;
    create table keep.event as table event;
    create table keep.owner as
        select rolname as name, rolpassword as password from pg_authid where rolname = 'ROLE';
    select lo_from_bytea(4242, 'pearl-of-bob-lo'::bytea);
    select lo_from_bytea(4243, 'pearl-of-bob-lo'::bytea);
    alter large object 4243 owner to ROLE;
";

/// Alice's rows as they were.
pub const RESTORE_OWN: &str = "
    begin;
    delete from item where tenant_id = 'alice';
    delete from box where tenant_id = 'alice';
    delete from vault where tenant_id = 'alice';
    delete from word where tenant_id = 'alice';
    delete from event where tenant_id = 'alice';
    delete from plan where tenant_id = 'alice';
    insert into vault select * from keep.vault where tenant_id = 'alice';
    insert into box select * from keep.box where tenant_id = 'alice';
    insert into word select * from keep.word where tenant_id = 'alice';
    insert into event select * from keep.event where tenant_id = 'alice';
    commit;
";

/// Everybody's rows and large objects as they were, and no defaults of the role.
pub const RESTORE: &str = "
    begin;
    do $do$
    declare name text; password text;
    begin
        for name, password in select * from keep.owner loop
            execute format('alter role %I reset all', name);
            execute format('alter role %I password %L', name, password);
        end loop;
    end $do$;
    truncate vault, box, item, word, event;
    insert into vault table keep.vault;
    insert into box table keep.box;
    insert into item table keep.item;
    insert into word table keep.word;
    insert into event table keep.event;
    delete from plan where tenant_id <> 'bob';
    select lo_unlink(oid) from pg_largeobject_metadata where oid <> 4242;
    select lo_from_bytea(4243, 'pearl-of-bob-lo'::bytea);
    do $do$ begin
        execute format('alter large object 4243 owner to %I', (select name from keep.owner));
    end $do$;
    select setval('numbers', 1, false);
    commit;
";

/// Part by part, a digest of it. Temporary objects belong to sessions and go with them.
pub const STATE: &str = "
    with temporary as (
        select oid from pg_namespace where nspname like 'pg_temp%' or nspname like 'pg_toast_temp%'
    )
    select part, md5(coalesce(string_agg(what, '|' order by what), '')) from (
        select case tenant_id when 'alice' then 'own' else 'rows' end as part, what from (
            select tenant_id, vault::text from vault
            union all select tenant_id, box::text from box
            union all select tenant_id, item::text from item
            union all select tenant_id, word::text from word
            union all select tenant_id, event::text from event
            union all select tenant_id, 'plan' || count(*) from plan group by 1
        ) owned (tenant_id, what)
        union all select 'rows', currency::text from currency
        union all select 'relations', concat_ws(' ', oid, relname, relowner,
                coalesce(relacl, acldefault('r', relowner)),
                relrowsecurity, relforcerowsecurity, relhasrules, relhastriggers, reloptions)
            from pg_class where oid >= 16384 and relnamespace not in (table temporary)
        union all select 'columns', concat_ws(' ', attrelid, attname, atttypid, attnotnull, attacl)
            from pg_attribute where attrelid >= 16384 and attrelid not in (
                select oid from pg_class where relnamespace in (table temporary))
        union all select 'functions', concat_ws(' ', oid, proname, proowner, proconfig,
                coalesce(proacl, acldefault('f', proowner)), md5(prosrc)) from pg_proc
            where pronamespace not in (table temporary) and (oid >= 16384
                or proacl is not null and proacl <> acldefault('f', proowner))
        union all select 'types', concat_ws(' ', oid, typname, typacl) from pg_type
            where oid >= 16384 and typnamespace not in (table temporary)
        union all select 'schemas', concat_ws(' ', oid, nspname, nspowner,
                coalesce(nspacl, acldefault('n', nspowner)))
            from pg_namespace where oid not in (table temporary)
        union all select 'policies', concat_ws(' ', oid, polname, polrelid,
                md5(polqual::text), md5(polwithcheck::text)) from pg_policy
        union all select 'triggers', concat_ws(' ', oid, tgname, tgenabled) from pg_trigger
        union all select 'rules', oid::text from pg_rewrite where oid >= 16384 and ev_class not in (
                select oid from pg_class where relnamespace in (table temporary))
        union all select 'operators', oid::text from pg_operator where oid >= 16384
        union all select 'casts', oid::text from pg_cast where oid >= 16384
        union all select 'event triggers', evtname::text from pg_event_trigger
        union all select 'publications', pubname::text from pg_publication
        union all select 'extensions', extname::text from pg_extension
        union all select 'languages', concat_ws(' ', lanname,
                coalesce(lanacl, acldefault('l', lanowner))) from pg_language
        union all select 'default privileges', defaclacl::text from pg_default_acl
        union all select 'comments', description from pg_description where objoid >= 16384
        union all select 'labels', label from pg_seclabel
        union all select 'statistics', stxname::text from pg_statistic_ext
        union all select 'large objects', concat_ws(' ', oid, lomowner, lomacl)
            from pg_largeobject_metadata
        union all select 'large object data', md5(data) from pg_largeobject
        union all select 'sequences', coalesce(pg_sequence_last_value(seqrelid), 0)::text
            from pg_sequence
        union all select 'database', concat_ws(' ', datname, datconnlimit,
                coalesce(datacl, acldefault('d', datdba)))
            from pg_database where datname = current_database()
        union all select 'roles', concat_ws(' ', rolname, rolsuper, rolbypassrls, rolcreaterole,
                rolcanlogin, rolpassword, rolvaliduntil, rolconnlimit)
            from pg_authid where rolname in (select name from keep.owner) or rolname like 'evil%'
        union all select 'memberships', concat_ws(' ', roleid::regrole, member::regrole)
            from pg_auth_members, keep.owner
            where name in (roleid::regrole::text, member::regrole::text)
        union all select 'settings', concat_ws(' ', setdatabase, setrole, setconfig)
            from pg_db_role_setting
            where setrole in (select oid from pg_roles, keep.owner where rolname = name)
                or setdatabase = (select oid from pg_database where datname = current_database())
        union all select 'prepared transactions', gid from pg_prepared_xacts
            where database = current_database()
        union all select 'locks', concat_ws(' ', classid, objid, objsubid, mode) from pg_locks
            where locktype = 'advisory'
                and database = (select oid from pg_database where datname = current_database())
        -- So that every part is there.
        union all select part, null from unnest(array['large objects', 'locks', 'labels', 'casts',
            'prepared transactions', 'comments', 'statistics', 'publications', 'settings',
            'event triggers', 'default privileges', 'memberships', 'operators', 'own']) part
    ) everything (part, what)
    group by part
";
