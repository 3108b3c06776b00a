//! Who is it? SCRAM-SHA-256 for users of the configuration, bound to the channel where there is
//! TLS; a JWT as the password for everybody else, where nobody listens in.

use std::fmt;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::BytesMut;
use rowhouse_protocol::request::{password, sasl_initial};
use rowhouse_protocol::response;
use rowhouse_protocol::scram::server::{Offer, ScramServer, ServerScramError, Verifier};
use rowhouse_tenancy::certificate::Names;
use rowhouse_tenancy::principal::Principal;

use super::Door;
use super::entrance::Entering;
use super::guesses::Caller;
use super::lookup::Found;
use crate::config::{AuthQuery, CertificateName, ChannelBinding, ClientAuth, User, Wire};
use crate::error::{Error, Kind};
use crate::identity::now_unix;

/// Random bytes of a nonce; PostgreSQL's own has as many.
const NONCE_LEN: usize = 18;

/// Who is proving something, and by which rules.
struct Proving<'a> {
    door: &'a Door,
    wire: &'a Wire,
    name: &'a str,
}

/// The principal of a client and the secret it uses. `Err(None)`: it is gone.
pub async fn prove(
    door: &Door,
    entering: &mut Entering,
    name: &str,
) -> Result<(Principal, String), Option<Error>> {
    let config = door.config.borrow().clone();
    let proving = Proving { door, wire: &config.wire, name };
    let proven = proving.prove(entering).await?;
    let mut words = BytesMut::new();
    response::authentication_ok(&mut words);
    entering.say(&words).await.ok_or(None)?;
    Ok(proven)
}

