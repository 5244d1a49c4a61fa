//! What a folder of archives has, told by their names and lengths alone: no identity is needed for that.

use std::fs;
use std::path::Path;

use super::Error;
use super::name::Name;

/// Files of a folder that are looked at, at most.
const FILES_LIMIT: usize = 100_000;

/// How the name of a file ends that is not yet an archive.
const DRAFT: &str = ".part";

/// An archive in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surveyed {
    /// Its name.
    pub name: Name,
    /// Its length.
    pub bytes: u64,
    /// Whether it can be restored, as far as names tell.
    pub state: State,
}

/// Whether an archive can be restored, as far as names tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// All that it builds on is there.
    Whole,
    /// The archive of this number of its series is missing.
    Lacks(u32),
}

/// What a folder has.
#[derive(Debug, Default)]
pub struct Survey {
    /// Archives, by name.
    pub archives: Vec<Surveyed>,
    /// Files left of backups that were broken off.
    pub drafts: Vec<String>,
    /// How many other files there are.
    pub others: usize,
}

/// Looks at a folder.
///
/// # Errors
/// Where it cannot be listed.
pub fn survey(folder: &Path) -> Result<Survey, Error> {
    let cannot = |cause| Error::io("list", folder)(cause);
    let mut survey = Survey::default();
    for entry in fs::read_dir(folder).map_err(cannot)?.take(FILES_LIMIT) {
        let entry = entry.map_err(cannot)?;
        let about = entry.metadata().map_err(cannot)?;
        let text = entry.file_name().to_string_lossy().into_owned();
        match text.parse() {
            Ok(name) if about.is_file() => {
                survey.archives.push(Surveyed { name, bytes: about.len(), state: State::Whole });
            }
            _ if is_draft(&text) => survey.drafts.push(text),
            _ => survey.others += 1,
        }
    }
    survey.archives.sort_by_key(|archive| archive.name.to_string());
    judge(&mut survey.archives);
    survey.drafts.sort();
    Ok(survey)
}

/// What an archive is called while it is written.
pub fn draft_of(name: &str) -> String {
    format!(".{name}{DRAFT}")
}

fn is_draft(text: &str) -> bool {
    let inner = text.strip_prefix('.').and_then(|text| text.strip_suffix(DRAFT));
    inner.is_some_and(|name| name.parse::<Name>().is_ok())
}

/// Tells which can be restored: each needs the one before in its series. Of several of that number the last before it
/// counts, for one that was never confirmed to be stored has nothing behind it.
fn judge(archives: &mut [Surveyed]) {
    let mut order: Vec<usize> = (0..archives.len()).collect();
    order.sort_by_key(|at| archives.get(*at).map(|archive| archive.name.number));
    for at in order {
        let Some(archive) = archives.get(at) else { continue };
        let name = archive.name.clone();
        if name.full {
            continue;
        }
        let same = |other: &&Surveyed| {
            let other = &other.name;
            other.bureau == name.bureau
                && other.set == name.set
                && other.series == name.series
                && other.number.checked_add(1) == Some(name.number)
        };
        let earlier = archives.iter().filter(same).filter(|other| other.name.at <= name.at).max_by_key(|o| o.name.at);
        let before = earlier.or_else(|| archives.iter().find(same));
        let state = before.map_or(State::Lacks(name.number.saturating_sub(1)), |before| before.state);
        if let Some(archive) = archives.get_mut(at) {
            archive.state = state;
        }
    }
}

#[cfg(test)]
mod tests {
    use igain_protocol::time::Timestamp;

    use super::*;

    fn archive(series: u32, number: u32, at: u64) -> Surveyed {
        let (bureau, set) = ("KE".parse().unwrap(), "main".parse().unwrap());
        let name = Name { bureau, set, at: Timestamp::from_ms(at), series, number, full: number == 1 };
        Surveyed { name, bytes: 1, state: State::Whole }
    }

    #[test]
    fn a_gap_is_told_of_all_that_rests_on_it_and_of_nothing_else() {
        let mut all = vec![
            archive(1, 1, 10),
            archive(1, 2, 20),
            archive(1, 4, 40),
            archive(1, 5, 50),
            archive(2, 1, 60),
            archive(2, 2, 70),
            archive(2, 2, 80),
            archive(2, 3, 90),
            archive(3, 2, 95),
        ];
        judge(&mut all);
        let states: Vec<State> = all.iter().map(|archive| archive.state).collect();
        let (whole, lacks) = (State::Whole, State::Lacks);
        assert_eq!(states, [whole, whole, lacks(3), lacks(3), whole, whole, whole, whole, lacks(1)]);
    }

    #[test]
    fn a_folder_may_hold_other_things() {
        let folder = tempfile::tempdir().unwrap();
        let name = archive(1, 1, 10).name.to_string();
        for file in [name.as_str(), "notes.txt", &draft_of(&name)] {
            fs::write(folder.path().join(file), "x").unwrap();
        }
        fs::create_dir(folder.path().join(archive(1, 2, 20).name.to_string())).unwrap();
        let survey = survey(folder.path()).unwrap();
        assert_eq!((survey.archives.len(), survey.drafts.len(), survey.others), (1, 1, 2));
    }
}
