//! `igain status`.

use clap::Args;
use igain_protocol::time::Timestamp;

use super::Error;
use super::context::Context;
use super::output::Output;
use super::page::Page;
use super::words::{age, bytes, count, plural};
use crate::api::types::{self, PolicyFileState};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  igain status\n  igain status --json | jq '.peers[] | {bureau, behind: .link.behind}'"
)]
pub(super) struct Status {}

impl Status {
    pub(super) fn execute(self, context: &Context, output: &mut Output) -> Result<(), Error> {
        let client = context.client()?;
        let status: types::Status = context.block_on(async { Ok(client.get("/v1/status").await?) })?;
        output.show(&status, render)
    }
}

pub(super) fn render(status: &types::Status, page: &mut Page) {
    let store = &status.store;
    let total: u64 = status.records.iter().map(|owner| owner.records).sum();
    let owners: Vec<_> =
        status.records.iter().map(|owner| format!("{} {}", owner.owner, count(owner.records))).collect();
    let records = match owners.as_slice() {
        [] => "none".to_owned(),
        owners => format!("{} ({})", count(total), owners.join(", ")),
    };
    let clock = match status.clock.believed {
        true => status.clock.now.to_string(),
        false => page.bad(&format!(
            "{}; the system's clock says {}, which nothing explains: igain clock show",
            status.clock.now, status.clock.system
        )),
    };
    let index = match store.index_behind {
        0 => format!("{}, up to date", plural(store.indexed, "record", "records")),
        behind => {
            format!("{}, {} behind", plural(store.indexed, "record", "records"), plural(behind, "commit", "commits"))
        }
    };
    page.line(&page.strong(&format!("{}  {}", status.bureau, status.name)));
    if let Some(recovery) = &status.recovery {
        page.line(&page.bad(&put_back(recovery)));
    }
    page.facts(&[
        ("running", format!("{}, process {}, version {}", age(status.uptime_s), status.pid, status.version)),
        ("listening", status.listening.join("\n")),
        ("card", format!("valid until {}", status.card_until)),
        ("clock", clock),
        ("policy", policy(&status.policy, page)),
        ("records", records),
        ("CAFs", status.cafs.to_string()),
        (
            "store",
            format!(
                "{} in {}, {} to be freed, last sync {} ms",
                bytes(store.journal_bytes),
                plural(store.journal_files as u64, "file", "files"),
                bytes(store.dead_bytes),
                store.last_sync_us / 1_000
            ),
        ),
        ("name index", index),
    ]);
    page.blank();
    peers(&status.peers, Some(status.clock.now.0), page);
}

fn put_back(recovery: &types::RecoveryStatus) -> String {
    let waits: Vec<_> = recovery.waits_for.iter().map(ToString::to_string).collect();
    let waits = match waits.as_slice() {
        [] => String::new(),
        waits => format!(" {} must give back what they hold before they are served.", waits.join(", ")),
    };
    format!("This bureau was put back to a backup.{waits} See: igain recovery show")
}

/// How the policy file stands to what is in force.
pub(super) fn policy(file: &types::PolicyFile, page: &Page) -> String {
    let path = &file.path;
    match file.state {
        PolicyFileState::InForce => format!("in force as {path} says"),
        PolicyFileState::Empty => "none is in force yet, so nobody is given anything: igain policy plan".to_owned(),
        PolicyFileState::Differs => page.bad(&format!("{path} is not what is in force: igain policy plan, then apply")),
        PolicyFileState::Absent => page.bad(&format!("in force, but {path} is not there: igain policy show")),
        PolicyFileState::Refused => {
            let why = file.why.as_deref().unwrap_or_default();
            page.bad(&format!("another one is in force than {path}, which is refused:\n{why}"))
        }
    }
}

/// Whether a bureau is connected, and how.
pub(super) fn reach(link: &types::Link) -> String {
    if !link.connected {
        return "not connected".into();
    }
    let transport = link.transport.as_ref().map(|transport| format!(" {transport}"));
    let rtt = link.rtt_ms.map(|rtt| format!(" {rtt:.1} ms"));
    format!("connected{}{}", transport.unwrap_or_default(), rtt.unwrap_or_default())
}

/// The peers in short. Times are told as ages where `now` is known.
pub(super) fn peers(peers: &[types::Peer], now: Option<Timestamp>, page: &mut Page) {
    if peers.is_empty() {
        return page.line("No other bureau is enrolled. `igain peer enrol CARD` enrols one.");
    }
    let ago = |at: Option<types::Text<Timestamp>>| match (at, now) {
        (None, _) => "never".to_owned(),
        (Some(at), Some(now)) => format!("{} ago", age(now.ms_since(at.0) / 1_000)),
        (Some(at), None) => at.to_string(),
    };
    let row = |peer: &types::Peer| {
        let link = peer.link.as_ref();
        let reach = match link {
            Some(link) if peer.state == types::PeerState::Active => reach(link),
            _ => match peer.revoked_for {
                Some(why) => format!("revoked: {}", why.as_str()),
                None => peer.state.as_str().to_owned(),
            },
        };
        [
            peer.bureau.to_string(),
            reach,
            link.map_or_else(|| "-".into(), |link| ago(link.pulled)),
            link.map_or_else(|| "-".into(), |link| ago(link.served)),
            link.map_or_else(|| "-".into(), |link| count(link.behind)),
            link.map_or_else(|| "-".into(), |link| bytes(link.bytes_in)),
            link.map_or_else(|| "-".into(), |link| bytes(link.bytes_out)),
        ]
    };
    let rows: Vec<_> = peers.iter().map(row).collect();
    page.table(["PEER", "STATE", "PULLED", "SERVED", "BEHIND", "IN", "OUT"], &rows);
    for peer in peers {
        if let Some(error) = peer.link.as_ref().and_then(|link| link.last_error.as_ref()) {
            page.line(&format!("{}: {error}", peer.bureau));
        }
    }
}
