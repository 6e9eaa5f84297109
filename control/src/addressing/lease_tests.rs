//! Who gets which address, and who keeps it.

use super::lease::MAX_REMEMBERED;
use super::pool::Pool;
use super::*;
use crate::model::Refusal;
use crate::model::declared::any;
use crate::model::{Model, NetworkName, NetworkRequest, SandboxName};
use crate::spec::{Source, SpecFile};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashSet};

fn machine() -> Machine {
    Machine { ipv6: true, ..Machine::default() }
}

fn read(text: &str) -> (Model, Source) {
    let file = SpecFile { path: "net.toml".to_owned(), text: format!("version = 1\n{text}") };
    Model::read(file).unwrap_or_else(|error| panic!("{error}"))
}

/// A network `a` with sandboxes of these names.
fn sandboxes(network: &str, names: &[&str]) -> Model {
    let tables = names.iter().map(|name| format!("[sandboxes.{name}.endpoints.a]\n"));
    read(&format!("[networks.a]\n{network}\n{}", tables.collect::<String>())).0
}

fn after(model: &Model, leases: &Leases) -> Leases {
    assign(model, leases, &machine()).unwrap().1
}

fn addresses(model: &Model, leases: &Leases) -> BTreeMap<String, String> {
    let (assigned, _) = assign(model, leases, &machine()).unwrap();
    let network = assigned.networks.into_values().next().unwrap();
    let one =
        |(name, one): (SandboxName, Addresses)| (name.to_string(), one.ipv4.addr().to_string());
    network.endpoints.into_iter().map(one).collect()
}

fn refused(model: &Model, leases: &Leases, machine: &Machine) -> String {
    assign(model, leases, machine).unwrap_err().to_string()
}

#[test]
fn ports_by_number_have_the_addresses_that_they_always_had() {
    let request = NetworkRequest::new("ub0", 12);
    let model = Model::of_request(&request).unwrap();
    let (assigned, _) = assign(&model, &Leases::default(), &machine()).unwrap();
    let (_, given) = assigned.networks.into_iter().next().unwrap();
    let Interfaces { host, ports } = interfaces(&Network::new(&request, given.subnets).unwrap());
    assert_eq!(given.host, host);
    for (number, port) in ports {
        let name: SandboxName = format!("ub0-{number}").parse().unwrap();
        assert_eq!(given.endpoints[&name], port, "{name}");
    }
    let name: NetworkName = "ub0".parse().unwrap();
    let network = Network::new(&request, given.subnets).unwrap();
    assert_eq!(given.next_hop(&name, &HashSet::new()), next_hop(&network, &HashSet::new()));
}

#[test]
fn who_comes_back_gets_what_it_had_and_nobody_else_does() {
    let first = after(&sandboxes("", &["db", "web"]), &Leases::default());
    let without = after(&sandboxes("", &["web"]), &first);
    let had = &without.networks.values().next().unwrap().endpoints[&"db".parse().unwrap()];
    assert_eq!(had.gone, Some(1));
    let others = sandboxes("", &["app", "cache", "web"]);
    let given = addresses(&others, &without);
    assert_eq!(given["web"], "172.16.1.3");
    assert_eq!((&*given["app"], &*given["cache"]), ("172.16.1.4", "172.16.1.5"));
    let all = sandboxes("", &["app", "db", "web"]);
    let given = addresses(&all, &after(&others, &without));
    assert_eq!(
        (&*given["db"], &*given["web"], &*given["app"]),
        ("172.16.1.2", "172.16.1.3", "172.16.1.4")
    );
}

#[test]
fn what_is_remembered_is_given_away_only_when_nothing_else_is_left_the_longest_gone_first() {
    let subnet = "subnet = '10.0.0.0/29'";
    let mut leases = Leases::default();
    // Five fit. First q, then p goes.
    for names in [&["p", "q", "r", "s", "t"][..], &["p", "r", "s", "t"], &["r", "s", "t"]] {
        leases = after(&sandboxes(subnet, names), &leases);
    }
    let given = addresses(&sandboxes(subnet, &["r", "s", "t", "u"]), &leases);
    assert_eq!(given["u"], "10.0.0.3", "q's");
    leases = after(&sandboxes(subnet, &["r", "s", "t", "u"]), &leases);
    let given = addresses(&sandboxes(subnet, &["q", "r", "s", "t", "u"]), &leases);
    assert_eq!((&*given["q"], &*given["u"]), ("10.0.0.2", "10.0.0.3"), "p's is the last");
}

