//! Plans do what they say, in an order that can be done, and can be undone.

use super::*;
use crate::addressing::{Leases, Machine, assign};
use crate::model::declared::any;
use crate::model::{Model, NetworkName, SandboxName};
use crate::spec::SpecFile;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

fn machine() -> Machine {
    Machine { ipv6: true, ..Machine::default() }
}

fn state(text: &str, leases: &Leases) -> (State, Leases) {
    let file = SpecFile { path: "net.toml".to_owned(), text: format!("version = 1\n{text}") };
    let (model, _) = Model::read(file).unwrap_or_else(|error| panic!("{error}"));
    let (assigned, leases) = assign(&model, leases, &machine()).unwrap();
    (State::new(&model, &assigned), leases)
}

fn between(from: &str, to: &str) -> Plan {
    let (from, leases) = state(from, &Leases::default());
    let (to, _) = state(to, &leases);
    Plan::between(&from, &to)
}

/// The steps in words, without numbers.
fn words(from: &str, to: &str) -> Vec<String> {
    between(from, to).steps().iter().map(Step::to_string).collect()
}

const PAIR: &str = "[networks.front]\nsubnet = '10.0.0.0/24'\nsubnet6 = 'none'\npublish = ['8080:web:80']\n\
                    [sandboxes.web.endpoints.front]\nmac = '02:00:00:00:00:01'\n\
                    [sandboxes.db.endpoints.front]\nmac = '02:00:00:00:00:02'\n";

#[test]
fn a_network_is_made_in_an_order_that_can_be_done() {
    let expected = [
        "network front: create with 10.0.0.0/24 and the host's interface front",
        "network front: open the way out",
        "sandbox db: create, a namespace of its own",
        "sandbox web: create, a namespace of its own",
        "sandbox db: connect to front as eth0 with 10.0.0.2, 02:00:00:00:00:02",
        "sandbox web: connect to front as eth0 with 10.0.0.3, 02:00:00:00:00:01",
        "sandbox db: lead the default route through front",
        "sandbox web: lead the default route through front",
        "network front: publish 8080:web:80/tcp",
    ];
    assert_eq!(words("", PAIR), expected);
    let plan = between("", PAIR);
    assert!(plan.to_string().starts_with("1. network front: create"), "{plan}");
    assert_eq!(Plan::default().to_string(), "nothing to do");
}

#[test]
fn a_setting_is_one_step() {
    let rule = "[[networks.front.rules]]\nto = 'db'\nverdict = 'drop'\n";
    let cases = [
        (
            PAIR.replace("[networks.front]", "[networks.front]\nmtu = 1400"),
            "network front: mtu from 1500 to 1400",
        ),
        (
            PAIR.replace(
                "[networks.front]",
                "[networks.front]\nfdb = { ageing = 5 }\nstorm = { bytes = 'none' }",
            ),
            "network front: fdb.ageing from 300 to 5, storm.bytes from 1073741824 to none",
        ),
        (
            format!("{PAIR}{rule}").replace("[networks.front]", "[networks.front]\nicc = false"),
            "network front: icc from true to false, rule added (to db: drop)",
        ),
        (
            PAIR.replace(
                "[networks.front]",
                "[networks.front]\nconntrack = { max = 1000, timeouts = { udp = 5 } }",
            ),
            "network front: conntrack.max from 262144 to 1000, conntrack.port-max from 65536 to 250, timeout udp from 30 to 5 s",
        ),
        (
            PAIR.replace("[networks.front]", "[networks.front]\nnat = { filtering = 'address' }"),
            "network front: nat.filtering from address-and-port to address",
        ),
        (
            format!("{PAIR}limits = {{ flows = 9 }}\n"),
            "sandbox db: in front, limits from none to flows 9",
        ),
        (format!("{PAIR}isolated = true\n"), "sandbox db: in front, isolated from false to true"),
        (format!("{PAIR}gateway = false\n"), "sandbox db: take the default route away"),
        (PAIR.replace("publish = ['8080:web:80']", ""), "network front: unpublish 8080:web:80/tcp"),
        (
            PAIR.replace(
                "[networks.front]",
                "[networks.front]\nfdb = { static = { '02:00:00:00:00:09' = 'host' } }",
            ),
            "network front: add the static MAC 02:00:00:00:00:09 of host",
        ),
    ];
    for (to, expected) in cases {
        assert_eq!(words(PAIR, &to), [expected], "{to}");
        assert_eq!(words(&to, PAIR).len(), 1);
    }
}

#[test]
fn a_rule_that_only_moved_in_its_file_is_no_step() {
    let rules = |space: &str| {
        format!(
            "{PAIR}{space}[[networks.front.rules]]\nto = 'db'\nverdict = 'drop'\n[[networks.front.rules]]\nverdict = 'reject'\n"
        )
    };
    assert!(between(&rules(""), &rules("\n\n# moved\n")).is_empty());
    let turned = format!(
        "{PAIR}[[networks.front.rules]]\nverdict = 'reject'\n[[networks.front.rules]]\nto = 'db'\nverdict = 'drop'\n"
    );
    assert_eq!(words(&rules(""), &turned), ["network front: rules in another order"]);
}

