//! What is edited, and what is told of it; what is done is undone when a step fails.

use super::edit::Draft;
use super::run::Run;
use super::*;
use crate::api::change::{Changed, LimitsInfo, NewFdb, NewPublished, NewRule};
use crate::api::protocol::Problem;
use crate::api::server::Network as _;
use crate::daemon::living::Living;
use crate::daemon::networks::tests::{on_a_host, request};
use crate::model::{
    Holder, Network, NetworkName, NetworkRequest, RouterRequest, Subnets, UplinkKind, rules,
};
use crate::plan::{Plan, State, Step};
use crate::topology::Site;
use axum::http::StatusCode;
use dataplane::wire::ethernet::MacAddr;
use std::collections::BTreeMap;
use std::num::NonZeroU64;

/// All but the running network itself.
fn held_of(request: &NetworkRequest, v6: Option<&str>) -> Held {
    let v6 = v6.map(|subnet| subnet.parse().unwrap());
    let subnets = Subnets { v4: "172.16.1.0/24".parse().unwrap(), v6 };
    let numbered = Numbered::new(request, &Network::new(request, subnets).unwrap()).unwrap();
    let mut held = Held::new(&Site { state_dir: "/nowhere".into(), netns_dir: "/nowhere".into() });
    held.note(numbered);
    held
}

fn held() -> Held {
    let mut request = NetworkRequest::new("ub0", 2);
    request.publish = vec!["8080:ub0-1:80".to_owned()];
    held_of(&request, Some("fd00:1::/64"))
}

/// Edits what is held as if it ran.
fn edit(held: &mut Held, edit: api::Edit) -> Result<(Vec<Step>, Changed), StatusCode> {
    let name = held.state.networks.keys().next().unwrap().to_string();
    let draft = held.draft(&name, edit).map_err(|error| {
        let problem = Problem::from(error);
        StatusCode::from_u16(problem.status).unwrap()
    })?;
    let Draft { plan, changed, .. } = &draft;
    assert!(plan.replacements().is_empty());
    plan.steps().iter().try_for_each(|step| held.state.take(step)).unwrap();
    let told = (plan.steps().to_vec(), changed.clone());
    held.keep(draft);
    assert_eq!(State::new(&held.model, &held.assigned), held.state);
    Ok(told)
}

fn publish(text: &str) -> api::Edit {
    api::Edit::Publish(NewPublished { publish: text.to_owned() })
}

fn rule(text: &str, at: Option<usize>) -> api::Edit {
    api::Edit::AddRule(NewRule { rule: text.to_owned(), path: None, at })
}

fn fdb(mac: &str, port: &str) -> api::Edit {
    api::Edit::AddFdb(NewFdb { mac: mac.to_owned(), port: port.to_owned() })
}

/// Every request that the command line can make, in its corners.
fn requests() -> [NetworkRequest; 8] {
    let plain = || NetworkRequest::new("ub0", 3);
    let rules = "version = 1\npolicy = 'drop'\n[[rule]]\nfrom = 'ub0-3'\nverdict = 'accept'";
    let rules = rules::RulesFile { path: "r.toml".to_owned(), text: rules.to_owned() };
    [
        plain(),
        NetworkRequest { mtu: 9000, host_if: Some("up0".to_owned()), ..plain() },
        NetworkRequest { isolate: vec![1, 3], no_offloads: vec![0, 2], ..plain() },
        NetworkRequest { isolate_all: true, no_offloads_all: true, check_source: false, ..plain() },
        NetworkRequest { rules: Some(rules), icc: false, ..plain() },
        NetworkRequest { internal: true, storm: None, ..plain() },
        NetworkRequest {
            publish: vec!["[::1]:53:ub0-2:53/udp".to_owned(), "80-89:ub0-1:80-89".to_owned()],
            router: RouterRequest {
                uplink: Some(UplinkKind::Route),
                nat_ports: Some("5000-5000".to_owned()),
                timeouts: vec!["udp=42".to_owned()],
                conntrack_max: 100,
                ..RouterRequest::default()
            },
            ..plain()
        },
        NetworkRequest::new("a.name_that-15c", 1),
    ]
}

#[test]
fn a_network_that_was_made_by_number_is_the_same_after_an_edit_that_edits_nothing() {
    for request in requests() {
        for v6 in [Some("fd00:1::/64"), None] {
            let mut held = held_of(&request, v6);
            let (first, name) = (held.state.clone(), request.name.as_str());
            edit(&mut held, fdb("02:00:00:00:00:77", &format!("{name}-1"))).unwrap();
            let back = api::Edit::RemoveFdb("02:00:00:00:00:77".to_owned());
            edit(&mut held, back).unwrap();
            assert_eq!(held.state, first, "{request:?}");
        }
    }
}

