//! The items of a parcel.

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

use super::{Entry, FeedKind, Position, bytes16};
use crate::{codec, record};

/// Most entries in one item; an item must fit a parcel, and no entry is shorter than two bytes.
pub const MAX_ENTRIES: usize = 4_096;

/// One item of a parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A feed begins, or begins anew: what came in an earlier generation stays until [`Entry::Complete`].
    Open {
        /// Which.
        feed: FeedKind,
        /// Its generation, greater than all before.
        generation: u64,
    },
    /// A run of entries.
    Run(Run),
    /// One that a newer version knows; it is passed over.
    Other,
}

/// Entries that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The feed that they belong to.
    pub feed: FeedKind,
    /// Its generation.
    pub generation: u64,
    /// The place that they follow.
    pub from: Position,
    /// The place after them.
    pub to: Position,
    /// In order, at least one.
    pub entries: Vec<Entry>,
}

impl Run {
    /// The entries that follow `from`.
    pub fn new(feed: FeedKind, generation: u64, from: Position, entries: Vec<Entry>) -> Self {
        let to = from.after(entries.len(), &written(&entries));
        Self { feed, generation, from, to, entries }
    }
}

/// The room of a run that is being filled. Records that follow each other under one label take less than each alone.
#[derive(Debug)]
pub struct Filling {
    left: usize,
    before: Vec<u8>,
}

impl Filling {
    /// A run of at most so many bytes.
    pub const fn new(room: usize) -> Self {
        Self { left: room, before: Vec::new() }
    }

    /// Whether there is room for an entry behind the last one that was taken; then it is taken.
    pub fn take(&mut self, entry: &Entry) -> bool {
        let shared = if let Entry::Put { record, .. } = entry { record::split(record) } else { None };
        let shared = shared.map(|(shared, _)| shared).unwrap_or_default();
        let known = if shared == self.before { shared.len() } else { 0 };
        let Some(left) = self.left.checked_sub(entry.wire_len().saturating_sub(known)) else { return false };
        self.left = left;
        if known == 0 && !shared.is_empty() {
            self.before = shared.to_vec();
        }
        true
    }
}

/// The encodings of entries, one after the other. A record leaves out what it shares with the one before in the run.
fn written(entries: &[Entry]) -> Vec<u8> {
    let (mut bytes, mut before) = (Vec::new(), None);
    for entry in entries {
        let pieces = if let Entry::Put { record, .. } = entry { record::split(record) } else { None };
        match (entry, pieces) {
            (Entry::Put { groups, .. }, Some((shared, own))) if before == Some(shared) => {
                let short = Entry::Put { groups: *groups, record: record::shortened(own) };
                bytes.extend(codec::encode(&short));
            }
            _ => bytes.extend(codec::encode(entry)),
        }
        before = pieces.map(|(shared, _)| shared).or(before);
    }
    bytes
}

/// Gives a record what it shares with the one before.
fn lengthen(entries: &mut [Entry]) -> Result<(), &'static str> {
    let mut before: Option<Vec<u8>> = None;
    for entry in entries {
        let Entry::Put { record, .. } = entry else { continue };
        if record::is_short(record) {
            let whole = before.as_ref().and_then(|shared| record::lengthened(record, shared));
            *record = whole.ok_or("a record that leaves out what none before it says")?;
        } else if let Some((shared, _)) = record::split(record) {
            before = Some(shared.to_vec());
        }
    }
    Ok(())
}

const OPEN: u64 = 0;
const RUN: u64 = 1;