#[test]
fn what_cannot_be_changed_is_made_anew_and_it_is_said_why() {
    let plan = between(PAIR, &format!("{PAIR}address = '10.0.0.9'\n"));
    let expected = "sandbox db is disconnected from front and connected anew: its address changes from \
                    10.0.0.2 to 10.0.0.9, and cannot while it runs\n\
                    1. sandbox db: take the default route away\n\
                    2. sandbox db: disconnect eth0 from front\n\
                    3. sandbox db: connect to front as eth0 with 10.0.0.9, 02:00:00:00:00:02\n\
                    4. sandbox db: lead the default route through front";
    assert_eq!(plan.to_string(), expected);
    let plan = between(PAIR, &PAIR.replace("10.0.0.0", "10.1.0.0"));
    assert!(plan.to_string().starts_with("network front is removed and made anew with all its endpoints: its subnet changes from 10.0.0.0/24 to 10.1.0.0/24"), "{plan}");
    assert_eq!(plan.replacements().len(), 1, "its endpoints are not said again");
    assert!(!plan.steps().iter().any(|step| matches!(step, Step::CreateSandbox(..))));
}

#[test]
fn who_shares_a_namespace_is_made_anew_with_it() {
    let sharing =
        "[sandboxes.job]\nmode = 'container:db'\n[sandboxes.sub]\nmode = 'container:job'\n";
    let adopted = format!("{PAIR}{sharing}[sandboxes.db]\npid = 1\n");
    let plan = between(&format!("{PAIR}{sharing}"), &adopted);
    let said = plan.to_string();
    assert!(said.contains("sandbox sub is removed and made anew with all its endpoints: it shares the namespace of db"), "{said}");
    let order: Vec<_> = plan
        .steps()
        .iter()
        .filter_map(|step| match step {
            Step::CreateSandbox(name, _) => Some(format!("+{name}")),
            Step::RemoveSandbox(name, _) => Some(format!("-{name}")),
            _ => None,
        })
        .collect();
    assert_eq!(order, ["-sub", "-job", "-db", "+db", "+job", "+sub"]);
}

#[test]
fn a_step_that_cannot_be_done_changes_nothing() {
    let (made, _) = state(PAIR, &Leases::default());
    let front: NetworkName = "front".parse().unwrap();
    let web: SandboxName = "web".parse().unwrap();
    let network = made.networks[&front].clone();
    let endpoint = network.endpoints[&web].clone();
    let bridge = made.sandboxes[&web].bare();
    let other: SandboxName = "other".parse().unwrap();
    let written = network.published.values().next().unwrap().clone();
    let refused = |step: Step| {
        let mut state = made.clone();
        let error = state.take(&step).unwrap_err();
        assert_eq!(state, made, "{step}");
        error.to_string()
    };
    let cases = [
        (
            Step::CreateNetwork(front.clone(), Box::new(network.bare())),
            "network front is there already",
        ),
        (
            Step::CreateNetwork("b".parse().unwrap(), Box::new(network.bare())),
            "something of network b is another's",
        ),
        (Step::RemoveNetwork(front.clone(), Box::new(network.clone())), "network front is in use"),
        (
            Step::CreateWay(front.clone(), Default::default()),
            "the way out of network front is there already",
        ),
        (Step::RemoveSandbox(web.clone(), bridge.clone()), "sandbox web is not what it was"),
        (Step::CreateSandbox(web.clone(), bridge), "sandbox web is there already"),
        (
            Step::CreateSandbox(other.clone(), SandboxState::Container("x".parse().unwrap())),
            "sandbox x is not there",
        ),
        (
            Step::CreateEndpoint(front.clone(), other.clone(), endpoint.clone()),
            "sandbox other is not there",
        ),
        (
            Step::CreateEndpoint(front.clone(), web.clone(), endpoint.clone()),
            "the endpoint of web in network front is there already",
        ),
        (
            Step::RemoveEndpoint(front.clone(), web.clone(), endpoint.clone()),
            "the endpoint of web in network front is in use",
        ),
        (
            Step::RemoveEndpoint(front.clone(), other.clone(), endpoint),
            "the endpoint of other in network front is not there",
        ),
        (
            Step::ChangeGateway(web.clone(), Change { from: None, to: None }),
            "sandbox web is not what it was",
        ),
        (
            Step::Publish(front.clone(), written),
            "something of 8080:web:80/tcp of network front is another's",
        ),
        (
            Step::Publish(front.clone(), "81:x:80".parse().unwrap()),
            "81:x:80/tcp of network front is not there",
        ),
        (
            Step::Unpublish(front.clone(), "81:x:80".parse().unwrap()),
            "81:x:80/tcp of network front is not there",
        ),
        (
            Step::AddFixed(front, "02:00:00:00:00:01".parse().unwrap(), crate::model::Holder::Host),
            "something of the static MAC 02:00:00:00:00:01 of network front is another's",
        ),
    ];
    for (step, expected) in cases {
        assert_eq!(refused(step), expected);
    }
}

