//! What all parts of an open store share.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use super::directory::{Census, Change, Dead, Directory, Growth, Marker};
use super::entry::Entry;
use super::journal::frame::{Changes, Site};
use super::journal::{Appender, Journal, Reserve};
use super::overlay::{Layer, Overlay};
use super::pipeline::{Pipeline, Writer, locked};
use super::{Error, Options, Stats};

pub(crate) struct State {
    /// Closed before the journal, whose lock says that nobody else uses it.
    pub(crate) directory: Directory,
    pub(crate) journal: Arc<Journal>,
    pub(crate) options: Options,
    pub(crate) reserve: Arc<Reserve>,
    overlay: RwLock<Overlay>,
    /// What the directory on disk holds.
    pub(crate) tally: Mutex<Tally>,
    /// Held by whoever changes the directory.
    pub(crate) changing: Mutex<()>,
    applier: Applier,
    pipeline: OnceLock<Pipeline>,
    /// Removals after this commit are kept by merges, for whoever replays.
    pub(crate) pinned: Mutex<u64>,
    /// Up to where removals were forgotten when a replay from the start began.
    pub(crate) replaying: Mutex<Option<u64>>,
    /// The last commit that was told in a replay, and the place after it.
    pub(crate) left_off: Mutex<Option<(u64, Site)>>,
    /// One merge at a time.
    pub(crate) merging: Mutex<()>,
}

/// Wakes and stops the thread that applies frozen layers.
#[derive(Default)]
struct Applier {
    signal: Mutex<Signal>,
    changed: Condvar,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Signal {
    stop: bool,
    /// The directory failed; nothing more is applied.
    failed: Option<Error>,
}

/// What is known of the directory on disk.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) applied: u64,
    pub(crate) census: Census,
    pub(crate) dead: BTreeMap<u32, Dead>,
    pub(crate) followed: u64,
}

impl Tally {
    /// Of an empty directory, which will name no file but those that are listed.
    pub(crate) fn empty(journal: &Journal) -> Self {
        Self { followed: journal.list().followed, ..Self::default() }
    }

    pub(crate) fn of(marker: &Marker) -> Self {
        let dead = marker.dead.iter().map(|dead| (dead.file, *dead)).collect();
        Self { applied: marker.applied, census: marker.census, dead, followed: marker.followed }
    }

    /// Notes that an entry fell out of use.
    pub(crate) fn bury(&mut self, entry: &Entry, since_ms: u64) {
        let file = entry.file();
        let dead = self.dead.entry(file).or_insert(Dead { file, bytes: 0, since_ms });
        dead.bytes += entry.journal_bytes();
        dead.since_ms = dead.since_ms.min(since_ms);
    }

    /// Adds what one change of the directory did.
    fn take(&mut self, other: Self, growth: Growth) {
        self.census.keys = self.census.keys.saturating_add_signed(growth.keys);
        self.census.digest += growth.digest;
        for (file, more) in other.dead {
            let dead = self.dead.entry(file).or_insert(Dead { bytes: 0, ..more });
            dead.bytes += more.bytes;
            dead.since_ms = dead.since_ms.min(more.since_ms);
        }
    }

    pub(crate) fn marker(&self, store: [u8; 16]) -> Marker {
        let dead = self.dead.values().copied().collect();
        Marker { store, applied: self.applied, census: self.census, dead, followed: self.followed }
    }
}

impl State {
    pub(crate) fn new(journal: Arc<Journal>, directory: Directory, options: Options, tally: Tally) -> Self {
        let reserve = Arc::new(Reserve::new(&journal.disk, &journal.dir, options.reserve_bytes));
        Self {
            journal,
            directory,
            reserve,
            options,
            overlay: RwLock::default(),
            tally: Mutex::new(tally),
            changing: Mutex::new(()),
            applier: Applier::default(),
            pipeline: OnceLock::new(),
            pinned: Mutex::new(0),
            replaying: Mutex::new(None),
            left_off: Mutex::new(None),
            merging: Mutex::new(()),
        }
    }

