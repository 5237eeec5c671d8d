"""AWS Signature Version 4: AWS's published examples, and what of a delivery is signed."""

from __future__ import annotations

import hashlib

import pytest

from destinations.outbound.auth.aws_signature import AwsKeys, authorization, canonical_path, respelled_query, sent_host
from destinations.outbound.auth.types import normalise_destination_auth
from destinations.outbound.build import DeliveryContext, DestinationTarget, Payload, compile_target
from destinations.outbound.tests.sigv4 import signature_of

EMPTY = hashlib.sha256(b"").hexdigest()
CONTEXT = DeliveryContext("evt_1", "req_1", 1, "INITIAL", "source", "connection", ())
NOW = 1_440_938_160.7  # 2015-08-30T12:36:00Z, the moment of AWS's examples

# The keys of the "aws-sig-v4-test-suite" and of the examples of the IAM and S3 guides.
SUITE = AwsKeys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1", "service")
IAM = AwsKeys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1", "iam")
S3 = AwsKeys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1", "s3")
HOST = ("Host", "example.amazonaws.com")
DATE = ("X-Amz-Date", "20150830T123600Z")
BUCKET = ("host", "examplebucket.s3.amazonaws.com")
S3_DATE = ("x-amz-date", "20130524T000000Z")
S3_EMPTY = ("x-amz-content-sha256", EMPTY)
WELCOME = hashlib.sha256(b"Welcome to Amazon S3.").hexdigest()


@pytest.mark.parametrize(
    ("keys", "method", "path", "query", "headers", "body_hash", "signature"),
    [
        (
            SUITE,
            "GET",
            "/",
            "",
            [HOST, DATE],
            EMPTY,
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            SUITE,
            "POST",
            "/",
            "",
            [HOST, DATE],
            EMPTY,
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            SUITE,
            "GET",
            "/",
            "Param2=value2&Param1=value1",
            [HOST, DATE],
            EMPTY,
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            SUITE,
            "POST",
            "/",
            "",
            [("Content-Type", "application/x-www-form-urlencoded"), HOST, DATE],
            hashlib.sha256(b"Param1=value1").hexdigest(),
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
        (
            IAM,
            "GET",
            "/",
            "Action=ListUsers&Version=2010-05-08",
            [("content-type", "application/x-www-form-urlencoded; charset=utf-8"), ("host", "iam.amazonaws.com"), DATE],
            EMPTY,
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
        ),
        (
            S3,
            "GET",
            "/test.txt",
            "",
            [BUCKET, ("range", "bytes=0-9"), S3_EMPTY, S3_DATE],
            EMPTY,
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            S3,
            "PUT",
            "/test$file.text",
            "",
            [
                ("date", "Fri, 24 May 2013 00:00:00 GMT"),
                BUCKET,
                ("x-amz-content-sha256", WELCOME),
                S3_DATE,
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ],
            WELCOME,
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            S3,
            "GET",
            "/",
            "lifecycle",
            [BUCKET, S3_EMPTY, S3_DATE],
            EMPTY,
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            S3,
            "GET",
            "/",
            "max-keys=2&prefix=J",
            [BUCKET, S3_EMPTY, S3_DATE],
            EMPTY,
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
)
def test_awss_own_examples_have_their_signatures(keys, method, path, query, headers, body_hash, signature):
    value = authorization(keys, method=method, path=path, query=query, headers=headers, payload_hash=body_hash)
    assert value.endswith(f", Signature={signature}")


@pytest.mark.parametrize(
    ("path", "elsewhere", "s3"),
    [
        ("/", "/", "/"),
        ("/a/b", "/a/b", "/a/b"),
        ("/a/b/", "/a/b/", "/a/b/"),
        ("//a///b/", "/a/b/", "//a///b/"),
        ("/a/./b/../c", "/a/c", "/a/./b/../c"),
        ("/..", "/", "/.."),
        ("/a%20b", "/a%2520b", "/a%20b"),
        ("/a:b@c", "/a%3Ab%40c", "/a%3Ab%40c"),
        ("/%7ea~", "/%257ea~", "/~a~"),
        ("/%C3%BC", "/%25C3%25BC", "/%C3%BC"),
    ],
)
def test_a_path_is_signed_as_the_service_reads_it(path, elsewhere, s3):
    assert canonical_path(path, service="execute-api") == elsewhere
    assert canonical_path(path, service="s3") == s3


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ""),
        ("b=2&a=1", "b=2&a=1"),
        ("a", "a="),
        ("a=1+2%2B3%203", "a=1%202%2B3%203"),
        ("a=b=c", "a=b%3Dc"),
        ("k%c3%bc=%7e-_.~/:", "k%C3%BC=~-_.~%2F%3A"),
        ("&a=1&&b=%zz", "a=1&b=%25zz"),
    ],
)
def test_the_query_is_sent_in_one_spelling(query, expected):
    assert respelled_query(query) == expected
    assert respelled_query(expected) == expected


