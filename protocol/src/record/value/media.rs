//! Files and objects that go with a record.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::digest::Digest;
use super::{LINE_LIMIT, line};

/// Most bytes of a source's own object in a record. What is larger is an attachment.
pub const ORIGINAL_LIMIT: usize = 40 * 1024;

/// Most bytes of a media type.
const MEDIA_LIMIT: usize = 127;

/// A file that goes with a record and lies elsewhere, by its digest and size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Of its bytes.
    pub digest: Digest,
    /// How many bytes it has.
    pub size: u64,
    /// Its media type (RFC 6838), such as application/pdf.
    pub media: String,
    /// What it is called.
    pub name: Option<String>,
}

impl Attachment {
    pub(super) fn check(&self) -> Result<(), String> {
        check_media(&self.media)?;
        self.name.as_ref().map_or(Ok(()), |name| line("the name of a file", name, LINE_LIMIT))
    }
}

impl fmt::Display for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.digest, self.size, self.media)?;
        self.name.as_ref().map_or(Ok(()), |name| write!(f, " {name}"))
    }
}

impl FromStr for Attachment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.trim().splitn(4, ' ');
        let mut next =
            || words.next().ok_or_else(|| "an attachment is written DIGEST SIZE MEDIA-TYPE [NAME]".to_owned());
        let digest = next()?.parse()?;
        let size = next()?;
        let size = size.parse().map_err(|_| format!("`{size}` is no number of bytes"))?;
        Ok(Self { digest, size, media: next()?.to_owned(), name: words.next().map(str::to_owned) })
    }
}

/// A source's own object, as it was: a message, a row, a STIX object.
#[derive(Clone, PartialEq, Eq)]
pub struct Original {
    /// Its media type (RFC 6838), such as application/stix+json.
    pub media: String,
    /// Its bytes.
    pub content: Vec<u8>,
}

impl Original {
    pub(super) fn check(&self) -> Result<(), String> {
        check_media(&self.media)?;
        match self.content.len() {
            0 => Err("an original has content".into()),
            1..=ORIGINAL_LIMIT => Ok(()),
            bytes => {
                Err(format!("the original has {bytes} bytes, and {ORIGINAL_LIMIT} is the limit. Attach it instead"))
            }
        }
    }
}

impl fmt::Debug for Original {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Original({}, {} bytes)", self.media, self.content.len())
    }
}

impl fmt::Display for Original {
    /// As a `data:` URL (RFC 2397).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "data:{};base64,{}", self.media, STANDARD.encode(&self.content))
    }
}

impl FromStr for Original {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let no = || "an original is written data:MEDIA-TYPE;base64,…".to_owned();
        let (media, content) =
            text.trim().strip_prefix("data:").and_then(|rest| rest.split_once(";base64,")).ok_or_else(no)?;
        Ok(Self { media: media.to_owned(), content: STANDARD.decode(content).map_err(|_| no())? })
    }
}

/// A type and a subtype of restricted names (RFC 6838 §4.2), without parameters.
fn check_media(media: &str) -> Result<(), String> {
    let restricted = |name: &str| {
        let mut bytes = name.bytes();
        let first = bytes.next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        first && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    let sound = media.split_once('/').is_some_and(|(kind, subtype)| restricted(kind) && restricted(subtype));
    if sound && media.len() <= MEDIA_LIMIT {
        Ok(())
    } else {
        Err("a media type is written like application/pdf".into())
    }
}
