-- Database onlineshop: "Multi-tenant data isolation with PostgreSQL Row Level Security - Extension
-- and Code Examples". docs/seeds.md says what differs from the document and why.
begin;

revoke temporary on database onlineshop from public;
revoke create on schema public from public;
alter schema public owner to owner;
set local role owner;

create table product (
    tenant_id varchar not null,
    product_id integer not null,
    product_name varchar not null,
    price numeric(10, 2) not null,
    primary key (tenant_id, product_id)
);

insert into product values
    ('tenant_1', 1, 'Espresso machine', 249.00),
    ('tenant_1', 2, 'Coffee grinder', 89.50),
    ('tenant_2', 1, 'Running shoes', 119.95),
    ('tenant_2', 2, 'Rain jacket', 79.00),
    ('tenant_2', 3, 'Head torch', 34.90),
    ('tenant_3', 1, 'Acoustic guitar', 399.00),
    ('tenant_3', 2, 'Capo', 14.99);

create policy tenant_isolation_policy on product
    using (tenant_id = (select nullif(current_setting('app.current_tenant', true), '')::varchar))
    with check (
        tenant_id = (select nullif(current_setting('app.current_tenant', true), '')::varchar)
    );
alter table product enable row level security;
alter table product force row level security;
grant select, insert, update, delete on product to app_user;

commit;
