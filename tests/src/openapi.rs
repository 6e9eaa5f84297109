//! Is an answer of the api as its description says?
//!
//! Of OpenAPI 3.1 and JSON Schema as much as the description uses; a keyword that is not known here is
//! a fault, so that nothing is taken for checked that is not. Answers are held to what is described and
//! no more: a property that no schema names is a fault too.

use serde_json::{Map, Value};

/// A description.
pub struct Description(Value);

/// What may be answered to one request.
#[derive(Debug)]
pub struct Operation<'d> {
    /// The path, with `{network}` in it.
    pub path: &'d str,
    /// The method, in capitals.
    pub method: String,
    /// Its responses by status.
    responses: &'d Map<String, Value>,
}

impl Description {
    /// Reads a description.
    pub fn read(text: &str) -> Self {
        let description: Value = serde_json::from_str(text).unwrap();
        assert_eq!(description["openapi"], "3.1.0");
        Self(description)
    }

    /// All requests that it describes.
    pub fn operations(&self) -> Vec<Operation<'_>> {
        let mut operations = Vec::new();
        for (path, item) in self.0["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                if method != "parameters" {
                    let responses = operation["responses"].as_object().unwrap();
                    operations.push(Operation { path, method: method.to_uppercase(), responses });
                }
            }
        }
        operations
    }

    /// Checks an answer: its status, its kind of content and its body.
    ///
    /// # Errors
    /// All that is wrong with it, a line each.
    pub fn check(
        &self,
        operation: &Operation<'_>,
        status: u16,
        kind: Option<&str>,
        body: &[u8],
    ) -> Result<(), String> {
        let (method, path) = (&operation.method, operation.path);
        let response = operation.responses.get(&status.to_string());
        let response = response.ok_or(format!("{method} {path}: {status} is not described"))?;
        let content = self.resolve(response)["content"].as_object();
        let mut faults = Vec::new();
        match (content.and_then(|content| content.iter().next()), kind) {
            (None, _) if body.is_empty() => {}
            (Some((described, media)), Some(kind)) if described == kind => {
                for value in values(kind, body)? {
                    self.fits(&media["schema"], &value, path, &mut faults);
                }
            }
            (described, kind) => faults.push(format!(
                "{method} {path}: {status} is {kind:?}, described is {:?}",
                described.map(|(kind, _)| kind)
            )),
        }
        if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
    }

    /// Does a value fit the schema of this name?
    ///
    /// # Errors
    /// All that does not, a line each.
    pub fn fits_schema(&self, name: &str, value: &Value) -> Result<(), String> {
        let mut faults = Vec::new();
        self.fits(&self.0["components"]["schemas"][name], value, name, &mut faults);
        if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
    }

    fn resolve<'d>(&'d self, node: &'d Value) -> &'d Value {
        match node["$ref"].as_str() {
            Some(reference) => {
                let found = self.0.pointer(reference.trim_start_matches('#'));
                found.unwrap_or_else(|| panic!("there is no {reference}"))
            }
            None => node,
        }
    }

    fn fits(&self, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        let schema = self.resolve(schema).as_object().unwrap_or_else(|| panic!("{at}: no schema"));
        for (keyword, what) in schema {
            let fits = match keyword.as_str() {
                "description" | "default" | "required" | "additionalProperties" => true,
                "type" => is_of(what, value),
                "const" => what == value,
                "enum" => what.as_array().unwrap().contains(value),
                "minimum" => value.as_f64().is_none_or(|number| number >= what.as_f64().unwrap()),
                "maximum" => value.as_f64().is_none_or(|number| number <= what.as_f64().unwrap()),
                "oneOf" => self.fit(what.as_array().unwrap(), value, at) == 1,
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.fits(what, item, &format!("{at}[{index}]"), faults);
                    }
                    true
                }
                "properties" => {
                    self.properties(schema, what, value, at, faults);
                    true
                }
                _ => panic!("{at}: {keyword} is not known here"),
            };
            if !fits {
                faults.push(format!("{at}: {value} is not {keyword} {what}"));
            }
        }
    }

    /// How many of the schemas does the value fit?
    fn fit(&self, schemas: &[Value], value: &Value, at: &str) -> usize {
        let fits = |schema: &&Value| {
            let mut faults = Vec::new();
            self.fits(schema, value, at, &mut faults);
            faults.is_empty()
        };
        schemas.iter().filter(fits).count()
    }

    fn properties(
        &self,
        schema: &Map<String, Value>,
        described: &Value,
        value: &Value,
        at: &str,
        faults: &mut Vec<String>,
    ) {
        let Some(object) = value.as_object() else { return };
        for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
            if !object.contains_key(name.as_str().unwrap()) {
                faults.push(format!("{at}: {name} is missing"));
            }
        }
        for (name, value) in object {
            match described.get(name) {
                Some(schema) => self.fits(schema, value, &format!("{at}.{name}"), faults),
                None => faults.push(format!("{at}: {name} is not described")),
            }
        }
    }
}

