//! Putting a version together again from redacted copies, for an owner that has lost it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::commitment::{self, Digest};
use super::envelope::{Envelope, Rest};
use super::redact::salted;
use super::verify::trusted;
use super::{Content, Error, FieldDef, Record, SaltKey, Value, part, sign};
use crate::bureau::SigningKey;
use crate::vocabulary::GroupSet;

impl Record {
    /// The whole of this version, if what the copy withholds is what `earlier` said: the owner draws the salts again, and only
    /// the right fields lead to what it has signed. `granted` are the groups of which the copy withholds nothing but references.
    pub fn completed(
        &self,
        earlier: Option<&Self>,
        granted: GroupSet,
        salts: &SaltKey,
        key: &SigningKey,
    ) -> Option<Self> {
        if !self.is_redacted() {
            return Some(self.clone());
        }
        let proven = |earlier: Option<&Self>| {
            let whole = sign(&self.filled(earlier, granted), salts, key).ok()?;
            (whole.version().ok()? == self.version().ok()?).then_some(whole)
        };
        // It may be that nothing is withheld.
        proven(earlier).or_else(|| proven(None))
    }

    /// What this version says, and in place of what its copy withholds what an earlier one said. References may be withheld
    /// also of groups that are granted.
    pub fn filled(&self, earlier: Option<&Self>, granted: GroupSet) -> Content {
        let header = self.header();
        let kind = header.label.kind;
        let mut fields: Vec<(String, Value)> = Vec::new();
        let filled = |(def, value): &(&FieldDef, &Value)| {
            let disclosed = self.groups().contains(def.group) || granted.contains(def.group);
            if def.ty.is_reference() { !self.values(def.name).any(|other| other == *value) } else { !disclosed }
        };
        for (def, value) in earlier.into_iter().flat_map(Self::fields).filter(filled).chain(self.fields()) {
            fields.push((def.name.to_owned(), value.clone()));
        }
        Content {
            id: header.id,
            revision: header.revision,
            owner: header.owner,
            label: header.label.clone(),
            created: header.created,
            modified: header.modified,
            retain_until: header.retain_until,
            fields: Content::arranged(kind, fields),
        }
    }

    /// One copy that discloses what either of two copies of this version does; none where the other is of another version.
    ///
    /// # Errors
    /// None in practice: the bytes were read before.
    pub fn joined(&self, other: &Self) -> Result<Option<Self>, Error> {
        if self.version()? != other.version()? {
            return Ok(None);
        }
        let copies = [self, other];
        if let Some(whole) = copies.into_iter().find(|copy| !copy.is_redacted()) {
            return Ok(Some(whole.clone()));
        }
        let kind = self.header().label.kind;
        let envelope = Envelope::decode(self.as_bytes())?;
        let mut withheld: BTreeMap<Digest, ()> = BTreeMap::new();
        let mut parts: BTreeMap<Digest, Cow<'_, [u8]>> = BTreeMap::new();
        for copy in copies {
            let (disclosed, digests) = salted(&Envelope::decode(copy.as_bytes())?);
            parts.extend(disclosed.into_iter().map(|part| (commitment::digest(&[], &part), part)));
            withheld.extend(digests.into_iter().map(|digest| (digest, ())));
        }
        let withheld = withheld.into_keys().filter(|digest| !parts.contains_key(digest)).collect();
        let rank = |salted: &[u8]| {
            let fields = part::decode(salted.get(16..).unwrap_or_default(), kind);
            fields.ok().and_then(|fields| fields.first().map(|(_, def, _)| part::rank(def)))
        };
        let mut kept: Vec<Cow<'_, [u8]>> = parts.into_values().collect();
        kept.sort_by_key(|part| rank(part));
        trusted(&envelope.encode(&kept, &Rest::Withheld(withheld))).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Digest, RecordId, Unverified, Version};
    use super::*;
    use crate::label::Label;
    use crate::time::{Day, Timestamp};
    use crate::vocabulary::{Group, Kind, SubjectCategory, Tlp};

    fn key() -> SigningKey {
        SigningKey::from_seed([1; 32])
    }

