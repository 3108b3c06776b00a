//! From the first byte of a client to the moment when it may say what it wants: TLS, the first
//! packet, who it is, what it asks for.
//!
//! <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP>

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use rowhouse_protocol::backend::TransactionStatus;
use rowhouse_protocol::frame;
use rowhouse_protocol::request::tag;
use rowhouse_protocol::response::{self, ErrorText, Severity};
use rowhouse_protocol::startup::{self, MINOR_MAX, Session, Startup};
use rowhouse_tenancy::principal::{Principal, PrincipalKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use super::console::{self, Operator};
use super::handshake::{Asked, Channel};
use super::{Door, proof};
use crate::error::{Error, Kind};
use crate::net::{ClientStream, PaceLimits, PacedStream, Phase};
use crate::observe::Event;
use crate::session::{About, CancelKey, Guest, Manners, Target};

/// Bytes of a message before a client has proven who it is: a JWT has some thousand.
const PROOF_BYTES_MAX: usize = 16 * 1024;
/// How a handshake of TLS begins: the type of its first record (RFC 8446, 5.1).
const TLS_HANDSHAKE: u8 = 22;
/// The first minor version with longer cancel keys.
const MINOR_LONG_KEYS: u16 = 2;

/// What is known of a client before it has said anything.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// Its address.
    pub peer: SocketAddr,
    /// There are as many clients as there may be.
    pub crowded: bool,
}

/// A client on its way in.
pub struct Entering {
    pub(super) stream: ClientStream,
    pub(super) incoming: BytesMut,
    /// From where it comes.
    pub(super) address: IpAddr,
    /// What the handshake of TLS has settled, if there was one.
    pub(super) channel: Option<Channel>,
}

/// Who has come in.
enum Entered {
    /// A client of a database.
    Guest(Box<Guest>),
    /// An operator, at the console.
    Operator(Box<Operator>),
}

/// What a first packet asks for, in texts of its own.
struct Wish {
    minor: u16,
    /// What the client has to be told of its version before anything else.
    negotiation: BytesMut,
    user: String,
    database: String,
    parameters: Vec<(String, String)>,
}

/// Why a client does not come in. `None`: it does not want to, or is gone.
type Refusal = Option<Error>;

/// Serves a client until it goes.
pub async fn serve(
    door: Rc<Door>,
    stream: TcpStream,
    arrival: Arrival,
    phase: watch::Receiver<Phase>,
) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let config = door.config.borrow().clone();
    let within = config.wire.login_timeout;
    let write = config.wire.write_timeout;
    let (stream, pace) = {
        let limits = PaceLimits { idle: within, head: within, write };
        PacedStream::new(stream, limits, door.observer.page())
    };
    // Silence has limits of its own here, before and after the login.
    let _serving = pace.serve();
    let mut closing = phase.clone();
    let entered = tokio::select! {
        entered = timeout(within, Box::pin(enter(&door, stream, arrival, &phase))) => entered,
        _ = closing.wait_for(|phase| *phase == Phase::Closing) => return,
    };
    // Whoever takes too long is told nothing: it may not even be a client of PostgreSQL.
    match entered {
        Ok(Some(Entered::Guest(guest))) => Box::pin(door.session.converse(guest)).await,
        Ok(Some(Entered::Operator(operator))) => Box::pin(console::serve(door, *operator)).await,
        Ok(None) | Err(_) => {}
    }
}

/// A client that may say what it wants, or nobody.
async fn enter(
    door: &Door,
    stream: PacedStream,
    arrival: Arrival,
    phase: &watch::Receiver<Phase>,
) -> Option<Entered> {
    let local = stream.local_addr().ok()?;
    let (mut entering, packet) = first_packet(door, stream, arrival).await?;
    let wish = match Startup::decode(&packet) {
        Ok(Startup::Session(session)) => wish(&session),
        Ok(Startup::Cancel { pid, secret }) => {
            door.cancels.ring(pid, secret);
            return None;
        }
        Ok(Startup::OtherProtocol(major)) => {
            let text =
                format!("unsupported frontend protocol {major}: this door speaks 3.0 to 3.2");
            Err(Error::new(Kind::NotSupported, text))
        }
        Ok(Startup::Tls | Startup::GssEncryption) => {
            Err(Error::new(Kind::Protocol, "encryption was asked for twice"))
        }
        Err(error) => Err(Error::new(Kind::Protocol, error.to_string())),
    };
    let wish = match wish {
        // Operators are let in when nobody else is.
        Ok(wish) if arrival.crowded && !door.is_console(&wish.database) => {
            door.observer.emit(&Event::TurnedAway);
            Err(too_many())
        }
        wish => wish,
    };
    let wish = match wish {
        Ok(wish) => wish,
        Err(error) => {
            refuse(&mut entering, &error).await;
            return None;
        }
    };
    let user = wish.user.clone();
    let database = wish.database.clone();
    match welcome(door, &mut entering, &wish, arrival.crowded, phase).await {
        Ok(proven) => {
            let principal = Some(&proven.principal);
            let (user, database) = (user.as_str(), database.as_str());
            door.observer.emit(&Event::LoggedIn { user, database, principal, error: None });
            let Entering { stream, incoming, .. } = entering;
            let about = About {
                user: user.into(),
                application: wish.application().into(),
                peer: arrival.peer,
                local,
                tls: stream.encryption().into(),
            };
            Some(proven.entered(about, stream, incoming, phase.clone()))
        }
        Err(None) => None,
        Err(Some(error)) => {
            let (user, database) = (user.as_str(), database.as_str());
            let refused = Event::LoggedIn { user, database, principal: None, error: Some(&error) };
            door.observer.emit(&refused);
            refuse(&mut entering, &error).await;
            None
        }
    }
}

