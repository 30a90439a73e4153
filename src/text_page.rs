//! Text for a terminal, laid out in lines of 100 columns.

use crate::visible_text::wrap;

/// Columns of a line.
const WIDTH: usize = 100;

/// Text that is laid out.
#[derive(Default)]
pub struct Page {
    pub text: String,
}

impl Page {
    /// A title, after an empty line.
    pub fn title(&mut self, title: &str) {
        self.text.push('\n');
        self.text.push_str(title);
        self.text.push('\n');
    }

    /// A paragraph.
    pub fn paragraph(&mut self, indent: usize, text: &str) {
        self.hanging(indent, indent, text);
    }

    /// An entry of a list.
    pub fn item(&mut self, indent: usize, text: &str) {
        self.hanging(indent, indent + 2, &format!("- {text}"));
    }

    /// A paragraph whose lines begin here, but for the first.
    pub fn hanging(&mut self, first: usize, rest: usize, text: &str) {
        // What is laid out in columns keeps its blanks in the first line, if that is all there is.
        let whole = format!("{}{text}", " ".repeat(first));
        if unicode_width::UnicodeWidthStr::width(whole.as_str()) <= WIDTH {
            self.line(&whole);
            return;
        }
        let columns = WIDTH.saturating_sub(first.max(rest));
        for (number, line) in wrap(text, columns).iter().enumerate() {
            let indent = if number == 0 { first } else { rest };
            self.line(&format!("{}{line}", " ".repeat(indent)));
        }
    }

    /// A line as it is.
    pub fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// A name with its value.
    pub fn field(&mut self, name: &str, value: &str) {
        self.hanging(2, 25, &format!("{name:<22} {value}"));
    }
}
