//! Records: what is written, and what is held.

use igain_protocol::bureau::BureauId;
use igain_protocol::caf::CafId;
use igain_protocol::label::{self, Audience};
use igain_protocol::record::{self, RecordId, Value, Version};
use igain_protocol::time::{Day, Timestamp};
use igain_protocol::vocabulary::{
    AgeGroup, CrimeArea, Doubt, Grading, Group, GroupSet, HandlingCode, Kind, Pap, Reason, SubjectCategory, Tlp,
};
use serde::{Deserialize, Serialize};

use super::Text;
use crate::office::{self, Caution};

/// One field and its value, as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its name; `igain record schema` lists those of each kind.
    pub name: String,
    /// Its value, written as its type demands.
    pub value: String,
    /// The language of a name (BCP 47).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
    /// The script of a name (ISO 15924).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// What is doubtful about it; what is unread or ambiguous is written as it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Text<Doubt>>,
    /// The group with which it is disclosed; passed over in what is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Text<Group>>,
}

impl Field {
    /// A field of a record.
    pub fn new(def: &record::FieldDef, value: &Value) -> Self {
        let (lang, script) = match value.known() {
            Some(Value::Name { lang, script, .. }) => (lang.clone(), script.clone()),
            _ => (None, None),
        };
        let (doubt, group) = (value.doubt().map(Text), Some(Text(def.group)));
        Self { name: def.name.to_owned(), value: value.to_string(), lang, script, doubt, group }
    }
}

/// What policy may look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// What the record is about.
    pub kind: Text<Kind>,
    /// The CAFs that it belongs to: a bureau may have it only if each of them lets it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cafs: Vec<Text<CafId>>,
    /// How far it may travel.
    pub tlp: Text<Tlp>,
    /// What may be done with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pap: Option<Text<Pap>>,
    /// Handling codes.
    #[serde(default)]
    pub handling: Vec<Text<HandlingCode>>,
    /// The words of handling code H3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What a person is to the matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Text<SubjectCategory>>,
    /// The kind of crime that it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crime_area: Option<Text<CrimeArea>>,
    /// How old a person is, as far as protection goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_group: Option<Text<AgeGroup>>,
    /// The only bureaus that may have it, such as `BR FR`, or `nobody`; left out where policy decides alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<Text<Audience>>,
}

impl From<&label::Label> for Label {
    fn from(label: &label::Label) -> Self {
        Self {
            kind: Text(label.kind),
            cafs: label.cafs.iter().copied().map(Text).collect(),
            tlp: Text(label.tlp),
            pap: label.pap.map(Text),
            handling: label.handling.iter().copied().map(Text).collect(),
            note: label.note.clone(),
            category: label.category.map(Text),
            crime_area: label.crime_area.map(Text),
            age_group: label.age_group.map(Text),
            audience: Some(&label.audience).filter(|who| **who != Audience::Anyone).cloned().map(Text),
        }
    }
}

impl From<Label> for label::Label {
    fn from(label: Label) -> Self {
        let plain = Self {
            kind: label.kind.0,
            cafs: label.cafs.into_iter().map(|caf| caf.0).collect(),
            tlp: label.tlp.0,
            pap: label.pap.map(|pap| pap.0),
            handling: label.handling.into_iter().map(|code| code.0).collect(),
            note: label.note,
            category: label.category.map(|category| category.0),
            crime_area: label.crime_area.map(|area| area.0),
            age_group: label.age_group.map(|group| group.0),
            audience: label.audience.map(|audience| audience.0).unwrap_or_default(),
            grading: None,
        };
        plain.sorted()
    }
}

/// One record, as far as it is disclosed to this bureau.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its id.
    pub id: Text<RecordId>,
    /// Whose it is.
    pub owner: Text<BureauId>,
    /// Its version, from 1.
    pub revision: u32,
    /// What must be seen first by everyone who sees the record.
    pub banner: String,
    /// Its label.
    pub label: Label,
    /// How reliable it is; none in a draft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grading: Option<Text<Grading>>,
    /// When the first version was made.
    pub created: Text<Timestamp>,
    /// When this version was made.
    pub modified: Text<Timestamp>,
    /// When this version came in.
    pub stored: Text<Timestamp>,
    /// Seconds since this version was made.
    pub age_s: u64,
    /// The last day on which anybody may keep it; none in a draft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain_until: Option<Text<Day>>,
    /// It cannot be shared yet: grading, retention date or subject category is lacking.
    pub draft: bool,
    /// The groups of fields that its owner grants this bureau; all of its own records.
    pub granted: Text<GroupSet>,
    /// Its owner grants less than all.
    pub redacted: bool,
    /// Names this version, for another record to be based on it; none in a draft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Text<Version>>,
    /// What became of its owner since it shared this; none mostly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caution: Option<Caution>,
    /// The fields that are disclosed.
    pub fields: Vec<Field>,
    /// Of a record of this bureau's own that was given back in part after a restore: what the last version that is known whole
    /// said of the rest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Field>,
}

