//! Reading an archive: what is in it is not believed before it was seen.

use std::io::{self, BufReader, Chain, Cursor, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::head::{BEGIN, Digest, END, HEAD_LIMIT, Head, Part, VERSION};
use super::write::begin_digest;
use super::{Error, Fault, Identities, PIECE};

/// Bytes of the header of an age file, at most: sixteen recipients take under 3 KiB. age reads a header in a time that
/// grows with the square of its length.
const AGE_HEADER_LIMIT: usize = 8 << 10;

/// What begins an age file.
const AGE_BEGIN: &[u8] = b"age-encryption.org/v1\n";

/// What begins the last line of its header.
const AGE_MAC_LINE: &[u8] = b"\n--- ";

/// Takes the bytes of a content: which, where in its file they belong, and the bytes.
pub(super) type Each<'a> = dyn FnMut(&Part, u64, &[u8]) -> Result<(), Error> + 'a;

/// An archive, open behind its head.
pub(super) struct Reader<R> {
    input: R,
    all: Sha256,
    head: Head,
    parts: std::vec::IntoIter<Part>,
}

/// What comes out of a sealed file.
pub(super) type Unsealed = age::stream::StreamReader<BufReader<Chain<Cursor<Vec<u8>>, std::fs::File>>>;

/// Opens the archive in a file.
pub(super) fn open(path: &Path, identities: &Identities) -> Result<Reader<Unsealed>, Error> {
    let file = std::fs::File::open(path).map_err(Fault::Io).map_err(Error::of(path))?;
    unseal(file, identities).and_then(Reader::begin).map_err(Error::of(path))
}

fn unseal<R: Read>(
    mut input: R,
    identities: &Identities,
) -> Result<age::stream::StreamReader<BufReader<Chain<Cursor<Vec<u8>>, R>>>, Fault> {
    let mut start = Vec::with_capacity(AGE_HEADER_LIMIT);
    input.by_ref().take(AGE_HEADER_LIMIT as u64).read_to_end(&mut start).map_err(Fault::Io)?;
    if !start.starts_with(AGE_BEGIN) {
        return Err(match AGE_BEGIN.starts_with(&start) {
            true => Fault::Damaged("it ends in its first bytes".into()),
            false => Fault::Foreign("it is no age file"),
        });
    }
    if !start.windows(AGE_MAC_LINE.len()).any(|window| window == AGE_MAC_LINE) {
        return Err(Fault::Damaged("its header has no end".into()));
    }
    let input = BufReader::with_capacity(PIECE, Cursor::new(start).chain(input));
    let fault = |error| match error {
        age::DecryptError::NoMatchingKeys => Fault::WrongIdentity,
        age::DecryptError::Io(cause) => of_io(cause),
        _ => Fault::Damaged("its header was changed".into()),
    };
    age::Decryptor::new_buffered(input).and_then(|sealed| sealed.decrypt(identities.as_age())).map_err(fault)
}

/// What age says of a file that was cut or changed is told from what the system says.
fn of_io(cause: io::Error) -> Fault {
    match cause.kind() {
        io::ErrorKind::UnexpectedEof => Fault::Damaged("it ends too soon".into()),
        io::ErrorKind::InvalidData => Fault::Damaged("it was changed, or ends too soon".into()),
        _ => Fault::Io(cause),
    }
}

impl<R: Read> Reader<R> {
    /// Reads the head.
    pub(super) fn begin(mut input: R) -> Result<Self, Fault> {
        let mut all = Sha256::new();
        let mut begin = [0; BEGIN.len()];
        take(&mut input, &mut all, &mut begin)?;
        if begin != BEGIN {
            return Err(Fault::Foreign("it is sealed, and something else is in it"));
        }
        let mut length = [0; 4];
        take(&mut input, &mut all, &mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > HEAD_LIMIT {
            return Err(Fault::Damaged("its head is longer than a head can be".into()));
        }
        // Not reserved by what it says: it grows as there is something.
        let mut bytes = Vec::new();
        input.by_ref().take(length as u64).read_to_end(&mut bytes).map_err(of_io)?;
        if bytes.len() < length {
            return Err(Fault::Damaged("it ends in its head".into()));
        }
        all.update(&bytes);
        let head = decode(&bytes)?;
        let parts = head.parts().into_iter();
        Ok(Self { input, all, head, parts })
    }

    pub(super) const fn head(&self) -> &Head {
        &self.head
    }

    /// Hands the next content to `each`, piece by piece, and answers which it was and its digest; none after the last.
    /// What was handed over is right only if this says so.
    pub(super) fn next(&mut self, each: &mut Each) -> Result<Option<(Part, Digest)>, Fault> {
        let Some(part) = self.parts.next() else { return Ok(None) };
        let mut at = match &part {
            Part::Whole(_) => 0,
            Part::Piece(_, piece) => piece.from,
        };
        let (mut left, mut digest, mut buffer) = (part.bytes(), begin_digest(&part), vec![0; PIECE]);
        while left > 0 {
            let length = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            let bytes = buffer.get_mut(..length).unwrap_or_default();
            take(&mut self.input, &mut self.all, bytes)?;
            digest.update(&*bytes);
            each(&part, at, bytes).map_err(|error| Fault::Sink(Box::new(error)))?;
            (at, left) = (at + length as u64, left - length as u64);
        }
        let (digest, mut said) = (<[u8; 32]>::from(digest.finalize()), [0; 32]);
        take(&mut self.input, &mut self.all, &mut said)?;
        match said == digest {
            true => Ok(Some((part, digest.into()))),
            false => Err(Fault::Damaged("a file in it does not have its digest".into())),
        }
    }

    /// Sees that the archive ends as it must.
    pub(super) fn finish(mut self) -> Result<(), Fault> {
        let (mut end, mut said) = ([0; END.len()], [0; 32]);
        take(&mut self.input, &mut self.all, &mut end)?;
        self.input.read_exact(&mut said).map_err(of_io)?;
        let more = self.input.read(&mut [0]).map_err(of_io)?;
        match end == END && said == <[u8; 32]>::from(self.all.finalize()) && more == 0 {
            true => Ok(()),
            false => Err(Fault::Damaged("it does not end as it must".into())),
        }
    }
}

fn take(input: &mut impl Read, all: &mut Sha256, bytes: &mut [u8]) -> Result<(), Fault> {
    input.read_exact(bytes).map_err(of_io)?;
    all.update(bytes);
    Ok(())
}

fn decode(bytes: &[u8]) -> Result<Head, Fault> {
    /// What every version has in common.
    #[derive(minicbor::Decode)]
    #[cbor(map)]
    struct Versioned {
        #[n(0)]
        version: u32,
    }
    let unreadable = || Fault::Damaged("its head cannot be read".into());
    let Versioned { version } = minicbor::decode(bytes).map_err(|_| unreadable())?;
    if version != VERSION {
        return Err(Fault::Version { found: version, known: VERSION });
    }
    let head: Head = minicbor::decode(bytes).map_err(|_| unreadable())?;
    head.check().map_err(|why| Fault::Damaged(why.into()))?;
    Ok(head)
}
