//! The format of one file: a header, then chunks of 16 KiB, each sealed with XChaCha20-Poly1305.
//!
//! The header is eight bytes of magic and 16 random bytes. A chunk's nonce is those 16 bytes and the chunk's number,
//! whose highest bit says that it is the last: a file that is cut, even between two chunks, is refused (the STREAM
//! construction of Hoang, Reyhanitabar, Rogaway and Vizár, 2015). The file's name is bound as associated data, so that
//! files cannot change places.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use chacha20poly1305::aead::AeadInPlace;
use chacha20poly1305::{KeyInit, Tag, XChaCha20Poly1305, XNonce};
use lru::LruCache;
use sha2::{Digest, Sha256};
use tantivy::HasLen;
use tantivy::directory::{FileHandle, OwnedBytes};

/// Clear bytes of a chunk: what a look-up decrypts at least.
pub(super) const CHUNK: usize = 16 * 1024;
/// Bytes that sealing adds to a chunk.
const TAG: usize = 16;
/// The format, and its version.
const MAGIC: &[u8; 8] = b"igainsx1";
const SALT: usize = 16;
const HEADER: usize = MAGIC.len() + SALT;
/// Marks the number of the last chunk.
const LAST: u64 = 1 << 63;

/// Chunks kept decrypted: 8 MiB, so that the lists behind common words are at hand.
const CACHED_CHUNKS: NonZeroUsize = NonZeroUsize::new(512).unwrap();

/// Reads of more chunks than this pass by the cache: they would only push the rest out.
const LONG_READ: u64 = 64;

/// By file and the chunk's number: a file that is opened again finds its chunks.
type Cache = Mutex<LruCache<(FileDigest, u64), OwnedBytes>>;

/// A file's salt, length and name: all that decrypting a chunk checks besides its bytes.
type FileDigest = [u8; 32];

/// Seals and opens the files of one folder.
pub(super) struct Sealer {
    cipher: XChaCha20Poly1305,
    cache: Arc<Cache>,
}

impl Sealer {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let cache = Arc::new(Mutex::new(LruCache::new(CACHED_CHUNKS)));
        Self { cipher: XChaCha20Poly1305::new(key.into()), cache }
    }

    /// Starts a new file of that name.
    pub(super) fn stream(&self, name: &Path) -> io::Result<Stream> {
        let mut salt = [0; SALT];
        getrandom::fill(&mut salt).map_err(|cause| io::Error::other(cause.to_string()))?;
        Ok(Stream { cipher: self.cipher.clone(), salt, name: associated(name) })
    }

    /// All bytes of a file of that name.
    pub(super) fn seal(&self, name: &Path, data: &[u8]) -> io::Result<Vec<u8>> {
        let stream = self.stream(name)?;
        let mut sealed = stream.header().to_vec();
        let count = data.len().div_ceil(CHUNK).max(1) as u64;
        for number in 0..count {
            let from = number as usize * CHUNK;
            let mut chunk = data.get(from..data.len().min(from + CHUNK)).unwrap_or_default().to_vec();
            stream.seal(number, number + 1 == count, &mut chunk)?;
            sealed.append(&mut chunk);
        }
        Ok(sealed)
    }

    /// Opens a file and checks that it has its end.
    pub(super) fn open(&self, folder: &Path, name: &Path) -> io::Result<SealedFile> {
        let file = File::open(folder.join(name))?;
        let length = usize::try_from(file.metadata()?.len()).map_err(|_| damaged(name))?;
        let mut header = [0; HEADER];
        file.read_exact_at(&mut header, 0).map_err(|_| damaged(name))?;
        let (magic, salt) = header.split_at(MAGIC.len());
        let body = length.checked_sub(HEADER).ok_or_else(|| damaged(name))?;
        let chunks = body.div_ceil(CHUNK + TAG);
        let clear = body.checked_sub(chunks * TAG).ok_or_else(|| damaged(name))?;
        if magic != MAGIC || chunks != clear.div_ceil(CHUNK).max(1) {
            return Err(damaged(name));
        }
        let salt: [u8; SALT] = salt.try_into().map_err(|_| damaged(name))?;
        let opened = SealedFile {
            file,
            stream: Stream { cipher: self.cipher.clone(), salt, name: associated(name) },
            path: name.to_owned(),
            length: clear,
            chunks: chunks as u64,
            digest: digest(salt, length, name),
            cache: self.cache.clone(),
        };
        opened.chunk(opened.chunks - 1)?;
        Ok(opened)
    }
}

/// What the chunks of one file have in common.
pub(super) struct Stream {
    cipher: XChaCha20Poly1305,
    salt: [u8; SALT],
    name: Vec<u8>,
}

