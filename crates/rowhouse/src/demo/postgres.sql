-- Database postgres: three seed documents side by side. docs/seeds.md says what differs from the
-- documents and why.
begin;

revoke temporary on database postgres from public;
revoke create on schema public from public;
alter schema public owner to owner;
set local role owner;

-- "Enforce row-level security with the RDS Data API"
-- -----------------------------------------------
create table tenant (
    tenant_id integer primary key,
    tenant_name text,
    account_balance numeric
);

insert into tenant values
    (1, 'Tenant1', 50000),
    (2, 'Tenant2', 60000),
    (3, 'Tenant3', 40000);

create policy tenant_policy on tenant
    using (tenant_id = (select nullif(current_setting('app.current_tenant', true), '')::integer))
    with check (
        tenant_id = (select nullif(current_setting('app.current_tenant', true), '')::integer)
    );
alter table tenant enable row level security;
alter table tenant force row level security;
grant select, insert, update, delete on tenant to app_user;

-- Sets the tenant and reads in one call. It runs with the caller's own rights, gives back the
-- setting as it found it, and does not lead a caller who has a tenant already to another one.
create function get_tenant_data(p_tenant_id integer) returns table (tenant_name text)
language plpgsql volatile security invoker
as $func$
declare
    before text := coalesce(current_setting('app.current_tenant', true), '');
begin
    if before <> '' and before is distinct from p_tenant_id::text then
        raise insufficient_privilege using
            message = 'this transaction belongs to another tenant',
            hint = 'Begin a new transaction for the other tenant.';
    end if;
    perform set_config('app.current_tenant', coalesce(p_tenant_id::text, ''), true);
    return query
        select t.tenant_name from public.tenant as t where t.tenant_id = p_tenant_id;
    perform set_config('app.current_tenant', before, true);
end
$func$;

-- Relational database pooled isolation ------------------------------------------------------------
create table users (
    tenant_id text not null,
    user_id bigint not null,
    user_name text not null,
    primary key (tenant_id, user_id)
);

insert into users values
    ('tenant1', 1, 'Ana'),
    ('tenant1', 2, 'Ben'),
    ('tenant2', 1, 'Chiara'),
    ('tenant3', 1, 'Dmitri'),
    ('tenant3', 2, 'Esi');

create policy tenant_policy on users
    using (tenant_id = (select nullif(current_setting('app.current_tenant', true), '')))
    with check (tenant_id = (select nullif(current_setting('app.current_tenant', true), '')));
alter table users enable row level security;
alter table users force row level security;
grant select, insert, update, delete on users to app_user;

-- pg-tenant-isolation -----------------------------------------------------------------------------
create table tenants (
    id uuid primary key default gen_random_uuid(),
    name text not null
);

create table items (
    id uuid primary key default gen_random_uuid(),
    title text not null,
    tenant_id uuid not null references tenants (id)
);

create index items_tenant_id on items (tenant_id);

insert into tenants values
    ('7a245486-3fc8-47ec-b303-04fefe7a58ff', 'pawnee-parks-and-rec'),
    ('162be16f-f76d-431a-a213-171838ded9ae', 'eagleton-parks'),
    ('ebdba44d-ad48-4e73-9bd5-339e3c3fc590', 'snerling-public-works');

insert into items (id, title, tenant_id) values
    ('997d0bee-351f-4b09-9dd3-2289da1ce0ba', 'art-fair', '7a245486-3fc8-47ec-b303-04fefe7a58ff'),
    ('bab62059-b702-442e-a053-7e4690d5510b', 'bench', '7a245486-3fc8-47ec-b303-04fefe7a58ff'),
    ('1bfa0393-0f74-4824-b234-052e49511a5c', 'concert', '7a245486-3fc8-47ec-b303-04fefe7a58ff'),
    (
        '1b94d748-6241-410c-95f5-015105316f27',
        'drinking-fountain',
        '7a245486-3fc8-47ec-b303-04fefe7a58ff'
    ),
    (
        'de5de5ab-abdd-499a-95a6-00f8c7b7130a',
        'emergency-kit',
        '7a245486-3fc8-47ec-b303-04fefe7a58ff'
    ),
    ('2f0e0a3c-5b7d-4c1e-9a68-6f1d0c8b7a11', 'fountain', '162be16f-f76d-431a-a213-171838ded9ae'),
    ('2f0e0a3c-5b7d-4c1e-9a68-6f1d0c8b7a12', 'gazebo', '162be16f-f76d-431a-a213-171838ded9ae'),
    ('4c9b6d52-8e3f-4a07-b1d4-7e2a5f90c321', 'hydrant', 'ebdba44d-ad48-4e73-9bd5-339e3c3fc590'),
    ('4c9b6d52-8e3f-4a07-b1d4-7e2a5f90c322', 'ice-rink', 'ebdba44d-ad48-4e73-9bd5-339e3c3fc590');

create policy tenants_isolation_policy on tenants
    using (id = (select nullif(current_setting('app.current_tenant_id', true), '')::uuid))
    with check (id = (select nullif(current_setting('app.current_tenant_id', true), '')::uuid));
create policy items_isolation_policy on items
    using (tenant_id = (select nullif(current_setting('app.current_tenant_id', true), '')::uuid))
    with check (
        tenant_id = (select nullif(current_setting('app.current_tenant_id', true), '')::uuid)
    );
alter table tenants enable row level security;
alter table tenants force row level security;
alter table items enable row level security;
alter table items force row level security;
grant select, insert, update, delete on tenants, items to app_user;

commit;