/// The first packet that asks for more than encryption.
async fn first_packet(
    door: &Door,
    mut stream: PacedStream,
    arrival: Arrival,
) -> Option<(Entering, Bytes)> {
    let greeting = door.tls.borrow().clone();
    // Since PostgreSQL 17, clients may begin with TLS at once.
    if let [TLS_HANDSHAKE, ..] = stream.look(|bytes| !bytes.is_empty()).await.ok()? {
        let shaken = greeting?.shake_hands(stream, Asked::Directly, &door.observer).await?;
        let mut entering = Entering::over_tls(shaken, arrival);
        let packet = entering.packet().await?;
        return Some((entering, packet));
    }
    let mut entering = Entering::plain(ClientStream::Plain(stream), arrival);
    let mut asked = 0;
    loop {
        let packet = entering.packet().await?;
        let tls = match Startup::decode(&packet) {
            Ok(Startup::Tls) => true,
            Ok(Startup::GssEncryption) => false,
            _ => return Some((entering, packet)),
        };
        asked += 1;
        // What stands behind it was sent before there was an answer: somebody put it there, to
        // pass for encrypted later (CVE-2021-23214).
        if asked > 2 || !entering.incoming.is_empty() {
            return None;
        }
        match (greeting.clone(), entering.stream) {
            (Some(greeting), ClientStream::Plain(mut stream)) if tls => {
                stream.write_all(&[response::TLS_ACCEPTED]).await.ok()?;
                let shaken = greeting.shake_hands(stream, Asked::First, &door.observer).await?;
                entering = Entering::over_tls(shaken, arrival);
            }
            (_, ClientStream::Plain(mut stream)) => {
                stream.write_all(&[response::REFUSED]).await.ok()?;
                entering = Entering::plain(ClientStream::Plain(stream), arrival);
            }
            // TLS inside TLS.
            (_, ClientStream::Tls(_)) => return None,
        }
    }
}

/// Who has proven who it is, and what it gets.
struct Proven {
    principal: Principal,
    /// The database and how it is spoken to there; nothing at the console.
    inside: Option<(Target, Manners)>,
    key: CancelKey,
}

impl Proven {
    fn entered(
        self,
        about: About,
        client: ClientStream,
        incoming: BytesMut,
        phase: watch::Receiver<Phase>,
    ) -> Entered {
        let Proven { principal, inside, key } = self;
        match inside {
            Some((target, manners)) => Entered::Guest(Box::new(Guest {
                principal,
                target,
                manners,
                client,
                incoming,
                key,
                about,
                phase,
            })),
            None => Entered::Operator(Box::new(Operator {
                principal,
                about,
                client,
                incoming,
                key,
                phase,
            })),
        }
    }
}

/// Identity first; nothing that the client has sent has an effect before.
async fn welcome(
    door: &Door,
    entering: &mut Entering,
    wish: &Wish,
    crowded: bool,
    phase: &watch::Receiver<Phase>,
) -> Result<Proven, Refusal> {
    entering.say(&wish.negotiation).await.ok_or(None)?;
    let (principal, secret) = proof::prove(door, entering, &wish.user).await?;
    door.session.permit(&principal).map_err(Some)?;
    if *phase.borrow() != Phase::Serving {
        return Err(Some(Error::new(Kind::ShuttingDown, "the service is stopping; try again")));
    }
    let at_console = principal.kind() == PrincipalKind::Admin && door.is_console(&wish.database);
    let inside = match at_console {
        true => None,
        false if crowded => return Err(Some(too_many())),
        false => Some(greet(door, &principal, &secret, wish).await.map_err(Some)?),
    };
    let key = door.cancels.key(wish.minor >= MINOR_LONG_KEYS).map_err(Some)?;
    let mut words = BytesMut::new();
    match &inside {
        Some((_, manners)) => manners.told.iter().for_each(|(name, value)| {
            response::parameter_status(&mut words, name, value);
        }),
        None => console::TOLD.iter().for_each(|(name, value)| {
            response::parameter_status(&mut words, name, value);
        }),
    }
    response::backend_key_data(&mut words, key.pid, &key.secret);
    response::ready_for_query(&mut words, TransactionStatus::Idle);
    entering.say(&words).await.ok_or(None)?;
    Ok(Proven { principal, inside, key })
}

