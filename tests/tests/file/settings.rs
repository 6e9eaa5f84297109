//! Every setting is changed while others talk, and changed back, and they do not notice.

use super::scene::{assert_mtu, echo_of, while_others_talk, with};
use super::written::{THIRD, TWO, apply, is_out_of_reach, reaches, up, write};
use dataplane::wire::ethernet::MacAddr;
use netlink_packet_route::link::LinkAttribute;
use nix::errno::Errno;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::rtnl::Rtnl;
use udp_bridge_tests::host::talk::Talk;
use udp_bridge_tests::host::traffic::{random, transfer};
use udp_bridge_tests::host::{Host, wait};

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("another_mtu_is_that_of_all_interfaces_and_nothing_is_lost", mtu);
    suite.add("offloads_of_host_and_endpoint_go_and_come_under_traffic", offloads);
    suite.add("the_source_check_goes_and_comes_under_traffic", source_check);
    suite.add("an_endpoint_is_isolated_and_open_again_under_traffic", isolated);
    suite.add("the_mac_table_gets_smaller_larger_and_forgets_sooner_under_traffic", fdb);
    suite.add("storm_control_is_changed_under_traffic", storm);
    suite.add("the_table_of_flows_gets_smaller_and_larger_under_traffic", conntrack);
    suite.add("all_settings_at_once_are_one_change", all_at_once);
    suite.add("a_setting_out_of_bounds_is_refused_with_its_line_and_field", refused);
    suite.add("an_mtu_that_one_interface_cannot_have_is_no_ones", undone);
}

const FOREIGN: MacAddr = MacAddr([2, 0xba, 0xdb, 0xad, 0, 0]);

fn mtu(host: &Host) {
    let outside = host.add_outside(1500);
    let listener = outside.visit(host, || TcpListener::bind((outside.ipv4, 7100)).unwrap());
    while_others_talk(host, |scene| {
        let abroad = scene.end("c").connect(host, listener.local_addr().unwrap());
        let abroad = Talk::start(abroad, listener.accept().unwrap().0);
        for _ in 0..3 {
            assert_mtu(scene, 1500);
            for mtu in [9000, 1400, 65_521, 1280] {
                scene.apply(&format!("mtu = {mtu}"), "");
                assert_mtu(scene, mtu);
                abroad.assert_goes_on();
                scene.end("c").ping(host, outside.ipv4.into());
            }
            scene.apply("", "");
        }
        abroad.finish();
    });
}

fn offloads(host: &Host) {
    while_others_talk(host, |scene| {
        let none = |name: &str| scene.port(name).offloads().is_empty();
        let data = random(1 << 20, 4);
        let moves = |from: &str, to: &str| {
            let (from, to) = (scene.end(from), scene.end(to));
            assert!(transfer(host, &from, &to, to.ipv4.into(), &data) == data);
        };
        for (network, endpoint, who) in
            [("host-offloads = false", "", "front"), ("", "offloads = false", "c")]
        {
            for _ in 0..3 {
                assert!(!none("c") && !none("front"));
                scene.apply(network, endpoint);
                assert_eq!((none("c"), none("front")), (who == "c", who == "front"));
                for (from, to) in [("c", "front"), ("front", "c"), ("c", "a"), ("a", "c")] {
                    moves(from, to);
                }
                scene.apply("", "");
                moves(who, "a");
                moves("a", who);
            }
        }
        assert!(!none("c") && !none("front"));
    });
}

fn source_check(host: &Host) {
    while_others_talk(host, |scene| {
        let own = scene.port("c").mac();
        let dropped = || scene.port("c").drops("source-check");
        for _ in 0..3 {
            let before = dropped();
            scene.shout(FOREIGN, 3);
            wait::for_yes("they are counted", || dropped() >= before + 3);
            assert_eq!(scene.learned(), 0);
            scene.apply("source-check = false", "");
            let before = dropped();
            scene.shout(FOREIGN, 3);
            wait::for_yes("it is learned", || scene.learned() == 1);
            assert_eq!(dropped(), before);
            scene.apply("", "");
            assert_eq!(scene.learned(), 0, "what was learned is forgotten");
            scene.shout(own, 1);
        }
        assert!(reaches(host, "c", "172.16.1.2"));
    });
}

