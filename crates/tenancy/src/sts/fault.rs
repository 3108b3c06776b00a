//! The errors of the service: code, HTTP status, public text, body.
//!
//! Codes and statuses are those of the service model and of the errors that all query services
//! share (<https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>).

use super::xml;

macro_rules! codes {
    ($($(#[doc = $meaning:literal])+ $variant:ident = $name:literal, $status:literal;)*) => {
        /// The code of a fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[doc = $meaning])+ $variant,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Code] = &[$(Code::$variant),*];

            /// The code that SDKs turn into a class.
            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            /// The HTTP status.
            pub fn status(self) -> u16 {
                match self { $(Code::$variant => $status,)* }
            }
        }
    };
}

codes! {
    /// The caller is known and may not do this.
    AccessDenied = "AccessDenied", 403;
    /// The JWT was good and its time is over.
    ExpiredIdentity = "ExpiredTokenException", 400;
    /// The session was good and its time is over.
    ExpiredSession = "ExpiredToken", 403;
    /// The JWT is genuine, but makes nobody whom credentials are for.
    RejectedClaim = "IDPRejectedClaim", 403;
    /// The `Authorization` header cannot be read.
    IncompleteSignature = "IncompleteSignature", 400;
    /// A defect of ours.
    InternalFailure = "InternalFailure", 500;
    /// No such operation.
    InvalidAction = "InvalidAction", 400;
    /// The session token is none of ours, or was changed.
    InvalidClientTokenId = "InvalidClientTokenId", 403;
    /// The JWT does not count.
    InvalidIdentityToken = "InvalidIdentityToken", 400;
    /// The form cannot be read.
    MalformedQueryString = "MalformedQueryString", 400;
    /// No operation is named.
    MissingAction = "MissingAction", 400;
    /// Nothing proves who calls.
    MissingAuthenticationToken = "MissingAuthenticationToken", 403;
    /// The signature does not fit the request.
    SignatureDoesNotMatch = "SignatureDoesNotMatch", 403;
    /// A parameter is missing or not acceptable.
    Validation = "ValidationError", 400;
}

/// A code with its public text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The code.
    pub code: Code,
    /// What the caller reads.
    pub message: String,
}

impl Fault {
    /// A code with its public text.
    pub fn new(code: Code, message: impl Into<String>) -> Fault {
        Fault { code, message: message.into() }
    }

    /// A parameter is missing or not acceptable.
    pub fn validation(message: impl Into<String>) -> Fault {
        Fault::new(Code::Validation, message)
    }

    /// The body of the answer.
    pub fn xml(&self, request_id: &str) -> String {
        let blame = if self.code.status() < 500 { "Sender" } else { "Receiver" };
        let mut text = format!("<ErrorResponse xmlns=\"{}\"><Error>", xml::NAMESPACE);
        xml::element(&mut text, "Type", blame);
        xml::element(&mut text, "Code", self.code.name());
        xml::element(&mut text, "Message", &self.message);
        text.push_str("</Error>");
        xml::element(&mut text, "RequestId", request_id);
        text.push_str("</ErrorResponse>\n");
        text
    }
}
