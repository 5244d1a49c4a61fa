//! The Unix socket: only its owner may open it, and only so many at a time.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
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

use super::given::Caller;

/// Connections for each request that may be under way: a client that has been answered may still be hanging up.
const CONNECTIONS_PER_REQUEST: usize = 2;

/// Only the daemon's user.
const PRIVATE: u32 = 0o600;

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
}

impl Socket {
    /// Listens at `path`, for at most `requests` requests at a time. A socket that nobody answers on is replaced.
    ///
    /// # Errors
    /// Where another daemon answers there, or the system refuses.
    pub fn bind(path: &Path, requests: u32) -> Result<Self, Error> {
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
        let places = usize::try_from(requests).unwrap_or(1).max(1) * CONNECTIONS_PER_REQUEST;
        Ok(Self { listener, path: path.to_owned(), places: Arc::new(Semaphore::new(places)) })
    }
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
                Ok((peer, stream)) => return (Connection { stream, _place: place }, Caller { uid: peer.uid() }),
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

    #[tokio::test]
    async fn the_socket_is_private_and_refuses_a_second_daemon() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api.sock");
        let socket = Socket::bind(&path, 4).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(Socket::bind(&path, 4), Err(Error::Taken(_))));
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_socket_left_behind_is_replaced_and_another_file_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        drop(Socket::bind(&path, 4).unwrap());
        fs::write(&path, "a file").unwrap();
        assert!(matches!(Socket::bind(&path, 4), Err(Error::NotASocket(_))));
        assert_eq!(fs::read(&path).unwrap(), b"a file");
    }
}
