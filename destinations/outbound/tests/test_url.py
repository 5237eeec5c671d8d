"""Which destination URLs are accepted, and as what."""

import pytest

from destinations.outbound.address import AddressPolicy
from destinations.outbound.url import normalise_destination_url
from fasthook.lib.errors import InvalidInput


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://api.example.com/webhooks", "https://api.example.com/webhooks"),
        ("HTTPS://API.Example.COM/Web%2fHooks?a=1&a=%20", "https://api.example.com/Web%2fHooks?a=1&a=%20"),
        ("https://api.example.com", "https://api.example.com"),
        ("https://api.example.com./x", "https://api.example.com/x"),
        ("http://localhost:8000/", "http://localhost:8000/"),
        ("http://my_service:80/x", "http://my_service:80/x"),
        ("https://bücher.example/ü?q=ü", "https://xn--bcher-kva.example/%C3%BC?q=%C3%BC"),
        ("http://192.0.2.1/x", "http://192.0.2.1/x"),
        ("http://[2001:DB8::1]:8080/x", "http://[2001:db8::1]:8080/x"),
        ('https://h.example/<"x">', "https://h.example/%3C%22x%22%3E"),
    ],
)
def test_a_url_is_normalised(given, expected):
    assert normalise_destination_url(given) == expected
    assert normalise_destination_url(expected) == expected


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (None, "must be a URL such as https://api.example.com/webhooks"),
        ("", "must be a URL such as https://api.example.com/webhooks"),
        ("api.example.com/x", "must begin with http:// or https://"),
        ("ftp://h.example/", "must begin with http:// or https://"),
        ("https:///x", "must name a host"),
        ("https://user:pw@h.example/", "must not contain a user name or password; use auth_type BASIC_AUTH"),
        ("https://@h.example/", "must not contain a user name or password; use auth_type BASIC_AUTH"),
        ("https://h.example/#top", "must not contain a fragment (#)"),
        ("https://h.example/#", "must not contain a fragment (#)"),
        ("https://h.example/a b", "must not contain spaces, control characters or backslashes"),
        ("https://h.example/a\r\nb", "must not contain spaces, control characters or backslashes"),
        ("https://h.example\\@evil.example/", "must not contain spaces, control characters or backslashes"),
        ("https://h.example:0/", "must have a port between 1 and 65535"),
        ("https://h.example:/", "must have a port between 1 and 65535"),
        ("https://h.example:65536/", "must be a valid URL with a port between 1 and 65535"),
        ("https://h.example:x/", "must be a valid URL with a port between 1 and 65535"),
        ("https://[::1/", "must be a valid URL with a port between 1 and 65535"),
        ("https://h..example/", "h..example is not a valid host name"),
        ("https://-h.example/", "-h.example is not a valid host name"),
        ("https://h%2f.example/", "h%2f.example is not a valid host name"),
        ("http://127.1/", "127.1 is neither a host name nor an address such as 192.0.2.1"),
        ("http://0x7f000001/", "0x7f000001 is neither a host name nor an address such as 192.0.2.1"),
        ("http://2130706433/", "2130706433 is neither a host name nor an address such as 192.0.2.1"),
        ("http://１２７.０.０.１/", "１２７.０.０.１ is not a valid host name"),
        ("https://h.example/" + "x" * 2048, "must be at most 2048 characters long"),
        ("https://h.example/" + "ü" * 1000, "must be at most 2048 characters long once percent-encoded"),
    ],
)
def test_a_bad_url_is_refused(given, fault):
    with pytest.raises(InvalidInput) as caught:
        normalise_destination_url(given)
    assert caught.value.fields == {"config.url": [fault]}


def test_a_refused_literal_address_is_refused_when_a_policy_is_given():
    with pytest.raises(InvalidInput) as caught:
        normalise_destination_url("http://127.0.0.1/", policy=AddressPolicy())
    assert caught.value.fields == {"config.url": ["must not lead to 127.0.0.1: loopback addresses are not allowed"]}
    assert normalise_destination_url("http://127.0.0.1/", policy=AddressPolicy(["127.0.0.0/8"])) == "http://127.0.0.1/"
