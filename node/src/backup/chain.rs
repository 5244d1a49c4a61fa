//! Which archives must be read to put a moment together: the one that is wanted, what it follows, and so on to a full one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::head::{Head, Id};
use super::name::Name;
use super::read;
use super::survey::survey;
use super::{Error, Identities};

/// Where archives are: files, in folders or named by themselves.
pub struct Sources {
    /// Those in folders, with what their names say.
    listed: Vec<(PathBuf, Name)>,
    /// Those that were named, whatever they are called.
    named: Vec<PathBuf>,
}

/// An archive, and what it says that it is.
#[derive(Debug)]
pub(super) struct Archive {
    pub(super) path: PathBuf,
    pub(super) head: Head,
}

impl Sources {
    /// Folders of archives, archives, or both.
    ///
    /// # Errors
    /// Where one cannot be looked at, or there is none in all of them.
    pub fn find(paths: &[PathBuf]) -> Result<Self, Error> {
        let mut sources = Self { listed: Vec::new(), named: Vec::new() };
        for path in paths {
            let about = std::fs::metadata(path).map_err(Error::io("find", path))?;
            if about.is_dir() {
                let archives = survey(path)?.archives;
                sources.listed.extend(archives.into_iter().map(|one| (path.join(one.name.to_string()), one.name)));
            } else {
                sources.named.push(path.clone());
            }
        }
        match sources.listed.is_empty() && sources.named.is_empty() {
            true => Err(Error::Nothing(paths.first().cloned().unwrap_or_default())),
            false => Ok(sources),
        }
    }

    /// The archives that lead to the one called `at`, or else to the newest, the full one first.
    pub(super) fn chain(&self, at: Option<&str>, identities: &Identities) -> Result<Vec<Archive>, Error> {
        let named = self.named.iter().map(|path| open(path, identities)).collect::<Result<Vec<_>, _>>()?;
        let wanted = match at {
            Some(at) => self.called(at, named, identities)?,
            None => self.newest(named, identities)?,
        };
        let (target, mut pool) = wanted;
        // Of those in folders, only what can be in the chain is opened.
        let (mut unopened, mut failed) = (self.same_series(&target), None);
        let mut chain = vec![target];
        while let Some((id, number)) = chain.last().and_then(before) {
            let found = pool.iter().position(|archive| archive.head.id == id).map(|at| pool.swap_remove(at));
            let found = match found {
                Some(found) => found,
                None => self.follow(id, number, &mut unopened, &mut failed, identities).ok_or_else(|| {
                    let path = chain.last().map(|archive| archive.path.clone()).unwrap_or_default();
                    failed.take().unwrap_or(Error::Missing { path, number })
                })?,
            };
            if let Some(after) = chain.last() {
                check_link(&found, after)?;
            }
            chain.push(found);
        }
        chain.reverse();
        Ok(chain)
    }

    /// The archive of this name, and those that were named besides.
    fn called(&self, at: &str, mut named: Vec<Archive>, ids: &Identities) -> Result<(Archive, Vec<Archive>), Error> {
        let is_it = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy() == at);
        if let Some(found) = named.iter().position(|archive| is_it(&archive.path)) {
            let target = named.swap_remove(found);
            return Ok((target, named));
        }
        let listed = self.listed.iter().find(|(path, _)| is_it(path));
        let (path, _) = listed.ok_or_else(|| Error::NoSuch(at.chars().take(128).collect()))?;
        Ok((open(path, ids)?, named))
    }

    /// The newest archive, where all are of one bureau and set, and those that were named besides.
    fn newest(&self, mut named: Vec<Archive>, ids: &Identities) -> Result<(Archive, Vec<Archive>), Error> {
        let of_named = named.iter().map(|archive| (archive.head.bureau.to_string(), archive.head.set.clone()));
        let of_listed = self.listed.iter().map(|(_, name)| (name.bureau.to_string(), name.set.to_string()));
        let whose: BTreeSet<_> = of_named.chain(of_listed).collect();
        if whose.len() > 1 {
            let whose: Vec<String> = whose.into_iter().map(|(bureau, set)| format!("{bureau} {set}")).collect();
            return Err(Error::Several(whose.join(", ")));
        }
        let listed = self.listed.iter().max_by_key(|(_, name)| (name.at, name.number));
        let of_named = named.iter().enumerate().max_by_key(|(_, archive)| (archive.head.at, archive.head.number));
        match (of_named.map(|(at, archive)| (at, archive.head.at)), listed) {
            (Some((at, when)), listed) if listed.is_none_or(|(_, name)| name.at <= when) => {
                let target = named.swap_remove(at);
                Ok((target, named))
            }
            (_, Some((path, _))) => Ok((open(path, ids)?, named)),
            (_, None) => Err(Error::Nothing(PathBuf::new())),
        }
    }

    /// What is in folders of the series of an archive, before it.
    fn same_series(&self, target: &Archive) -> Vec<(PathBuf, Name)> {
        let Some(wanted) = target.head.name() else { return Vec::new() };
        let same = |name: &Name| {
            name.bureau == wanted.bureau
                && name.set == wanted.set
                && name.series == wanted.series
                && name.number < wanted.number
        };
        let found = self.listed.iter().filter(|(path, name)| same(name) && *path != target.path);
        found.cloned().collect()
    }

    /// The archive with this id, among those in folders that say this number; the last of them first. Why one could not be
    /// opened is kept, for where none is found.
    fn follow(
        &self,
        id: Id,
        number: u32,
        unopened: &mut Vec<(PathBuf, Name)>,
        failed: &mut Option<Error>,
        identities: &Identities,
    ) -> Option<Archive> {
        let (mut here, rest): (Vec<_>, Vec<_>) =
            std::mem::take(unopened).into_iter().partition(|(_, name)| name.number == number);
        *unopened = rest;
        here.sort_by_key(|(_, name)| std::cmp::Reverse(name.at));
        here.iter().find_map(|(path, _)| match open(path, identities) {
            Ok(archive) => (archive.head.id == id).then_some(archive),
            Err(error) => {
                failed.get_or_insert(error);
                None
            }
        })
    }
}

fn open(path: &Path, identities: &Identities) -> Result<Archive, Error> {
    let head = read::open(path, identities)?.head().clone();
    Ok(Archive { path: path.to_owned(), head })
}

/// The id of what an archive follows, and its number.
fn before(archive: &Archive) -> Option<(Id, u32)> {
    archive.head.follows.map(|id| (id, archive.head.number.saturating_sub(1)))
}

/// Whether two archives can be neighbours. What is in them is held against each other when they are read.
fn check_link(before: &Archive, after: &Archive) -> Result<(), Error> {
    let (a, b) = (&before.head, &after.head);
    let why = if a.bureau != b.bureau {
        Some(format!("it is of {}, and the other of {}", b.bureau, a.bureau))
    } else if a.set != b.set || a.series != b.series {
        Some("they are of different series".into())
    } else if a.number.checked_add(1) != Some(b.number) {
        Some(format!("it is number {}, and the other number {}", b.number, a.number))
    } else if a.books.store != b.books.store || a.audit.store != b.audit.store {
        Some("they are of different stores".into())
    } else {
        None
    };
    let unfit = |why| Error::Unfit { path: after.path.clone(), before: before.path.clone(), why };
    why.map_or(Ok(()), |why| Err(unfit(why)))
}
