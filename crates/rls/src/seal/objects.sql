-- The objects of the sealed context, in the schema rowhouse. `plan --sealed` cuts this file
-- at the lines of three hyphens, which name an object each, and plans what is missing or differs.
--
-- What holds for all functions: they are called by whoever writes the tenants' SQL. They run as
-- rowhouse_seal, which owns what stands here and nothing else. No key is ever in a variable or a
-- constant of a statement: debug_print_plan, which every role may switch on, shows those.

--- table seal_key
create table rowhouse.seal_key (
    id int primary key,
    inner_key bytea not null,
    outer_key bytea not null,
    created_at timestamptz not null default now(),
    check (id >= 1 and length(inner_key) = 64 and length(outer_key) = 64)
)
--- table seal_session
create unlogged table rowhouse.seal_session (
    pid int primary key,
    key_id int not null references rowhouse.seal_key on delete cascade,
    inner_key bytea not null,
    outer_key bytea not null,
    registered_at timestamptz not null default now()
)
--- function begin_session
-- Called once for each connection. A gateway that knows key K proves it by a MAC over what cannot
-- be another connection's; both sides then derive this connection's key from K. Whoever replays
-- the call on the same backend registers the same key again.
create or replace function rowhouse.begin_session(key_id int, nonce text, expiry bigint, mac text)
returns void language plpgsql volatile parallel unsafe security definer
set search_path = pg_catalog, pg_temp
set debug_print_parse = off set debug_print_rewritten = off set debug_print_plan = off
as $seal$
declare
    now_s bigint := extract(epoch from clock_timestamp())::bigint;
begin
    if nonce ~ '^[0-9a-f]{32}$' and mac ~ '^[0-9a-f]{64}$' and expiry between now_s and now_s + 300
    then
        insert into rowhouse.seal_session as mine (pid, key_id, inner_key, outer_key)
        select pg_backend_pid(), derived.id,
            decode(string_agg(
                lpad(to_hex(get_byte(derived.secret, at) # 54), 2, '0'), '' order by at
            ) || repeat('36', 32), 'hex'),
            decode(string_agg(
                lpad(to_hex(get_byte(derived.secret, at) # 92), 2, '0'), '' order by at
            ) || repeat('5c', 32), 'hex')
        from (
            select k.id, sha256(k.outer_key || sha256(k.inner_key || convert_to(
                concat_ws(chr(10), 'rowhouse key 1', pg_backend_pid(), nonce, session_user),
                'UTF8'))) as secret
            from rowhouse.seal_key k
            where k.id = begin_session.key_id
                -- Both sides are hashed with the key: the time a comparison takes tells nothing.
                and sha256(k.outer_key || sha256(k.outer_key || sha256(k.inner_key || convert_to(
                    concat_ws(chr(10), 'rowhouse session 1', k.id, pg_backend_pid(), expiry, nonce,
                        session_user), 'UTF8'))))
                    = sha256(k.outer_key || decode(mac, 'hex'))
            offset 0
        ) derived, generate_series(0, 31) at
        group by derived.id
        on conflict (pid) do update set key_id = excluded.key_id, inner_key = excluded.inner_key,
            outer_key = excluded.outer_key, registered_at = excluded.registered_at;
        if found then
            -- What backends that are gone have left. A row that a new backend of the same number
            -- takes over in this moment is young again when its lock is had, and stays.
            delete from rowhouse.seal_session where pid in (
                select s.pid from rowhouse.seal_session s
                where s.registered_at < now() - interval '1 minute'
                    and s.pid not in (
                        select pg_stat_get_backend_pid(b) from pg_stat_get_backend_idset() b
                    )
                limit 100 for update skip locked
            );
            return;
        end if;
    end if;
    raise exception using errcode = 'insufficient_privilege',
        message = 'this registration of a connection is not valid for this database and role',
        hint = 'Look whether gateway and database have the same keys (rowhouse keys list) and the '
            || 'same time.';
end
$seal$
--- function tenant
-- Policies ask it in every statement, so it is the cheapest form that was found safe (docs/rls.md,
-- "What it costs"): one query, every name with its schema instead of a pinned search_path, no
-- literal that standard_conforming_strings could change.
--
-- The token is `mac (64 hexadecimal digits) . expiry (10 digits) . tenant`.
create or replace function rowhouse.tenant()
returns text language plpgsql stable parallel restricted security definer
as $seal$
declare
    token pg_catalog.bytea :=
        pg_catalog.convert_to(pg_catalog.current_setting('rowhouse.context', true), 'UTF8');
    claim pg_catalog.text;
begin
    if pg_catalog.length(token) operator(pg_catalog.>) 76 then
        -- Hashing both sides once more: the time a comparison takes tells at most where the hashes
        -- of two MACs begin to differ, from which nobody makes a MAC. The constant is
        -- "rowhouse tenant 1" and a line feed.
        select pg_catalog.convert_from(pg_catalog.substr(token, 66), 'UTF8') into claim
        from rowhouse.seal_session s
        where s.pid operator(pg_catalog.=) pg_catalog.pg_backend_pid()
            and pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.encode(
                pg_catalog.sha256(s.outer_key operator(pg_catalog.||)
                    pg_catalog.sha256(s.inner_key operator(pg_catalog.||)
                        pg_catalog.decode('726f77686f7573652074656e616e7420310a', 'hex')
                        operator(pg_catalog.||) pg_catalog.substr(token, 66))),
                'hex'), 'UTF8'))
            operator(pg_catalog.=) pg_catalog.sha256(pg_catalog.substr(token, 1, 64));
        -- Only what the gateway has signed comes here: the first ten characters are a number.
        if pg_catalog.to_timestamp(pg_catalog.substr(claim, 1, 10)::pg_catalog.float8)
            operator(pg_catalog.>) pg_catalog.now()
        then
            return pg_catalog.substr(claim, 12);
        end if;
    end if;
    if pg_catalog.current_setting('rowhouse.strict', true) operator(pg_catalog.=) 'on' then
        raise exception using errcode = 'insufficient_privilege', message = case
            when pg_catalog.length(token) operator(pg_catalog.>) 0 is not true
                then 'no tenant: rowhouse.context is empty in this transaction'
            when claim is null
                then 'no tenant: rowhouse.context holds no token of this connection'
            else 'no tenant: the token in rowhouse.context has ended' end;
    end if;
    return null;
end
$seal$
--- function enter
-- How a transaction gets its token where set_config is taken from everybody. It is no secret way:
-- whoever calls it with another token than the gateway's has no tenant any more. Settings of other
-- names decide nothing in a sealed database.
create or replace function rowhouse.enter(context text, names text[], tenant text)
returns void language plpgsql volatile parallel unsafe security definer
as $seal$
declare
    name pg_catalog.text;
    ignored pg_catalog.text;
begin
    foreach name in array names loop
        if pg_catalog.strpos(name, '.') operator(pg_catalog.>) 1
            and not pg_catalog.starts_with(pg_catalog.lower(name), 'rowhouse.')
        then
            ignored := pg_catalog.set_config(name, tenant, true);
        else
            raise exception using errcode = 'invalid_parameter_value',
                message = 'not the name of a setting of yours';
        end if;
    end loop;
    ignored := pg_catalog.set_config('rowhouse.context', context, true);
end
$seal$
