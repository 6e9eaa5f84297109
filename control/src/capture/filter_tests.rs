use super::*;
use proptest::prelude::*;

fn both(join: fn(Box<Filter>, Box<Filter>) -> Filter, one: Filter, other: Filter) -> Filter {
    join(Box::new(one), Box::new(other))
}

#[test]
fn the_words_of_tcpdump_are_understood() {
    let tcp = Filter::Protocol(Protocol::Tcp);
    let udp = Filter::Protocol(Protocol::Udp);
    let port = |port| Filter::Port(Side::Either, port);
    let host = Filter::Net(Side::Source, "10.0.0.5/32".parse().unwrap());
    let net = Filter::Net(Side::Either, "10.0.0.0/8".parse().unwrap());
    assert_eq!(parse("  "), Ok(Filter::All));
    assert_eq!(parse("tcp"), Ok(tcp.clone()));
    assert_eq!(parse("tcp port 80"), Ok(both(Filter::And, tcp.clone(), port(80))));
    assert_eq!(parse("src host 10.0.0.5"), Ok(host.clone()));
    assert_eq!(parse("net 10.1.2.3/8"), Ok(net.clone()));
    // From the left, without one binding more.
    let left = both(Filter::Or, tcp.clone(), udp.clone());
    assert_eq!(parse("tcp or udp and port 53"), Ok(both(Filter::And, left, port(53))));
    let right = both(Filter::And, udp, port(53));
    assert_eq!(
        parse("tcp||(udp && port 53)"),
        Err(FilterError {
            problem: FilterProblem::Unknown("tcp||".to_owned()),
            text: "tcp||(udp && port 53)".to_owned(),
            span: 0..5,
        })
    );
    assert_eq!(parse("tcp || (udp && port 53)"), Ok(both(Filter::Or, tcp.clone(), right)));
    let not = Filter::Not(Box::new(tcp));
    assert_eq!(parse("!tcp and net 10.0.0.0/8"), Ok(both(Filter::And, not, net)));
}

#[test]
fn what_is_wrong_is_marked() {
    let marked = |text: &str| parse(text).unwrap_err().to_string();
    assert_eq!(
        marked("tcp prot 80"),
        "filter: here should be \"and\" or \"or\"\n  tcp prot 80\n      ^^^^"
    );
    assert_eq!(
        marked("host 10.0.0.256"),
        "filter: here should be an address\n  host 10.0.0.256\n       ^^^^^^^^^^"
    );
    assert_eq!(
        marked("udp and"),
        "filter: a word like \"host\" is missing at the end\n  udp and\n         ^"
    );
    assert_eq!(
        marked("(udp"),
        "filter: a closing parenthesis is missing at the end\n  (udp\n      ^"
    );
    assert_eq!(marked("arp port 1"), "filter: arp has no ports\n  arp port 1\n      ^^^^");
    assert!(marked("ip host ::1").contains("ip has no such addresses"));
    assert!(marked("ether host 1").starts_with("filter: there is no \"ether\" here; the words"));
    assert!(marked("src tcp").contains("here should be \"host\", \"net\" or \"port\""));
    assert!(marked(&"(".repeat(300)).contains("may be 256 bytes long"));
    assert!(marked("port 65536").contains("from 0 to 65535"));
    assert!(marked("tcp )").contains("\"and\" or \"or\""));
    assert!(marked("not )").contains("here should be a word"));
}

/// The filter as somebody would write it, with all parentheses.
fn write(filter: &Filter) -> String {
    let of = |side: &Side| match side {
        Side::Source => "src ",
        Side::Destination => "dst ",
        Side::Either => "",
    };
    match filter {
        Filter::All => String::new(),
        Filter::Protocol(protocol) => {
            let names = ["arp", "ip", "ip6", "tcp", "udp", "icmp", "icmp6"];
            let is = |name: &&&str| super::protocol(name).is_some_and(|(_, p)| p == *protocol);
            names.iter().find(is).map(ToString::to_string).unwrap()
        }
        Filter::Net(side, net) => format!("{}net {net}", of(side)),
        Filter::Port(side, port) => format!("{}port {port}", of(side)),
        Filter::Not(other) => format!("not ({})", write(other)),
        Filter::And(one, other) => format!("({}) and ({})", write(one), write(other)),
        Filter::Or(one, other) => format!("({}) || ({})", write(one), write(other)),
    }
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let side = || proptest::sample::select(vec![Side::Source, Side::Destination, Side::Either]);
    let leaf = prop_oneof![
        proptest::sample::select(vec![Protocol::Arp, Protocol::Ip6, Protocol::Tcp])
            .prop_map(Filter::Protocol),
        (side(), any::<[u8; 4]>(), 0u8..=32).prop_map(|(side, address, length)| {
            Filter::Net(side, IpNet::new(address.into(), length).unwrap().trunc())
        }),
        (side(), any::<u16>()).prop_map(|(side, port)| Filter::Port(side, port)),
    ];
    leaf.prop_recursive(3, 6, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|one| Filter::Not(Box::new(one))),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| both(Filter::And, a, b)),
            (inner.clone(), inner).prop_map(|(a, b)| both(Filter::Or, a, b)),
        ]
    })
}

proptest! {
    #[test]
    fn what_was_written_is_read(filter in any_filter()) {
        let text = write(&filter);
        if text.len() <= MAX_LENGTH {
            prop_assert_eq!(parse(&text), Ok(filter));
        }
    }

    #[test]
    fn whatever_is_written_is_read_or_refused(text in "[ a-z0-9()!./:&|é\t]{0,60}") {
        if let Err(error) = parse(&text) {
            prop_assert_eq!(error.to_string().lines().count(), 3);
        }
    }
}
