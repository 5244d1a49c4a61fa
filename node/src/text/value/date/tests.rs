//! Dates as they are found in files.

use super::*;

fn today() -> Day {
    "2026-11-29".parse().unwrap()
}

fn read_as(text: &str, hints: &Hints<'_>, tense: Tense) -> String {
    match parse(text, hints, tense) {
        Ok((date, None)) => date.to_string(),
        Ok((date, Some(odd))) => format!("{date}, odd: {odd}"),
        Err(fault) => format!("error: {fault}"),
    }
}

fn read(text: &str) -> String {
    read_as(text, &Hints { today: Some(today()), ..Hints::default() }, Tense::Past)
}

fn born(text: &str) -> String {
    read_as(text, &Hints { today: Some(today()), ..Hints::default() }, Tense::Birth)
}

#[test]
fn dates_are_read_no_more_precisely_than_they_are() {
    for (text, date) in [
        ("1948-12-10", "1948-12-10"),
        ("10 Dec 1948", "1948-12-10"),
        ("December 10, 1948", "1948-12-10"),
        ("10 décembre 1948", "1948-12-10"),
        ("10 de dezembro de 1948", "1948-12-10"),
        ("le 1er août 1971", "1971-08-01"),
        ("10.12.1948", "1948-12-10"),
        ("1948/12/10", "1948-12-10"),
        ("19481210", "1948-12-10"),
        ("2026-03-01T09:30:00Z", "2026-03-01"),
        ("Dec 1948", "1948-12"),
        ("Sept. 1948", "1948-09"),
        ("14 juil. 1948", "1948-07-14"),
        ("1936", "1936"),
        ("circa 1965", "1965~"),
        ("circa 1 Jan 1961", "1961-01-01~"),
        ("circa Jul 1953", "1953-07~"),
        ("1958 to 1962", "1958/1962"),
        ("1960s", "196X"),
        ("the 1960's", "196X"),
        ("1971?", "1971?"),
        ("10 Dec 1948 (?)", "1948-12-10?"),
        ("possibly 1948", "1948?"),
        ("circa 1948?", "1948%"),
        ("between 1958 and 1962", "1958/1962"),
        ("circa 1961-1963", "1961~/1963~"),
        ("01 Jan 1957 to 31 Dec 1957", "1957"),
        ("01 Mar 1957 to 31 Mar 1957", "1957-03"),
        ("25 Sep 1962 to 15 Oct 1964", "1962-09-25/1964-10-15"),
        ("16/07/1968 - 18/07/1968", "1968-07-16/1968-07-18"),
        ("du 3 mars 1958 au 5 avril 1958", "1958-03-03/1958-04-05"),
        ("1958-62", "1958/1962"),
        ("late 1960s", "196X~"),
        ("25/04/1960", "1960-04-25"),
        ("04/25/1960", "1960-04-25"),
        ("04/04/1960", "1960-04-04"),
        ("29-02-1960", "1960-02-29"),
        ("04/1971", "1971-04"),
        ("1971/04", "1971-04"),
        // What is not known: zeros and crosses.
        ("1965-00-00", "1965"),
        ("1965-06-00", "1965-06"),
        ("00/06/1965", "1965-06"),
        ("xx.xx.1965", "1965"),
        ("XX-06-1965", "1965-06"),
        ("19650000", "1965"),
        ("19650600", "1965-06"),
        ("196x", "196X"),
        ("xx/xx/19xx", "19XX"),
        // One of two, and open ends.
        ("1969 or 1970", "[1969, 1970]"),
        ("12 mai 1969 ou 12 mai 1970", "[1969-05-12, 1970-05-12]"),
        ("until 1970", "../1970"),
        ("since April 1971", "1971-04/.."),
        // Parts of the year.
        ("Q3 2020", "Q3 2020"),
        ("2020 Q1", "Q1 2020"),
        ("summer 1971", "summer 1971"),
        ("verano de 1971", "summer 1971"),
        ("H1 2020", "H1 2020"),
        // Digits and months of others.
        ("١٩٧١-٠٤-٣٠", "1971-04-30"),
        ("۱۹۷۱", "1971"),
        ("٣٠ نيسان ١٩٧١", "1971-04-30"),
        ("5 كانون الثاني 1971", "1971-01-05"),
        ("5 جويلية 1962", "1962-07-05"),
        ("10 декабря 1948 г.", "1948-12-10"),
        ("декабрь 1948", "1948-12"),
        ("10 Desemba 1948", "1948-12-10"),
        ("10 Aralık 1948", "1948-12-10"),
        ("17 Agustus 1945", "1945-08-17"),
        ("10 دسامبر 1948", "1948-12-10"),
        ("10 de diciembre de 1948", "1948-12-10"),
        // Eight digits whose year can only stand last.
        ("30041971", "1971-04-30"),
        // Two digits of a year that can be one alone.
        ("16-07-68", "1968-07-16"),
        ("10-Dec-48", "1948-12-10"),
        ("Jul 68", "1968-07"),
    ] {
        assert_eq!(read(text), date, "{text}");
    }
}

