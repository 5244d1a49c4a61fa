//! The name index: full text over the folded tokens of names, with filters, encrypted on disk.
//!
//! The index is made from the store and never holds anything the store does not. It remembers up to which position of
//! the store it has come; what lies after is put again on start. An index that cannot be read is thrown away, since
//! keeping it aside would keep what was erased, and is made anew from the store. Only this folder knows tantivy.
//!
//! Ranks are made of what matched and how, never of how common a word is: the same query over the same records gives
//! the same answer however the index came to be. A whole word counts four, a prefix two, a skeleton one; then comes the
//! record with fewer other words in its names, then the one changed last.

mod collect;
mod columns;
mod directory;
mod error;
mod query;
mod removal;
mod schema;
mod writing;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use igain_protocol::bureau::BureauId;
use igain_protocol::caf::CafId;
use igain_protocol::record::RecordId;
use igain_protocol::time::{Day, Timestamp};
use igain_protocol::vocabulary::Kind;
use tantivy::{Index, IndexReader, ReloadPolicy, Searcher};

pub use collect::Rank;
pub use error::Error;

use columns::Columns;
use directory::{Encrypted, META};
use schema::Fields;
use writing::Writing;

/// Hits that one call may ask for.
pub const HITS_LIMIT: usize = 10_000;

/// What the index holds of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doc {
    /// The record.
    pub id: RecordId,
    /// Whose it is.
    pub owner: BureauId,
    /// Its kind.
    pub kind: Kind,
    /// Its crime analysis files.
    pub cafs: Vec<CafId>,
    /// When it was changed last.
    pub modified: Timestamp,
    /// When what it tells of happened.
    pub date: Option<Day>,
    /// The tokens of its names, folded. A token is cut at white space and after 128 bytes.
    pub names: Vec<String>,
    /// The skeletons of those tokens, for comparing across scripts.
    pub skeletons: Vec<String>,
}

/// What to look for. All tokens and all skeletons must be there; lists that are empty restrict nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Words of names, folded.
    pub tokens: Vec<Token>,
    /// Skeletons of words.
    pub skeletons: Vec<Token>,
    /// One of these kinds.
    pub kinds: Vec<Kind>,
    /// One of these owners.
    pub owners: Vec<BureauId>,
    /// One of these crime analysis files.
    pub cafs: Vec<CafId>,
    /// What happened, or where that is not known was changed, on or after this day.
    pub from: Option<Day>,
    /// What happened, or where that is not known was changed, on or before this day.
    pub to: Option<Day>,
    /// The most hits wanted, up to [`HITS_LIMIT`].
    pub limit: usize,
}

/// A word to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The folded text.
    pub text: String,
    /// Whether longer words that begin with it are meant too.
    pub prefix: bool,
}

/// A record that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The record.
    pub id: RecordId,
    /// Whose it is.
    pub owner: BureauId,
    /// How well it matches: comparable within one query.
    pub score: u32,
    /// Its place among the hits, to go on from.
    pub rank: Rank,
}

/// Hits, best first, and how many there are in all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Not more than were asked for.
    pub hits: Vec<Hit>,
    /// All that match, whatever the limit and the place to go on from.
    pub total: u64,
}

/// Figures for an administrator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Records that can be found.
    pub docs: u64,
    /// Segments that a query looks into.
    pub segments: usize,
    /// Records that were replaced or deleted, and are in the files until [`Search::erase`].
    pub deleted: u64,
    /// Changes since the last commit.
    pub pending: u64,
    /// Bytes on the disk.
    pub bytes: u64,
}

/// The open index. Clones share it; finding never waits for writing.
#[derive(Clone)]
pub struct Search {
    inner: Arc<Inner>,
}

struct Inner {
    fields: Fields,
    directory: Encrypted,
    index: Index,
    reader: IndexReader,
    view: RwLock<Arc<View>>,
    writing: Mutex<Writing>,
    discarded: Option<String>,
}

/// The index as of one commit.
struct View {
    searcher: Searcher,
    /// One for each segment of the searcher, in its order.
    columns: Vec<Arc<Columns>>,
}

impl Search {
    /// Opens the index in the folder `dir`, or makes it. Gives the store's position up to which it has come; `None`
    /// when it is empty and everything must be put.
    ///
    /// # Errors
    /// [`Error::Locked`] where another process has it open; [`Error::Io`] where the disk fails. Damage is no error: see
    /// [`Search::discarded`].
    pub fn open(dir: &Path, key: &[u8; 32]) -> Result<(Self, Option<[u8; 16]>), Error> {
        let directory = Encrypted::open(dir, key).map_err(|cause| Error::opening(dir, cause))?;
        let (inner, position) = match guarded(|| Inner::open(&directory, None)) {
            Err(Error::Damaged(why)) => {
                directory.clear().map_err(|cause| Error::Io(cause.to_string()))?;
                guarded(|| Inner::open(&directory, Some(why)))?
            }
            opened => opened?,
        };
        Ok((Self { inner: Arc::new(inner) }, position))
    }

    /// Why the index that was there was thrown away at the start, if it was. It must then be made from the store.
    pub fn discarded(&self) -> Option<&str> {
        self.inner.discarded.as_deref()
    }

    /// Adds a record, or replaces it. It is found after the next commit.
    ///
    /// Waits while the index's own thread is behind by more than its queue holds.
    ///
    /// # Errors
    /// [`Error::Stopped`] after a failure of the disk: what came since the last commit must be put again.
    pub fn put(&self, doc: &Doc) -> Result<(), Error> {
        let fields = &self.inner.fields;
        self.write(|writing| writing.put(fields.key(doc.id, doc.owner), fields.document(doc)))
    }