#[test]
fn a_network_that_was_made_by_number_is_the_same_when_its_file_is_read() {
    use crate::addressing::{Leases, Machine, assign};
    use crate::model::Model;
    for request in requests() {
        for v6 in [Some("fd00:1::/64"), None] {
            let held = held_of(&request, v6);
            let text = held.config();
            assert!(text.contains(&format!("# made by `up --ports {}`", request.ports)), "{text}");
            let file = SpecFile { path: "net.toml".to_owned(), text };
            let (model, _) = Model::read(file).unwrap();
            let machine = Machine { ipv6: true, ..Machine::default() };
            let (assigned, _) = assign(&model, &Leases::default(), &machine).unwrap();
            assert_eq!(assigned, held.assigned, "{request:?}");
            let plan = Plan::between(&held.state, &State::new(&model, &assigned));
            assert!(plan.is_empty(), "{request:?}: {plan}");
        }
    }
}

#[test]
fn each_edit_is_one_step_and_its_opposite_takes_it_back() {
    let mut held = held();
    let limits = LimitsInfo { flows: NonZeroU64::new(5), ..LimitsInfo::default() };
    for (there, back) in [
        (
            publish("127.0.0.1:53:ub0-2:53/udp"),
            api::Edit::Unpublish("127.0.0.1:53:ub0-2:53/udp".to_owned()),
        ),
        (rule("verdict = 'drop'", None), api::Edit::RemoveRule(0)),
        (
            api::Edit::SetLimits("ub0-2".to_owned(), limits),
            api::Edit::SetLimits("ub0-2".to_owned(), LimitsInfo::default()),
        ),
        (fdb("02:00:00:00:00:AA", "ub0"), api::Edit::RemoveFdb("02:00:00:00:00:aa".to_owned())),
    ] {
        let (spec, model) = (held.spec.clone(), held.model.clone());
        let (steps, _) = edit(&mut held, there).unwrap();
        let [step] = &*steps else { panic!("{steps:?}") };
        let (undone, _) = edit(&mut held, back).unwrap();
        assert_eq!(undone, [step.clone().inverse()]);
        assert_eq!((&held.model, &held.spec), (&model, &spec));
    }
}

#[test]
fn what_is_told_of_an_edit_is_where_it_is() {
    let told = |one| edit(&mut held(), one).unwrap().1;
    let full = Changed::Published("53:ub0-1:53/tcp".to_owned());
    assert_eq!(told(publish("53:ub0-1:53")), full);
    assert_eq!(told(rule("verdict = 'drop'", None)), Changed::Rule(0));
    assert_eq!(told(fdb("02:00:00:00:00:aa", "ub0-1")), Changed::Done);
}

#[test]
fn what_makes_no_sense_is_400_what_is_taken_409_and_what_is_not_there_404() {
    let own =
        held().assigned.networks.values().next().unwrap().endpoints.values().next().unwrap().mac;
    let limits = |port: &str| api::Edit::SetLimits(port.to_owned(), LimitsInfo::default());
    for (asked, status) in [
        (publish("nonsense"), StatusCode::BAD_REQUEST),
        (publish("8081:web:80"), StatusCode::BAD_REQUEST),
        (publish("8080:ub0-2:80"), StatusCode::CONFLICT),
        (publish("127.0.0.1:8000-8100:ub0-2:1-101"), StatusCode::CONFLICT),
        (publish("8080:ub0-1:80"), StatusCode::CONFLICT),
        (api::Edit::Unpublish("8081:ub0-1:80".to_owned()), StatusCode::NOT_FOUND),
        (rule("verdict = 'perhaps'", None), StatusCode::BAD_REQUEST),
        (rule("from = 'web'\nverdict = 'drop'", None), StatusCode::BAD_REQUEST),
        (rule("verdict = 'drop'", Some(1)), StatusCode::NOT_FOUND),
        (api::Edit::RemoveRule(0), StatusCode::NOT_FOUND),
        (limits("web"), StatusCode::NOT_FOUND),
        (limits("ub0"), StatusCode::NOT_FOUND),
        (fdb("nonsense", "ub0-1"), StatusCode::BAD_REQUEST),
        (fdb("03:00:00:00:00:01", "ub0-1"), StatusCode::BAD_REQUEST),
        (fdb("02:00:00:00:00:01", "web"), StatusCode::BAD_REQUEST),
        (fdb(&own.to_string(), "ub0-2"), StatusCode::CONFLICT),
        (api::Edit::RemoveFdb("02:00:00:00:00:01".to_owned()), StatusCode::NOT_FOUND),
    ] {
        assert_eq!(edit(&mut held(), asked.clone()).err(), Some(status), "{asked:?}");
    }
}

