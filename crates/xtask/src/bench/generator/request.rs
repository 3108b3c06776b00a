//! One tenant's request, written once; only the row's number changes from use to use.

use std::net::SocketAddr;

/// Room for the number of a row. JSON allows blanks before a number, so the length never changes.
const DIGITS: usize = 6;
const PLACEHOLDER: &str = "%%%%%%";

/// A request in bytes, and what its answer must hold.
#[derive(Debug)]
pub struct Request {
    bytes: Vec<u8>,
    /// Where the row's number goes.
    place: usize,
    tenant: usize,
}

impl Request {
    /// `ExecuteStatement` with one parameter, `:id`, as an SDK would send it.
    pub fn new(
        address: SocketAddr,
        token: &str,
        tenant: usize,
        [resource, secret, database]: [&str; 3],
        sql: &str,
    ) -> Request {
        let body = format!(
            "{{\"resourceArn\": \"{resource}\", \"secretArn\": \"{secret}\", \
             \"database\": \"{database}\", \"sql\": \"{sql}\", \"parameters\": \
             [{{\"name\": \"id\", \"value\": {{\"longValue\": {PLACEHOLDER}}}}}]}}"
        );
        let text = format!(
            "POST /Execute HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let place = text.find(PLACEHOLDER).unwrap_or(text.len());
        Request { bytes: text.into_bytes(), place, tenant }
    }

    /// The request for one row, in place of what the buffer held.
    pub fn write(&self, id: usize, buffer: &mut Vec<u8>) {
        buffer.clear();
        buffer.extend_from_slice(&self.bytes);
        if let Some(place) = buffer.get_mut(self.place..self.place + DIGITS) {
            place.copy_from_slice(&padded(id));
        }
    }

    /// Whether the answer is a 200 with exactly that row of exactly that tenant.
    pub fn is_answer(&self, id: usize, answer: &[u8]) -> bool {
        let Some(body) = answer.strip_prefix(b"HTTP/1.1 200 ") else { return false };
        let tenant = self.tenant;
        let row = format!(
            "\"records\":[[{{\"longValue\":{tenant}}},{{\"longValue\":{id}}},\
             {{\"stringValue\":\"item {id} of tenant {tenant}\"}}]]"
        );
        body.windows(row.len()).any(|window| window == row.as_bytes())
    }
}

/// The number with blanks in front.
fn padded(id: usize) -> [u8; DIGITS] {
    let mut digits = [b' '; DIGITS];
    let mut rest = id;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    digits
}
