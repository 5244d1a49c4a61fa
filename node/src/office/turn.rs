//! A turn: the one way to write to the books.
//!
//! Whoever writes takes a turn, decides on what stands while nobody else can change it, says what is to be accounted
//! for, and commits. A commit consumes the turn. The books carry its account until the audit log has it, so both are synced
//! at the same time; what it changes in memory is seen, and told as news, once it is durable and visible. Nothing is ever written that builds on a write that
//! failed: the store refuses it by its epoch, and the next turn reads memory from the books again.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, MutexGuard, PoisonError};

use igain_protocol::bureau::BureauId;
use igain_protocol::feed::{Letter, LetterKind};
use igain_protocol::label::{Label, LabelDigest};
use igain_protocol::record::RecordId;
use igain_protocol::time::{Day, Timestamp};
use igain_protocol::vocabulary::GroupSet;

use super::classes::Extents;
use super::memory::{Published, Standing, read, write};
use super::news::News;
use super::touched::Touched;
use super::{Deed, Error, Office};
use crate::audit::{self, Carrier, End};
use crate::clock::Clock;
use crate::ledger::{
    Came, ClassIndex, ClassRow, Extent, LetterRow, LogEntry, Op, Place, RecordKey, Shares, SharesRow, TombstoneRow,
};
use crate::store::{Batch, Epoch, Pending};

/// How often who waits until all that was committed is visible lets others write meanwhile; then they wait too.
const YIELDS: usize = 8;

/// What only the holder of the turn may look at.
#[derive(Debug, Default)]
pub(super) struct Desk {
    /// The epoch of the store that memory was read in; none where a write failed since.
    epoch: Option<Epoch>,
    /// The number of the last letter to each peer that was written to.
    letters: BTreeMap<BureauId, u64>,
    /// The number of the last receipt to each peer that named a place and nothing else.
    receipts: BTreeMap<BureauId, u64>,
    /// The number of the last turn that was committed.
    turn: u64,
    /// What was committed last.
    last: Option<Pending>,
    touched: Touched,
    /// The last entry of the audit log that a turn had noted.
    noted: u64,
    pub(super) carrier: Carrier,
    /// The last turn that changed records of another bureau.
    received: BTreeMap<BureauId, u64>,
}

/// The right to write, and what is to be written.
pub(super) struct Turn<'a> {
    office: &'a Office,
    /// What this bureau has signed with a key of before counts, also from others' hands.
    pub(super) takes_former: bool,
    /// When it began: one reading of the clocks for all that it does.
    now: Timestamp,
    desk: MutexGuard<'a, Desk>,
    /// What is to be written besides logs, letters and counts.
    pub(super) batch: Batch,
    accounts: Vec<audit::Entry>,
    standing: Standing,
    news: News,
    classes: BTreeMap<ClassIndex, ClassRow>,
    removed: Vec<ClassIndex>,
    runs: BTreeMap<ClassIndex, Vec<LogEntry>>,
    /// Classes whose logs end elsewhere than was noted.
    heads: BTreeMap<ClassIndex, u64>,
    /// How many numbers of the log this turn has given.
    given: u64,
    /// How many logs it has begun.
    opened: u64,
    shares: Vec<(ClassIndex, Arc<Shares>)>,
    regranted: BTreeSet<BureauId>,
    counts: BTreeMap<ClassIndex, i64>,
    /// How many entries of logs were swept.
    dropped: BTreeMap<ClassIndex, u64>,
    retained: BTreeMap<Day, Vec<RecordKey>>,
    letters: BTreeMap<BureauId, Vec<Letter>>,
    /// Peers to whom a receipt is posted that says all that the one before does.
    receipted: BTreeSet<BureauId>,
    touched: Vec<RecordId>,
    /// Other bureaus whose records it changes.
    owners: BTreeSet<BureauId>,
    /// It takes something back, and may use the room that is kept for that on a full disk.
    takes_back: bool,
    /// The last entry of the audit log that it has noted.
    noted: Option<u64>,
}

/// A turn, or an account by itself, on its way to the disk.
#[must_use = "the turn is not durable before it was waited for"]
pub struct Committed {
    office: Office,
    account: Option<Pending>,
    pending: Option<Pending>,
    takes_back: bool,
}

