//! What goes wrong, as callers see it.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio_postgres::error::SqlState;

/// An answer that says what went wrong.
#[derive(Debug)]
pub struct Fault {
    status: StatusCode,
    detail: String,
}

#[derive(Serialize)]
struct Body {
    detail: String,
}

impl Fault {
    /// Nobody has said, or proven, who asks.
    pub fn unauthorized(detail: &str) -> Fault {
        Fault::new(StatusCode::UNAUTHORIZED, detail)
    }

    /// The request cannot be understood.
    pub fn invalid(detail: &str) -> Fault {
        Fault::new(StatusCode::BAD_REQUEST, detail)
    }

    /// There is no such thing, or not for this tenant: nobody is told which.
    pub fn not_found() -> Fault {
        Fault::new(StatusCode::NOT_FOUND, "there is no such item")
    }

    /// Later, perhaps.
    pub fn unavailable() -> Fault {
        Fault::new(StatusCode::SERVICE_UNAVAILABLE, "the database is not there; try again")
    }

    fn new(status: StatusCode, detail: &str) -> Fault {
        Fault { status, detail: detail.to_owned() }
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Fault {
        let code = error.code().cloned();
        if code.as_ref().is_some_and(|code| code.code().starts_with("28")) {
            return Fault::unauthorized("the token does not count, or not any more");
        }
        match code {
            // A tenant that is not there yet, or whose rows these are not.
            Some(SqlState::FOREIGN_KEY_VIOLATION | SqlState::INSUFFICIENT_PRIVILEGE) => {
                Fault::new(StatusCode::FORBIDDEN, "not for this tenant")
            }
            Some(code) => {
                eprintln!("{error} ({})", code.code());
                Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "the database has refused")
            }
            None => {
                eprintln!("{error}");
                Fault::unavailable()
            }
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        (self.status, Json(Body { detail: self.detail })).into_response()
    }
}