def test_pairs_are_sorted_by_name_and_then_by_value():
    def sign(query):
        return authorization(SUITE, method="GET", path="/", query=query, headers=[HOST, DATE], payload_hash=EMPTY)

    assert sign("a-b=1&a=2&a=1") == sign("a=1&a=2&a-b=1")
    assert sign("a=1&a=2") != sign("a=1&a=3")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://h.example/x", "h.example"),
        ("https://h.example:443/x", "h.example"),
        ("https://h.example:8443/x", "h.example:8443"),
        ("http://h.example:80", "h.example"),
        ("http://h.example:443", "h.example:443"),
        ("http://[2001:db8::1]:8080/", "[2001:db8::1]:8080"),
        ("http://[2001:db8::1]/", "[2001:db8::1]"),
    ],
)
def test_the_signed_host_is_the_one_that_is_sent(url, host):
    assert sent_host(url) == host


AUTH = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "s3cret/key+0123", "region": "eu-west-1", "service": "sns"}


def build(url="https://h.example/a", *, headers=(), query="", body=b"{}", method="POST", **auth):
    normal = normalise_destination_auth("AWS_SIGNATURE", {**AUTH, **auth})
    target = compile_target(DestinationTarget("des_1", url, None, False, 30.0, "AWS_SIGNATURE", normal))
    prepared = target.build(Payload(method, "", query, list(headers), body), CONTEXT, now=NOW)
    return prepared, target.masked(prepared)


def test_a_delivery_is_signed_over_host_type_and_amz_headers():
    prepared, shown = build(headers=[("content-type", "application/json"), ("x-amz-meta-a", " x   y "), ("x-b", "1")])
    sent = dict(prepared.headers)
    assert sent["x-amz-date"] == "20150830T123600Z"
    assert sent["x-amz-content-sha256"] == hashlib.sha256(b"{}").hexdigest()
    assert sent["authorization"].startswith(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-west-1/sns/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-meta-a, Signature="
    )
    assert sent["authorization"].endswith(
        signature_of(prepared.method, "/a", headers={"host": "h.example", **sent}, body=b"{}", secret="s3cret/key+0123")
    )
    assert shown == prepared


def test_the_requests_own_signature_and_time_stay_behind():
    theirs = [("authorization", "AWS4 theirs"), ("x-amz-date", "1"), ("x-amz-security-token", "t")]
    prepared, _ = build(headers=[*theirs, ("x-amz-content-sha256", "0")])
    assert "theirs" not in repr(prepared)
    assert [name for name, _ in prepared.headers if name in dict(theirs)] == ["x-amz-date", "authorization"]
    assert "security-token" not in repr(prepared)


def test_a_session_token_is_signed_sent_and_hidden_in_evidence():
    prepared, shown = build(session_token="the/session+token")
    assert dict(prepared.headers)["x-amz-security-token"] == "the/session+token"
    assert "x-amz-date;x-amz-security-token" in dict(prepared.headers)["authorization"]
    assert dict(shown.headers)["x-amz-security-token"] == "***"
    assert "the/session+token" not in repr(shown)
    assert dict(shown.headers)["authorization"] == dict(prepared.headers)["authorization"]


def test_the_sent_query_is_the_signed_one():
    prepared, shown = build("https://h.example/?z=1+2", query="a=%7e&b")
    assert prepared.url == shown.url == "https://h.example/?z=1%202&a=~&b="


def test_a_body_that_is_dropped_is_not_signed():
    prepared, _ = build(method="HEAD", headers=[("content-type", "application/json")])
    assert dict(prepared.headers)["x-amz-content-sha256"] == EMPTY
    assert "SignedHeaders=host;x-amz-content-sha256;x-amz-date," in dict(prepared.headers)["authorization"]


def test_another_second_secret_region_or_body_is_another_signature():
    signatures = {
        dict(prepared.headers)["authorization"].rpartition("=")[2]
        for prepared, _ in (build(), build(region="us-east-1"), build(secret_access_key="other"), build(body=b"{} "))
    }
    assert len(signatures) == 4
