//! What is asked about files of networks?

use super::{Client, ClientError, LONG_PATIENCE, NetworkClient, read};
use crate::api::file::{Applied, NewEndpoint, SandboxInfo};
use crate::api::paths;
use crate::spec::SpecFile;
use hyper::Method;
use hyper::body::Bytes;

/// How a file is put in force.
#[derive(Clone, Copy, Debug, Default)]
pub struct How {
    /// Are the steps only to be told?
    pub dry_run: bool,
    /// Does all that runs stay?
    pub join: bool,
}

impl Client {
    /// Puts a file in force, or says how that would be done.
    ///
    /// # Errors
    /// [`ClientError`] says why not; so with the others.
    pub fn apply(&self, file: &SpecFile, how: How) -> Result<Applied, ClientError> {
        let path: String = form_encoded(&file.path);
        let How { dry_run, join } = how;
        let target = format!("{}?dry-run={dry_run}&join={join}&path={path}", paths::APPLY);
        let body = Bytes::from(file.text.clone());
        self.exchange(Method::POST, &target, body, LONG_PATIENCE, read)
    }

    /// What runs, as a file of networks.
    ///
    /// # Errors
    /// As of [`Self::apply`].
    pub fn config(&self) -> Result<String, ClientError> {
        let text = |_: &str, body: &[u8]| Ok(String::from_utf8_lossy(body).into_owned());
        self.exchange(Method::GET, paths::CONFIG, Bytes::new(), LONG_PATIENCE, text)
    }

    /// The sandboxes of files.
    ///
    /// # Errors
    /// As of [`Self::apply`].
    pub fn sandboxes(&self) -> Result<Vec<SandboxInfo>, ClientError> {
        self.exchange(Method::GET, paths::SANDBOXES, Bytes::new(), LONG_PATIENCE, read)
    }
}

impl NetworkClient {
    /// Connects a sandbox.
    ///
    /// # Errors
    /// As of [`Client::apply`].
    pub fn connect(&self, new: &NewEndpoint) -> Result<Applied, ClientError> {
        let body = serde_json::to_vec(new).map_err(ClientError::Body)?;
        let target = self.target(paths::ENDPOINTS, "");
        self.client.exchange(Method::POST, &target, body.into(), LONG_PATIENCE, read)
    }

    /// Disconnects a sandbox.
    ///
    /// # Errors
    /// As of [`Client::apply`].
    pub fn disconnect(&self, sandbox: &str) -> Result<Applied, ClientError> {
        let target = self.target(paths::ENDPOINT, "").replace("{sandbox}", &form_encoded(sandbox));
        self.client.exchange(Method::DELETE, &target, Bytes::new(), LONG_PATIENCE, read)
    }

    /// The process that holds the network.
    pub fn process(&self) -> &Client {
        &self.client
    }
}

/// Bytes that mean something in a URL, as `%2F` (RFC 3986 section 2.1).
fn form_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let one = |byte: u8| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}
