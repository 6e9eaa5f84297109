//! What is asked of the router: the way out, translation, connection tracking?

use super::ModelError;
use dataplane::config::{ConfigError, ConntrackConfig, Filtering, NatConfig, Timeouts};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// How a network reaches the outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UplinkKind {
    /// By the host's routing table, under the host's addresses.
    Route,
    /// Not at all.
    None,
}

/// Which timeouts connection tracking begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// The kernel's.
    #[default]
    Linux,
    /// What the RFCs ask of a NAT.
    Rfc,
}

/// The router as the user asked for it; nothing is checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouterRequest {
    /// `--uplink`; `None` for what is possible.
    pub uplink: Option<UplinkKind>,
    /// `--snat`.
    pub snat: Vec<IpAddr>,
    /// `--nat-ports`, like `61000-65534`; `None` for the first that are free.
    pub nat_ports: Option<String>,
    /// `--nat-filtering`; `None` for the default.
    pub filtering: Option<Filtering>,
    /// `--conntrack-max`.
    pub conntrack_max: usize,
    /// `--conntrack-port-max`; `None` for a quarter of all.
    pub conntrack_port_max: Option<usize>,
    /// `--conntrack-profile`.
    pub profile: Profile,
    /// `--conntrack-timeout`, each like `udp=30`.
    pub timeouts: Vec<String>,
    /// `--conntrack-loose`.
    pub loose: bool,
    /// `--conntrack-liberal`.
    pub liberal: bool,
    /// `--ftp`.
    pub ftp: bool,
}

impl Default for RouterRequest {
    fn default() -> Self {
        let conntrack = ConntrackConfig::default();
        Self {
            uplink: None,
            snat: Vec::new(),
            nat_ports: None,
            filtering: None,
            conntrack_max: conntrack.limit,
            conntrack_port_max: None,
            profile: Profile::default(),
            timeouts: Vec::new(),
            loose: conntrack.loose,
            liberal: conntrack.liberal,
            ftp: conntrack.ftp,
        }
    }
}

impl RouterRequest {
    /// The option that asks for a way to the outside, if one does.
    pub fn asks_for_uplink(&self) -> Option<&'static str> {
        let filtering = self.filtering.map(|_| "--nat-filtering");
        asking(self.uplink, &self.snat, self.nat_ports.is_some()).or(filtering)
    }
}

/// What the router is to do, proven valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouterOptions {
    /// The way out; `None` for what is possible.
    pub uplink: Option<UplinkKind>,
    /// The addresses to translate to; empty for the one that the host would choose.
    pub snat: Vec<IpAddr>,
    /// The ports to translate to; `None` for the first that are free.
    pub nat_ports: Option<RangeInclusive<u16>>,
    /// Who outside may send to a mapping.
    pub filtering: Filtering,
    /// How flows are tracked.
    pub conntrack: ConntrackConfig,
}

impl RouterOptions {
    /// Proves a request valid, for a network that is `internal` or not.
    ///
    /// # Errors
    /// The first thing wrong with it.
    pub fn new(request: &RouterRequest, internal: bool) -> Result<Self, ModelError> {
        refuse_needless(request, internal)?;
        Ok(Self {
            uplink: request.uplink,
            snat: request.snat.clone(),
            nat_ports: request.nat_ports.as_deref().map(ports).transpose()?,
            filtering: request.filtering.unwrap_or_default(),
            conntrack: conntrack(request)?,
        })
    }

    /// The option that asks for a way to the outside, if one does.
    pub fn asks_for_uplink(&self) -> Option<&'static str> {
        asking(self.uplink, &self.snat, self.nat_ports.is_some())
    }

    /// The translation, with the ports that were found.
    pub fn nat(&self, ports: RangeInclusive<u16>) -> NatConfig {
        NatConfig { ports, filtering: self.filtering, addresses: self.snat.clone() }
    }
}

/// Refuses what is said of a way to the outside where there is to be none.
fn refuse_needless(request: &RouterRequest, internal: bool) -> Result<(), ModelError> {
    let without = match request.uplink {
        _ if internal => "--internal",
        Some(UplinkKind::None) => "--uplink none",
        _ => return Ok(()),
    };
    match request.asks_for_uplink() {
        Some(option) => Err(ModelError::NeedsUplink { option, without }),
        None => Ok(()),
    }
}

fn ports(text: &str) -> Result<RangeInclusive<u16>, ModelError> {
    let malformed = || ModelError::NatPortsMalformed(text.to_owned());
    let (first, last) = text.split_once('-').ok_or_else(malformed)?;
    let number = |text: &str| digits(text).ok_or_else(malformed);
    let ports = number(first)?..=number(last)?;
    let nat = NatConfig { ports: ports.clone(), ..NatConfig::default() };
    nat.check().map_err(|error| ModelError::Router { option: "--nat-ports", error })?;
    Ok(ports)
}

fn asking(uplink: Option<UplinkKind>, snat: &[IpAddr], has_ports: bool) -> Option<&'static str> {
    let asked = [
        (uplink == Some(UplinkKind::Route), "--uplink route"),
        (!snat.is_empty(), "--snat"),
        (has_ports, "--nat-ports"),
    ];
    asked.into_iter().find_map(|(asks, option)| asks.then_some(option))
}

/// A number without a sign, which `parse` would take.
fn digits<T: FromStr>(text: &str) -> Option<T> {
    let all = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| all)
}

