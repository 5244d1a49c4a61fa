//! Addresses of crypto-assets.

use igain_protocol::vocabulary::Scheme;
use sha2::{Digest, Sha256};

use super::Error;

const BASE58: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const BECH32: &[u8] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// Longest Base58Check address: Bitcoin and its kin have 25 bytes, 26 to 35 characters.
const BASE58_CHECKED: std::ops::RangeInclusive<usize> = 26..=35;

/// An address: Bitcoin's kind with its checksum verified (Base58Check; BIP 173 and BIP 350), Ethereum's kind in lower
/// case, any other as it stands, since letters tell addresses apart.
pub(super) fn address(text: &str) -> Result<String, Error> {
    let bad = |why| Error::form(Scheme::Crypto, text, why);
    // `bitcoin:1A1z…?amount=1`, `XBT 1A1z…`
    let last = text.split_whitespace().last().unwrap_or_default();
    let bare = last.split_once(':').map_or(last, |(_, rest)| rest);
    let bare = bare.split_once('?').map_or(bare, |(address, _)| address).trim_start_matches("//");
    if let Some(hex) = bare.strip_prefix("0x").or_else(|| bare.strip_prefix("0X")) {
        let shape = hex.len() == 40 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        return if shape { Ok(format!("0x{}", hex.to_ascii_lowercase())) } else { Err(bad("0x takes 40 hex digits")) };
    }
    if let Some(result) = bech32(bare) {
        return if result { Ok(bare.to_ascii_lowercase()) } else { Err(Error::check(Scheme::Crypto, text)) };
    }
    if BASE58_CHECKED.contains(&bare.len()) && bare.bytes().all(|byte| BASE58.contains(&byte)) {
        let known = bare.starts_with(['1', '3', 'm', 'n', '2', 'L', 'M', 'D', 'T', 'X', 't']);
        return if !known || base58check(bare) { Ok(bare.to_owned()) } else { Err(Error::check(Scheme::Crypto, text)) };
    }
    let shape = (20..=128).contains(&bare.len()) && bare.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if shape { Ok(bare.to_owned()) } else { Err(bad("it has 20 to 128 letters and digits")) }
}

/// Whether the last four bytes are the double hash of the others.
fn base58check(text: &str) -> bool {
    let mut bytes = [0_u8; 32];
    for c in text.bytes() {
        let Some(value) = BASE58.iter().position(|other| *other == c) else { return false };
        let mut carry = value;
        for byte in bytes.iter_mut().rev() {
            carry += usize::from(*byte) * 58;
            *byte = u8::try_from(carry & 0xff).unwrap_or_default();
            carry >>= 8;
        }
    }
    let Some((payload, check)) = bytes.get(7..).and_then(|tail| tail.split_last_chunk::<4>()) else { return false };
    let zeros = bytes.iter().take(7).all(|byte| *byte == 0);
    let hash = Sha256::digest(Sha256::digest(payload));
    zeros && hash.iter().zip(check).all(|(a, b)| a == b)
}

/// Whether a Bech32 or Bech32m address ends in its checksum; none for what does not look like one.
fn bech32(text: &str) -> Option<bool> {
    let lower = text.to_ascii_lowercase();
    let (prefix, data) = lower.rsplit_once('1')?;
    if !matches!(prefix, "bc" | "tb" | "bcrt" | "ltc" | "tltc") {
        return None;
    }
    let mixed = text.bytes().any(|b| b.is_ascii_uppercase()) && text.bytes().any(|b| b.is_ascii_lowercase());
    let values: Option<Vec<u32>> = data
        .bytes()
        .map(|c| BECH32.iter().position(|other| *other == c).and_then(|at| u32::try_from(at).ok()))
        .collect();
    let Some(values) = values.filter(|values| !mixed && (6..=84).contains(&values.len())) else { return Some(false) };
    let high = prefix.bytes().map(|byte| u32::from(byte >> 5));
    let low = prefix.bytes().map(|byte| u32::from(byte & 31));
    let check = polymod(high.chain([0]).chain(low).chain(values));
    Some(check == 1 || check == 0x2bc8_30a3)
}

fn polymod(values: impl Iterator<Item = u32>) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    values.fold(1, |check, value| {
        let top = check >> 25;
        let next = (check & 0x1ff_ffff) << 5 ^ value;
        GENERATOR.iter().enumerate().filter(|(at, _)| top >> at & 1 == 1).fold(next, |next, (_, term)| next ^ term)
    })
}