#[test]
fn what_is_leased_is_remarked_where_it_is_printed() {
    let (model, _) = read("[networks.a]\n[sandboxes.web.endpoints.a]\nmac = '02:00:00:00:00:01'");
    let (assigned, _) = assign(&model, &Leases::default(), &Machine::default()).unwrap();
    let text = model.to_spec().print(&assigned.notes(&model));
    let expected = "version = 1\n\n[networks.a]\n# leased: 172.16.1.0/24\n\n[sandboxes.web]\n\n\
                    [sandboxes.web.endpoints.a]\n# leased: 172.16.1.2\ninterface = \"eth0\"\n\
                    mac = \"02:00:00:00:00:01\"\n";
    assert_eq!(text, expected);
}

#[test]
fn a_network_keeps_its_subnets_and_another_gets_others() {
    let (one, _) = read("[networks.b]");
    let (two, _) = read("[networks.a]\n[networks.b]");
    let leases = after(&one, &Leases::default());
    let (assigned, both) = assign(&two, &leases, &machine()).unwrap();
    let subnets: Vec<_> =
        assigned.networks.values().map(|one| one.subnets.v4.to_string()).collect();
    assert_eq!(subnets, ["172.16.2.0/24", "172.16.1.0/24"]);
    // One that went away keeps it while others are free.
    let (three, _) = read("[networks.a]\n[networks.c]");
    let (assigned, _) = assign(&three, &both, &machine()).unwrap();
    let subnets: Vec<_> =
        assigned.networks.values().map(|one| one.subnets.v4.to_string()).collect();
    assert_eq!(subnets, ["172.16.2.0/24", "172.16.3.0/24"]);
}

#[test]
fn routes_of_the_machine_are_kept_clear_but_do_not_move_what_runs() {
    let (model, source) = read("[networks.a]\nsubnet = '10.1.0.0/24'\n[networks.b]");
    let leases = after(&model, &Leases::default());
    let routes = vec!["172.16.0.0/22".parse().unwrap()];
    let there = Machine { routes, ..machine() };
    let (moved, _) = assign(&model, &leases, &there).unwrap();
    let b: NetworkName = "b".parse().unwrap();
    assert_eq!(moved.networks[&b].subnets.v4.to_string(), "172.16.4.0/24");
    let running = model.networks().keys().cloned().collect();
    let runs = Machine { running, routes: vec!["10.0.0.0/8".parse().unwrap()], ..there };
    let (kept, _) = assign(
        &model,
        &leases,
        &Machine { routes: vec!["172.16.0.0/22".parse().unwrap()], ..runs.clone() },
    )
    .unwrap();
    assert_eq!(kept.networks[&b].subnets.v4.to_string(), "172.16.1.0/24");
    assert!(assign(&model, &leases, &runs).is_ok());
    let refusal = assign(&model, &Leases::default(), &runs).unwrap_err();
    let said = source.explain(*refusal).to_string();
    assert!(
        said.starts_with(
            "net.toml:3:10: networks.a.subnet: 10.1.0.0/24 overlaps the route to 10.0.0.0/8"
        ),
        "{said}"
    );
    let (six, _) = read("[networks.a]\nsubnet6 = 'fd00::/64'");
    let none = Machine::default();
    assert!(
        refused(&six, &Leases::default(), &none)
            .starts_with("networks.a.subnet6: there is no IPv6")
    );
    let (assigned, _) = assign(&model, &Leases::default(), &none).unwrap();
    assert!(
        assigned.networks.values().all(|one| one.subnets.v6.is_none() && one.host.ipv6.is_none())
    );
}

#[test]
fn a_choice_does_not_take_what_another_has() {
    let leases = after(&sandboxes("subnet = '10.0.0.0/24'", &["db"]), &Leases::default());
    let network = "[networks.a]\nsubnet = '10.0.0.0/24'\n";
    let (chosen, source) = read(&format!(
        "{network}[sandboxes.db.endpoints.a]\n[sandboxes.web.endpoints.a]\naddress = '10.0.0.2'"
    ));
    let refusal: Refusal = *assign(&chosen, &leases, &machine()).unwrap_err();
    let said = source.explain(refusal).to_string();
    assert!(said.starts_with("net.toml:6:11: sandboxes.web.endpoints.a.address: 10.0.0.2 is taken by sandbox db in network a"), "{said}");
    // But what is only remembered can be chosen, and is not remembered any more.
    let (alone, _) = read(&format!("{network}[sandboxes.web.endpoints.a]\naddress = '10.0.0.2'"));
    let leases = after(&alone, &leases);
    assert_eq!(leases.networks.values().next().unwrap().endpoints.len(), 1);
    let mac = leases.networks.values().next().unwrap().endpoints.values().next().unwrap().mac;
    let (fixed, _) = read(&format!(
        "{network}fdb = {{ static = {{ '{mac}' = 'host' }} }}\n[sandboxes.web.endpoints.a]"
    ));
    let said = refused(&fixed, &leases, &machine());
    assert!(
        said.contains(&format!("fdb.static.\"{mac}\": {mac} is taken by sandbox web")),
        "{said}"
    );
    let host = scheme::mac(&"a".parse().unwrap(), 0, 0);
    let (bridge, _) = read(&format!("{network}[sandboxes.web.endpoints.a]\nmac = '{host}'"));
    assert!(refused(&bridge, &leases, &machine()).contains("is taken by the bridge of network a"));
}

