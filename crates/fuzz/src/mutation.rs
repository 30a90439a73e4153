//! How inputs are changed. Most of libFuzzer's own changes break the JSON that they meet, so most are made to a value instead.

use libfuzzer_sys::fuzzer_mutate;
use serde_json::{Value, json};

/// Values that are odd wherever they stand.
fn odd(random: &mut Random) -> Value {
    const NUMBERS: [i64; 6] = [0, 1, -1, 100, i64::MAX, i64::MIN];
    const TEXTS: [&str; 12] = [
        "",
        "true",
        "0",
        "CANARY",
        "\u{1b}[31mred",
        "a\u{202e}b",
        "two\nlines",
        "生产",
        "9999-12-31T23:59:59Z",
        "-009999-01-02T00:00:00Z",
        "i-a",
        "alicloud://cn-hangzhou.i-a",
    ];
    match random.below(8) {
        0 => Value::Null,
        1 => json!(random.below(2) == 0),
        2 => json!(random.of(&NUMBERS)),
        3 => json!([u64::MAX, 1 << 53].get(random.below(2))),
        4 => json!(1.5e300),
        5 => json!("long ".repeat(400)),
        _ => json!(random.of(&TEXTS)),
    }
}

/// Changes an input in place, and tells how long it is then: one value of one of its lines, if that line is JSON, or else any bytes, as
/// libFuzzer does.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut random = Random(u64::from(seed) << 1 | 1);
    let text = data.get(..size).and_then(|text| std::str::from_utf8(text).ok());
    let text = text.filter(|_| random.below(4) > 0).and_then(|text| changed(text, &mut random));
    if let Some(text) = text.filter(|text| text.len() <= max_size)
        && let Some(place) = data.get_mut(..text.len())
    {
        place.copy_from_slice(text.as_bytes());
        return text.len();
    }
    fuzzer_mutate(data, size, max_size)
}

fn changed(text: &str, random: &mut Random) -> Option<String> {
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let chosen = random.below(lines.len());
    let line = lines.get_mut(chosen)?;
    let mut value: Value = serde_json::from_str(line).ok()?;
    // Few changes at once are easier to tell apart, and some need two.
    for _ in 0..=random.below(3) {
        change(&mut value, random)?;
    }
    *line = value.to_string();
    Some(lines.join("\n"))
}

fn change(whole: &mut Value, random: &mut Random) -> Option<()> {
    let mut paths = vec![String::new()];
    add_paths(whole, "", &mut paths);
    let (here, there) = (random.of(&paths)?.clone(), random.of(&paths)?.clone());
    let (parent, name) = here.rsplit_once('/').unwrap_or_default();
    let name = unescaped(name);
    let other = whole.pointer(&there)?.clone();
    let other_name = unescaped(there.rsplit_once('/').unwrap_or_default().1);
    match random.below(9) {
        0 | 1 => match whole.pointer_mut(parent)? {
            Value::Object(fields) => drop(fields.remove(&name)),
            Value::Array(items) if !items.is_empty() => drop(items.remove(random.below(items.len()))),
            _ => {}
        },
        2 => match whole.pointer_mut(parent)? {
            Value::Object(fields) => drop(fields.insert(other_name, other)),
            Value::Array(items) => items.push(other),
            _ => {}
        },
        3 => *whole.pointer_mut(&here)? = other,
        4 => {
            let (value, depth) =
                (whole.pointer_mut(&here)?, [1, 1, 1, 100, 600].get(random.below(5)).copied()?);
            let in_list = random.below(2) == 0;
            for _ in 0..depth {
                let inner = value.take();
                *value = if in_list { json!([inner]) } else { json!({ "x": inner }) };
            }
        }
        5 => {
            let value = whole.pointer_mut(&here)?;
            if let Value::String(text) = value {
                let mut bytes = text.clone().into_bytes();
                let (size, room) = (bytes.len(), bytes.len() + 16);
                bytes.resize(room, 0);
                let size = fuzzer_mutate(&mut bytes, size, room);
                *value = String::from_utf8_lossy(bytes.get(..size)?).into();
            } else {
                *value = odd(random);
            }
        }
        _ => *whole.pointer_mut(&here)? = odd(random),
    }
    Some(())
}

/// The path of each value within one.
fn add_paths(value: &Value, to: &str, paths: &mut Vec<String>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        Value::Array(items) => items.iter().enumerate().map(|(n, value)| (n.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    for (name, value) in inner {
        let path = format!("{to}/{name}");
        paths.push(path.clone());
        add_paths(value, &path, paths);
    }
}

fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

/// Numbers that depend on the seed alone, so that libFuzzer's own seed makes all of a run the same again (xorshift).
struct Random(u64);

impl Random {
    /// A number below this one; 0 below 0.
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from((self.0 >> 11) % end).unwrap_or_default()
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let chosen = self.below(all.len());
        all.get(chosen)
    }
}
