//! The first line of an import's body.

use axum::body::{Body, Bytes};
use futures::{Stream, StreamExt as _};

use crate::api::types::ImportRequest;
use crate::api::{IMPORT_HEAD_LIMIT, Problem};

/// Reads the first line of `body`. Gives what it says and the rest of the body.
pub(super) async fn read(
    body: Body,
) -> Result<(ImportRequest, impl Stream<Item = Result<Bytes, axum::Error>> + Unpin + Send), Problem> {
    let mut body = body.into_data_stream();
    let mut line = Vec::new();
    loop {
        let piece = match body.next().await {
            Some(Ok(piece)) => piece,
            Some(Err(error)) => return Err(Problem::malformed(format!("the request was cut off: {error}"))),
            None => return Err(Problem::malformed("the request ends within its first line")),
        };
        if let Some(end) = piece.iter().position(|byte| *byte == b'\n') {
            line.extend_from_slice(piece.get(..end).unwrap_or_default());
            let import: ImportRequest = super::super::given::read(&line)?;
            check(&import)?;
            let rest = futures::stream::iter([Ok(piece.slice(end + 1..))]).chain(body);
            return Ok((import, rest));
        }
        line.extend_from_slice(&piece);
        if line.len() > IMPORT_HEAD_LIMIT {
            return Err(Problem::too_large("the mapping is too large. See that it is the right file"));
        }
    }
}

fn check(import: &ImportRequest) -> Result<(), Problem> {
    let Some((last, joined)) = import.files.split_last() else {
        return Err(Problem::malformed("the request names no file"));
    };
    let joined = joined.iter().all(|file| file.role.is_some() && file.bytes.is_some());
    if joined && last.role.is_none() {
        Ok(())
    } else {
        Err(Problem::malformed("files to be joined come first, with role and length, and the imported file last"))
    }
}
