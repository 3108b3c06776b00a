//! Values in text format: the first bytes choose type and options, the rest is the value.

use rowhouse_data_api::field::{DecimalReturnType, FieldType, LongReturnType, ResultSetOptions};
use rowhouse_protocol::oid;
use rowhouse_protocol::text::{decode_bytea, parse_array};

use crate::json_object;

/// A byte of the value is at most so many of the answer: `{` of an array becomes
/// `{"arrayValues":[` and its end, a control character six bytes.
const GROWTH_MAX: usize = 40;
/// The member's name and the braces around it.
const FRAME_BYTES_MAX: usize = 64;

/// Writes one value as a field.
pub fn field(data: &[u8]) {
    let Some((&[kind, options], value)) = data.split_first_chunk() else {
        return;
    };
    let types = oid::WITH_ARRAYS;
    let element = types.get(usize::from(kind) % types.len()).copied().unwrap_or(oid::TEXT);
    let array = oid::array_of(element).unwrap_or(oid::TEXT);
    let options_of = ResultSetOptions {
        decimal_return_type: match options & 1 {
            0 => DecimalReturnType::String,
            _ => DecimalReturnType::DoubleOrLong,
        },
        long_return_type: match options & 2 {
            0 => LongReturnType::Long,
            _ => LongReturnType::String,
        },
    };
    for type_oid in [element, array] {
        let mut out = b"before".to_vec();
        FieldType::of(type_oid, None, options_of).write(&mut out, Some(value));
        let field = out.strip_prefix(b"before").unwrap_or_default();
        // SDKs refuse a field of two members, and of none.
        let members = json_object(field);
        assert_eq!(members.len(), 1, "{members:?}");
        assert!(!members.contains_key("isNull"));
        let bytes_max = value.len().saturating_mul(GROWTH_MAX).saturating_add(FRAME_BYTES_MAX);
        assert!(field.len() <= bytes_max, "{} bytes of {}", field.len(), value.len());
    }
    if let Ok(bytes) = decode_bytea(value) {
        assert!(bytes.len() <= value.len());
    }
    if let Ok(text) = std::str::from_utf8(value)
        && let Ok(elements) = parse_array(text, oid::delimiter_of(element))
    {
        assert!(elements.len() <= text.len());
    }
}
