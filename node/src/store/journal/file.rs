//! A journal file: `"IGJRNL01" id:u32 salt:16 store:16 crc:u32`, then frames.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use super::frame::{Chain, FrameOp, HEADER, Header, MAGIC as FRAME_MAGIC, Site};
use super::manifest::file_path;
use crate::store::Error;
use crate::store::crypt::{FileCipher, SALT, StoreKey, TAG, Use};
use crate::store::disk::{Disk, File};

const MAGIC: [u8; 8] = *b"IGJRNL01";
pub(crate) const FILE_HEADER: usize = 48;

/// What is read at once when small commits follow each other.
const WINDOW: usize = 256 << 10;

/// Where the files of a journal lie, and what they carry.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) disk: &'a Disk,
    pub(crate) dir: &'a Path,
    pub(crate) store: &'a [u8; 16],
    pub(crate) key: &'a StoreKey,
}

/// An open journal file.
pub(crate) struct DataFile {
    pub(crate) id: u32,
    pub(crate) path: PathBuf,
    pub(crate) cipher: FileCipher,
    pub(crate) file: File,
    /// The chain before the first frame.
    pub(crate) start: Chain,
    /// How far the file is durable.
    pub(crate) synced: AtomicU64,
}

impl DataFile {
    /// Makes a file with a fresh salt, durable but not yet listed.
    pub(crate) fn create(place: &Place<'_>, id: u32) -> Result<Self, Error> {
        let Place { disk, dir, store, key } = *place;
        let path = file_path(dir, id);
        let mut salt = [0; SALT];
        disk.draw(&mut salt).map_err(Error::io("draw a salt for", &path))?;
        let header = header(id, &salt, store);
        let created = disk
            .create(&path)
            .and_then(|file| file.write_all_at(&header, 0).and_then(|()| file.sync_new()).map(|()| file))
            .map_err(Error::io("create", &path));
        let file = created.inspect_err(|_| {
            // It is not listed, so what is left of it is removed at the next start at the latest.
            let _ = disk.remove(&path);
        })?;
        Ok(Self::new(id, path, file, key, &salt, &header))
    }

    /// Opens a listed file.
    pub(crate) fn open(place: &Place<'_>, id: u32) -> Result<Self, Error> {
        let Place { disk, dir, store, key } = *place;
        let path = file_path(dir, id);
        let file = disk.open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::damaged(&path, 0, "the file is missing"),
            _ => Error::io("open", &path)(error),
        })?;
        let mut found = [0; FILE_HEADER];
        file.read_exact_at(&mut found, 0).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Error::damaged(&path, 0, "the file ends in its header"),
            _ => Error::io("read", &path)(error),
        })?;
        let salt = found.get(12..).and_then(|rest| rest.first_chunk::<SALT>()).copied().unwrap_or_default();
        if found != header(id, &salt, store) {
            return Err(Error::damaged(&path, 0, "the header is not that of this file"));
        }
        Ok(Self::new(id, path, file, key, &salt, &found))
    }

    fn new(id: u32, path: PathBuf, file: File, key: &StoreKey, salt: &[u8; SALT], header: &[u8]) -> Self {
        let start = Sha256::digest(header).into();
        let synced = AtomicU64::new(FILE_HEADER as u64);
        Self { id, path, cipher: FileCipher::new(key, salt), file, start, synced }
    }

    pub(crate) fn bytes(&self) -> Result<u64, Error> {
        self.file.length().map_err(Error::io("look at", &self.path))
    }

    /// Makes everything written so far durable; `end` is where that ends.
    pub(crate) fn sync(&self, end: u64) -> Result<(), Error> {
        self.file.sync().map_err(Error::io("sync", &self.path))?;
        self.synced.fetch_max(end, Ordering::AcqRel);
        Ok(())
    }

    /// Reads and opens a value.
    pub(crate) fn value(&self, offset: u32, length: u32, key: &[u8]) -> Result<Vec<u8>, Error> {
        let mut sealed = vec![0; length as usize + TAG];
        self.read(&mut sealed, u64::from(offset))?;
        let opened = self.cipher.open(Use::Value, u64::from(offset), key, sealed);
        opened.ok_or_else(|| Error::damaged(&self.path, u64::from(offset), "a value does not open"))
    }

    fn read(&self, buffer: &mut [u8], offset: u64) -> Result<(), Error> {
        self.file.read_exact_at(buffer, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Error::damaged(&self.path, offset, "the file ends here"),
            _ => Error::io("read", &self.path)(error),
        })
    }

    /// Whether the values of a frame are as they were written.
    pub(crate) fn values_are_whole(&self, frame: &Frame) -> Result<bool, Error> {
        let mut at = frame.offset + HEADER as u64 + u64::from(frame.header.ops_bytes);
        let mut left = frame.header.values_bytes as usize;
        let (mut digest, mut buffer) = (Sha256::new(), vec![0; left.min(WINDOW)]);
        while left > 0 {
            let size = left.min(WINDOW);
            let part = buffer.get_mut(..size).unwrap_or_default();
            self.read(part, at)?;
            digest.update(&*part);
            (at, left) = (at + size as u64, left - size);
        }
        Ok(<[u8; 32]>::from(digest.finalize()) == frame.header.values_digest)
    }

    /// Where the first frame goes.
    pub(crate) fn first_site(&self) -> Site {
        Site { file: self.id, offset: FILE_HEADER as u64, ordinal: 0, chain: self.start, synced: FILE_HEADER as u64 }
    }

    /// Reads the frames up to byte `end`.
    pub(crate) fn scan(self: &Arc<Self>, end: u64) -> Scan {
        Scan { site: self.first_site(), file: Arc::clone(self), end, window: Vec::new(), window_at: 0 }
    }
}