impl<C> Encode<C> for Item {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        match self {
            Self::Open { feed, generation } => e.array(3)?.u64(OPEN)?.u8(feed.number())?.u64(*generation)?.ok(),
            Self::Run(run) => {
                e.array(6)?.u64(RUN)?.u8(run.feed.number())?.u64(run.generation)?;
                e.u64(run.from.seq)?.bytes(&run.from.head)?.array(run.entries.len() as u64)?;
                e.writer_mut().write_all(&written(&run.entries)).map_err(encode::Error::write)
            }
            // INVARIANT: nobody makes one of these.
            Self::Other => e.array(0)?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for Item {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        let start = d.position();
        let parts = d.array()?;
        let code = d.u64()?;
        let feed = if code <= RUN { FeedKind::from_number(d.u64()?) } else { None };
        let Some(feed) = feed else {
            d.set_position(start);
            d.skip()?;
            return Ok(Self::Other);
        };
        let known = if code == OPEN { 3 } else { 6 };
        let more = parts.and_then(|parts| parts.checked_sub(known));
        let more = more.ok_or_else(|| decode::Error::message("a shorter item").at(start))?;
        let item = match code {
            OPEN => Self::Open { feed, generation: d.u64()? },
            _ => Self::Run(run(d, ctx, feed)?),
        };
        // What a later version says besides.
        (0..more).try_for_each(|_| d.skip())?;
        Ok(item)
    }
}

fn run<C>(d: &mut Decoder<'_>, ctx: &mut C, feed: FeedKind) -> Result<Run, decode::Error> {
    let generation = d.u64()?;
    let from = Position { seq: d.u64()?, head: bytes16(d)? };
    let at = d.position();
    let count = d.array()?.and_then(|n| usize::try_from(n).ok()).filter(|n| (1..=MAX_ENTRIES).contains(n));
    let count = count.ok_or_else(|| decode::Error::message("a run has 1 to 4096 entries").at(at))?;
    let first = d.position();
    let mut entries = (0..count).map(|_| Entry::decode(d, ctx)).collect::<Result<Vec<_>, _>>()?;
    let to = from.after(count, d.input().get(first..d.position()).unwrap_or_default());
    lengthen(&mut entries).map_err(|why| decode::Error::message(why).at(first))?;
    Ok(Run { feed, generation, from, to, entries })
}

#[cfg(test)]
mod tests {
    use super::super::{Letter, LetterKind};
    use super::*;
    use crate::bureau::SigningKey;
    use crate::caf::CafId;
    use crate::label::{Label, LabelDigest};
    use crate::record::{Content, RecordId, SaltKey, Value};
    use crate::time::{Day, Timestamp};
    use crate::vocabulary::{GroupSet, Kind, SubjectCategory, Tlp};

    fn put(record: u8) -> Entry {
        Entry::Put { groups: GroupSet::ALL, record: vec![record] }
    }

    fn run(entries: Vec<Entry>) -> Run {
        Run::new(FeedKind::Records, 7, Position::default(), entries)
    }

    #[test]
    fn a_position_depends_on_every_entry_and_its_order() {
        let ab = run(vec![put(1), put(2)]).to;
        assert_eq!(ab.seq, 2);
        assert_ne!(ab.head, run(vec![put(2), put(1)]).to.head);
        assert_ne!(run(vec![put(1)]).to.head, run(vec![Entry::Withdraw(vec![1])]).to.head);
    }

    #[test]
    fn items_come_back_as_they_went() {
        let id = RecordId::from_bytes([7; 16]);
        let entries = vec![
            put(1),
            Entry::Withdraw(vec![3]),
            Entry::Gone(id),
            Entry::Recall(LabelDigest::from_bytes([8; 16])),
            Entry::Complete,
            Entry::Letter(Letter { kind: LetterKind::Receipt, bytes: vec![4] }),
        ];
        let open = Item::Open { feed: FeedKind::Letters, generation: 9 };
        for item in [Item::Run(run(entries)), open] {
            let bytes = codec::encode(&item);
            assert_eq!(codec::decode::<Item>(&bytes), Ok(item));
        }
    }

    /// L19: what a later version says besides is passed over, in a known item and in a known entry; and the place behind them
    /// is over all that came.
    #[test]
    fn more_parts_of_a_known_item_or_entry_are_passed_over() {
        let id = RecordId::from_bytes([7; 16]);
        let bytes = |parts: &[u8]| parts.to_vec();
        let longer = [&[0x83, 0x02, 0x50][..], id.as_bytes(), &[0x61, b'x']].concat();
        let head = codec::encode(&Item::Run(run(vec![Entry::Complete])));
        // The array of entries is the last: here of two, and behind it a seventh part.
        let before = head.len() - 3;
        let item = [&[head[0] + 1], &head[1..before], &bytes(&[0x82]), &longer, &bytes(&[0x81, 0x04, 0xf6])].concat();
        let Ok(Item::Run(read)) = codec::decode::<Item>(&item) else { panic!("no run") };
        assert_eq!(read.entries, [Entry::Gone(id), Entry::Complete]);
        assert_eq!(read.to, Position::default().after(2, &[longer, bytes(&[0x81, 0x04])].concat()));
        let open = codec::encode(&Item::Open { feed: FeedKind::Letters, generation: 9 });
        let longer = [&[open[0] + 1], &open[1..], &[0x01]].concat();
        assert_eq!(codec::decode::<Item>(&longer), Ok(Item::Open { feed: FeedKind::Letters, generation: 9 }));
        assert!(codec::decode::<Item>(&[&[open[0] - 1], &open[1..open.len() - 1]].concat()).is_err());
    }

