//! What is asked about files of networks?

use super::Served;
use super::body::read;
use crate::api::file::{Applied, NewEndpoint, SandboxInfo};
use crate::api::protocol::Problem;
use crate::daemon::change::{Edit, Request};
use crate::spec::{EndpointSpec, SpecFile};
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use std::collections::HashMap;

/// What a file is called that came without a name.
const NAMELESS: &str = "net.toml";

/// How a file is put in force.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct How {
    /// Are the steps only to be told?
    dry_run: bool,
    /// Does all that runs stay?
    join: bool,
    /// What errors call the file.
    path: Option<String>,
}

impl How {
    /// Reads the query: `dry-run=true&join=false&path=net.toml`.
    fn read(query: &str) -> Result<Self, String> {
        let mut how = Self::default();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let yes = || match value {
                "true" => Ok(true),
                "false" => Ok(false),
                _ => Err(format!("{key} is true or false, not {value:?}")),
            };
            match key {
                "dry-run" => how.dry_run = yes()?,
                "join" => how.join = yes()?,
                "path" => how.path = Some(decoded(value)),
                _ => return Err(format!("{key:?} says nothing here: dry-run, join or path do")),
            }
        }
        Ok(how)
    }
}

/// What stands as `%2F` in a URL, as it is (RFC 3986 section 2.1).
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&part.as_bytes()[2..]);
            }
            None => bytes.extend([b"%", part.as_bytes()].concat()),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(super) async fn apply(
    State(served): State<Served>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Applied>, Problem> {
    let how = How::read(query.as_deref().unwrap_or_default())
        .map_err(|detail| Problem::new(StatusCode::BAD_REQUEST, &detail))?;
    let bytes = read(&headers, body, &served).await?;
    let text = String::from_utf8(bytes.to_vec()).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Problem::new(StatusCode::BAD_REQUEST, &format!("there is no UTF-8 text at byte {at}"))
    })?;
    let file = SpecFile { path: how.path.unwrap_or_else(|| NAMELESS.to_owned()), text };
    let request = if how.join { Request::Join(file) } else { Request::Become(file) };
    served.daemon.change(request, how.dry_run).await.map(Json)
}

pub(super) async fn config(State(served): State<Served>) -> Result<impl IntoResponse, Problem> {
    let text = served.daemon.config().await?;
    Ok(([(header::CONTENT_TYPE, "application/toml")], text))
}

pub(super) async fn sandboxes(
    State(served): State<Served>,
) -> Result<Json<Vec<SandboxInfo>>, Problem> {
    served.daemon.sandboxes().await.map(Json)
}

pub(super) async fn connect(
    State(served): State<Served>,
    Path(parameters): Path<HashMap<String, String>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Applied>, Problem> {
    let bytes = read(&headers, body, &served).await?;
    let new: NewEndpoint = serde_json::from_slice(&bytes).map_err(|error| {
        let detail = format!("the body is no endpoint in JSON: {error}");
        Problem::new(StatusCode::BAD_REQUEST, &detail)
    })?;
    let NewEndpoint { sandbox, interface, address, address6, mac } = new;
    let network = parameter(&parameters, "network");
    let endpoint = EndpointSpec { interface, address, address6, mac, ..EndpointSpec::default() };
    let edit = Edit::Connect { sandbox, network, endpoint: Box::new(endpoint) };
    served.daemon.change(Request::Edit(edit), false).await.map(Json)
}

pub(super) async fn disconnect(
    State(served): State<Served>,
    Path(parameters): Path<HashMap<String, String>>,
) -> Result<Json<Applied>, Problem> {
    let (network, sandbox) = (parameter(&parameters, "network"), parameter(&parameters, "sandbox"));
    let edit = Edit::Disconnect { sandbox, network };
    served.daemon.change(Request::Edit(edit), false).await.map(Json)
}

fn parameter(parameters: &HashMap<String, String>, name: &str) -> String {
    parameters.get(name).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_says_how_a_file_is_put_in_force() {
        let how = How::read("dry-run=true&path=%2Fetc%2Fa%20b.toml").unwrap();
        let path = Some("/etc/a b.toml".to_owned());
        assert_eq!(how, How { dry_run: true, join: false, path });
        assert_eq!(How::read("").unwrap(), How::default());
        assert!(How::read("dry-run=yes").unwrap_err().contains("true or false"));
        assert!(How::read("colour=red").unwrap_err().contains("colour"));
    }
}
