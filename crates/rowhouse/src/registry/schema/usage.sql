-- What tenants have used, hour by hour; of callers without a tenant, used by ''. It is no table of
-- tenants' rows, and its column is not named as if it were: an erasure would take the bill along.
-- numeric, because a sum must not fail however large it becomes.
create table rowhouse.usage_hour (
    hour timestamptz not null,
    used_by text collate "C" not null,
    operation text collate "C" not null,
    outcome text collate "C" not null,
    requests numeric not null,
    units numeric not null,
    rows numeric not null,
    bytes_in numeric not null,
    bytes_out numeric not null,
    database_us numeric not null,
    queue_us numeric not null,
    primary key (hour, used_by, operation, outcome)
);
create index usage_hour_used_by on rowhouse.usage_hour (used_by, hour);

-- How far the segments of each gateway's journal are in those sums. It changes in the same
-- transaction as they do.
create table rowhouse.usage_segment (
    gateway text collate "C" not null,
    segment text collate "C" not null,
    position bigint not null,
    answers numeric not null,
    in_doubt bigint not null,
    damaged bigint not null,
    folded_at timestamptz not null default pg_catalog.now(),
    primary key (gateway, segment)
);

-- CloudEvents that wait to be delivered.
create table rowhouse.usage_event (
    number bigint generated always as identity primary key,
    id text collate "C" not null unique,
    body text not null,
    noted_at timestamptz not null default pg_catalog.now()
);
