//! From the people file to who may do what, with the line of whatever is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use toml::Spanned;

use super::error::{Error, Fault};
use super::{Known, Listed, PersonName, ROOT, Role, Roles, system};

/// Bytes of a people file, at most.
const FILE_LIMIT: u64 = 1 << 20;

/// Persons of one file, at most.
const PERSONS_LIMIT: usize = 4_096;

/// Users of one person, at most.
const USERS_LIMIT: usize = 8;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    person: Vec<Spanned<Person>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    name: Spanned<String>,
    users: Spanned<Vec<Spanned<User>>>,
    roles: Spanned<Vec<Spanned<String>>>,
}

/// A user, by name or number.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a user is given by name, or as a number from 0")]
enum User {
    Number(u32),
    Name(String),
}

/// Where a fault is, as bytes of the text.
type At = (Range<usize>, Fault);

/// Reads the file at `path`, which only root and `own` may write.
pub(super) fn load(path: &Path, own: u32) -> Result<Listed, Error> {
    let io_error = |cause| Error::Io { path: path.to_owned(), cause };
    let file = File::open(path).map_err(io_error)?;
    // What was opened is looked at, so that nothing can be put in its place meanwhile.
    let about = file.metadata().map_err(io_error)?;
    if about.mode() & 0o022 != 0 || ![ROOT, own].contains(&about.uid()) {
        return Err(Error::Writable(path.to_owned()));
    }
    let mut bytes = Vec::new();
    file.take(FILE_LIMIT + 1).read_to_end(&mut bytes).map_err(io_error)?;
    parse(&bytes, &system::uid_of).map_err(|(span, fault)| {
        let before = bytes.get(..span.start).unwrap_or(&bytes);
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Error::Invalid { path: path.to_owned(), line, fault }
    })
}

/// Reads the bytes of a people file; `uid_of` knows the machine's users.
pub(super) fn parse(bytes: &[u8], uid_of: &dyn Fn(&str) -> std::io::Result<Option<u32>>) -> Result<Listed, At> {
    if bytes.len() as u64 > FILE_LIMIT {
        return Err((0..0, Fault::Toml("the file is larger than 1 MiB".into())));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| (error.valid_up_to()..bytes.len(), Fault::Toml("this is not UTF-8 text".into())))?;
    let shape: Shape = toml::from_str(text).map_err(|error| {
        let why = error.message().lines().next().unwrap_or_default().to_owned();
        (error.span().unwrap_or_default(), Fault::Toml(why))
    })?;
    if shape.person.len() > PERSONS_LIMIT {
        return Err((0..0, Fault::TooMany("person", PERSONS_LIMIT)));
    }
    let mut by_uid = BTreeMap::new();
    let mut names = BTreeSet::new();
    for person in &shape.person {
        let person = person.get_ref();
        let known = known(person)?;
        if !names.insert(known.name.clone()) {
            return Err((person.name.span(), Fault::NameTwice(shorten(person.name.get_ref()))));
        }
        for user in some("users", &person.users, USERS_LIMIT)? {
            let uid = uid(user, uid_of)?;
            if by_uid.insert(uid, known.clone()).is_some() {
                return Err((user.span(), Fault::UserTwice(written(user.get_ref()))));
            }
        }
    }
    Ok(Listed { by_uid, persons: names.len(), sha256: Sha256::digest(bytes).into() })
}

fn known(person: &Person) -> Result<Known, At> {
    let name = person.name.get_ref();
    let name = PersonName::new(name).ok_or_else(|| (person.name.span(), Fault::Name(shorten(name))))?;
    let role = |role: &Spanned<String>| {
        let unknown = |()| (role.span(), Fault::Role(shorten(role.get_ref())));
        role.get_ref().parse::<Role>().map_err(unknown)
    };
    let roles: Vec<Role> =
        some("roles", &person.roles, Role::ALL.len())?.iter().map(role).collect::<Result<_, At>>()?;
    Ok(Known { name: Some(name), roles: Roles::of(&roles) })
}

/// The members of a list that must have some, and not too many.
fn some<'a, T>(key: &'static str, list: &'a Spanned<Vec<T>>, most: usize) -> Result<&'a [T], At> {
    match list.get_ref().len() {
        0 => Err((list.span(), Fault::Empty(key))),
        count if count > most => Err((list.span(), Fault::TooMany(key, most))),
        _ => Ok(list.get_ref()),
    }
}

fn uid(user: &Spanned<User>, uid_of: &dyn Fn(&str) -> std::io::Result<Option<u32>>) -> Result<u32, At> {
    let fault = |fault| (user.span(), fault);
    let uid = match user.get_ref() {
        User::Number(uid) => *uid,
        // A directory that does not answer is like one that knows nobody: the file is refused, and says whom it lacks.
        User::Name(name) => {
            let unknown = || fault(Fault::User(shorten(name)));
            uid_of(name).ok().flatten().ok_or_else(unknown)?
        }
    };
    if system::is_shared(uid) { Err(fault(Fault::SharedUser(uid))) } else { Ok(uid) }
}

fn written(user: &User) -> String {
    match user {
        User::Number(uid) => uid.to_string(),
        User::Name(name) => shorten(name),
    }
}

fn shorten(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}
