//! What is edited, and what is told of it.

use super::*;
use crate::api::protocol::Problem;
use crate::api::server::Network as _;
use crate::daemon::networks::tests::{on_a_host, request};
use crate::model::Holder;
use crate::model::{RouterRequest, Subnets, UplinkKind, rules};
use crate::plan::Step;
use axum::http::StatusCode;

fn declared_of(request: &NetworkRequest, v6: Option<&str>) -> Declared {
    let v6 = v6.map(|subnet| subnet.parse().unwrap());
    let subnets = Subnets { v4: "172.16.1.0/24".parse().unwrap(), v6 };
    Declared::new(request, &Network::new(request, subnets).unwrap()).unwrap()
}

fn declared() -> Declared {
    let mut request = NetworkRequest::new("ub0", 2);
    request.publish = vec!["8080:ub0-1:80".to_owned()];
    declared_of(&request, Some("fd00:1::/64"))
}

fn edit(from: &Declared, edit: Edit) -> Result<(Declared, Vec<Step>), StatusCode> {
    let edited = from.edited(edit).map_err(|error| {
        let problem = crate::api::protocol::Problem::from(error);
        StatusCode::from_u16(problem.status).unwrap()
    });
    let (to, _) = edited?;
    let plan = Plan::between(&from.state, &to.state);
    assert!(plan.replacements().is_empty());
    Ok((to, plan.steps().to_vec()))
}

fn publish(text: &str) -> Edit {
    Edit::Publish(crate::api::change::NewPublished { publish: text.to_owned() })
}

fn rule(text: &str, at: Option<usize>) -> Edit {
    Edit::AddRule(NewRule { rule: text.to_owned(), path: None, at })
}

fn fdb(mac: &str, port: &str) -> Edit {
    Edit::AddFdb(NewFdb { mac: mac.to_owned(), port: port.to_owned() })
}

/// Every request that the command line can make, in its corners.
#[test]
fn a_network_that_was_made_by_number_is_the_same_after_an_edit_that_edits_nothing() {
    let plain = || NetworkRequest::new("ub0", 3);
    let rules = "version = 1\npolicy = 'drop'\n[[rule]]\nfrom = 'ub0-3'\nverdict = 'accept'";
    let rules = rules::RulesFile { path: "r.toml".to_owned(), text: rules.to_owned() };
    let requests = [
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
    ];
    for request in requests {
        for v6 in [Some("fd00:1::/64"), None] {
            let declared = declared_of(&request, v6);
            let again = Model::new(&declared.model.to_spec()).unwrap();
            assert_eq!(again, declared.model, "{request:?}");
            let name = declared.name.as_str();
            let edited = declared.edited(fdb("02:00:00:00:00:77", &format!("{name}-1"))).unwrap().0;
            let (back, _) = edited.edited(Edit::RemoveFdb("02:00:00:00:00:77".to_owned())).unwrap();
            assert!(Plan::between(&declared.state, &back.state).is_empty(), "{request:?}");
        }
    }
}

#[test]
fn each_edit_is_one_step_and_its_opposite_takes_it_back() {
    let first = declared();
    let limits = LimitsInfo { flows: NonZeroU64::new(5), ..LimitsInfo::default() };
    for (there, back) in [
        (
            publish("127.0.0.1:53:ub0-2:53/udp"),
            Edit::Unpublish("127.0.0.1:53:ub0-2:53/udp".to_owned()),
        ),
        (rule("verdict = 'drop'", None), Edit::RemoveRule(0)),
        (
            Edit::SetLimits("ub0-2".to_owned(), limits),
            Edit::SetLimits("ub0-2".to_owned(), LimitsInfo::default()),
        ),
        (fdb("02:00:00:00:00:AA", "ub0"), Edit::RemoveFdb("02:00:00:00:00:aa".to_owned())),
    ] {
        let (second, steps) = edit(&first, there).unwrap();
        let [step] = &*steps else { panic!("{steps:?}") };
        let (third, undone) = edit(&second, back).unwrap();
        assert_eq!(undone, [step.clone().inverse()]);
        assert_eq!(third.model, first.model);
    }
}

#[test]
fn limits_are_told_as_they_were_set() {
    let limits = LimitsInfo { bytes_in: NonZeroU64::new(7), ..LimitsInfo::default() };
    let (set, _) = edit(&declared(), Edit::SetLimits("ub0-1".to_owned(), limits)).unwrap();
    assert_eq!((set.limits("ub0-1"), set.limits("ub0-2")), (limits, LimitsInfo::default()));
    assert_eq!((set.limits("ub0"), set.limits("web")), Default::default());
}

