//! What happens at the bureaus of a simulated federation.

use igain_node::keystore::{ENTROPY_BYTES, Keys};
use igain_node::ledger::RevokedFor;
use igain_node::office::{Actor, Deed, Draft, Error, NewCaf, Outcome, Pace, Prepared};
use igain_node::store::disk::{Fault, Lost, Step, Trouble};
use igain_protocol::bureau::BureauId;
use igain_protocol::bureau::card::Card;
use igain_protocol::caf::{Role, Subset};
use igain_protocol::label::Label;
use igain_protocol::record::{RecordId, Value};
use igain_protocol::time::Day;
use igain_protocol::vocabulary::{Kind, Reason, SubjectCategory, Tlp};

use super::bureau::{Bureau, Up};
use super::{Federation, HOSTILE, Random, TOMORROW};
use crate::bureau::{GRADING, card, new_file};

const DAY_MS: u64 = 86_400_000;

impl Bureau {
    /// Issues a new card, and says whether its disk lets it write that.
    pub(super) fn works(&mut self) -> bool {
        self.cards += 1;
        let card = Card { serial: self.cards, ..card(self.id, &self.keys, &[]).card().clone() };
        self.up.as_ref().is_some_and(|up| up.office.issue_card(&card).is_ok())
    }

    /// Revokes a bureau, for either reason; or of one that is revoked, drops what is held, or undoes it.
    fn revoke(&mut self, other: BureauId, random: &mut Random) {
        let Some(up) = self.up.as_ref() else { return };
        let why = if random.chance(50) { RevokedFor::Left } else { RevokedFor::Compromised };
        // What its disk does not let it do is not done.
        match (up.office.peer(other).is_ok_and(|peer| peer.revoked.is_some()), random.chance(30)) {
            (false, _) => drop(up.office.revoke(Actor::Node, other, why)),
            (true, true) => drop(up.office.drop_held(Actor::Node, other)),
            (true, false) => drop(up.reinstate(other)),
        }
    }

    /// Undoes every revocation.
    pub(super) fn forgive(&mut self) -> Result<(), Error> {
        let Some(up) = self.up.as_ref() else { return Ok(()) };
        let revoked = up.office.peers().into_iter().filter(|peer| peer.revoked.is_some());
        revoked.map(|peer| peer.card().bureau).try_for_each(|other| up.reinstate(other))
    }

    /// How many commits it has made.
    pub(super) fn commits(&self) -> u64 {
        self.up.as_ref().map_or(0, |up| up.office.ledger().store().stats().commits)
    }

    /// Appends what was prepared, and notes what it is told.
    pub(super) fn append(&mut self, ids: Vec<(RecordId, u64)>, prepared: Prepared) {
        let Some(up) = self.up.as_mut() else { return };
        let deed = Deed::new(Actor::Node, "record.contribute");
        let appended = up.office.append(deed, prepared, Pace::Prompt);
        let done = appended.and_then(|appended| appended.wait().map(|()| appended.outcomes));
        match done {
            Ok(outcomes) => {
                for ((id, text), outcome) in ids.into_iter().zip(outcomes) {
                    if matches!(outcome, Outcome::Added(_) | Outcome::Revised(_)) {
                        self.books.acknowledged(id, Some(text));
                    }
                }
            }
            Err(_) => ids.into_iter().for_each(|(id, text)| self.books.failed(id, Some(text))),
        }
    }

    fn withdraw(&mut self, id: RecordId) {
        let Some(up) = self.up.as_mut() else { return };
        match up.office.withdraw(Actor::Node, id, Reason::ALL[0]) {
            Ok(()) => self.books.acknowledged(id, None),
            Err(Error::UnknownRecord(_)) => {}
            Err(_) => self.books.failed(id, None),
        }
    }
}

impl Up {
    fn reinstate(&self, other: BureauId) -> Result<(), Error> {
        let print = self.office.peer(other)?.card().signing.fingerprint().to_string();
        self.office.reinstate(Actor::Node, other, &print).map(drop)
    }
}