fn isolated(host: &Host) {
    while_others_talk(host, |scene| {
        let text = |one: bool, other: bool| {
            let word = |it: bool| if it { "isolated = true\n" } else { "" };
            let two = TWO.replace("'172.16.1.3'\n", &format!("'172.16.1.3'\n{}", word(one)));
            format!("{two}{THIRD}{}", word(other))
        };
        for _ in 0..3 {
            assert!(reaches(host, "c", "172.16.1.3"));
            apply(host, &text(true, true), "").ok();
            assert!(is_out_of_reach(host, "c", "172.16.1.3"));
            assert!(reaches(host, "c", "172.16.1.2") && reaches(host, "c", "172.16.1.1"));
            assert_eq!(scene.isolated(), ["b", "c"]);
            apply(host, &text(true, false), "").ok();
            assert!(reaches(host, "c", "172.16.1.3"));
            scene.apply("", "");
        }
        assert!(scene.port("c").drops("isolated") > 0);
        assert!(scene.isolated().is_empty());
    });
}

fn fdb(host: &Host) {
    while_others_talk(host, |scene| {
        let open = "source-check = false";
        let set = |fdb: &str| scene.apply(&format!("{open}\nfdb = {{ {fdb} }}"), "");
        // Four MACs are the ports' own.
        for _ in 0..2 {
            scene.apply(open, "");
            scene.teach(20, 20);
            let evicted = scene.port("c").counter("fdb_evictions");
            set("max = 9");
            assert_eq!((scene.learned(), scene.metric("fdb_entries_limit")), (5, 9));
            assert_eq!(scene.port("c").counter("fdb_evictions"), evicted + 15);
            scene.teach(20, 5);
            set("max = 1048576");
            assert_eq!((scene.learned(), scene.metric("fdb_entries_limit")), (5, 1 << 20));
            scene.teach(20, 20);
            set("port-max = 3");
            assert_eq!(scene.learned(), 3);
            scene.teach(20, 3);
            set("ageing = 1");
            wait::for_yes("they have aged out", || scene.learned() == 0);
        }
        scene.apply("", "");
    });
}

fn storm(host: &Host) {
    while_others_talk(host, |scene| {
        let own = scene.port("c").mac();
        let dropped = || scene.port("c").drops("storm-frames");
        for _ in 0..2 {
            let before = dropped();
            scene.shout(own, 200);
            assert_eq!(dropped(), before);
            scene.apply("storm = { packets = 50 }", "");
            scene.shout(own, 200);
            wait::for_yes("most is dropped", || dropped() > before + 100);
            let before = dropped();
            scene.apply("storm = { packets = \"none\", bytes = \"none\" }", "");
            scene.shout(own, 200);
            assert!(reaches(host, "c", "172.16.1.2"));
            assert_eq!(dropped(), before);
            scene.apply("", "");
        }
    });
}

fn conntrack(host: &Host) {
    let outside = host.add_outside(1500);
    let listener = outside.visit(host, || TcpListener::bind((outside.ipv4, 7100)).unwrap());
    let to = listener.local_addr().unwrap();
    while_others_talk(host, |scene| {
        let connect = || host.visit("c", || TcpStream::connect_timeout(&to, wait::SHORT));
        let mut known: Vec<_> = (0..4).map(|_| connect().unwrap()).collect();
        let mut answering: Vec<_> = known.iter().map(|_| listener.accept().unwrap().0).collect();
        let flows = || scene.metric("conntrack_flows");
        let dropped = || scene.port("c").drops("ct-port-full");
        for _ in 0..2 {
            assert!(flows() >= 4, "{}", flows());
            scene.apply("conntrack = { max = 3 }", "");
            assert_eq!(scene.metric("conntrack_flows_limit"), 3);
            // Those that there are go on; no other one begins. A quarter is for one sandbox.
            let before = dropped();
            let refused = connect();
            assert!(
                refused.is_err(),
                "{refused:?} {:?}",
                host.udp_bridge("conntrack front").stdout
            );
            assert!(dropped() > before, "{:?}", scene.port("c"));
            for (one, other) in known.iter_mut().zip(&mut answering) {
                one.write_all(b"!").unwrap();
                other.read_exact(&mut [0]).unwrap();
            }
            assert!(flows() >= 4, "{}", flows());
            scene.apply("conntrack = { max = 1048576 }", "");
            assert_eq!(scene.metric("conntrack_flows_limit"), 1 << 20);
            known.push(connect().unwrap());
            answering.push(listener.accept().unwrap().0);
            scene.apply("", "");
            assert_eq!(scene.metric("conntrack_flows_limit"), 262_144);
        }
    });
}

