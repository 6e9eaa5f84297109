//! What a scrape says.

use super::*;
use crate::api::protocol::{FillInfo, Hits};
use crate::cli::examples;
use std::collections::BTreeMap;

fn scrape() -> Scrape {
    let fill = |used| FillInfo { used, limit: 100 };
    let rules = RulesInfo {
        flow_hits: Some(Hits { packets: 9, bytes: 900 }),
        policy: "drop".to_owned(),
        ..examples::rules()
    };
    Scrape {
        networks: vec![NetworkScrape {
            network: examples::network(),
            ports: examples::ports(),
            published: examples::published(),
            rules,
            tables: Some(TablesInfo { fdb: fill(3), flows: fill(7), nat_ports: 5 }),
        }],
    }
}

/// Every line of values as name with labels, and value.
fn values(text: &str) -> BTreeMap<&str, &str> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit_once(' ').unwrap()).collect()
}

#[test]
fn what_is_counted_is_told_with_its_labels() {
    let text = scrape().text().unwrap();
    let values = values(&text);
    let port = r#"{network="ub0",port="ub0-1"}"#;
    let expected = [
        (format!("udp_bridge_port_receive_frames_total{port}"), "1234"),
        (format!("udp_bridge_port_receive_bytes_total{port}"), "1500000"),
        (format!("udp_bridge_port_transmit_frames_total{port}"), "7"),
        (format!("udp_bridge_port_up{port}"), "0"),
        (
            r#"udp_bridge_port_dropped_frames_total{network="ub0",port="ub0-1",reason="zero-source-mac"}"#
                .to_owned(),
            "2",
        ),
        (r#"udp_bridge_fdb_entries{network="ub0"}"#.to_owned(), "3"),
        (r#"udp_bridge_conntrack_flows_limit{network="ub0"}"#.to_owned(), "100"),
        (r#"udp_bridge_nat_ports_in_use{network="ub0"}"#.to_owned(), "5"),
        (
            r#"udp_bridge_published_refused_total{network="ub0",protocol="tcp",host="*:8000-8009",port="ub0-1",reason="too-many"}"#
                .to_owned(),
            "2",
        ),
        (
            r#"udp_bridge_rule_packets_total{network="ub0",rule="rules.toml:3",verdict="accept"}"#
                .to_owned(),
            "1234",
        ),
        (
            r#"udp_bridge_rule_bytes_total{network="ub0",rule="flow",verdict="accept"}"#.to_owned(),
            "900",
        ),
    ];
    for (name, value) in &expected {
        assert_eq!(values.get(name.as_str()), Some(value), "{name} in\n{text}");
    }
    // The interface of a port that is gone cannot be asked.
    assert!(!values.contains_key(format!("udp_bridge_port_unread_frames_total{port}").as_str()));
}

#[test]
fn every_metric_has_a_type_and_a_help_text_once() {
    let text = scrape().text().unwrap();
    assert!(text.ends_with("# EOF\n"), "{text}");
    let count = |what: &str, name: &str| {
        text.lines().filter(|line| line.starts_with(&format!("# {what} {name} "))).count()
    };
    for series in values(&text).keys() {
        let name = series.split('{').next().unwrap();
        let name = name.strip_suffix("_total").unwrap_or(name);
        assert_eq!((count("TYPE", name), count("HELP", name)), (1, 1), "{name}");
    }
}

#[test]
fn without_networks_there_is_nothing_but_the_end() {
    assert_eq!(Scrape::default().text().unwrap(), "# EOF\n");
}

#[test]
fn a_stopped_dataplane_has_no_tables() {
    let mut scrape = scrape();
    scrape.networks[0].tables = None;
    let text = scrape.text().unwrap();
    assert!(!text.contains("fdb_entries") && text.contains("udp_bridge_port_up"), "{text}");
}

/// The dashboard shows what there is.
#[test]
fn the_dashboard_asks_for_metrics_that_exist() {
    const DASHBOARD: &str = include_str!("../../../docs/grafana.json");
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    let text = scrape().text().unwrap();
    let known = text + "udp_bridge_port_unread_frames_total";
    let panels = dashboard["panels"].as_array().unwrap();
    let mut asked = 0;
    for panel in panels {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().unwrap();
            let names = expression
                .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .filter(|word| word.starts_with("udp_bridge_"));
            for name in names {
                asked += 1;
                assert!(known.contains(name), "{name} in {}", panel["title"]);
            }
        }
    }
    assert!(asked > 10, "{asked}");
}
