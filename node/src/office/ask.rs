//! Answering this bureau's own analysts, over all that the node holds.

use std::collections::BTreeSet;

use hmac::{Hmac, KeyInit, Mac};
use igain_protocol::bureau::BureauId;
use igain_protocol::caf::CafId;
use igain_protocol::record::{Header, Record, RecordId};
use igain_protocol::time::{Day, Timestamp};
use igain_protocol::vocabulary::{GroupSet, Kind, Purpose, Scheme};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::memory::read;
use super::{Actor, Caf, Deed, Error, Office, Why, index};
use crate::ledger::{IdentifierKey, RecordKey, RecordRow, RevokedFor};
use crate::search::{Query, Token};
use crate::text;

/// Most hits of one answer.
const HITS_LIMIT: usize = 1_000;

/// What to look for in names.
#[derive(Debug, Clone)]
pub struct NameQuery {
    /// As the analyst writes it, in any script; a word that ends in `*` is a prefix.
    pub text: String,
    /// Compare consonants only, for names written in another script.
    pub loose: bool,
}

/// What an analyst asks.
#[derive(Debug, Clone)]
pub struct Question {
    /// Who asks.
    pub actor: Actor,
    /// Why.
    pub purpose: Purpose,
    /// In which case.
    pub case: String,
    /// An identifier, however it is spelled.
    pub identifier: Option<(Scheme, String)>,
    /// A name.
    pub name: Option<NameQuery>,
    /// Only these kinds; empty for all.
    pub kinds: Vec<Kind>,
    /// Only these owners; empty for all.
    pub owners: Vec<BureauId>,
    /// Only these CAFs; empty for all.
    pub cafs: Vec<CafId>,
    /// Only what happened, or else was changed, on or after this day.
    pub from: Option<Day>,
    /// Only what happened, or else was changed, on or before this day.
    pub to: Option<Day>,
    /// Most hits wanted, at most 1,000.
    pub limit: usize,
}

/// One record that was found.
#[derive(Debug, Clone)]
pub struct Hit {
    /// The record, as far as it is disclosed to this bureau.
    pub record: Record,
    /// When this version came in.
    pub stored: Timestamp,
    /// The groups of fields that its owner grants this bureau; all of its own.
    pub granted: GroupSet,
    /// What is to be known of its owner; none mostly.
    pub caution: Option<Caution>,
}

/// What became of the owner of a record since it shared it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Caution {
    /// It is revoked: it takes no part any more.
    OwnerLeft,
    /// It is revoked: others may have its keys, so that this may not be its word.
    OwnerCompromised,
    /// It may not contribute such records to the file any more.
    OwnerDismissed,
}

/// What was found, and the account of it.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The records, best first.
    pub hits: Vec<Hit>,
    /// There are more than the limit allows.
    pub more: bool,
    /// The number of the audit entry.
    pub audit: u64,
}

impl Office {
    /// Answers a question. Its account is durable before this returns.
    ///
    /// # Errors
    /// Where it lacks a case reference or asks for nothing, or an identifier cannot be read.
    pub fn ask(&self, question: &Question) -> Result<Answer, Error> {
        let why = Why::new(question.purpose, &question.case)?;
        let limit = question.limit.clamp(1, HITS_LIMIT);
        let keys = self.find(question, limit + 1)?;
        let mut hits = Vec::new();
        for key in keys {
            if hits.len() > limit {
                break;
            }
            if let Some(row) = self.ledger().record(key)? {
                hits.extend(self.hit(question, row)?);
            }
        }
        let more = hits.len() > limit;
        hits.truncate(limit);
        let deed = Deed::new(question.actor.clone(), "query").why(&why);
        let audit = self.account(self.particulars(deed, question).with("hits", hits.len()))?;
        Ok(Answer { hits, more, audit })
    }

    /// One record with everything that is disclosed of it, accounted for like a query.
    ///
    /// # Errors
    /// Where there is none, or anybody but the node itself does not say why.
    pub fn show(&self, actor: Actor, id: RecordId, why: Option<(Purpose, &str)>) -> Result<Vec<Hit>, Error> {
        self.show_of(None, actor, id, why)
    }

    /// As [`Office::show`], for whoever may see the records of one owner alone.
    ///
    /// # Errors
    /// Where that owner has none, or anybody but the node itself does not say why.
    pub fn show_of(
        &self,
        owner: Option<BureauId>,
        actor: Actor,
        id: RecordId,
        why: Option<(Purpose, &str)>,
    ) -> Result<Vec<Hit>, Error> {
        let why = Why::given(&actor, why)?;
        let mut hits = Vec::new();
        for (key, row) in self.ledger().records_with_id(id)? {
            if owner.is_none_or(|owner| key.owner == owner) && self.is_shown(&row) {
                hits.push(self.held(row.record()?, &row));
            }
        }
        let deed = Deed::new(actor, "record.show").record(id).with("hits", hits.len());
        self.account(match &why {
            Some(why) => deed.why(why),
            None => deed,
        })?;
        if hits.is_empty() { Err(Error::UnknownRecord(id)) } else { Ok(hits) }
    }