fn all_at_once(host: &Host) {
    while_others_talk(host, |scene| {
        let network = "mtu = 1400\nhost-offloads = false\nsource-check = false\n\
                       fdb = { ageing = 77, max = 99, port-max = 9 }\n\
                       storm = { packets = 5000, bytes = 5000000 }";
        for _ in 0..5 {
            scene.apply(network, "isolated = true\noffloads = false");
            assert_mtu(scene, 1400);
            scene.apply("", "");
            assert_mtu(scene, 1500);
        }
    });
}

fn refused(host: &Host) {
    let running = up(host, &write("net.toml", &with("", "")), "front");
    let before = (host.snapshot(), host.udp_bridge("config").ok().stdout);
    for (network, endpoint, place) in [
        ("mtu = 65522", "", "4:7: networks.front.mtu"),
        ("mtu = 1279", "", "4:7: networks.front.mtu"),
        ("mtu = -1", "", "4:7"),
        ("host-offloads = 1", "", "4:17"),
        ("source-check = 'no'", "", "4:16"),
        ("fdb = { ageing = 0 }", "", "4:18: networks.front.fdb.ageing"),
        ("fdb = { max = 4 }", "", "4:15: networks.front.fdb.max"),
        ("fdb = { max = 1048577 }", "", "4:15: networks.front.fdb.max"),
        ("fdb = { port-max = 0 }", "", "4:20: networks.front.fdb.port-max"),
        ("storm = { packets = 0 }", "", "4:21: networks.front.storm.packets"),
        ("storm = { bytes = 'few' }", "", "4:19"),
        ("conntrack = { max = 0 }", "", "4:21: networks.front.conntrack.max"),
        ("conntrack = { max = 16777217 }", "", "4:21: networks.front.conntrack.max"),
        ("", "isolated = 2", "11:12"),
        ("", "offloads = 'all'", "11:12"),
    ] {
        let ended = apply(host, &with(network, endpoint), "");
        assert_eq!(ended.code(), Some(2), "{network}{endpoint}: {ended:?}");
        assert!(ended.stderr.contains(&format!("apply.toml:{place}")), "{place}: {ended:?}");
    }
    before.0.assert_same(&host.snapshot());
    assert_eq!(host.udp_bridge("config").ok().stdout, before.1);
    drop(running);
}

fn undone(host: &Host) {
    while_others_talk(host, |scene| {
        let rename = |from: &str, to: &str| {
            host.visit("c", || {
                let rtnl = Rtnl::open();
                rtnl.down(from);
                rtnl.set(from, LinkAttribute::IfName(to.to_owned()));
                rtnl.up(to);
            });
        };
        let config = host.udp_bridge("config").ok().stdout;
        for mtu in [1400, 9000] {
            rename("eth0", "other");
            let ended = apply(host, &with(&format!("mtu = {mtu}"), ""), "");
            assert!(ended.code() == Some(1) && ended.stderr.contains("eth0"), "{ended:?}");
            rename("other", "eth0");
            assert_mtu(scene, 1500);
            assert_eq!(host.udp_bridge("config").ok().stdout, config);
        }
        // Who is gone holds up nobody.
        host.visit("c", || Rtnl::open().delete("eth0"));
        wait::for_yes("it is gone", || !scene.port("c").is_alive());
        apply(host, &with("mtu = 1400", "isolated = true\noffloads = false"), "").ok();
        assert_eq!((echo_of(host, 1400), echo_of(host, 1401)), (Ok(()), Err(Errno::EMSGSIZE)));
    });
}
