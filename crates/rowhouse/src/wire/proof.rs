//! Who is it? SCRAM-SHA-256 for users of the configuration; a JWT as the password for everybody
//! else, where nobody listens in.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::BytesMut;
use rowhouse_protocol::request::{password, sasl_initial};
use rowhouse_protocol::response;
use rowhouse_protocol::scram::SCRAM_SHA_256;
use rowhouse_protocol::scram::server::{ScramServer, Verifier};
use rowhouse_tenancy::principal::Principal;

use super::Door;
use super::entrance::Entering;
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
    let (principal, secret) = match wire.users.iter().find(|user| user.name == name) {
        Some(user) => {
            scram(entering, &user.verifier, name).await?;
            (user.principal.clone(), user.secret.clone())
        }
        None => match &wire.token_secret {
            Some(secret) => (token(door, entering, name).await?, secret.clone()),
            None => {
                scram(entering, &Verifier::of_nobody(&door.nobody, name), name).await?;
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
    verifier: &Verifier,
    name: &str,
) -> Result<(), Option<Error>> {
    let refused = |reason: &dyn std::fmt::Display| Some(wrong(name).because(reason));
    let mut nonce = [0; NONCE_LEN];
    let drawn = aws_lc_rs::rand::fill(&mut nonce);
    drawn.map_err(|_| Some(Error::internal("no randomness")))?;
    let nonce = STANDARD_NO_PAD.encode(nonce);

    let mut words = BytesMut::new();
    response::authentication_sasl(&mut words, &[SCRAM_SHA_256]);
    entering.say(&words).await.ok_or(None)?;
    let initial = entering.proof().await.ok_or(None)?;
    let (mechanism, first) = sasl_initial(&initial).map_err(|error| refused(&error))?;
    if mechanism != SCRAM_SHA_256 {
        return Err(refused(&"another mechanism than the one offered"));
    }
    let (server, challenge) =
        ScramServer::begin(verifier, first, &nonce).map_err(|error| refused(&error))?;
    words.clear();
    response::authentication_sasl_continue(&mut words, challenge.as_bytes());
    entering.say(&words).await.ok_or(None)?;
    let last = entering.proof().await.ok_or(None)?;
    let proof = server.finish(&last).map_err(|error| refused(&error))?;
    words.clear();
    response::authentication_sasl_final(&mut words, proof.as_bytes());
    entering.say(&words).await.ok_or(None)
}

async fn token(
    door: &Door,
    entering: &mut Entering,
    name: &str,
) -> Result<Principal, Option<Error>> {
    if !entering.private {
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
