//! HTTP/2 frame by frame, by hand: what no library would send (RFC 9113, 4.1 and 6).

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use crate::client::{Request, socket};

/// How a connection begins.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

/// Of DATA and HEADERS.
pub const END_STREAM: u8 = 1;
/// Of SETTINGS and PING.
pub const ACK: u8 = 1;
/// Of HEADERS and CONTINUATION.
pub const END_HEADERS: u8 = 4;

/// The setting of the window that an answer begins with.
pub const INITIAL_WINDOW: u16 = 4;

/// One connection.
pub struct Frames {
    socket: TcpStream,
    address: SocketAddr,
}

/// A frame as it comes.
#[derive(Debug)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    /// The error code of RST_STREAM and GOAWAY, which is at the end of both here.
    pub fn code(&self) -> Option<u32> {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        let code = self.payload.get(at..at + 4)?;
        Some(u32::from_be_bytes(code.try_into().unwrap()))
    }
}

impl Frames {
    /// Begins a connection with these settings.
    pub fn begin(address: SocketAddr, settings: &[(u16, u32)]) -> Frames {
        let mut frames = Frames { socket: socket(address).unwrap(), address };
        let settings: Vec<u8> = settings
            .iter()
            .flat_map(|(name, value)| {
                [name.to_be_bytes().as_slice(), &value.to_be_bytes()].concat()
            })
            .collect();
        frames.send(&[PREFACE, &frame(SETTINGS, 0, 0, &settings)].concat()).unwrap();
        frames
    }

    /// Sends bytes, whatever they are.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes)
    }

    /// The frames of a request.
    pub fn request(&self, stream: u32, request: &Request) -> Vec<u8> {
        let flags = END_HEADERS | if request.body.is_empty() { END_STREAM } else { 0 };
        let mut bytes = frame(HEADERS, flags, stream, &self.head(request));
        let pieces: Vec<&[u8]> = request.body.chunks(16_384).collect();
        for (number, piece) in pieces.iter().enumerate() {
            let flags = if number + 1 == pieces.len() { END_STREAM } else { 0 };
            bytes.extend(frame(DATA, flags, stream, piece));
        }
        bytes
    }

    /// The header block of a request.
    pub fn head(&self, request: &Request) -> Vec<u8> {
        let authority = self.address.to_string();
        let mut block = Vec::new();
        for (name, value) in [
            (":method", request.method.as_bytes()),
            (":scheme", b"http"),
            (":path", request.path.as_bytes()),
            (":authority", authority.as_bytes()),
        ] {
            field(&mut block, name, value);
        }
        for (name, value) in &request.headers {
            field(&mut block, &name.to_ascii_lowercase(), value);
        }
        block
    }

    /// Says that nothing more will be sent.
    pub fn half_close(&self) {
        // A door that has closed already need not be told.
        if let Err(error) = self.socket.shutdown(Shutdown::Write) {
            assert_eq!(error.kind(), io::ErrorKind::NotConnected, "{error}");
        }
    }

    /// The next frame; `None` at the end, by the book or by reset.
    pub fn receive(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        if let Err(error) = self.socket.read_exact(&mut head) {
            assert_ne!(error.kind(), io::ErrorKind::WouldBlock, "nothing comes any more");
            return None;
        }
        let [a, b, c, kind, flags, d, e, f, g] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.socket.read_exact(&mut payload).ok()?;
        let stream = u32::from_be_bytes([d, e, f, g]) & 0x7fff_ffff;
        Some(Frame { kind, flags, stream, payload })
    }

    /// The next frame that fits; `None` when the end comes before it.
    pub fn wait_for(&mut self, fits: impl Fn(&Frame) -> bool) -> Option<Frame> {
        loop {
            let frame = self.receive()?;
            if fits(&frame) {
                return Some(frame);
            }
        }
    }

    /// Every frame until the end.
    pub fn rest(&mut self) -> Vec<Frame> {
        std::iter::from_fn(|| self.receive()).collect()
    }

    /// Whether everything sent so far has been read.
    pub fn is_heard(&mut self) -> bool {
        let ping = frame(PING, 0, 0, b"are you?");
        self.send(&ping).is_ok()
            && self.wait_for(|frame| frame.kind == PING && frame.flags == ACK).is_some()
    }
}

/// A frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [head.as_slice(), payload].concat()
}

/// A header field as it is, without indexing (RFC 7541, 6.2.2).
pub fn field(block: &mut Vec<u8>, name: &str, value: &[u8]) {
    block.push(0);
    for text in [name.as_bytes(), value] {
        // A length of 7 bits, and what is beyond (RFC 7541, 5.1).
        match text.len().checked_sub(127) {
            None => block.push(u8::try_from(text.len()).unwrap()),
            Some(mut rest) => {
                block.push(127);
                while rest >= 128 {
                    block.push(u8::try_from(rest % 128).unwrap() | 128);
                    rest /= 128;
                }
                block.push(u8::try_from(rest).unwrap());
            }
        }
        block.extend_from_slice(text);
    }
}
