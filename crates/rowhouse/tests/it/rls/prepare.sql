-- The database of the flaws: nothing in it is wrong yet, but for what PostgreSQL gives everybody.
create function public.tenant() returns int language sql stable
    as $$ select nullif(current_setting('app.tenant_id', true), '')::int $$;

-- Protects a table as it should be, with rights for the application's role.
create function public.good(item regclass, kind text default 'int') returns void
language plpgsql as $good$
begin
    execute format(
        'create policy own on %1$s using (tenant_id = (select public.tenant()::%2$s))
             with check (tenant_id = (select public.tenant()::%2$s))',
        item, kind
    );
    execute format('alter table %s enable row level security', item);
    execute format('alter table %s force row level security', item);
    execute format('grant select, insert, update, delete on %s to doctor_app', item);
    execute format(
        'grant usage on schema %I to doctor_app',
        (select relnamespace::regnamespace::text from pg_class where oid = item)
    );
end
$good$;
revoke execute on function public.good from public;
select lo_create(4711);
