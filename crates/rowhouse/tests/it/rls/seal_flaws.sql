-- Flaws of a sealed database, as in flaws.sql. All but those with `-- mended` are mended by
-- `rls apply --sealed`.

-- flaw RH601 sealed
grant temporary on database sealed to public;

-- flaw RH602 public
grant create on schema public to public;

-- flaw RH701 rowhouse.tenant
create or replace function rowhouse.tenant() returns text
language plpgsql stable parallel restricted security definer
as $$ begin return current_setting('app.tenant_id', true); end $$;

-- flaw RH701 rowhouse.begin_session
alter function rowhouse.begin_session(int, text, bigint, text) reset debug_print_plan;

-- flaw RH701 rowhouse.enter
alter function rowhouse.enter(text, text[], text) owner to sealed_op;

-- flaw RH701 rowhouse
revoke usage on schema rowhouse from public;

-- flaw RH702 rowhouse_seal
grant rowhouse_seal to sealed_op;

-- flaw RH702 rowhouse_seal
alter role rowhouse_seal login;
-- mended
alter role rowhouse_seal nologin;

-- flaw RH703 rowhouse.seal_key
grant select on rowhouse.seal_key to sealed_op;

-- flaw RH703 rowhouse.seal_session
grant update (outer_key) on rowhouse.seal_session to sealed_op;

-- flaw RH704 public.plain
create table public.plain (tenant_id text, id uuid, primary key (tenant_id, id));
alter table public.plain enable row level security, force row level security;
create policy own on public.plain
    using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')));
grant select, insert, update, delete on public.plain to sealed_app;

-- flaw RH704 public.through
create function public.mine() returns text language sql stable
    as $$ select nullif(current_setting('app.tenant_id', true), '') $$;
create table public.through (tenant_id text, id uuid, primary key (tenant_id, id));
alter table public.through enable row level security, force row level security;
create policy own on public.through using (tenant_id = (select public.mine()));
grant select, insert, update, delete on public.through to sealed_app;

-- flaw RH705 pg_catalog.set_config(text, text, boolean)
grant execute on function set_config(text, text, boolean) to public;

-- flaw RH705 pg_catalog.lo_get(oid)
grant execute on function lo_get(oid) to sealed_app;

-- flaw RH705 pg_catalog.ts_rewrite(tsquery, text)
grant execute on function ts_rewrite(tsquery, text) to public;

-- flaw RH603 sealed
-- flaw RH705 pg_catalog.pg_terminate_backend(pid integer, timeout bigint)
grant execute on function pg_terminate_backend(int, bigint) to public;

-- flaw RH604 sealed
-- flaw RH706 pg_catalog.pg_stat_activity
grant select on pg_stat_activity to public;

-- flaw RH706 pg_catalog.pg_prepared_statements
grant select on pg_prepared_statements to sealed_app;

-- flaw RH707 plpgsql
grant usage on language plpgsql to public;
