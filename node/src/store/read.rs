//! Reading: the newest changes over the directory, values from the journal.

use super::entry::Entry;
use super::state::State;
use super::{Error, Store, Table};

/// A key and its value.
pub(crate) type Pair = (Vec<u8>, Vec<u8>);

/// How often a value is looked up anew when a merge takes its file away between looking up and reading.
const TRIES: usize = 8;

/// Most rows that are looked at in one go, so that a page over many removed keys stays small.
const PAGE: usize = 1_024;

impl Store {
    /// The value of a key.
    ///
    /// # Errors
    /// Where the disk cannot be read.
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.state().value(&table.key(key))
    }

    /// Whether a key is there. Reads no value.
    ///
    /// # Errors
    /// Where the disk cannot be read.
    pub fn contains(&self, table: Table, key: &[u8]) -> Result<bool, Error> {
        Ok(self.state().find(&table.key(key))?.is_some())
    }

    /// The rows with keys from `from` on and below `to`, in order, at most `limit`.
    ///
    /// # Errors
    /// Where the disk cannot be read.
    pub fn scan(&self, table: Table, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Vec<Pair>, Error> {
        let to = to.map_or_else(|| above(&[table.0]), |to| Some(table.key(to)));
        self.state().pairs(table.key(from), to.as_deref(), limit)
    }

    /// The rows whose keys begin with `prefix`, in order, after the key `after`, at most `limit`.
    ///
    /// # Errors
    /// Where the disk cannot be read.
    pub fn prefix(&self, table: Table, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Pair>, Error> {
        let (from, to) = range(table, prefix, after);
        self.state().pairs(from, to.as_deref(), limit)
    }

    /// The keys that begin with `prefix`, in order, after the key `after`, at most `limit`. Reads no values.
    ///
    /// # Errors
    /// Where the disk cannot be read.
    pub fn prefix_keys(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let (from, to) = range(table, prefix, after);
        let rows = self.state().rows(from, to.as_deref(), limit)?;
        Ok(rows.into_iter().map(|(key, _)| bare(key)).collect())
    }

    /// The last row whose key begins with `prefix`.
    ///
    /// # Errors
    /// Where the disk cannot be read.
    pub fn last(&self, table: Table, prefix: &[u8]) -> Result<Option<Pair>, Error> {
        let (from, to) = range(table, prefix, None);
        self.state().last_pair(&from, to)
    }

    /// The last row whose key begins with `prefix` and is not above `key`.
    ///
    /// # Errors
    /// Where the disk cannot be read.
    pub fn last_before(&self, table: Table, prefix: &[u8], key: &[u8]) -> Result<Option<Pair>, Error> {
        let (from, end) = range(table, prefix, None);
        let mut to = table.key(key);
        to.push(0);
        let to = end.filter(|end| *end < to).unwrap_or(to);
        if to <= from { Ok(None) } else { self.state().last_pair(&from, Some(to)) }
    }
}

/// The keys of a table that begin with `prefix` and follow `after`.
fn range(table: Table, prefix: &[u8], after: Option<&[u8]>) -> (Vec<u8>, Option<Vec<u8>>) {
    let begin = table.key(prefix);
    let to = above(&begin);
    let after = after.map(|after| {
        let mut from = table.key(after);
        from.push(0);
        from
    });
    (after.map_or(begin.clone(), |after| after.max(begin)), to)
}

/// The first key after all that begin with `prefix`; `None` where there is none.
fn above(prefix: &[u8]) -> Option<Vec<u8>> {
    let end = prefix.iter().rposition(|byte| *byte < u8::MAX)?;
    let mut next = prefix.get(..=end)?.to_vec();
    if let Some(last) = next.last_mut() {
        *last += 1;
    }
    Some(next)
}

/// A key without its table.
fn bare(mut key: Vec<u8>) -> Vec<u8> {
    if !key.is_empty() {
        key.remove(0);
    }
    key
}

impl State {
    /// The entry of a key.
    pub(crate) fn find(&self, key: &[u8]) -> Result<Option<Entry>, Error> {
        let newest = self.overlay().find(key);
        match newest {
            Some(entry) => Ok(entry),
            None => self.checked(self.directory.find(key)),
        }
    }

    /// What the directory answers. Where it fails, it is made anew at the next start.
    fn checked<T>(&self, answer: Result<T, Error>) -> Result<T, Error> {
        answer.inspect_err(|error| {
            if matches!(error, Error::Directory { .. }) {
                self.rebuild_next_time();
            }
        })
    }

    pub(crate) fn value(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        for _ in 0..TRIES {
            let Some(entry) = self.find(key)? else { return Ok(None) };
            if let Some(value) = self.read(key, &entry)? {
                return Ok(Some(value));
            }
        }
        self.checked(Err(Error::directory("an entry names a journal file that is not there")))
    }

    /// The value of an entry; `None` where its file is gone.
    pub(crate) fn read(&self, key: &[u8], entry: &Entry) -> Result<Option<Vec<u8>>, Error> {
        if let Entry::Empty { .. } = entry {
            return Ok(Some(Vec::new()));
        }
        let Some(file) = self.journal.file(entry.file())? else { return Ok(None) };
        match entry {
            Entry::Value { offset, length, .. } => file.value(*offset, *length, key).map(Some),
            Entry::Inline { ordinal, sealed, .. } => {
                let opened = file.cipher.open(super::crypt::Use::Inline, u64::from(*ordinal), key, sealed.to_vec());
                self.checked(opened.map(Some).ok_or_else(|| Error::directory("a small value does not open")))
            }
            Entry::Empty { .. } => Ok(Some(Vec::new())),
        }
    }

    /// The first rows of a range.
    pub(crate) fn rows(
        &self,
        mut from: Vec<u8>,
        to: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Entry)>, Error> {
        let mut rows = Vec::new();
        while rows.len() < limit && to.is_none_or(|to| from.as_slice() < to) {
            let page = (limit - rows.len()).clamp(1, PAGE);
            let newest = self.overlay().page(&from, to, page);
            // Beyond the last of a full page there may be changes that were not looked at.
            let seen = if newest.len() == page { newest.last().map(|(key, _)| after(key)) } else { None };
            let end = seen.as_deref().or(to);
            let older = self.checked(self.directory.page(&from, end, page))?;
            let known = if older.len() == page { older.last().map(|(key, _)| after(key)) } else { None };
            let end = known.or(end.map(<[u8]>::to_vec));
            merge(&mut rows, newest, older, end.as_deref(), limit);
            match end {
                Some(end) => from = end,
                None => break,
            }
        }
        Ok(rows)
    }

    fn pairs(&self, from: Vec<u8>, to: Option<&[u8]>, limit: usize) -> Result<Vec<Pair>, Error> {
        let rows = self.rows(from, to, limit)?;
        let mut pairs = Vec::with_capacity(rows.len());
        for (key, entry) in rows {
            let value = match self.read(&key, &entry)? {
                Some(value) => Some(value),
                None => self.value(&key)?,
            };
            if let Some(value) = value {
                pairs.push((bare(key), value));
            }
        }
        Ok(pairs)
    }

    fn last_pair(&self, from: &[u8], mut to: Option<Vec<u8>>) -> Result<Option<Pair>, Error> {
        loop {
            let newest = self.overlay().last(from, to.as_deref());
            let older = self.checked(self.directory.before(from, to.as_deref()))?;
            let key = match (newest, older) {
                (Some((key, None)), older) if older.as_ref().is_none_or(|(older, _)| *older <= key) => {
                    // It was removed: what comes before it?
                    to = Some(key);
                    continue;
                }
                (Some((key, Some(_))), older) if older.as_ref().is_none_or(|(older, _)| *older <= key) => key,
                (_, Some((key, _))) => key,
                (_, None) => return Ok(None),
            };
            match self.value(&key)? {
                Some(value) => return Ok(Some((bare(key), value))),
                None => to = Some(key),
            }
        }
    }
}

fn after(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

/// Adds the rows below `end`, where the newest changes win.
fn merge(
    rows: &mut Vec<(Vec<u8>, Entry)>,
    newest: Vec<(Vec<u8>, Option<Entry>)>,
    older: Vec<(Vec<u8>, Entry)>,
    end: Option<&[u8]>,
    limit: usize,
) {
    let below = |key: &Vec<u8>| end.is_none_or(|end| key.as_slice() < end);
    let mut newest = newest.into_iter().filter(|(key, _)| below(key)).peekable();
    let mut older = older.into_iter().filter(|(key, _)| below(key)).peekable();
    while rows.len() < limit {
        let take_newest = match (newest.peek(), older.peek()) {
            (Some((new, _)), Some((old, _))) => new <= old,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => return,
        };
        if take_newest {
            let Some((key, entry)) = newest.next() else { return };
            older.next_if(|(old, _)| *old == key);
            rows.extend(entry.map(|entry| (key, entry)));
        } else {
            rows.extend(older.next());
        }
    }
}
