//! What the next archive of a set is: which one it follows, or why it is full.

use std::collections::HashMap;

use igain_protocol::bureau::BureauId;
use igain_protocol::time::Timestamp;

use super::head::{Digest, Head, Id, Journal, Piece, Place, VERSION};
use super::name::SetName;
use super::note::{Link, Note, Noted, NotedFile};
use super::{Contents, Error, Files};
use crate::store::Snapshot;

/// Archives in a series, at most: to restore the last of them, all are read.
const CHAIN_LIMIT: usize = 1_000;

/// What the next archive may follow.
pub struct Following {
    /// Whose it is.
    pub bureau: BureauId,
    /// Of which set.
    pub set: SetName,
    /// A full one is wanted.
    pub full: bool,
    /// What the last one held: none where there never was one, or why that is not known.
    pub note: Result<Option<Note>, String>,
    /// The archives that are where this one goes; none where that cannot be seen.
    pub held: Option<Vec<Link>>,
    /// Drawn at random, for the archive and, where it is full, for its series.
    pub drawn: [[u8; 16]; 2],
}

/// The next archive.
pub struct Planned {
    /// What it holds.
    pub contents: Contents,
    /// Why it is full, if it is.
    pub why: Option<String>,
    /// The note of the archive that it follows.
    pub before: Option<Note>,
    /// What tells each of its journal files from any other of its number.
    pub salts: Vec<[u8; 16]>,
}

/// Decides on the next archive.
///
/// # Errors
/// Where a journal file cannot be looked at.
pub fn plan(
    following: Following,
    files: Files,
    at: Timestamp,
    books: Snapshot,
    audit: Snapshot,
    checkpoint: Vec<u8>,
) -> Result<Planned, Error> {
    let salts = [Salts::read(&books)?, Salts::read(&audit)?];
    let [of_books, of_audit] = &salts;
    let Following { bureau, set, full, note, held, drawn: [id, series] } = following;
    let before = match full {
        true => Err("a full backup was asked for".to_owned()),
        false => note.and_then(|note| {
            let note = note.ok_or_else(|| format!("it is the first backup of the set `{set}`"))?;
            check_held(&note, held.as_deref())?;
            [(Place::Books, of_books), (Place::Audit, of_audit)]
                .iter()
                .try_for_each(|(place, now)| now.check_grown(note.noted(*place)))?;
            Ok(note)
        }),
    };
    let (before, why) = match before {
        Ok(note) => (Some(note), None),
        Err(why) => (None, Some(why)),
    };
    let journal = |salts: &Salts, place| salts.journal(before.as_ref().map(|note| note.noted(place)));
    let (books_journal, audit_journal) = (journal(of_books, Place::Books), journal(of_audit, Place::Audit));
    let (listed, files) = files.and(&books, &audit, checkpoint).into_parts();
    let head = Head {
        version: VERSION,
        bureau,
        set: set.to_string(),
        series: before.as_ref().map_or_else(|| Id::from(series), |note| note.series),
        id: id.into(),
        number: before.as_ref().map_or(1, |note| note.number.saturating_add(1)),
        follows: before.as_ref().map(|note| note.id),
        at,
        files: listed,
        books: books_journal,
        audit: audit_journal,
    };
    let salts = salts.iter().flat_map(|salts| salts.files.iter().map(|(_, _, salt)| *salt)).collect();
    Ok(Planned { contents: Contents { head, files, books, audit }, why, before, salts })
}

/// Whether the archives of a series are all where the next one goes.
fn check_held(note: &Note, held: Option<&[Link]>) -> Result<(), String> {
    if note.chain.len() >= CHAIN_LIMIT {
        return Err(format!("its series has {CHAIN_LIMIT} archives, and gets no longer"));
    }
    let Some(held) = held else { return Ok(()) };
    let held: HashMap<&str, u64> = held.iter().map(|link| (link.name.as_str(), link.bytes)).collect();
    for link in &note.chain {
        match held.get(link.name.as_str()) {
            None => return Err(format!("the folder lacks `{}`, which it would build on", link.name)),
            Some(bytes) if *bytes != link.bytes => {
                return Err(format!("`{}` in the folder is not as long as it was", link.name));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// The journal files of a snapshot, each with what tells it from any other of its number.
struct Salts {
    store: [u8; 16],
    files: Vec<(u32, u64, [u8; 16])>,
}

impl Salts {
    fn read(snapshot: &Snapshot) -> Result<Self, Error> {
        let files = snapshot.files().iter().map(|file| Ok((file.id, file.bytes, snapshot.open(file.id)?.salt())));
        Ok(Self { store: snapshot.store(), files: files.collect::<Result<_, Error>>()? })
    }

    /// Whether what is here can have grown from what was noted: of each file that is in both, the same, and no shorter.
    fn check_grown(&self, noted: &Noted) -> Result<(), String> {
        if *noted.store != self.store {
            return Err("the store is another one than at the last backup".into());
        }
        let known = by_id(noted);
        let other = self
            .files
            .iter()
            .find(|(id, bytes, salt)| known.get(id).is_some_and(|known| *known.salt != *salt || known.bytes > *bytes));
        match other {
            Some((id, ..)) => {
                Err(format!("journal file {id} is not the one that the last backup has: the store was put back"))
            }
            None => Ok(()),
        }
    }

    /// As a head lists them, behind what is noted.
    fn journal(&self, noted: Option<&Noted>) -> Journal {
        let known = noted.map(by_id).unwrap_or_default();
        let piece = |(id, bytes, _): &(u32, u64, [u8; 16])| {
            let before = known.get(id);
            Piece {
                id: *id,
                from: before.map_or(0, |known| known.bytes),
                bytes: *bytes,
                before: before.map_or_else(|| Digest::from([0; 32]), |known| known.digest),
            }
        };
        Journal { store: self.store.into(), files: self.files.iter().map(piece).collect() }
    }
}

fn by_id(noted: &Noted) -> HashMap<u32, &NotedFile> {
    noted.files.iter().map(|file| (file.id, file)).collect()
}
