//! A plan as Markdown, for a comment on a pull request (GitHub Flavored Markdown).
//!
//! Names and messages come from strangers. They stand in `code` elements, in which GitHub makes neither links nor mentions, and all
//! their punctuation is written as character references.

use std::fmt::Write as _;

use super::plan_text::{OF_OTHERS, action, listed, notes, places, sign, summary, told};
use super::planned::{Planned, PlannedObject, PlannedTarget};

/// Most bytes of the page. GitHub takes 65,536 characters in a comment, and whoever posts it may add a line.
const MOST_BYTES: usize = 60_000;

/// Bytes of them that are kept for what comes after the objects.
const FOR_THE_END: usize = 15_000;

/// Bytes of those that are kept for the lines that count what had no room.
const FOR_ITS_END: usize = 200;

/// Bytes of such a line.
const FOR_A_LINE: usize = 40;

/// The plan as Markdown. `all`: list every target that has room.
pub fn markdown(planned: &Planned, all: bool) -> String {
    let mut page = Page { text: String::from("### ecs-keeper plan\n\n"), room: MOST_BYTES - FOR_THE_END };
    page.push(&format!("{}\n\n", escaped(&summary(planned))));
    let others = planned.targets_of_others();
    if !others.is_empty() {
        page.push(&format!("**{OF_OTHERS}**\n\n"));
        tell_targets(&mut page, Some(&others), all);
    }
    let targets = planned.targets_by_object();
    let mut left_out = 0;
    for object in &planned.objects {
        if left_out > 0 || !page.push(&head(object)) {
            left_out += 1;
            continue;
        }
        tell_targets(&mut page, targets.get(&object.object), all);
    }
    page.room = MOST_BYTES - FOR_ITS_END;
    if left_out > 0 {
        page.push(&format!("And {left_out} more objects, for which a comment has no room.\n\n"));
    }
    let reasons = planned.reasons.iter().map(|(reason, sentence)| format!("{reason}: {sentence}"));
    section(&mut page, "Reasons", &reasons.collect::<Vec<_>>());
    section(&mut page, "Notes", &notes(planned));
    page.text
}

/// A page that grows no longer than it has room.
struct Page {
    text: String,
    room: usize,
}

impl Page {
    /// Adds this if it has room. Whether it had.
    fn push(&mut self, text: &str) -> bool {
        let fits = self.text.len() + text.len() <= self.room;
        if fits {
            self.text.push_str(text);
        }
        fits
    }
}

fn section(page: &mut Page, title: &str, entries: &[String]) {
    if entries.is_empty() {
        return;
    }
    page.push(&format!("**{title}**\n\n"));
    let rest = entries.iter().filter(|entry| !page.push(&format!("- {}\n", escaped(entry)))).count();
    page.room = MOST_BYTES;
    if rest > 0 {
        page.push(&format!("- and {rest} more\n"));
    }
    page.push("\n");
    page.room = MOST_BYTES - FOR_ITS_END;
}

/// What is said of an object before its targets.
fn head(object: &PlannedObject) -> String {
    let mut page = String::new();
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
    page
}

fn tell_targets(page: &mut Page, own: Option<&Vec<&PlannedTarget>>, all: bool) {
    let (targets, mut rest) = listed(own, all);
    let header = "| | Target | Name | Region | What becomes of it |\n|---|---|---|---|---|\n";
    if !targets.is_empty() && page.push(header) {
        // The first that has no room ends the table: what comes after it matters less.
        let told = targets.iter().take_while(|target| page.push(&row(target))).count();
        rest += targets.len() - told;
    } else {
        rest += targets.len();
    }
    if rest > 0 {
        page.room += FOR_A_LINE;
        page.push(&format!("\nAnd {rest} more.\n"));
        page.room -= FOR_A_LINE;
    }
    page.push("\n");
}

fn row(target: &PlannedTarget) -> String {
    let reason = target.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!(
        "| {} | {} | {} | {} | {} |\n",
        code(sign(target.outcome)),
        code(&target.id),
        target.name.as_deref().map(code).unwrap_or_default(),
        code(&target.region),
        escaped(&format!("{}{reason}", target.message)),
    )
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
    use crate::object_ref::ObjectRef;
    use crate::plan::comparison::Outcome;
    use crate::plan::planned::{Counts, PlannedCost};

    #[test]
    fn a_page_is_no_longer_than_a_comment_and_counts_what_has_no_room() {
        let name = |number: usize| ObjectRef {
            kind: "EcsInstanceProtection",
            namespace: "team".to_owned(),
            name: format!("object-{number}"),
        };
        let object = |number| PlannedObject {
            object: name(number),
            at: "a.yaml:1:1".to_owned(),
            action: "Create",
            applied_generation: None,
            differences: Vec::new(),
            account: "default".to_owned(),
            regions: vec!["cn-hangzhou".to_owned()],
            not_read: Vec::new(),
            all_known: true,
            not_served: None,
            counts: Counts::default(),
            notes: Vec::new(),
        };
        let target = |number: usize| PlannedTarget {
            kind: "Instance",
            id: format!("i-{number}"),
            name: Some("@".repeat(10)),
            account: "default".to_owned(),
            region: "cn-hangzhou".to_owned(),
            selected_by: vec![name(number / 100)],
            flag: "DeletionProtection",
            outcome: Outcome::Protect,
            anyway: false,
            reason: None,
            object: None,
            holders: Vec::new(),
            until: None,
            message: "will be protected".to_owned(),
        };
        let planned = |objects: usize| Planned {
            compared_with_cluster: true,
            complete: true,
            objects: (0..objects).map(object).collect(),
            targets: (0..100 * objects).map(target).collect(),
            reasons: std::collections::BTreeMap::new(),
            counts: Counts::default(),
            anyway: 0,
            cost: PlannedCost { writes: 0, reads: 0, seconds: 0 },
            not_examined: Vec::new(),
            other_documents: 0,
            notes: (0..objects).map(|_| "n".repeat(500)).collect(),
        };
        let few = markdown(&planned(1), false);
        assert_eq!(few.matches("<code>i-").count(), 50, "{few}");
        assert!(few.contains("And 50 more."));
        for all in [false, true] {
            let many = markdown(&planned(1000), all);
            assert!(many.len() <= MOST_BYTES, "{}", many.len());
            let objects = many.matches("**<code>EcsInstanceProtection").count();
            let rest = many.split("And ").last().and_then(|text| text.split_once(" more objects"));
            let rest: usize = rest.unwrap().0.parse().unwrap();
            assert_eq!(objects + rest, 1000);
            assert!(many.contains("nnnn") && many.contains(" more\n"), "{many}");
        }
    }

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
