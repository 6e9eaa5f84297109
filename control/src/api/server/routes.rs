//! Which requests are answered, and by whom?
//!
//! One list: from it come the router, the words for a wrong method or path, and what the description
//! of the api is compared with.

use super::{Served, changes, file, networks, process};
use crate::api::capture::serve as captures;
use crate::api::flow::serve as flows;
use crate::api::paths;
use crate::api::protocol::Problem;
use crate::api::trace::serve as traces;
use axum::Router;
use axum::handler::Handler;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;

/// A path and what can be done with it.
pub(crate) struct Route {
    pub(crate) path: &'static str,
    pub(crate) methods: Vec<Method>,
    router: MethodRouter<Served>,
}

impl Route {
    fn at(path: &'static str) -> Self {
        Self { path, methods: Vec::new(), router: MethodRouter::new() }
    }

    fn get<H: Handler<T, Served>, T: 'static>(mut self, handler: H) -> Self {
        self.methods.push(Method::GET);
        Self { router: self.router.get(handler), ..self }
    }

    fn post<H: Handler<T, Served>, T: 'static>(mut self, handler: H) -> Self {
        self.methods.push(Method::POST);
        Self { router: self.router.post(handler), ..self }
    }

    fn delete<H: Handler<T, Served>, T: 'static>(mut self, handler: H) -> Self {
        self.methods.push(Method::DELETE);
        Self { router: self.router.delete(handler), ..self }
    }

    fn put<H: Handler<T, Served>, T: 'static>(mut self, handler: H) -> Self {
        self.methods.push(Method::PUT);
        Self { router: self.router.put(handler), ..self }
    }

    /// The methods in words.
    fn takes(&self) -> String {
        self.methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ")
    }

    fn into_router(self) -> (&'static str, MethodRouter<Served>) {
        let takes = self.takes();
        let wrong =
            move |method: Method, uri: Uri| async move { wrong_method(&takes, &method, &uri) };
        (self.path, self.router.fallback(wrong))
    }
}

/// All of them.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::at(paths::NETWORKS).get(networks::list).post(networks::create),
        Route::at(paths::NETWORK).get(networks::describe).delete(networks::delete),
        Route::at(paths::PORTS).get(networks::ports),
        Route::at(paths::LIMITS).put(changes::set_limits),
        Route::at(paths::FDB).get(networks::fdb).post(changes::add_fdb).delete(changes::remove_fdb),
        Route::at(paths::PUBLISHED).get(networks::published).post(changes::publish),
        Route::at(paths::PUBLISHED_ONE).delete(changes::unpublish),
        Route::at(paths::RULES).get(networks::rules).post(changes::add_rule),
        Route::at(paths::RULE).delete(changes::remove_rule),
        Route::at(paths::TABLES).get(networks::tables),
        Route::at(paths::FLOWS).get(flows::list).delete(flows::remove),
        Route::at(paths::FLOW_COUNT).get(flows::count),
        Route::at(paths::FLOW_FLUSH).post(flows::flush),
        Route::at(paths::ENDPOINTS).post(file::connect),
        Route::at(paths::ENDPOINT).delete(file::disconnect),
        Route::at(paths::SANDBOXES).get(file::sandboxes),
        Route::at(paths::CONFIG).get(file::config),
        Route::at(paths::APPLY).post(file::apply),
        Route::at(paths::CAPTURE).get(captures::capture),
        Route::at(paths::TRACE).get(traces::trace),
        Route::at(paths::DAEMON).get(process::describe),
        Route::at(paths::STOP).post(process::stop),
        Route::at(paths::METRICS).get(process::metrics),
        Route::at(paths::OPENAPI).get(process::openapi),
    ]
}

/// Those that may be asked by whoever reaches an address: they tell, and change nothing.
fn open_routes() -> Vec<Route> {
    routes().into_iter().filter(|route| route.path == paths::METRICS).collect()
}

/// The router of all of them.
pub(super) fn router(served: Served) -> Router {
    router_of(routes(), served)
}

/// The router of those that anybody may ask.
pub(super) fn open_router(served: Served) -> Router {
    router_of(open_routes(), served)
}

fn router_of(routes: Vec<Route>, served: Served) -> Router {
    let known: Vec<_> = routes.iter().map(|route| route.path).collect();
    let known = known.join(", ");
    let unknown_path = move |uri: Uri| async move {
        let detail = format!("there is no {}; there are {known}", uri.path());
        Problem::new(StatusCode::NOT_FOUND, &detail)
    };
    let mut router = Router::new();
    for route in routes {
        let (path, methods) = route.into_router();
        router = router.route(path, methods);
    }
    router.fallback(unknown_path).with_state(served)
}

fn wrong_method(takes: &str, method: &Method, uri: &Uri) -> Response {
    let detail = format!("{} takes {takes}, not {method}", uri.path());
    let mut response = Problem::new(StatusCode::METHOD_NOT_ALLOWED, &detail).into_response();
    if let Ok(takes) = HeaderValue::from_str(takes) {
        response.headers_mut().insert(header::ALLOW, takes);
    }
    response
}
