//! The calls: a form becomes a value that is right in itself, or a fault that says what is not.

use super::fault::Code;
use super::form::Form;
use super::{Fault, RoleArn, SessionName};
use crate::secret::Secret;

/// The one version of the service.
pub const VERSION: &str = "2011-06-15";
/// The bounds of `DurationSeconds` (service model, `roleDurationSecondsType`).
pub const DURATION_S_MIN: u64 = 900;
/// Twelve hours.
pub const DURATION_S_MAX: u64 = 43_200;
/// What a caller gets that asks for no time in particular.
pub const DURATION_S_DEFAULT: u64 = 3600;

/// Characters of a caller's own words that a message repeats.
const ECHO_CHARS_MAX: usize = 64;

/// A call of the service.
#[derive(Debug)]
pub enum Call {
    /// Exchanges a JWT for credentials; not signed, the JWT is the proof.
    AssumeRoleWithWebIdentity(AssumeRoleWithWebIdentity),
    /// Tells the caller who it is; signed.
    GetCallerIdentity,
}

/// The parameters of the exchange.
#[derive(Debug)]
pub struct AssumeRoleWithWebIdentity {
    /// The role to assume.
    pub role_arn: RoleArn,
    /// What the caller names its session.
    pub session_name: SessionName,
    /// The JWT. Nothing is proven yet.
    pub web_identity_token: Secret,
    /// For how long; within the service's bounds.
    pub duration_s: Option<u64>,
}

impl Call {
    /// Reads the body of a request.
    pub fn parse(body: &[u8]) -> Result<Call, Fault> {
        let mut form = Form::parse(body)?;
        let action = form.take("Action").filter(|action| !action.is_empty());
        let action =
            action.ok_or_else(|| Fault::new(Code::MissingAction, "The request names no Action"))?;
        let version = form.take("Version").unwrap_or_default();
        let call = match (action.as_str(), version.as_str()) {
            ("AssumeRoleWithWebIdentity", VERSION) => {
                Call::AssumeRoleWithWebIdentity(AssumeRoleWithWebIdentity::read(&mut form)?)
            }
            ("GetCallerIdentity", VERSION) => Call::GetCallerIdentity,
            _ => return Err(unknown(&action, &version)),
        };
        match form.left_over() {
            None => Ok(call),
            // Taken as if it were not there, it would promise a bound that nobody keeps.
            Some(name) => Err(Fault::validation(format!(
                "{} is not supported by this gateway: leave it out",
                echo(name)
            ))),
        }
    }

    /// The name in the service model, for logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Call::AssumeRoleWithWebIdentity(_) => "AssumeRoleWithWebIdentity",
            Call::GetCallerIdentity => "GetCallerIdentity",
        }
    }
}

impl AssumeRoleWithWebIdentity {
    fn read(form: &mut Form) -> Result<Self, Fault> {
        let role_arn = form.required("RoleArn", "roleArn")?;
        let session_name = form.required("RoleSessionName", "roleSessionName")?;
        let token = form.required("WebIdentityToken", "webIdentityToken")?;
        let duration = form.take("DurationSeconds");
        refuse_policies(form)?;
        Ok(Self {
            role_arn: RoleArn::parse(&role_arn)
                .map_err(|why| Fault::validation(format!("RoleArn cannot be used: {why}")))?,
            session_name: SessionName::parse(&session_name).map_err(|why| {
                Fault::validation(format!("RoleSessionName cannot be used: {why}"))
            })?,
            // SDKs send the file as it is, and `token > file` ends it with a line break.
            web_identity_token: Secret::from(token.trim_ascii()),
            duration_s: duration.map(|text| read_duration(&text)).transpose()?,
        })
    }
}

/// A session policy narrows what credentials may do; here nobody would look at it.
fn refuse_policies(form: &mut Form) -> Result<(), Fault> {
    if form.take("Policy").is_some() || form.take("PolicyArns.member.1.arn").is_some() {
        return Err(Fault::validation(
            "Session policies (Policy, PolicyArns) are not supported by this gateway: they would \
             narrow nothing. Leave them out; row-level security holds the tenant",
        ));
    }
    if form.take("ProviderId").is_some() {
        return Err(Fault::validation(
            "ProviderId is for OAuth 2.0 access tokens of other providers: leave it out for a JWT",
        ));
    }
    Ok(())
}

fn read_duration(text: &str) -> Result<u64, Fault> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = text.parse().ok().filter(|_| digits);
    seconds.filter(|seconds| (DURATION_S_MIN..=DURATION_S_MAX).contains(seconds)).ok_or_else(|| {
        Fault::validation(format!(
            "DurationSeconds must be a number from {DURATION_S_MIN} to {DURATION_S_MAX}"
        ))
    })
}

fn unknown(action: &str, version: &str) -> Fault {
    let version = if version.is_empty() { "NO_VERSION_SPECIFIED" } else { version };
    let (action, version) = (echo(action), echo(version));
    let message = format!(
        "Could not find operation {action} for version {version}. This gateway has \
         AssumeRoleWithWebIdentity and GetCallerIdentity of {VERSION}"
    );
    Fault::new(Code::InvalidAction, message)
}

fn echo(text: &str) -> String {
    text.chars().take(ECHO_CHARS_MAX).flat_map(char::escape_debug).collect()
}