    fn salts() -> SaltKey {
        SaltKey::new([2; 32])
    }

    fn content(revision: u32, fields: &[(&str, Value)]) -> Content {
        Content {
            id: RecordId::from_bytes([1; 16]),
            revision,
            owner: "KE".parse().unwrap(),
            label: Label { category: Some(SubjectCategory::Suspect), ..Label::new(Kind::Person, Tlp::Amber) },
            created: Timestamp::from_ms(1),
            modified: Timestamp::from_ms(u64::from(revision)),
            retain_until: Some(Day::from_days(20_000)),
            fields: fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        }
    }

    fn made(revision: u32, fields: &[(&str, Value)]) -> Record {
        sign(&content(revision, fields), &salts(), &key()).unwrap()
    }

    fn copy(record: &Record, groups: GroupSet, may_refer: bool) -> Record {
        let bytes = record.redact(groups, &|_| may_refer).unwrap();
        Unverified::decode(&bytes).unwrap().verify(&key().verifying_key()).unwrap()
    }

    fn set(groups: &[Group]) -> GroupSet {
        groups.iter().copied().collect()
    }

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    fn versions() -> (Record, Record) {
        let version = |revision, remarks| {
            let source =
                Version { id: RecordId::from_bytes([7; 16]), revision: 1, digest: Digest::from_bytes([8; 32]) };
            let based_on = ("based-on", Value::Version(source));
            made(revision, &[("name", Value::name("Amina Otieno")), ("remarks", text(remarks)), based_on])
        };
        (version(1, "one"), version(2, "two"))
    }

    #[test]
    fn an_owner_proves_what_a_copy_withholds_where_an_earlier_version_said_the_same() {
        let (one, two) = versions();
        let granted = set(&[Group::Core, Group::Narrative]);
        let copied = copy(&two, granted, true);
        assert!(copied.is_redacted() && copied.fields().count() < two.fields().count());
        assert_eq!(copied.completed(Some(&one), granted, &salts(), &key()), Some(two.clone()));
        let referless = copy(&two, GroupSet::ALL, false);
        assert!(referless.is_redacted());
        assert_eq!(referless.completed(Some(&one), GroupSet::ALL, &salts(), &key()), Some(two.clone()));
        // Without it, or where it said something else, nothing is proven.
        assert_eq!(copied.completed(None, granted, &salts(), &key()), None);
        let other = made(1, &[("name", Value::name("Amina Wanjiru")), ("remarks", text("one"))]);
        assert_eq!(copied.completed(Some(&other), granted, &salts(), &key()), None);
        // A copy that withholds nothing but decoys is the whole.
        let all = made(1, &[("remarks", text("one"))]);
        let granted = set(&[Group::Narrative]);
        assert_eq!(copy(&all, granted, true).completed(None, granted, &salts(), &key()), Some(all.clone()));
        // What is gone from a group that is granted stays gone.
        let less = made(2, &[("name", Value::name("Amina Otieno"))]);
        let granted = set(&[Group::Identity, Group::Narrative]);
        assert_eq!(copy(&less, granted, true).completed(Some(&one), granted, &salts(), &key()), Some(less));
    }

    #[test]
    fn copies_of_one_version_are_joined() {
        let (one, two) = versions();
        let narrative = copy(&two, set(&[Group::Narrative]), true);
        let others: GroupSet = Group::ALL.iter().copied().filter(|group| *group != Group::Narrative).collect();
        let joined = narrative.joined(&copy(&two, others, true)).unwrap().unwrap();
        assert_eq!(joined.fields().count(), two.fields().count());
        assert_eq!(joined.version(), two.version());
        let checked = Unverified::decode(joined.as_bytes()).unwrap().verify(&key().verifying_key()).unwrap();
        assert_eq!(joined.completed(None, GroupSet::EMPTY, &salts(), &key()), Some(two.clone()));
        assert_eq!(checked, joined);
        assert_eq!(narrative.joined(&narrative).unwrap().unwrap().fields().count(), narrative.fields().count());
        assert_eq!(narrative.joined(&two).unwrap(), Some(two));
        assert_eq!(narrative.joined(&one).unwrap(), None);
    }
}
