//! One record side by side, as its owner and the others hold it.

use super::report::Compared;
use crate::api::types::{Field, Record};
use crate::cli::page::{Page, one_line};

/// Characters of a value that are shown: three beside each other fit a wide terminal.
const SHOWN: usize = 26;

/// What stands for a field that is not there.
const WITHHELD: &str = "· withheld";

/// Writes the record as a table, a row a field.
pub(super) fn table(compared: &Compared, page: &mut Page) {
    let owner = &compared.owner;
    let names: Vec<&str> = compared.others.iter().map(|(name, _)| name.as_str()).collect();
    let [first, second] = [0, 1].map(|at| names.get(at).copied().unwrap_or_default());
    let owner_name = format!("{} (OWNER)", owner.owner);
    let mut fields: Vec<&Field> = owner.fields.iter().collect();
    fields.sort_by_key(|field| field.group);
    let rows: Vec<[String; 5]> = fields.into_iter().map(|field| row(field, compared)).collect();
    page.table(["GROUP", "FIELD", &owner_name, first, second], &rows);
}

fn row(field: &Field, compared: &Compared) -> [String; 5] {
    let at = |nth: usize| compared.others.get(nth).map(|(_, record)| value_at(field, record)).unwrap_or_default();
    let tag = field.lang.as_ref().map(|lang| format!("@{lang}")).unwrap_or_default();
    let group = field.group.map(|group| group.to_string()).unwrap_or_default();
    [group, format!("{}{tag}", field.name), shorten(&field.value), at(0), at(1)]
}

/// The value of the same field in another copy.
fn value_at(field: &Field, record: &Record) -> String {
    if record.fields.contains(field) { shorten(&field.value) } else { WITHHELD.to_owned() }
}

fn shorten(value: &str) -> String {
    let line = one_line(value);
    match line.char_indices().nth(SHOWN) {
        Some((cut, _)) => format!("{}…", line.get(..cut).unwrap_or_default()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_cut_between_characters() {
        assert_eq!(shorten("Mombasa"), "Mombasa");
        assert_eq!(shorten(&"ж".repeat(40)), format!("{}…", "ж".repeat(SHOWN)));
        assert_eq!(shorten("two\nlines"), "two lines");
    }
}
