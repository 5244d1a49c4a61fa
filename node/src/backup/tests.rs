//! Archives: what was put in comes out, and anything else is an error.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use igain_protocol::time::Timestamp;

use super::head::{Head, Kind, Part};
use super::read::Reader;
use super::write::Archive;
use super::*;
use crate::store::{Batch, Disk, Options, Store, StoreKey, Table};

const T: Table = Table::new(7);

fn store(name: &str) -> Store {
    let key = StoreKey::from_bytes([9; 32]);
    Store::in_memory(&Disk::memory(1), Path::new(name), &key).unwrap().0
}

fn put(store: &Store, key: &[u8], value: &[u8]) {
    let mut batch = Batch::new();
    batch.put(T, key, value);
    store.commit(batch).unwrap();
}

fn files() -> Files {
    Files::of(vec![(Kind::Config, b"config".to_vec()), (Kind::Keys, vec![5; 300])])
}

/// Two stores, and what a node does to back them up.
struct Node {
    books: Store,
    audit: Store,
    at: u64,
    note: Option<Note>,
}

impl Node {
    fn new() -> Self {
        Self { books: store("books"), audit: store("audit"), at: 1_000, note: None }
    }

    fn planned(&mut self, full: bool, held: Option<Vec<Link>>) -> Planned {
        self.at += 1;
        let drawn = [[self.at as u8; 16], [(self.at as u8).wrapping_add(100); 16]];
        let (bureau, set) = ("KE".parse().unwrap(), "main".parse().unwrap());
        let following = Following { bureau, set, full, note: Ok(self.note.clone()), held, drawn };
        let moments = (self.books.snapshot().unwrap(), self.audit.snapshot().unwrap());
        plan(following, files(), Timestamp::from_ms(self.at), moments.0, moments.1, b"checkpoint".to_vec()).unwrap()
    }

    /// An archive without its seal.
    fn plain(&mut self) -> Vec<u8> {
        let Planned { contents, .. } = self.planned(true, None);
        let mut archive = Archive::begin(Vec::new(), contents.head()).unwrap();
        archive.contents(contents).unwrap();
        archive.finish().unwrap()
    }

    /// Writes an archive into a folder, and notes it.
    fn back_up(&mut self, folder: &Path, to: &Recipients, full: bool) -> PathBuf {
        let Planned { contents, before, salts, .. } = self.planned(full, None);
        let path = folder.join(contents.name());
        let mut bytes = Vec::new();
        let written = contents.write(to, &mut bytes).unwrap();
        self.note = Some(Note::of(&written, &salts, before.as_ref(), bytes.len() as u64));
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// All contents of an archive without its seal.
fn read_plain(bytes: &[u8]) -> Result<(Head, Vec<Vec<u8>>), Fault> {
    let mut reader = Reader::begin(bytes)?;
    let mut contents = Vec::new();
    loop {
        let mut content = Vec::new();
        let next = reader.next(&mut |_: &Part, _, bytes| {
            content.write_all(bytes).unwrap();
            Ok(())
        })?;
        if next.is_none() {
            break;
        }
        contents.push(content);
    }
    let head = reader.head().clone();
    reader.finish()?;
    Ok((head, contents))
}

#[test]
fn what_was_put_into_an_archive_comes_out() {
    let mut node = Node::new();
    put(&node.books, b"a", &[1; 600_000]);
    put(&node.audit, b"b", b"entry");
    let (head, contents) = read_plain(&node.plain()).unwrap();
    assert!(head.is_full() && head.number == 1 && head.bureau.as_str() == "KE");
    assert_eq!(contents.len(), head.parts().len());
    assert_eq!(contents[0], b"config");
    assert_eq!(contents[4], b"checkpoint");
    let snapshot = node.books.snapshot().unwrap();
    let mut file = vec![0; snapshot.files()[0].bytes as usize];
    snapshot.open(snapshot.files()[0].id).unwrap().read_at(&mut file, 0).unwrap();
    assert_eq!(contents[5], file);
}

/// What is damaged is not backed up as if it were whole.
#[test]
fn of_a_journal_that_is_damaged_no_archive_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let key = StoreKey::from_bytes([9; 32]);
    let mut node = Node::new();
    node.books = Store::open(folder.path(), &key, Options::default(), &|_| {}).unwrap().0;
    put(&node.books, b"a", b"one");
    put(&node.books, b"b", b"two");
    let Planned { contents, .. } = node.planned(true, None);
    assert!(Archive::begin(Vec::new(), contents.head()).unwrap().contents(contents).is_ok());
    let id = node.books.snapshot().unwrap().files()[0];
    let path = crate::store::snapshot::file_in(folder.path(), id.id);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[id.bytes as usize - 9] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let Planned { contents, .. } = node.planned(true, None);
    let made = Archive::begin(Vec::new(), contents.head()).unwrap().contents(contents);
    assert!(matches!(made, Err(Error::Store(crate::store::Error::Damaged { .. }))));
}

/// L16.
#[test]
fn an_archive_that_is_cut_anywhere_is_an_error() {
    let mut node = Node::new();
    put(&node.books, b"a", b"one");
    let whole = node.plain();
    assert!(read_plain(&whole).is_ok());
    for end in 0..whole.len() {
        assert!(read_plain(&whole[..end]).is_err(), "cut at {end} of {}", whole.len());
    }
    let longer = [&whole[..], b"x"].concat();
    assert!(read_plain(&longer).is_err(), "more than an archive is no archive");
}

/// L16.
#[test]
fn an_archive_of_which_a_bit_is_changed_is_an_error() {
    let mut node = Node::new();
    put(&node.books, b"a", b"one");
    let whole = node.plain();
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1 << (at % 8);
        assert!(read_plain(&changed).is_err(), "byte {at} of {}", whole.len());
    }
}

