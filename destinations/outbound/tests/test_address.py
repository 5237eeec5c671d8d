"""The address table, row by row."""

import pytest

from destinations.outbound.address import AddressPolicy

REFUSED = {
    "0.0.0.0": "this network",
    "0.255.255.255": "this network",
    "10.0.0.1": "private",
    "10.255.255.255": "private",
    "100.64.0.1": "carrier-grade NAT",
    "100.127.255.255": "carrier-grade NAT",
    "100.100.100.200": "cloud metadata",
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "168.63.129.16": "cloud metadata",
    "169.254.0.1": "link-local",
    "169.254.169.254": "cloud metadata",
    "169.254.170.2": "cloud metadata",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.0.0.8": "protocol assignments",
    "192.0.0.192": "cloud metadata",
    "192.0.2.1": "documentation",
    "192.88.99.1": "6to4 relay",
    "192.168.1.1": "private",
    "198.18.0.1": "benchmarking",
    "198.19.255.255": "benchmarking",
    "198.51.100.1": "documentation",
    "203.0.113.1": "documentation",
    "224.0.0.1": "multicast",
    "239.255.255.255": "multicast",
    "240.0.0.1": "reserved",
    "255.255.255.255": "broadcast",
    "::": "unspecified",
    "::1": "loopback",
    "::127.0.0.1": "IPv4-compatible",
    "::8.8.8.8": "IPv4-compatible",
    "::ffff:127.0.0.1": "IPv4-mapped form of loopback",
    "::ffff:10.0.0.1": "IPv4-mapped form of private",
    "::ffff:169.254.169.254": "IPv4-mapped form of cloud metadata",
    "::ffff:0:8.8.8.8": "IPv4-translated",
    "64:ff9b::7f00:1": "NAT64 form of loopback",
    "64:ff9b::10.0.0.1": "NAT64 form of private",
    "64:ff9b::100.64.0.1": "NAT64 form of carrier-grade NAT",
    "64:ff9b:1::8.8.8.8": "local NAT64",
    "64:ff9b:1:ffff::1": "local NAT64",
    "100::1": "discard-only",
    "2001::1": "Teredo",
    "2001:0:808:808:0:0:80ff:fffe": "Teredo",
    "2001:2::1": "benchmarking",
    "2001:10::1": "protocol assignments",
    "2001:db8::1": "documentation",
    "2002:7f00:1::1": "6to4 form of loopback",
    "2002:a00:1::": "6to4 form of private",
    "2002:a9fe:a9fe::": "6to4 form of cloud metadata",
    "3fff::1": "documentation",
    "4000::1": "not global unicast",
    "5f00::1": "segment routing",
    "fc00::1": "unique local",
    "fd00:ec2::254": "cloud metadata",
    "fdff:ffff::1": "unique local",
    "fe80::1": "link-local",
    "fe80::1%eth0": "link-local",
    "fec0::1": "site-local",
    "ff02::1": "multicast",
    "": "not an IP address",
    "localhost": "not an IP address",
    "127.1": "not an IP address",
    "2130706433": "not an IP address",
    "0177.0.0.1": "not an IP address",
}

ALLOWED = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
    "2001:4860:4860::8888",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2002:808:808::1",
]


@pytest.mark.parametrize(("ip", "reason"), REFUSED.items())
def test_special_addresses_are_refused_with_their_reason(ip, reason):
    assert AddressPolicy([]).refusal(ip) == reason


@pytest.mark.parametrize("ip", ALLOWED)
def test_public_addresses_may_be_dialled(ip):
    assert AddressPolicy([]).refusal(ip) is None


@pytest.mark.parametrize("ip", ["127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1", "10.1.2.3"])
def test_named_networks_are_opened_in_every_spelling(ip):
    assert AddressPolicy(["127.0.0.0/8", "10.1.2.3"]).refusal(ip) is None


@pytest.mark.parametrize("ip", ["::1", "10.1.2.4", "192.168.0.1", "169.254.169.254"])
def test_opening_one_network_opens_no_other(ip):
    assert AddressPolicy(["127.0.0.0/8", "10.1.2.3"]).refusal(ip) is not None


def test_a_mistyped_network_is_loud():
    with pytest.raises(ValueError, match="localhost"):
        AddressPolicy(["localhost"])
