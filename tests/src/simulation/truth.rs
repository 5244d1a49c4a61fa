//! What must be so once all is calm: the laws, looked at from outside.

use std::collections::{BTreeMap, BTreeSet};

use igain_node::ledger::{RecordKey, RecordRow};
use igain_node::office::{Caf, Grant, HolderState, Office};
use igain_protocol::bureau::BureauId;
use igain_protocol::caf::CafId;
use igain_protocol::record::{self, Record, RecordId};

use super::bureau::{Bureau, Up};

/// The first law that is broken.
pub(super) fn check(bureaus: &[Bureau]) -> Result<(), String> {
    let ups: Vec<(&Bureau, &Up)> = bureaus.iter().filter_map(|bureau| Some((bureau, bureau.up.as_ref()?))).collect();
    for (bureau, up) in &ups {
        if !up.rests() {
            return Err(format!("{} still has something to do", bureau.id));
        }
        bureau.books.check(&up.office)?;
        sound(bureau, &up.office)?;
    }
    for (_, owner) in &ups {
        for (_, peer) in ups.iter().filter(|(_, peer)| peer.office.me() != owner.office.me()) {
            held(&owner.office, &peer.office)?;
        }
    }
    Ok(())
}

/// How far peers have come, for a failure to be understood by.
pub(super) fn behind(bureaus: &[Bureau]) -> Vec<String> {
    let mut behind = Vec::new();
    for office in bureaus.iter().filter_map(|bureau| bureau.up.as_ref()).map(|up| &up.office) {
        for peer in office.peers().iter().map(|peer| peer.card().bureau) {
            let (Ok(view), Ok(head)) = (office.ledger().view(peer), office.ledger().log_head()) else { continue };
            let records = (view.records.generation, view.records.acked, view.records.sent.len());
            let events = office.ledger().events_after(peer, view.records.place().through, 16);
            behind.push(format!("{} to {peer}: {records:?} of {head}, {events:?}", office.me()));
        }
    }
    behind
}

/// How many records of others a bureau shows.
pub(super) fn received(bureau: &Bureau) -> usize {
    let shown =
        |office: &Office| shown(office).map_or(0, |all| all.keys().filter(|(owner, _)| *owner != office.me()).count());
    bureau.up.as_ref().map_or(0, |up| shown(&up.office))
}

/// L14 and L15: the audit log is whole, and no log has a hole.
fn sound(bureau: &Bureau, office: &Office) -> Result<(), String> {
    office.audit().verify().map_err(|error| format!("the audit log of {}: {error}", bureau.id))?;
    let holes = office.mend_logs().map_err(|error| error.to_string())?;
    if holes.is_empty() { Ok(()) } else { Err(format!("the logs of {} had holes: {holes:?}", bureau.id)) }
}

/// L1, L6, L7 and L8: a peer shows just what is granted and live, as it may know it, and the owner's list of holders says
/// so.
fn held(owner: &Office, peer: &Office) -> Result<(), String> {
    let (me, them) = (owner.me(), peer.me());
    let grants = owner.grants(None).remove(&them).unwrap_or_default();
    let own = shown(owner)?;
    let (mut granted, mut unheard) = (BTreeMap::new(), BTreeSet::new());
    for ((_, id), row) in own.iter().filter(|((of, _), _)| *of == me) {
        let Some(grant) = grants.get(&row.place.class) else { continue };
        if is_unheard(owner, peer, grant, row) {
            unheard.insert(*id);
            continue;
        }
        let may_refer = |to: RecordId| match own.contains_key(&(me, to)) || ended(owner, me, to) {
            true => knows(&own, &grants, me, to),
            false => holds(owner, them, to),
        };
        let kind = grant.label.kind;
        let bytes = record::redact_bytes(&row.bytes, kind, grant.groups, &may_refer).map_err(|e| e.to_string())?;
        granted.insert(*id, bytes);
    }
    let of_me = |(of, id): &(BureauId, RecordId)| *of == me && !unheard.contains(id);
    let theirs: BTreeMap<RecordId, Vec<u8>> =
        shown(peer)?.into_iter().filter(|(key, _)| of_me(key)).map(|((_, id), row)| (id, row.bytes)).collect();
    let ids = |all: &BTreeMap<RecordId, Vec<u8>>| all.keys().copied().collect::<BTreeSet<_>>();
    if ids(&theirs) != ids(&granted) {
        let told = |id: &RecordId| format!("{id} ({}; {})", place(owner, me, *id), place(peer, me, *id));
        let more: Vec<_> = ids(&theirs).difference(&ids(&granted)).map(told).collect();
        let fewer: Vec<_> = ids(&granted).difference(&ids(&theirs)).map(told).collect();
        return Err(format!("{them} should not show of {me}: {more:?}, and lacks {fewer:?}"));
    }
    for (id, bytes) in &theirs {
        // A reference to what the peer knew once, and may know no longer, does not count.
        let known = said(&granted[id])?;
        let shown = said(bytes)?;
        if !known.iter().all(|field| shown.contains(field)) {
            return Err(format!(
                "{them} holds {id} of {me} with other fields than it is granted: {shown:?}, {known:?}"
            ));
        }
        let holders = owner.holders(*id).map_err(|error| error.to_string())?;
        let state = holders.iter().find(|holder| holder.bureau == them).map(|holder| holder.state);
        if state != Some(HolderState::Holds) {
            return Err(format!("{me} says {state:?} of {them}, which holds {id}"));
        }
    }
    for (_, id) in own.keys().filter(|key| of_me(key) && !theirs.contains_key(&key.1)) {
        let holders = owner.holders(*id).map_err(|error| error.to_string())?;
        if holders.iter().any(|holder| holder.bureau == them && holder.state == HolderState::Holds) {
            return Err(format!("{me} says that {them} holds {id}, which does not"));
        }
    }
    files(owner, peer)
}

