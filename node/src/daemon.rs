//! The daemon: opens the parts of the node, wires them, and ends them in order. The only place that knows them all.

mod card;
mod error;
pub mod inspect;
mod open;
mod restored;
mod service;
mod upkeep;

use std::sync::Arc;
use std::time::{Duration, Instant};

use igain_protocol::bureau::SignedCard;

pub use error::Error;
pub use open::Progress;

use crate::api::server::{self, App, Parts, Socket};
use crate::api::types::{PolicyFile, PolicyFileState};
use crate::config::Config;
use crate::keystore::Keys;
use crate::network::{self, Network};
use crate::office::Office;
use crate::people::{InForce, People};
use crate::replication::{Replication, Settings};
use crate::search::Search;
use service::Signal;
use upkeep::Upkeep;

/// How long requests under way may take to end when the daemon stops.
const GRACE: Duration = Duration::from_secs(10);

/// A node that runs.
struct Node {
    config: Config,
    office: Office,
    search: Search,
    network: Network,
    replication: Replication,
    upkeep: Upkeep,
    card: Arc<SignedCard>,
}

/// Makes the books of a new bureau, the first thing in them its card.
///
/// # Errors
/// Where the data folder cannot be written, or has books already that another key sealed.
pub fn found(config: &Config, keys: &Keys) -> Result<Arc<SignedCard>, Error> {
    let opened = open::open(config, keys, &|_| {})?;
    let office = opened.office;
    let card = card::Issuer::new(config, keys).renew(&office)?;
    office.audit().close(office.now())?;
    office.ledger().store().close()?;
    Ok(card)
}

/// Runs the node until it is told to stop. `progress` hears how far the store has opened, `ready` once peers and users
/// can be served.
///
/// # Errors
/// Where a part cannot be opened, or ends by itself.
pub async fn run(
    config: Config,
    keys: Keys,
    progress: impl Fn(Progress) + Send + 'static,
    ready: impl FnOnce(&SignedCard, &[String]),
) -> Result<(), Error> {
    let mut signals = service::signals()?;
    let people = People::load(config.people.as_deref())?;
    let node = Node::start(config, keys, progress).await?;
    let people = in_force(&node.office, people).await?;
    let config = &node.config;
    let group = config.api_group.as_deref();
    let socket = Socket::bind(&config.api, config.limits.api_requests, group, people.clone())?;
    let app = App::new(Parts {
        office: node.office.clone(),
        replication: node.replication.clone(),
        search: node.search.clone(),
        config: node.config.clone(),
        people,
        started: Instant::now(),
    });
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = server::serve(socket, app.clone(), async {
        // A sender that is dropped says the same.
        let _ = stopped.await;
    });
    let mut serving = tokio::spawn(serving);
    ready(&node.card, &node.network.listening());
    service::tell_ready();
    tokio::spawn(service::watchdog(node.office.clone()));
    tell_of_policy(&app).await;
    let ended = loop {
        tokio::select! {
            signal = signals.next() => match signal {
                Signal::Stop => break None,
                Signal::Reload => reload(&app).await,
            },
            ended = &mut serving => break Some(ended),
        }
    };
    service::tell_stopping();
    tracing::info!("stopping");
    app.stop();
    drop(stop);
    if ended.is_none() && tokio::time::timeout(GRACE, &mut serving).await.is_err() {
        tracing::warn!("requests were cut off");
        serving.abort();
    }
    drop(app);
    node.stop().await?;
    match ended {
        Some(Ok(Err(cause))) => Err(Error::Api(cause)),
        _ => Ok(()),
    }
}

/// Puts people in force once they are accounted for.
async fn in_force(office: &Office, people: People) -> Result<InForce, Error> {
    let office = office.clone();
    blocking(move || {
        office.account_for_people(&people)?;
        Ok(InForce::new(people))
    })
    .await
}

/// Says where another policy is in force than the policy file has.
async fn tell_of_policy(app: &App) {
    let Ok(PolicyFile { path, state, why }) = app.policy_file().await else { return };
    match state {
        PolicyFileState::InForce | PolicyFileState::Empty => {}
        PolicyFileState::Differs => {
            tracing::warn!(path, "another policy is in force than the file has: `igain policy plan`")
        }
        PolicyFileState::Absent => tracing::warn!(path, "a policy is in force, and its file is not there"),
        PolicyFileState::Refused => {
            tracing::error!(path, why, "another policy is in force than the file has, which is refused")
        }
    }
}

async fn reload(app: &App) {
    service::tell_reloading();
    match app.reload_people().await {
        Ok(persons) => tracing::info!(persons, "the people file was read again"),
        Err(problem) => tracing::error!(%problem, "the people file is refused; the people in force stay"),
    }
    match app.reload_policy().await {
        Ok(changes) => tracing::info!(changes, "the policy file was read again"),
        Err(problem) => tracing::error!(%problem, "the policy file is refused; the policy in force stays"),
    }
    service::tell_ready();
}

impl Node {
    async fn start(config: Config, keys: Keys, progress: impl Fn(Progress) + Send + 'static) -> Result<Self, Error> {
        let transport_seed = keys.transport_seed();
        let (config, keys, opened) = blocking(move || {
            let opened = open::open(&config, &keys, &progress)?;
            Ok((config, keys, opened))
        })
        .await?;
        let (network, incoming) = Network::start(network::Config::new(transport_seed, config.listen.clone())).await?;
        let office = opened.office.clone();
        office.allow(config.limits.member);
        restored::account(&config.data, &office).await;
        let issuer = card::Issuer::new(&config, &keys);
        drop(keys);
        let (card, issuer) = blocking(move || {
            match office.reread_sealed().and_then(|documents| Ok(documents + office.reread()?)) {
                Ok(0) => {}
                Ok(read) => tracing::info!(read, "what a build of before could not read can be read now"),
                Err(error) => tracing::error!(%error, "what is of a newer version could not be looked at again"),
            }
            Ok((issuer.renew(&office)?, issuer))
        })
        .await?;
        let settings = Settings {
            interval: Duration::from_secs(config.replication.interval_s.into()),
            window: config.replication.window,
        };
        let replication = Replication::start(opened.office.clone(), network.clone(), incoming, settings).await?;
        let erase_within = Duration::from_secs(config.retention.erase_within_s.into());
        let upkeep = Upkeep::start(&opened, issuer, erase_within)?;
        Ok(Self { config, office: opened.office, search: opened.search, network, replication, upkeep, card })
    }

    /// Ends the parts, those that others rest on last.
    async fn stop(self) -> Result<(), Error> {
        let Self { office, network, replication, upkeep, .. } = self;
        replication.stop();
        network.shutdown().await;
        blocking(move || {
            upkeep.stop();
            if let Err(error) = office.anchor().and_then(|()| office.note_time()) {
                tracing::warn!(%error, "the time and the end of the audit log could not be noted");
            }
            office.audit().close(office.now())?;
            Ok(office.ledger().store().close()?)
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(Error::Panic(error.to_string())),
    }
}
