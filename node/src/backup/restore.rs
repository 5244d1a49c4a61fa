//! Putting a data folder together from archives: in a draft beside it, which takes its name only when all of it is
//! durable.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use igain_protocol::time::Timestamp;

use super::chain::Sources;
use super::head::{Kind, Part, Place};
use super::restored::Mark;
use super::walk::{Whole, walk};
use super::{Error, Identities};
use crate::{audit, store};

/// The folder in a restored data folder with the files that somebody has to look at before they are used.
pub const FILES: &str = "from-backup";

/// Puts the archive called `at`, or else the newest, back as the data folder `data`, which must not be there, or be empty.
/// What is broken off is not called `data`.
///
/// # Errors
/// [`Error::NotEmpty`], [`Error::Draft`], what is missing or wrong in which archive, or where the folder cannot be
/// written.
pub fn restore(
    sources: &Sources,
    at: Option<&str>,
    identities: &Identities,
    data: &Path,
    now: Timestamp,
) -> Result<Whole, Error> {
    check_empty(data)?;
    let chain = sources.chain(at, identities)?;
    let wanted = chain.last().map(|last| last.head.pieces().map(|(place, piece)| (place, piece.id)).collect());
    let mut draft = Draft::make(data, wanted.unwrap_or_default())?;
    let whole = walk(&chain, identities, &mut |is_last, part, at, bytes| draft.put(is_last, part, at, bytes))?;
    let mark = Mark { backup: whole.at.to_string(), restored: now.to_string(), archive: whole.name.clone() };
    draft.finish(data, &mark)?;
    Ok(whole)
}

/// A folder that is there is used only while it is empty.
fn check_empty(data: &Path) -> Result<(), Error> {
    match fs::read_dir(data) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(cause) if cause.kind() == io::ErrorKind::NotADirectory => Err(Error::NotEmpty(data.to_owned())),
        Err(cause) => Err(Error::io("look into", data)(cause)),
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(Error::NotEmpty(data.to_owned())),
        },
    }
}

/// A folder that is being filled. Dropped before it is finished, it is removed.
struct Draft {
    folder: PathBuf,
    above: PathBuf,
    /// The journal files that there are at the moment that is restored. What earlier archives have of others is not needed.
    wanted: BTreeSet<(Place, u32)>,
    /// The file that was written to last.
    open: Option<(PathBuf, File)>,
    finished: bool,
}

impl Draft {
    fn make(data: &Path, wanted: BTreeSet<(Place, u32)>) -> Result<Self, Error> {
        let name = data.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let above = data.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
        let device = |path: &Path| fs::metadata(path).map(|about| about.dev()).ok();
        if device(data).is_some_and(|there| device(&above) != Some(there)) {
            // What is put together beside it could not be moved there.
            return Err(Error::Mounted(data.to_owned()));
        }
        let folder = above.join(format!("{name}.restoring"));
        match fs::DirBuilder::new().mode(0o700).create(&folder) {
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => return Err(Error::Draft(folder)),
            made => made.map_err(Error::io("make", &folder))?,
        }
        let draft = Self { folder, above, wanted, open: None, finished: false };
        for below in draft.folders().iter().skip(1) {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(below).map_err(Error::io("make", below))?;
        }
        Ok(draft)
    }

    /// All folders of it, those above first.
    fn folders(&self) -> Vec<PathBuf> {
        let below = ["", "store", "store/journal", "audit", "audit/journal", FILES];
        below.iter().map(|below| self.folder.join(below)).collect()
    }

    /// Where a part belongs; none where it is not needed.
    fn place(&self, is_last: bool, part: &Part) -> Option<PathBuf> {
        let (store, audit) = (self.folder.join("store"), self.folder.join("audit"));
        match part {
            Part::Piece(place, piece) => self.wanted.contains(&(*place, piece.id)).then(|| match place {
                Place::Books => store::snapshot::file_in(&store, piece.id),
                Place::Audit => store::snapshot::file_in(&audit, piece.id),
            }),
            // Those of the last archive are of the moment that is restored.
            Part::Whole(file) => is_last.then(|| match file.kind {
                Kind::BooksList => store::snapshot::list_in(&store),
                Kind::AuditList => store::snapshot::list_in(&audit),
                Kind::Checkpoint => audit::checkpoint_in(&audit),
                Kind::Config => self.folder.join(FILES).join("igain.toml"),
                Kind::Policy => self.folder.join(FILES).join("policy.cedar"),
                Kind::People => self.folder.join(FILES).join("people.toml"),
                Kind::Keys => self.folder.join(FILES).join("keys.age"),
            }),
        }
    }

    fn put(&mut self, is_last: bool, part: &Part, at: u64, bytes: &[u8]) -> Result<(), Error> {
        let Some(path) = self.place(is_last, part) else { return Ok(()) };
        let file = self.file(path.clone())?;
        file.write_all_at(bytes, at).map_err(Error::io("write", path))
    }

    /// The file at `path`, open; what was open before is made durable.
    fn file(&mut self, path: PathBuf) -> Result<&File, Error> {
        if self.open.as_ref().is_none_or(|(open, _)| *open != path) {
            self.close()?;
            let opened = fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
            let opened = opened.map_err(Error::io("write", &path))?;
            self.open = Some((path, opened));
        }
        let gone = || Error::Sink(io::Error::other("a file was closed"));
        self.open.as_ref().map(|(_, file)| file).ok_or_else(gone)
    }

    fn close(&mut self) -> Result<(), Error> {
        match self.open.take() {
            Some((path, file)) => file.sync_all().map_err(Error::io("sync", path)),
            None => Ok(()),
        }
    }

    /// Makes all of it durable, and gives it its name.
    fn finish(mut self, data: &Path, mark: &Mark) -> Result<(), Error> {
        let path = self.folder.join(Mark::name());
        let file = self.file(path.clone())?;
        file.write_all_at(&mark.bytes(), 0).map_err(Error::io("write", path))?;
        self.close()?;
        for folder in self.folders().iter().rev() {
            sync_folder(folder)?;
        }
        // An empty folder gives way; one in which something was put meanwhile does not.
        fs::rename(&self.folder, data).map_err(|cause| match cause.kind() {
            io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists => Error::NotEmpty(data.to_owned()),
            _ => Error::io("give the restored folder the name", data)(cause),
        })?;
        self.finished = true;
        sync_folder(&self.above)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.finished
            && let Err(error) = fs::remove_dir_all(&self.folder)
        {
            tracing::warn!(folder = %self.folder.display(), %error, "what was restored in part could not be removed");
        }
    }
}

fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", folder))
}
