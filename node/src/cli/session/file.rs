//! The file of a session: the user's own, in their runtime folder or else among their state, and nobody else's to write.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use axum::http::StatusCode;
use rustix::fs::{Mode, OFlags};

use super::Stated;
use crate::api::Problem;
use crate::cli::Error;
use crate::people::own_uid;

/// Bytes of the file, at most.
const LIMIT: u64 = 4_096;

/// What a session says; none where there is no file.
pub(super) fn read() -> Result<Option<Stated>, Error> {
    read_in(&folder()?)
}

/// Puts a session in the place of the one before.
pub(super) fn write(stated: &Stated) -> Result<(), Error> {
    write_in(&folder()?, stated)
}

/// Removes the session; whether there was one.
pub(super) fn remove() -> Result<bool, Error> {
    let file = folder()?.join(NAME);
    match fs::remove_file(&file) {
        Ok(()) => Ok(true),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(Error::file("remove", &file)(cause)),
    }
}

const NAME: &str = "session.json";

/// This user's folder (XDG Base Directory Specification).
fn folder() -> Result<PathBuf, Error> {
    let given = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = || given("XDG_STATE_HOME").or_else(|| given("HOME").map(|home| home.join(".local/state")));
    let base = given("XDG_RUNTIME_DIR").or_else(state);
    let nowhere = || Error::Usage("there is no folder for a session: set XDG_RUNTIME_DIR or HOME".into());
    Ok(base.ok_or_else(nowhere)?.join("igain"))
}

fn read_in(folder: &Path) -> Result<Option<Stated>, Error> {
    let path = folder.join(NAME);
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(&path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(cause) => return Err(Error::file("read", &path)(cause.into())),
    };
    check_folder(folder)?;
    // What was opened is looked at, so that nothing can be put in its place meanwhile.
    let about = file.metadata().map_err(Error::file("read", &path))?;
    if !about.is_file() || about.uid() != own_uid() || about.mode() & 0o077 != 0 {
        return Err(unsafe_at(&path));
    }
    let mut text = String::new();
    file.take(LIMIT).read_to_string(&mut text).map_err(Error::file("read", &path))?;
    let stated = serde_json::from_str(&text).map_err(|error| {
        let detail = format!("the session in `{}` cannot be read: {error}. Run: igain session end", path.display());
        Problem::failed("session.malformed", detail)
    })?;
    Ok(Some(stated))
}

fn write_in(folder: &Path, stated: &Stated) -> Result<(), Error> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(Error::file("make the folder", folder))?;
    check_folder(folder)?;
    let text = serde_json::to_string_pretty(stated).map_err(|error| Error::Print(error.into()))?;
    let draft = folder.join(format!("{NAME}.{}", std::process::id()));
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft);
    let written =
        file.and_then(|mut file| file.write_all(text.as_bytes())).and_then(|()| fs::rename(&draft, folder.join(NAME)));
    written.map_err(|cause| {
        // What is left of it says nothing that counts.
        let _ = fs::remove_file(&draft);
        Error::file("write", folder.join(NAME))(cause)
    })
}

/// The folder must be this user's own, and lie where nobody else can put another in its place.
fn check_folder(folder: &Path) -> Result<(), Error> {
    let about = fs::symlink_metadata(folder).map_err(Error::file("read", folder))?;
    if !about.is_dir() || about.uid() != own_uid() || about.mode() & 0o022 != 0 {
        return Err(unsafe_at(folder));
    }
    let above = folder.parent().unwrap_or(Path::new("/"));
    let about = fs::metadata(above).map_err(Error::file("read", above))?;
    let sticky = about.mode() & 0o1000 != 0;
    if ![0, own_uid()].contains(&about.uid()) || (about.mode() & 0o022 != 0 && !sticky) {
        return Err(unsafe_at(above));
    }
    Ok(())
}

fn unsafe_at(path: &Path) -> Error {
    let detail = format!(
        "others could have written `{}`, so it says nothing of why you ask. Remove it, or make it yours alone (chmod go-rwx), or set XDG_RUNTIME_DIR to a folder of your own",
        path.display()
    );
    Problem::new(StatusCode::FORBIDDEN, "session.unsafe", detail).into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use igain_protocol::time::Timestamp;
    use igain_protocol::vocabulary::Purpose;

    use super::*;
    use crate::api::types::Text;

    fn stated(case: &str) -> Stated {
        Stated {
            purpose: Text(Purpose::Identify),
            case: case.into(),
            started: Text(Timestamp::from_ms(1_000)),
            until: Text(Timestamp::from_ms(2_000)),
        }
    }

    fn code(result: Result<Option<Stated>, Error>) -> String {
        result.map(|_| ()).map_err(|error| error.problem().code.clone()).unwrap_err()
    }

    #[test]
    fn what_is_written_is_read_and_the_last_counts() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("igain");
        assert_eq!(read_in(&folder).unwrap(), None);
        for case in ["C1", "C2"] {
            write_in(&folder, &stated(case)).unwrap();
            assert_eq!(read_in(&folder).unwrap(), Some(stated(case)));
        }
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join(NAME))), (0o700, 0o600));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
    }

    /// Seen to fail when the mode is not looked at, and when links are followed.
    #[test]
    fn what_others_could_have_written_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("igain");
        write_in(&folder, &stated("C1")).unwrap();
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        let file = folder.join(NAME);
        for mode in [0o660, 0o606, 0o644] {
            set(&file, mode);
            assert_eq!(code(read_in(&folder)), "session.unsafe", "{mode:o}");
        }
        set(&file, 0o600);
        for unsafe_one in [&folder, &home.path().to_owned()] {
            set(unsafe_one, 0o770);
            assert_eq!(code(read_in(&folder)), "session.unsafe");
            assert!(write_in(&folder, &stated("C2")).is_err());
            set(unsafe_one, 0o700);
        }
        assert!(read_in(&folder).is_ok());
        fs::rename(&file, folder.join("elsewhere")).unwrap();
        symlink(folder.join("elsewhere"), &file).unwrap();
        assert!(read_in(&folder).is_err());
        fs::remove_file(&file).unwrap();
        for text in ["", "{}", "{\"purpose\": \"curiosity\"}", &"x".repeat(10_000)] {
            fs::write(&file, text).unwrap();
            set(&file, 0o600);
            assert_eq!(code(read_in(&folder)), "session.malformed", "{text:.20}");
        }
    }
}
