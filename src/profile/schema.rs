//! The JSON Schema of a profile, for editors.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::raw::RawProfile;

/// The schema, made from the very definitions that read a profile.
#[must_use]
pub fn schema() -> Value {
    let schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<RawProfile>();
    let mut schema = schema.to_value();
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), Value::from("berry-image profile"));
    }
    tidy(&mut schema);
    schema
}

/// Takes Rust out of it: the prefix of type names, the line ends of doc comments, empty lists of required keys.
fn tidy(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Object(map) => {
            if map.get("required").and_then(Value::as_array).is_some_and(Vec::is_empty) {
                map.shift_remove("required");
            }
            if let Some(Value::Object(definitions)) = map.get_mut("definitions") {
                let named = std::mem::take(definitions).into_iter();
                definitions.extend(named.map(|(name, definition)| (name.trim_start_matches("Raw").to_owned(), definition)));
            }
            for (key, text) in [("$ref", ["/Raw", "/"]), ("description", ["\n", " "])] {
                if let Some(Value::String(value)) = map.get_mut(key) {
                    *value = value.replace(text[0], text[1]);
                }
            }
            map.values_mut().for_each(tidy);
        }
        _ => {}
    }
}