/// Two steps, of which the second cannot be done for somebody has the port.
#[test]
fn a_step_that_fails_undoes_those_before_it() {
    on_a_host(|networks| async move {
        networks.start(request("red")).await.unwrap();
        let taken = std::net::TcpListener::bind("0.0.0.0:8080").unwrap();
        let (red, mac) = ("red".parse::<NetworkName>().unwrap(), MacAddr([2, 0, 0, 0, 0, 0x77]));
        let holder = Holder::Sandbox("red-1".parse().unwrap());
        let steps = [
            Step::AddFixed(red.clone(), mac, holder),
            Step::Publish(red.clone(), "8080:red-1:80".parse().unwrap()),
        ];
        let has_it = move |living: &Living| living.fdb().unwrap().iter().any(|one| one.mac == mac);
        let all = networks.clone();
        // On a thread of its own, as the api does.
        let done = tokio::task::spawn_blocking(move || {
            let mut held = lock(&all.held);
            let before = held.state.clone();
            let take =
                |held: &mut Held| Run::new(&all, held, Vec::new(), &BTreeMap::new()).steps(&steps);
            let error = take(&mut held).unwrap_err();
            assert_eq!(Problem::from(error).status, 409);
            let living = held.networks[&red].living.clone();
            assert!(!has_it(&living) && living.published().is_empty());
            assert_eq!(held.state, before);
            drop(taken);
            take(&mut held).unwrap();
            assert!(has_it(&living) && living.published().len() == 1);
        });
        done.await.unwrap();
        let outcomes = networks.end_all("the test is over").await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    });
}

async fn asked(networks: &Arc<Networks>, edit: api::Edit) -> Result<Change, Problem> {
    let (networks, network) = (networks.clone(), "red".to_owned());
    let request = Request::Edit(Edit::Network { network, edit });
    let changed = tokio::task::spawn_blocking(move || change(&networks, request, false));
    changed.await.unwrap().map_err(Problem::from)
}

#[test]
fn limits_are_told_as_they_were_set() {
    on_a_host(|networks| async move {
        networks.start(request("red")).await.unwrap();
        let limits = LimitsInfo { bytes_in: NonZeroU64::new(7), ..LimitsInfo::default() };
        asked(&networks, api::Edit::SetLimits("red-1".to_owned(), limits)).await.unwrap();
        let all = networks.clone();
        let told = tokio::task::spawn_blocking(move || all.living()[0].ports()).await.unwrap();
        let told: Vec<_> = told.iter().map(|port| port.limits).collect();
        assert_eq!(told, [LimitsInfo::default(), limits, LimitsInfo::default()]);
        networks.end_all("the test is over").await;
    });
}

#[test]
fn a_network_that_has_ended_is_changed_no_more() {
    on_a_host(|networks| async move {
        networks.start(request("red")).await.unwrap();
        networks.end_all("the test is over").await;
        for edit in [
            publish("8080:red-1:80"),
            rule("verdict = 'drop'", None),
            fdb("02:00:00:00:00:77", "red-1"),
        ] {
            assert_eq!(asked(&networks, edit).await.unwrap_err().status, 503);
        }
    });
}

const FILE: &str = "version = 1\n[networks.front]\nsubnet = '172.16.7.0/24'\nuplink = 'none'\n\
                    [networks.back]\nsubnet = '172.16.8.0/24'\nuplink = 'none'\n\
                    [sandboxes.a.endpoints.front]\n[sandboxes.a.endpoints.back]\n\
                    [sandboxes.b.endpoints.front]\n";

/// Puts a file in force, or fails.
async fn apply(networks: &Arc<Networks>, text: &str) -> Change {
    let (networks, text) = (networks.clone(), text.to_owned());
    let request = Request::Become(SpecFile { path: "net.toml".to_owned(), text });
    let changed = tokio::task::spawn_blocking(move || change(&networks, request, false));
    changed.await.unwrap().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_network_whose_dataplane_ended_is_forgotten_with_its_endpoints_and_can_be_made_again() {
    on_a_host(|networks| async move {
        networks.start(request("red")).await.unwrap();
        apply(&networks, FILE).await;
        for name in ["front", "red"] {
            let member = networks.member(name).unwrap();
            member.living.end_engine();
            member.ended().await.unwrap_err();
        }
        let all = networks.clone();
        let check = move || {
            let mut held = lock(&all.held);
            held.forget_ended();
            let text = held.config();
            assert!(!text.contains("front") && !text.contains("red"), "{text}");
            assert!(text.contains("[sandboxes.a.endpoints.back]"), "{text}");
            // Who is in it may stay.
            assert!(text.contains("[sandboxes.b]"), "{text}");
            let State { networks, sandboxes } = &held.state;
            let names: Vec<_> = networks.keys().map(NetworkName::as_str).collect();
            assert_eq!(names, ["back"]);
            assert_eq!(sandboxes.len(), 2);
            assert_eq!(held.networks.len(), 1);
        };
        tokio::task::spawn_blocking(check).await.unwrap();
        let made = apply(&networks, FILE).await.plan.to_string();
        assert!(made.starts_with("1. network front: create"), "{}", made);
        assert!(!made.contains("sandbox a: create"), "{}", made);
        let outcomes = networks.end_all("the test is over").await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    });
}
