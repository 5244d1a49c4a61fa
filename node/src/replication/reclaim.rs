//! Having a peer give back what it holds of this bureau's own, before its pull is answered; and giving back what a peer asks for.

use igain_protocol::bureau::BureauId;
use igain_protocol::codec;
use igain_protocol::parcel::{PARCEL_LIMIT, Parcel};
use igain_protocol::sync::{Given, Message, Reclaim, Returned, Violation};

use super::link::Link;
use super::serve::seal;
use super::{Replication, blocking};
use crate::ledger::RevokedFor;
use crate::network::Exchange;
use crate::office::{Error, Office, Reclaiming};

impl Replication {
    /// Asks until the peer has given back all that it holds. What came is durable, also where the rest does not come.
    pub(super) async fn reclaim(
        &self,
        link: &Link,
        exchange: &mut Exchange,
        reclaiming: Reclaiming,
    ) -> Result<(), Error> {
        // One at a time, and not beyond a change of what the peer may have, such as its revocation.
        let _serving = link.serving.lock().await;
        let mut void = link.void.subscribe();
        tokio::select! {
            biased;
            _ = void.changed() => Err(Error::Interrupted),
            done = self.ask_back(link, exchange, reclaiming) => done,
        }
    }

    async fn ask_back(&self, link: &Link, exchange: &mut Exchange, mut reclaiming: Reclaiming) -> Result<(), Error> {
        while let Some(ask) = reclaiming.ask() {
            exchange.send(&Message::Reclaim(ask).encode()).await?;
            let sealed = loop {
                let frame = exchange.recv_within(exchange.patience(PARCEL_LIMIT)).await?;
                match Message::decode(&frame.ok_or(Error::CutOff)?)? {
                    Message::Returned(returned) => break returned.sealed,
                    // Of an answer that is over, or of a newer version.
                    Message::Taken(_) | Message::Other => {}
                    _ => return Err(Error::Violation(Violation::Unasked)),
                }
            };
            let (office, peer) = (self.office().clone(), link.bureau);
            reclaiming = blocking(move || {
                reclaiming.take(open(&office, peer, &sealed)?)?;
                Ok(reclaiming)
            })
            .await?;
        }
        Ok(())
    }
}

/// What a provider asks back, sealed for it. One whose keys are compromised has asked for nothing that it may have.
pub(super) fn give_back(office: &Office, link: &Link, asked: &Reclaim) -> Result<Message, Error> {
    let to = link.bureau;
    if link.bond.revoked == Some(RevokedFor::Compromised) {
        return Err(Error::Violation(Violation::Unasked));
    }
    let items = office.give_back(to, asked)?;
    Ok(Message::Returned(Returned { sealed: seal(office, to, items)? }))
}

/// The items of a sealed parcel, once it is found to be the peer's word to this bureau.
pub(super) fn opened(office: &Office, from: BureauId, sealed: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    let peer = office.linked_peer(from)?;
    let signed = office.secrets().open(sealed)?;
    Ok(Parcel::verify(&signed, office.me(), (from, &peer.card().signing))?.items)
}

fn open(office: &Office, from: BureauId, sealed: &[u8]) -> Result<Vec<Given>, Error> {
    let items = opened(office, from, sealed)?;
    let given = items.iter().map(|item| codec::decode(item));
    given.collect::<Result<_, _>>().map_err(|error| Error::Parcel(error.into()))
}