impl Proving<'_> {
    async fn prove(&self, entering: &mut Entering) -> Result<(Principal, String), Option<Error>> {
        let wire = self.wire;
        let shown = entering.channel.as_ref().and_then(|channel| channel.certificate.clone());
        if wire.client_auth == ClientAuth::Required && shown.is_none() {
            let text = "a client certificate is needed: connect with sslmode=require (or \
                        verify-full), sslcert and sslkey";
            return Err(Some(Error::new(Kind::Identity, text)));
        }
        if let Some(user) = wire.users.iter().find(|user| user.name == self.name) {
            self.user(entering, user, shown.as_ref()).await?;
            return Ok((user.principal.clone(), user.secret.clone()));
        }
        let mut reason = "there is no such user";
        if let Some(query) = &wire.auth_query {
            match self.look_up(entering, query).await? {
                Found::User(known) => {
                    self.scram(entering, &known.verifier).await?;
                    return Ok((known.principal.clone(), query.users_secret.clone()));
                }
                Found::Nobody(why) => reason = why,
            }
        }
        match &wire.token_secret {
            Some(secret) => Ok((self.token(entering).await?, secret.clone())),
            None => Err(self.nobody(entering, &reason).await),
        }
    }

    /// A user of the configuration. Whose certificate is another is asked for a password like
    /// everybody else, and no password will do.
    async fn user(
        &self,
        entering: &mut Entering,
        user: &User,
        shown: Option<&Names>,
    ) -> Result<(), Option<Error>> {
        let named = |wanted: &CertificateName| shown.is_some_and(|names| wanted.is_among(names));
        if !user.certificate.as_ref().is_none_or(named) {
            let reason = "the user's certificate was not shown, or another";
            return Err(self.nobody(entering, &reason).await);
        }
        match &user.verifier {
            Some(verifier) => self.scram(entering, verifier).await,
            None => Ok(()),
        }
    }

    /// Somebody whom the configuration does not know. Who has guessed too often has no question
    /// left to ask; but where tokens are taken, it may have one of these.
    async fn look_up(
        &self,
        entering: &Entering,
        query: &AuthQuery,
    ) -> Result<Found, Option<Error>> {
        if self.wire.token_secret.is_none() {
            self.check_guesses(self.caller(entering))?;
        }
        let Proving { door, wire, name } = self;
        door.lookups.find(&door.session, wire, query, name).await.map_err(Some)
    }

    fn caller(&self, entering: &Entering) -> Caller<'_> {
        let failures_max = self.wire.failed_logins_max;
        Caller { address: entering.address, name: self.name, failures_max }
    }

    /// Goes through the motions with somebody who cannot come in.
    async fn nobody(&self, entering: &mut Entering, reason: &dyn fmt::Display) -> Option<Error> {
        let nobody = Verifier::of_nobody(&self.door.nobody, self.name);
        let nobody = match &self.wire.auth_query {
            Some(query) => nobody.with_iterations(query.iterations),
            None => nobody,
        };
        match self.scram(entering, &nobody).await {
            Err(Some(error)) if error.kind() == Kind::Password => Some(error.because(reason)),
            Err(other) => other,
            Ok(()) => Some(wrong(self.name).because(reason)),
        }
    }

    async fn scram(
        &self,
        entering: &mut Entering,
        verifier: &Verifier,
    ) -> Result<(), Option<Error>> {
        let caller = self.caller(entering);
        self.check_guesses(caller)?;
        let proven = self.exchange(entering, caller, verifier).await;
        match &proven {
            Ok(()) => self.door.guesses.forgive(caller),
            Err(Some(error)) if error.kind() == Kind::Password => {
                // Others are served meanwhile; a client that leaves has been counted.
                let delay = self.door.guesses.note(caller, Instant::now());
                tokio::time::sleep(delay).await;
            }
            Err(_) => {}
        }
        proven
    }

    fn check_guesses(&self, caller: Caller<'_>) -> Result<(), Option<Error>> {
        self.door.guesses.check(caller, Instant::now()).map_err(|wait| {
            let text = format!(
                "too many logins from this address have failed: try again in {} s",
                wait.as_secs() + 1
            );
            Some(Error::new(Kind::TooManyFailures, text))
        })
    }

    async fn exchange(
        &self,
        entering: &mut Entering,
        caller: Caller<'_>,
        verifier: &Verifier,
    ) -> Result<(), Option<Error>> {
        let refused = |reason: &dyn fmt::Display| Some(wrong(self.name).because(reason));
        let end_point = entering.channel.as_ref().and_then(|channel| channel.end_point.clone());
        let offer = offer(self.wire.channel_binding, end_point.as_deref()).map_err(Some)?;
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
        let (server, challenge) = begun.map_err(|error| Some(not_proven(self.name, error)))?;
        words.clear();
        response::authentication_sasl_continue(&mut words, challenge.as_bytes());
        entering.say(&words).await.ok_or(None)?;
        let last = entering.proof().await.ok_or(None)?;
        // Of a wave of guesses, no more are looked at than of a row.
        self.check_guesses(caller)?;
        let proof = server.finish(&last).map_err(|error| Some(not_proven(self.name, error)))?;
        words.clear();
        response::authentication_sasl_final(&mut words, proof.as_bytes());
        entering.say(&words).await.ok_or(None)
    }

    async fn token(&self, entering: &mut Entering) -> Result<Principal, Option<Error>> {
        if !entering.is_private() {
            let text =
                "a token as the password is taken over TLS only: connect with sslmode=require";
            return Err(Some(Error::new(Kind::Password, text)));
        }
        let mut words = BytesMut::new();
        response::authentication_cleartext(&mut words);
        entering.say(&words).await.ok_or(None)?;
        let message = entering.proof().await.ok_or(None)?;
        let refused = |reason: &dyn fmt::Display| Some(wrong(self.name).because(reason));
        let token = password(&message).map_err(|error| refused(&error))?;
        let proven = self.door.identity.bearer(token, now_unix()).await;
        proven.map_err(|error| refused(&error.cause().unwrap_or("no reason is known")))
    }
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

/// One sentence for every failed proof, and it is PostgreSQL's own.
fn wrong(name: &str) -> Error {
    Error::new(Kind::Password, format!("password authentication failed for user \"{name}\""))
}
