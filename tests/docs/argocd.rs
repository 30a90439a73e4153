//! The health check for Argo CD, run as Argo CD runs it: Lua 5.1, with the object as the global `obj`.

use mlua::{Lua, LuaSerdeExt as _};
use serde_json::{Value, json};

use crate::pages;

const PAGE: &str = "docs/argocd.md";
const KEY: &str = "resource.customizations.health.ecs-keeper.io_EcsInstanceProtection";

/// Health and message of an object at generation 2 with this status.
fn health(status: &Value) -> (String, String) {
    let page = std::fs::read_to_string(pages::root().join(PAGE)).unwrap();
    let config_map: Value = serde_saphyr::from_str(pages::blocks(&page, "yaml")[0]).unwrap();
    let script = config_map["data"][KEY].as_str().expect("the script stands under its key");

    let lua = Lua::new();
    // Argo CD decodes JSON into tables, where null is nil.
    let options = mlua::SerializeOptions::new().serialize_none_to_null(false).serialize_unit_to_null(false);
    let mut object = json!({ "metadata": { "generation": 2 } });
    if !status.is_null() {
        object["status"] = status.clone();
    }
    lua.globals().set("obj", lua.to_value_with(&object, options).unwrap()).unwrap();
    let answer: mlua::Table = lua.load(script).eval().unwrap();
    (answer.get("status").unwrap(), answer.get("message").unwrap())
}

/// A status at this generation with these conditions, which say what they are.
fn status(observed: i64, conditions: &[(&str, &str)]) -> Value {
    let conditions: Vec<Value> = conditions
        .iter()
        .map(
            |(name, status)| json!({ "type": name, "status": status, "message": format!("{name} says so.") }),
        )
        .collect();
    json!({ "observedGeneration": observed, "conditions": conditions })
}

#[test]
fn argo_cd_waits_for_the_operators_word() {
    let done = [("Protected", "True"), ("AtRisk", "False"), ("Ready", "True"), ("Stalled", "False")];
    let risky = [("Protected", "True"), ("AtRisk", "True"), ("Ready", "True"), ("Stalled", "False")];
    let observing = [("Protected", "False"), ("AtRisk", "Unknown"), ("Ready", "True")];
    let busy = [("Protected", "Unknown"), ("Ready", "False"), ("Reconciling", "True"), ("Stalled", "False")];
    let stuck = [("Protected", "False"), ("Ready", "False"), ("Reconciling", "False"), ("Stalled", "True")];
    for (status, expected, message) in [
        (Value::Null, "Progressing", "ecs-keeper has not looked at this generation yet"),
        (
            json!({ "observedGeneration": -1 }),
            "Progressing",
            "ecs-keeper has not looked at this generation yet",
        ),
        (status(1, &done), "Progressing", "ecs-keeper has not looked at this generation yet"),
        (status(1, &stuck), "Progressing", "ecs-keeper has not looked at this generation yet"),
        (status(2, &[]), "Progressing", "ecs-keeper has not told its judgement yet"),
        (status(2, &busy), "Progressing", "Reconciling says so."),
        (status(2, &stuck), "Degraded", "Stalled says so."),
        (status(2, &done), "Healthy", "Protected says so."),
        (status(2, &risky), "Healthy", "Protected says so. AtRisk says so."),
        (status(2, &observing), "Healthy", "Protected says so."),
    ] {
        assert_eq!(health(&status), (expected.to_owned(), message.to_owned()), "{status}");
    }
}
