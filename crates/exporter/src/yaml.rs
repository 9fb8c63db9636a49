//! YAML files of settings, in the formats that others' exporters have.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use yaml_rust2::{Yaml, YamlLoader};

/// The settings of a text. Names that are not known are an error, where the type says so.
///
/// # Errors
/// The text is no YAML, or holds something else; one sentence.
pub(crate) fn settings<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let mut documents = YamlLoader::load_from_str(text).map_err(|error| error.to_string())?;
    let value = match documents.len() {
        0 => Value::Object(Map::new()),
        1 => json(documents.swap_remove(0))?,
        _ => return Err("it holds several documents".to_owned()),
    };
    let value = if value.is_null() { Value::Object(Map::new()) } else { value };
    serde_json::from_value(value).map_err(|error| error.to_string())
}

fn json(yaml: Yaml) -> Result<Value, String> {
    Ok(match yaml {
        Yaml::String(text) => Value::String(text),
        // As it stands there, which serde_json does not change.
        Yaml::Real(text) => text.parse::<f64>().map_or(Value::String(text), Value::from),
        Yaml::Integer(number) => number.into(),
        Yaml::Boolean(value) => value.into(),
        Yaml::Array(all) => Value::Array(all.into_iter().map(json).collect::<Result<_, _>>()?),
        Yaml::Hash(all) => {
            let mut map = Map::new();
            for (name, value) in all {
                let Yaml::String(name) = name else {
                    return Err("a name in it is no text".to_owned());
                };
                map.insert(name, json(value)?);
            }
            Value::Object(map)
        }
        Yaml::Null => Value::Null,
        Yaml::Alias(_) | Yaml::BadValue => return Err("a value in it cannot be read".to_owned()),
    })
}