#[test]
fn what_is_no_date_is_refused() {
    for text in [
        "",
        "unknown",
        "31 Feb 1960",
        "45/13/1960",
        "29/02/1961",
        "1962 to 1958",
        "99 Dec 1948",
        "may",
        "1948/xx/10",
        "1948 12 x",
        "10.x.1948",
        "Marseille 1948",
        "jui 1948",
        "2021-22~",
        "1969 or",
        "until",
        "xx",
        "00/00",
        "1948-12-10-5",
        "12",
        "2 to 3",
    ] {
        let told = read(text);
        assert!(told.starts_with("error") && told.contains("is no date"), "{text}: {told}");
    }
}

#[test]
fn what_may_be_several_dates_tells_them() {
    for (text, readings) in [
        ("03/04/1960", "1960-03-04 or as 1960-04-03"),
        ("circa 1-2-1960", "1960-01-02~ or as 1960-02-01~"),
        ("2021-22", "summer 2021 or as 2021/2022"),
        ("1910/12", "1910-12 or as 1910/1912"),
        ("16-07-25", "1916-07-25 or as 1925-07-16 or as 2016-07-25 or as 2025-07-16"),
        ("01 02 1948", "1948-01-02 or as 1948-02-01"),
    ] {
        let told = read(text);
        assert!(told.contains(readings), "{text}: {told}");
    }
    // Neither is guessed where one is born.
    assert!(born("16 Jul 25").contains("1925-07-16 or as 2016-07-25 or as 2025-07-16"));
}

#[test]
fn a_birth_is_past_and_within_a_life() {
    for (text, date) in [
        ("16-07-68", "1968-07-16"),
        ("23-10-35", "1935-10-23"),
        ("2026-11-29", "2026-11-29"),
        ("1900", "1900"),
        ("circa 1897", "1897~"),
    ] {
        assert_eq!(born(text), date, "{text}");
    }
    for (text, why) in [
        ("2027", "still to come"),
        ("16 Jul 2068", "still to come"),
        ("1850", "more than 130 years ago"),
        ("1385-01-01", "another calendar"),
        ("2514-04-30", "another calendar"),
    ] {
        assert!(born(text).starts_with("error") && born(text).contains(why), "{text}: {}", born(text));
    }
    // What may have begun before now has.
    assert_eq!(born("1960/2030"), "1960/2030");
}

#[test]
fn what_is_told_of_is_past_and_what_expires_may_come() {
    assert_eq!(read("2026-11-30"), "2026-11-30");
    assert_eq!(read("2027-01-01"), "2027-01-01, odd: `2027-01-01` is still to come");
    let expires = |text| read_as(text, &Hints { today: Some(today()), ..Hints::default() }, Tense::Open);
    assert_eq!(expires("2035-01-01"), "2035-01-01");
    assert_eq!(expires("9999-12-31"), "9999-12-31");
    assert!(expires("2569-01-01").contains("another calendar"));
    assert!(read("1446-03-01").contains("another calendar"));
}

