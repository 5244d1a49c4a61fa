//! Single values: the mark of the clock, the policy in force, counters.

use super::{ClassIndex, Error, Ledger, decode, encode, table};
use crate::audit::End;
use crate::clock::Mark;
use crate::store::Batch;

const NAME: &str = "meta";

impl Ledger {
    /// What was noted of the time with the last commit; none in new books. Books of before 0.2 have the time alone.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn clock(&self) -> Result<Option<Mark>, Error> {
        let Some(bytes) = self.store().get(table::META, b"high-water")? else { return Ok(None) };
        let time = decode::<u64>(NAME, &bytes).map(|time_ms| Mark { time_ms, ..Mark::default() });
        time.or_else(|_| decode(NAME, &bytes)).map(Some)
    }

    /// Notes the time.
    pub fn put_clock(&self, batch: &mut Batch, mark: &Mark) {
        batch.put(table::META, *b"high-water", encode(mark));
    }

    /// How often the node has started with these books, as far as it wrote since; zero in new ones.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn life(&self) -> Result<u64, Error> {
        self.number(b"life")
    }

    /// Notes how often.
    pub fn put_life(&self, batch: &mut Batch, life: u64) {
        batch.put(table::META, *b"life", encode(&life));
    }

    /// The end of the audit log that the last accounted commit rests on; none in books of before that was noted.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn account(&self) -> Result<Option<End>, Error> {
        self.row(NAME, table::META, b"account")
    }

    /// Notes the end of the audit log.
    pub fn put_account(&self, batch: &mut Batch, end: &End) {
        batch.put(table::META, *b"account", encode(end));
    }

    /// The number of the next new log, as far as it was noted: never one that a log has or had.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn next_class(&self) -> Result<ClassIndex, Error> {
        Ok(ClassIndex::try_from(self.number(b"next-class")?).unwrap_or(ClassIndex::MAX))
    }

    /// Notes the number of the next new log.
    pub fn put_next_class(&self, batch: &mut Batch, next: ClassIndex) {
        batch.put(table::META, *b"next-class", encode(&u64::from(next)));
    }

    /// The format of the books; none in new ones.
    pub(super) fn format(&self) -> Result<Option<u64>, Error> {
        self.row(NAME, table::META, b"format")
    }

    /// Notes the format of the books.
    pub(super) fn put_format(&self, batch: &mut Batch, format: u64) {
        batch.put(table::META, *b"format", encode(&format));
    }

    /// The number of the last entry of all logs.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn log_head(&self) -> Result<u64, Error> {
        self.number(b"log-head")
    }

    /// Notes the number of the last entry of all logs.
    pub fn put_log_head(&self, batch: &mut Batch, head: u64) {
        batch.put(table::META, *b"log-head", encode(&head));
    }

    /// The text of the policy in force; none before the first was applied.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn policy(&self) -> Result<Option<String>, Error> {
        self.row(NAME, table::META, b"policy")
    }

    /// Notes the policy in force.
    pub fn put_policy(&self, batch: &mut Batch, text: &str) {
        batch.put(table::META, *b"policy", encode(&text));
    }

    /// The serial of the card in use.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn card(&self) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.store().get(table::META, b"card")?)
    }

    /// Notes the card in use.
    pub fn put_card(&self, batch: &mut Batch, card: &[u8]) {
        batch.put(table::META, *b"card", card);
    }

    /// What the people file was when it was last accounted for; none where there was no file.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn people(&self) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.store().get(table::META, b"people")?)
    }

    /// Notes what the people file is.
    pub fn put_people(&self, batch: &mut Batch, sha256: Option<[u8; 32]>) {
        match sha256 {
            Some(sha256) => batch.put(table::META, *b"people", sha256),
            None => batch.delete(table::META, *b"people"),
        }
    }

    fn number(&self, key: &[u8]) -> Result<u64, Error> {
        let bytes = self.store().get(table::META, key)?;
        bytes.map_or(Ok(0), |bytes| decode(NAME, &bytes))
    }
}
