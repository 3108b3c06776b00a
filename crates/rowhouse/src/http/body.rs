//! Reading a body, with a limit on its bytes and on the time it takes.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use rowhouse_data_api::fault::Fault;
use tokio::sync::Semaphore;

use crate::error::Error;

/// How much more than the limit is read and thrown away before a body that is too large is
/// answered. Clients write first and read afterwards; one whose connection closes meanwhile never
/// sees the answer.
const DISCARDED_FACTOR: usize = 4;

/// A body above this is a large one. Few statements are; their parameters may be.
pub const LARGE_BYTES: usize = 64 * 1024;

/// Reads the whole body. Where requests share a connection, `large` says how many of them may read
/// a large one at a time: it is held while more than [`LARGE_BYTES`] are read.
pub async fn read(
    body: Incoming,
    bytes_max: usize,
    within: Duration,
    large: Option<&Semaphore>,
) -> Result<Bytes, Error> {
    match tokio::time::timeout(within, read_all(body, bytes_max, large)).await {
        Ok(read) => read,
        Err(_) => Err(Fault::validation("The request's body did not arrive in time").into()),
    }
}

async fn read_all(
    mut body: Incoming,
    bytes_max: usize,
    large: Option<&Semaphore>,
) -> Result<Bytes, Error> {
    // What the client announces is believed only when it is too much: memory is taken as bytes
    // come.
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    let mut seen = 0_usize;
    let mut permit = None;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Error::from(Fault::serialization("The request's body ended early")).because(error)
        })?;
        let Ok(data) = frame.into_data() else { continue };
        seen = seen.saturating_add(data.len());
        if seen > bytes_max {
            first = None;
            rest = BytesMut::new();
            if seen > bytes_max.saturating_mul(DISCARDED_FACTOR) {
                break;
            }
            continue;
        }
        if let Some(large) = large.filter(|_| seen > LARGE_BYTES && permit.is_none()) {
            // Nobody closes it.
            permit = large.acquire().await.ok();
        }
        match &first {
            // Most bodies are one piece, which needs no copy.
            None if rest.is_empty() => first = Some(data),
            None => rest.extend_from_slice(&data),
            Some(start) => {
                rest.extend_from_slice(start);
                rest.extend_from_slice(&data);
                first = None;
            }
        }
    }
    if seen > bytes_max {
        return Err(Fault::validation(format!(
            "The request is larger than {bytes_max} bytes; send it in parts"
        ))
        .into());
    }
    Ok(first.unwrap_or_else(|| rest.freeze()))
}
