//! `application/x-www-form-urlencoded`, strictly: what can be read in two ways is refused.

use super::Fault;
use super::fault::Code;

/// The calls that are known here take nine at most; a few more may be refused by name.
const PARAMETERS_MAX: usize = 64;

/// The parameters of one call, each taken out by who understands it.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a body. A name may be there once only: with two values, who checks and who acts might
    /// each see another one.
    pub(super) fn parse(body: &[u8]) -> Result<Form, Fault> {
        let body = std::str::from_utf8(body).map_err(|_| malformed())?;
        let mut parameters: Vec<(String, String)> = Vec::new();
        for pair in body.trim_end_matches(['\r', '\n']).split('&').filter(|pair| !pair.is_empty()) {
            if parameters.len() >= PARAMETERS_MAX {
                return Err(Fault::new(
                    Code::MalformedQueryString,
                    format!("There are more than {PARAMETERS_MAX} parameters"),
                ));
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if parameters.iter().any(|(other, _)| *other == name) {
                return Err(Fault::new(
                    Code::MalformedQueryString,
                    "A parameter is there more than once",
                ));
            }
            parameters.push((name, value));
        }
        Ok(Form(parameters))
    }

    /// The value of a parameter, which is then no longer there.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(own, _)| own == name)?;
        Some(self.0.swap_remove(at).1)
    }

    /// The value of a parameter that must be there and not be empty.
    pub(super) fn required(&mut self, name: &'static str, member: &str) -> Result<String, Fault> {
        self.take(name).filter(|value| !value.is_empty()).ok_or_else(|| {
            Fault::validation(format!(
                "1 validation error detected: Value null at '{member}' failed to satisfy \
                 constraint: Member must not be null"
            ))
        })
    }

    /// The name of a parameter that nobody has taken.
    pub(super) fn left_over(&self) -> Option<&str> {
        self.0.first().map(|(name, _)| name.as_str())
    }
}

/// `+` is a blank, `%XX` a byte, everything together UTF-8
/// (<https://url.spec.whatwg.org/#urlencoded-parsing>, without its leniency).
fn decode(text: &str) -> Result<String, Fault> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => decoded.push(b' '),
            b'%' => {
                let high = hex(bytes.next()).ok_or_else(malformed)?;
                let low = hex(bytes.next()).ok_or_else(malformed)?;
                decoded.push(high << 4 | low);
            }
            _ => decoded.push(byte),
        }
    }
    String::from_utf8(decoded).map_err(|_| malformed())
}

fn hex(digit: Option<u8>) -> Option<u8> {
    let digit = char::from(digit?).to_digit(16)?;
    u8::try_from(digit).ok()
}

fn malformed() -> Fault {
    Fault::new(Code::MalformedQueryString, "The body is not a form that can be read")
}
