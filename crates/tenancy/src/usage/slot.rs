//! The journal of answers, slot by slot: 64 bytes each, 56 that say something and a check of them.
//!
//! A segment begins with a [`Slot::Head`]. An answer names its tenant by a number that the slots of
//! a [`Slot::Name`] before it have given; a long name takes several. A torn or damaged slot costs
//! what it said and nothing else, since the next begins at the next multiple of 64.

use std::collections::HashMap;

use super::{Measure, Operation, Outcome};
use crate::ids::{TENANT_ID_BYTES_MAX, TenantId};

/// Bytes of a slot. A whole number of them fits a page, so that none crosses one.
pub const SLOT_BYTES: usize = 64;
/// Bytes of a slot before its check.
const PAYLOAD_BYTES: usize = 56;
/// Bytes of a name in one slot.
const NAME_PART_BYTES: usize = 48;
/// How a segment begins; the digit is the version of the format.
const MAGIC: [u8; 8] = *b"RHUSAGE1";

const HEAD: u8 = 1;
const NAME: u8 = 2;
const ANSWER: u8 = 3;
const SETTLED: u8 = 4;
const END: u8 = 5;

/// The number of callers without a tenant.
pub const NOBODY: u32 = 0;

/// One slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot<'a> {
    /// The first of a segment.
    Head {
        /// Which gateway writes it.
        gateway: [u8; 16],
    },
    /// A part of a tenant's name.
    Name {
        /// The number that answers use.
        number: u32,
        /// Bytes of the whole name.
        length: u8,
        /// Which part, from 0.
        part: u8,
        /// The part.
        text: &'a [u8],
    },
    /// An answer.
    Answer {
        /// The number of its tenant.
        tenant: u32,
        /// Whether it is the first of those that were written together: only the last of these may
        /// not have been sent when the process dies.
        first: bool,
        /// What was measured.
        measure: Measure,
    },
    /// Every answer before has been handed on.
    Settled,
    /// And nothing comes after this.
    End,
}

/// Appends the first slot of a segment.
pub fn write_head(buf: &mut Vec<u8>, gateway: &[u8; 16]) {
    seal(buf, &[&[HEAD, 0, 0, 0, 0, 0, 0, 0], &MAGIC, gateway]);
}

/// Appends the slots that give a tenant its number.
pub fn write_name(buf: &mut Vec<u8>, number: u32, tenant: &TenantId) {
    let name = tenant.as_str().as_bytes();
    let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
    for (part, text) in name.chunks(NAME_PART_BYTES).enumerate() {
        let part = u8::try_from(part).unwrap_or(u8::MAX);
        seal(buf, &[&[NAME, part, length, 0], &number.to_le_bytes(), text]);
    }
}

/// Appends an answer.
pub fn write_answer(buf: &mut Vec<u8>, tenant: u32, first: bool, measure: &Measure) {
    let head = [ANSWER, measure.operation as u8, measure.outcome as u8, u8::from(first)];
    seal(
        buf,
        &[
            &head,
            &tenant.to_le_bytes(),
            &measure.at_ms.to_le_bytes(),
            &measure.bytes_in.to_le_bytes(),
            &measure.bytes_out.to_le_bytes(),
            &measure.rows.to_le_bytes(),
            &measure.database_us.to_le_bytes(),
            &measure.queue_us.to_le_bytes(),
        ],
    );
}

/// Appends the word that every answer so far has been handed on.
pub fn write_settled(buf: &mut Vec<u8>) {
    seal(buf, &[&[SETTLED]]);
}

/// Appends the word that nothing comes after.
pub fn write_end(buf: &mut Vec<u8>) {
    seal(buf, &[&[END]]);
}

