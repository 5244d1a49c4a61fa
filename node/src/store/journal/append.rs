//! Writing commits.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::frame::{self, Changes, Site};
use super::{DataFile, Journal, Listed, Sealed};
use crate::store::Error;
use crate::store::batch::Batch;

/// Commits that are written, not yet durable.
pub(crate) struct Written {
    pub(crate) file: Arc<DataFile>,
    /// Where they end in the file.
    pub(crate) end: u64,
    /// Each with its number and what it means for the directory.
    pub(crate) commits: Vec<(u64, Changes)>,
}

/// The writing end of a journal; there is one.
pub(crate) struct Appender {
    journal: Arc<Journal>,
    /// The file being written, and where the next frame goes. None before the first write.
    open: Option<(Arc<DataFile>, Site)>,
    /// The last commit written.
    seq: u64,
    file_bytes: u64,
    /// The rest of the file was written to in vain: it must not be written again under the same key.
    spoilt: bool,
}

impl Appender {
    /// Continues after commit `seq`, with files of about `file_bytes`.
    pub(crate) const fn new(journal: Arc<Journal>, seq: u64, file_bytes: u64) -> Self {
        Self { journal, open: None, seq, file_bytes, spoilt: false }
    }

    /// Writes batches, each as one commit; none of them is durable yet.
    ///
    /// # Errors
    /// [`Error::Full`]: nothing was written, the next attempt may succeed. Anything else: stop writing.
    pub(crate) fn append(&mut self, batches: Vec<Batch>) -> Result<Written, Error> {
        let (file, mut site) = self.room()?;
        let start = site.offset;
        let too_large = || Error::damaged(&file.path, start, "a commit does not fit its file");
        site.synced = file.synced.load(Ordering::Acquire);
        let (mut bytes, mut commits, mut seq) = (Vec::new(), Vec::new(), self.seq);
        for batch in batches {
            let count = u32::try_from(batch.len()).map_err(|_| too_large())?;
            seq += 1;
            let (changes, chain) =
                frame::encode(&mut bytes, &site, seq, &file.cipher, batch.ops).ok_or_else(too_large)?;
            site.offset = start + bytes.len() as u64;
            site.ordinal = site.ordinal.checked_add(count).ok_or_else(too_large)?;
            site.chain = chain;
            commits.push((seq, changes));
        }
        if let Err(error) = file.file.write_all_at(&bytes, start) {
            self.spoilt = true;
            let error = Error::io("write", &file.path)(error);
            // What is refused must not be found at the next start; if even this fails, the journal is given up.
            file.file.cut(start).map_err(Error::given_up("cut", &file.path))?;
            file.sync(start)?;
            return Err(error);
        }
        self.seq = seq;
        self.open = Some((Arc::clone(&file), site));
        Ok(Written { file, end: site.offset, commits })
    }

    /// Seals the file being written, so that it can be merged or the journal closed; durable on return.
    pub(crate) fn seal(&mut self) -> Result<(), Error> {
        let Some((file, site)) = &self.open else { return Ok(()) };
        file.sync(site.offset)?;
        let (id, sealed) = (file.id, self.end(site));
        self.journal.relist(|list| {
            if let Some(listed) = list.files.iter_mut().find(|listed| listed.id == id) {
                listed.sealed = Some(sealed);
            }
        })?;
        self.journal.write_to(None);
        self.open = None;
        self.spoilt = false;
        Ok(())
    }

    fn end(&self, site: &Site) -> Sealed {
        Sealed { last: self.seq, bytes: site.offset, ops: site.ordinal, chain: site.chain, damaged: None }
    }

    /// The file to write to: a new one where the last is full or spoilt.
    fn room(&mut self) -> Result<(Arc<DataFile>, Site), Error> {
        if let Some((file, site)) = &self.open
            && site.offset < self.file_bytes
            && !self.spoilt
        {
            return Ok((Arc::clone(file), *site));
        }
        if let Some((file, site)) = &self.open {
            file.sync(site.offset)?;
        }
        let journal = Arc::clone(&self.journal);
        let id = journal.new_file();
        let file = Arc::new(DataFile::create(&journal.place(), id)?);
        let ended = self.open.as_ref().map(|(file, site)| (file.id, self.end(site)));
        let first = self.seq + 1;
        // The list must not be found without the file that it names.
        let listed = journal.sync_names().and_then(|()| {
            journal.relist(|list| {
                if let Some((ended, sealed)) = ended
                    && let Some(listed) = list.files.iter_mut().find(|listed| listed.id == ended)
                {
                    listed.sealed = Some(sealed);
                }
                list.files.push(Listed { id, first, sealed: None });
                list.next_file = list.next_file.max(id + 1);
            })
        });
        // After another failure than this, the list on the disk may name the file.
        if let Err(error @ Error::Full { .. }) = listed {
            let _ = journal.disk.remove(&file.path);
            return Err(error);
        }
        listed?;
        journal.write_to(Some(&file));
        journal.keep_open(&file);
        let site = file.first_site();
        self.open = Some((Arc::clone(&file), site));
        self.spoilt = false;
        Ok((file, site))
    }
}
