-- What mends the flaws that no catalog shows.
drop policy changes on p202.item;
create policy changes on p202.item for update using (tenant_id = (select public.tenant()));
drop policy own on p209.item;
create policy own on p209.item
    using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')));
drop function p304.all_items();
analyze;
