//! Months by name, and other calendars by the names of theirs.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::text::fold;

/// The Gregorian months, January first: English, French, Spanish, Portuguese, Italian, German, Swahili, Indonesian, Turkish, Russian (as
/// such and with a day), Persian, and Arabic as it is said in Egypt and the Gulf, in the Levant, in Algeria and Tunisia, and in Morocco.
const MONTHS: [&[&str]; 12] = [
    &[
        "january",
        "janvier",
        "enero",
        "janeiro",
        "gennaio",
        "januar",
        "jänner",
        "januari",
        "ocak",
        "январь",
        "января",
        "ژانویه",
        "يناير",
        "كانون الثاني",
        "جانفي",
    ],
    &[
        "february",
        "février",
        "febrero",
        "fevereiro",
        "febbraio",
        "februar",
        "februari",
        "şubat",
        "февраль",
        "февраля",
        "فوریه",
        "فبراير",
        "شباط",
        "فيفري",
    ],
    &["march", "mars", "marzo", "março", "märz", "machi", "maret", "mart", "март", "марта", "مارس", "آذار"],
    &[
        "april",
        "avril",
        "abril",
        "aprile",
        "aprili",
        "nisan",
        "апрель",
        "апреля",
        "آوریل",
        "أبريل",
        "ابريل",
        "نيسان",
        "أفريل",
    ],
    &["may", "mai", "mayo", "maio", "maggio", "mei", "mayıs", "май", "мая", "مه", "مايو", "أيار", "ماي"],
    &["june", "juin", "junio", "junho", "giugno", "juni", "haziran", "июнь", "июня", "ژوئن", "يونيو", "حزيران", "جوان"],
    &[
        "july",
        "juillet",
        "julio",
        "julho",
        "luglio",
        "juli",
        "julai",
        "temmuz",
        "июль",
        "июля",
        "ژوئیه",
        "يوليو",
        "تموز",
        "جويلية",
        "يوليوز",
    ],
    &[
        "august",
        "août",
        "agosto",
        "agosti",
        "agustus",
        "ağustos",
        "август",
        "августа",
        "اوت",
        "أغسطس",
        "آب",
        "أوت",
        "غشت",
    ],
    &[
        "september",
        "septembre",
        "septiembre",
        "setembro",
        "settembre",
        "septemba",
        "eylül",
        "сентябрь",
        "сентября",
        "سپتامبر",
        "سبتمبر",
        "أيلول",
        "شتنبر",
    ],
    &[
        "october",
        "octobre",
        "octubre",
        "outubro",
        "ottobre",
        "oktober",
        "oktoba",
        "ekim",
        "октябрь",
        "октября",
        "اکتبر",
        "أكتوبر",
        "تشرين الأول",
    ],
    &[
        "november",
        "novembre",
        "noviembre",
        "novembro",
        "novemba",
        "nopember",
        "kasım",
        "ноябрь",
        "ноября",
        "نوامبر",
        "نوفمبر",
        "تشرين الثاني",
        "نونبر",
    ],
    &[
        "december",
        "décembre",
        "diciembre",
        "dezembro",
        "dicembre",
        "dezember",
        "desember",
        "desemba",
        "aralık",
        "декабрь",
        "декабря",
        "دسامبر",
        "ديسمبر",
        "كانون الأول",
        "دجنبر",
    ],
];

/// Calendars that count other years, and what shows that one of theirs is meant: their months and the letters of their era.
const CALENDARS: [(&str, &[&str]); 4] = [
    (
        "the Islamic calendar",
        &[
            "ah",
            "hijri",
            "hijra",
            "muharram",
            "safar",
            "rabi",
            "jumada",
            "rajab",
            "shaban",
            "sha'ban",
            "ramadan",
            "ramadhan",
            "shawwal",
            "dhu",
            "zulhijjah",
            "هـ",
            "هجري",
            "هجرية",
            "محرم",
            "صفر",
            "ربيع",
            "جمادى",
            "رجب",
            "شعبان",
            "رمضان",
            "شوال",
            "ذو",
        ],
    ),
    (
        "the Iranian calendar",
        &[
            "sh",
            "shamsi",
            "farvardin",
            "ordibehesht",
            "khordad",
            "tir",
            "mordad",
            "shahrivar",
            "mehr",
            "aban",
            "azar",
            "dey",
            "bahman",
            "esfand",
            "شمسی",
            "خورشیدی",
            "فروردین",
            "اردیبهشت",
            "خرداد",
            "تیر",
            "مرداد",
            "شهریور",
            "مهر",
            "آبان",
            "آذر",
            "دی",
            "بهمن",
            "اسفند",
        ],
    ),
    ("the Buddhist era", &["be", "พ.ศ", "พศ"]),
    ("the Ethiopian calendar", &["ec", "ዓ.ም"]),
];

