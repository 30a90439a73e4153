//! A plan as Markdown, for a comment on a pull request (GitHub Flavored Markdown).
//!
//! Names and messages come from strangers. They stand in `code` elements, in which GitHub makes neither links nor mentions, and all
//! their punctuation is written as character references.

use std::fmt::Write as _;

use super::plan_text::{action, listed, notes, places, sign, summary, told};
use super::planned::{Planned, PlannedObject};

/// The plan as Markdown. `all`: list every target.
pub fn markdown(planned: &Planned, all: bool) -> String {
    let mut page = String::from("### ecs-keeper plan\n\n");
    page.push_str(&escaped(&summary(planned)));
    page.push_str("\n\n");
    for object in &planned.objects {
        tell_object(&mut page, planned, object, all);
    }
    let reasons = planned.reasons.iter().map(|(reason, sentence)| format!("{reason}: {sentence}"));
    section(&mut page, "Reasons", &reasons.collect::<Vec<_>>());
    section(&mut page, "Notes", &notes(planned));
    page
}

fn section(page: &mut String, title: &str, entries: &[String]) {
    if entries.is_empty() {
        return;
    }
    let _ = write!(page, "**{title}**\n\n");
    for entry in entries {
        let _ = writeln!(page, "- {}", escaped(entry));
    }
    page.push('\n');
}

fn tell_object(page: &mut String, planned: &Planned, object: &PlannedObject, all: bool) {
    let (name, at) = (code(&object.object.to_string()), code(&object.at));
    let _ = writeln!(page, "**{name}** ({at}): {}\n", escaped(&action(object)));
    if let Some(why) = &object.not_served {
        let _ = writeln!(page, "The operator does nothing for it. {}\n", escaped(why));
    }
    for difference in &object.differences {
        let _ = writeln!(page, "- {}", code(&told(difference)));
    }
    for note in &object.notes {
        let _ = writeln!(page, "- {}", escaped(note));
    }
    if !object.differences.is_empty() || !object.notes.is_empty() {
        page.push('\n');
    }
    for place in places(object) {
        let _ = writeln!(page, "Account {}, {}\n", code(&object.account), escaped(&place));
    }
    let (targets, rest) = listed(planned, object, all);
    if targets.is_empty() {
        return;
    }
    page.push_str("| | Target | Name | Region | What becomes of it |\n|---|---|---|---|---|\n");
    for target in targets {
        let reason = target.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
        let name = target.name.as_deref().map(code).unwrap_or_default();
        let _ = writeln!(
            page,
            "| {} | {} | {name} | {} | {} |",
            code(sign(target.outcome)),
            code(&target.id),
            code(&target.region),
            escaped(&format!("{}{reason}", target.message)),
        );
    }
    if rest > 0 {
        let _ = write!(page, "\nAnd {rest} more.\n");
    }
    page.push('\n');
}

/// Text of strangers.
fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("<code>{}</code>", escaped(text)) }
}

/// Text in which nothing is a mark.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for one in text.chars() {
        // What stands in our own sentences, and is none but at the beginning of a line.
        let is_plain =
            !one.is_ascii_punctuation() || matches!(one, ',' | ';' | '(' | ')' | '\'' | '/' | '-' | ' ');
        if is_plain {
            safe.push(if one.is_control() { ' ' } else { one });
        } else {
            let _ = write!(safe, "&#{};", u32::from(one));
            // GitHub looks for people and issues in what is shown, and not across a comment.
            safe.push_str(if matches!(one, '@' | '#') { "<!-- -->" } else { "" });
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_strangers_wrote_is_a_mark() {
        assert_eq!(
            code("a|b `c` <d> @team http://x.y [z](w) &amp; #1"),
            "<code>a&#124;b &#96;c&#96; &#60;d&#62; &#64;<!-- -->team http&#58;//x&#46;y &#91;z&#93;(w) &#38;amp; &#35;<!-- -->1</code>"
        );
        assert_eq!(escaped("can't be protected, under 1 min;"), "can't be protected, under 1 min;");
        assert_eq!((code(""), escaped("a\nb")), (String::new(), "a b".to_owned()));
    }
}
