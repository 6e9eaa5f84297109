//! What is told of flows, and examples of them for other tests.

use super::*;

/// A masqueraded web connection, an echo and a tunnel.
pub(crate) fn flows() -> Vec<Flow> {
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    let (inner, server, host) =
        (address("172.16.1.2"), address("198.51.100.2"), address("192.0.2.1"));
    let tcp = Flow {
        original: (inner, server, 43210, 80),
        reply: (server, host, 80, 61003),
        protocol: 6,
        tcp_state: Some("ESTABLISHED"),
        remaining: Duration::from_secs(431_999),
        packets: [5, 4],
        bytes: [420, 380],
        assured: true,
        unreplied: false,
        owner: PortId(1),
    };
    let echo = Flow {
        original: (inner, server, 77, 8),
        reply: (server, host, 8, 61004),
        protocol: 1,
        tcp_state: None,
        remaining: Duration::from_millis(29_900),
        packets: [1, 0],
        bytes: [84, 0],
        assured: false,
        unreplied: true,
        owner: PortId(2),
    };
    let (a, b) = (address("fd00::2"), address("2001:db8::2"));
    let tunnel = Flow {
        original: (a, b, 0, 0),
        reply: (b, a, 0, 0),
        protocol: 47,
        remaining: Duration::from_secs(600),
        owner: PortId(1),
        ..echo.clone()
    };
    vec![tcp, echo, tunnel]
}

pub(crate) fn infos() -> Vec<FlowInfo> {
    let name = |flow: &Flow| Some(format!("ub0-{}", flow.owner));
    flows().iter().map(|flow| FlowInfo::new(flow, name(flow))).collect()
}

#[test]
fn each_kind_of_flow_is_readable_json_and_survives_the_round_trip() {
    let numbers = [
        r#""source_port":43210,"destination_port":80,"packets":5"#,
        r#""type":8,"code":0,"id":77,"packets":1"#,
        r#""destination":"2001:db8::2","packets":1"#,
    ];
    for (info, numbers) in infos().iter().zip(numbers) {
        let text = serde_json::to_string(info).unwrap();
        assert!(text.contains(numbers), "{text}");
        assert_eq!(serde_json::from_str::<FlowInfo>(&text).unwrap(), *info);
    }
}

#[test]
fn a_querys_reply_has_the_replys_type_and_the_translated_id() {
    let kinds = [(1, 8, 0), (1, 13, 14), (58, 128, 129)];
    for (protocol, request, reply) in kinds {
        let mut flow = flows().swap_remove(1);
        (flow.protocol, flow.original.3, flow.reply.2) = (protocol, request.into(), request.into());
        let info = FlowInfo::new(&flow, None);
        let query = |kind, id| FlowNumbers::Query { kind, code: 0, id };
        assert_eq!(info.original.numbers, query(request, 77));
        assert_eq!(info.reply.numbers, query(reply, 61004));
    }
}
