//! A question in tantivy's terms.

use std::ops::Bound;

use tantivy::Term;
use tantivy::query::{
    AllQuery, BooleanQuery, ConstScoreQuery, InvertedIndexRangeQuery, Query as TantivyQuery, TermQuery, TermSetQuery,
};
use tantivy::schema::{Field, IndexRecordOption};

use super::collect::{Best, Rank};
use super::schema::{self, Fields};
use super::{Error, Found, HITS_LIMIT, Query, Token, View};

/// Words of one query: more than any name has, few enough to answer at once.
pub(super) const WORDS_LIMIT: usize = 32;

/// What a match counts for.
const WHOLE_WORD: f32 = 4.0;
const PREFIX: f32 = 2.0;
const SKELETON: f32 = 1.0;
const FILTER: f32 = 0.0;

type Clause = Box<dyn TantivyQuery>;

pub(super) fn run(fields: &Fields, view: &View, query: &Query, after: Option<Rank>) -> Result<Found, Error> {
    let limit = query.limit.min(HITS_LIMIT);
    let days = (query.from.is_some() || query.to.is_some()).then(|| {
        let days = |day: igain_protocol::time::Day| u64::from(day.as_days());
        query.from.map_or(0, days)..=query.to.map_or(u64::MAX, days)
    });
    let best = Best { columns: &view.columns, days, after, limit };
    Ok(view.searcher.search(&clauses(fields, query)?, &best)?)
}

fn clauses(fields: &Fields, query: &Query) -> Result<Clause, Error> {
    let words = query.tokens.len() + query.skeletons.len();
    if words > WORDS_LIMIT {
        return Err(Error::TooManyWords(words));
    }
    let mut all: Vec<Clause> = Vec::with_capacity(words + 3);
    all.extend(query.tokens.iter().map(|token| word(fields.names, token, WHOLE_WORD, PREFIX)));
    all.extend(query.skeletons.iter().map(|token| word(fields.skeletons, token, SKELETON, SKELETON / 2.0)));
    all.extend(one_of(query.kinds.iter().map(|kind| fields.kind(*kind))));
    all.extend(one_of(query.owners.iter().map(|owner| fields.owner(*owner))));
    all.extend(one_of(query.cafs.iter().map(|caf| fields.caf(*caf))));
    Ok(match all.len() {
        0 => Box::new(AllQuery),
        1 => all.swap_remove(0),
        _ => Box::new(BooleanQuery::intersection(all)),
    })
}

fn word(field: Field, token: &Token, whole: f32, prefix: f32) -> Clause {
    let text = schema::cut(&token.text);
    let exact = counting(exactly(Term::from_field_text(field, text)), whole);
    match token.prefix {
        true => Box::new(BooleanQuery::union(vec![exact, counting(beginning_with(field, text), prefix)])),
        false => exact,
    }
}

fn one_of(terms: impl Iterator<Item = Term>) -> Option<Clause> {
    let mut terms: Vec<Term> = terms.collect();
    match terms.len() {
        0 => None,
        1 => terms.pop().map(|only| counting(exactly(only), FILTER)),
        _ => Some(counting(Box::new(TermSetQuery::new(terms)), FILTER)),
    }
}

fn exactly(term: Term) -> Clause {
    Box::new(TermQuery::new(term, IndexRecordOption::Basic))
}

/// Terms are ordered as their bytes are: those with a prefix lie between it and the next text that lacks it.
fn beginning_with(field: Field, prefix: &str) -> Clause {
    let lower = Bound::Included(Term::from_field_text(field, prefix));
    // No byte of UTF-8 is 0xff.
    let beyond = [prefix.as_bytes(), &[0xff]].concat();
    let mut upper = Term::from_field_text(field, "");
    upper.append_bytes(&beyond);
    Box::new(InvertedIndexRangeQuery::new(lower, Bound::Excluded(upper)))
}

fn counting(query: Clause, score: f32) -> Clause {
    Box::new(ConstScoreQuery::new(query, score))
}
