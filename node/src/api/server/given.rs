//! What a request gives: who asks, what for, and with what.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use igain_protocol::vocabulary::Purpose;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::door::Admitted;
use super::rights;
use crate::api::{BODY_LIMIT, Problem};
use crate::office::{self, Actor, Why};

/// The user whose process asks, as the kernel tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The user's number.
    pub(super) uid: u32,
}

/// Who acts, for the audit log.
pub(super) struct Acting(pub(super) Actor);

impl<S: Send + Sync> FromRequestParts<S> for Acting {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        admitted(parts).map(|admitted| Self(admitted.actor.clone()))
    }
}

/// Whether who asks sees the records of this bureau alone.
pub(super) struct OwnOnly(pub(super) bool);

impl<S: Send + Sync> FromRequestParts<S> for OwnOnly {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        admitted(parts).map(|admitted| Self(!rights::sees_all(admitted.roles)))
    }
}

/// Whom the door has let in.
fn admitted(parts: &Parts) -> Result<&Admitted, Problem> {
    let nobody = || Problem::failed("internal", "the request did not come through the door. Report this");
    parts.extensions.get::<Admitted>().ok_or_else(nobody)
}

/// Why somebody looks at records, among the options after the question mark. It is asked for before anything is looked
/// up.
pub(super) struct Asking(pub(super) Why);

impl<S: Send + Sync> FromRequestParts<S> for Asking {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let PerhapsAsking(why) = PerhapsAsking::from_request_parts(parts, state).await?;
        why.map(Self).ok_or_else(|| office::Error::NoPurpose.into())
    }
}

/// The same for a call that looks at records only where its body says so.
pub(super) struct PerhapsAsking(pub(super) Option<Why>);

impl<S: Send + Sync> FromRequestParts<S> for PerhapsAsking {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        struct Reason {
            purpose: Option<String>,
            case: Option<String>,
        }
        let Options(Reason { purpose, case }) = Options::from_request_parts(parts, state).await?;
        match (purpose, case) {
            (Some(purpose), Some(case)) => Ok(Self(Some(Why::new(parse::<Purpose>(&purpose)?, &case)?))),
            _ => Ok(Self(None)),
        }
    }
}

/// A body of JSON.
pub(super) struct Given<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Given<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = axum::body::to_bytes(request.into_body(), BODY_LIMIT).await;
        let limit = BODY_LIMIT >> 20;
        let bytes = bytes.map_err(|_| {
            Problem::too_large(format!("the request is larger than {limit} MiB, or was cut off. Send less at a time"))
        })?;
        read(&bytes).map(Self)
    }
}

/// Reads JSON.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let bytes = if bytes.is_empty() { b"{}".as_slice() } else { bytes };
    serde_json::from_slice(bytes).map_err(|error| Problem::malformed(format!("the request cannot be read: {error}")))
}

/// What the path names.
pub(super) struct Named<T>(pub(super) T);

impl<S: Send + Sync, T: FromStr<Err: Display>> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(name) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| bad("the path"))?;
        parse(&name).map(Self)
    }
}

/// The two things that the path names.
pub(super) struct NamedPair<A, B>(pub(super) A, pub(super) B);

impl<S, A, B> FromRequestParts<S> for NamedPair<A, B>
where
    S: Send + Sync,
    A: FromStr<Err: Display>,
    B: FromStr<Err: Display>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let pair = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((first, second)) = pair.map_err(|_| bad("the path"))?;
        Ok(Self(parse(&first)?, parse(&second)?))
    }
}

/// The options after the question mark.
pub(super) struct Options<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Options<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let options = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        let options = options.map_err(|error| Problem::malformed(format!("the options cannot be read: {error}")))?;
        Ok(Self(options.0))
    }
}

pub(super) fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error: T::Err| Problem::malformed(error.to_string()))
}

fn bad(what: &str) -> Problem {
    Problem::malformed(format!("{what} of the request cannot be read"))
}
