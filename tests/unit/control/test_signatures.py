from base64 import b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_curve_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from rendezvous_contracts.errors import BadPolicyError
from rendezvous_control.errors import ControlError
from rendezvous_control.fold import fold_record
from rendezvous_control.signatures import KeyRing, Signer
from rendezvous_control.state import State
from rendezvous_runtime.control_keys import read_control_keys
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.errors import SettingsError
from rendezvous_runtime.shell.control import ControlFollower
from scoring.v1.control_pb2 import ApproveModel, Control, Signed

from tests.support.control import asked, control, model

ADA, BOB = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
MESSAGE = control("a", model())


def written(key: Ed25519PrivateKey) -> str:
    return b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def ring(since: int = 0) -> KeyRing:
    text = f"since: {since}\nauthors:\n  ada: [{written(ADA)}, {written(BOB)}]\n  bob: ['{written(BOB)}']\n"
    return KeyRing.read(text, "keys.yaml")


def why(value: Control, keys: KeyRing | None = None, offset: int = 0) -> str:
    """Why the record is refused; empty if it is applied."""
    _, refused = fold_record(State(), value.SerializeToString(), offset, keys or ring())
    return refused.reason if refused else ""


def envelope(signed: Control) -> Signed:
    return signed.signed


def test_a_message_that_its_author_signed_is_applied() -> None:
    state, refused = fold_record(State(), Signer(ADA).sign(MESSAGE).SerializeToString(), 0, ring())

    assert refused is None
    assert state.models["wine-forest@1"].stamp.author == "ada"
    assert dict(state.seen) == {"a": 0}


def test_an_author_may_have_several_keys() -> None:
    assert why(Signer(BOB).sign(MESSAGE)) == ""


def test_who_has_no_key_ring_takes_signed_messages_for_what_they_say() -> None:
    state, refused = fold_record(State(), Signer(ADA).sign(MESSAGE).SerializeToString(), 0)

    assert refused is None
    assert state == fold_record(State(), MESSAGE.SerializeToString(), 0)[0]


def test_an_unsigned_message_is_refused_and_its_id_not_used_up() -> None:
    state, refused = fold_record(State(), MESSAGE.SerializeToString(), 0, ring())

    assert refused is not None
    assert refused.reason == (
        "not signed, and a key ring is set: the author that it names, 'ada', has to sign it"
    )
    assert state == State(next_offset=1)


def test_nobody_signs_for_another_author() -> None:
    approval = asked("b", ApproveModel(name="wine-forest", version="1"), author="bob")

    assert "forged: its signature is by no key of the author that it names, 'bob'" in why(
        Signer(ADA).sign(approval)
    )
    assert "'eve', has no key in the key ring" in why(
        Signer(ADA).sign(asked("c", ApproveModel(), author="eve"))
    )


def test_a_changed_message_is_refused() -> None:
    signed = Signer(ADA).sign(MESSAGE)
    other = control("a", model(quality=0.9)).SerializeToString()
    assert "forged" in why(Control(signed=Signed(control=other, signature=envelope(signed).signature)))

    for place in range(0, len(envelope(signed).signature), 7):
        spoilt = bytearray(envelope(signed).signature)
        spoilt[place] ^= 1
        assert "forged" in why(
            Control(signed=Signed(control=envelope(signed).control, signature=bytes(spoilt)))
        )


def test_a_signature_is_of_a_control_message_and_nothing_else() -> None:
    encoded = MESSAGE.SerializeToString()

    assert "forged" in why(Control(signed=Signed(control=encoded, signature=ADA.sign(encoded))))


def test_nothing_stands_beside_what_is_signed() -> None:
    signed = Signer(ADA).sign(MESSAGE)
    twice = Signer(ADA).sign(signed)
    signed.author = "bob"

    assert "says something beside what is signed" in why(signed)
    assert "sign it once" in why(twice)
    assert "not a Control message" in why(Control(signed=Signed(control=b"\xff", signature=b"x")))


def test_a_log_that_began_without_signatures_goes_on_with_them() -> None:
    assert why(MESSAGE, ring(since=5), offset=4) == ""
    assert "not signed" in why(MESSAGE, ring(since=5), offset=5)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("authors: {ada: [abc]}", "keys.yaml:1: ada, number 1: not a public key"),
        ("authors: {ada: abc}", "keys.yaml:1: ada: expected a list"),
        ("athors: {}", "did you mean authors?"),
        ("since: 1", "authors is missing"),
        ("authors: {}\nsince: soon", "expected an integer"),
    ],
)
def test_a_key_ring_that_is_wrong_is_refused_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(BadPolicyError) as refused:
        KeyRing.read(text, "keys.yaml")

    assert problem in str(refused.value)


def test_an_empty_key_ring_is_refused() -> None:
    with pytest.raises(ControlError, match="a key ring is one document, and here are 0"):
        KeyRing.read("", "keys.yaml")


def test_only_ed25519_keys_count() -> None:
    other = generate_curve_key(SECP256R1())
    public = other.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    private = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    with pytest.raises(BadPolicyError, match="not an Ed25519 key"):
        KeyRing.read(f"authors: {{ada: [{b64encode(public).decode()}]}}", "keys.yaml")
    with pytest.raises(ControlError, match=r"ada\.pem: not an Ed25519 key"):
        Signer.read(private, "ada.pem")


def test_a_private_key_is_read_as_openssl_writes_it() -> None:
    pem = ADA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    assert why(Signer.read(pem, "ada.pem").sign(MESSAGE)) == ""
    with pytest.raises(ControlError, match=r"ada\.pem: no private key"):
        Signer.read(b"nothing", "ada.pem")


def test_a_service_reads_its_key_ring_and_folds_by_it(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text(f"authors: {{ada: [{written(ADA)}]}}")
    follower = ControlFollower(ControlView(), read_control_keys(path))

    follower.fold(MESSAGE.SerializeToString(), 0)
    follower.fold(Signer(ADA).sign(MESSAGE).SerializeToString(), 1)

    assert [refused.offset for refused in follower.refusals] == [0]
    assert dict(follower.state.seen) == {"a": 1}


def test_a_key_ring_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        read_control_keys(tmp_path / "keys.yaml")
    (tmp_path / "keys.yaml").write_text("authors: 1")
    with pytest.raises(SettingsError, match=r"the key ring is not usable: .*keys\.yaml:1"):
        read_control_keys(tmp_path / "keys.yaml")
