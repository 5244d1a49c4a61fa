//! Text for people: tables aligned by what a terminal shows, colour where one looks on.

use unicode_width::UnicodeWidthStr as _;

/// Whether there is colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// None.
    Plain,
    /// ANSI colours.
    Colour,
}

/// Text that grows.
#[derive(Debug)]
pub(super) struct Page {
    text: String,
    style: Style,
}

impl Page {
    pub(super) const fn new(style: Style) -> Self {
        Self { text: String::new(), style }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    pub(super) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// A title and what belongs to it, one under the other.
    pub(super) fn facts(&mut self, facts: &[(&str, String)]) {
        let width = facts.iter().map(|(name, _)| name.width()).max().unwrap_or_default();
        for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
            let pad = " ".repeat(width - name.width());
            let mut lines = value.lines();
            let first = lines.next().unwrap_or_default();
            self.line(&format!("{}{pad}  {first}", self.faint(name)));
            lines.for_each(|line| self.line(&format!("{}  {line}", " ".repeat(width))));
        }
    }

    /// A table. A cell is one line; its last column is not padded.
    pub(super) fn table<const N: usize>(&mut self, head: [&str; N], rows: &[[String; N]]) {
        let clean: Vec<[String; N]> = rows.iter().map(|row| row.each_ref().map(|cell| one_line(cell))).collect();
        let mut widths = head.map(|cell| cell.width());
        for row in &clean {
            widths.iter_mut().zip(row).for_each(|(width, cell)| *width = (*width).max(cell.width()));
        }
        let head = padded(&head.map(str::to_owned), &widths);
        self.line(&self.faint(head.trim_end()));
        clean.iter().for_each(|row| self.line(&padded(row, &widths)));
    }

    /// What must be seen first.
    pub(super) fn banner(&self, banner: &str) -> String {
        let colour = match banner.split_whitespace().next() {
            Some("TLP:RED") => "1;31",
            Some("TLP:AMBER" | "TLP:AMBER+STRICT") => "1;33",
            Some("TLP:GREEN") => "1;32",
            _ => "1",
        };
        self.painted(banner, colour)
    }

    pub(super) fn strong(&self, text: &str) -> String {
        self.painted(text, "1")
    }

    pub(super) fn faint(&self, text: &str) -> String {
        self.painted(text, "2")
    }

    pub(super) fn good(&self, text: &str) -> String {
        self.painted(text, "32")
    }

    pub(super) fn bad(&self, text: &str) -> String {
        self.painted(text, "31")
    }

    fn painted(&self, text: &str, colour: &str) -> String {
        match self.style {
            Style::Plain => text.to_owned(),
            Style::Colour => format!("\u{1b}[{colour}m{text}\u{1b}[0m"),
        }
    }
}

fn padded<const N: usize>(row: &[String; N], widths: &[usize; N]) -> String {
    let mut line = String::new();
    for (cell, width) in row.iter().zip(widths) {
        line.push_str(cell);
        line.push_str(&" ".repeat(width.saturating_sub(cell.width()) + 2));
    }
    line.trim_end().to_owned()
}

/// A text as one line without what a terminal would obey.
pub(super) fn one_line(text: &str) -> String {
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(shown).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_align_what_a_terminal_shows() {
        let mut page = Page::new(Style::Plain);
        let row = |name: &str, owner: &str| [name.to_owned(), owner.to_owned()];
        page.table(["NAME", "OWNER"], &[row("王小明", "BR"), row("Amina", "KE"), row("two\nlines", "FR")]);
        assert_eq!(page.text(), "NAME       OWNER\n王小明     BR\nAmina      KE\ntwo lines  FR\n");
    }

    #[test]
    fn facts_without_a_value_are_left_out() {
        let mut page = Page::new(Style::Plain);
        page.facts(&[("name", "NCB".into()), ("tags", String::new()), ("addresses", "a\nb".into())]);
        assert_eq!(page.text(), "name       NCB\naddresses  a\n           b\n");
    }

    #[test]
    fn a_terminal_is_not_given_orders() {
        assert_eq!(one_line("a\u{1b}[2Jb\r\n"), "a [2Jb");
        let page = Page::new(Style::Colour);
        assert_eq!(page.banner("TLP:RED H1"), "\u{1b}[1;31mTLP:RED H1\u{1b}[0m");
    }
}
