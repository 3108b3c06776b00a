//! HTTP/2 as a well-behaved client speaks it: h2 on a runtime of its own.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream};
use hyper::http;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;

use crate::answer::Answer;
use crate::client::Request;

/// Longer than any timeout of the gateway: whoever waits longer waits for nothing.
const WAIT_MAX: Duration = Duration::from_secs(90);

/// Requests at once before the other side has said how many it takes.
const STREAMS_MAX: usize = 100;
/// Of all answers: one that nobody reads yet must not hold up the others.
const WINDOW_BYTES: u32 = 64 << 20;

/// One connection.
pub struct Http2Client {
    requests: SendRequest<Bytes>,
    ended: Receiver<Result<(), h2::Error>>,
    scheme: &'static str,
    address: SocketAddr,
}

/// A request that has been sent.
pub struct Sent(ResponseFuture);

impl Http2Client {
    /// Connects without TLS, and knows already that HTTP/2 is spoken there.
    pub fn connect(address: SocketAddr) -> Http2Client {
        Http2Client::on(address, "http", async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        })
    }

    /// Connects with TLS, and insists on HTTP/2.
    pub fn connect_tls(address: SocketAddr, config: &Arc<ClientConfig>) -> Http2Client {
        let connector = TlsConnector::from(Arc::clone(config));
        Http2Client::on(address, "https", async move {
            let stream = TcpStream::connect(address).await?;
            let stream = connector.connect("localhost".try_into().unwrap(), stream).await?;
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
            Ok(stream)
        })
    }

    /// The connection lives on a thread of its own, so that frames go to and fro while the trial
    /// does something else.
    fn on<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        address: SocketAddr,
        scheme: &'static str,
        connect: impl Future<Output = io::Result<S>> + Send + 'static,
    ) -> Http2Client {
        let (begun, requests) = sync_channel(1);
        let (end, ended) = sync_channel(1);
        let live = async move {
            let (requests, connection) = h2::client::Builder::new()
                .initial_max_send_streams(STREAMS_MAX)
                .initial_connection_window_size(WINDOW_BYTES)
                .handshake(connect.await.unwrap())
                .await
                .unwrap();
            begun.send(requests).unwrap();
            // Whoever is not interested any more is not told.
            let _ = end.send(connection.await);
        };
        std::thread::spawn(move || runtime().block_on(live));
        let requests = requests.recv_timeout(WAIT_MAX).unwrap();
        Http2Client { requests, ended, scheme, address }
    }

    /// Sends a request and reads its answer.
    pub fn ask(&mut self, request: &Request) -> Answer {
        let sent = self.send(request);
        self.receive(sent).unwrap()
    }

    /// Sends a request as far as the other side takes it.
    pub fn send(&mut self, request: &Request) -> Sent {
        self.try_send(request).unwrap()
    }

    /// The same, where the connection may not hold.
    pub fn try_send(&mut self, request: &Request) -> Result<Sent, h2::Error> {
        let mut head = http::Request::builder()
            .method(request.method.as_str())
            .uri(format!("{}://{}{}", self.scheme, self.address, request.path));
        for (name, value) in request.headers.iter().filter(|(name, _)| name != "Host") {
            head = head.header(name.to_ascii_lowercase(), value.as_slice());
        }
        let head = head.body(()).unwrap();
        let body = Bytes::from(request.body.clone());
        let requests = self.requests.clone();
        within(async {
            let mut requests = requests.ready().await?;
            let (answer, mut stream) = requests.send_request(head, body.is_empty())?;
            if !body.is_empty() {
                stream.send_data(body, true)?;
            }
            Ok(Sent(answer))
        })
    }

    /// The answer to a request.
    pub fn receive(&self, sent: Sent) -> Result<Answer, h2::Error> {
        within(async {
            let (head, body) = sent.0.await?.into_parts();
            let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
            let headers = head.headers.iter();
            let headers = headers.map(|(name, value)| (name.to_string(), text(value))).collect();
            Ok(Answer { status: head.status.as_u16(), headers, body: read(body).await? })
        })
    }

    /// Whether the other side said goodbye in order, and closed.
    pub fn is_let_go(&self) -> bool {
        match self.ended.recv_timeout(WAIT_MAX).unwrap() {
            Ok(()) => true,
            Err(error) => error.is_go_away() && error.reason() == Some(Reason::NO_ERROR),
        }
    }
}

fn within<T>(doing: impl Future<Output = T>) -> T {
    runtime().block_on(async { tokio::time::timeout(WAIT_MAX, doing).await.unwrap() })
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

async fn read(mut body: RecvStream) -> Result<Vec<u8>, h2::Error> {
    let mut whole = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
        whole.extend_from_slice(&piece);
    }
    Ok(whole)
}
