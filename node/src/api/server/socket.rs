//! The Unix socket: its owner may open it, and a group where one is configured, and only so many at a time.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt as _, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::crowd::{Crowd, Guest};
use super::given::Caller;
use crate::people::{Group, InForce, own_uid};

/// Connections for each request that may be under way: a client that has been answered may still be hanging up.
const CONNECTIONS_PER_REQUEST: usize = 2;

/// Only the daemon's user.
const PRIVATE: u32 = 0o600;

/// The daemon's user and a group; never everybody.
const FOR_GROUP: u32 = 0o660;

/// Connections of all users together who are in nobody's people file: enough to be told so.
const FOR_STRANGERS: usize = 4;

/// Time to rest where the system has no more file descriptors.
const REST: Duration = Duration::from_millis(200);

/// Why the socket cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another daemon answers there.
    #[error("a daemon is running already: it answers on `{}`. Stop it first", .0.display())]
    Taken(PathBuf),
    /// Something else has that name.
    #[error("`{}` is there and is no socket. Move it away, or give another `api` in the configuration", .0.display())]
    NotASocket(PathBuf),
    /// The group cannot be given the socket.
    #[error(
        "cannot give the socket to the group `{group}` of `api_group`: {cause}. See that the group exists and the daemon's user is in it (SupplementaryGroups= under systemd)"
    )]
    Group {
        /// Which.
        group: String,
        /// The system's reason.
        cause: io::Error,
    },
    /// The group cannot come to the socket.
    #[error("the group `{group}` of `api_group` cannot enter the folder `{folder}`. Set `api` to a path that it can, such as /run/igain/api.sock, or run: chmod o+x {folder}", folder = folder.display())]
    Folder {
        /// Which group.
        group: String,
        /// The folder that keeps it out.
        folder: PathBuf,
    },
    /// The system refuses.
    #[error("cannot open the socket `{}`: {cause}. See that the folder exists and is writable, and the path is shorter than 100 bytes", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// The system's reason.
        cause: io::Error,
    },
}

impl Error {
    /// A stable name for scripts.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Taken(_) => "socket.taken",
            Self::NotASocket(_) => "socket.not-a-socket",
            Self::Group { .. } => "socket.group",
            Self::Folder { .. } => "socket.folder",
            Self::Io { .. } => "socket.io",
        }
    }
}

/// The listening socket. Its file goes when it is dropped.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    places: Arc<Semaphore>,
    people: InForce,
    /// Those whom the daemon does not know, all counted as one.
    strangers: Crowd<()>,
    /// The users whom it knows, but for its own and root.
    users: Crowd<u32>,
}

impl Socket {
    /// Listens at `path`, for at most `requests` requests at a time, open to `group` as well where one is given. A socket
    /// that nobody answers on is replaced.
    ///
    /// # Errors
    /// Where another daemon answers there, the group cannot come to it, or the system refuses.
    pub fn bind(path: &Path, requests: u32, group: Option<&str>, people: InForce) -> Result<Self, Error> {
        let group = group.map(|group| find_group(group, path)).transpose()?;
        let io_error = |cause| Error::Io { path: path.to_owned(), cause };
        if let Ok(found) = fs::symlink_metadata(path) {
            if !found.file_type().is_socket() {
                return Err(Error::NotASocket(path.to_owned()));
            }
            if std::os::unix::net::UnixStream::connect(path).is_ok() {
                return Err(Error::Taken(path.to_owned()));
            }
            fs::remove_file(path).map_err(io_error)?;
        }
        // The daemon's umask keeps others out from the first moment; this is for a daemon that was given another.
        let listener = UnixListener::bind(path).map_err(io_error)?;
        fs::set_permissions(path, Permissions::from_mode(PRIVATE)).map_err(io_error)?;
        if let Some(group) = group {
            let refused = |cause| Error::Group { group: group.name.clone(), cause };
            std::os::unix::fs::lchown(path, None, Some(group.gid)).map_err(refused)?;
            fs::set_permissions(path, Permissions::from_mode(FOR_GROUP)).map_err(io_error)?;
        }
        let places = usize::try_from(requests).unwrap_or(1).max(1) * CONNECTIONS_PER_REQUEST;
        Ok(Self {
            listener,
            path: path.to_owned(),
            places: Arc::new(Semaphore::new(places)),
            people,
            strangers: Crowd::new(FOR_STRANGERS),
            // No user of several keeps the others out.
            users: Crowd::new(places / 2),
        })
    }

