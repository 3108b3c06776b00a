//! `formattedRecords`: the rows of a result as one JSON text, an object for each row.
//!
//! <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/data-api-json.html>. Keys are the
//! column labels; doubles are spelled as Java's `Double.toString` does, as the service's examples
//! show them.

use rowhouse_protocol::text::{Element, parse_array};

use crate::field::{FieldType, Scalar, Value, write_undisputed};
use crate::json;

/// Writes one value of a row as JSON; `None` is SQL's NULL.
pub(crate) fn write_value(out: &mut Vec<u8>, field: FieldType, value: Option<&[u8]>) {
    let Some(text) = value else {
        return out.extend_from_slice(b"null");
    };
    let Some(delimiter) = field.delimiter else {
        return write_scalar(out, field.scalar, text);
    };
    let elements = std::str::from_utf8(text).ok().map(|text| parse_array(text, delimiter));
    match elements {
        Some(Ok(elements)) => write_array(out, field.scalar, &elements),
        _ => json::string(out, text),
    }
}

/// The depth is bounded by the parser.
fn write_array(out: &mut Vec<u8>, scalar: Scalar, elements: &[Element<'_>]) {
    out.push(b'[');
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        match element {
            Element::Array(elements) => write_array(out, scalar, elements),
            Element::Item(None) => out.extend_from_slice(b"null"),
            Element::Item(Some(text)) => write_scalar(out, scalar, text.as_bytes()),
        }
    }
    out.push(b']');
}

fn write_scalar(out: &mut Vec<u8>, scalar: Scalar, text: &[u8]) {
    match scalar.value(text) {
        Value::Double(number) => write_java_double(out, number),
        other => write_undisputed(out, &other),
    }
}

/// A JSON number in the spelling of `Double.toString`: a point with at least one digit on either
/// side of it, and an exponent only below 10^-3 and from 10^7 on. The rule is in
/// <https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/lang/Double.html>.
fn write_java_double(out: &mut Vec<u8>, number: &[u8]) {
    match Decimal::parse(number) {
        Some(decimal) => decimal.write(out),
        None => out.extend_from_slice(number),
    }
}

/// `0.d₁d₂d₃… × 10^point` without zeros at either end; no digits for zero.
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    point: i32,
}

impl Decimal {
    fn parse(number: &[u8]) -> Option<Decimal> {
        let text = std::str::from_utf8(number).ok()?;
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(unsigned) => (true, unsigned),
            None => (false, text),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?;
        let digits: Vec<u8> = [whole, fraction].concat().into_bytes();
        let decimal = Decimal { negative, digits, point }.trimmed()?;
        decimal.with_second_digit(text).or(Some(decimal))
    }

    fn trimmed(mut self) -> Option<Decimal> {
        let zeros = self.digits.iter().take_while(|&&digit| digit == b'0').count();
        self.digits.drain(..zeros);
        while self.digits.last() == Some(&b'0') {
            self.digits.pop();
        }
        self.point = self.point.checked_sub(i32::try_from(zeros).ok()?)?;
        Some(self)
    }

    /// Java never looks for less than two digits, and takes the closest: the smallest double is
    /// 4.9E-324 there and 5e-324 elsewhere. It shows only where doubles are as far apart as that.
    fn with_second_digit(&self, text: &str) -> Option<Decimal> {
        let [_] = *self.digits else { return None };
        let value: f64 = text.parse().ok()?;
        if value == 0.0 || value.is_normal() {
            return None;
        }
        let (mantissa, exponent) = format!("{:.1e}", value.abs())
            .split_once('e')
            .map(|(mantissa, exponent)| (mantissa.replace('.', ""), exponent.parse::<i32>()))?;
        let point = exponent.ok()?.checked_add(1)?;
        Decimal { negative: self.negative, digits: mantissa.into_bytes(), point }.trimmed()
    }

    fn write(&self, out: &mut Vec<u8>) {
        if self.negative {
            out.push(b'-');
        }
        match self.point {
            _ if self.digits.is_empty() => out.extend_from_slice(b"0.0"),
            -2..=0 => {
                out.extend_from_slice(b"0.");
                out.extend((self.point..0).map(|_| b'0'));
                out.extend_from_slice(&self.digits);
            }
            1..=7 => {
                let whole = usize::try_from(self.point).unwrap_or(0);
                let padded = self.digits.iter().copied().chain(std::iter::repeat(b'0'));
                out.extend(padded.take(whole));
                write_fraction(out, self.digits.get(whole..).unwrap_or_default());
            }
            _ => {
                let (first, rest) = self.digits.split_at(self.digits.len().min(1));
                out.extend_from_slice(first);
                write_fraction(out, rest);
                out.push(b'E');
                json::integer(out, i64::from(self.point) - 1);
            }
        }
    }
}

fn write_fraction(out: &mut Vec<u8>, digits: &[u8]) {
    out.push(b'.');
    out.extend_from_slice(if digits.is_empty() { b"0" } else { digits });
}

#[cfg(test)]
mod tests;