    fn find(&self, question: &Question, limit: usize) -> Result<Vec<RecordKey>, Error> {
        if let Some((scheme, raw)) = &question.identifier {
            // The filters are applied to what is found: some of it may not pass.
            return self.find_identifier(*scheme, raw, HITS_LIMIT);
        }
        self.wait_for_index()?;
        let query = index_query(question, limit)?;
        let hits = self.search()?.find(&query)?;
        Ok(hits.into_iter().map(|hit| RecordKey { id: hit.id, owner: hit.owner }).collect())
    }

    fn find_identifier(&self, scheme: Scheme, raw: &str, limit: usize) -> Result<Vec<RecordKey>, Error> {
        let forms = text::identifier::query_forms(scheme, raw, Some(self.me().country()))?;
        let mut keys = BTreeSet::new();
        for form in forms {
            let key = IdentifierKey::new(&self.secrets().identifier, scheme, &form);
            keys.extend(self.ledger().identified(key, limit)?);
        }
        Ok(keys.into_iter().take(limit).collect())
    }

    /// A record that was found, if it may be shown and passes the filters that its finding did not apply.
    fn hit(&self, question: &Question, row: RecordRow) -> Result<Option<Hit>, Error> {
        let record = row.record()?;
        let header = record.header();
        let among = |wanted: bool, empty: bool| empty || wanted;
        let day = index::day(&record);
        let passes = self.is_shown(&row)
            && among(question.kinds.contains(&header.label.kind), question.kinds.is_empty())
            && among(question.owners.contains(&header.owner), question.owners.is_empty())
            && among(header.label.cafs.iter().any(|caf| question.cafs.contains(caf)), question.cafs.is_empty())
            && (question.identifier.is_none()
                || (question.from.is_none_or(|from| from <= day) && question.to.is_none_or(|to| day <= to)));
        Ok(passes.then(|| self.held(record, &row)))
    }

    /// A record as this bureau holds it.
    fn held(&self, record: Record, row: &RecordRow) -> Hit {
        let classes = read(&self.inner.memory.classes);
        let came = classes.row(row.place.class).and_then(|class| class.came);
        drop(classes);
        let caution = self.caution(record.header());
        Hit { record, stored: row.place.stored, granted: came.map_or(GroupSet::ALL, |came| came.groups), caution }
    }

    /// What became of the owner of a received record.
    fn caution(&self, header: &Header) -> Option<Caution> {
        if header.owner == self.me() {
            return None;
        }
        match self.peer(header.owner).ok()?.revoked_for() {
            Some(RevokedFor::Left) => Some(Caution::OwnerLeft),
            Some(RevokedFor::Compromised) => Some(Caution::OwnerCompromised),
            None => {
                let mut cafs = header.label.cafs.iter().filter_map(|caf| self.caf(*caf).ok());
                let takes = |caf: Caf| caf.takes_from(header.owner, &header.label);
                (!cafs.all(takes)).then_some(Caution::OwnerDismissed)
            }
        }
    }

    /// What was asked for, as keyed digests: the audit log holds no personal data in clear.
    fn particulars(&self, deed: Deed, question: &Question) -> Deed {
        let deed = match &question.identifier {
            Some((scheme, raw)) => deed.with("identifier", scheme).with("value", self.digest(raw)),
            None => deed,
        };
        match &question.name {
            Some(name) => deed.with("name", self.digest(&text::fold(&name.text))),
            None => deed,
        }
    }

    fn digest(&self, text: &str) -> String {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secrets().identifier.as_slice()).expect("any key length");
        mac.update(b"igain audit 1");
        mac.update(text.trim().as_bytes());
        mac.finalize().into_bytes().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

fn index_query(question: &Question, limit: usize) -> Result<Query, Error> {
    let loose = question.name.as_ref().is_some_and(|name| name.loose);
    let tokens: Vec<Token> = question.name.iter().flat_map(|name| words(&name.text, name.loose)).collect();
    let filtered = !(question.kinds.is_empty() && question.owners.is_empty() && question.cafs.is_empty())
        || question.from.is_some()
        || question.to.is_some();
    if tokens.is_empty() && !filtered {
        return Err(Error::EmptyQuery);
    }
    let (tokens, skeletons) = if loose { (Vec::new(), tokens) } else { (tokens, Vec::new()) };
    Ok(Query {
        tokens,
        skeletons,
        kinds: question.kinds.clone(),
        owners: question.owners.clone(),
        cafs: question.cafs.clone(),
        from: question.from,
        to: question.to,
        limit,
    })
}

fn words(name: &str, loose: bool) -> Vec<Token> {
    let word = |word: &str| {
        let (word, prefix) = word.strip_suffix('*').map_or((word, false), |word| (word, true));
        let tokens = text::tokens(word);
        let last = tokens.len().saturating_sub(1);
        let token = move |(at, token): (usize, String)| {
            let text = if loose { text::skeleton(&token) } else { token };
            Token { text, prefix: prefix && at == last }
        };
        tokens.into_iter().enumerate().map(token).collect::<Vec<_>>()
    };
    name.split_whitespace().flat_map(word).collect()
}
