//! Sending the files of an import, piece by piece.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use hyper::body::Bytes;
use tokio::sync::mpsc;

use crate::api::client::{self, Sent};
use crate::api::types::{ImportFile, ImportRequest};
use crate::cli::Error;

/// Bytes of one piece.
const PIECE: usize = 64 * 1024;

/// Pieces that are read ahead.
const AHEAD: usize = 4;

/// The files of an import, those to be joined first.
pub(super) struct Files {
    joined: Vec<(String, PathBuf, File, u64)>,
    last: Box<dyn Read + Send>,
    last_name: String,
    last_bytes: Option<u64>,
}

impl Files {
    /// Opens the imported file, or stdin, and those joined to it.
    pub(super) fn open(file: &Path, joined: Vec<(String, PathBuf)>) -> Result<Self, Error> {
        let open = |(role, path): (String, PathBuf)| {
            let (file, bytes) = open_file(&path)?;
            Ok((role, path, file, bytes))
        };
        let joined = joined.into_iter().map(open).collect::<Result<_, Error>>()?;
        if file == Path::new("-") {
            return Ok(Self { joined, last: Box::new(io::stdin()), last_name: "stdin".into(), last_bytes: None });
        }
        let (last, bytes) = open_file(file)?;
        Ok(Self { joined, last: Box::new(last), last_name: file.display().to_string(), last_bytes: Some(bytes) })
    }

    /// How the request describes them.
    pub(super) fn described(&self) -> Vec<ImportFile> {
        let joined = self.joined.iter().map(|(role, path, _, bytes)| ImportFile {
            name: path.display().to_string(),
            role: Some(role.clone()),
            bytes: Some(*bytes),
        });
        joined.chain([ImportFile { name: self.last_name.clone(), role: None, bytes: None }]).collect()
    }

    /// Bytes of the imported file, where that is known.
    pub(super) const fn last_bytes(&self) -> Option<u64> {
        self.last_bytes
    }

    /// Hands on all bytes, until nobody takes them.
    fn send(self, to: &mpsc::Sender<io::Result<Bytes>>) {
        for (_, path, file, bytes) in self.joined {
            let mut limited = file.take(bytes);
            if !copy(&mut limited, to) {
                return;
            }
            if limited.limit() > 0 {
                let shorter = format!("`{}` became shorter while it was read", path.display());
                let _ = to.blocking_send(Err(io::Error::other(shorter)));
                return;
            }
        }
        let mut last = self.last;
        copy(&mut last, to);
    }
}

fn open_file(path: &Path) -> Result<(File, u64), Error> {
    let file = File::open(path).map_err(Error::file("read", path))?;
    let bytes = file.metadata().map_err(Error::file("read", path))?.len();
    Ok((file, bytes))
}

/// Hands on what `from` gives; false once nobody takes it.
fn copy(from: &mut dyn Read, to: &mpsc::Sender<io::Result<Bytes>>) -> bool {
    loop {
        let mut piece = vec![0; PIECE];
        let read = match from.read(&mut piece) {
            Ok(0) => return true,
            Ok(read) => {
                piece.truncate(read);
                Ok(Bytes::from(piece))
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let failed = read.is_err();
        if to.blocking_send(read).is_err() || failed {
            return false;
        }
    }
}

/// The body of the request. Must be called on a runtime: a thread of it reads the files.
pub(super) fn body(request: &ImportRequest, files: Files) -> Result<Sent, Error> {
    let mut head = serde_json::to_vec(request).map_err(|error| Error::Print(error.into()))?;
    head.push(b'\n');
    let (to, from) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || files.send(&to));
    let pieces = futures::stream::unfold(from, async |mut from| {
        let piece = from.recv().await?;
        Some((piece, from))
    });
    Ok(client::streamed(head, pieces))
}
