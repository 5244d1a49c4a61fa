use proptest::prelude::*;

use super::*;
use crate::feed::Position;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

fn id(text: &str) -> BureauId {
    text.parse().unwrap()
}

fn receipt() -> Receipt {
    Receipt {
        from: id("FR"),
        to: id("KE"),
        at: Timestamp::from_ms(1_772_357_400_000),
        upto: Cursor { generation: 7, at: Position { seq: 12, head: [3; 16] } },
        refused: vec![],
    }
}

fn verify(bytes: &[u8]) -> Result<SignedReceipt, Error> {
    SignedReceipt::verify(bytes, id("KE"), (id("FR"), &key(1).verifying_key()))
}

#[test]
fn a_receipt_comes_back_as_it_was_signed() {
    let refused = Receipt { refused: refusals(1), ..receipt() };
    for receipt in [receipt(), refused] {
        let signed = receipt.sign(&key(1)).unwrap();
        assert_eq!(SignedReceipt::claims(signed.as_bytes()).unwrap().0, id("FR"));
        assert_eq!(verify(signed.as_bytes()), Ok(signed.clone()));
        assert_eq!(signed.receipt(), &receipt);
    }
}

#[test]
fn it_counts_only_from_its_sender_to_its_receiver() {
    let signed = receipt().sign(&key(1)).unwrap();
    let bytes = signed.as_bytes();
    let not_ours = Err(Error::NotOurs { from: id("FR"), to: id("KE") });
    assert_eq!(SignedReceipt::verify(bytes, id("BR"), (id("FR"), &key(1).verifying_key())), not_ours);
    assert_eq!(SignedReceipt::verify(bytes, id("KE"), (id("BR"), &key(1).verifying_key())), not_ours);
    let forged = SignedReceipt::verify(bytes, id("KE"), (id("FR"), &key(2).verifying_key()));
    assert!(matches!(forged, Err(Error::Document(codec::Error::Key { .. }))));
    let charter = codec::sign(Typ::Charter, b"\xa0", &key(1));
    assert!(matches!(verify(&charter), Err(Error::Document(codec::Error::Typ { .. }))));
}

fn refusals(count: usize) -> Vec<Refusal> {
    vec![Refusal { id: RecordId::from_bytes([1; 16]), revision: 3, why: "record.outdated".into() }; count]
}

#[test]
fn it_is_bounded() {
    let full = Receipt { refused: refusals(REFUSED_LIMIT), ..receipt() };
    assert!(full.sign(&key(1)).unwrap().as_bytes().len() < 3 * 1024);
    let over = Receipt { refused: refusals(REFUSED_LIMIT + 1), ..receipt() };
    assert_eq!(over.sign(&key(1)), Err(Error::TooMany { count: REFUSED_LIMIT + 1 }));
    let bytes = codec::sign(Typ::Receipt, &codec::encode(&Wire::from(&over)), &key(1));
    assert_eq!(verify(&bytes), Err(Error::TooMany { count: REFUSED_LIMIT + 1 }));
    let shouting = Refusal { why: "\x1b[31m".into(), ..refusals(1).remove(0) };
    let shouting = Receipt { refused: vec![shouting], ..receipt() };
    assert!(matches!(shouting.sign(&key(1)), Err(Error::Reason(text::Fault::Control(_)))));
}

#[test]
fn damaged_ones_are_refused() {
    let signed = receipt().sign(&key(1)).unwrap();
    let bytes = signed.as_bytes();
    for cut in 0..bytes.len() {
        assert!(verify(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    for bit in 0..bytes.len() * 8 {
        let mut altered = bytes.to_vec();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(&altered).is_err(), "bit {bit}");
    }
}

proptest! {
    #[test]
    fn any_bytes_end_in_an_error(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        prop_assert!(verify(&bytes).is_err());
        prop_assert!(verify(&codec::sign(Typ::Receipt, &bytes, &key(1))).is_err());
    }
}
