//! The JSON Schema and its checked-in copy.

use std::{env, fs, path::Path};

use serde_json::Value;

use crate::profile::schema;

#[test]
fn the_checked_in_copy_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/profile.schema.json");
    let current = format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap());
    if env::var_os("BLESS").is_some() {
        fs::write(&path, &current).unwrap();
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == current, "profiles/profile.schema.json is old; renew it: BLESS=1 cargo test --lib profile::tests::schema");
}

/// The definition of a name, with `$ref` followed.
fn definition<'a>(root: &'a Value, value: &'a Value) -> &'a Value {
    let name = value.get("$ref").or_else(|| value.pointer("/allOf/0/$ref")).and_then(Value::as_str);
    name.map_or(value, |name| root.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("{name} leads nowhere")))
}

/// Every key of a mapping is explained, and none but these may stand.
fn complete(root: &Value, section: &Value, depth: usize) -> usize {
    let section = definition(root, section);
    let Some(keys) = section.get("properties").and_then(Value::as_object) else { return 0 };
    assert_eq!(section.get("additionalProperties"), Some(&Value::Bool(false)));
    assert!(depth < 6);
    let mut count = 0;
    for (name, key) in keys {
        let text = key.get("description").or_else(|| definition(root, key).get("description"));
        assert!(text.and_then(Value::as_str).is_some_and(|text| text.ends_with('.')), "{name} is not explained");
        count += 1 + complete(root, key, depth + 1);
    }
    count
}

#[test]
fn every_key_is_explained() {
    let schema = schema();
    assert_eq!(schema["required"], serde_json::json!(["base", "nodes"]));
    assert!(complete(&schema, &schema, 0) >= 30);
    let kinds = schema.pointer("/properties/nodes/items").map(|items| definition(&schema, items)).unwrap();
    for kind in kinds["anyOf"].as_array().unwrap() {
        assert!(complete(&schema, kind, 1) >= 5);
    }
}

/// Without a validator of JSON Schema: every key that an example uses is one of the schema's.
#[test]
fn the_examples_use_known_keys() {
    let schema = schema().to_string();
    for example in ["cluster01", "rpi"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("profiles/{example}.yaml"));
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# yaml-language-server: $schema=profile.schema.json\n"));
        // The commented lines show keys too, and someone will take the comment sign away.
        let lines = text.lines().map(|line| line.trim_start_matches(['#', ' ', '-']));
        let keys: Vec<&str> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(key, _)| key)
            .filter(|key| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
            .collect();
        assert!(keys.len() >= 6, "{keys:?}");
        for key in keys {
            assert!(schema.contains(&format!("\"{key}\":")), "{example}: {key}");
        }
    }
}