/// Two states, the second with the leases of the first; `None` if the second chooses what is leased.
fn states(one: &Model, two: &Model) -> Option<(State, State)> {
    let (assigned, leases) = assign(one, &Leases::default(), &machine()).ok()?;
    let (after, _) = assign(two, &leases, &machine()).ok()?;
    Some((State::new(one, &assigned), State::new(two, &after)))
}

fn pair() -> impl Strategy<Value = (State, State)> {
    let independent = (any::model(), any::model());
    prop_oneof![any::two_models(), independent]
        .prop_filter_map("the second chooses what is leased", |(one, two)| states(&one, &two))
}

/// Is all that concerns the sandbox the same in both?
fn is_untouched(name: &SandboxName, from: &State, to: &State) -> bool {
    let same = |state: &State| {
        let endpoints = state.networks.iter().filter_map(|(network, one)| {
            Some((network.clone(), one.identity.clone(), one.endpoints.get(name)?.clone()))
        });
        (state.sandboxes.get(name).cloned(), endpoints.collect::<Vec<_>>())
    };
    let shared = match from.sandboxes.get(name) {
        Some(SandboxState::Container(other)) => is_untouched(other, from, to),
        _ => true,
    };
    from.sandboxes.contains_key(name) && same(from) == same(to) && shared
}

#[test]
fn the_properties_meet_every_kind_of_step_and_replacement() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut met = std::collections::BTreeSet::new();
    let kind = |debug: String| debug.split(['(', ' ']).next().unwrap_or_default().to_owned();
    for _ in 0..400 {
        let (from, to) = pair().new_tree(&mut runner).unwrap().current();
        let plan = Plan::between(&from, &to);
        for step in plan.steps() {
            met.insert(kind(format!("{step:?}")));
            if let Step::ChangeNetwork(_, change) = step {
                met.insert(kind(format!("{change:?}")));
            }
            if let Step::ChangeEndpoint(_, _, change) = step {
                met.insert(kind(format!("{change:?}")));
            }
        }
        met.extend(plan.replacements().iter().map(|one| kind(format!("Anew{one:?}"))));
        let is_shared =
            |one: &Replacement| matches!(one, Replacement::Sandbox(_, Reason::Shares(_)));
        met.extend(plan.replacements().iter().any(is_shared).then(|| "Shares".to_owned()));
    }
    // 15 steps, 8 changes of networks, 2 of 3 of endpoints (offloads are like isolated), 3 and 1
    // replacements.
    assert_eq!(met.len(), 15 + 8 + 2 + 3 + 1, "{met:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_steps_lead_from_one_to_the_other((from, to) in pair()) {
        let plan = Plan::between(&from, &to);
        let mut state = from.clone();
        for step in plan.steps() {
            let done = state.take(step);
            prop_assert!(done.is_ok(), "{step}: {done:?}\n{plan}");
        }
        prop_assert_eq!(state, to, "{}", plan);
    }

    #[test]
    fn there_is_nothing_to_do_if_all_is_as_it_is_to_be((from, _) in pair()) {
        let plan = Plan::between(&from, &from);
        prop_assert!(plan.is_empty() && plan.replacements().is_empty(), "{plan}");
    }

    #[test]
    fn some_steps_undone_leave_all_as_it_was((from, to) in pair(), part in 0..=100_usize) {
        let plan = Plan::between(&from, &to);
        let some = &plan.steps()[..plan.steps().len() * part / 100];
        let mut state = from.clone();
        some.iter().try_for_each(|step| state.take(step)).unwrap();
        for step in some.iter().rev() {
            let undone = state.take(&step.clone().inverse());
            prop_assert!(undone.is_ok(), "undo {step}: {undone:?}\n{plan}");
            prop_assert_eq!(&step.clone().inverse().inverse(), step);
        }
        prop_assert_eq!(state, from);
    }

    #[test]
    fn who_is_untouched_is_in_no_step((from, to) in pair()) {
        let plan = Plan::between(&from, &to);
        for name in from.sandboxes.keys().filter(|name| is_untouched(name, &from, &to)) {
            let step = plan.steps().iter().find(|step| step.sandbox() == Some(name));
            prop_assert!(step.is_none(), "{name}\n{plan}");
        }
        for (name, network) in from.networks.iter().filter(|(name, one)| to.networks.get(*name) == Some(one)) {
            let all = network.endpoints.keys().all(|sandbox| is_untouched(sandbox, &from, &to));
            let step = plan.steps().iter().find(|step| step.network() == Some(name));
            prop_assert!(!all || step.is_none(), "{name}\n{plan}");
        }
    }

    #[test]
    fn every_step_has_words_of_its_own((from, to) in pair()) {
        let plan = Plan::between(&from, &to);
        let words: std::collections::HashSet<_> = plan.steps().iter().map(Step::to_string).collect();
        prop_assert_eq!(words.len(), plan.steps().len(), "{}", plan);
        prop_assert!(words.iter().all(|one| !one.ends_with(": ") && !one.contains('\n')), "{plan}");
    }
}
