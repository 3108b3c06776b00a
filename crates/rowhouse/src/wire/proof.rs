//! Who is it? SCRAM-SHA-256 for users of the configuration, bound to the channel where there is
//! TLS; a JWT as the password for everybody else, where nobody listens in.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::BytesMut;
use rowhouse_protocol::request::{password, sasl_initial};
use rowhouse_protocol::response;
use rowhouse_protocol::scram::server::{Offer, ScramServer, ServerScramError, Verifier};
use rowhouse_tenancy::principal::Principal;

use super::Door;
use super::entrance::Entering;
use crate::config::ChannelBinding;
use crate::error::{Error, Kind};
use crate::identity::now_unix;

/// Random bytes of a nonce; PostgreSQL's own has as many.
const NONCE_LEN: usize = 18;

/// The principal of a client and the secret it uses. `Err(None)`: it is gone.
pub async fn prove(
    door: &Door,
    entering: &mut Entering,
    name: &str,
) -> Result<(Principal, String), Option<Error>> {
    let config = door.config.borrow().clone();
    let wire = &config.wire;
    let binding = wire.channel_binding;
    let (principal, secret) = match wire.users.iter().find(|user| user.name == name) {
        Some(user) => {
            scram(entering, binding, &user.verifier, name).await?;
            (user.principal.clone(), user.secret.clone())
        }
        None => match &wire.token_secret {
            Some(secret) => (token(door, entering, name).await?, secret.clone()),
            None => {
                let nobody = Verifier::of_nobody(&door.nobody, name);
                scram(entering, binding, &nobody, name).await?;
                return Err(Some(wrong(name).because("there is no such user")));
            }
        },
    };
    let mut words = BytesMut::new();
    response::authentication_ok(&mut words);
    entering.say(&words).await.ok_or(None)?;
    Ok((principal, secret))
}

async fn scram(
    entering: &mut Entering,
    binding: ChannelBinding,
    verifier: &Verifier,
    name: &str,
) -> Result<(), Option<Error>> {
    let refused = |reason: &dyn std::fmt::Display| Some(wrong(name).because(reason));
    let end_point = entering.channel.as_ref().and_then(|channel| channel.end_point.clone());
    let offer = offer(binding, end_point.as_deref()).map_err(Some)?;
    let mut nonce = [0; NONCE_LEN];
    let drawn = aws_lc_rs::rand::fill(&mut nonce);
    drawn.map_err(|_| Some(Error::internal("no randomness")))?;
    let nonce = STANDARD_NO_PAD.encode(nonce);

    let mut words = BytesMut::new();
    response::authentication_sasl(&mut words, offer.mechanisms());
    entering.say(&words).await.ok_or(None)?;
    let initial = entering.proof().await.ok_or(None)?;
    let (mechanism, first) = sasl_initial(&initial).map_err(|error| refused(&error))?;
    let begun = ScramServer::begin(verifier, offer, mechanism, first, &nonce);
    let (server, challenge) = begun.map_err(|error| Some(not_proven(name, error)))?;
    words.clear();
    response::authentication_sasl_continue(&mut words, challenge.as_bytes());
    entering.say(&words).await.ok_or(None)?;
    let last = entering.proof().await.ok_or(None)?;
    let proof = server.finish(&last).map_err(|error| Some(not_proven(name, error)))?;
    words.clear();
    response::authentication_sasl_final(&mut words, proof.as_bytes());
    entering.say(&words).await.ok_or(None)
}

/// What is offered to a client. Whoever it says it is, the offer is the same.
fn offer(binding: ChannelBinding, end_point: Option<&[u8]>) -> Result<Offer<'_>, Error> {
    match (binding, end_point) {
        (ChannelBinding::Disable, _) | (ChannelBinding::Prefer, None) => Ok(Offer::Plain),
        (ChannelBinding::Prefer, Some(hash)) => Ok(Offer::Either(hash)),
        (ChannelBinding::Require, Some(hash)) => Ok(Offer::Bound(hash)),
        (ChannelBinding::Require, None) => {
            let text = "passwords are taken with channel binding only: connect with \
                        sslmode=require, and a driver that knows SCRAM-SHA-256-PLUS";
            Err(Error::new(Kind::Identity, text))
        }
    }
}

/// What a client is told of a proof that is none. That somebody may stand between is for it to know
/// as well, and says nothing of users and passwords.
fn not_proven(name: &str, error: ServerScramError) -> Error {
    let told = match error {
        ServerScramError::Downgraded => {
            "channel binding was offered and the client has not heard of it: somebody may stand \
             between"
        }
        ServerScramError::OtherChannel => {
            "the client has seen another certificate than the server's: somebody may stand \
             between, or a proxy that ends TLS (then channel_binding=disable)"
        }
        _ => return wrong(name).because(error),
    };
    Error::new(Kind::Identity, told).because(error)
}

async fn token(
    door: &Door,
    entering: &mut Entering,
    name: &str,
) -> Result<Principal, Option<Error>> {
    if !entering.is_private() {
        let text = "a token as the password is taken over TLS only: connect with sslmode=require";
        return Err(Some(Error::new(Kind::Password, text)));
    }
    let mut words = BytesMut::new();
    response::authentication_cleartext(&mut words);
    entering.say(&words).await.ok_or(None)?;
    let message = entering.proof().await.ok_or(None)?;
    let token = password(&message).map_err(|error| Some(wrong(name).because(error)))?;
    let proven = door.identity.bearer(token, now_unix()).await;
    proven.map_err(|error| Some(wrong(name).because(error.cause().unwrap_or("no reason is known"))))
}

/// One sentence for every failed proof, and it is PostgreSQL's own.
fn wrong(name: &str) -> Error {
    Error::new(Kind::Password, format!("password authentication failed for user \"{name}\""))
}
