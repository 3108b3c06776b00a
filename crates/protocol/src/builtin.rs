//! Words known to leave the session alone, sorted for the binary search.

/// Keywords that PostgreSQL takes for no function without quotes, reserved ones and those for
/// column names: <https://www.postgresql.org/docs/current/sql-keywords-appendix.html>. A
/// parenthesis behind one of them belongs to the grammar. Words that became keywords after
/// PostgreSQL 15 are not here, since on 15 they may name a function.
#[rustfmt::skip]
pub(crate) const KEYWORDS: &[&str] = &[
    "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "between",
    "bigint", "bit", "boolean", "both", "case", "cast", "char", "character", "check", "coalesce",
    "collate", "column", "constraint", "create", "current_catalog", "current_date",
    "current_role", "current_time", "current_timestamp", "current_user", "dec", "decimal",
    "default", "deferrable", "desc", "distinct", "do", "else", "end", "except", "exists",
    "extract", "false", "fetch", "float", "for", "foreign", "from", "grant", "greatest", "group",
    "grouping", "having", "in", "initially", "inout", "int", "integer", "intersect", "interval",
    "into", "lateral", "leading", "least", "limit", "localtime", "localtimestamp", "national",
    "nchar", "none", "normalize", "not", "null", "nullif", "numeric", "offset", "on", "only",
    "or", "order", "out", "overlay", "placing", "position", "precision", "primary", "real",
    "references", "returning", "row", "select", "session_user", "setof", "smallint", "some",
    "substring", "symmetric", "table", "then", "time", "timestamp", "to", "trailing", "treat",
    "trim", "true", "union", "unique", "user", "using", "values", "varchar", "variadic", "when",
    "where", "window", "with", "xmlattributes", "xmlconcat", "xmlelement", "xmlexists",
    "xmlforest", "xmlnamespaces", "xmlparse", "xmlpi", "xmlroot", "xmlserialize", "xmltable",
];