/// Whether a peer refuses a version for a file that was over when it was made, of which its owner hears nothing: it was dismissed before.
fn is_unheard(owner: &Office, peer: &Office, grant: &Grant, row: &RecordRow) -> bool {
    let Ok(made) = row.record().map(|record| record.header().modified) else { return false };
    grant.label.cafs.iter().any(|id| {
        let over = peer.caf(*id).is_ok_and(|caf| caf.charter().closed.is_some_and(|closed| closed < made));
        over && owner.caf(*id).is_ok_and(|caf| caf.charter().role_of(owner.me()).is_none())
    })
}

/// Both know the same charters and answers of the files that both are members of.
fn files(one: &Office, other: &Office) -> Result<(), String> {
    let cafs = |office: &Office| -> BTreeMap<CafId, Caf> {
        office.cafs().into_iter().map(|caf| (caf.charter().id, caf)).collect()
    };
    let (mine, theirs) = (cafs(one), cafs(other));
    for (id, caf) in &mine {
        let Some(known) = theirs.get(id) else { continue };
        let member = |caf: &Caf, of: &Office| caf.charter().role_of(of.me()).is_some();
        if !(member(caf, one) && member(caf, other) && member(known, one) && member(known, other)) {
            continue;
        }
        if caf.charter() != known.charter() {
            let serials = (caf.charter().serial, known.charter().serial);
            let manager = caf.charter().manager;
            return Err(format!(
                "{} and {} know other charters of {id}, which {manager} manages: {serials:?}",
                one.me(),
                other.me()
            ));
        }
        for bureau in [one.me(), other.me()] {
            if caf.acceptance_of(bureau) != known.acceptance_of(bureau) {
                let (mine, theirs) = (caf.acceptance_of(bureau), known.acceptance_of(bureau));
                let (one, other) = (one.me(), other.me());
                return Err(format!("{one} and {other} know other answers of {bureau} to {id}: {mine:?}, {theirs:?}"));
            }
        }
    }
    Ok(())
}

/// All that an office would show, now or once it hears that it may.
fn shown(office: &Office) -> Result<BTreeMap<(BureauId, RecordId), RecordRow>, String> {
    let mut all = BTreeMap::new();
    let mut after = None;
    loop {
        let page = office.ledger().records(after, 1_024).map_err(|error| error.to_string())?;
        let Some((last, _)) = page.last() else { return Ok(all) };
        after = Some(*last);
        for (key, row) in page {
            if office.is_kept(&row) {
                all.insert((key.owner, key.id), row);
            }
        }
    }
}

/// Whether a peer may know of a record of `me`'s.
fn knows(
    own: &BTreeMap<(BureauId, RecordId), RecordRow>,
    grants: &BTreeMap<u32, Grant>,
    me: BureauId,
    id: RecordId,
) -> bool {
    own.get(&(me, id)).is_some_and(|row| grants.contains_key(&row.place.class))
}

fn ended(office: &Office, owner: BureauId, id: RecordId) -> bool {
    office.ledger().has_ended(RecordKey { id, owner }).unwrap_or(false)
}

fn holds(office: &Office, owner: BureauId, id: RecordId) -> bool {
    office.ledger().has_record(RecordKey { id, owner }).unwrap_or(false)
}

/// Where a record of `owner` stands at an office, for a failure to be understood by.
fn place(office: &Office, owner: BureauId, id: RecordId) -> String {
    let key = RecordKey { id, owner };
    let (row, end) = (office.ledger().record(key), office.ledger().tombstone(key));
    let row = row.map(|row| row.map(|row| row.place));
    let end = end.map(|end| end.map(|end| (end.at, end.signed.is_some(), end.revision, end.stood)));
    format!("{}: {row:?} {end:?}", office.me())
}

/// What a record says, as far as it is disclosed.
fn said(bytes: &[u8]) -> Result<Vec<String>, String> {
    let record: Record = record::trusted(bytes).map_err(|error| error.to_string())?;
    Ok(record.fields().map(|(def, value)| format!("{}: {value:?}", def.name)).collect())
}
