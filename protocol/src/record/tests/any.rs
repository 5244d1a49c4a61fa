//! Any record that its kind takes.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::vocabulary::{Doubt, Kind};

/// Long enough that it does not occur by chance.
const TOKEN: &str = "[a-zA-Z0-9éß]{12}";

fn value(ty: FieldType) -> BoxedStrategy<Value> {
    match ty {
        FieldType::Text | FieldType::Identifier(_) => TOKEN.prop_map(Value::Text).boxed(),
        FieldType::Name => (TOKEN, prop::option::of(Just("ar")), prop::option::of(Just("Arab")))
            .prop_map(|(text, lang, script)| Value::Name {
                text,
                lang: lang.map(Into::into),
                script: script.map(Into::into),
            })
            .boxed(),
        FieldType::Date => (1..=9999_u16, 1..=12_u8, 1..=28_u8, any::<bool>())
            .prop_map(|(year, month, day, about)| {
                let date: PartialDate = format!("{year:04}-{month:02}-{day:02}").parse().unwrap();
                Value::Date(if about { date.about() } else { date })
            })
            .boxed(),
        FieldType::Moment => any::<u64>().prop_map(|ms| Value::Moment(Timestamp::from_ms(ms))).boxed(),
        FieldType::Country => select(vec!["KE", "FR", "BR"]).prop_map(|code| Value::Text(code.into())).boxed(),
        FieldType::Language => select(vec!["sw", "pt-BR"]).prop_map(|tag| Value::Text(tag.into())).boxed(),
        FieldType::Quantity => ("-?[0-9]{1,9}(\\.[0-9]{1,4})?", "[a-zA-Z]{1,4}")
            .prop_map(|(amount, unit)| Value::Quantity { amount, unit })
            .boxed(),
        FieldType::Position => (-90_000_000..=90_000_000, -180_000_000..=180_000_000)
            .prop_map(|(latitude_e6, longitude_e6)| Value::Position { latitude_e6, longitude_e6 })
            .boxed(),
        FieldType::Reference => any::<[u8; 16]>().prop_map(|id| Value::Reference(RecordId::from_bytes(id))).boxed(),
        FieldType::Code(codes) => select(codes).prop_map(|code| Value::Text(code.into())).boxed(),
        FieldType::Flag => any::<bool>().prop_map(Value::Flag).boxed(),
        FieldType::Version => (any::<[u8; 16]>(), 1..=u32::MAX, any::<[u8; 32]>())
            .prop_map(|(id, revision, digest)| {
                let (id, digest) = (RecordId::from_bytes(id), Digest::from_bytes(digest));
                Value::Version(Version { id, revision, digest })
            })
            .boxed(),
        FieldType::Attachment => (any::<[u8; 32]>(), any::<u64>(), prop::option::of(TOKEN))
            .prop_map(|(digest, size, name)| {
                let digest = Digest::from_bytes(digest);
                Value::Attachment(Attachment { digest, size, media: "image/png".into(), name })
            })
            .boxed(),
        FieldType::Original => prop::collection::vec(any::<u8>(), 12..200)
            .prop_map(|content| Value::Original(Original { media: "text/plain".into(), content }))
            .boxed(),
        FieldType::Structure => (TOKEN, TOKEN, any::<i64>(), any::<bool>())
            .prop_map(|(key, text, number, flag)| {
                Value::Structure(Structure::new(serde_json::json!({ key: [text, { "n": number }, flag, null] })))
            })
            .boxed(),
        FieldType::Document => any::<[u8; 32]>().prop_map(|digest| Value::Document(Digest::from_bytes(digest))).boxed(),
    }
}

/// A record of any kind, with up to 20 of its fields, in any order, those that may be there twice perhaps twice.
pub(super) fn content() -> impl Strategy<Value = Content> {
    let field = |def: &'static FieldDef| {
        let unsure = prop::bool::weighted(if def.ty.is_beyond_doubt() { 0.0 } else { 0.1 });
        (value(def.ty), unsure)
            .prop_map(move |(value, unsure)| (def, if unsure { value.doubted(Doubt::Unsure) } else { value }))
    };
    let drawn = select(Kind::ALL).prop_flat_map(move |kind| {
        let fields = (0..fields(kind).len()).prop_flat_map(move |place| field(&fields(kind)[place]));
        (Just(kind), prop::collection::vec(fields, 0..20))
    });
    (drawn, any::<[u8; 16]>(), 1..=u32::MAX).prop_map(|((kind, drawn), id, revision)| {
        let mut seen = Vec::new();
        let mut once = |def: &FieldDef| {
            let first = !seen.contains(&def.name);
            seen.push(def.name);
            first || def.many
        };
        let fields = drawn.into_iter().filter(|(def, _)| once(def)).map(|(def, value)| (def.name.to_owned(), value));
        let label = Label { category: Some(SubjectCategory::Victim), ..Label::new(kind, Tlp::Green) };
        let fields = fields.collect();
        Content { id: RecordId::from_bytes(id), revision, label, fields, ..amina() }
    })
}

/// Any set of groups.
pub(super) fn groups() -> impl Strategy<Value = GroupSet> {
    (0..64_u32).prop_map(|bits| GroupSet::from_bits(bits).unwrap())
}