/// Built-in functions that neither read nor change what a session keeps between transactions:
/// aggregates, windows, strings, numbers, dates, arrays, JSON, ranges, text search, networks.
///
/// Left out on purpose: `set_config`; `nextval`, `setval`, `currval`, `lastval` (a session
/// remembers its sequences); `random` and `setseed` (and its seed); advisory locks, large objects,
/// NOTIFY; what runs SQL given as text (`query_to_xml`, `ts_stat`, `ts_rewrite`); what reaches into
/// other sessions, files, WAL or replication; transaction ids and the process id, which tell
/// sessions apart.
#[rustfmt::skip]
pub(crate) const SESSION_NEUTRAL: &[&str] = &[
    "abbrev", "abs", "acos", "acosd", "acosh", "age", "any_value", "array_agg", "array_append",
    "array_cat", "array_dims", "array_fill", "array_length", "array_lower", "array_ndims",
    "array_position", "array_positions", "array_prepend", "array_remove", "array_replace",
    "array_reverse", "array_sort", "array_to_json", "array_to_string", "array_to_tsvector",
    "array_upper", "ascii", "asin", "asind", "asinh", "atan", "atan2", "atan2d", "atand", "atanh",
    "avg", "bit_and", "bit_count", "bit_length", "bit_or", "bit_xor", "bool", "bool_and",
    "bool_or", "broadcast", "btrim", "bytea", "cardinality", "casefold", "cbrt", "ceil",
    "ceiling", "char_length", "character_length", "chr", "clock_timestamp", "concat", "concat_ws",
    "convert", "convert_from", "convert_to", "corr", "cos", "cosd", "cosh", "cot", "cotd",
    "count", "covar_pop", "covar_samp", "crc32", "crc32c", "cume_dist", "current_database",
    "current_schema", "current_schemas", "current_setting", "date", "date_add", "date_bin",
    "date_part", "date_subtract", "date_trunc", "datemultirange", "daterange", "decode",
    "degrees", "dense_rank", "div", "encode", "erf", "erfc", "every", "exp", "factorial",
    "family", "first_value", "float4", "float8", "floor", "format", "gamma", "gcd",
    "gen_random_uuid", "generate_series", "generate_subscripts", "get_bit", "get_byte",
    "get_current_ts_config", "host", "hostmask", "inet_merge", "inet_same_family", "initcap",
    "int2", "int4", "int4multirange", "int4range", "int8", "int8multirange", "int8range",
    "is_normalized", "isempty", "isfinite", "json", "json_agg", "json_agg_strict", "json_array",
    "json_array_element", "json_array_element_text", "json_array_elements",
    "json_array_elements_text", "json_array_length", "json_arrayagg", "json_build_array",
    "json_build_object", "json_each", "json_each_text", "json_exists", "json_extract_path",
    "json_extract_path_text", "json_object", "json_object_agg", "json_object_agg_strict",
    "json_object_agg_unique", "json_object_agg_unique_strict", "json_object_field",
    "json_object_field_text", "json_object_keys", "json_objectagg", "json_populate_record",
    "json_populate_recordset", "json_query", "json_scalar", "json_serialize", "json_strip_nulls",
    "json_table", "json_to_record", "json_to_recordset", "json_typeof", "json_value", "jsonb",
    "jsonb_agg", "jsonb_agg_strict", "jsonb_array_element", "jsonb_array_element_text",
    "jsonb_array_elements", "jsonb_array_elements_text", "jsonb_array_length",
    "jsonb_build_array", "jsonb_build_object", "jsonb_concat", "jsonb_contained",
    "jsonb_contains", "jsonb_delete", "jsonb_delete_path", "jsonb_each", "jsonb_each_text",
    "jsonb_exists", "jsonb_exists_all", "jsonb_exists_any", "jsonb_extract_path",
    "jsonb_extract_path_text", "jsonb_insert", "jsonb_object", "jsonb_object_agg",
    "jsonb_object_agg_strict", "jsonb_object_agg_unique", "jsonb_object_agg_unique_strict",
    "jsonb_object_field", "jsonb_object_field_text", "jsonb_object_keys", "jsonb_path_exists",
    "jsonb_path_exists_tz", "jsonb_path_match", "jsonb_path_match_tz", "jsonb_path_query",
    "jsonb_path_query_array", "jsonb_path_query_array_tz", "jsonb_path_query_first",
    "jsonb_path_query_first_tz", "jsonb_path_query_tz", "jsonb_populate_record",
    "jsonb_populate_recordset", "jsonb_pretty", "jsonb_set", "jsonb_set_lax", "jsonb_strip_nulls",
    "jsonb_to_record", "jsonb_to_recordset", "jsonb_typeof", "justify_days", "justify_hours",
    "justify_interval", "lag", "last_value", "lcm", "lead", "left", "length", "lgamma", "like",
    "ln", "log", "log10", "lower", "lower_inc", "lower_inf", "lpad", "ltrim", "make_date",
    "make_interval", "make_time", "make_timestamp", "make_timestamptz", "masklen", "max", "md5",
    "merge_action", "min", "min_scale", "mod", "mode", "multirange", "netmask", "network",
    "notlike", "now", "nth_value", "ntile", "num_nonnulls", "num_nulls", "nummultirange",
    "numnode", "numrange", "octet_length", "overlaps", "parse_ident", "percent_rank",
    "percentile_cont", "percentile_disc", "pg_column_size", "pg_sleep", "pg_sleep_for",
    "pg_sleep_until", "pg_typeof", "phraseto_tsquery", "pi", "plainto_tsquery", "pow", "power",
    "querytree", "quote_ident", "quote_literal", "quote_nullable", "radians", "range_agg",
    "range_intersect_agg", "range_merge", "rank", "regexp_count", "regexp_instr", "regexp_like",
    "regexp_match", "regexp_matches", "regexp_replace", "regexp_split_to_array",
    "regexp_split_to_table", "regexp_substr", "regr_avgx", "regr_avgy", "regr_count",
    "regr_intercept", "regr_r2", "regr_slope", "regr_sxx", "regr_sxy", "regr_syy", "repeat",
    "replace", "reverse", "right", "round", "row_number", "row_security_active", "row_to_json",
    "rpad", "rtrim", "scale", "set_bit", "set_byte", "set_masklen", "setweight", "sha224",
    "sha256", "sha384", "sha512", "sign", "sin", "sind", "sinh", "split_part", "sqrt",
    "starts_with", "statement_timestamp", "stddev", "stddev_pop", "stddev_samp", "string_agg",
    "string_to_array", "string_to_table", "strip", "strpos", "substr", "sum", "tan", "tand",
    "tanh", "text", "timeofday", "timestamptz", "timetz", "timezone", "to_ascii", "to_bin",
    "to_char", "to_date", "to_hex", "to_json", "to_jsonb", "to_number", "to_oct", "to_regclass",
    "to_regtype", "to_timestamp", "to_tsquery", "to_tsvector", "transaction_timestamp",
    "translate", "trim_array", "trim_scale", "trunc", "ts_delete", "ts_filter", "ts_headline",
    "ts_rank", "ts_rank_cd", "tsmultirange", "tsquery_phrase", "tsrange", "tstzmultirange",
    "tstzrange", "tsvector_to_array", "unicode_assigned", "unistr", "unnest", "upper",
    "upper_inc", "upper_inf", "uuid", "uuid_extract_timestamp", "uuid_extract_version", "uuidv4",
    "uuidv7", "var_pop", "var_samp", "variance", "version", "websearch_to_tsquery",
    "width_bucket", "xmlagg",
];

#[cfg(test)]
mod tests;