    /// Records of one owner with one label travel without saying both again, and arrive whole.
    #[test]
    fn a_record_leaves_out_what_the_one_before_says() {
        let record = |kind: Kind, nth: u8| {
            let content = Content {
                id: RecordId::from_bytes([nth; 16]),
                revision: 1,
                owner: "KE".parse().unwrap(),
                label: Label::new(kind, Tlp::Green),
                created: Timestamp::from_ms(1),
                modified: Timestamp::from_ms(1),
                retain_until: None,
                fields: Vec::new(),
            };
            let key = SigningKey::from_seed([1; 32]);
            let record = record::sign(&content, &SaltKey::new([2; 32]), &key).unwrap().as_bytes().to_vec();
            Entry::Put { groups: GroupSet::ALL, record }
        };
        let (phone, item) = (Kind::Phone, Kind::Item);
        let entries =
            vec![record(phone, 1), put(7), record(phone, 2), Entry::Complete, record(item, 3), record(item, 4)];
        let alone: usize = entries.iter().map(|entry| codec::encode(entry).len()).sum();
        let run = run(entries);
        let bytes = codec::encode(&Item::Run(run.clone()));
        let label = codec::encode(&Label::new(phone, Tlp::Green)).len();
        let framing = codec::encode(&Item::Run(Run { entries: vec![Entry::Complete], ..run.clone() })).len() - 2;
        assert_eq!(bytes.len(), framing + alone - 2 * (9 + label));
        assert_eq!(codec::decode::<Item>(&bytes), Ok(Item::Run(run)));
    }

    /// A run is filled by what its entries take in it. Seen to fail when each is reckoned as if it stood alone: a seventh of
    /// the room was left.
    #[test]
    fn a_run_is_filled_by_what_its_entries_take_in_it() {
        const ROOM: usize = 32_000;
        let label = Label { note: Some("Call before any action".into()), ..Label::new(Kind::Phone, Tlp::Green) };
        let record = |nth: u16| {
            let content = Content {
                id: RecordId::from_bytes([nth.to_be_bytes()[1]; 16]),
                revision: 1,
                owner: "KE".parse().unwrap(),
                label: Label { handling: vec![crate::vocabulary::HandlingCode::H3], ..label.clone() },
                created: Timestamp::from_ms(1),
                modified: Timestamp::from_ms(1),
                retain_until: None,
                fields: vec![("number".into(), Value::Text(format!("+2547{nth:08}")))],
            };
            let record = record::sign(&content, &SaltKey::new([2; 32]), &SigningKey::from_seed([1; 32])).unwrap();
            Entry::Put { groups: GroupSet::ALL, record: record.as_bytes().to_vec() }
        };
        let mut filling = Filling::new(ROOM);
        let entries: Vec<Entry> = (0..1_000).map(record).take_while(|entry| filling.take(entry)).collect();
        let written = written(&entries).len();
        assert!((ROOM * 95 / 100..=ROOM).contains(&written), "{written}");
    }

    /// What a record costs beside what somebody wrote into it: a person of eight fields with values of 866 bytes, in a file,
    /// behind another one. Seen to fail when key and label travel with each record.
    #[test]
    fn a_record_takes_little_more_than_what_it_says() {
        let text = |name: &str, value: &str| (name.to_owned(), Value::Text(value.into()));
        let mut fields = vec![
            ("name".to_owned(), Value::name("Amina Wanjiru Kamau")),
            ("birth-date".to_owned(), Value::Date("1984-03-17".parse().unwrap())),
            text("sex", "female"),
            text("nationality", "KE"),
            text("passport", "BK0012345"),
            text("phone", "+254 700 000 001"),
            text("source", "Statement of a witness, Mombasa"),
        ];
        let said: usize = fields.iter().map(|(_, value)| value.to_string().len()).sum();
        fields.push(text("remarks", &"x".repeat(866 - said)));
        let label = Label { cafs: vec![CafId::from_bytes([9; 16])], ..Label::new(Kind::Person, Tlp::Amber) };
        let label = Label { category: Some(SubjectCategory::Suspect), ..label }.graded("B2".parse().unwrap());
        let record = |nth: u8| {
            let content = Content {
                id: RecordId::from_bytes([nth; 16]),
                revision: 1,
                owner: "KE".parse().unwrap(),
                label: label.clone(),
                created: Timestamp::from_ms(1_795_000_000_000),
                modified: Timestamp::from_ms(1_795_000_000_000),
                retain_until: Some(Day::from_days(25_000)),
                fields: fields.clone(),
            };
            let record = record::sign(&content, &SaltKey::new([2; 32]), &SigningKey::from_seed([1; 32])).unwrap();
            Entry::Put { groups: GroupSet::ALL, record: record.as_bytes().to_vec() }
        };
        let of = |entries| codec::encode(&Item::Run(run(entries))).len();
        let bytes = of(vec![record(1), record(2)]) - of(vec![record(1)]);
        assert!((1_000..=1_050).contains(&bytes), "{bytes}");
    }

