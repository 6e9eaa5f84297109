//! Are settings changed of a loop that runs, and does it miss nothing?

use super::{ASLEEP, Running};
use dataplane::config::{ConfigError, SwitchConfig};
use dataplane::engine::SettingError;
use dataplane::frame::with_plain_header;
use dataplane::outcome::{DropReason, PortId};
use dataplane::port::Offloads;
use std::thread;
use udp_bridge_tests::host::wait;
use udp_bridge_tests::packets::plain;
use udp_bridge_tests::world::own_mac;

#[test]
fn a_lower_mtu_is_in_force_when_what_was_sent_before_is_read() {
    let running = Running::of(3);
    let large = with_plain_header(&plain(own_mac(1), own_mac(0), 1400));
    for round in 0..50 {
        if round % 2 == 0 {
            thread::sleep(ASLEEP);
        }
        // As many as a socket holds.
        (0..4).for_each(|_| assert!(running.hosts[0].send(&large).is_ok()));
        running.handle.set_mtu(1000).unwrap();
        assert!(running.hosts[0].send(&large).is_ok());
        (0..4).for_each(|_| running.arrives(1));
        wait::for_yes("the one that was sent after is dropped", || {
            running.handle.ports()[1].counters.dropped(DropReason::ExceedsMtu) == round + 1
        });
        running.handle.set_mtu(1500).unwrap();
        assert!(running.hosts[0].send(&large).is_ok());
        running.arrives(1);
    }
    for mtu in [0, 67, u16::MAX] {
        let refused = running.handle.set_mtu(mtu);
        assert!(matches!(refused, Err(SettingError::Config(ConfigError::Mtu(_, it))) if it == mtu));
    }
    running.passes(0, 2);
    assert_eq!(running.stop(), 3);
}

#[test]
fn settings_change_while_others_talk() {
    let running = Running::of(3);
    let nobody = |result| matches!(result, Err(SettingError::NoSuchPort(PortId(9))));
    thread::scope(|scope| {
        let talk = scope.spawn(|| (0..3000).for_each(|_| running.passes(0, 1)));
        let handle = &running.handle;
        while !talk.is_finished() {
            handle.set_switch(SwitchConfig { fdb_capacity: 5, ..Default::default() }).unwrap();
            handle.set_source_check(true).unwrap();
            handle.set_isolated(PortId(2), true).unwrap();
            handle
                .set_switch(SwitchConfig { fdb_capacity: 1 << 14, ..Default::default() })
                .unwrap();
            assert_eq!(handle.tables().unwrap().fdb.limit, 1 << 14);
            handle.set_source_check(false).unwrap();
            handle.set_isolated(PortId(2), false).unwrap();
            // Its device has none to change.
            let kept = handle.set_offloads(PortId(2), Offloads::NONE).unwrap();
            assert_eq!(kept, Offloads::ALL);
        }
    });
    assert!(nobody(running.handle.set_isolated(PortId(9), true)));
    assert!(nobody(running.handle.set_offloads(PortId(9), Offloads::ALL).map(drop)));
    let small = SwitchConfig { fdb_capacity: 3, ..SwitchConfig::default() };
    assert!(matches!(running.handle.set_switch(small), Err(SettingError::Config(_))));
    assert_eq!(running.handle.ports()[0].counters.received, 3000);
    assert_eq!(running.stop(), 3);
}