impl Stream {
    pub(super) fn header(&self) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header.iter_mut().zip(MAGIC.iter().chain(&self.salt)).for_each(|(to, from)| *to = *from);
        header
    }

    /// Encrypts a chunk in place and appends its tag.
    pub(super) fn seal(&self, number: u64, last: bool, chunk: &mut Vec<u8>) -> io::Result<()> {
        let sealed = self.cipher.encrypt_in_place(&self.nonce(number, last), &self.name, chunk);
        sealed.map_err(|_| io::Error::other("a chunk could not be encrypted"))
    }

    /// Decrypts a chunk in place; `None` where it is not what was sealed.
    fn open(&self, number: u64, last: bool, chunk: &mut [u8], tag: &[u8]) -> Option<()> {
        let tag: &[u8; TAG] = tag.try_into().ok()?;
        let nonce = self.nonce(number, last);
        self.cipher.decrypt_in_place_detached(&nonce, &self.name, chunk, Tag::from_slice(tag)).ok()
    }

    fn nonce(&self, number: u64, last: bool) -> XNonce {
        let number = if last { number | LAST } else { number };
        let mut nonce = XNonce::default();
        nonce.iter_mut().zip(self.salt.iter().chain(&number.to_be_bytes())).for_each(|(to, from)| *to = *from);
        nonce
    }
}

/// A file, open for reading.
pub(super) struct SealedFile {
    file: File,
    stream: Stream,
    path: PathBuf,
    length: usize,
    chunks: u64,
    digest: FileDigest,
    cache: Arc<Cache>,
}

impl SealedFile {
    /// Everything in it.
    pub(super) fn read_all(&self) -> io::Result<Vec<u8>> {
        self.read_chunks(0..self.chunks)
    }

    /// Reads and checks every chunk; gives the number of clear bytes.
    pub(super) fn verify(&self) -> io::Result<u64> {
        let mut from = 0;
        while from < self.chunks {
            let to = self.chunks.min(from + LONG_READ);
            self.read_chunks(from..to)?;
            from = to;
        }
        Ok(self.length as u64)
    }

    /// One chunk, decrypted now or lately.
    fn chunk(&self, index: u64) -> io::Result<OwnedBytes> {
        let key = (self.digest, index);
        let cached = self.cache.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(cached) = cached {
            return Ok(cached);
        }
        let clear = OwnedBytes::new(self.read_chunks(index..index + 1)?);
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).put(key, clear.clone());
        Ok(clear)
    }

    /// Some neighbouring chunks, with one read and one buffer.
    fn read_chunks(&self, wanted: Range<u64>) -> io::Result<Vec<u8>> {
        let clear_of = |count: u64| self.length.min(count as usize * CHUNK);
        let sealed_of = |count: u64| HEADER + clear_of(count) + count as usize * TAG;
        let mut bytes = vec![0; sealed_of(wanted.end).saturating_sub(sealed_of(wanted.start))];
        self.file.read_exact_at(&mut bytes, sealed_of(wanted.start) as u64).map_err(|cause| match cause.kind() {
            ErrorKind::UnexpectedEof => damaged(&self.path),
            _ => cause,
        })?;
        let mut kept = 0;
        for (number, from) in wanted.zip((0..).step_by(CHUNK + TAG)) {
            let rest = bytes.get_mut(from..).unwrap_or_default();
            let length = rest.len().min(CHUNK + TAG);
            let opened = rest.get_mut(..length).and_then(|sealed| {
                let (chunk, tag) = sealed.split_at_mut_checked(length.checked_sub(TAG)?)?;
                self.stream.open(number, number + 1 == self.chunks, chunk, tag)
            });
            opened.ok_or_else(|| damaged(&self.path))?;
            // The tags drop out: each chunk moves up to the one before it.
            bytes.copy_within(from..from + length - TAG, kept);
            kept += length - TAG;
        }
        bytes.truncate(kept);
        Ok(bytes)
    }
}

impl HasLen for SealedFile {
    fn len(&self) -> usize {
        self.length
    }
}

impl fmt::Debug for SealedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SealedFile").field(&self.path).finish()
    }
}

impl FileHandle for SealedFile {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        if range.start > range.end || range.end > self.length {
            return Err(io::Error::new(ErrorKind::InvalidInput, "a read past the end of an index file"));
        }
        if range.is_empty() {
            return Ok(OwnedBytes::empty());
        }
        let first = (range.start / CHUNK) as u64;
        let end = range.end.div_ceil(CHUNK) as u64;
        let within = range.start - first as usize * CHUNK..range.end - first as usize * CHUNK;
        if end - first == 1 {
            return Ok(self.chunk(first)?.slice(within));
        }
        if end - first > LONG_READ {
            return Ok(OwnedBytes::new(self.read_chunks(first..end)?).slice(within));
        }
        let mut bytes = Vec::with_capacity((end - first) as usize * CHUNK);
        for index in first..end {
            bytes.extend_from_slice(&self.chunk(index)?);
        }
        Ok(OwnedBytes::new(bytes).slice(within))
    }
}

fn digest(salt: [u8; SALT], length: usize, name: &Path) -> FileDigest {
    let parts = Sha256::new().chain_update(salt).chain_update(length.to_be_bytes());
    parts.chain_update(associated(name)).finalize().into()
}

/// A file's name as associated data.
fn associated(name: &Path) -> Vec<u8> {
    name.as_os_str().as_encoded_bytes().to_vec()
}

/// Damage, as tantivy passes it on: told from a disk that fails by its kind.
fn damaged(name: &Path) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("the index file `{}` is damaged", name.display()))
}
