//! Addresses and where they lead, detours included.

use super::*;

#[test]
fn addresses() {
    for (reached, addresses) in [
        (
            Reach::Public,
            "8.8.8.8 1.1.1.1 100.63.255.255 100.128.0.1 172.15.0.1 172.32.0.1 192.0.1.1",
        ),
        (Reach::Public, "198.17.0.1 198.20.0.1 223.255.255.255 169.253.1.1 2606:4700::1 2a00::1"),
        (
            Reach::Public,
            "::ffff:8.8.8.8 64:ff9b::8.8.8.8 2002:808:808::1 2001:200::1 2001:4860::8888",
        ),
        (Reach::Loopback, "127.0.0.1 127.255.255.255 ::1 ::ffff:127.0.0.1 64:ff9b::7f00:1"),
        (Reach::Loopback, "::127.0.0.1 2002:7f00:1::1 ::ffff:0:127.0.0.1"),
        (
            Reach::Private,
            "10.0.0.1 172.16.0.1 172.31.255.255 192.168.0.1 100.64.0.1 fc00::1 fdff::1",
        ),
        (Reach::Private, "::ffff:10.0.0.1 64:ff9b::a00:1 64:ff9b:1::1 2002:a00:1::1 ::192.168.1.1"),
        (Reach::Never, "0.0.0.0 0.1.2.3 169.254.169.254 169.254.170.23 224.0.0.1 255.255.255.255"),
        (Reach::Never, "240.0.0.1 192.0.0.192 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1"),
        (Reach::Never, "100.100.100.200 168.63.129.16 fd00:ec2::254 ::ffff:100.100.100.200"),
        (Reach::Never, "64:ff9b::169.254.169.254 2002:a9fe:a9fe::1 ::ffff:169.254.169.254"),
        (Reach::Never, ":: fe80::1 fec0::1 ff02::1 100::1 2001::1 2001:db8::1 3fff::1 4000::1"),
    ] {
        for address in addresses.split(' ') {
            assert_eq!(reach(address.parse().unwrap()), reached, "{address}");
        }
    }
}