/// Reads a slot. `None`: it is cut off, damaged, or of another version.
pub fn read(slot: &[u8]) -> Option<Slot<'_>> {
    let slot: &[u8; SLOT_BYTES] = slot.try_into().ok()?;
    let (payload, sum) = slot.split_first_chunk::<PAYLOAD_BYTES>()?;
    if sum != check(payload).to_le_bytes() {
        return None;
    }
    let (head, rest) = payload.split_first_chunk::<4>()?;
    match head {
        [HEAD, ..] => {
            let (magic, rest) = rest.get(4..)?.split_first_chunk::<8>()?;
            let (gateway, _) = rest.split_first_chunk::<16>()?;
            (*magic == MAGIC).then_some(Slot::Head { gateway: *gateway })
        }
        [NAME, part, length, _] => {
            let (number, text) = rest.split_first_chunk::<4>()?;
            let begin = usize::from(*part) * NAME_PART_BYTES;
            let left = usize::from(*length).checked_sub(begin)?;
            let text = text.get(..left.min(NAME_PART_BYTES))?;
            let number = u32::from_le_bytes(*number);
            Some(Slot::Name { number, length: *length, part: *part, text })
        }
        [ANSWER, operation, outcome, first] => {
            let (tenant, rest) = rest.split_first_chunk::<4>()?;
            let (at_ms, rest) = number(rest)?;
            let (bytes_in, rest) = number(rest)?;
            let (bytes_out, rest) = number(rest)?;
            let (rows, rest) = number(rest)?;
            let (database_us, rest) = number(rest)?;
            let (queue_us, _) = number(rest)?;
            let operation = Operation::from_code(*operation);
            let outcome = Outcome::from_code(*outcome);
            let measure = Measure {
                at_ms,
                operation,
                outcome,
                bytes_in,
                bytes_out,
                rows,
                database_us,
                queue_us,
            };
            Some(Slot::Answer { tenant: u32::from_le_bytes(*tenant), first: *first != 0, measure })
        }
        [SETTLED, ..] => Some(Slot::Settled),
        [END, ..] => Some(Slot::End),
        _ => None,
    }
}

/// The names of a segment, as far as it has been read.
#[derive(Debug, Default)]
pub struct Names {
    known: HashMap<u32, TenantId>,
    /// Of the name whose parts come now.
    open: Vec<u8>,
}

impl Names {
    /// Takes a part of a name. Parts come in order; what does not fit is no name.
    pub fn take(&mut self, number: u32, length: u8, part: u8, text: &[u8]) {
        if part == 0 {
            self.open.clear();
        }
        if self.open.len() != usize::from(part) * NAME_PART_BYTES
            || self.open.len() + text.len() > TENANT_ID_BYTES_MAX
        {
            return;
        }
        self.open.extend_from_slice(text);
        if self.open.len() == usize::from(length)
            && let Some(tenant) = std::str::from_utf8(&self.open).ok()
            && let Ok(tenant) = TenantId::parse(tenant)
        {
            self.known.insert(number, tenant);
        }
    }

    /// A name that is known from elsewhere.
    pub fn know(&mut self, number: u32, tenant: &TenantId) {
        self.known.insert(number, tenant.clone());
    }

    /// Whose number that is. `Some(None)`: nobody's; `None`: its name is lost.
    pub fn find(&self, number: u32) -> Option<Option<&TenantId>> {
        match number {
            NOBODY => Some(None),
            number => self.known.get(&number).map(Some),
        }
    }
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_le_bytes(*number), rest))
}

/// Appends a slot of these parts, filled up with zeros, and its check.
fn seal(buf: &mut Vec<u8>, parts: &[&[u8]]) {
    let mut payload = [0; PAYLOAD_BYTES];
    let bytes = parts.iter().flat_map(|part| part.iter());
    for (place, byte) in payload.iter_mut().zip(bytes) {
        *place = *byte;
    }
    buf.extend_from_slice(&payload);
    buf.extend_from_slice(&check(&payload).to_le_bytes());
}

/// Notices what a crash leaves half written, and no more: who can write into the journal can write
/// a check as well. FNV-1a over words, which is quick enough to be done for every answer
/// (RFC 9923).
fn check(payload: &[u8; PAYLOAD_BYTES]) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let (words, _) = payload.as_chunks::<8>();
    let sum = words.iter().fold(BASIS, |sum, word| {
        let mixed = (sum ^ u64::from_le_bytes(*word)).wrapping_mul(PRIME);
        mixed ^ (mixed >> 32)
    });
    // A slot of zeros, as after a hole in the file, is none.
    sum | 1
}