impl Federation {
    /// One thing happens.
    pub(super) fn happen(&mut self) {
        let there = self.there();
        let nth = self.random.below(there.len() as u64) as usize;
        let at = there[nth];
        let other = there[(nth + 1 + self.random.below(there.len() as u64 - 1) as usize) % there.len()];
        match self.random.below(1_000) {
            0..250 => self.contribute(at),
            250..320 => self.revise(at),
            320..380 => {
                if let Some(id) = self.some_record(at) {
                    self.bureaus[at].withdraw(id);
                }
            }
            380..440 => self.apply_policy(at),
            440..490 => self.file(at, other),
            490..510 => self.crash(at),
            510..530 => self.trouble(at),
            530..570 => {
                let until = self.now.as_ms() + self.random.below(2_000);
                self.cut.insert((at.min(other), at.max(other)), until);
            }
            570..580 => {
                let days = 1 + self.random.below(3);
                self.set_time(self.now.plus_ms(days * DAY_MS));
            }
            580..585 => self.jump_clock(at),
            600..620 => {
                let office = self.bureaus[at].up.as_ref().map(|up| &up.office);
                drop(office.map(|office| {
                    office.watch_clock().and_then(|()| office.anchor()).and_then(|()| office.note_time())
                }));
                drop(office.map(|office| office.expire().and_then(|_| office.sweep(self.random.below(3)))));
            }
            585..588 => self.rotate(at),
            588..600 => {
                let other = self.bureaus[other].id;
                self.bureaus[at].revoke(other, &mut self.random);
            }
            620..640 => {
                for _ in 0..=self.random.below(5) {
                    self.tomorrow.say(&mut self.random, self.now);
                }
            }
            640..660 => self.pull(at, self.bureaus.len() + TOMORROW),
            660..670 => {
                let merged = self.bureaus[at].up.as_mut().map(|up| up.office.ledger().store().merge());
                drop(merged);
            }
            670..675 => {
                let seed = self.random.next();
                self.bureaus[at].back_up(seed);
            }
            675..679 => {
                if self.bureaus[at].put_back() {
                    self.rise(at).expect("it starts from a backup");
                }
            }
            679 => self.lose(at),
            680..700 => self.pull(at, self.bureaus.len() + HOSTILE),
            700..730 => {
                let wires = self.hostile.strike(&mut self.random, self.now);
                self.send(self.bureaus.len() + HOSTILE, at, wires);
            }
            _ => self.pull(at, other),
        }
    }

    /// A bureau is lost for good, if none was and no file is managed by it: what its members know of it may differ then.
    fn lose(&mut self, at: usize) {
        let one_is = self.there().len() < self.bureaus.len();
        if !one_is && !self.cafs.values().any(|manager| *manager == at) {
            self.bureaus[at].lose();
        }
    }

    /// The system's clock of a bureau jumps, or is put right.
    fn jump_clock(&mut self, at: usize) {
        const HOUR_MS: i64 = 3_600_000;
        let by = [HOUR_MS, 40 * HOUR_MS, 1_000 * HOUR_MS, 90_000 * HOUR_MS][self.random.below(4) as usize];
        let skew = match self.bureaus[at].skew {
            0 if self.random.chance(50) => by,
            0 => -by,
            _ => 0,
        };
        self.bureaus[at].set_skew(skew, self.now);
    }

    /// Prepares some new records, to be appended later.
    fn contribute(&mut self, at: usize) {
        let mut drafts = Vec::new();
        for _ in 0..=self.random.below(4) {
            let random = self.random.next();
            let mut id = [0; 16];
            id.iter_mut().zip(random.to_be_bytes().into_iter().cycle()).for_each(|(to, from)| *to = from);
            drafts.push(self.draft(at, RecordId::from_bytes(id)));
        }
        self.prepare(at, drafts);
    }

