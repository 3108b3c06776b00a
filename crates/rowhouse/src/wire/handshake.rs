//! TLS with a client: what it is met with, and what the handshake has settled.

use std::sync::Arc;

use rowhouse_tenancy::certificate::{self, Names};
use tokio_rustls::TlsAcceptor;

use crate::config::{ALPN_POSTGRESQL, Config};
use crate::net::{ClientStream, PacedStream};
use crate::observe::{Event, Observer};

/// What clients that ask for TLS are met with. The parts belong together: after a reload, who began
/// with the old certificate is bound to the old one.
#[derive(Clone)]
pub struct Greeting {
    acceptor: TlsAcceptor,
    end_point: Option<Arc<[u8]>>,
}

/// How a client came to ask for TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// In PostgreSQL's protocol, before.
    First,
    /// By beginning with it.
    Directly,
}

/// What a handshake has settled.
#[derive(Debug, Clone, Default)]
pub struct Channel {
    /// What a password may be bound to.
    pub end_point: Option<Arc<[u8]>>,
    /// Whom the client's own certificate is for, which leads to an authority that the door trusts.
    pub certificate: Option<Names>,
}

impl Greeting {
    /// Of this configuration.
    pub fn of(config: &Config) -> Option<Greeting> {
        let tls = config.wire.tls.as_ref()?;
        let acceptor = TlsAcceptor::from(Arc::clone(&tls.server));
        Some(Greeting { acceptor, end_point: tls.end_point.clone() })
    }

    /// Shakes hands. `None`: they did not come to terms.
    pub async fn shake_hands(
        self,
        stream: PacedStream,
        asked: Asked,
        observer: &Observer,
    ) -> Option<(ClientStream, Channel)> {
        let failed = |reason: &dyn std::fmt::Display| {
            observer.emit(&Event::HandshakeFailed { reason });
        };
        let stream = self.acceptor.accept(stream).await.map_err(|error| failed(&error)).ok()?;
        let (_, connection) = stream.get_ref();
        // Who begins with TLS may take the door for one of another protocol, and be made to talk to
        // it by somebody else: the name of the protocol must have been agreed upon
        // (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL).
        if asked == Asked::Directly && connection.alpn_protocol() != Some(ALPN_POSTGRESQL) {
            failed(&"it began with TLS and has not named PostgreSQL's protocol in ALPN");
            return None;
        }
        let certificate = connection.peer_certificates().and_then(<[_]>::first);
        // One that cannot be read is for nobody.
        let certificate = certificate.map(|der| certificate::names(der).unwrap_or_default());
        let channel = Channel { end_point: self.end_point, certificate };
        Some((ClientStream::Tls(Box::new(stream)), channel))
    }
}