fn conntrack(request: &RouterRequest) -> Result<ConntrackConfig, ModelError> {
    let mut timeouts = match request.profile {
        Profile::Linux => Timeouts::LINUX,
        Profile::Rfc => Timeouts::RFC,
    };
    let mut seen: Vec<(&str, &String)> = Vec::new();
    for given in &request.timeouts {
        let (name, seconds) = given
            .split_once('=')
            .and_then(|(name, seconds)| Some((name, digits::<u64>(seconds)?)))
            .ok_or_else(|| ModelError::TimeoutMalformed(given.clone()))?;
        if !timeouts.set(name, Duration::from_secs(seconds)) {
            let known = timeouts.all().map(|(name, _)| name).collect::<Vec<_>>().join(", ");
            return Err(ModelError::TimeoutUnknown { name: name.to_owned(), known });
        }
        if let Some((_, first)) = seen.iter().find(|(other, _)| *other == name) {
            let (first, second) = ((*first).clone(), given.clone());
            return Err(ModelError::TimeoutTwice { first, second });
        }
        seen.push((name, given));
    }
    let conntrack = ConntrackConfig {
        limit: request.conntrack_max,
        port_limit: request.conntrack_port_max.unwrap_or((request.conntrack_max / 4).max(1)),
        timeouts,
        loose: request.loose,
        liberal: request.liberal,
        ftp: request.ftp,
    };
    match conntrack.check() {
        Ok(()) => Ok(conntrack),
        Err(error) => Err(ModelError::Router { option: option_of(&error), error }),
    }
}

fn option_of(error: &ConfigError) -> &'static str {
    match error {
        ConfigError::FlowLimit(_) => "--conntrack-max",
        ConfigError::FlowPortLimit { .. } => "--conntrack-port-max",
        ConfigError::Timeout { .. } => "--conntrack-timeout",
        _ => "the router",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(change: impl Fn(&mut RouterRequest)) -> String {
        let mut request = RouterRequest::default();
        change(&mut request);
        RouterOptions::new(&request, false).unwrap_err().to_string()
    }

    #[test]
    fn the_defaults_are_the_dataplanes() {
        let options = RouterOptions::new(&RouterRequest::default(), false).unwrap();
        assert_eq!(options.conntrack, ConntrackConfig::default());
        assert_eq!(options.nat(NatConfig::DEFAULT_PORTS), NatConfig::default());
    }

    #[test]
    fn ports_to_translate_to_are_a_range_above_zero() {
        for wrong in ["61000", "a-b", "0-5", "5-4", "1-65536", "-", "", "+5-6"] {
            let text = refusal(|request| request.nat_ports = Some(wrong.into()));
            assert!(text.starts_with("--nat-ports"), "{text}");
        }
    }

    #[test]
    fn a_timeout_is_known_and_has_seconds_within_bounds() {
        let with = |timeout: &str| refusal(|request| request.timeouts = vec![timeout.to_owned()]);
        assert!(with("udp").contains("udp=30") && with("udp=1.5").contains("udp=30"));
        assert!(with("udp=+5").contains("udp=30"));
        assert!(with("tcp=5").contains("tcp-established"));
        assert!(with("udp=0").starts_with("--conntrack-timeout: the timeout udp"));
        let twice = |request: &mut RouterRequest| {
            request.timeouts = ["udp=30", "icmp=5", "udp=60"].map(str::to_owned).to_vec();
        };
        assert_eq!(
            refusal(twice),
            "--conntrack-timeout udp=30 and --conntrack-timeout udp=60: give each timeout once"
        );
        let request = RouterRequest {
            profile: Profile::Rfc,
            timeouts: vec!["udp=42".into()],
            ..RouterRequest::default()
        };
        let timeouts = RouterOptions::new(&request, false).unwrap().conntrack.timeouts;
        assert_eq!(timeouts.udp, Duration::from_secs(42));
        assert_eq!(timeouts.icmp, Timeouts::RFC.icmp);
    }

    #[test]
    fn limits_are_refused_by_their_option() {
        assert!(refusal(|request| request.conntrack_max = 0).starts_with("--conntrack-max: "));
        let text = refusal(|request| request.conntrack_port_max = Some(0));
        assert!(text.starts_with("--conntrack-port-max: "), "{text}");
    }

    #[test]
    fn what_is_said_of_a_way_out_is_refused_where_there_is_none() {
        let silent = RouterRequest::default;
        let said = [
            ("--uplink route", RouterRequest { uplink: Some(UplinkKind::Route), ..silent() }),
            ("--snat", RouterRequest { snat: vec![[192, 0, 2, 1].into()], ..silent() }),
            ("--nat-ports", RouterRequest { nat_ports: Some("5000-6000".to_owned()), ..silent() }),
            ("--nat-filtering", RouterRequest { filtering: Some(Filtering::Address), ..silent() }),
        ];
        for (option, mut request) in said {
            assert!(RouterOptions::new(&request, false).is_ok(), "{option}");
            let refused = |without| Err(ModelError::NeedsUplink { option, without });
            assert_eq!(RouterOptions::new(&request, true), refused("--internal"));
            if request.uplink.is_none() {
                request.uplink = Some(UplinkKind::None);
                assert_eq!(RouterOptions::new(&request, false), refused("--uplink none"));
            }
        }
        let none = RouterRequest { uplink: Some(UplinkKind::None), ..RouterRequest::default() };
        assert!(RouterOptions::new(&none, true).is_ok(), "both say the same");
    }
}
