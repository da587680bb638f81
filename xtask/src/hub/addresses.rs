//! The addresses that participants type to open the hub.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};

/// Whether only this machine can reach an address. `address`: an IP address or a name.
pub(super) fn is_local(address: &str) -> bool {
    address == "localhost"
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Where JupyterHub is to listen. `address` may stand for all of the machine's, as 0.0.0.0 does.
pub(super) fn bind_url(scheme: &str, address: &str, port: u16) -> String {
    if address.contains(':') {
        format!("{scheme}://[{address}]:{port}")
    } else {
        format!("{scheme}://{address}:{port}")
    }
}

/// The URLs to type for a hub that listens at `address`. An address that stands for all of the machine's
/// gives one URL for the machine's name and one for each of its IPv4 addresses.
pub(super) fn urls(scheme: &str, address: &str, port: u16) -> Vec<String> {
    let mut hosts = vec![address.to_owned()];
    if is_every_address(address) {
        hosts = names_of_this_machine();
    }
    let default_port = if scheme == "https" { ":443" } else { ":80" };
    hosts
        .iter()
        .map(|host| bind_url(scheme, host, port))
        .map(|url| url.strip_suffix(default_port).unwrap_or(&url).to_owned())
        .collect()
}

fn is_every_address(address: &str) -> bool {
    address
        .parse::<IpAddr>()
        .is_ok_and(|address| address.is_unspecified())
}

fn names_of_this_machine() -> Vec<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let routes = fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
    let name = Some(name.trim().to_owned()).filter(|name| !name.is_empty());
    let addresses = local_addresses(&routes);
    name.into_iter()
        .chain(addresses.iter().map(Ipv4Addr::to_string))
        .collect()
}

/// The addresses in Linux's routing table (/proc/net/fib_trie) that are this machine's own.
fn local_addresses(routes: &str) -> BTreeSet<Ipv4Addr> {
    let lines: Vec<&str> = routes.lines().map(str::trim).collect();
    lines
        .windows(2)
        .filter(|pair| pair[1] == "/32 host LOCAL")
        .filter_map(|pair| pair[0].strip_prefix("|-- ")?.parse::<Ipv4Addr>().ok())
        .filter(|address| !address.is_loopback())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_are_local() {
        assert!(is_local("127.0.0.1") && is_local("::1") && is_local("localhost"));
        assert!(!is_local("0.0.0.0") && !is_local("192.168.0.5") && !is_local("workshop.example"));
    }

    #[test]
    fn urls_can_be_typed() {
        assert_eq!(urls("http", "127.0.0.1", 8000), ["http://127.0.0.1:8000"]);
        assert_eq!(
            urls("https", "workshop.example", 443),
            ["https://workshop.example"]
        );
        assert_eq!(urls("http", "fd00::5", 80), ["http://[fd00::5]"]);
        assert_eq!(bind_url("http", "::", 80), "http://[::]:80");
        for every_address in ["0.0.0.0", "::"] {
            let urls = urls("http", every_address, 8000);
            assert_eq!(urls.len(), names_of_this_machine().len());
            assert!(
                !urls
                    .iter()
                    .any(|url| url.contains(&format!("/{every_address}:")))
            );
        }
    }

    #[test]
    fn addresses_are_those_of_this_machine_and_not_of_its_networks() {
        let routes = "Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
           |-- 127.0.0.1
              /32 host LOCAL
     +-- 192.168.0.0/24 2 0 2
           |-- 192.168.0.0
              /24 link UNICAST
           |-- 192.168.0.5
              /32 host LOCAL
        |-- 192.168.0.255
           /32 link BROADCAST
Local:
           |-- 192.168.0.5
              /32 host LOCAL
           |-- 10.0.0.7
              /32 host LOCAL
";
        let expected = [Ipv4Addr::new(10, 0, 0, 7), Ipv4Addr::new(192, 168, 0, 5)];
        assert_eq!(local_addresses(routes), BTreeSet::from(expected));
    }
}
