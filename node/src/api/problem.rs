//! Why a request is refused, as a problem document (RFC 9457).

use std::fmt;
use std::ops::Deref;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::office::{self, Fault};
use crate::policy;

/// A problem document, boxed: it is what every call may end in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Problem(Box<Document>);

/// What a problem document says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Names the kind of problem: `urn:igain:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The stable name of the problem.
    pub code: String,
    /// Who has to act, for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong and what to do about it.
    pub detail: String,
    /// Each problem of a policy, at its place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<PolicyProblem>,
}

/// One thing that is wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyProblem {
    /// The file.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl Problem {
    /// A problem with this status and code.
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        let title = match status.as_u16() {
            404 => "not here",
            500 => "the node's operator must act",
            502 => "another bureau must act",
            503 => "try again",
            _ => "the request is refused",
        };
        Self(Box::new(Document {
            kind: format!("urn:igain:problem:{code}"),
            code: code.into(),
            title: title.into(),
            status: status.as_u16(),
            detail: detail.into(),
            problems: Vec::new(),
        }))
    }

    /// A request that cannot be read.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "request.malformed", detail)
    }

    /// A request with more than is taken.
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "request.too-large", detail)
    }

    /// Something that is not there.
    pub fn absent(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    /// A part of the node failed.
    pub fn failed(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, code, detail)
    }

    /// Whether what was asked for is not there.
    pub fn is_absent(&self) -> bool {
        self.status == 404
    }
}

impl Deref for Problem {
    type Target = Document;

    fn deref(&self) -> &Document {
        &self.0
    }
}

impl std::error::Error for Problem {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl From<office::Error> for Problem {
    fn from(error: office::Error) -> Self {
        if let office::Error::Policy(error) = error {
            return Self::from(error);
        }
        let status = match (&error, error.fault()) {
            (office::Error::IndexBehind | office::Error::Interrupted, _) => StatusCode::SERVICE_UNAVAILABLE,
            (_, Fault::Caller) => StatusCode::UNPROCESSABLE_ENTITY,
            (_, Fault::Absent) => StatusCode::NOT_FOUND,
            (_, Fault::Operator) => StatusCode::INTERNAL_SERVER_ERROR,
            (_, Fault::Peer) => StatusCode::BAD_GATEWAY,
        };
        Self::new(status, error.code(), error.to_string())
    }
}

impl From<policy::Error> for Problem {
    fn from(error: policy::Error) -> Self {
        let one = |problem: policy::Problem| PolicyProblem {
            file: problem.file,
            line: problem.line,
            column: problem.column,
            message: problem.message,
            help: problem.help,
        };
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "policy", error.to_string());
        problem.0.problems = error.problems.into_iter().map(one).collect();
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        if self.status >= 500 {
            tracing::warn!(code = %self.code, detail = %self.detail, "a request failed");
        }
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_fault_it_is_decides_the_status() {
        let of = |error: office::Error| {
            let problem = Problem::from(error);
            (problem.status, problem.code.clone())
        };
        assert_eq!(of(office::Error::NoPurpose), (422, "query.no-purpose".into()));
        assert_eq!(of(office::Error::UnknownPeer("FR".parse().unwrap())), (404, "peer.unknown".into()));
        assert_eq!(of(office::Error::CutOff), (502, "exchange.cut-off".into()));
        assert_eq!(of(office::Error::Interrupted), (503, "stopping".into()));
        assert_eq!(of(office::Error::Entropy("no".into())), (500, "entropy".into()));
    }

    #[test]
    fn a_policy_keeps_the_place_of_each_problem() {
        let error = policy::Policy::parse("permit (", "ke.cedar").unwrap_err();
        let problem = Problem::from(error);
        assert_eq!(problem.status, 422);
        let first = problem.problems.first().unwrap();
        assert_eq!((first.file.as_str(), first.line), ("ke.cedar", 1));
        let text = serde_json::to_string(&problem).unwrap();
        assert_eq!(serde_json::from_str::<Problem>(&text).unwrap(), problem);
    }
}
