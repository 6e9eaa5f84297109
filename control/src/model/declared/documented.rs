//! Does the reference of the file say what the code does, and are its examples files?

use super::*;
use crate::addressing::{Leases, MAX_REMEMBERED, Machine, assign};
use crate::plan::{Plan, State, Step};

const REFERENCE: &str = include_str!("../../../../docs/file.md");
const EXAMPLES: [(&str, &str); 3] = [
    ("pair.toml", include_str!("../../../../docs/examples/pair.toml")),
    ("web-database.toml", include_str!("../../../../docs/examples/web-database.toml")),
    ("gateway.toml", include_str!("../../../../docs/examples/gateway.toml")),
];

fn read(name: &str, text: &str) -> Model {
    let file = SpecFile { path: name.to_owned(), text: text.to_owned() };
    Model::read(file).map(|(model, _)| model).unwrap_or_else(|error| panic!("{error}"))
}

/// What stands between lines of backquotes with this word behind the first.
fn blocks<'a>(text: &'a str, kind: &'a str) -> impl Iterator<Item = &'a str> {
    let blocks = text.split("```").skip(1).step_by(2);
    blocks.filter_map(move |block| block.strip_prefix(kind))
}

#[test]
fn each_example_can_be_made_from_nothing() {
    for (name, text) in EXAMPLES {
        let model = read(name, text);
        assert!(REFERENCE.contains(&format!("(examples/{name})")), "{name}");
        assert_eq!(read("again", &model.to_spec().to_string()), model);
        let machine = Machine { ipv6: true, ..Machine::default() };
        let (assigned, _) = assign(&model, &Leases::default(), &machine).unwrap();
        let (mut state, wanted) = (State::default(), State::new(&model, &assigned));
        let plan = Plan::between(&state, &wanted);
        plan.steps().iter().try_for_each(|step| state.take(step)).unwrap();
        assert_eq!(state, wanted);
        assert!(plan.steps().iter().any(|step| matches!(step, Step::CreateEndpoint(..))));
    }
}

#[test]
fn the_gateway_of_the_example_is_in_both_networks() {
    let gateway = &read("gateway", EXAMPLES[2].1).sandboxes()[&"gateway".parse().unwrap()].clone();
    let interfaces: Vec<_> = gateway
        .endpoints()
        .iter()
        .map(|(network, one)| format!("{network} {}", one.interface))
        .collect();
    assert_eq!(interfaces, ["left eth0", "right eth1"]);
    assert_eq!(gateway.gateway().unwrap().as_str(), "left");
}

#[test]
fn every_field_is_documented() {
    let unknown = |text: &str| {
        let file = SpecFile { path: String::new(), text: format!("version = 1\n{text}") };
        crate::spec::read(file).unwrap_err().to_string()
    };
    let tables = [
        "[networks.a]\nx = 1",
        "[networks.a]\nfdb = { x = 1 }",
        "[networks.a]\nstorm = { x = 1 }",
        "[networks.a]\nnat = { x = 1 }",
        "[networks.a]\nconntrack = { x = 1 }",
        "[sandboxes.a]\nx = 1",
        "[sandboxes.a.endpoints.b]\nx = 1",
        "[sandboxes.a.endpoints.b]\nlimits = { x = 1 }",
    ];
    for table in tables {
        let said = unknown(table);
        let line = said.lines().next().unwrap();
        // The refusal lists all fields: "unknown field `x`, expected one of `a`, `b`".
        let fields: Vec<_> = line.split('`').skip(3).step_by(2).collect();
        assert!(fields.len() >= 2, "{line}");
        for field in fields {
            let forms = [format!("`{field}`"), format!(".{field}`"), format!(".{field}]]`")];
            let tables =
                ["fdb", "storm", "nat", "conntrack", "endpoints"].map(|table| format!("{table}."));
            let is_there = forms.iter().any(|form| REFERENCE.contains(form))
                || tables
                    .iter()
                    .any(|table| *table == format!("{field}.") && REFERENCE.contains(table));
            assert!(is_there, "docs/file.md lacks {field}");
        }
    }
    for default in [MAX_REMEMBERED.to_string(), crate::model::MAX_PORTS.to_string()] {
        let (thousands, rest) = default.split_at(1);
        assert!(REFERENCE.contains(&format!("{thousands},{rest}")), "{default}");
    }
}

#[test]
fn what_the_reference_shows_is_so() {
    for text in blocks(REFERENCE, "toml\n") {
        read("reference", text);
    }
    let text = "version = 1\n\n[networks.front]\nsubnet = \"172.16.1.7/24\"\n";
    let file = SpecFile { path: "net.toml".to_owned(), text: text.to_owned() };
    let said = Model::read(file).unwrap_err().to_string();
    assert!(blocks(REFERENCE, "text\n").any(|block| block.trim_end() == said), "{said}");
    let with = |more: &str, leases: &Leases| {
        let network = "[networks.front]\nsubnet = '172.16.1.0/24'\nsubnet6 = 'fd00:1::/64'\n";
        let model =
            read("net", &format!("version = 1\n{network}[sandboxes.db.endpoints.front]\n{more}"));
        let machine = Machine { ipv6: true, ..Machine::default() };
        let (assigned, leases) = assign(&model, leases, &machine).unwrap();
        (State::new(&model, &assigned), leases)
    };
    let (from, leases) = with("", &Leases::default());
    let (to, _) = with("address = '172.16.1.9'", &leases);
    let plan = Plan::between(&from, &to).to_string();
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(blocks(REFERENCE, "text\n").any(|block| plain(block) == plain(&plan)), "{plan}");
}
