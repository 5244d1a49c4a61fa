//! Where the configuration and the daemon are.

use std::future::Future;
use std::path::{Path, PathBuf};

use crate::api::client::Client;
use crate::cli::Error;
use crate::config::{self, Config};

/// The configuration of this folder, and that of the machine.
const PLACES: [&str; 2] = ["igain.toml", "/etc/igain/igain.toml"];

/// What the options that all commands have say.
#[derive(Debug)]
pub(super) struct Context {
    config: Option<PathBuf>,
    socket: Option<PathBuf>,
}

impl Context {
    pub(super) const fn new(config: Option<PathBuf>, socket: Option<PathBuf>) -> Self {
        Self { config, socket }
    }

    /// The configuration file that was named, if one was.
    pub(super) fn named_config(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// The socket that was named, if one was.
    pub(super) fn named_socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// The configuration file.
    pub(super) fn config_path(&self) -> Result<PathBuf, Error> {
        if let Some(path) = &self.config {
            return Ok(path.clone());
        }
        let [here, machine] = PLACES.map(PathBuf::from);
        let found = [&here, &machine].into_iter().find(|path| path.exists());
        Ok(found.cloned().ok_or(config::Error::Missing(here))?)
    }

    /// What the configuration says.
    pub(super) fn config(&self) -> Result<Config, Error> {
        Ok(Config::load(&self.config_path()?)?)
    }

    /// The daemon.
    pub(super) fn client(&self) -> Result<Client, Error> {
        match &self.socket {
            Some(path) => Ok(Client::new(path)),
            None => Ok(Client::new(&self.config()?.api)),
        }
    }

    /// Runs what talks to the daemon.
    pub(super) fn block_on<T>(&self, talk: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(Error::Print)?.block_on(talk)
    }
}