/// L16: what a head says of lengths costs nothing, and what makes no sense is refused.
#[test]
fn hostile_heads_are_refused() {
    let mut node = Node::new();
    put(&node.books, b"a", b"one");
    let (sound, _) = read_plain(&node.plain()).unwrap();
    let begun = |head: &Head| Reader::begin(&Archive::begin(Vec::new(), head).unwrap().finish().unwrap()[..]).err();
    let changed = |change: &dyn Fn(&mut Head)| {
        let mut head = sound.clone();
        change(&mut head);
        begun(&head)
    };
    assert!(begun(&sound).is_none());
    let wrong: [&dyn Fn(&mut Head); 10] = [
        &|head| head.files[0].bytes = u64::MAX,
        &|head| head.number = 0,
        &|head| head.number = 2,
        &|head| head.follows = Some([1; 16].into()),
        &|head| head.set = "../../etc".into(),
        &|head| head.files.truncate(1),
        &|head| head.files.push(head.files[0]),
        &|head| head.books.files.push(head.books.files[0]),
        &|head| head.books.files[0].from = u64::MAX,
        &|head| head.books.files[0].from = 1,
    ];
    for (at, change) in wrong.iter().enumerate() {
        assert!(matches!(changed(change), Some(Fault::Damaged(_))), "{at}");
    }
    assert!(matches!(changed(&|head| head.version = 2), Some(Fault::Version { found: 2, .. })));
    // A journal file that is said to be endless ends where the archive does.
    let mut endless = sound.clone();
    endless.books.files[0].bytes = u64::MAX;
    let bytes = Archive::begin(Vec::new(), &endless).unwrap().finish().unwrap();
    assert!(read_plain(&bytes).is_err());
    for length in [0, 1, 1 << 24, (1 << 24) + 1, u32::MAX] {
        let bytes = [&head::BEGIN[..], &length.to_be_bytes(), &[0xff; 100]].concat();
        assert!(read_plain(&bytes).is_err(), "{length}");
    }
    assert!(matches!(read_plain(b"PK\x03\x04 something else"), Err(Fault::Foreign(_))));
}

/// A chain is followed by what is in the archives; each that is wrong is named.
#[test]
fn a_chain_is_put_together_and_what_does_not_fit_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (identities, to) = Identities::draw();
    let mut node = Node::new();
    put(&node.books, b"a", &[1; 5_000]);
    node.back_up(folder.path(), &to, false);
    put(&node.books, b"b", &[2; 5_000]);
    let second = node.back_up(folder.path(), &to, false);
    put(&node.books, b"a", b"");
    node.books.merge().unwrap();
    put(&node.audit, b"c", b"entry");
    let third = node.back_up(folder.path(), &to, false);
    let find = |paths: &[&Path]| {
        let paths: Vec<PathBuf> = paths.iter().map(|path| path.to_path_buf()).collect();
        Sources::find(&paths).unwrap()
    };
    let whole = verify(&find(&[folder.path()]), None, &identities).unwrap();
    assert_eq!((whole.archives, whole.at), (3, Timestamp::from_ms(1_003)));
    assert!(std::fs::metadata(&second).unwrap().len() < 10_000, "the second holds what is new");
    // Restored, it is what the stores are.
    let restored = folder.path().join("data");
    restore(&find(&[folder.path()]), None, &identities, &restored, Timestamp::from_ms(5)).unwrap();
    let key = StoreKey::from_bytes([9; 32]);
    let (books, _) = Store::open(&restored.join("store"), &key, Default::default(), &|_| {}).unwrap();
    assert_eq!(books.get(T, b"a").unwrap().unwrap(), b"");
    assert_eq!(books.get(T, b"b").unwrap().unwrap(), [2; 5_000]);
    assert!(books.verify().unwrap().findings.is_empty());
    let again = restore(&find(&[folder.path()]), None, &identities, &restored, Timestamp::from_ms(5));
    assert!(matches!(again, Err(Error::NotEmpty(_))));
    // A later series does not mix with this one; each archive can be asked for.
    put(&node.books, b"d", b"");
    let fourth = node.back_up(folder.path(), &to, true);
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    assert_eq!(verify(&find(&[folder.path()]), None, &identities).unwrap().archives, 1);
    assert_eq!(verify(&find(&[folder.path()]), Some(&name(&third)), &identities).unwrap().archives, 3);
    // Archives may be called anything where they are named themselves.
    let (other, missing) = (folder.path().join("x"), Some(name(&third)));
    std::fs::rename(&second, &other).unwrap();
    let gap = verify(&find(&[folder.path()]), missing.as_deref(), &identities).unwrap_err();
    assert!(matches!(gap, Error::Missing { number: 2, .. }), "{gap}");
    assert_eq!(verify(&find(&[folder.path(), &other]), missing.as_deref(), &identities).unwrap().archives, 3);
    // One that was cut, one that is sealed to others, and one that is none.
    let bytes = std::fs::read(&fourth).unwrap();
    for end in (0..bytes.len()).step_by(97) {
        std::fs::write(&fourth, &bytes[..end]).unwrap();
        let error = verify(&find(&[&fourth]), None, &identities).unwrap_err();
        assert!(matches!(error.code(), "backup.damaged"), "{end}: {error}");
        assert!(error.to_string().contains(&name(&fourth)));
    }
    std::fs::write(&fourth, &bytes).unwrap();
    let stranger = verify(&find(&[&fourth]), None, &Identities::draw().0).unwrap_err();
    assert_eq!(stranger.code(), "backup.wrong-identity");
    std::fs::write(&fourth, "notes").unwrap();
    assert_eq!(verify(&find(&[&fourth]), None, &identities).unwrap_err().code(), "backup.foreign");
}

