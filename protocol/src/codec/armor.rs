//! Bytes as text that survives a mail: the textual encoding of RFC 7468, with labels of our own.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// Characters on a line (RFC 7468 §2).
const WIDTH: usize = 64;

/// Why a text holds no armoured document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Longer than the document it may hold.
    #[error("the text has {bytes} bytes, and {limit} is the limit. Check that it is the right file")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The most that is read.
        limit: usize,
    },
    /// No line that begins or ends such a document.
    #[error("there is no line `{0}`. Copy the whole text, with its first and last line")]
    Missing(String),
    /// What stands between them is not base64.
    #[error("the text between the first and last line is not base64. Copy it again, unchanged")]
    Base64,
}

/// Writes `bytes` between a BEGIN and an END line.
pub fn wrap(label: &str, bytes: &[u8]) -> String {
    let body = BASE64_STANDARD.encode(bytes);
    let mut out = format!("-----BEGIN {label}-----\n");
    for (index, letter) in body.chars().enumerate() {
        if index > 0 && index % WIDTH == 0 {
            out.push('\n');
        }
        out.push(letter);
    }
    out.push_str(&format!("\n-----END {label}-----\n"));
    out
}

/// Reads what [`wrap`] wrote; text around it, line ends and indents are passed over.
///
/// # Errors
/// What is too long for `limit` bytes of content, lacks a line, or is not base64.
pub fn unwrap(label: &str, text: &str, limit: usize) -> Result<Vec<u8>, Error> {
    // Four letters for three bytes, and as much again for line ends, indents and what a mail adds around it.
    let limit = limit.saturating_mul(3).saturating_add(4096);
    if text.len() > limit {
        return Err(Error::TooLong { bytes: text.len(), limit });
    }
    let begin = format!("-----BEGIN {label}-----");
    let end = format!("-----END {label}-----");
    let (_, rest) = text.split_once(&begin).ok_or(Error::Missing(begin))?;
    let (body, _) = rest.split_once(&end).ok_or(Error::Missing(end))?;
    let letters: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    BASE64_STANDARD.decode(letters).map_err(|_| Error::Base64)
}
