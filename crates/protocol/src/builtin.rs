//! Words known to leave the session alone, sorted for the binary search.

/// Keywords that PostgreSQL takes for no function without quotes, reserved ones and those for
/// column names: <https://www.postgresql.org/docs/current/sql-keywords-appendix.html>. A
/// parenthesis behind one of them belongs to the grammar. Words that became keywords after
/// PostgreSQL 15 are not here, since on 15 they may name a function; `treat` is not, since
/// `treat(x as f)` calls the built-in function `f`.
#[rustfmt::skip]
pub(crate) const KEYWORDS: &[&str] = &[
    "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "between",
    "bigint", "bit", "boolean", "both", "case", "cast", "char", "character", "check", "coalesce",
    "collate", "column", "constraint", "create", "current_catalog", "current_date", "current_role",
    "current_time", "current_timestamp", "current_user", "dec", "decimal", "default", "deferrable",
    "desc", "distinct", "do", "else", "end", "except", "exists", "extract", "false", "fetch",
    "float", "for", "foreign", "from", "grant", "greatest", "group", "grouping", "having", "in",
    "initially", "inout", "int", "integer", "intersect", "interval", "into", "lateral", "leading",
    "least", "limit", "localtime", "localtimestamp", "national", "nchar", "none", "normalize",
    "not", "null", "nullif", "numeric", "offset", "on", "only", "or", "order", "out", "overlay",
    "placing", "position", "precision", "primary", "real", "references", "returning", "row",
    "select", "session_user", "setof", "smallint", "some", "substring", "symmetric", "table",
    "then", "time", "timestamp", "to", "trailing", "trim", "true", "union", "unique", "user",
    "using", "values", "varchar", "variadic", "when", "where", "window", "with", "xmlattributes",
    "xmlconcat", "xmlelement", "xmlexists", "xmlforest", "xmlnamespaces", "xmlparse", "xmlpi",
    "xmlroot", "xmlserialize", "xmltable",
];

