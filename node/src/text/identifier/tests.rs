use std::path::Path;

use igain_protocol::vocabulary::Scheme;
use proptest::prelude::*;

use super::*;

/// All spellings have the one canonical form.
fn check(scheme: Scheme, spellings: &[&str], form: &str) {
    for raw in spellings {
        assert_eq!(identifier(scheme, raw, Some("KE")).map(|forms| forms[0].clone()), Ok(form.to_owned()), "{raw}");
    }
}

fn refused(scheme: Scheme, texts: &[&str]) {
    for raw in texts {
        assert!(identifier(scheme, raw, Some("KE")).is_err(), "{scheme} {raw}");
    }
}

#[test]
fn phones_meet_however_they_are_spelled() {
    let spellings = [
        "+254 712 345 678",
        "+254-712-345678",
        "00254712345678",
        "000254712345678",
        "0712 345 678",
        "0712.345.678",
        "254712345678",
        "(+254) 0712 345678",
        "tel:+254712345678",
        "+254 712 345 678 ext. 12",
        "\u{202a}+254 712\u{a0}345 678\u{202c}",
        "٠٧١٢٣٤٥٦٧٨",
    ];
    check(Scheme::Phone, &spellings, "+254712345678");
    assert_eq!(identifier(Scheme::Phone, "8 10 254 712345678", Some("RU")).unwrap()[0], "+254712345678");
    assert_eq!(identifier(Scheme::Phone, "06 12 34 56 78", Some("FR")).unwrap()[0], "+33612345678");
    assert_eq!(identifier(Scheme::Phone, "(55) 99999-1234", Some("BR")).unwrap()[0], "+5555999991234");
    assert_eq!(identifier(Scheme::Phone, "02 1234 5678", Some("IT")).unwrap()[0], "+390212345678");
    refused(Scheme::Phone, &["", "call me", "+999123456789", "+254", "+2547123456781234567"]);
    assert_eq!(identifier(Scheme::Phone, "0712345678", None), Err(Error::NoCountry("0712345678".into())));
}

#[test]
fn who_asks_without_the_country_finds_the_number_too() {
    let indexed = index_forms(Scheme::Phone, "+254 712 345 678", None);
    for asked in ["0712345678", "254712345678", "+254712345678", "712 345 678"] {
        let forms = query_forms(Scheme::Phone, asked, None).unwrap();
        assert!(forms.iter().any(|form| indexed.contains(form)), "{asked}: {forms:?} {indexed:?}");
    }
    // The same national number elsewhere is another phone.
    let forms = query_forms(Scheme::Phone, "+33 712 345 678", None).unwrap();
    assert!(!forms.iter().any(|form| indexed.contains(form)));
}

#[test]
fn what_breaks_its_rules_is_still_found_as_written() {
    for (scheme, raw, again) in [
        (Scheme::Iban, "FR76 1234", "fr761234"),
        (Scheme::Vin, "JTE-123", "JTE123"),
        (Scheme::Imo, "IMO 1234568", "imo1234568"),
        (Scheme::Phone, "ext", "ext"),
    ] {
        let indexed = index_forms(scheme, raw, None);
        match query_forms(scheme, again, None) {
            Ok(forms) => assert!(forms.iter().any(|form| indexed.contains(form)), "{raw}"),
            Err(_) => assert!(indexed.is_empty(), "{raw}"),
        }
    }
    assert!(query_forms(Scheme::Passport, "-- ", None).is_err());
}

#[test]
fn documents_vehicles_and_ships() {
    check(Scheme::Passport, &["A 1234567", "a-1234567", "Ａ１２３４５６７"], "A1234567");
    check(Scheme::Plate, &["KDA 123A", "kda-123a", "КDА 123А"], "KDA123A");
    check(Scheme::Vin, &["JTEBR3FJ0 0K012345", "JTEBR3FJOOKO12345"], "JTEBR3FJ00K012345");
    check(Scheme::Imo, &["IMO 9187629", "9187629", "imo9187629", "IMO No. 9187629"], "9187629");
    check(Scheme::Mmsi, &["572469210", "MMSI 572 469 210"], "572469210");
    check(Scheme::Tail, &["5Y-ABC", "5yabc"], "5YABC");
    check(Scheme::Container, &["CSQU 305438 3", "CSQU3054383"], "CSQU3054383");
    check(
        Scheme::Imei,
        &["35-209900-176148-1", "352099001761481", "35209900176148", "352099001761480"],
        "35209900176148",
    );
    check(Scheme::AircraftAddress, &["4ca-1f2", "4CA1F2"], "4CA1F2");
    check(Scheme::Iccid, &["8925 4021 0000 0000 003", "8925402100000000003F"], "8925402100000000003");
    refused(Scheme::AircraftAddress, &["4CA1F", "4CA1FG"]);
    refused(Scheme::Imo, &["9187628", "918762", "A187629"]);
    refused(Scheme::Container, &["CSQU3054384", "CSQ3054383"]);
    refused(Scheme::Imei, &["352099001761482", "1234"]);
    refused(Scheme::Vin, &["1234567890123456"]);
}

