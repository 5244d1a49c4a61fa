//! Whom an archive is sealed to, and what opens it: X25519 keys as age writes them.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use zeroize::Zeroizing;

use super::Error;

/// Most recipients of an archive. age reads a header in a time that grows with the square of its length.
const RECIPIENTS: usize = 16;

/// Bytes of a file of keys, at most.
const FILE_LIMIT: u64 = 64 << 10;

/// Characters of what was given for a key that an error repeats.
const SHOWN: usize = 72;

/// Whom an archive is sealed to.
#[derive(Debug)]
pub struct Recipients(Vec<age::x25519::Recipient>);

impl Recipients {
    /// Reads recipients, `age1...`; one that is given twice counts once.
    ///
    /// # Errors
    /// [`Error::Recipient`], [`Error::Recipients`].
    pub fn parse<'a>(keys: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        let mut found: Vec<age::x25519::Recipient> = Vec::new();
        for text in keys {
            let recipient: age::x25519::Recipient = text.parse().map_err(|_| unreadable(text))?;
            if !found.contains(&recipient) {
                found.push(recipient);
            }
        }
        match found.len() {
            1..=RECIPIENTS => Ok(Self(found)),
            given => Err(Error::Recipients { given, limit: RECIPIENTS }),
        }
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// As they are written.
    pub fn texts(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    pub(super) fn as_age(&self) -> impl Iterator<Item = &dyn age::Recipient> {
        self.0.iter().map(|recipient| recipient as &dyn age::Recipient)
    }
}

/// Somebody may have given the secret key for the public one: it is not repeated.
fn unreadable(text: &str) -> Error {
    let secret = text.to_ascii_uppercase().contains("SECRET");
    Error::Recipient(if secret { "a secret key".into() } else { text.chars().take(SHOWN).collect() })
}

/// The recipients that a file lists, one a line; `#` begins a comment.
///
/// # Errors
/// Where it cannot be read. Whether the lines are recipients, [`Recipients::parse`] says.
pub fn recipients_in(path: &Path) -> Result<Vec<String>, Error> {
    let text = read(path)?;
    Ok(lines(&text).map(str::to_owned).collect())
}

/// What opens archives.
pub struct Identities(Vec<age::x25519::Identity>);

impl Identities {
    /// Reads a file as `age-keygen` writes it.
    ///
    /// # Errors
    /// Where it cannot be read or has no identity. What is in the file is not told.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let wrong = |why| Error::Identity { path: path.to_owned(), why };
        let text = read(path)?;
        if text.starts_with("age-encryption.org/") || text.starts_with("-----BEGIN AGE") {
            return Err(wrong("is itself sealed. Open it first, such as with `--identity <(age -d FILE)`"));
        }
        let parsed = lines(&text).map(str::parse::<age::x25519::Identity>).collect::<Result<Vec<_>, _>>();
        match parsed {
            Ok(found) if (1..=RECIPIENTS).contains(&found.len()) => Ok(Self(found)),
            Ok(_) => Err(wrong("has no identity, or too many. Give a file that `age-keygen` made")),
            Err(_) => Err(wrong("has a line that is no identity. Give a file that `age-keygen` made")),
        }
    }

    pub(super) fn as_age(&self) -> impl Iterator<Item = &dyn age::Identity> {
        self.0.iter().map(|identity| identity as &dyn age::Identity)
    }

    #[cfg(test)]
    pub(super) fn draw() -> (Self, Recipients) {
        let identity = age::x25519::Identity::generate();
        let recipients = Recipients(vec![identity.to_public()]);
        (Self(vec![identity]), recipients)
    }
}

fn read(path: &Path) -> Result<Zeroizing<String>, Error> {
    let file = File::open(path).map_err(Error::io("read", path))?;
    // Reserved at once: a text that grows leaves copies of secrets behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(FILE_LIMIT).unwrap_or(0) + 1));
    file.take(FILE_LIMIT + 1).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(Error::TooLarge { path: path.to_owned(), limit: FILE_LIMIT });
    }
    let text = std::str::from_utf8(&bytes).map(str::to_owned).map(Zeroizing::new);
    text.map_err(|_| Error::Identity { path: path.to_owned(), why: "is no text. Give a file that `age-keygen` made" })
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use age::secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn keys_are_read_as_age_keygen_writes_them_and_secrets_are_not_repeated() {
        let identity = age::x25519::Identity::generate();
        let (secret, public) = (identity.to_string(), identity.to_public().to_string());
        let secret = secret.expose_secret();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, format!("# created: today\n# public key: {public}\n{secret}\n")).unwrap();
        assert_eq!(Identities::read(&path).unwrap().0.len(), 1);
        let twice = Recipients::parse([public.as_str(), public.as_str()]).unwrap();
        assert_eq!((twice.count(), twice.texts()), (1, vec![public.clone()]));
        let given_wrong = Recipients::parse([secret]).unwrap_err().to_string();
        assert!(!given_wrong.contains(&secret[..30]), "{given_wrong}");
        std::fs::write(&path, format!("{secret}x\n")).unwrap();
        let told = Identities::read(&path).err().unwrap().to_string();
        assert!(!told.contains(&secret[..30]) && told.contains("age-keygen"), "{told}");
        std::fs::write(&path, "# nothing\n").unwrap();
        assert!(Identities::read(&path).is_err());
        assert!(Recipients::parse([]).is_err() && Recipients::parse(["age1"]).is_err());
        assert!(Recipients::parse(vec![public.as_str(); 40]).is_ok());
    }
}
