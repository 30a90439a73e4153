//! Text of strangers goes through every form of the report and does no harm there.

use keeper_simulator::{InterfaceChange, Seed};
use unicode_width::UnicodeWidthStr as _;

use crate::names::{NAMES, is_harmful};
use crate::program::{HERE, Stage};

#[tokio::test]
async fn i59_no_name_or_tag_does_harm_in_any_form_of_the_report() {
    let stage = Stage::new().await;
    let long = "长".repeat(4000);
    for (number, name) in NAMES.into_iter().chain([long.as_str()]).enumerate() {
        let id = format!("i-{number}");
        stage.account.seed_one(&Seed::new(HERE).id(&id).name(name).tag("karpenter.sh/nodepool", name));
        for interface in stage.account.interfaces_of(&id) {
            let change = InterfaceChange {
                network_interface_name: Some(name.to_owned()),
                ..InterfaceChange::default()
            };
            stage.account.change_interface(&interface.network_interface_id, &change);
        }
    }
    let count = NAMES.len() + 1;
    let mut outputs = Vec::new();
    for output in ["table", "json", "csv", "sarif", "html"] {
        let ended = stage.audit(&["--output", output]).await;
        assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{output}");
        let harm: Vec<char> = ended.out.chars().filter(|one| is_harmful(*one)).collect();
        assert_eq!(harm, [], "{output}");
        // A cut name is nowhere longer than is allowed, twice in a line at most.
        assert!(!ended.out.contains(&"长".repeat(129)), "{output}");
        outputs.push(ended.out);
    }
    let [table, json, csv, sarif, html] = outputs.try_into().unwrap();
    assert!(table.lines().all(|line| line.width() <= 100), "{table}");
    assert_eq!(json.lines().count(), 2 * count + 1);
    assert_eq!(csv.matches("\r\n").count(), 1 + 2 * count);
    assert_eq!(csv.matches('\n').count(), 1 + 2 * count, "no name breaks a line");
    for cell in csv.split([',', '\n', ';']) {
        let begins = cell.trim_start_matches('"');
        assert!(!begins.starts_with(['=', '+', '-', '@']), "{cell}");
    }
    let parsed: serde_json::Value = serde_json::from_str(&sarif).unwrap();
    let texts = parsed["runs"][0]["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["message"]["text"].as_str().unwrap().to_owned());
    for text in texts.filter(|text| text.contains("evil.example)")) {
        assert!(text.contains("\\[click\\](http") && text.contains("{{0}}"), "{text}");
    }
    assert_eq!(html.matches("<script>").count(), 1, "the page's own");
    let escaped = NAMES[0].replace('<', "&lt;").replace('>', "&gt;");
    assert_eq!(html.matches(&escaped).count(), 2 + 1, "two names, and a tag as the detail of a risk");
}
