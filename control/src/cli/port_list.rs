//! How does `up` show what it has made?

use super::table::{List, Side};
use crate::api::protocol::{NetworkInfo, PortInfo};

/// The table of ports and what to try next.
pub(super) fn announcement(network: &NetworkInfo, ports: &[PortInfo]) -> String {
    let mut text = table(ports);
    if network.rootless {
        text += ROOTLESS;
    }
    text + "\n" + &next_steps(network, ports)
}

const ROOTLESS: &str = "\n\
    rootless: the host side lives in this network's own namespace; no reach to the outside yet;\n\
    enter with `udp-bridge exec host -- CMD`\n";

pub(super) fn table(ports: &[PortInfo]) -> String {
    let mut list = List::new(&[
        ("PORT", Side::Left),
        ("NAMESPACE", Side::Left),
        ("INTERFACE", Side::Left),
        ("MAC", Side::Left),
        ("IPV4", Side::Left),
        ("IPV6", Side::Left),
        ("MTU", Side::Right),
        ("OFFLOADS", Side::Left),
    ]);
    for port in ports {
        list.row([
            port.name.clone(),
            port.namespace.clone().unwrap_or_default(),
            port.interface.clone(),
            port.mac.to_string(),
            port.ipv4.to_string(),
            port.ipv6.map(|net| net.to_string()).unwrap_or_default(),
            port.mtu.to_string(),
            offloads(port),
        ]);
    }
    list.text()
}

fn offloads(port: &PortInfo) -> String {
    if port.offloads.is_empty() { "none".to_owned() } else { port.offloads.join(",") }
}

/// Two lines that work as they stand: from the first port to the last one, or to the bridge.
fn next_steps(network: &NetworkInfo, ports: &[PortInfo]) -> String {
    let from = ports.iter().find(|port| port.number == 1);
    let reached =
        |to: &&PortInfo| to.number > 1 && from.is_some_and(|from| !(from.isolated && to.isolated));
    let to = ports.iter().rfind(reached).or(ports.first());
    let name = &network.name;
    let mut text = String::new();
    if let (Some(from), Some(to)) = (from, to) {
        text = format!("Try:  udp-bridge exec {} -- ping {}\n      ", from.name, to.ipv4.addr());
    }
    text + &format!("udp-bridge ps {name}\n")
}

#[cfg(test)]
mod tests {
    use super::super::examples::{network, ports};
    use super::*;

    #[test]
    fn the_host_port_comes_first_and_two_lines_to_try_last() {
        assert_eq!(
            announcement(&network(), &ports()),
            "\
PORT   NAMESPACE  INTERFACE  MAC                IPV4           IPV6         MTU  OFFLOADS
ub0    -          ub0        02:00:00:00:00:00  172.16.1.1/24  fd00::1/64  1500  csum,tso4
ub0-1  ub0-1      eth0       02:00:00:00:00:01  172.16.1.2/24  -           1500  none

Try:  udp-bridge exec ub0-1 -- ping 172.16.1.1
      udp-bridge ps ub0
"
        );
    }

    #[test]
    fn what_to_try_works_between_isolated_ports_too() {
        let mut ports = ports();
        let second = PortInfo { number: 2, name: "ub0-2".to_owned(), ..ports[1].clone() };
        ports.push(PortInfo { ipv4: "172.16.1.3/24".parse().unwrap(), ..second });
        assert!(next_steps(&network(), &ports).contains("ping 172.16.1.1\n"));
        ports[2].isolated = false;
        assert!(next_steps(&network(), &ports).contains("ping 172.16.1.3\n"));
    }

    #[test]
    fn a_rootless_network_says_what_is_missing() {
        let network = NetworkInfo { rootless: true, ..network() };
        let text = announcement(&network, &ports());
        assert!(text.contains("no reach to the outside yet"), "{text}");
        assert!(text.contains("`udp-bridge exec host -- CMD`"), "{text}");
    }
}