/// What the client gets: the database it has named, and its settings there.
async fn greet(
    door: &Door,
    principal: &Principal,
    secret: &str,
    wish: &Wish,
) -> Result<(Target, Manners), Error> {
    let resource = door.config.borrow().wire.resource.clone();
    let target = door.session.resolve(principal, &resource, secret, Some(&wish.database), None)?;
    let parameters = wish.parameters.iter();
    let parameters: Vec<(&str, &str)> =
        parameters.map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let manners = door.session.greet(principal, &target, &parameters).await?;
    Ok((target, manners))
}

fn too_many() -> Error {
    Error::new(Kind::Overloaded, "sorry, too many clients already")
}

impl Wish {
    /// What the client calls itself.
    fn application(&self) -> &str {
        let own = self.parameters.iter().rev().find(|(name, _)| name == "application_name");
        own.map_or("", |(_, value)| value)
    }
}

fn wish(session: &Session<'_>) -> Result<Wish, Error> {
    let user = session.get("user").filter(|user| !user.is_empty());
    let Some(user) = user else {
        let text = "no user name was given: add one to the connection";
        return Err(Error::new(Kind::Password, text));
    };
    let database = session.get("database").filter(|name| !name.is_empty()).unwrap_or(user);
    let parameters = session.parameters.iter();
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let mut negotiation = BytesMut::new();
    let minor = negotiated(session);
    if let Some(minor) = minor {
        let unknown = &session.unknown_options;
        response::negotiate_protocol_version(&mut negotiation, minor, unknown);
    }
    Ok(Wish {
        minor: minor.unwrap_or(session.minor),
        negotiation,
        user: user.to_owned(),
        database: database.to_owned(),
        parameters: parameters.map(owned).collect(),
    })
}

async fn refuse(entering: &mut Entering, error: &Error) {
    let mut words = BytesMut::new();
    let message = error.to_string();
    let code = error.sqlstate();
    response::error(&mut words, ErrorText { severity: Severity::Fatal, code, message: &message });
    // A client that is gone hears nothing.
    if entering.say(&words).await.is_some() {
        let _ = entering.stream.shutdown().await;
    }
}

impl Entering {
    fn plain(stream: ClientStream, arrival: Arrival) -> Entering {
        let address = arrival.peer.ip();
        Entering { stream, incoming: BytesMut::new(), address, channel: None }
    }

    fn over_tls((stream, channel): (ClientStream, Channel), arrival: Arrival) -> Entering {
        Entering { channel: Some(channel), ..Entering::plain(stream, arrival) }
    }

    /// Whether nobody else hears what is said.
    pub(super) fn is_private(&self) -> bool {
        self.address.is_loopback() || self.channel.is_some()
    }

    /// The next packet without a tag. `None`: it is none, or the client is gone.
    async fn packet(&mut self) -> Option<Bytes> {
        loop {
            if let Some(len) = startup::packet_len(&self.incoming).ok()?
                && self.incoming.len() >= len
            {
                return Some(self.incoming.split_to(len).freeze());
            }
            self.read().await?;
        }
    }

    /// The body of the next message, which has to be part of a proof.
    pub(super) async fn proof(&mut self) -> Option<Bytes> {
        loop {
            let header = frame::peek(&self.incoming, PROOF_BYTES_MAX).ok()?;
            if let Some(header) = header {
                if header.tag != tag::PASSWORD {
                    return None;
                }
                if self.incoming.len() >= header.len {
                    let message = self.incoming.split_to(header.len).freeze();
                    return Some(message.slice(frame::HEADER_LEN..));
                }
            }
            self.read().await?;
        }
    }

    /// Says something. `None`: nobody listens.
    pub(super) async fn say(&mut self, words: &[u8]) -> Option<()> {
        self.stream.write_all(words).await.ok()?;
        self.stream.flush().await.ok()
    }

    async fn read(&mut self) -> Option<()> {
        let read = self.stream.read_buf(&mut self.incoming).await.ok()?;
        (read > 0).then_some(())
    }
}

/// The minor version that is spoken, and whether the client has to be told of it.
fn negotiated(session: &Session<'_>) -> Option<u16> {
    let known = session.minor <= MINOR_MAX && session.minor != 1;
    (!known || !session.unknown_options.is_empty()).then_some(if session.minor > MINOR_MAX {
        MINOR_MAX
    } else {
        session.minor & !1
    })
}
