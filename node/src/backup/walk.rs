//! Going through a chain of archives: each is read to its end, and must build on the one before.

use std::collections::HashMap;
use std::path::Path;

use igain_protocol::time::Timestamp;

use super::chain::{Archive, Sources};
use super::head::{Digest, Head, Part, Place};
use super::read;
use super::{Error, Identities};

/// What a chain of archives holds, all of it read and found right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// The name of the archive whose moment it is.
    pub name: String,
    /// Whose backup.
    pub bureau: String,
    /// The moment.
    pub at: Timestamp,
    /// How many archives were read.
    pub archives: usize,
    /// How many journal files it has.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// Takes what archives hold: whether it is of the last archive, what it is of, where in its file it belongs, and bytes.
pub(super) type Sink<'a> = dyn FnMut(bool, &Part, u64, &[u8]) -> Result<(), Error> + 'a;

/// Reads all that is needed for the archive called `at`, or else the newest, and sees that it can be restored.
///
/// # Errors
/// What is missing or wrong, and in which file.
pub fn verify(sources: &Sources, at: Option<&str>, identities: &Identities) -> Result<Whole, Error> {
    let chain = sources.chain(at, identities)?;
    walk(&chain, identities, &mut |_, _, _, _| Ok(()))
}

/// How far each journal file is there, and its digest.
type Known = HashMap<(Place, u32), (u64, Digest)>;

/// Goes through a chain, from the full archive on.
pub(super) fn walk(chain: &[Archive], identities: &Identities, sink: &mut Sink) -> Result<Whole, Error> {
    let (mut known, mut before) = (Known::new(), None);
    for (at, archive) in chain.iter().enumerate() {
        let is_last = at + 1 == chain.len();
        check_follows(&known, archive, before)?;
        known = read_all(&known, archive, identities, &mut |part, at, bytes| sink(is_last, part, at, bytes))?;
        before = Some(archive.path.as_path());
    }
    let last = chain.last().ok_or_else(|| Error::Nothing(Default::default()))?;
    let name = last.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let bytes = known.values().map(|(bytes, _)| *bytes).fold(0, u64::saturating_add);
    let Head { bureau, at, .. } = &last.head;
    Ok(Whole { name, bureau: bureau.to_string(), at: *at, archives: chain.len(), files: known.len(), bytes })
}

/// Each file that an archive adds to must be there as long, and be the same.
fn check_follows(known: &Known, archive: &Archive, before: Option<&Path>) -> Result<(), Error> {
    let fits = archive.head.pieces().all(|(place, piece)| {
        let built_on = known.get(&(place, piece.id));
        piece.from == 0 || built_on == Some(&(piece.from, piece.before))
    });
    let (path, before) = (archive.path.clone(), before.unwrap_or(Path::new("")).to_owned());
    let why = || "a journal file that it adds to is not as long there, or another".to_owned();
    if fits { Ok(()) } else { Err(Error::Unfit { path, before, why: why() }) }
}

/// Reads an archive to its end. Answers what journal files there are after it.
fn read_all(known: &Known, archive: &Archive, ids: &Identities, each: &mut read::Each) -> Result<Known, Error> {
    let path = &archive.path;
    let mut reader = read::open(path, ids)?;
    if *reader.head() != archive.head {
        let changed = super::Fault::Damaged("it was changed while it was read".into());
        return Err(Error::of(path)(changed));
    }
    let mut after: Known = HashMap::with_capacity(known.len());
    for (place, piece) in archive.head.pieces() {
        after.insert((place, piece.id), (piece.bytes, piece.before));
    }
    while let Some((part, digest)) = reader.next(each).map_err(Error::of(path))? {
        if let Part::Piece(place, piece) = part {
            after.insert((place, piece.id), (piece.bytes, digest));
        }
    }
    reader.finish().map_err(Error::of(path))?;
    Ok(after)
}