    /// Prepares a new version of a record, perhaps with another label.
    fn revise(&mut self, at: usize) {
        if let Some(id) = self.some_record(at) {
            let draft = self.draft(at, id);
            self.prepare(at, vec![draft]);
        }
    }

    fn prepare(&mut self, at: usize, drafts: Vec<Draft>) {
        let ids = drafts.iter().filter_map(|draft| Some((draft.id?, text_of(draft)?))).collect();
        let now = self.random.chance(50);
        let Some(up) = self.bureaus[at].up.as_mut() else { return };
        let Ok(prepared) = up.office.prepare(drafts) else { return };
        match now {
            true => self.bureaus[at].append(ids, prepared),
            false => up.prepared.push_back((ids, prepared)),
        }
    }

    /// Appends what was prepared first.
    pub(super) fn append_one(&mut self, at: usize) {
        let next = self.bureaus[at].up.as_mut().and_then(|up| up.prepared.pop_front());
        if let Some((ids, prepared)) = next {
            self.bureaus[at].append(ids, prepared);
        }
    }

    /// A draft of a phone, a person or a link, in or outside of a file. One with an odd id is to be kept for a few days
    /// only.
    fn draft(&mut self, at: usize, id: RecordId) -> Draft {
        let random = &mut self.random;
        let tlp = if random.chance(60) { Tlp::Green } else { Tlp::Amber };
        let kind = [Kind::Phone, Kind::Phone, Kind::Person, Kind::Link][random.below(4) as usize];
        let category = (kind == Kind::Person).then_some(SubjectCategory::Suspect);
        let several = random.chance(20);
        let cafs: Vec<_> = self.cafs.keys().copied().collect();
        let mut some = || cafs.get(random.below(2 * cafs.len() as u64 + 1) as usize).copied();
        let cafs = some().into_iter().chain(some().filter(|_| several)).collect();
        let days = if id.as_bytes()[0] % 2 == 1 { random.below(6) } else { 5_000 };
        self.texts += 1;
        let mut fields = vec![("remarks".to_owned(), Value::Text(self.texts.to_string()))];
        match kind {
            // What stays the same when a record is revised is of other groups than what changes.
            Kind::Phone => fields.push(("number".into(), Value::Text(format!("+2547{:08}", id.as_bytes()[1])))),
            Kind::Person => fields.push(("name".into(), Value::name(format!("Person {}", self.texts)))),
            _ => {
                for end in ["from", "to"] {
                    // Ends may come later, or never.
                    let to = self.some_record(at).unwrap_or(RecordId::from_bytes([7; 16]));
                    fields.push((end.into(), Value::Reference(to)));
                }
            }
        }
        Draft {
            id: Some(id),
            label: Label { category, cafs, ..Label::new(kind, tlp).graded(GRADING) },
            retain_until: Some(Day::from_days(self.now.day().as_days() + days as u32)),
            fields,
        }
    }

    fn apply_policy(&mut self, at: usize) {
        let ids: Vec<_> = self.bureaus.iter().map(|bureau| bureau.id).chain([self.hostile.id]).collect();
        let text = policy(&mut self.random, &ids);
        if let Some(up) = self.bureaus[at].up.as_mut() {
            // One that fails leaves the one in force.
            drop(up.office.apply_policy(Actor::Node, &text, "simulated.cedar"));
        }
    }

