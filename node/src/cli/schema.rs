//! `igain record schema`: what records there are. It needs no daemon.

use igain_protocol::record::{FieldDef, FieldType, fields};
use igain_protocol::vocabulary::{
    CrimeArea, Group, HandlingCode, Kind, Pap, Purpose, Reason, Reliability, Scheme, SubjectCategory, Tlp,
};
use serde::Serialize;

use super::Error;
use super::output::Output;
use super::page::Page;

/// One word of a closed list.
#[derive(Debug, Serialize)]
struct Word {
    code: &'static str,
    title: &'static str,
}

/// The closed lists.
#[derive(Debug, Serialize)]
struct Lists {
    kinds: Vec<Word>,
    tlp: Vec<Word>,
    pap: Vec<Word>,
    handling: Vec<Word>,
    reliability: Vec<Word>,
    categories: Vec<Word>,
    crime_areas: Vec<Word>,
    purposes: Vec<Word>,
    reasons: Vec<Word>,
    groups: Vec<Word>,
    identifiers: Vec<Word>,
}

/// The fields of one kind.
#[derive(Debug, Serialize)]
struct Schema {
    kind: &'static str,
    title: &'static str,
    fields: Vec<Field>,
}

#[derive(Debug, Serialize)]
struct Field {
    name: &'static str,
    #[serde(rename = "type")]
    ty: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    codes: Option<&'static [&'static str]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identifier: Option<&'static str>,
    group: &'static str,
    many: bool,
    doc: &'static str,
}

/// Shows the kinds of records, or the fields of one.
pub(super) fn show(output: &mut Output, kind: Option<Kind>) -> Result<(), Error> {
    match kind {
        Some(kind) => output.show(&schema(kind), render),
        None => output.show(&lists(), render_lists),
    }
}

fn schema(kind: Kind) -> Schema {
    Schema { kind: kind.code(), title: kind.title(), fields: fields(kind).iter().map(field).collect() }
}

fn field(def: &FieldDef) -> Field {
    let codes = match def.ty {
        FieldType::Code(codes) => Some(codes),
        _ => None,
    };
    Field {
        name: def.name,
        ty: match def.ty {
            FieldType::Identifier(_) => "an identifier",
            ty => ty.name(),
        },
        codes,
        identifier: def.identifier().map(Scheme::code),
        group: def.group.code(),
        many: def.many,
        doc: def.doc,
    }
}

macro_rules! words {
    ($list:ty) => {
        <$list>::ALL.iter().map(|word| Word { code: word.code(), title: word.title() }).collect()
    };
}

fn lists() -> Lists {
    Lists {
        kinds: words!(Kind),
        tlp: words!(Tlp),
        pap: words!(Pap),
        handling: words!(HandlingCode),
        reliability: words!(Reliability),
        categories: words!(SubjectCategory),
        crime_areas: words!(CrimeArea),
        purposes: words!(Purpose),
        reasons: words!(Reason),
        groups: words!(Group),
        identifiers: words!(Scheme),
    }
}

fn render(schema: &Schema, page: &mut Page) {
    page.line(&page.strong(&format!("{}: {}", schema.kind, schema.title)));
    let row = |field: &Field| {
        let takes = match (field.codes, field.identifier) {
            (Some(codes), _) => codes.join(" "),
            (None, Some(scheme)) => format!("identifier: {scheme}"),
            (None, None) => field.ty.to_owned(),
        };
        let many = if field.many { "many" } else { "" };
        [field.name.to_owned(), field.group.to_owned(), many.to_owned(), field.doc.to_owned(), takes]
    };
    let rows: Vec<_> = schema.fields.iter().map(row).collect();
    page.table(["FIELD", "GROUP", "", "WHAT", "TAKES"], &rows);
}

fn render_lists(lists: &Lists, page: &mut Page) {
    let parts = [
        ("Kinds of records (`igain record schema KIND` lists their fields)", &lists.kinds),
        ("TLP markings", &lists.tlp),
        ("PAP markings", &lists.pap),
        ("Handling codes", &lists.handling),
        ("Source reliability; the accuracy, 1 to 4, follows it: B2", &lists.reliability),
        ("Subject categories", &lists.categories),
        ("Crime areas", &lists.crime_areas),
        ("Purposes", &lists.purposes),
        ("Reasons for withdrawal", &lists.reasons),
        ("Disclosure groups", &lists.groups),
        ("Identifiers", &lists.identifiers),
    ];
    for (title, words) in parts {
        page.line(&page.strong(title));
        let facts: Vec<(&str, String)> = words.iter().map(|word| (word.code, word.title.to_owned())).collect();
        page.facts(&facts);
        page.blank();
    }
}
