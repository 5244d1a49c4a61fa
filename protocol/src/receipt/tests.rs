use proptest::prelude::*;

use super::*;

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
        outcome: Outcome::Purged,
        feed: None,
        records: vec![RecordId::from_bytes([1; 16]), RecordId::from_bytes([2; 16])],
        reason: None,
    }
}

fn verify(bytes: &[u8]) -> Result<SignedReceipt, Error> {
    SignedReceipt::verify(bytes, id("KE"), (id("FR"), &key(1).verifying_key()))
}

#[test]
fn a_receipt_comes_back_as_it_was_signed() {
    let refused = Receipt {
        outcome: Outcome::Refused,
        reason: Some("its retention date is past".into()),
        feed: Some([9; 16]),
        ..receipt()
    };
    let feed = Receipt { records: vec![], feed: Some([9; 16]), ..receipt() };
    for receipt in [receipt(), refused, feed] {
        let signed = receipt.sign(&key(1)).unwrap();
        assert_eq!(SignedReceipt::claimed_bureau(signed.as_bytes()), Ok(id("FR")));
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

#[test]
fn it_is_bounded() {
    let full = Receipt { records: vec![RecordId::from_bytes([1; 16]); RECORDS_LIMIT], ..receipt() };
    assert!(full.sign(&key(1)).unwrap().as_bytes().len() < 18 * 1024);
    let over = Receipt { records: vec![RecordId::from_bytes([1; 16]); RECORDS_LIMIT + 1], ..receipt() };
    assert_eq!(over.sign(&key(1)), Err(Error::TooMany { count: RECORDS_LIMIT + 1 }));
    let bytes = codec::sign(Typ::Receipt, &codec::encode(&Wire::from(&over)), &key(1));
    assert_eq!(verify(&bytes), Err(Error::TooMany { count: RECORDS_LIMIT + 1 }));
    assert_eq!(Receipt { records: vec![], ..receipt() }.sign(&key(1)), Err(Error::Empty));
    let shouting = Receipt { reason: Some("\x1b[31m".into()), ..receipt() };
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