    /// Something about a file: it is opened, joined, left, closed, or its members change.
    fn file(&mut self, at: usize, other: usize) {
        let (bureau, pick) = (self.bureaus[other].id, self.random.below(10));
        let known: Vec<_> = self.cafs.keys().copied().collect();
        let some = known.get(self.random.below(known.len() as u64) as usize).copied();
        let Some(up) = self.bureaus[at].up.as_mut() else { return };
        match (some, pick) {
            (None, _) | (_, 0) if known.len() < 3 => {
                let closes = Day::from_days(self.now.day().as_days() + 3_000);
                let new = NewCaf { closes, ..new_file("File") };
                if let Ok(caf) = up.office.create_caf(Actor::Node, new) {
                    self.cafs.insert(caf.charter().id, at);
                }
            }
            (Some(id), 1..4) => drop(up.office.invite(Actor::Node, id, &[(bureau, Role::Contributor)])),
            (Some(id), 4) => drop(up.office.dismiss(Actor::Node, id, &[bureau])),
            (Some(id), 5) => drop(up.office.leave(Actor::Node, id)),
            (Some(id), 6) if self.random.chance(10) => drop(up.office.close_caf(Actor::Node, id)),
            (Some(id), _) => drop(up.office.join(Actor::Node, id, Subset::default())),
            _ => {}
        }
    }

    /// Puts new keys in the place of those of a bureau, which starts with them.
    fn rotate(&mut self, at: usize) {
        let random = &mut self.random;
        let mut entropy = [0; ENTROPY_BYTES];
        entropy.iter_mut().for_each(|byte| *byte = random.next() as u8);
        let bureau = &mut self.bureaus[at];
        // A card has no room for more.
        let Ok(keys) = bureau.keys.replaced_by(&Keys::from_entropy(&entropy), bureau.id, false) else { return };
        bureau.disk.heal();
        bureau.crash(Lost::Nothing);
        bureau.keys = keys;
        bureau.forget_backup();
        self.rise(at).expect("it starts with other keys");
        assert!(self.bureaus[at].works(), "its card names the new keys");
    }

    /// The machine stops, perhaps in the middle of a write, and starts again.
    fn crash(&mut self, at: usize) {
        let lost = match self.random.below(3) {
            0 => Lost::All,
            1 => Lost::Nothing,
            _ => Lost::Some(self.random.next()),
        };
        self.bureaus[at].crash(lost);
        self.rise(at).expect("it starts after a crash");
    }

    /// A bureau that is down starts.
    pub(super) fn rise(&mut self, at: usize) -> Result<(), String> {
        if self.bureaus[at].up.is_some() { Ok(()) } else { self.bureaus[at].start(self.now) }
    }

    /// The disk fills up, or does not do what it is told.
    fn trouble(&mut self, at: usize) {
        let disk = self.bureaus[at].disk.clone();
        let after = self.random.below(12);
        match self.random.below(4) {
            0 | 1 => disk.leave_room(self.random.below(20_000)),
            2 => {
                let torn = self.random.below(256) as u8;
                disk.fail(Fault { step: Some(Step::Write), after, times: 1, trouble: Trouble::Full, torn });
            }
            _ => {
                let step = if self.random.chance(50) { Step::Sync } else { Step::Write };
                let torn = self.random.below(256) as u8;
                disk.fail(Fault { step: Some(step), after, times: 1, trouble: Trouble::Broken, torn });
            }
        }
        if self.random.chance(50) {
            for _ in 0..self.random.below(20) {
                self.contribute(at);
                self.run();
                self.tick();
            }
            disk.heal();
            if !self.bureaus[at].works() {
                self.crash(at);
            }
        }
    }
}

/// The number in a draft's text.
fn text_of(draft: &Draft) -> Option<u64> {
    let (_, value) = draft.fields.iter().find(|(name, _)| name == "remarks")?;
    value.as_text()?.parse().ok()
}

/// Some policy: each bureau gets all, the core alone, or nothing, of what is green, or also of what is amber.
fn policy(random: &mut Random, bureaus: &[BureauId]) -> String {
    let mut text = String::new();
    for (nth, bureau) in bureaus.iter().enumerate() {
        let action = match random.below(4) {
            0 => continue,
            1 => r#"action == Action::"core""#,
            _ => r#"action in Action::"disclose""#,
        };
        let amber = if random.chance(40) { "" } else { r#" when { resource.tlp == Tlp::"green" }"# };
        text += &format!("@id(\"r{nth}\") permit(principal == Bureau::\"{bureau}\", {action}, resource){amber};\n");
    }
    text
}