/// Two runs of one number in a series, as when the second was not said to be stored: the third follows one of them.
#[test]
fn an_archive_that_nothing_follows_does_not_disturb() {
    let folder = tempfile::tempdir().unwrap();
    let (identities, to) = Identities::draw();
    let mut node = Node::new();
    put(&node.books, b"a", b"");
    node.back_up(folder.path(), &to, false);
    let first = node.note.clone();
    node.back_up(folder.path(), &to, false);
    node.note = first;
    put(&node.books, b"b", b"");
    node.back_up(folder.path(), &to, false);
    node.back_up(folder.path(), &to, false);
    let sources = Sources::find(&[folder.path().to_owned()]).unwrap();
    assert_eq!(verify(&sources, None, &identities).unwrap().archives, 3);
    assert!(survey(folder.path()).unwrap().archives.iter().all(|archive| archive.state == State::Whole));
}

#[test]
fn what_is_not_there_to_build_on_makes_a_full_archive_that_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let (_, to) = Identities::draw();
    let mut node = Node::new();
    put(&node.books, b"a", b"");
    assert!(node.planned(false, None).why.unwrap().contains("first backup"));
    node.back_up(folder.path(), &to, false);
    let chain = node.note.clone().unwrap().chain;
    assert_eq!(node.planned(false, Some(chain.clone())).why, None);
    let lacks = node.planned(false, Some(Vec::new())).why.unwrap();
    assert!(lacks.contains(&chain[0].name), "{lacks}");
    let cut = vec![Link { bytes: 3, ..chain[0].clone() }];
    assert!(node.planned(false, Some(cut)).why.unwrap().contains("not as long"));
    assert!(node.planned(true, Some(chain)).why.unwrap().contains("asked for"));
    // The store was put back to an earlier state, or is another one.
    let note = node.note.clone().unwrap();
    let mut longer = note.clone();
    longer.books.files[0].bytes += 1;
    node.note = Some(longer);
    assert!(node.planned(false, None).why.unwrap().contains("put back"));
    let mut other = note.clone();
    other.audit.files.clear();
    other.audit.store = [0; 16].into();
    node.note = Some(other);
    assert!(node.planned(false, None).why.unwrap().contains("another"));
}

#[test]
fn a_note_that_was_changed_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let (_, to) = Identities::draw();
    let mut node = Node::new();
    node.back_up(folder.path(), &to, false);
    let (main, other) = ("main".parse().unwrap(), "other".parse().unwrap());
    let data = folder.path();
    let notes = Notes::new(data, &node.books);
    assert_eq!(notes.read(&main), Ok(None));
    let note = node.note.clone().unwrap();
    notes.write(&main, &note).unwrap();
    assert_eq!(notes.read(&main), Ok(Some(note)));
    let path = data.join("backup/main.note");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(data.join("backup/other.note"), &bytes).unwrap();
    assert!(notes.read(&other).unwrap_err().contains("damaged"), "the note of one set is none of another's");
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        std::fs::write(&path, &changed).unwrap();
        assert!(notes.read(&main).is_err(), "{at}");
        std::fs::write(&path, &bytes[..at]).unwrap();
        assert!(notes.read(&main).is_err(), "{at}");
    }
}