/// Built-in functions that neither read nor change what a session keeps between transactions:
/// aggregates, windows, strings, numbers, dates, arrays, JSON, ranges, text search, networks.
///
/// Left out on purpose: `set_config`; `nextval`, `setval`, `currval`, `lastval` (a session
/// remembers its sequences); `random` and `setseed` (and its seed); advisory locks, large objects,
/// NOTIFY; what runs SQL given as text (`query_to_xml`, `ts_stat`, `ts_rewrite`); what reaches into
/// other sessions, files, WAL or replication; transaction ids, the process id, addresses and
/// schemas for temporary tables, which tell sessions apart. What PostgreSQL 15 does not know as a
/// function or type is left out as well: people write such functions themselves until they have
/// them.
#[rustfmt::skip]
pub(crate) const SESSION_NEUTRAL: &[&str] = &[
    "abbrev", "abs", "acos", "acosd", "acosh", "age", "array_agg", "array_append", "array_cat",
    "array_dims", "array_fill", "array_length", "array_lower", "array_ndims", "array_position",
    "array_positions", "array_prepend", "array_remove", "array_replace", "array_to_json",
    "array_to_string", "array_to_tsvector", "array_upper", "ascii", "asin", "asind", "asinh",
    "atan", "atan2", "atan2d", "atand", "atanh", "avg", "bit_and", "bit_count", "bit_length",
    "bit_or", "bit_xor", "bool", "bool_and", "bool_or", "broadcast", "btrim", "bytea",
    "cardinality", "cbrt", "ceil", "ceiling", "char_length", "character_length", "chr",
    "clock_timestamp", "concat", "concat_ws", "convert", "convert_from", "convert_to", "corr",
    "cos", "cosd", "cosh", "cot", "cotd", "count", "covar_pop", "covar_samp", "cume_dist",
    "current_database", "current_setting", "date", "date_bin", "date_part", "date_trunc",
    "datemultirange", "daterange", "decode", "degrees", "dense_rank", "div", "encode", "every",
    "exp", "factorial", "family", "first_value", "float4", "float8", "floor", "format", "gcd",
    "gen_random_uuid", "generate_series", "generate_subscripts", "get_bit", "get_byte",
    "get_current_ts_config", "host", "hostmask", "inet_merge", "inet_same_family", "initcap",
    "int2", "int4", "int4multirange", "int4range", "int8", "int8multirange", "int8range",
    "is_normalized", "isempty", "isfinite", "json", "json_agg", "json_array_element",
    "json_array_element_text", "json_array_elements", "json_array_elements_text",
    "json_array_length", "json_build_array", "json_build_object", "json_each", "json_each_text",
    "json_extract_path", "json_extract_path_text", "json_object", "json_object_agg",
    "json_object_field", "json_object_field_text", "json_object_keys", "json_populate_record",
    "json_populate_recordset", "json_strip_nulls", "json_to_record", "json_to_recordset",
    "json_typeof", "jsonb", "jsonb_agg", "jsonb_array_element", "jsonb_array_element_text",
    "jsonb_array_elements", "jsonb_array_elements_text", "jsonb_array_length", "jsonb_build_array",
    "jsonb_build_object", "jsonb_concat", "jsonb_contained", "jsonb_contains", "jsonb_delete",
    "jsonb_delete_path", "jsonb_each", "jsonb_each_text", "jsonb_exists", "jsonb_exists_all",
    "jsonb_exists_any", "jsonb_extract_path", "jsonb_extract_path_text", "jsonb_insert",
    "jsonb_object", "jsonb_object_agg", "jsonb_object_field", "jsonb_object_field_text",
    "jsonb_object_keys", "jsonb_path_exists", "jsonb_path_exists_tz", "jsonb_path_match",
    "jsonb_path_match_tz", "jsonb_path_query", "jsonb_path_query_array",
    "jsonb_path_query_array_tz", "jsonb_path_query_first", "jsonb_path_query_first_tz",
    "jsonb_path_query_tz", "jsonb_populate_record", "jsonb_populate_recordset", "jsonb_pretty",
    "jsonb_set", "jsonb_set_lax", "jsonb_strip_nulls", "jsonb_to_record", "jsonb_to_recordset",
    "jsonb_typeof", "justify_days", "justify_hours", "justify_interval", "lag", "last_value",
    "lcm", "lead", "left", "length", "like", "ln", "log", "log10", "lower", "lower_inc",
    "lower_inf", "lpad", "ltrim", "make_date", "make_interval", "make_time", "make_timestamp",
    "make_timestamptz", "masklen", "max", "md5", "min", "min_scale", "mod", "mode", "multirange",
    "netmask", "network", "notlike", "now", "nth_value", "ntile", "num_nonnulls", "num_nulls",
    "nummultirange", "numnode", "numrange", "octet_length", "overlaps", "parse_ident",
    "percent_rank", "percentile_cont", "percentile_disc", "pg_column_size", "pg_sleep",
    "pg_sleep_for", "pg_sleep_until", "pg_typeof", "phraseto_tsquery", "pi", "plainto_tsquery",
    "pow", "power", "querytree", "quote_ident", "quote_literal", "quote_nullable", "radians",
    "range_agg", "range_intersect_agg", "range_merge", "rank", "regexp_count", "regexp_instr",
    "regexp_like", "regexp_match", "regexp_matches", "regexp_replace", "regexp_split_to_array",
    "regexp_split_to_table", "regexp_substr", "regr_avgx", "regr_avgy", "regr_count",
    "regr_intercept", "regr_r2", "regr_slope", "regr_sxx", "regr_sxy", "regr_syy", "repeat",
    "replace", "reverse", "right", "round", "row_number", "row_security_active", "row_to_json",
    "rpad", "rtrim", "scale", "set_bit", "set_byte", "set_masklen", "setweight", "sha224",
    "sha256", "sha384", "sha512", "sign", "sin", "sind", "sinh", "split_part", "sqrt",
    "starts_with", "statement_timestamp", "stddev", "stddev_pop", "stddev_samp", "string_agg",
    "string_to_array", "string_to_table", "strip", "strpos", "substr", "sum", "tan", "tand",
    "tanh", "text", "timeofday", "timestamptz", "timetz", "timezone", "to_ascii", "to_char",
    "to_date", "to_hex", "to_json", "to_jsonb", "to_number", "to_regclass", "to_regtype",
    "to_timestamp", "to_tsquery", "to_tsvector", "transaction_timestamp", "translate",
    "trim_array", "trim_scale", "trunc", "ts_delete", "ts_filter", "ts_headline", "ts_rank",
    "ts_rank_cd", "tsmultirange", "tsquery_phrase", "tsrange", "tstzmultirange", "tstzrange",
    "tsvector_to_array", "unistr", "unnest", "upper", "upper_inc", "upper_inf", "uuid", "var_pop",
    "var_samp", "variance", "version", "websearch_to_tsquery", "width_bucket", "xmlagg",
];