/// What holds the words of one name together: a character that no screen shows.
const JOINER: &str = "\u{200c}";

/// Letters of a name that stand for it, in scripts that shorten names.
const SHORTEST: usize = 3;

/// What each name, and each start of one that only one month has, means.
static KNOWN: LazyLock<HashMap<String, Option<u8>>> = LazyLock::new(|| {
    let mut known = HashMap::new();
    let named = || (1_u8..).zip(MONTHS).flat_map(|(month, names)| names.iter().map(move |name| (month, *name)));
    for (month, name) in named().filter(|(_, name)| shortens(name)) {
        let ends = name.char_indices().map(|(at, _)| at).chain([name.len()]).skip(SHORTEST);
        for start in ends.filter_map(|end| name.get(..end)) {
            let meant = known.entry(fold(start)).or_insert(Some(month));
            *meant = meant.filter(|other| *other == month);
        }
    }
    // A whole name means its month, whatever it is the start of.
    known.extend(named().map(|(month, name)| (fold(&name.replace(' ', JOINER)), Some(month))));
    known
});

/// Names of the other calendars, folded.
static OTHERS: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
    CALENDARS.iter().flat_map(|(calendar, words)| words.iter().map(|word| (fold(word), *calendar))).collect()
});

/// Whether names of a script are written short.
fn shortens(name: &str) -> bool {
    name.chars().all(|c| matches!(c, 'a'..='z' | '\u{c0}'..='\u{24f}' | '\u{400}'..='\u{4ff}'))
}

/// The month that a word means; none where it could be two, such as `jui`.
pub(super) fn month(word: &str) -> Option<u8> {
    if word.chars().any(char::is_numeric) || word.chars().count() < 2 {
        return None;
    }
    *KNOWN.get(&fold(word))?
}

/// The other calendar that a word is of.
pub(super) fn calendar(word: &str) -> Option<&'static str> {
    OTHERS.get(&fold(word)).copied()
}

/// Names of two words as one, which spaces do not take apart.
pub(super) fn joined(text: &str) -> String {
    let pairs = MONTHS.iter().copied().flatten().filter(|name| name.contains(' '));
    pairs.fold(text.replace("الاول", "الأول"), |text, pair| text.replace(*pair, &pair.replace(' ', JOINER)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_known_by_their_names_and_starts_that_only_one_has() {
        for (word, number) in [
            ("Dec", 12),
            ("décembre", 12),
            ("DEZEMBRO", 12),
            ("janv", 1),
            ("Sept", 9),
            ("juil", 7),
            ("mar", 3),
            ("Agt", 0),
            ("ağu", 8),
            ("янв", 1),
            ("Мая", 5),
            ("июн", 6),
            ("июл", 7),
            ("آب", 8),
            ("مه", 5),
            ("كانون\u{200c}الثاني", 1),
            ("ديسمبر", 12),
            ("Desemba", 12),
            ("Aralık", 12),
            ("ARALIK", 12),
            ("jui", 0),
            ("ma", 0),
            ("x", 0),
            ("xx", 0),
            ("Marseille", 0),
            ("5", 0),
            ("آذار", 3),
            ("آذر", 0),
        ] {
            assert_eq!(month(word).unwrap_or(0), number, "{word}");
        }
        assert_eq!(joined("5 كانون الاول 1971"), "5 كانون\u{200c}الأول 1971");
    }

    #[test]
    fn no_name_means_two_months_and_no_calendar_has_a_month_of_ours() {
        for (number, names) in (1..).zip(MONTHS) {
            for name in names {
                assert_eq!(month(name), Some(number), "{name}");
                assert_eq!(calendar(name), None, "{name}");
            }
        }
        assert_eq!(calendar("Muharram"), Some("the Islamic calendar"));
        assert_eq!(calendar("فروردین"), Some("the Iranian calendar"));
        assert_eq!(calendar("B.E"), Some("the Buddhist era"));
    }
}
