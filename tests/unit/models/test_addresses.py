import pytest
from rendezvous_models.addresses import Guard, parse_location, parse_origin
from rendezvous_models.errors import ArtifactRefusedError

GUARD = Guard(["https://models.example.com", "http://10.0.0.5:9000", "s3://bucket", "https://*.cdn.example"])


@pytest.mark.parametrize(
    "text",
    [
        "https://models.example.com/m.pmml",
        "HTTPS://Models.Example.COM:443/m.pmml?X-Amz-Signature=1",
        "https://models.example.com./m.pmml",
        "https://a.cdn.example/m",
        "https://a.b.cdn.example/m",
        "s3://bucket/wine/m.pmml",
    ],
)
def test_a_location_of_an_allowed_origin_is_admitted(text: str) -> None:
    GUARD.admit(parse_location(text))


@pytest.mark.parametrize(
    "text",
    [
        "http://models.example.com/m.pmml",
        "https://models.example.com:8443/m.pmml",
        "https://evil.models.example.com/m.pmml",
        "https://models.example.com.evil.org/m.pmml",
        "https://cdn.example/m",
        "https://evilcdn.example/m",
        "s3://buckets/m",
        "gs://bucket/m",
        "https://bucket/m",
    ],
)
def test_a_location_of_any_other_origin_is_refused(text: str) -> None:
    with pytest.raises(ArtifactRefusedError, match=r"not an allowed origin .*artifact_origins"):
        GUARD.admit(parse_location(text))


def test_without_origins_nothing_is_admitted() -> None:
    with pytest.raises(ArtifactRefusedError, match=r"\(none\)"):
        Guard().admit(parse_location("https://models.example.com/m"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ftp://h/m", "kind that is not read"),
        ("gopher://h/m", "kind that is not read"),
        ("simplecache::s3://bucket/m", "kind that is not read"),
        ("zip://m::https://models.example.com/a.zip", "kind that is not read"),
        ("m.pmml", "kind that is not read"),
        ("https://user:secret@models.example.com/m", "no place for credentials"),
        ("https://models.example.com@evil.org/m", "no place for credentials"),
        ("abfs://container@account.dfs.core.windows.net/m", "no place for credentials"),
        ("https://models.example.com\\@evil.org/m", "characters that no URL has"),
        ("https://models.example.com/a b", "characters that no URL has"),
        ("https://models.example.com/a\r\nHost: evil", "characters that no URL has"),
        ("https://modèles.example.com/m", "characters that no URL has"),
        ("https://[::1/m", "no URL"),
        ("https://h:99999/m", "no URL"),
        ("https:///m", "names no host"),
        ("s3://bucket:80/m", "a port where none can be"),
        ("s3://bucket", "names no object"),
        ("https://models.example.com/", "names no object"),
    ],
)
def test_what_is_no_plain_location_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ArtifactRefusedError, match=problem):
        parse_location(text)


def test_what_is_said_of_a_location_leaves_its_signature_out() -> None:
    with pytest.raises(ArtifactRefusedError) as error:
        GUARD.admit(parse_location("https://evil.org/m?X-Amz-Signature=secret"))
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",  # noqa: S104 - not bound to
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "169.254.1.1",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::10.0.0.1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)
def test_an_address_inside_is_refused(address: str) -> None:
    with pytest.raises(ArtifactRefusedError, match="artifact_networks"):
        GUARD.admit_addresses("models.example.com", [address])


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_a_public_address_is_admitted(address: str) -> None:
    GUARD.admit_addresses("models.example.com", [address])


def test_one_address_inside_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(ArtifactRefusedError, match=r"leads to 10\.0\.0\.1"):
        GUARD.admit_addresses("models.example.com", ["8.8.8.8", "10.0.0.1"])


def test_a_network_that_is_named_is_admitted_and_no_other() -> None:
    guard = Guard([], ["10.0.0.0/8", "::1/128"])

    guard.admit_addresses("h", ["10.200.0.1", "::1", "::ffff:10.0.0.1"])
    with pytest.raises(ArtifactRefusedError, match="not a public address"):
        guard.admit_addresses("h", ["127.0.0.1"])


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16"],
)
def test_a_metadata_service_is_refused_whatever_is_allowed(address: str) -> None:
    with pytest.raises(ArtifactRefusedError, match="metadata service"):
        Guard([], ["0.0.0.0/0", "::/0"]).admit_addresses("h", [address])


def test_an_address_in_place_of_a_host_is_checked_before_anything_is_asked() -> None:
    with pytest.raises(ArtifactRefusedError, match="not a public address"):
        GUARD.admit(parse_location("http://10.0.0.5:9000/m"))


@pytest.mark.parametrize(
    "text",
    ["", "example.com", "https://", "https://h/path", "ftp://h", "https://u@h", "https://h?q", "https://h:x"],
)
def test_an_origin_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not an origin|Port"):
        parse_origin(text)


@pytest.mark.parametrize("text", ["https://h", "http://h:8080", "s3://bucket", "https://[::1]:8443"])
def test_an_origin_is_written_as_it_is_read(text: str) -> None:
    assert str(parse_origin(text)) == text
