//! Character encodings of old exports.

use serde::Deserialize;

/// How the bytes of a file stand for characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub(in crate::intake) enum Encoding {
    /// RFC 3629.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// ISO 8859-1, as browsers and spreadsheets mean it: the same as Windows-1252.
    #[serde(rename = "windows-1252", alias = "latin1", alias = "iso-8859-1")]
    Windows1252,
}

/// Bytes 0x80 to 0x9f of Windows-1252 (WHATWG Encoding Standard).
const HIGH: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

impl Encoding {
    /// Appends the text of `bytes` to `text`.
    ///
    /// # Errors
    /// The position of the first byte that stands for no character.
    pub(super) fn decode(self, bytes: &[u8], text: &mut String) -> Result<(), usize> {
        match self {
            Self::Utf8 => text.push_str(std::str::from_utf8(bytes).map_err(|error| error.valid_up_to())?),
            Self::Windows1252 => text.extend(bytes.iter().map(|byte| match byte {
                0x80..=0x9f => HIGH.get(usize::from(byte - 0x80)).copied().unwrap_or(char::REPLACEMENT_CHARACTER),
                byte => char::from(*byte),
            })),
        }
        Ok(())
    }
}