impl Committed {
    /// An account of something that writes nothing.
    pub(super) fn of_account(office: &Office, account: Pending) -> Self {
        Self { office: office.clone(), account: Some(account), pending: None, takes_back: false }
    }

    /// Waits until the turn is durable and visible.
    ///
    /// # Errors
    /// Where it could not be accounted for or written; then nothing of it is there.
    pub fn wait(&self) -> Result<(), Error> {
        let outcome = self.outcome();
        if let Err(error) = &outcome {
            if self.takes_back && error.is_full() {
                // The account of it may have found no room where the books keep some. The next attempt does.
                self.office.ledger().store().give_up_reserve();
            }
            // Memory may count on what was not written: whoever looks at it next must not.
            drop(self.office.turn_ahead());
        }
        outcome
    }

    fn outcome(&self) -> Result<(), Error> {
        let written = self.pending.as_ref().map(Pending::wait).transpose()?;
        match self.account.as_ref().map(Pending::wait) {
            None => return Ok(()),
            Some(Ok(_)) => {}
            // The books have the account, and nothing more is accounted for before the log has it too.
            Some(Err(error)) if written.is_some() => tracing::error!(%error, "the audit log could not be written"),
            Some(Err(error)) => return Err(Error::Audit(error.into())),
        }
        if let Err(error) = self.office.audit().checkpoint_if_due(self.office.now()) {
            // What was done stays done; the next checkpoint vouches for it as well.
            tracing::error!(%error, "the audit log could not be checkpointed");
        }
        Ok(())
    }
}

impl std::fmt::Debug for Committed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Committed").field("account", &self.account).field("pending", &self.pending).finish()
    }
}

impl Office {
    /// Takes a turn, once all that was committed before is visible. While it lasts, nobody else writes.
    ///
    /// # Errors
    /// Where a write failed and the books cannot be read again.
    pub(super) fn turn(&self) -> Result<Turn<'_>, Error> {
        let mut desk = self.desk();
        for tried in 0.. {
            let Some(last) = desk.last.clone().filter(|last| last.outcome().is_none()) else { break };
            if tried == YIELDS {
                drop(last.wait());
                break;
            }
            // Others need not wait for the disk as well.
            drop(desk);
            drop(last.wait());
            desk = self.desk();
        }
        // Where it failed, the epoch tells.
        desk.last = None;
        self.begin(desk)
    }

    /// Takes a turn while the one before may still be on its way to the disk: for who decides on memory alone, or compares
    /// what it looked up before by [`Turn::changed_since`].
    ///
    /// # Errors
    /// Where a write failed and the books cannot be read again.
    pub(super) fn turn_ahead(&self) -> Result<Turn<'_>, Error> {
        let desk = self.desk();
        self.begin(desk)
    }

    pub(super) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.inner.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin<'a>(&'a self, mut desk: MutexGuard<'a, Desk>) -> Result<Turn<'a>, Error> {
        let mut batch = self.ledger().store().begin();
        if desk.epoch != batch.epoch() {
            self.ledger().store().settle()?;
            batch = self.ledger().store().begin();
            write(&self.inner.memory.classes).reload(self.me(), self.ledger())?;
            desk.letters.clear();
            desk.receipts.clear();
            desk.last = None;
            desk.noted = 0;
            desk.carrier = Carrier::of(&self.ledger().carried()?);
            desk.touched.forget_after(self.inner.memory.visible());
            // Had another write failed meanwhile, the batch would be refused.
            desk.epoch = batch.epoch();
        }
        Ok(Turn {
            office: self,
            takes_former: false,
            now: self.now(),
            desk,
            batch,
            accounts: Vec::new(),
            standing: Standing::default(),
            news: News { prompt: true, ..News::default() },
            classes: BTreeMap::new(),
            removed: Vec::new(),
            runs: BTreeMap::new(),
            heads: BTreeMap::new(),
            given: 0,
            opened: 0,
            shares: Vec::new(),
            regranted: BTreeSet::new(),
            counts: BTreeMap::new(),
            dropped: BTreeMap::new(),
            retained: BTreeMap::new(),
            letters: BTreeMap::new(),
            receipted: BTreeSet::new(),
            touched: Vec::new(),
            owners: BTreeSet::new(),
            takes_back: false,
            noted: None,
        })
    }

    /// How often who takes part, a CAF or the policy has changed, as far as it is visible.
    pub fn standing(&self) -> u64 {
        self.inner.memory.standing()
    }

    /// The news of this office, from now on.
    pub fn subscribe(&self) -> super::Subscription {
        self.inner.memory.board.subscribe()
    }
}

