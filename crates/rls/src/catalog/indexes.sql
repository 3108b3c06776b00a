-- Indexes of tables that users have made: key columns in order, 0 for an expression.
select jsonb_build_object(
    'table', i.indrelid::int8,
    'name', format('%I.%I', n.nspname, c.relname),
    'unique', i.indisunique,
    'primary', i.indisprimary,
    'exclusion', i.indisexclusion,
    'valid', i.indisvalid,
    'partial', i.indpred is not null,
    'constraint', (
        select quote_ident(k.conname) from pg_constraint k
        where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')
    ),
    'columns', (
        select coalesce(jsonb_agg(k.attnum order by k.place), '[]')
        from unnest(i.indkey::int2[]) with ordinality k (attnum, place)
        where k.place <= i.indnkeyatts
    )
)::text
from pg_index i
join pg_class c on c.oid = i.indexrelid
join pg_namespace n on n.oid = c.relnamespace
where not starts_with(n.nspname, 'pg_') and n.nspname <> 'information_schema'
order by i.indexrelid