    /// Begins to write and apply after commit `seq`, in threads unless the options say otherwise.
    pub(crate) fn start(self: &Arc<Self>, seq: u64) -> Result<(), Error> {
        let state = Arc::downgrade(self);
        let publish = Box::new(move |commits| state.upgrade().ok_or(Error::Closed)?.publish(commits));
        let appender = Appender::new(Arc::clone(&self.journal), seq, self.options.file_bytes);
        let writer = Writer::new(appender, Arc::clone(&self.reserve));
        let pipeline = if self.options.threads {
            let state = Arc::clone(self);
            let thread = std::thread::Builder::new().name("store-apply".into()).spawn(move || state.apply_frozen());
            *locked(&self.applier.thread) = Some(thread.map_err(Error::io("start the applier of", &self.journal.dir))?);
            Pipeline::start(writer, seq, publish, &self.journal.dir)?
        } else {
            Pipeline::inline(writer, seq, publish)
        };
        let _ = self.pipeline.set(pipeline);
        Ok(())
    }

    pub(crate) fn pipeline(&self) -> Result<&Pipeline, Error> {
        self.pipeline.get().ok_or(Error::Closed)
    }

    /// The last commit that is durable and visible.
    pub(crate) fn published(&self) -> u64 {
        self.pipeline.get().map_or(0, Pipeline::published)
    }

    pub(crate) fn overlay(&self) -> RwLockReadGuard<'_, Overlay> {
        self.overlay.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn overlay_mut(&self) -> RwLockWriteGuard<'_, Overlay> {
        self.overlay.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes durable commits visible.
    fn publish(&self, commits: Vec<(u64, Changes)>) -> Result<(), Error> {
        let now = self.now_ms();
        let mut dead = Vec::new();
        let full = {
            let mut overlay = self.overlay_mut();
            for (seq, changes) in commits {
                overlay.active.insert(seq, changes, &mut |entry| dead.push(entry.clone()));
            }
            overlay.active.bytes() > self.options.overlay_bytes
        };
        if !dead.is_empty() {
            let mut tally = locked(&self.tally);
            dead.iter().for_each(|entry| tally.bury(entry, now));
        }
        // A failed directory stops the writers when memory would grow without bound.
        if full { self.freeze() } else { Ok(()) }
    }

    /// Hands the active layer to the applier, once it is done with the one before.
    fn freeze(&self) -> Result<(), Error> {
        let mut signal = locked(&self.applier.signal);
        loop {
            if let Some(error) = &signal.failed {
                return Err(error.clone());
            }
            if signal.stop {
                return Err(Error::Closed);
            }
            if self.overlay().frozen.is_none() {
                break;
            }
            signal = self.applier.changed.wait(signal).unwrap_or_else(PoisonError::into_inner);
        }
        let mut overlay = self.overlay_mut();
        if !overlay.active.map.is_empty() {
            overlay.frozen = Some(Arc::new(std::mem::take(&mut overlay.active)));
        }
        let frozen = overlay.frozen.clone();
        drop(overlay);
        if let (false, Some(layer)) = (self.options.threads, frozen) {
            let applied = self.apply(&layer);
            self.applied(&mut signal, applied);
        }
        self.applier.changed.notify_all();
        Ok(())
    }

    /// Brings the directory on disk up to all that is visible now.
    pub(crate) fn checkpoint(&self) -> Result<(), Error> {
        let wanted = self.overlay().active.through;
        loop {
            let overlay = self.overlay();
            let pending =
                overlay.frozen.is_some() || (!overlay.active.map.is_empty() && locked(&self.tally).applied < wanted);
            drop(overlay);
            if !pending {
                return Ok(());
            }
            // The second call waits until the first layer was applied.
            self.freeze()?;
            self.wait_applied()?;
        }
    }

