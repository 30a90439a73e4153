//! Text that strangers wrote (names, tags), made fit to be shown: nothing in it moves the cursor, turns the direction of a line,
//! or goes on without an end.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Most characters of a stranger's text. The vendor's pages allow 128.
const LONGEST: usize = 128;

/// Most characters of a message. An error with all its causes takes some hundred.
const LONGEST_LINE: usize = 1_000;

/// Most marks on one character, such as accents. Languages that are written need two or three; a pile of them covers other lines.
const MOST_MARKS: usize = 3;

/// The text without what a reader can't see or what covers other text, and no longer than is read.
pub fn plain(text: &str) -> String {
    let mut shown: String = visible(text).take(LONGEST + 1).collect();
    if let Some((end, _)) = shown.char_indices().nth(LONGEST) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}

/// A message that quotes strangers, on one line and no longer than is read.
pub fn plain_line(text: &str) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(visible(word));
    }
    if let Some((end, _)) = line.char_indices().nth(LONGEST_LINE) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// The characters that are shown.
fn visible(text: &str) -> impl Iterator<Item = char> {
    let mut marks = 0;
    text.chars().filter(|one| is_visible(*one)).filter(move |one| {
        // What takes no column stands on the character before it.
        marks = if one.width() == Some(0) { marks + 1 } else { 0 };
        marks <= MOST_MARKS
    })
}

/// No control character, no line or paragraph separator, nothing that turns or hides what is beside it.
fn is_visible(one: char) -> bool {
    let turns = matches!(
        one,
        '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    !one.is_control() && !turns
}

/// The text in so many columns of a terminal: cut, or filled with blanks.
pub fn fit(text: &str, columns: usize) -> String {
    let mut fitting = cut(text, columns);
    let free = columns.saturating_sub(fitting.width());
    fitting.extend(std::iter::repeat_n(' ', free));
    fitting
}

/// The text in at most so many columns of a terminal.
pub fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut cut = String::new();
    let mut used = 1;
    for one in text.chars() {
        used += one.width().unwrap_or(0);
        if used > columns {
            break;
        }
        cut.push(one);
    }
    cut.push('…');
    cut
}

/// The words of a text in lines of so many columns; one line at least. A word that is longer is cut.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split_whitespace() {
        let word = cut(word, columns);
        if !line.is_empty() && line.width() + 1 + word.width() > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_wrote_is_shown_without_what_can_not_be_seen() {
        for (written, shown) in [
            ("web-1", "web-1"),
            ("生产 环境", "生产 环境"),
            ("\u{1b}[31mred\u{1b}[0m", "[31mred[0m"),
            ("a\r\nb\tc\u{0}d\u{9b}e\u{7f}", "abcde"),
            ("a\u{2028}b\u{2029}c", "abc"),
            ("exe\u{202e}gpj", "exegpj"),
            ("a\u{200b}\u{feff}b", "ab"),
            ("tre\u{302}\u{301}s \u{e01}\u{e35}\u{e49}", "tre\u{302}\u{301}s \u{e01}\u{e35}\u{e49}"),
            ("o\u{334}\u{321}\u{31d}\u{30d}\u{200b}\u{30f}x\u{301}", "o\u{334}\u{321}\u{31d}x\u{301}"),
        ] {
            assert_eq!(plain(written), shown, "{written:?}");
        }
        let long = plain(&"é".repeat(4000));
        assert_eq!((long.chars().count(), long.ends_with('…')), (129, true));
        assert_eq!(plain(&"é".repeat(128)), "é".repeat(128));
        assert_eq!(plain(&format!("o{}", "\u{30d}".repeat(4000))), "o\u{30d}\u{30d}\u{30d}");
    }

    #[test]
    fn a_message_is_one_line_with_an_end() {
        assert_eq!(plain_line("not\r\n  found:\t\u{1b}[31mx\u{202e}"), "not found: [31mx");
        assert_eq!(plain_line(&"é".repeat(4000)).chars().count(), 1001);
    }

    #[test]
    fn a_cell_is_as_wide_as_its_column_whatever_the_script() {
        for text in ["", "web", "a-rather-long-name", "生产环境的数据库", "e\u{301}e\u{301}e\u{301}"]
        {
            assert_eq!(fit(text, 8).width(), 8, "{text}");
            assert!(cut(text, 8).width() <= 8, "{text}");
        }
        assert_eq!(cut("a-rather-long-name", 8), "a-rathe…");
        assert_eq!(fit("生产环境的数据库", 8), "生产环… ");
        assert_eq!(cut("exactly8", 8), "exactly8");
    }

    #[test]
    fn lines_break_between_words_and_never_exceed_their_columns() {
        let text = "on i-bp1, ReleasePathUndocumented SpotInstance";
        assert_eq!(wrap(text, 60), [text]);
        assert_eq!(wrap(text, 33), ["on i-bp1, ReleasePathUndocumented", "SpotInstance"]);
        assert_eq!(wrap(text, 12), ["on i-bp1,", "ReleasePath…", "SpotInstance"]);
        for columns in 2..60 {
            assert!(wrap(text, columns).iter().all(|line| line.width() <= columns), "{columns}");
        }
        assert_eq!(wrap("", 10), [""]);
    }
}
