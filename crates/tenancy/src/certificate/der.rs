//! DER, one value after the other (ITU-T X.690): a tag, a length, that many bytes.

/// The tags that certificates have.
pub mod tag {
    /// BOOLEAN.
    pub const BOOLEAN: u8 = 0x01;
    /// INTEGER.
    pub const INTEGER: u8 = 0x02;
    /// OCTET STRING.
    pub const OCTETS: u8 = 0x04;
    /// OBJECT IDENTIFIER.
    pub const OBJECT_ID: u8 = 0x06;
    /// UTF8String.
    pub const UTF8: u8 = 0x0c;
    /// PrintableString.
    pub const PRINTABLE: u8 = 0x13;
    /// IA5String.
    pub const IA5: u8 = 0x16;
    /// SEQUENCE.
    pub const SEQUENCE: u8 = 0x30;
    /// SET.
    pub const SET: u8 = 0x31;
    /// `rfc822Name` of a GeneralName.
    pub const EMAIL: u8 = 0x81;
    /// `dNSName` of a GeneralName.
    pub const DNS: u8 = 0x82;
    /// `uniformResourceIdentifier` of a GeneralName.
    pub const URI: u8 = 0x86;

    /// An explicit tag of the context, as `[3]`.
    pub const fn explicit(number: u8) -> u8 {
        0xa0 | number
    }
}

/// A tag of several bytes, of which certificates have none.
const LONG_TAG: u8 = 0x1f;
/// Bytes of a length: four are 4 GiB.
const LENGTH_BYTES_MAX: usize = 4;

/// Values that stand behind each other.
#[derive(Debug, Clone, Copy)]
pub struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// Of these bytes.
    pub fn new(bytes: &'a [u8]) -> Der<'a> {
        Der(bytes)
    }

    /// The content, as it is.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one value that is there.
    pub fn only(mut self, tag: u8) -> Option<Der<'a>> {
        self.next(tag).filter(|_| self.is_empty())
    }

    /// The next value, if it has this tag; otherwise it stays.
    pub fn next(&mut self, tag: u8) -> Option<Der<'a>> {
        let mut ahead = *self;
        let (_, value) = ahead.any().filter(|(found, _)| *found == tag)?;
        *self = ahead;
        Some(value)
    }

    /// The next value with its tag.
    pub fn any(&mut self) -> Option<(u8, Der<'a>)> {
        let (tag, rest) = self.0.split_first()?;
        if tag & LONG_TAG == LONG_TAG {
            return None;
        }
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match usize::from(*first) {
            short @ 0..0x80 => (short, rest),
            count => {
                let count = count & 0x7f;
                if !(1..=LENGTH_BYTES_MAX).contains(&count) {
                    return None;
                }
                let (bytes, rest) = rest.split_at_checked(count)?;
                (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*tag, Der(value)))
    }
}