impl Record {
    /// A record that is held, as shown at `now`.
    pub fn new(hit: &office::Hit, now: Timestamp) -> Self {
        let (record, header) = (&hit.record, hit.record.header());
        Self {
            id: Text(header.id),
            owner: Text(header.owner),
            revision: header.revision,
            banner: header.label.banner(),
            label: Label::from(&header.label),
            grading: header.label.grading.map(Text),
            created: Text(header.created),
            modified: Text(header.modified),
            stored: Text(hit.stored),
            age_s: now.ms_since(header.modified) / 1_000,
            retain_until: header.retain_until.map(Text),
            draft: header.check_shareable().is_err(),
            granted: Text(hit.granted),
            redacted: hit.granted != GroupSet::ALL || record.is_redacted(),
            version: record.version().ok().filter(|_| header.check_shareable().is_ok()).map(Text),
            caution: hit.caution,
            fields: record.fields().map(|(def, value)| Field::new(def, value)).collect(),
            earlier: Vec::new(),
        }
    }
}

/// Records with one id: two owners may use the same one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Records {
    /// At least one.
    pub records: Vec<Record>,
}

/// A record to add, or a whole new version of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRecord {
    /// The record; one that is there is revised, a new one gets an id where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Text<RecordId>>,
    /// What the source calls it: the id is made from it, so that adding it again adds nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Whose keys they are; with `key`. A reference may be written `key:KEY` for a record of the same source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Its label.
    pub label: Label,
    /// How reliable it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grading: Option<Text<Grading>>,
    /// The last day on which anybody may keep it; the bureau's own rule where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain_until: Option<Text<Day>>,
    /// Records that are held here and that it rests on: it says which versions of them, and its label is no less restricted
    /// than theirs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub based_on: Vec<Text<RecordId>>,
    /// Its fields.
    pub fields: Vec<Field>,
}

/// Records to add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRecords {
    /// Each stands for itself: one that is refused stops no other.
    pub records: Vec<NewRecord>,
}

/// What became of what was contributed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contributed {
    /// One for each, in order.
    pub outcomes: Vec<Outcome>,
}

/// What became of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// What.
    pub outcome: OutcomeKind,
    /// The record; none where it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Text<RecordId>>,
    /// The stable name of the reason why it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The reason in words; of what was taken, what a draft lacks and which identifiers look wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What can become of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutcomeKind {
    /// A new record.
    Added,
    /// A new version of a record.
    Revised,
    /// Nothing: the record says just this already.
    Unchanged,
    /// Nothing: it is refused.
    Refused,
}

impl OutcomeKind {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Revised => "revised",
            Self::Unchanged => "unchanged",
            Self::Refused => "refused",
        }
    }
}

/// What to change in a record of this bureau's own. What is not named stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Revision {
    /// The version that this is meant for; refused if there is a newer one.
    pub revision: Option<u32>,
    /// Fields that replace all of the same name.
    pub set: Vec<Field>,
    /// Fields to add.
    pub add: Vec<Field>,
    /// Names of fields to remove.
    pub remove: Vec<String>,
    /// Other CAFs; an empty list for none.
    pub cafs: Option<Vec<Text<CafId>>>,
    /// Another TLP marking.
    pub tlp: Option<Text<Tlp>>,
    /// Another PAP marking.
    pub pap: Option<Text<Pap>>,
    /// Other handling codes.
    pub handling: Option<Vec<Text<HandlingCode>>>,
    /// Other words of handling code H3.
    pub note: Option<String>,
    /// Another subject category.
    pub category: Option<Text<SubjectCategory>>,
    /// Another crime area.
    pub crime_area: Option<Text<CrimeArea>>,
    /// Another age group.
    pub age_group: Option<Text<AgeGroup>>,
    /// Another audience; `anyone` for none.
    pub audience: Option<Text<Audience>>,
    /// Another grading.
    pub grading: Option<Text<Grading>>,
    /// Another retention date.
    pub retain_until: Option<Text<Day>>,
}

/// Why a record is withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdrawal {
    /// The reason.
    pub reason: Text<Reason>,
}

/// Who was sent a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holders {
    /// The record.
    pub record: Text<RecordId>,
    /// Every bureau that was ever sent it.
    pub holders: Vec<Holder>,
}

/// One bureau that was sent a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Which.
    pub bureau: Text<BureauId>,
    /// What it holds, as far as this bureau knows.
    pub state: HolderState,
    /// When it signed that it purged the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purged: Option<Text<Timestamp>>,
}

/// What became of a record at a bureau.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HolderState {
    /// It was sent, and the bureau may have it.
    Holds,
    /// The bureau must purge it, and has not said that it did.
    Recalled,
    /// The bureau has signed that it purged it.
    Purged,
}

impl HolderState {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Recalled => "recalled",
            Self::Purged => "purged",
        }
    }
}

/// The head of a record in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its id.
    pub id: Text<RecordId>,
    /// Whose it is.
    pub owner: Text<BureauId>,
    /// Its version.
    pub revision: u32,
    /// What must be seen first.
    pub banner: String,
    /// Its label.
    pub label: Label,
    /// How reliable it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grading: Option<Text<Grading>>,
    /// When this version was made.
    pub modified: Text<Timestamp>,
    /// Seconds since then.
    pub age_s: u64,
    /// The last day on which anybody may keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain_until: Option<Text<Day>>,
    /// It cannot be shared yet.
    pub draft: bool,
}

/// A page of records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// In the order of their ids.
    pub records: Vec<Listed>,
    /// Give this as `after` for the next page; none on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