/// The value of a body, or those of its lines.
fn values(kind: &str, body: &[u8]) -> Result<Vec<Value>, String> {
    let read = |text: &[u8]| serde_json::from_slice(text).map_err(|error| error.to_string());
    if kind == "application/x-ndjson" {
        let lines = body.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        return lines.map(read).collect();
    }
    if kind.starts_with("application/openmetrics-text") || kind == "application/toml" {
        let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
        return Ok(vec![Value::from(text)]);
    }
    read(body).map(|value| vec![value])
}

fn is_of(kinds: &Value, value: &Value) -> bool {
    let is = |kind: &Value| match kind.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        kind => panic!("the type {kind} is not known here"),
    };
    kinds.as_array().map_or_else(|| is(kinds), |kinds| kinds.iter().any(is))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn description() -> Description {
        let person = json!({
            "type": "object", "required": ["name"],
            "properties": {
                "name": {"type": "string"},
                "age": {"type": ["integer", "null"], "minimum": 0},
                "kind": {"oneOf": [{"const": "all"}, {"type": "array", "items": {"enum": [1, 2]}}]},
            },
        });
        let found = json!({"content": {"application/json": {"schema": {"$ref": "#/components/schemas/P"}}}});
        let gone = json!({"description": "It is gone."});
        Description::read(
            &json!({
                "openapi": "3.1.0",
                "paths": {"/p": {"parameters": [], "get": {"responses": {"200": found, "204": gone}}}},
                "components": {"schemas": {"P": person}},
            })
            .to_string(),
        )
    }

    #[test]
    fn what_is_described_fits_and_nothing_else_does() {
        let description = description();
        let fits = |value: Value| description.fits_schema("P", &value).is_ok();
        assert!(fits(json!({"name": "x"})) && fits(json!({"name": "x", "age": null})));
        assert!(fits(json!({"name": "x", "age": 7, "kind": [1, 2]})));
        assert!(fits(json!({"name": "x", "kind": "all"})));
        for wrong in [
            json!({}),
            json!([]),
            json!({"name": 1}),
            json!({"name": "x", "age": -1}),
            json!({"name": "x", "age": 1.5}),
            json!({"name": "x", "kind": [3]}),
            json!({"name": "x", "colour": "red"}),
        ] {
            assert!(!fits(wrong.clone()), "{wrong}");
        }
    }

    #[test]
    fn status_and_kind_of_an_answer_are_checked_with_its_body() {
        let description = description();
        let operation = &description.operations()[0];
        assert_eq!((operation.path, operation.method.as_str()), ("/p", "GET"));
        let check = |status, kind, body: &str| {
            description.check(operation, status, kind, body.as_bytes()).is_ok()
        };
        assert!(check(200, Some("application/json"), r#"{"name": "x"}"#));
        assert!(check(204, None, ""));
        assert!(!check(204, None, "{}"));
        assert!(!check(404, Some("application/json"), r#"{"name": "x"}"#));
        assert!(!check(200, Some("text/plain"), r#"{"name": "x"}"#));
        assert!(!check(200, Some("application/json"), "{}"));
        assert!(!check(200, Some("application/json"), "{"));
    }
}