#[test]
fn what_is_told_of_an_edit_is_where_it_is() {
    let told = |edit| declared().edited(edit).unwrap().1;
    let full = Changed::Published("53:ub0-1:53/tcp".to_owned());
    assert_eq!(told(publish("53:ub0-1:53")), full);
    assert_eq!(told(rule("verdict = 'drop'", None)), Changed::Rule(0));
    assert_eq!(told(fdb("02:00:00:00:00:aa", "ub0-1")), Changed::Done);
}

#[test]
fn what_makes_no_sense_is_400_what_is_taken_409_and_what_is_not_there_404() {
    let ub0 = declared();
    let limits = |port: &str| Edit::SetLimits(port.to_owned(), LimitsInfo::default());
    for (asked, status) in [
        (publish("nonsense"), StatusCode::BAD_REQUEST),
        (publish("8081:web:80"), StatusCode::BAD_REQUEST),
        (publish("8080:ub0-2:80"), StatusCode::CONFLICT),
        (publish("127.0.0.1:8000-8100:ub0-2:1-101"), StatusCode::CONFLICT),
        (publish("8080:ub0-1:80"), StatusCode::CONFLICT),
        (Edit::Unpublish("8081:ub0-1:80".to_owned()), StatusCode::NOT_FOUND),
        (rule("verdict = 'perhaps'", None), StatusCode::BAD_REQUEST),
        (rule("from = 'web'\nverdict = 'drop'", None), StatusCode::BAD_REQUEST),
        (rule("verdict = 'drop'", Some(1)), StatusCode::NOT_FOUND),
        (Edit::RemoveRule(0), StatusCode::NOT_FOUND),
        (limits("web"), StatusCode::NOT_FOUND),
        (limits("ub0"), StatusCode::NOT_FOUND),
        (fdb("nonsense", "ub0-1"), StatusCode::BAD_REQUEST),
        (fdb("03:00:00:00:00:01", "ub0-1"), StatusCode::BAD_REQUEST),
        (fdb("02:00:00:00:00:01", "web"), StatusCode::BAD_REQUEST),
        (Edit::RemoveFdb("02:00:00:00:00:01".to_owned()), StatusCode::NOT_FOUND),
    ] {
        assert_eq!(edit(&ub0, asked.clone()).err(), Some(status), "{asked:?}");
    }
}

/// Two steps, of which the second cannot be done for somebody has the port.
#[test]
fn a_step_that_fails_undoes_those_before_it() {
    on_a_host(|networks| async move {
        networks.start(request("red")).await.unwrap();
        let living = networks.member("red").unwrap().living;
        let taken = std::net::TcpListener::bind("0.0.0.0:8080").unwrap();
        let (red, mac) = (living.network().name, MacAddr([2, 0, 0, 0, 0, 0x77]));
        let red: NetworkName = red.parse().unwrap();
        let holder = Holder::Sandbox("red-1".parse().unwrap());
        let steps = [
            Step::AddFixed(red.clone(), mac, holder),
            Step::Publish(red, "8080:red-1:80".parse().unwrap()),
        ];
        let has_it = move |living: &Living| living.fdb().unwrap().iter().any(|one| one.mac == mac);
        // On a thread of its own, as the api does.
        let take = move |living: &Living| living.take_all(&steps);
        let living = tokio::task::spawn_blocking(move || {
            let error = take(&living).unwrap_err();
            assert!(matches!(error, ChangeError::Publish(_)), "{error}");
            assert!(!has_it(&living) && living.published().is_empty());
            drop(taken);
            take(&living).unwrap();
            assert!(has_it(&living) && living.published().len() == 1);
            living
        });
        drop(living.await.unwrap());
        let outcomes = networks.end_all("the test is over").await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    });
}

#[test]
fn a_network_that_has_ended_is_changed_no_more() {
    on_a_host(|networks| async move {
        networks.start(request("red")).await.unwrap();
        let living = networks.member("red").unwrap().living;
        networks.end_all("the test is over").await;
        let refused = |edit| {
            let living = living.clone();
            async move {
                let changed = tokio::task::spawn_blocking(move || living.carry_out(edit));
                Problem::from(changed.await.unwrap().unwrap_err()).status
            }
        };
        assert_eq!(refused(publish("8080:red-1:80")).await, 503);
        assert_eq!(refused(rule("verdict = 'drop'", None)).await, 503);
        assert_eq!(refused(fdb("02:00:00:00:00:77", "red-1")).await, 503);
    });
}
