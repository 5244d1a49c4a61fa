//! Writing an archive.

use std::io::{self, Write};

use sha2::{Digest as _, Sha256};

use super::contents::Contents;
use super::head::{BEGIN, Digest, END, Head, Part, Piece};
use super::{Error, PIECE, Recipients};
use crate::audit;
use crate::store::Snapshot;

/// An archive that was written.
pub struct Written {
    /// What it holds.
    pub(super) head: Head,
    /// The digest of each journal file up to where the archive ends, in the order of the head.
    pub(super) digests: Vec<Digest>,
}

impl Contents {
    /// Seals all of it to `recipients` and writes it to `out`. Journal files are let go as soon as they are read.
    ///
    /// # Errors
    /// Where a file cannot be read, or [`Error::Sink`] where `out` takes no more.
    pub fn write(self, recipients: &Recipients, out: impl Write) -> Result<Written, Error> {
        let sealer = age::Encryptor::with_recipients(recipients.as_age());
        let sealer = sealer.map_err(|error| Error::Sink(io::Error::other(error.to_string())))?;
        let sealed = sealer.wrap_output(out).map_err(Error::Sink)?;
        let mut archive = Archive::begin(sealed, &self.head)?;
        let written = archive.contents(self)?;
        let sealed = archive.finish()?;
        sealed.finish().and_then(|mut out| out.flush()).map_err(Error::Sink)?;
        Ok(written)
    }
}

/// An archive being written.
pub(super) struct Archive<W> {
    out: W,
    all: Sha256,
}

impl<W: Write> Archive<W> {
    pub(super) fn begin(out: W, head: &Head) -> Result<Self, Error> {
        let mut archive = Self { out, all: Sha256::new() };
        let head = igain_protocol::codec::encode(head);
        archive.put(&BEGIN)?;
        archive.put(&u32::try_from(head.len()).unwrap_or(u32::MAX).to_be_bytes())?;
        archive.put(&head)?;
        Ok(archive)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.all.update(bytes);
        self.out.write_all(bytes).map_err(Error::Sink)
    }

    pub(super) fn contents(&mut self, contents: Contents) -> Result<Written, Error> {
        let Contents { head, files, mut books, mut audit } = contents;
        for file in &files {
            self.whole(file)?;
        }
        let mut digests = Vec::with_capacity(head.books.files.len() + head.audit.files.len());
        for (snapshot, journal, is_audit) in [(&mut books, &head.books, false), (&mut audit, &head.audit, true)] {
            // What is not read is let go first: it may be what a merge waits for.
            let unread = journal.files.iter().filter(|piece| piece.from == piece.bytes);
            unread.for_each(|piece| snapshot.release(piece.id));
            for piece in &journal.files {
                // What is damaged is not put in the place of what was whole.
                if piece.from < piece.bytes {
                    let checked = snapshot.check(piece.id);
                    checked.map_err(
                        |error| if is_audit { audit::Error::from(error).into() } else { Error::from(error) },
                    )?;
                }
                digests.push(self.piece(snapshot, piece)?);
                snapshot.release(piece.id);
            }
        }
        Ok(Written { head, digests })
    }

    /// Writes a whole file and its digest.
    pub(super) fn whole(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.put(bytes)?;
        self.put(&Sha256::digest(bytes))
    }

    /// Writes what is new of a journal file, and its digest; where nothing is, nothing is written.
    fn piece(&mut self, snapshot: &Snapshot, piece: &Piece) -> Result<Digest, Error> {
        if piece.from == piece.bytes {
            return Ok(piece.before);
        }
        let file = snapshot.open(piece.id)?;
        let mut digest = begin_digest(&Part::Piece(super::head::Place::Books, *piece));
        let (mut at, mut buffer) = (piece.from, vec![0; PIECE]);
        while at < piece.bytes {
            let length = usize::try_from(piece.bytes - at).unwrap_or(PIECE).min(PIECE);
            let part = buffer.get_mut(..length).unwrap_or_default();
            file.read_at(part, at)?;
            digest.update(&*part);
            self.put(part)?;
            at += length as u64;
        }
        let digest: [u8; 32] = digest.finalize().into();
        self.put(&digest)?;
        Ok(digest.into())
    }

    /// Ends the archive.
    pub(super) fn finish(mut self) -> Result<W, Error> {
        self.put(&END)?;
        let digest = self.all.finalize();
        self.out.write_all(&digest).map_err(Error::Sink)?;
        Ok(self.out)
    }
}

/// The digest of a content before its first byte.
pub(super) fn begin_digest(part: &Part) -> Sha256 {
    let mut digest = Sha256::new();
    if let Part::Piece(_, piece) = part {
        digest.update(piece.before.as_slice());
        digest.update(piece.from.to_be_bytes());
    }
    digest
}