    /// L16: what many short records grow to is bounded. Seen to fail when a label of any length was shared by records of any
    /// length.
    #[test]
    fn a_run_does_not_grow_without_bound() {
        let record = |label: usize| {
            let mut e = Encoder::new(vec![0x86]);
            e.bytes(&[0; 8]).unwrap().bytes(&vec![7; label]).unwrap().bytes(&[0; 80]).unwrap();
            Entry::Put { groups: GroupSet::ALL, record: e.into_writer() }
        };
        let short = |bytes: usize| {
            let record = [vec![0x84], vec![0x40; bytes]].concat();
            Entry::Put { groups: GroupSet::ALL, record }
        };
        let read = |entries| codec::decode::<Item>(&codec::encode(&Item::Run(run(entries))));
        assert!(read(vec![record(8_000), short(80)]).is_ok());
        assert!(read(vec![record(8_000), short(5)]).is_err());
        assert!(read(vec![record(9_000), short(80)]).is_err());
        let alike = vec![record(9_000), record(9_000)];
        assert_eq!(read(alike.clone()), Ok(Item::Run(run(alike))), "it is said in each");
    }

    #[test]
    fn a_record_that_leaves_out_what_nobody_said_is_refused() {
        let bytes = codec::encode(&Item::Run(run(vec![Entry::Complete, put(0x84)])));
        assert!(codec::decode::<Item>(&bytes).unwrap_err().to_string().contains("leaves out"));
    }

    #[test]
    fn what_a_newer_version_says_is_passed_over_and_counts() {
        // [1, 1, 7, 0, zeros, [[9, "new"], [2, id]]] and [[5, 77, h'']]
        let mut e = Encoder::new(Vec::new());
        e.array(6).unwrap().u8(1).unwrap().u8(1).unwrap().u8(7).unwrap().u8(0).unwrap().bytes(&[0; 16]).unwrap();
        e.array(3).unwrap().array(2).unwrap().u8(9).unwrap().str("new").unwrap();
        e.array(2).unwrap().u8(2).unwrap().bytes(&[7; 16]).unwrap();
        e.array(3).unwrap().u8(0).unwrap().u64(1 << 40 | 1).unwrap().bytes(&[1]).unwrap();
        let bytes = e.into_writer();
        let Ok(Item::Run(read)) = codec::decode::<Item>(&bytes) else { panic!("no run") };
        let [Entry::Other(raw), Entry::Gone(_), Entry::Put { groups, .. }] = &read.entries[..] else {
            panic!("{read:?}")
        };
        assert_eq!(raw, &[0x82, 9, 0x63, b'n', b'e', b'w']);
        assert_eq!(groups.bits(), 1, "of groups that are not known here nothing is said");
        assert_eq!(read.to.seq, 3);
        let known = run(vec![Entry::Other(raw.clone()), Entry::Gone(RecordId::from_bytes([7; 16])), put(1)]);
        assert_ne!(read.to, known.to, "the hash is over what came, not over what was understood");
        let unknown: [&[u8]; 3] = [&[0x81, 9], &[0x83, 0, 7, 1], &[0x82, 0x18, 200, 0xa0]];
        for bytes in unknown {
            assert_eq!(codec::decode::<Item>(bytes), Ok(Item::Other), "{bytes:?}");
        }
    }

    #[test]
    fn hostile_items_are_errors() {
        let endless: [&[u8]; 7] =
            [&[0x80], &[0x84, 1, 1], &[0x82, 0, 0], &[0x9f], &[0x86, 1, 1, 1, 0, 0x50], &[], &[0x83, 0x20, 0, 0]];
        for bytes in endless {
            assert!(codec::decode::<Item>(bytes).is_err(), "{bytes:?}");
        }
    }
}