#[test]
fn when_nothing_is_left_it_is_said_who_holds_what() {
    let names: Vec<String> =
        (0..255).map(|n| format!("[networks.n{n}]\nsubnet6 = 'none'\n")).collect();
    let (full, _) = read(&names[..254].concat());
    assert!(assign(&full, &Leases::default(), &machine()).is_ok());
    let (more, _) = read(&names.concat());
    let said = refused(&more, &Leases::default(), &machine());
    assert!(said.starts_with("networks.n99.subnet: 172.16.1.0/24 to 172.16.254.0/24 are all in use (there is 172.16.1.0/24 of network n0, "), "{said}");
    let mut pool = Pool::v4("10.0.0.0/30".parse().unwrap());
    assert!(pool.lease(None).is_some() && pool.lease(None).is_none());
    let routes = vec!["fd00::/8".parse().unwrap()];
    let said = refused(&sandboxes("", &[]), &Leases::default(), &Machine { routes, ..machine() });
    assert!(
        said.contains("networks.a.subnet6: no subnet in fd00::/8 is free (there is 172.16.1.0/24"),
        "{said}"
    );
}

#[test]
fn no_more_is_remembered_than_the_limit_and_the_longest_gone_is_forgotten() {
    let many =
        |from: usize| -> Vec<String> { (from..from + 600).map(|n| format!("s{n}")).collect() };
    let with = |names: &[String], leases: &Leases| {
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        after(&sandboxes("subnet = '10.0.0.0/16'", &names), leases)
    };
    let first = with(&many(0), &Leases::default());
    let second = with(&many(600), &first);
    let count = |leases: &Leases| leases.networks.values().next().unwrap().endpoints.len();
    assert_eq!(count(&second), 1200, "600 and those that are remembered");
    let none = with(&[], &second);
    // Together more than MAX_REMEMBERED: who left first is forgotten.
    assert_eq!(count(&none), 600);
    assert!((600..1200).contains(&MAX_REMEMBERED));
    let left = &none.networks.values().next().unwrap().endpoints;
    assert!(
        left.contains_key(&"s600".parse().unwrap()) && !left.contains_key(&"s0".parse().unwrap())
    );
}

#[test]
fn a_table_that_cannot_be_read_is_refused() {
    let json = |text: &str| Leases::from_json(text).unwrap_err().to_string();
    assert!(json("{").starts_with("the table of leases cannot be read"));
    assert!(json(r#"{"version":2,"departures":0,"networks":{}}"#).contains("version 2"));
    assert!(
        json(r#"{"version":1,"departures":0,"networks":{"a/b":{"endpoints":{}}}}"#).contains("a/b")
    );
    let line = r#"{"version":1,"departures":0,"networks":{"a":{"endpoints":{"b":{"address":"10.0.0.2","mac":"x"}}}}}"#;
    assert!(json(line).contains("MAC"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn all_have_addresses_of_their_own_and_keep_them((one, two) in any::two_models()) {
        let (before, leases) = assign(&one, &Leases::default(), &machine()).unwrap();
        prop_assert_eq!(assign(&one, &leases, &machine()).unwrap(), (before.clone(), leases.clone()));
        prop_assert_eq!(&Leases::from_json(&leases.to_json().unwrap()).unwrap(), &leases);
        // A choice can be what another has leased; that is refused.
        let Ok((after, _)) = assign(&two, &leases, &machine()) else { return Ok(()) };
        for (name, network) in &after.networks {
            let mut all: Vec<_> = network.endpoints.values().copied().collect();
            all.push(network.host);
            let v4: HashSet<_> = all.iter().map(|one| one.ipv4.addr()).collect();
            let v6: HashSet<_> = all.iter().filter_map(|one| one.ipv6).collect();
            let macs: HashSet<_> = all.iter().map(|one| one.mac).collect();
            prop_assert_eq!((v4.len(), macs.len()), (all.len(), all.len()));
            prop_assert_eq!(v6.len(), if network.subnets.v6.is_some() { all.len() } else { 0 });
            prop_assert!(all.iter().all(|one| network.subnets.v4.contains(&one.ipv4.addr())));
            let Some(had) = before.networks.get(name) else { continue };
            for (sandbox, endpoint) in two.members(name) {
                let (Some(had_one), has) = (had.endpoints.get(sandbox), &network.endpoints[sandbox]) else { continue };
                let same = had.subnets.v4 == network.subnets.v4 && endpoint.ipv4.is_none();
                prop_assert!(!same || had_one.ipv4 == has.ipv4);
                prop_assert!(endpoint.mac.is_some() || had_one.mac == has.mac);
            }
        }
    }
}