    fn wait_applied(&self) -> Result<(), Error> {
        let mut signal = locked(&self.applier.signal);
        while self.overlay().frozen.is_some() {
            if let Some(error) = &signal.failed {
                return Err(error.clone());
            }
            if signal.stop {
                return Err(Error::Closed);
            }
            signal = self.applier.changed.wait(signal).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    fn apply_frozen(&self) {
        let mut signal = locked(&self.applier.signal);
        loop {
            let frozen = self.overlay().frozen.clone();
            match frozen {
                Some(layer) if signal.failed.is_none() => {
                    drop(signal);
                    let applied = self.apply(&layer);
                    signal = locked(&self.applier.signal);
                    self.applied(&mut signal, applied);
                    self.applier.changed.notify_all();
                }
                _ if signal.stop => return,
                _ => signal = self.applier.changed.wait(signal).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// The frozen layer was applied, or the directory failed.
    fn applied(&self, signal: &mut Signal, applied: Result<(), Error>) {
        match applied {
            Ok(()) => self.overlay_mut().frozen = None,
            Err(error) => {
                tracing::error!(%error, "the key directory failed");
                self.rebuild_next_time();
                signal.failed = Some(error);
            }
        }
    }

    /// Has the directory made anew at the next start.
    pub(crate) fn rebuild_next_time(&self) {
        if self.journal.disk.is_memory() {
            return;
        }
        let path = self.journal.dir.with_file_name("directory").with_extension(super::open::REBUILD);
        if let Err(error) = std::fs::write(&path, b"") {
            tracing::warn!(%error, "remove the folder `directory` before the next start");
        }
    }

    /// Applies a layer to the directory, and notes it there.
    fn apply(&self, layer: &Layer) -> Result<(), Error> {
        let changes = layer.map.iter().map(|(key, entry)| (&**key, entry.as_ref().map_or(Change::Remove, Change::Set)));
        self.apply_changes(changes, Tally::default(), layer.through, self.now_ms())
    }

    /// Applies changes up to commit `through`, in the order of their keys, and notes that. `dead` is what is known to
    /// have fallen out of use; what these changes replace did so at `now_ms`.
    pub(crate) fn apply_changes<'a>(
        &self,
        changes: impl Iterator<Item = (&'a [u8], Change<'a>)>,
        mut dead: Tally,
        through: u64,
        now_ms: u64,
    ) -> Result<(), Error> {
        let _changing = locked(&self.changing);
        let growth = self.directory.apply(changes, &mut |entry| dead.bury(entry, now_ms))?;
        let marker = {
            let mut tally = locked(&self.tally);
            tally.take(dead, growth);
            tally.applied = through;
            tally.marker(self.journal.store)
        };
        self.directory.mark(&marker)
    }

    /// Lets the directory follow a merge: keys whose entries come from the files `from` get these.
    pub(crate) fn relocate(&self, moved: &BTreeMap<Vec<u8>, Entry>, from: &HashSet<u32>) -> Result<(), Error> {
        let now = self.now_ms();
        let _changing = locked(&self.changing);
        let changes = moved.iter().map(|(key, entry)| (key.as_slice(), Change::Move(entry, from)));
        let mut dead = Tally::default();
        let growth = self.directory.apply(changes, &mut |entry| dead.bury(entry, now))?;
        locked(&self.tally).take(dead, growth);
        Ok(())
    }

    /// Writes all that is queued and brings the directory up to date.
    pub(crate) fn close(&self) -> Result<(), Error> {
        self.pipeline()?.close();
        let thread = locked(&self.applier.thread).take();
        if locked(&self.applier.signal).stop {
            return Ok(());
        }
        let done = self.checkpoint();
        locked(&self.applier.signal).stop = true;
        self.applier.changed.notify_all();
        thread.map(JoinHandle::join);
        done?;
        let tally = locked(&self.tally);
        self.directory.mark(&tally.marker(self.journal.store))
    }

    /// When what falls out of use now did so: without threads all of it is due to be erased at once, by whoever calls
    /// for that, so that no clock is needed.
    fn now_ms(&self) -> u64 {
        if self.options.threads { now_ms() } else { 0 }
    }

    pub(crate) fn stats(&self) -> Stats {
        let (bytes, files) = self.journal.size();
        let (dead_bytes, keys) = {
            let tally = locked(&self.tally);
            (tally.dead.values().map(|dead| dead.bytes).sum(), tally.census.keys)
        };
        let overlay = self.overlay();
        let frozen = overlay.frozen.as_ref().map_or(0, |layer| layer.bytes());
        let overlay_bytes = overlay.active.bytes() + frozen;
        drop(overlay);
        Stats {
            bytes,
            dead_bytes,
            files,
            keys,
            commits: self.published(),
            last_sync_us: self.pipeline.get().map_or(0, Pipeline::last_sync_us),
            overlay_bytes,
            queued_bytes: self.pipeline.get().map_or(0, Pipeline::queued_bytes),
        }
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