    /// Takes a caller in; none where they, or strangers together, have as many connections as they may.
    fn welcome(&self, uid: u32) -> Option<Guest> {
        if uid == own_uid() || uid == 0 {
            return Some(Guest::of_the_house());
        }
        match self.people.now().known(uid) {
            Some(_) => self.users.enter(uid),
            None => self.strangers.enter(()),
        }
    }
}

/// The group of this name, which must be able to enter the folders of the socket.
fn find_group(name: &str, socket: &Path) -> Result<Group, Error> {
    let refused = |cause| Error::Group { group: name.to_owned(), cause };
    let missing = || refused(io::Error::new(io::ErrorKind::NotFound, "there is no such group"));
    let group = Group::named(name).map_err(refused)?.ok_or_else(missing)?;
    let io_error = |cause| Error::Io { path: socket.to_owned(), cause };
    let folder = std::path::absolute(socket).map_err(io_error)?;
    let folder = folder.parent().unwrap_or(Path::new("/")).canonicalize().map_err(io_error)?;
    for folder in folder.ancestors() {
        let about = fs::metadata(folder).map_err(io_error)?;
        let enter = if about.gid() == group.gid { 0o010 } else { 0o001 };
        if about.mode() & enter == 0 {
            return Err(Error::Folder { group: name.to_owned(), folder: folder.to_owned() });
        }
    }
    Ok(group)
}

impl Drop for Socket {
    fn drop(&mut self) {
        // The next start replaces one that stays.
        let _ = fs::remove_file(&self.path);
    }
}

impl Listener for Socket {
    type Io = Connection;
    type Addr = Caller;

    async fn accept(&mut self) -> (Connection, Caller) {
        loop {
            let place = match Arc::clone(&self.places).acquire_owned().await {
                Ok(place) => place,
                Err(_) => std::future::pending().await,
            };
            match self.listener.accept().await.and_then(|(stream, _)| Ok((stream.peer_cred()?, stream))) {
                Ok((peer, stream)) => match self.welcome(peer.uid()) {
                    Some(guest) => {
                        return (Connection { stream, _place: place, _guest: guest }, Caller { uid: peer.uid() });
                    }
                    // The connection ends here, unanswered.
                    None => tracing::debug!(uid = peer.uid(), "a user has too many connections to the API"),
                },
                Err(error) => {
                    tracing::warn!(%error, "a connection to the API could not be taken");
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Caller> {
        Ok(Caller { uid: rustix::process::getuid().as_raw() })
    }
}

impl Connected<IncomingStream<'_, Socket>> for Caller {
    fn connect_info(stream: IncomingStream<'_, Socket>) -> Self {
        *stream.remote_addr()
    }
}

/// One connection and the place that it takes.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    _place: OwnedSemaphorePermit,
    _guest: Guest,
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::People;

    fn bind(path: &Path, group: Option<&str>) -> Result<Socket, Error> {
        Socket::bind(path, 4, group, InForce::new(People::only(own_uid())))
    }

    #[tokio::test]
    async fn the_socket_is_private_and_refuses_a_second_daemon() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api.sock");
        let socket = bind(&path, None).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(bind(&path, None), Err(Error::Taken(_))));
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_socket_left_behind_is_replaced_and_another_file_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        drop(bind(&path, None).unwrap());
        fs::write(&path, "a file").unwrap();
        assert!(matches!(bind(&path, None), Err(Error::NotASocket(_))));
        assert_eq!(fs::read(&path).unwrap(), b"a file");
    }

    /// Seen to fail when the socket keeps the mode that it was made with, and when folders are not looked at.
    #[tokio::test]
    async fn a_group_may_open_the_socket_where_it_can_come_to_it_and_nobody_else() {
        let gid = rustix::process::getegid().as_raw();
        let name = nix::unistd::Group::from_gid(gid.into()).unwrap().unwrap().name;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api.sock");
        let mode = |mode| fs::set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
        // The folder is this group's own, so that what others may do there does not matter.
        for closed in [0o700, 0o701] {
            mode(closed);
            let error = bind(&path, Some(&name)).unwrap_err();
            assert_eq!(error.code(), "socket.folder");
            assert!(error.to_string().contains("chmod"), "{error}");
        }
        mode(0o710);
        let socket = bind(&path, Some(&name)).unwrap();
        let about = fs::metadata(&path).unwrap();
        assert_eq!((about.permissions().mode() & 0o777, about.gid()), (0o660, gid));
        drop(socket);
        let error = bind(&path, Some("no-such-group")).unwrap_err();
        assert_eq!(error.code(), "socket.group");
        assert!(!path.exists(), "nothing is opened before all is known to be right");
    }
}
