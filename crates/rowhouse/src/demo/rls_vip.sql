-- Database rls_vip: "Isolate data of SaaS tenants based on RLS policies". docs/seeds.md says what
-- differs from the document and why.
begin;

revoke temporary on database rls_vip from public;
revoke create on schema public from public;
alter schema public owner to owner;
create schema sh_vip authorization owner;
set local role owner;

create table sh_vip.t_user (
    tenant_id bigint,
    user_id bigint,
    tenant_name varchar(50),
    primary key (tenant_id, user_id)
);

insert into sh_vip.t_user values (1, 10, 'Zhang San');
insert into sh_vip.t_user values (2, 20, 'Li Si');

create policy sh_vip_t_user on sh_vip.t_user for all to public
    using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint))
    with check (
        tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint)
    );
alter table sh_vip.t_user enable row level security;
alter table sh_vip.t_user force row level security;

grant usage on schema sh_vip to app_user, t1, t2;
grant select, insert, update, delete on sh_vip.t_user to app_user, t1, t2;
grant all on schema sh_vip to bypassrls_user;
grant all on sh_vip.t_user to bypassrls_user;

commit;