impl<'a> Turn<'a> {
    /// The office whose turn it is.
    pub(super) fn office(&self) -> &'a Office {
        self.office
    }

    /// When it began.
    pub(super) const fn now(&self) -> Timestamp {
        self.now
    }

    pub(super) fn clock(&self) -> &'a Clock {
        self.office.clock()
    }

    /// Has a deed be accounted for with this turn, before it is written.
    pub(super) fn account(&mut self, deed: Deed) {
        let entry = self.office.entry(deed);
        self.accounts.push(entry);
    }

    /// How many logs were begun.
    pub(super) const fn opened(&self) -> u64 {
        self.opened
    }

    /// How many deeds are to be accounted for with this turn.
    pub(super) const fn accounted(&self) -> usize {
        self.accounts.len()
    }

    /// Has the end of the audit log be noted, up to which it is durable.
    pub(super) fn anchor(&mut self, end: &End) {
        // An earlier turn may be about to note a later one.
        if self.desk.noted < end.seq {
            (self.desk.noted, self.noted) = (end.seq, Some(end.seq));
            self.office.ledger().put_account(&mut self.batch, end);
        }
    }

    /// Has the time be noted, also where nothing else is written.
    pub(super) fn note_time(&mut self) {
        self.office.put_passing(&mut self.batch);
    }

    /// Says that this takes something back, such as a record or a permission: on a full disk it may use the room that is
    /// kept for that.
    pub(super) const fn takes_back(&mut self) {
        self.takes_back = true;
    }

    /// What follows may be told to peers with other news, a little later.
    pub(super) fn is_bulk(&mut self) {
        self.news.prompt = false;
    }

    /// Which of this bureau's own records were changed by turns after number `began`; none where that is no longer
    /// known.
    pub(super) fn changed_since(&self, began: u64) -> Option<HashSet<RecordId>> {
        self.desk.touched.since(began)
    }

    /// Whether a record of this other bureau was changed by a turn after number `began`.
    pub(super) fn changed_of(&self, owner: BureauId, began: u64) -> bool {
        self.desk.received.get(&owner).is_some_and(|last| *last > began)
    }

    /// Adds or replaces a record.
    pub(super) fn put_record(&mut self, key: RecordKey, place: &Place, bytes: &[u8]) {
        self.office.ledger().put_record(&mut self.batch, key, place, bytes);
        self.touch(key);
    }

    /// Ends a record for ever, or up to a revision of it.
    pub(super) fn put_tombstone(&mut self, key: RecordKey, row: &TombstoneRow) {
        self.office.ledger().put_tombstone(&mut self.batch, key, row);
        self.touch(key);
    }

    /// Notes that a record changes.
    pub(super) fn touch(&mut self, key: RecordKey) {
        if key.owner == self.office.me() {
            self.touched.push(key.id);
        } else {
            self.owners.insert(key.owner);
        }
    }

    /// The log of a label of this bureau's own, begun if there is none yet.
    pub(super) fn own_class(&mut self, label: &Label) -> ClassIndex {
        let me = self.office.me();
        let begun = self.classes.iter().find(|(_, row)| row.owner == me && row.label == *label);
        let known = || read(&self.office.inner.memory.classes).own_class(label);
        match begun.map(|(class, _)| *class).or_else(known) {
            Some(class) => class,
            None => self.open_class(ClassRow { owner: me, label: label.clone(), came: None, ending: false }),
        }
    }

    /// Begins a log.
    pub(super) fn open_class(&mut self, row: ClassRow) -> ClassIndex {
        self.opened += 1;
        let begun = self.classes.last_key_value().map_or(0, |(last, _)| last + 1);
        let class = read(&self.office.inner.memory.classes).next().max(begun);
        self.office.ledger().put_next_class(&mut self.batch, class + 1);
        self.put_class(class, row);
        class
    }

    /// Begins or changes a log.
    pub(super) fn put_class(&mut self, class: ClassIndex, row: ClassRow) {
        self.office.ledger().put_class(&mut self.batch, class, &row);
        self.classes.insert(class, row);
    }

    /// Removes a log that was purged.
    pub(super) fn remove_class(&mut self, class: ClassIndex) {
        self.office.ledger().delete_class(&mut self.batch, class);
        self.removed.push(class);
    }

    /// Whether a class is there and is ending.
    pub(super) fn is_ending(&self, class: ClassIndex) -> bool {
        self.class(class).is_some_and(|row| row.ending)
    }

    /// Whether anything of an owner is still being purged, besides this class.
    pub(super) fn is_purging(&self, owner: BureauId, besides: ClassIndex) -> bool {
        let classes = read(&self.office.inner.memory.classes);
        let ending = |(class, row): (ClassIndex, &ClassRow)| class != besides && row.owner == owner && row.ending;
        classes.rows().any(ending) || self.classes.iter().any(|(class, row)| ending((*class, row)))
    }

    /// What is known of a log, with what this turn changes of it.
    pub(super) fn class(&self, class: ClassIndex) -> Option<ClassRow> {
        let begun = self.classes.get(&class).cloned();
        begun.or_else(|| read(&self.office.inner.memory.classes).row(class).cloned())
    }

    /// The class of what comes from a bureau with this label, in this way; begun if there is none yet.
    pub(super) fn received_class(&mut self, owner: BureauId, label: &Label, came: Came) -> ClassIndex {
        let is_it = |row: &ClassRow| row.owner == owner && row.came == Some(came) && !row.ending && row.label == *label;
        let begun = self.classes.iter().find(|(_, row)| is_it(row)).map(|(class, _)| *class);
        let known = || {
            let known = read(&self.office.inner.memory.classes).received_class(owner, label.digest(), came);
            // This turn may have ended it.
            known.filter(|class| !self.classes.get(class).is_some_and(|row| row.ending))
        };
        match begun.or_else(known) {
            Some(class) => class,
            None => self.open_class(ClassRow { owner, label: label.clone(), came: Some(came), ending: false }),
        }
    }

    /// The classes of what came from a bureau that are not ending; of one label where it is named.
    pub(super) fn received_of(&self, owner: BureauId, label: Option<LabelDigest>) -> Vec<(Came, ClassIndex)> {
        let known = read(&self.office.inner.memory.classes).received_of(owner, label);
        let stays = |class: &ClassIndex| !self.classes.get(class).is_some_and(|row| row.ending);
        let mut classes: Vec<_> = known.into_iter().filter(|(_, class)| stays(class)).collect();
        for (class, row) in &self.classes {
            let named = label.is_none_or(|label| row.label.digest() == label);
            if let Some(came) = row.came.filter(|_| row.owner == owner && !row.ending && named)
                && !classes.contains(&(came, *class))
            {
                classes.push((came, *class));
            }
        }
        classes
    }

    /// The next number of the log, for something that stands in it.
    pub(super) fn next_number(&mut self) -> u64 {
        self.given += 1;
        read(&self.office.inner.memory.classes).head() + self.given
    }

    /// Adds an entry to the log of a class; one without a number is the first of its record in any log. Returns its
    /// place in the log and its record's number.
    pub(super) fn push(&mut self, class: ClassIndex, op: Op, id: RecordId, number: Option<u64>) -> (u64, u64) {
        let seq = self.next_number();
        let number = number.unwrap_or(seq);
        self.runs.entry(class).or_default().push(LogEntry { seq, op, id, number, changed: GroupSet::ALL });
        (seq, number)
    }

    /// Adds an entry to the log of a class for a revision that changes these groups of a record in it. Returns its place in
    /// the log.
    pub(super) fn push_revision(&mut self, class: ClassIndex, id: RecordId, number: u64, changed: GroupSet) -> u64 {
        let seq = self.next_number();
        self.runs.entry(class).or_default().push(LogEntry { seq, op: Op::Put, id, number, changed });
        seq
    }

    /// Notes who may have what of a class of this bureau's own.
    pub(super) fn share(&mut self, class: ClassIndex, row: SharesRow) {
        self.office.ledger().put_shares(&mut self.batch, class, &row);
        self.shares.push((class, Arc::new(row.shares)));
    }

    /// Notes that a bureau may have something else than before.
    pub(super) fn regrant(&mut self, peer: BureauId) {
        self.regranted.insert(peer);
    }

    /// How much there is in a class, before this turn.
    pub(super) fn extent(&self, class: ClassIndex) -> Extent {
        read(&self.office.inner.memory.classes).extent(class)
    }

    /// Has the log of a class end where it does.
    pub(super) fn set_head(&mut self, class: ClassIndex, head: u64) {
        self.heads.insert(class, head);
    }

    /// Counts live records into or out of a log.
    pub(super) fn count(&mut self, class: ClassIndex, more: i64) {
        *self.counts.entry(class).or_default() += more;
    }

    /// Counts entries out of a log.
    pub(super) fn drop_entries(&mut self, class: ClassIndex, count: u64) {
        *self.dropped.entry(class).or_default() += count;
    }

    /// Notes until when a record may be kept.
    pub(super) fn retain(&mut self, until: Day, key: RecordKey) {
        self.retained.entry(until).or_default().push(key);
    }

    /// Posts a letter to a peer.
    pub(super) fn post(&mut self, peer: BureauId, letter: Letter) {
        self.letters.entry(peer).or_default().push(letter);
    }

    /// Posts a letter to a peer, unless this turn has posted the same already.
    pub(super) fn post_once(&mut self, peer: BureauId, letter: Letter) {
        let letters = self.letters.entry(peer).or_default();
        if !letters.contains(&letter) {
            letters.push(letter);
        }
    }

    /// Has a receipt that is posted to a peer now take the place of the last one, sent or not: it names a later place.
    pub(super) fn replace_receipt(&mut self, peer: BureauId) {
        self.receipted.insert(peer);
    }

    /// What this turn changes of who may have what.
    pub(super) fn standing(&mut self) -> &mut Standing {
        &mut self.standing
    }

    /// What this turn has changed so far of who may have what.
    pub(super) fn changed(&self) -> &Standing {
        &self.standing
    }

    /// Has a peer looked at: something may wait for it.
    pub(super) fn tell(&mut self, peer: BureauId) {
        self.news.letters.insert(peer);
    }

    /// Hands all of it over. The next turn may begin; where this one changes who may have what, only once it is visible.
    ///
    /// # Errors
    /// Where nothing can be written now; then nothing of the turn is there.
    pub(super) fn commit(mut self) -> Result<Committed, Error> {
        let prepared = self.write_rows();
        let waits = !self.standing.is_empty() || !self.regranted.is_empty();
        let committed = prepared.and_then(|(extents, head)| self.submit(extents, head));
        match &committed {
            Ok(committed) if waits => drop(committed.pending.as_ref().map(Pending::wait)),
            Ok(_) => {}
            Err(error) => {
                // Memory may count on what was not handed over.
                self.desk.epoch = None;
                if self.takes_back && error.is_full() {
                    self.office.ledger().store().give_up_reserve();
                }
            }
        }
        committed
    }

    /// Commits, and waits until all is visible.
    ///
    /// # Errors
    /// As [`Turn::commit`] and [`Committed::wait`].
    pub(super) fn commit_now(self) -> Result<(), Error> {
        self.commit()?.wait()
    }

    /// Writes what the turn gathered, and counts it in memory. Returns how much there will be in classes, and the number of
    /// the last entry of all logs where it changes.
    fn write_rows(&mut self) -> Result<(Extents, Option<u64>), Error> {
        let (office, ledger, me) = (self.office, self.office.ledger(), self.office.me());
        for (peer, letters) in std::mem::take(&mut self.letters) {
            let head = match self.desk.letters.get(&peer) {
                Some(head) => *head,
                None => ledger.letter_head(peer)?,
            };
            self.desk.letters.insert(peer, head + letters.len() as u64);
            let receipt = letters.iter().rposition(|letter| letter.kind == LetterKind::Receipt);
            if let Some(at) = receipt.filter(|_| self.receipted.contains(&peer))
                && let Some(before) = self.desk.receipts.insert(peer, head + 1 + at as u64)
            {
                ledger.delete_letter(&mut self.batch, peer, before);
            }
            for (letter, seq) in letters.into_iter().zip(head + 1..) {
                ledger.put_letter(&mut self.batch, peer, &LetterRow { seq, letter });
            }
            self.news.letters.insert(peer);
        }
        for (until, records) in &self.retained {
            ledger.put_retention(&mut self.batch, *until, office.random()?, records);
        }
        let mut classes = write(&office.inner.memory.classes);
        for (class, row) in std::mem::take(&mut self.classes) {
            classes.insert(me, class, row);
        }
        let mut extents = Extents::new();
        let touched = self.runs.keys().chain(self.counts.keys()).chain(self.heads.keys()).chain(self.dropped.keys());
        let touched: BTreeSet<ClassIndex> = touched.copied().collect();
        for class in touched {
            let before = classes.extent(class);
            let mut extent = before;
            extent.head = self.heads.remove(&class).unwrap_or(before.head);
            if let Some(run) = self.runs.remove(&class) {
                ledger.append_log(&mut self.batch, class, before.head, &run);
                extent.head = run.last().map_or(before.head, |last| last.seq);
                extent.entries = Some(before.entries.unwrap_or_default() + run.len() as u64);
            }
            let dropped = self.dropped.remove(&class).unwrap_or_default();
            extent.entries = extent.entries.map(|entries| entries.saturating_sub(dropped));
            extent.records = extent.records.saturating_add_signed(self.counts.remove(&class).unwrap_or_default());
            ledger.put_extent(&mut self.batch, class, extent);
            classes.set_extent(class, extent);
            extents.insert(class, extent);
            if extent.head != before.head && classes.row(class).is_some_and(|row| row.owner == me) {
                self.news.logs.insert(class);
                self.news.labels |= !classes.is_shared(class);
            }
        }
        let head = (self.given > 0).then(|| classes.head() + self.given);
        if let Some(head) = head {
            ledger.put_log_head(&mut self.batch, head);
            classes.set_head(head);
        }
        self.removed.drain(..).for_each(|class| classes.remove(class));
        Ok((extents, head))
    }

    fn submit(&mut self, extents: Extents, head: Option<u64>) -> Result<Committed, Error> {
        let accounts = std::mem::take(&mut self.accounts);
        let batch = std::mem::replace(&mut self.batch, self.office.ledger().store().begin());
        if accounts.is_empty() && batch.is_empty() {
            return Ok(Committed { office: self.office.clone(), account: None, pending: None, takes_back: false });
        }
        let account = match accounts.is_empty() {
            true => None,
            false if self.takes_back => Some(self.office.audit().submit_taking_back(accounts)?),
            false => Some(self.office.audit().submit(accounts)?),
        };
        let mut batch = batch;
        if let Some(account) = &account {
            (self.desk.noted, self.noted) = (account.end.seq, Some(account.end.seq));
            self.office.ledger().put_account(&mut batch, &account.end);
        }
        let account = account.map(|account| account.pending);
        self.office.put_passing(&mut batch);
        if self.takes_back {
            batch.takes_back();
        }
        let desk = &mut *self.desk;
        desk.turn += 1;
        desk.touched.note(desk.turn, std::mem::take(&mut self.touched));
        desk.received.extend(std::mem::take(&mut self.owners).into_iter().map(|owner| (owner, desk.turn)));
        let published = Published {
            turn: desk.turn,
            extents,
            head,
            standing: std::mem::take(&mut self.standing),
            shares: std::mem::take(&mut self.shares),
            regranted: std::mem::take(&mut self.regranted),
            news: std::mem::take(&mut self.news),
            noted: self.noted,
        };
        let memory = Arc::clone(&self.office.inner.memory);
        let told = move |outcome: &Result<u64, crate::store::Error>| {
            if outcome.is_ok() {
                memory.publish(published);
            }
        };
        if account.is_some() {
            self.office.ledger().put_carried(&mut batch, self.desk.carrier.load(self.office.audit()));
        }
        let pending = self.office.ledger().store().submit_told(batch, Box::new(told))?;
        self.desk.last = Some(pending.clone());
        Ok(Committed { office: self.office.clone(), account, pending: Some(pending), takes_back: self.takes_back })
    }
}
