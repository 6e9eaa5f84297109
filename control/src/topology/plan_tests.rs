use super::*;
use crate::topology::KnownNetwork;

fn machine() -> Observed {
    let route = |destination: &str, interface: &str| Route {
        destination: destination.parse().unwrap(),
        interface: Some(interface.to_owned()),
    };
    Observed {
        routes: vec![
            route("0.0.0.0/0", "eth9"),
            route("::/0", "eth9"),
            route("127.0.0.0/8", "lo"),
            route("172.16.1.0/25", "eth9"),
            route("10.0.0.0/8", "vpn0"),
            route("fd00:1::/48", "vpn0"),
        ],
        links: vec!["lo".to_owned(), "eth9".to_owned()],
        namespaces: vec!["web-2".to_owned()],
        networks: vec![
            KnownNetwork { name: "busy".parse().unwrap(), alive: true, pid: Some(7) },
            KnownNetwork { name: "dead".parse().unwrap(), alive: false, pid: Some(8) },
        ],
        ipv6: true,
        ..Observed::default()
    }
}

fn planned(change: impl Fn(&mut NetworkRequest, &mut Observed)) -> Result<Plan, PlanError> {
    let mut request = NetworkRequest::new("ub0", 3);
    let mut observed = machine();
    change(&mut request, &mut observed);
    let first = plan(&request, &observed);
    assert_eq!(first, plan(&request, &observed), "a plan depends on its arguments alone");
    first
}

fn refusal(change: impl Fn(&mut NetworkRequest, &mut Observed)) -> String {
    planned(change).unwrap_err().to_string()
}

#[test]
fn the_default_subnet_is_the_first_free_one() {
    let plan = planned(|_, _| ()).unwrap();
    assert_eq!(plan.network().subnets().v4.to_string(), "172.16.2.0/24");
    assert!(plan.network().subnets().v6.is_some());
    assert!(!plan.ipv6_missing());
}

#[test]
fn a_default_ipv6_subnet_in_use_is_stepped_over() {
    let first = planned(|_, _| ()).unwrap().network().subnets().v6.unwrap();
    let second = planned(|_, observed| {
        observed.routes.push(Route { destination: first.into(), interface: None });
    });
    let second = second.unwrap().network().subnets().v6.unwrap();
    assert_ne!(first, second);
}

#[test]
fn a_default_route_in_two_halves_is_no_obstacle() {
    let plan = planned(|_, observed| {
        for half in ["0.0.0.0/1", "128.0.0.0/1"] {
            observed.routes.push(Route { destination: half.parse().unwrap(), interface: None });
        }
    });
    assert!(plan.is_ok());
}

#[test]
fn a_subnet_in_use_is_refused_with_the_route_and_a_free_one() {
    for (subnet, route, free) in [
        ("172.16.1.0/24", "172.16.1.0/25 of eth9", "172.16.0.0/24"),
        ("172.16.1.128/25", "", ""),
        ("172.16.0.0/23", "172.16.1.0/25 of eth9", "172.16.2.0/23"),
        ("10.9.8.0/24", "10.0.0.0/8 of vpn0", "172.16.0.0/24"),
    ] {
        let plan = planned(|request, _| request.subnet = Some(subnet.to_owned()));
        match plan {
            Ok(_) => assert!(route.is_empty(), "{subnet}"),
            Err(error) => {
                let error = error.to_string();
                assert!(error.contains(&format!("overlaps the route {route};")), "{error}");
                assert!(error.ends_with(&format!("--subnet {free} is free")), "{error}");
            }
        }
    }
    let error = refusal(|request, _| request.subnet6 = Some("fd00:1:0:5::/64".to_owned()));
    assert!(error.contains("fd00:1::/48 of vpn0; --subnet6 fd00::/64 is free"), "{error}");
}

#[test]
fn a_machine_without_a_free_default_subnet_says_so() {
    let all = Route { destination: "172.16.0.0/16".parse().unwrap(), interface: None };
    let plan = planned(|_, observed| observed.routes.push(all.clone()));
    assert_eq!(plan, Err(PlanError::NoFreeSubnet));
}

#[test]
fn names_that_exist_are_refused() {
    let error = refusal(|request, _| request.name = "busy".to_owned());
    assert!(error.contains("udp-bridge down busy"), "{error}");
    let error = refusal(|request, _| request.name = "dead".to_owned());
    assert!(error.contains("killed process"), "{error}");
    let error = refusal(|request, _| request.name = "web".to_owned());
    assert!(error.contains("namespace web-2 exists"), "{error}");
    let error = refusal(|request, _| request.host_if = Some("eth9".to_owned()));
    assert!(error.contains("--host-if eth9"), "{error}");
    assert!(planned(|request, _| (request.name, request.ports) = ("web".to_owned(), 1)).is_ok());
}

#[test]
fn a_kernel_without_ipv6_gets_a_network_without_it_unless_one_was_asked_for() {
    let plan = planned(|_, observed| observed.ipv6 = false).unwrap();
    assert!(plan.network().subnets().v6.is_none() && plan.ipv6_missing());
    let none = |request: &mut NetworkRequest, observed: &mut Observed| {
        request.subnet6 = Some("none".to_owned());
        observed.ipv6 = false;
    };
    assert!(!planned(none).unwrap().ipv6_missing());
    let error = refusal(|request, observed| {
        request.subnet6 = Some("fd00::/64".to_owned());
        observed.ipv6 = false;
    });
    assert!(error.contains("--subnet6 fd00::/64"), "{error}");
}

#[test]
fn what_is_wrong_with_the_request_comes_first() {
    for change in [
        (|request, _| request.ports = 0) as fn(&mut NetworkRequest, &mut Observed),
        |request, _| request.mtu = 100,
        |request, _| request.subnet = Some("10.0.0.1/8".to_owned()),
    ] {
        let plan = planned(|request, observed| {
            observed.links.push("ub0".to_owned());
            change(request, observed);
        });
        assert!(matches!(plan, Err(PlanError::Model(_))), "{plan:?}");
    }
}
