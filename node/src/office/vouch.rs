//! Commitments to the end of the audit log, which peers keep: whoever puts books and log back together, or cuts them, cannot change
//! what others hold. A commitment is a hash over the end and a nonce that follows from a secret, the peer and the time: so this
//! bureau can open it, for anybody, and nobody else learns anything from it.

use igain_protocol::bureau::BureauId;
use igain_protocol::sync::{Commitment, Heads};
use igain_protocol::time::Timestamp;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{Actor, Deed, Error, Office};
use crate::audit::End;
use crate::store::StoreKey;

impl Office {
    /// What a peer is told of both logs: a commitment of now, and one of those that are kept of it, by turns.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub fn heads(&self, peer: BureauId) -> Result<Heads, Error> {
        let kept = self.ledger().commitments(peer)?;
        let turn = self.inner.memory.next_shown(peer);
        // The newest every other time, and the older ones between.
        let count = kept.len() as u64;
        let older = (turn / 2).checked_rem(count).unwrap_or_default();
        let nth = if turn.is_multiple_of(2) { count.saturating_sub(1) } else { older };
        let kept = usize::try_from(nth).ok().and_then(|nth| kept.get(nth)).copied().unwrap_or_default();
        let at = self.now();
        let digest = digest(&self.nonce(peer, at), &self.audit().end());
        Ok(Heads { own: Commitment { at, digest }, kept })
    }

    /// Takes what a peer says of both logs: keeps its commitment, with the next write, and sees that the one of this bureau's fits
    /// this bureau's log. Whether that is so, or nothing was shown.
    ///
    /// # Errors
    /// Where the books or the log cannot be read, or what is wrong cannot be accounted for.
    pub fn hear_heads(&self, peer: BureauId, heads: &Heads) -> Result<bool, Error> {
        self.inner.memory.keep_commitment(peer, heads.own);
        let Heads { kept, .. } = heads;
        if *kept == Commitment::default() {
            return Ok(true);
        }
        let nonce = self.nonce(peer, kept.at);
        if self.audit().is_end(kept.at, |end| digest(&nonce, end) == kept.digest)? {
            self.inner.memory.note_vouched(peer, kept.at, true);
            return Ok(true);
        }
        // Told once for each start.
        if self.inner.memory.note_vouched(peer, kept.at, false) {
            tracing::error!(
                %peer, of = %kept.at,
                "a bureau keeps a commitment to this one's audit log that the log does not fit: entries of before are missing, or the \
                 log was put back to a backup. See `igain audit verify`"
            );
            let deed = Deed::new(Actor::Bureau(peer), "audit.put-back").peer(peer);
            self.note_put_back(deed.with("commitment", kept.at), Some(peer), None)?;
        }
        Ok(false)
    }

    /// Up to when peers vouch for this bureau's audit log since the start; and of when the commitments are that it does not fit.
    pub fn vouched(&self) -> Vec<(BureauId, Option<Timestamp>, Option<Timestamp>)> {
        self.inner.memory.vouched()
    }

    /// The nonce of the commitment towards a peer at a time.
    fn nonce(&self, peer: BureauId, at: Timestamp) -> Zeroizing<[u8; 32]> {
        let key = StoreKey::from_bytes(*self.secrets().commitment);
        key.subkey(&[peer.as_bytes().as_slice(), &at.as_ms().to_be_bytes()].concat(), "igain head nonce 1")
    }
}

/// The commitment to an end of the log.
fn digest(nonce: &[u8; 32], end: &End) -> [u8; 32] {
    let hash = Sha256::new().chain_update(b"igain head 1").chain_update(nonce);
    hash.chain_update(end.seq.to_be_bytes()).chain_update(end.hash).finalize().into()
}