fn header(id: u32, salt: &[u8; SALT], store: &[u8; 16]) -> [u8; FILE_HEADER] {
    let mut bytes = [0; FILE_HEADER];
    let parts = [MAGIC.as_slice(), &id.to_be_bytes(), salt, store];
    let body: Vec<u8> = parts.concat();
    let crc = crc32fast::hash(&body).to_be_bytes();
    bytes.iter_mut().zip(body.into_iter().chain(crc)).for_each(|(to, from)| *to = from);
    bytes
}

/// A frame as it was read back.
pub(crate) struct Frame {
    pub(crate) header: Header,
    pub(crate) offset: u64,
    pub(crate) ops: Vec<FrameOp>,
}

/// What comes next in a file.
pub(crate) enum Step {
    Frame(Frame),
    End,
    /// Something that is no frame begins here.
    Bad(&'static str),
}

/// A walk over the frames of a file.
pub(crate) struct Scan {
    file: Arc<DataFile>,
    /// Where the next frame is, and what must have come before it.
    pub(crate) site: Site,
    end: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl Scan {
    /// The next frame. Its values are not looked at.
    pub(crate) fn step(&mut self) -> Result<Step, Error> {
        let offset = self.site.offset;
        let left = self.end.saturating_sub(offset);
        if left == 0 {
            return Ok(Step::End);
        }
        if left < HEADER as u64 {
            return Ok(Step::Bad("a commit is cut short"));
        }
        let Some((header, crc)) = Header::decode(self.bytes(offset, HEADER)?) else {
            return Ok(Step::Bad("no commit begins here"));
        };
        if header.frame_bytes() > left {
            return Ok(Step::Bad("a commit is cut short"));
        }
        let (site, file) = (self.site, Arc::clone(&self.file));
        let sealed = self.bytes(offset + HEADER as u64, header.ops_bytes as usize)?;
        let (chain, ops) = match header.open(crc, &site, &file.cipher, sealed) {
            Ok(opened) => opened,
            Err(why) => return Ok(Step::Bad(why)),
        };
        self.site.chain = chain;
        self.site.offset += header.frame_bytes();
        self.site.ordinal = self.site.ordinal.saturating_add(header.count);
        Ok(Step::Frame(Frame { header, offset, ops }))
    }

    /// The next frame of a file that is known to be whole: anything else is damage.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, Error> {
        match self.step()? {
            Step::Frame(frame) => Ok(Some(frame)),
            Step::End => Ok(None),
            Step::Bad(why) => Err(Error::damaged(&self.file.path, self.site.offset, why)),
        }
    }

    /// After a bad place: whether a later commit tells that this place was durable once, so that it is damage and not
    /// a torn tail.
    pub(crate) fn was_durable(&mut self) -> Result<bool, Error> {
        let bad = self.site.offset;
        let mut at = bad + 1;
        while at + HEADER as u64 <= self.end {
            let size = usize::try_from(self.end - at).unwrap_or(WINDOW).min(WINDOW);
            let part = self.bytes(at, size)?;
            let Some(found) = part.windows(FRAME_MAGIC.len()).position(|bytes| bytes == FRAME_MAGIC) else {
                at += (size - (FRAME_MAGIC.len() - 1)) as u64;
                continue;
            };
            at += found as u64;
            if self.proves(at, bad)? {
                return Ok(true);
            }
            at += 1;
        }
        Ok(false)
    }

    fn proves(&mut self, at: u64, bad: u64) -> Result<bool, Error> {
        if at + HEADER as u64 > self.end {
            return Ok(false);
        }
        let Some((header, crc)) = Header::decode(self.bytes(at, HEADER)?) else { return Ok(false) };
        let sealed_end = at + HEADER as u64 + u64::from(header.ops_bytes);
        if u64::from(header.synced) <= bad || sealed_end > self.end {
            return Ok(false);
        }
        let site = Site { file: self.file.id, offset: at, ordinal: 0, chain: header.previous, synced: 0 };
        let file = Arc::clone(&self.file);
        let sealed = self.bytes(at + HEADER as u64, header.ops_bytes as usize)?;
        Ok(header.open(crc, &site, &file.cipher, sealed).is_ok())
    }

    /// Bytes of the file, which must be below `end`.
    fn bytes(&mut self, offset: u64, size: usize) -> Result<&[u8], Error> {
        let within = offset.checked_sub(self.window_at).and_then(|from| usize::try_from(from).ok());
        let held = within.filter(|from| from.saturating_add(size) <= self.window.len());
        let from = match held {
            Some(from) => from,
            None => {
                let most = usize::try_from(self.end.saturating_sub(offset)).unwrap_or(usize::MAX);
                self.window.resize(size.max(WINDOW.min(most)), 0);
                self.window_at = offset;
                // The window must not claim bytes that were not read.
                let read = self.file.read(&mut self.window, offset);
                if read.is_err() {
                    self.window.clear();
                }
                read?;
                0
            }
        };
        Ok(self.window.get(from..from + size).unwrap_or_default())
    }
}
