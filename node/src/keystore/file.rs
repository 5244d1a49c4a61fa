//! The key file itself: sealed, private, never half written.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use age::DecryptError;
use zeroize::Zeroizing;

use super::{COST_LIMIT, Cost, Error, Keys, Passphrase};

/// Bytes of a key file, at most: ten times what one has.
const FILE_LIMIT: u64 = 16 * 1024;

/// How the name of a file ends that is to take the place of the key file.
const DRAFT: &str = ".new";

/// Only the owner may read and write.
const PRIVATE: u32 = 0o600;

/// Encrypts `keys` under the passphrase.
pub(super) fn seal(keys: &Keys, passphrase: &Passphrase, cost: Cost) -> Result<Vec<u8>, Error> {
    let mut recipient = age::scrypt::Recipient::new(passphrase.to_age());
    recipient.set_work_factor(cost.0);
    let in_memory = |cause| Error::Io { doing: "seal keys for", path: PathBuf::from("memory"), cause };
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient))
        .map_err(|cause| in_memory(io::Error::other(cause.to_string())))?;
    let mut sealed = Vec::new();
    let mut writer = encryptor.wrap_output(&mut sealed).map_err(in_memory)?;
    writer.write_all(keys.to_text().as_bytes()).map_err(in_memory)?;
    writer.finish().map_err(in_memory)?;
    Ok(sealed)
}

/// Reads the sealed bytes, after checking that nobody else may.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let io_error = |cause: io::Error| match cause.kind() {
        io::ErrorKind::NotFound => Error::Missing(path.to_owned()),
        _ => Error::Io { doing: "read", path: path.to_owned(), cause },
    };
    let file = File::open(path).map_err(io_error)?;
    check_private(path, &file)?;
    let mut sealed = Vec::new();
    file.take(FILE_LIMIT + 1).read_to_end(&mut sealed).map_err(io_error)?;
    match sealed.len() as u64 > FILE_LIMIT {
        true => Err(Error::Damaged { path: path.to_owned(), why: "it is too large" }),
        false => Ok(sealed),
    }
}

/// Refuses a file that others than its owner may use.
pub(super) fn check_private(path: &Path, file: &File) -> Result<(), Error> {
    let cannot = |cause| Error::Io { doing: "see the permissions of", path: path.to_owned(), cause };
    let mode = file.metadata().map_err(cannot)?.mode() & 0o7777;
    match mode & 0o077 {
        0 => Ok(()),
        _ => Err(Error::Open { path: path.to_owned(), mode }),
    }
}

/// Decrypts what [`seal`] made.
pub(super) fn open(path: &Path, sealed: &[u8], passphrase: &Passphrase) -> Result<Keys, Error> {
    let damaged = |why| Error::Damaged { path: path.to_owned(), why };
    let decryptor = age::Decryptor::new_buffered(sealed).map_err(|_| damaged("it is no age file"))?;
    if !decryptor.is_scrypt() {
        return Err(damaged("it is not sealed with a passphrase"));
    }
    let mut identity = age::scrypt::Identity::new(passphrase.to_age());
    identity.set_max_work_factor(COST_LIMIT);
    let mut reader = match decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity)) {
        Ok(reader) => reader,
        Err(DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed | DecryptError::NoMatchingKeys) => {
            return Err(Error::WrongPassphrase(path.to_owned()));
        }
        Err(DecryptError::ExcessiveWork { required, .. }) => {
            return Err(Error::Excessive { path: path.to_owned(), required });
        }
        Err(_) => return Err(damaged("its header was changed")),
    };
    // Reserved at once, as large as the file: a vector that grows leaves copies of secrets behind.
    let mut text = Zeroizing::new(Vec::with_capacity(sealed.len()));
    reader.read_to_end(&mut text).map_err(|_| damaged("its content was changed"))?;
    let text = std::str::from_utf8(&text).map_err(|_| damaged("its content is no text"))?;
    Keys::from_text(text).map_err(damaged)
}

/// Writes a file that must not be there yet; after a crash it is there whole or not at all.
pub(super) fn write_new(path: &Path, sealed: &[u8]) -> Result<(), Error> {
    let draft = Draft::write(path, sealed)?;
    // A link is refused where the name is taken; a rename would silently replace.
    fs::hard_link(&draft.path, path).map_err(|cause| match cause.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists(path.to_owned()),
        _ => Error::Io { doing: "create", path: path.to_owned(), cause },
    })?;
    drop(draft);
    sync_folder(path)
}

/// Holds others off who would change the key file at `path`, and removes what those left behind that were killed while
/// they did: it opens with the passphrase of then. It lasts until it is dropped.
pub(super) fn claim(path: &Path) -> Result<Claim, Error> {
    let folder = folder_of(path);
    let cannot = |cause| Error::Io { doing: "lock", path: folder.to_owned(), cause };
    let claimed = File::open(folder).map_err(cannot)?;
    match claimed.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(Error::Busy(path.to_owned())),
        Err(TryLockError::Error(cause)) => return Err(cannot(cause)),
    }
    let claim = Claim(claimed);
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let is_draft = |found: &str| {
        let middle =
            found.strip_prefix(&name).and_then(|rest| rest.strip_prefix('.')).and_then(|rest| rest.strip_suffix(DRAFT));
        middle.is_some_and(|pid| !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit()))
    };
    for found in fs::read_dir(folder).map_err(cannot)?.flatten() {
        if found.file_name().to_str().is_some_and(is_draft) {
            let cannot = |cause| Error::Io { doing: "remove", path: found.path(), cause };
            fs::remove_file(found.path()).map_err(cannot)?;
        }
    }
    Ok(claim)
}

/// The right to change a key file.
#[derive(Debug)]
pub(super) struct Claim(File);

impl Drop for Claim {
    fn drop(&mut self) {
        // A child that is being started has a copy of the descriptor for a moment: closing it alone would not let go. Where
        // this fails, the end of the process does.
        let _ = self.0.unlock();
    }
}

/// Puts `sealed` in the place of an existing file; after a crash the old or the new one is there.
pub(super) fn replace(path: &Path, sealed: &[u8]) -> Result<(), Error> {
    let draft = Draft::write(path, sealed)?;
    fs::rename(&draft.path, path).map_err(|cause| Error::Io { doing: "replace", path: path.to_owned(), cause })?;
    sync_folder(path)
}

/// A file beside the key file that goes away unless it was moved.
struct Draft {
    path: PathBuf,
}

impl Draft {
    fn write(beside: &Path, sealed: &[u8]) -> Result<Self, Error> {
        let mut name = beside.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}{DRAFT}", std::process::id()));
        let path = beside.with_file_name(name);
        let cannot = |cause| Error::Io { doing: "write", path: path.clone(), cause };
        let mut file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(&path).map_err(cannot)?;
        let draft = Self { path: path.clone() };
        file.write_all(sealed).and_then(|()| file.sync_all()).map_err(cannot)?;
        Ok(draft)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // What is left of it is sealed: nothing is lost where this fails.
        let _ = fs::remove_file(&self.path);
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync_folder(path: &Path) -> Result<(), Error> {
    let folder = folder_of(path);
    let cannot = |cause| Error::Io { doing: "make durable", path: folder.to_owned(), cause };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(cannot)
}