#[test]
fn other_calendars_are_said_and_never_taken_for_ours() {
    for (text, calendar) in [
        ("5 Muharram 1446", "the Islamic calendar"),
        ("1446/1/5 هـ", "the Islamic calendar"),
        ("1385 AH", "the Islamic calendar"),
        ("1 فروردین 1350", "the Iranian calendar"),
        ("15 Mehr 1350", "the Iranian calendar"),
        ("30 April 2514 BE", "the Buddhist era"),
        ("12/08/1999 EC", "the Ethiopian calendar"),
    ] {
        assert!(read(text).contains(calendar), "{text}: {}", read(text));
    }
}

#[test]
fn the_source_says_how_it_writes_dates() {
    let with = |order, century| Hints { order, century, today: Some(today()), ..Hints::default() };
    for (order, text, date) in [
        (Order::Dmy, "03/04/1960", "1960-04-03"),
        (Order::Mdy, "03/04/1960", "1960-03-04"),
        (Order::Mdy, "03.04.1960", "1960-03-04"),
        (Order::Dmy, "03 04 68", "1968-04-03"),
        (Order::Ymd, "68-04-03", "1968-04-03"),
        (Order::Mdy, "1960-03-04", "1960-03-04"),
        (Order::Dmy, "4 March 1960", "1960-03-04"),
    ] {
        assert_eq!(read_as(text, &with(Some(order), None), Tense::Past), date, "{text}");
    }
    // What its source does not write so.
    assert!(read_as("25/04/1960", &with(Some(Order::Mdy), None), Tense::Past).contains("is no date"));
    assert_eq!(read_as("16/07/25", &with(Some(Order::Dmy), Some(1930)), Tense::Birth), "2025-07-16");
    assert_eq!(read_as("16/07/25", &with(Some(Order::Dmy), Some(1900)), Tense::Birth), "1925-07-16");
    assert!(read_as("16/07/30", &with(Some(Order::Dmy), Some(2000)), Tense::Birth).contains("still to come"));
}

#[test]
fn a_format_settles_what_digits_mean() {
    let with = |format: &str, text: &str, tense| {
        let formats = [Format::parse_text(format).unwrap()];
        read_as(text, &Hints { formats: &formats, today: Some(today()), ..Hints::default() }, tense)
    };
    assert_eq!(with("%m/%d/%y", "11/5/21", Tense::Past), "2021-11-05");
    assert_eq!(with("%d/%m/%Y", "11/5/2021", Tense::Past), "2021-05-11");
    assert!(with("%d/%m/%Y", "45/5/2021", Tense::Past).contains("is no date"));
    assert_eq!(with("%d-%m-%y", "16-07-68", Tense::Birth), "1968-07-16");
    assert_eq!(with("%d-%m-%y", "16-07-68", Tense::Past), "1968-07-16");
    assert_eq!(with("%d-%m-%y", "16-07-68", Tense::Open), "2068-07-16");
    assert_eq!(with("%d-%m-%Y", "00-06-1965", Tense::Birth), "1965-06");
    assert_eq!(with("%d-%m-%Y", "00-00-1965", Tense::Birth), "1965");
    assert!(Format::parse_text("%d.%q").is_err() && Format::parse_text("%d").is_err());
}

proptest::proptest! {
    /// What is shown is read as itself, and any text is a date or is refused (L16).
    #[test]
    fn what_is_shown_is_read_as_itself(
        text in "\\PC{0,24}|(circa |until |late |1)?(19|20)[0-9x]{0,2}s?( to | or |-|/)?[A-Za-z0-9 ]{0,12}|[0-3]?[0-9x][-/. ][01]?[0-9x][-/. ][0-9]{2,4}|(Q|H|C)[1-4] (19|20)[0-9]{2}"
    ) {
        for tense in [Tense::Past, Tense::Birth, Tense::Open] {
            let hints = Hints { today: Some(today()), ..Hints::default() };
            if let Ok((date, _)) = parse(&text, &hints, tense) {
                proptest::prop_assert_eq!(parse(&date.to_string(), &hints, tense).map(|(date, _)| date), Ok(date));
            }
        }
    }
}
