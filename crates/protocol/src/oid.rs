//! The oids of the built-in types, their names and their arrays.
//!
//! These numbers are part of PostgreSQL's catalog since before the protocol and never change:
//! <https://www.postgresql.org/docs/current/catalog-pg-type.html>

macro_rules! types {
    ($($name:ident = $oid:literal, $array:ident = $array_oid:literal, $text:literal;)*) => {
        $(
            #[doc = concat!("`", $text, "`")]
            pub const $name: u32 = $oid;
            #[doc = concat!("`", $text, "[]`")]
            pub const $array: u32 = $array_oid;
        )*

        /// The name of a built-in type as `pg_type.typname` has it: `int4`, `_text`.
        #[must_use]
        pub const fn type_name(oid: u32) -> Option<&'static str> {
            match oid {
                $($oid => Some($text), $array_oid => Some(concat!("_", $text)),)*
                VOID => Some("void"),
                UNKNOWN => Some("unknown"),
                _ => None,
            }
        }

        /// The element type of a built-in array type; none for everything else.
        #[must_use]
        pub const fn element_of(array_oid: u32) -> Option<u32> {
            match array_oid {
                $($array_oid => Some($oid),)*
                _ => None,
            }
        }

        /// The array type over a built-in type; none for arrays and for types without one.
        #[must_use]
        pub const fn array_of(oid: u32) -> Option<u32> {
            match oid {
                $($oid => Some($array_oid),)*
                _ => None,
            }
        }

        /// Every built-in type that has an array, in the order of the oids.
        pub const WITH_ARRAYS: &[u32] = &[$($oid),*];
    };
}

/// No type given: PostgreSQL infers it.
pub const UNSPECIFIED: u32 = 0;
/// A literal whose type is not known yet.
pub const UNKNOWN: u32 = 705;
/// What a function returns that returns nothing.
pub const VOID: u32 = 2278;

