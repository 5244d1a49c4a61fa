//! Users and groups of this machine, wherever its administrator keeps them (NSS).

use std::fs;

/// The number under which the kernel shows all users that have none here (user_namespaces(7)).
const OVERFLOW: u32 = 65_534;

/// A group of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its number.
    pub gid: u32,
}

impl Group {
    /// The group of this name, if there is one.
    ///
    /// # Errors
    /// Where the system cannot say.
    pub fn named(name: &str) -> std::io::Result<Option<Self>> {
        let found = nix::unistd::Group::from_name(name)?;
        Ok(found.map(|group| Self { name: name.to_owned(), gid: group.gid.as_raw() }))
    }
}

/// The user that this process acts as.
pub fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The number of the user of this name, if there is one.
pub(super) fn uid_of(name: &str) -> std::io::Result<Option<u32>> {
    Ok(nix::unistd::User::from_name(name)?.map(|user| user.uid.as_raw()))
}

/// Whether many users may have this number at a time, so that it tells nobody's name.
pub(super) fn is_shared(uid: u32) -> bool {
    let told = fs::read_to_string("/proc/sys/kernel/overflowuid").ok();
    let told = told.and_then(|text| text.trim().parse().ok());
    uid == told.unwrap_or(OVERFLOW) || uid == OVERFLOW || uid == u32::MAX
}
