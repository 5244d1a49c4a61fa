//! What must be done again and again: following the store with the name index, watching the clock, expiry, erasure,
//! checkpoints, the card.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Error;
use super::card::Issuer;
use super::open::Opened;
use crate::office::{Indexer, Office};
use crate::search::{self, Search};

/// How long a new record may wait for the name index to look again. A question waits for the index, so this is also
/// about the longest that a question is held up.
const FOLLOW_EVERY: Duration = Duration::from_millis(25);

/// After a failure of the name index.
const REST: Duration = Duration::from_secs(5);

/// Between two looks for records whose date has passed.
const EXPIRE_EVERY: Duration = Duration::from_secs(60);

/// Between two looks at logs of which much is dead.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);

/// Between two looks at references that were withheld.
const LOOK_THROUGH_EVERY: Duration = Duration::from_secs(24 * 3_600);

/// Dead entries that a log may have before it is swept: one run of it.
const SPARE: u64 = 512;

/// Between two looks whether the card must be renewed.
const CARD_EVERY: Duration = Duration::from_secs(3_600);

/// Between two looks whether the system's clock has jumped, and whether the audit log has grown without the books.
const WATCH_EVERY: Duration = Duration::from_secs(2);

/// The threads that do it.
pub(super) struct Upkeep {
    stop: Arc<Stop>,
    threads: Vec<JoinHandle<()>>,
}

/// Tells the threads to end.
#[derive(Debug, Default)]
struct Stop {
    told: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// Sleeps; true once the threads are to end.
    fn after(&self, rest: Duration) -> bool {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(told, rest, |told| !*told);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn tell(&self) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }
}

impl Upkeep {
    pub(super) fn start(opened: &Opened, issuer: Issuer, erase_within: Duration) -> Result<Self, Error> {
        let stop = Arc::<Stop>::default();
        let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            let thread = std::thread::Builder::new().name(name.into()).spawn(work);
            thread.map_err(|cause| Error::System { what: "another thread", cause })
        };
        let index = {
            let (indexer, office, stop) = (opened.indexer(), opened.office.clone(), Arc::clone(&stop));
            spawn("igain-index", Box::new(move || follow(indexer, &office, &stop)))?
        };
        let minute = {
            let rounds = Rounds {
                office: opened.office.clone(),
                search: opened.search.clone(),
                issuer,
                erase_every: erase_within / 4,
            };
            let stop = Arc::clone(&stop);
            spawn("igain-upkeep", Box::new(move || rounds.run(&stop)))?
        };
        let clock = {
            let (office, stop) = (opened.office.clone(), Arc::clone(&stop));
            spawn("igain-clock", Box::new(move || watch(&office, &stop)))?
        };
        Ok(Self { stop, threads: vec![index, minute, clock] })
    }

    /// Ends the threads and waits for them.
    pub(super) fn stop(self) {
        self.stop.tell();
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the upkeep had failed");
            }
        }
    }
}

/// Keeps the name index in step with the store.
fn follow(mut indexer: Indexer, office: &Office, stop: &Stop) {
    loop {
        let rest = match indexer.follow() {
            Ok(()) => FOLLOW_EVERY,
            Err(error) => {
                tracing::error!(%error, "the name index could not follow the store");
                REST
            }
        };
        // What the index has seen, merges need not keep for it.
        office.ledger().store().pin(indexer.committed());
        if stop.after(rest) {
            break;
        }
    }
    if let Err(error) = indexer.commit() {
        tracing::error!(%error, "the name index could not be brought up to date; it will be after the next start");
    }
}

/// Looks whether the system's clock has jumped, and notes in the books what was accounted for since.
fn watch(office: &Office, stop: &Stop) {
    let mut rest_until = Instant::now();
    loop {
        if let Err(error) = office.watch_clock() {
            tracing::error!(%error, "what became of the clock could not be accounted for");
        }
        if rest_until <= Instant::now()
            && let Err(error) = office.anchor()
        {
            tracing::error!(%error, "the end of the audit log could not be noted in the books");
            // On a full disk each try makes others read the books again.
            rest_until = Instant::now() + EXPIRE_EVERY;
        }
        if stop.after(WATCH_EVERY) {
            return;
        }
    }
}

/// What is done every minute, or less often.
struct Rounds {
    office: Office,
    search: Search,
    issuer: Issuer,
    erase_every: Duration,
}

impl Rounds {
    fn run(&self, stop: &Stop) {
        let [mut erased, mut renewed, mut swept, mut looked] = [Instant::now(); 4];
        loop {
            self.note("feeds that ended could not be purged", self.purge());
            self.note("records could not be expired", self.expire());
            self.note("the audit log could not be checkpointed", self.checkpoint());
            if erased.elapsed() >= self.erase_every {
                erased = Instant::now();
                self.note("what was removed is still in the name index's files", self.erase());
            }
            if swept.elapsed() >= SWEEP_EVERY {
                swept = Instant::now();
                self.note("logs could not be swept", self.sweep());
            }
            if looked.elapsed() >= LOOK_THROUGH_EVERY {
                looked = Instant::now();
                let forgotten = self.office.sweep_withheld().map(drop);
                self.note("withheld references could not be looked through", forgotten.map_err(Error::from));
            }
            if renewed.elapsed() >= CARD_EVERY {
                renewed = Instant::now();
                self.note("the card could not be renewed", self.renew());
                self.note("the time could not be noted", self.office.note_time().map_err(Error::from));
            }
            if stop.after(EXPIRE_EVERY.min(self.erase_every)) {
                return;
            }
        }
    }

    fn note(&self, what: &str, done: Result<(), Error>) {
        if let Err(error) = done {
            tracing::error!(%error, "{what}");
        }
    }

    /// Goes on with what a stop cut short.
    fn purge(&self) -> Result<(), Error> {
        Ok(self.office.purge_ending().map(drop)?)
    }

    fn sweep(&self) -> Result<(), Error> {
        let gone = self.office.sweep(SPARE)?;
        if gone > 0 {
            tracing::info!(gone, "entries that nobody needs any more were removed from logs");
        }
        Ok(())
    }

    fn expire(&self) -> Result<(), Error> {
        let gone = self.office.expire()?;
        if gone > 0 {
            tracing::info!(records = gone, "records whose retention date has passed were removed");
        }
        Ok(())
    }

    fn checkpoint(&self) -> Result<(), Error> {
        self.office.audit().settle()?;
        Ok(self.office.audit().checkpoint(self.office.now())?)
    }

    /// Rewrites the files of the name index that hold what was removed.
    fn erase(&self) -> Result<(), Error> {
        if self.search.stats()?.deleted == 0 {
            return Ok(());
        }
        match self.search.erase() {
            // The next round tries again.
            Err(search::Error::Busy) => Ok(()),
            erased => Ok(erased.map(drop)?),
        }
    }

    fn renew(&self) -> Result<(), Error> {
        self.issuer.renew(&self.office)?;
        Ok(())
    }
}