    /// Removes a record from answers, at the next commit. [`Search::erase`] removes it from the files.
    ///
    /// # Errors
    /// [`Error::Stopped`] as for [`Search::put`].
    pub fn delete(&self, id: RecordId, owner: BureauId) -> Result<(), Error> {
        let key = self.inner.fields.key(id, owner);
        self.write(|writing| writing.delete(key))
    }

    /// Makes all that was put and deleted durable and visible, and remembers the store's position that it comes up to.
    ///
    /// # Errors
    /// [`Error::Stopped`] as for [`Search::put`].
    pub fn commit(&self, position: [u8; 16]) -> Result<(), Error> {
        self.write(|writing| writing.commit(position))?;
        guarded(|| self.inner.refresh())
    }

    /// Notes that nothing up to the store's position concerns the index. It is remembered with the next commit; where
    /// something waits for that, this does nothing.
    pub fn pass(&self, position: [u8; 16]) {
        self.inner.writing.lock().unwrap_or_else(PoisonError::into_inner).pass(position);
    }

    /// The store's position up to which the index has come: that of the last commit, or one that was passed since.
    pub fn position(&self) -> Option<[u8; 16]> {
        self.inner.writing.lock().unwrap_or_else(PoisonError::into_inner).position()
    }

    /// Whether anything waits for a commit.
    pub fn dirty(&self) -> bool {
        self.inner.writing.lock().unwrap_or_else(PoisonError::into_inner).pending() > 0
    }

    /// Rewrites every file that holds something of a record that was deleted or replaced. When this returns, the old
    /// files are gone from the folder. Gives the number of segments rewritten.
    ///
    /// # Errors
    /// [`Error::Stopped`], or [`Error::Busy`] where files are still being read or merged: call it again.
    pub fn erase(&self) -> Result<usize, Error> {
        guarded(|| writing::erase(&self.inner))
    }

    /// The best hits.
    ///
    /// # Errors
    /// [`Error::Damaged`] where a file is not what was written: when the daemon starts again, the index is made anew.
    pub fn find(&self, query: &Query) -> Result<Vec<Hit>, Error> {
        self.find_after(query, None).map(|found| found.hits)
    }

    /// The best hits after a place, and the number of all.
    ///
    /// # Errors
    /// As for [`Search::find`].
    pub fn find_after(&self, query: &Query, after: Option<Rank>) -> Result<Found, Error> {
        guarded(|| {
            if self.inner.directory.take_changed() {
                self.inner.refresh()?;
            }
            query::run(&self.inner.fields, &self.inner.view(), query, after)
        })
    }

    /// Reads and checks every byte that the last commit left on the disk; gives how many there are.
    ///
    /// # Errors
    /// [`Error::Damaged`] where a file is not what was written.
    pub fn verify(&self) -> Result<u64, Error> {
        guarded(|| {
            // Other files are being written, or are about to be deleted.
            let metas = self.inner.index.load_metas()?;
            let parts = metas.list_segment_files();
            Ok(self.inner.directory.verify(parts.into_iter().chain([PathBuf::from(META)]))?)
        })
    }

    /// Figures for an administrator.
    ///
    /// # Errors
    /// [`Error::Io`] where the folder cannot be read.
    pub fn stats(&self) -> Result<Stats, Error> {
        let view = self.inner.view();
        let readers = view.searcher.segment_readers();
        Ok(Stats {
            docs: view.searcher.num_docs(),
            segments: readers.len(),
            deleted: readers.iter().map(|segment| u64::from(segment.num_deleted_docs())).sum(),
            pending: self.inner.writing.lock().unwrap_or_else(PoisonError::into_inner).pending(),
            bytes: self.inner.directory.disk_bytes()?,
        })
    }

    fn write<T>(&self, step: impl FnOnce(&mut Writing) -> Result<T, Error>) -> Result<T, Error> {
        let mut writing = self.inner.writing.lock().unwrap_or_else(PoisonError::into_inner);
        guarded(|| step(&mut writing))
    }
}

impl Inner {
    fn open(directory: &Encrypted, discarded: Option<String>) -> Result<(Self, Option<[u8; 16]>), Error> {
        let fields = Fields::new();
        let mut index = Index::open_or_create(directory.clone(), fields.schema())?;
        index.set_tokenizers(schema::tokenizers());
        let writing = Writing::open(&index)?;
        let position = writing.position();
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        let view = View::open(reader.searcher(), None)?;
        let inner = Self {
            fields,
            directory: directory.clone(),
            index,
            reader,
            view: RwLock::new(Arc::new(view)),
            writing: Mutex::new(writing),
            discarded,
        };
        Ok((inner, position))
    }

    fn view(&self) -> Arc<View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks at the segments as they are now.
    fn refresh(&self) -> Result<(), Error> {
        self.reader.reload()?;
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        *view = Arc::new(View::open(self.reader.searcher(), Some(&view))?);
        Ok(())
    }
}

impl View {
    /// Takes over the columns of segments that were there before.
    fn open(searcher: Searcher, before: Option<&Self>) -> Result<Self, Error> {
        let columns = searcher.segment_readers().iter().map(|segment| {
            let known = before.and_then(|before| before.columns.iter().find(|known| known.are_of(segment)));
            known.map_or_else(|| Columns::open(segment).map(Arc::new), |known| Ok(known.clone()))
        });
        Ok(Self { columns: columns.collect::<Result<_, _>>()?, searcher })
    }
}

/// Runs a step of tantivy's, which panics in places where a file is not as it should be.
fn guarded<T>(step: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    // What the step may leave half done is either thrown away with the index or replaced as a whole.
    catch_unwind(AssertUnwindSafe(step))
        .unwrap_or_else(|_| Err(Error::Damaged("a file of the index makes no sense".to_owned())))
}

#[cfg(test)]
mod tests;
