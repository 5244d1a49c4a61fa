//! The fields of the index, and a record as a document of it.

use igain_protocol::bureau::BureauId;
use igain_protocol::caf::CafId;
use igain_protocol::record::RecordId;
use igain_protocol::vocabulary::Kind;
use tantivy::schema::{BytesOptions, Field, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{RawTokenizer, TokenizerManager, WhitespaceTokenizer};
use tantivy::{TantivyDocument, Term};

use super::Doc;

/// Written with each commit: an index of another shape is made again from the store.
pub(super) const VERSION: u32 = 1;

/// Bytes of a token: longer ones are cut, in documents and in queries alike.
const TOKEN_LIMIT: usize = 128;

/// Tokens of one record: a record has at most 48 KiB, and a token at least one byte and a gap.
const TOKENS_LIMIT: usize = 24 * 1024;

/// Text that is cut at white space only: the caller has folded it.
const WORDS: &str = "words";
/// Text that is one token.
const WHOLE: &str = "whole";

/// The names of the columns.
pub(super) const ID_HIGH: &str = "id_high";
pub(super) const ID_LOW: &str = "id_low";
pub(super) const OWNER: &str = "owner";
pub(super) const MODIFIED: &str = "modified";
pub(super) const DAY: &str = "day";
pub(super) const LENGTH: &str = "length";

/// The fields of the index.
pub(super) struct Fields {
    schema: Schema,
    /// Id and owner, to replace and delete by.
    key: Field,
    pub(super) names: Field,
    pub(super) skeletons: Field,
    /// Kind, owner and CAF, told apart by their first letter: one dictionary instead of three.
    tags: Field,
    id_high: Field,
    id_low: Field,
    owner: Field,
    modified: Field,
    day: Field,
    length: Field,
}

impl Fields {
    pub(super) fn new() -> Self {
        // No positions, no frequencies, no norms: ranks are not made of them, and they would be read for nothing.
        let indexed = |tokenizer| {
            let indexing = TextFieldIndexing::default()
                .set_tokenizer(tokenizer)
                .set_fieldnorms(false)
                .set_index_option(IndexRecordOption::Basic);
            TextOptions::default().set_indexing_options(indexing)
        };
        let column = || NumericOptions::default().set_fast();
        let mut schema = Schema::builder();
        Self {
            key: schema.add_bytes_field("key", BytesOptions::default().set_indexed()),
            names: schema.add_text_field("names", indexed(WORDS)),
            skeletons: schema.add_text_field("skeletons", indexed(WORDS)),
            tags: schema.add_text_field("tags", indexed(WHOLE)),
            id_high: schema.add_u64_field(ID_HIGH, column()),
            id_low: schema.add_u64_field(ID_LOW, column()),
            owner: schema.add_text_field(OWNER, TextOptions::default().set_fast("raw")),
            modified: schema.add_u64_field(MODIFIED, column()),
            day: schema.add_u64_field(DAY, column()),
            length: schema.add_u64_field(LENGTH, column()),
            schema: schema.build(),
        }
    }

    pub(super) fn schema(&self) -> Schema {
        self.schema.clone()
    }

    /// What finds one record of one owner.
    pub(super) fn key(&self, id: RecordId, owner: BureauId) -> Term {
        Term::from_field_bytes(self.key, &key_bytes(id, owner))
    }

    pub(super) fn document(&self, doc: &Doc) -> TantivyDocument {
        let (high, low) = halves(doc.id);
        let day = doc.date.unwrap_or_else(|| doc.modified.day());
        let mut document = TantivyDocument::default();
        document.add_bytes(self.key, &key_bytes(doc.id, doc.owner));
        document.add_text(self.names, joined(&doc.names));
        document.add_text(self.skeletons, joined(&doc.skeletons));
        document.add_text(self.tags, kind_tag(doc.kind));
        document.add_text(self.tags, owner_tag(doc.owner));
        for caf in &doc.cafs {
            document.add_text(self.tags, caf_tag(*caf));
        }
        document.add_u64(self.id_high, high);
        document.add_u64(self.id_low, low);
        document.add_text(self.owner, doc.owner.as_str());
        document.add_u64(self.modified, doc.modified.as_ms());
        document.add_u64(self.day, u64::from(day.as_days()));
        document.add_u64(self.length, doc.names.len().min(TOKENS_LIMIT) as u64);
        document
    }

    pub(super) fn kind(&self, kind: Kind) -> Term {
        Term::from_field_text(self.tags, &kind_tag(kind))
    }

    pub(super) fn owner(&self, owner: BureauId) -> Term {
        Term::from_field_text(self.tags, &owner_tag(owner))
    }

    pub(super) fn caf(&self, caf: CafId) -> Term {
        Term::from_field_text(self.tags, &caf_tag(caf))
    }
}

/// The tokenizers that the fields name.
pub(super) fn tokenizers() -> TokenizerManager {
    // tantivy asks for its own default even where a field has no text.
    let tokenizers = TokenizerManager::default();
    tokenizers.register(WORDS, WhitespaceTokenizer::default());
    tokenizers.register(WHOLE, RawTokenizer::default());
    tokenizers
}

/// The beginning of a token that is indexed.
pub(super) fn cut(token: &str) -> &str {
    // A character has four bytes at most: one of these ends is between two.
    let mut ends = (TOKEN_LIMIT - 3..=TOKEN_LIMIT).rev();
    match token.len() <= TOKEN_LIMIT {
        true => token,
        false => ends.find_map(|end| token.get(..end)).unwrap_or(token),
    }
}

fn joined(tokens: &[String]) -> String {
    let mut text = String::with_capacity(tokens.iter().map(|token| token.len() + 1).sum());
    for token in tokens.iter().flat_map(|token| token.split_whitespace()).take(TOKENS_LIMIT) {
        text.push_str(cut(token));
        text.push(' ');
    }
    text
}

fn key_bytes(id: RecordId, owner: BureauId) -> [u8; 24] {
    let mut bytes = [0; 24];
    bytes.iter_mut().zip(id.as_bytes().iter().chain(owner.as_bytes())).for_each(|(to, from)| *to = *from);
    bytes
}

fn halves(id: RecordId) -> (u64, u64) {
    let whole = u128::from_be_bytes(*id.as_bytes());
    ((whole >> 64) as u64, whole as u64)
}

fn kind_tag(kind: Kind) -> String {
    format!("k{}", kind.number())
}

fn owner_tag(owner: BureauId) -> String {
    format!("o{owner}")
}

fn caf_tag(caf: CafId) -> String {
    format!("c{caf}")
}
