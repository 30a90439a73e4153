//! The health check for Argo CD, run as Argo CD runs it: Lua 5.1, with the object as the global `obj`.

use std::sync::OnceLock;

use mlua::{Lua, LuaSerdeExt as _};
use serde_json::Value;

use crate::pages;

const PAGE: &str = "docs/argocd.md";

/// Health and message of an object.
pub fn health(object: &Value) -> (String, String) {
    static CONFIG_MAP: OnceLock<Value> = OnceLock::new();
    let config_map = CONFIG_MAP.get_or_init(|| {
        let page = std::fs::read_to_string(pages::root().join(PAGE)).unwrap();
        serde_saphyr::from_str(pages::blocks(&page, "yaml")[0]).unwrap()
    });
    let kind = object["kind"].as_str().expect("an object has a kind");
    let key = format!("resource.customizations.health.ecs-keeper.io_{kind}");
    let script = config_map["data"][&key].as_str().expect("the script stands under its key");

    let lua = Lua::new();
    // Argo CD decodes JSON into tables, where null is nil.
    let options = mlua::SerializeOptions::new().serialize_none_to_null(false).serialize_unit_to_null(false);
    lua.globals().set("obj", lua.to_value_with(object, options).unwrap()).unwrap();
    let answer: mlua::Table = lua.load(script).eval().unwrap();
    (answer.get("status").unwrap(), answer.get("message").unwrap())
}