#[test]
fn accounts_and_crypto_assets() {
    check(
        Scheme::Iban,
        &["FR14 2004 1010 0505 0001 3M02 606", "IBAN fr1420041010050500013m02606"],
        "FR1420041010050500013M02606",
    );
    check(Scheme::Card, &["4111 1111 1111 1111", "4111-1111-1111-1111"], "4111111111111111");
    check(Scheme::Lei, &["5493 001K JTII GC8Y 1R12", "5493001kjtiigc8y1r12"], "5493001KJTIIGC8Y1R12");
    refused(Scheme::Lei, &["5493001KJTIIGC8Y1R13", "5493001KJTIIGC8Y"]);
    check(Scheme::Bic, &["BNPAFRPP", "bnpafrppXXX"], "BNPAFRPP");
    check(
        Scheme::Crypto,
        &["XBT 149w62rY42aZBox8fGcmqNsXUzSStKeq8C", "bitcoin:149w62rY42aZBox8fGcmqNsXUzSStKeq8C?amount=1"],
        "149w62rY42aZBox8fGcmqNsXUzSStKeq8C",
    );
    check(
        Scheme::Crypto,
        &["bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4"],
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    );
    check(
        Scheme::Crypto,
        &["bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"],
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
    );
    check(
        Scheme::Crypto,
        &["0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"],
        "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
    );
    refused(
        Scheme::Crypto,
        &["149w62rY42aZBox8fGcmqNsXUzSStKeq8D", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", "0x12"],
    );
    refused(Scheme::Card, &["4111 1111 1111 1112", "4111"]);
    refused(Scheme::Iban, &["FR1420041010050500013M02607", "XX431234", "FR14", ""]);
}

#[test]
fn the_internet() {
    check(
        Scheme::Email,
        &["Ali.Juma@Example.ORG", "mailto:ali.juma@example.org", "ali.juma[at]example[.]org"],
        "ali.juma@example.org",
    );
    check(
        Scheme::Url,
        &["https://www.Example.org/Page/", "hxxp://example[.]org/Page#top", "example.org:443/Page"],
        "example.org/Page",
    );
    check(Scheme::Ip, &["192.0.2.1", "192.0.2[.]1", "::ffff:192.0.2.1"], "192.0.2.1");
    check(Scheme::Ip, &["2001:DB8:0:0::1"], "2001:db8::1");
    check(Scheme::Domain, &["Example.ORG.", "https://example.org/x"], "example.org");
    check(Scheme::Handle, &["@Mzee_Kobe", "mzee_kobe", "https://t.me/mzee_kobe"], "mzee_kobe");
    refused(Scheme::Email, &["nobody", "@example.org", "a b@example.org"]);
    refused(Scheme::Ip, &["192.0.2.256", "example.org"]);
}

proptest! {
    #[test]
    fn any_text_is_taken_or_refused(raw in "\\PC{0,60}", at in 0..Scheme::ALL.len()) {
        let scheme = Scheme::ALL[at];
        if let Ok(forms) = identifier(scheme, &raw, None) {
            prop_assert!(!forms.is_empty() && forms.iter().all(|form| !form.is_empty()));
            // A canonical form is its own canonical form.
            prop_assert_eq!(&identifier(scheme, &forms[0], None).unwrap()[0], &forms[0]);
        }
        let _ = (index_forms(scheme, &raw, Some("BR")), query_forms(scheme, &raw, Some("FR")));
    }
}

/// Each letter's canonical form is its own canonical form. Seen to fail for letters whose capitals come apart.
#[test]
fn capitals_and_small_letters_are_settled() {
    for scheme in [Scheme::SourceId, Scheme::Handle, Scheme::Plate] {
        for c in ('\u{80}'..='\u{2ffff}').filter(|c| c.is_alphabetic()) {
            let Ok(forms) = identifier(scheme, &format!("ab{c}1"), None) else { continue };
            assert_eq!(identifier(scheme, &forms[0], None).unwrap()[0], forms[0], "{scheme} {c:?}");
        }
    }
}

/// Vectors made from public test suites; their folder lies beside the repository.
fn vectors(name: &str) -> Option<Vec<csv::StringRecord>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/ids").join(name);
    if !path.exists() {
        eprintln!("skipped: {} is absent", path.display());
        return None;
    }
    Some(csv::Reader::from_path(path).unwrap().records().map(Result::unwrap).collect())
}

#[test]
fn published_vectors_agree() {
    for row in vectors("stdnum_vectors_open.csv").unwrap_or_default() {
        let scheme = match &row[0] {
            "iban" => Scheme::Iban,
            "bic" => Scheme::Bic,
            "imsi" => Scheme::Imsi,
            _ => continue,
        };
        let valid = &row[3] == "valid" || row[3].starts_with('\'');
        assert_eq!(identifier(scheme, &row[2], None).is_ok(), valid, "{row:?}");
    }
}

#[test]
fn example_numbers_of_every_region_agree() {
    for row in vectors("phone_examples_open.csv").unwrap_or_default() {
        let (region, prefix, national, e164) = (&row[0], &row[2], &row[4], &row[5]);
        assert_eq!(identifier(Scheme::Phone, e164, None).unwrap()[0], e164, "{row:?}");
        if region.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        // Dialled at home, with the prefix that precedes every national number there.
        let dialled = identifier(Scheme::Phone, &format!("{prefix}{national}"), Some(region)).unwrap();
        assert_eq!(dialled[0], e164, "{row:?}");
    }
}