types! {
    BOOL = 16, BOOL_ARRAY = 1000, "bool";
    BYTEA = 17, BYTEA_ARRAY = 1001, "bytea";
    CHAR = 18, CHAR_ARRAY = 1002, "char";
    NAME = 19, NAME_ARRAY = 1003, "name";
    INT8 = 20, INT8_ARRAY = 1016, "int8";
    INT2 = 21, INT2_ARRAY = 1005, "int2";
    INT2VECTOR = 22, INT2VECTOR_ARRAY = 1006, "int2vector";
    INT4 = 23, INT4_ARRAY = 1007, "int4";
    REGPROC = 24, REGPROC_ARRAY = 1008, "regproc";
    TEXT = 25, TEXT_ARRAY = 1009, "text";
    OID = 26, OID_ARRAY = 1028, "oid";
    TID = 27, TID_ARRAY = 1010, "tid";
    XID = 28, XID_ARRAY = 1011, "xid";
    CID = 29, CID_ARRAY = 1012, "cid";
    OIDVECTOR = 30, OIDVECTOR_ARRAY = 1013, "oidvector";
    JSON = 114, JSON_ARRAY = 199, "json";
    XML = 142, XML_ARRAY = 143, "xml";
    POINT = 600, POINT_ARRAY = 1017, "point";
    LSEG = 601, LSEG_ARRAY = 1018, "lseg";
    PATH = 602, PATH_ARRAY = 1019, "path";
    BOX = 603, BOX_ARRAY = 1020, "box";
    POLYGON = 604, POLYGON_ARRAY = 1027, "polygon";
    LINE = 628, LINE_ARRAY = 629, "line";
    CIDR = 650, CIDR_ARRAY = 651, "cidr";
    FLOAT4 = 700, FLOAT4_ARRAY = 1021, "float4";
    FLOAT8 = 701, FLOAT8_ARRAY = 1022, "float8";
    CIRCLE = 718, CIRCLE_ARRAY = 719, "circle";
    MACADDR8 = 774, MACADDR8_ARRAY = 775, "macaddr8";
    MONEY = 790, MONEY_ARRAY = 791, "money";
    MACADDR = 829, MACADDR_ARRAY = 1040, "macaddr";
    INET = 869, INET_ARRAY = 1041, "inet";
    ACLITEM = 1033, ACLITEM_ARRAY = 1034, "aclitem";
    BPCHAR = 1042, BPCHAR_ARRAY = 1014, "bpchar";
    VARCHAR = 1043, VARCHAR_ARRAY = 1015, "varchar";
    DATE = 1082, DATE_ARRAY = 1182, "date";
    TIME = 1083, TIME_ARRAY = 1183, "time";
    TIMESTAMP = 1114, TIMESTAMP_ARRAY = 1115, "timestamp";
    TIMESTAMPTZ = 1184, TIMESTAMPTZ_ARRAY = 1185, "timestamptz";
    INTERVAL = 1186, INTERVAL_ARRAY = 1187, "interval";
    TIMETZ = 1266, TIMETZ_ARRAY = 1270, "timetz";
    BIT = 1560, BIT_ARRAY = 1561, "bit";
    VARBIT = 1562, VARBIT_ARRAY = 1563, "varbit";
    NUMERIC = 1700, NUMERIC_ARRAY = 1231, "numeric";
    REFCURSOR = 1790, REFCURSOR_ARRAY = 2201, "refcursor";
    REGPROCEDURE = 2202, REGPROCEDURE_ARRAY = 2207, "regprocedure";
    REGOPER = 2203, REGOPER_ARRAY = 2208, "regoper";
    REGOPERATOR = 2204, REGOPERATOR_ARRAY = 2209, "regoperator";
    REGCLASS = 2205, REGCLASS_ARRAY = 2210, "regclass";
    REGTYPE = 2206, REGTYPE_ARRAY = 2211, "regtype";
    RECORD = 2249, RECORD_ARRAY = 2287, "record";
    CSTRING = 2275, CSTRING_ARRAY = 1263, "cstring";
    UUID = 2950, UUID_ARRAY = 2951, "uuid";
    TXID_SNAPSHOT = 2970, TXID_SNAPSHOT_ARRAY = 2949, "txid_snapshot";
    PG_LSN = 3220, PG_LSN_ARRAY = 3221, "pg_lsn";
    TSVECTOR = 3614, TSVECTOR_ARRAY = 3643, "tsvector";
    TSQUERY = 3615, TSQUERY_ARRAY = 3645, "tsquery";
    GTSVECTOR = 3642, GTSVECTOR_ARRAY = 3644, "gtsvector";
    REGCONFIG = 3734, REGCONFIG_ARRAY = 3735, "regconfig";
    REGDICTIONARY = 3769, REGDICTIONARY_ARRAY = 3770, "regdictionary";
    JSONB = 3802, JSONB_ARRAY = 3807, "jsonb";
    INT4RANGE = 3904, INT4RANGE_ARRAY = 3905, "int4range";
    NUMRANGE = 3906, NUMRANGE_ARRAY = 3907, "numrange";
    TSRANGE = 3908, TSRANGE_ARRAY = 3909, "tsrange";
    TSTZRANGE = 3910, TSTZRANGE_ARRAY = 3911, "tstzrange";
    DATERANGE = 3912, DATERANGE_ARRAY = 3913, "daterange";
    INT8RANGE = 3926, INT8RANGE_ARRAY = 3927, "int8range";
    JSONPATH = 4072, JSONPATH_ARRAY = 4073, "jsonpath";
    REGNAMESPACE = 4089, REGNAMESPACE_ARRAY = 4090, "regnamespace";
    REGROLE = 4096, REGROLE_ARRAY = 4097, "regrole";
    REGCOLLATION = 4191, REGCOLLATION_ARRAY = 4192, "regcollation";
    INT4MULTIRANGE = 4451, INT4MULTIRANGE_ARRAY = 6150, "int4multirange";
    NUMMULTIRANGE = 4532, NUMMULTIRANGE_ARRAY = 6151, "nummultirange";
    TSMULTIRANGE = 4533, TSMULTIRANGE_ARRAY = 6152, "tsmultirange";
    TSTZMULTIRANGE = 4534, TSTZMULTIRANGE_ARRAY = 6153, "tstzmultirange";
    DATEMULTIRANGE = 4535, DATEMULTIRANGE_ARRAY = 6155, "datemultirange";
    INT8MULTIRANGE = 4536, INT8MULTIRANGE_ARRAY = 6157, "int8multirange";
    PG_SNAPSHOT = 5038, PG_SNAPSHOT_ARRAY = 5039, "pg_snapshot";
    XID8 = 5069, XID8_ARRAY = 271, "xid8";
}

/// The character that parts the elements in the text of an array of these elements: a semicolon
/// for `box`, whose own text holds commas, a comma for everything else.
#[must_use]
pub const fn delimiter_of(element_oid: u32) -> u8 {
    if element_oid == BOX { b';' } else { b',' }
}

#[cfg(test)]
mod tests;