/// Built-in functions, not harmless, that `t.f` can call, since they take one argument: those that
/// `pg_proc` has as volatile, and those that show the session. `pg_stat_…` is refused elsewhere,
/// `binary_upgrade_…` by the server.
#[rustfmt::skip]
pub(crate) const ONE_ARGUMENT: &[&str] = &[
    "amvalidate", "array_shuffle", "brin_summarize_new_values", "current_schemas", "currval",
    "gin_clean_pending_list", "lo_close", "lo_creat", "lo_create", "lo_get", "lo_import",
    "lo_tell", "lo_tell64", "lo_unlink", "nextval", "pg_advisory_lock", "pg_advisory_lock_shared",
    "pg_advisory_unlock", "pg_advisory_unlock_shared", "pg_advisory_xact_lock",
    "pg_advisory_xact_lock_shared", "pg_backup_start", "pg_backup_stop", "pg_blocking_pids",
    "pg_cancel_backend", "pg_collation_actual_version", "pg_create_physical_replication_slot",
    "pg_create_restore_point", "pg_current_logfile", "pg_database_collation_actual_version",
    "pg_database_size", "pg_drop_replication_slot", "pg_get_multixact_members",
    "pg_import_system_collations", "pg_indexes_size", "pg_is_other_temp_schema",
    "pg_log_backend_memory_contexts", "pg_ls_dir", "pg_ls_replslotdir", "pg_ls_tmpdir",
    "pg_partition_ancestors", "pg_partition_tree", "pg_promote", "pg_read_binary_file",
    "pg_read_file", "pg_relation_size", "pg_replication_origin_create",
    "pg_replication_origin_drop", "pg_replication_origin_session_progress",
    "pg_replication_origin_session_setup", "pg_restore_attribute_stats",
    "pg_restore_relation_stats", "pg_safe_snapshot_blocking_pids", "pg_sequence_last_value",
    "pg_table_size", "pg_tablespace_size", "pg_terminate_backend", "pg_total_relation_size",
    "pg_try_advisory_lock", "pg_try_advisory_lock_shared", "pg_try_advisory_xact_lock",
    "pg_try_advisory_xact_lock_shared", "pg_xact_commit_timestamp",
    "pg_xact_commit_timestamp_origin", "pg_xact_status", "plpgsql_validator", "random_normal",
    "setseed", "ts_stat", "txid_status",
];

/// Names that are no calls and yet show the session or other sessions, so that what is read depends
/// on the connection, on which others' statements may stand prepared; CURRENT_SCHEMA, a function
/// without parentheses, because the schema for temporary tables has a number of the session.
#[rustfmt::skip]
pub(crate) const SHOWS_SESSIONS: &[&str] = &[
    "current_schema", "pg_aios", "pg_backend_memory_contexts", "pg_cursors", "pg_file_settings",
    "pg_hba_file_rules", "pg_ident_file_mappings", "pg_listening_channels", "pg_locks",
    "pg_prepared_statements", "pg_prepared_xacts", "pg_replication_origin_status",
    "pg_replication_slots", "pg_settings", "pg_shmem_allocations", "pg_shmem_allocations_numa",
];

/// Views of statistics: of this session (`pg_stat_xact_…`), of others (`pg_stat_activity`,
/// `pg_stat_ssl`, `pg_stat_progress_…`), and what later versions add.
pub(crate) const SHOWS_SESSIONS_PREFIX: &str = "pg_stat_";

#[cfg(test)]
mod tests;
