-- Rows of three tenants in every table of the flaws, and flaws that a catalog does not show.
create table f110.item_rest partition of f110.item default;
do $rows$
declare item record;
begin
    for item in
        select c.oid::regclass as name, format_type(t.atttypid, null) as kind
        from pg_class c
        join pg_attribute t on t.attrelid = c.oid and t.attname = 'tenant_id'
        join pg_attribute i on i.attrelid = c.oid and i.attname = 'id'
            and i.atttypid = 'uuid'::regtype
        where c.relkind in ('r', 'p') and not c.relispartition
    loop
        execute format(
            'insert into %s (tenant_id, id) select t::text::%s, gen_random_uuid()
                 from generate_series(1, 3) t', item.name, item.kind
        );
    end loop;
end $rows$;
update f202.item set shared = true;
insert into f206.item values ('prove_app', gen_random_uuid());
insert into f106.line select id, tenant_id from f106.item;
insert into f113.line select tenant_id, id from f113.item;
insert into f114.line select tenant_id, id from f114.item;
insert into f112.item select t, 'somebody@' || t from generate_series(1, 3) t;
insert into f112b.item
    select t, int4range(t, t + 1), int4range(1, 2) from generate_series(1, 3) t;
insert into f115.item select t from generate_series(1, 3) t;
insert into f116.item select t from generate_series(1, 3) t;
insert into f401.item select t, t from generate_series(1, 3) t;
refresh materialized view f303.m;

grant usage on schema f101, f102 to prove_app;

-- A pattern is every tenant.
create schema p209;
create table p209.item (tenant_id text not null, id uuid, primary key (tenant_id, id));
select public.good('p209.item', 'text');
drop policy own on p209.item;
create policy own on p209.item
    using (tenant_id like (select nullif(current_setting('app.tenant_id', true), '')));
insert into p209.item select t, gen_random_uuid() from generate_series(1, 3) t;

-- A plan that was made for one tenant serves the next.
create schema p301;
create table p301.item (tenant_id int not null, id uuid, primary key (tenant_id, id));
select public.good('p301.item');
grant usage on schema f301 to prove_app;
alter policy own on p301.item using (tenant_id = f301.tenant());
insert into p301.item select t, gen_random_uuid() from generate_series(1, 3) t;

-- Whoever writes without reading meets another policy.
create schema p202;
create table p202.item (tenant_id int not null, id uuid, note text, primary key (tenant_id, id));
select public.good('p202.item');
alter policy own on p202.item with check (true);
drop policy own on p202.item;
create policy reads on p202.item for select using (tenant_id = (select public.tenant()));
create policy changes on p202.item for update using (true) with check (true);
insert into p202.item select t, gen_random_uuid(), 'a note' from generate_series(1, 3) t;

-- Rows of one tenant only, and of none.
create schema lonely;
create table lonely.one (tenant_id int not null, id uuid, primary key (tenant_id, id));
create table lonely.empty (tenant_id int not null, id uuid, primary key (tenant_id, id));
select public.good('lonely.one'), public.good('lonely.empty');
insert into lonely.one select 1, gen_random_uuid();

-- A function that runs with its owner's rights and gives away what it sees.
create schema p304;
grant usage on schema p304 to prove_app;
create function p304.all_items() returns setof f201.item language sql security definer
    set search_path = pg_catalog, pg_temp as $$ select * from f201.item $$;
analyze;
