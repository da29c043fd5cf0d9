"""
Signed control messages: Ed25519 (RFC 8032), and the key ring that says whose signatures count.

What is signed is a context and the encoded message. A log that was begun without signatures can go on with
them: the key ring says from which offset on they are asked for. All services and clients of a log need the
same ring, for who refuses another message than the others folds another state.
"""

from base64 import b64decode
from binascii import Error as BinasciiError
from collections.abc import Mapping
from typing import Final, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_private_key
from rendezvous_contracts.policy_nodes import Place, required
from rendezvous_contracts.policy_yaml import read_nodes
from scoring.v1.control_pb2 import Control, Signed

from rendezvous_control.envelope import Opened
from rendezvous_control.errors import ControlError

CONTEXT: Final = b"rendezvous control message, version 1\0"


class Signer:
    """Signs messages with a private key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @classmethod
    def read(cls, pem: bytes, source: str) -> Self:
        """Return the signer whose private key is *pem*, read from *source*; raises ControlError."""
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise ControlError(f"{source}: no private key in PEM without a password: {error}") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise ControlError(
                f"{source}: not an Ed25519 key: make one with openssl genpkey -algorithm ed25519"
            )
        return cls(key)

    def sign(self, message: Control) -> Control:
        """Return *message* in an envelope, signed."""
        encoded = message.SerializeToString()
        return Control(signed=Signed(control=encoded, signature=self._key.sign(CONTEXT + encoded)))


class KeyRing:
    """
    The public keys of each author; a Verifier of the fold.

    *since*: the offset of the control log from which on a message has to be signed.
    """

    def __init__(self, authors: Mapping[str, list[Ed25519PublicKey]], since: int = 0) -> None:
        self._authors = authors
        self._since = since

    @classmethod
    def read(cls, text: str, source: str) -> Self:
        """
        Return the key ring that *text* (YAML) writes; raises BadPolicyError at *source* and the line.

        It has `authors`: for each a list of public keys, as `openssl pkey -pubout` prints them, without the
        first line and the last one; and optionally `since`, an offset.
        """
        nodes = list(read_nodes(text, source))
        if len(nodes) != 1:
            raise ControlError(f"{source}: a key ring is one document, and here are {len(nodes)}")
        place = Place(source, "the key ring", nodes[0])
        parts = place.mapping(("authors", "since"))
        authors = {
            author: [_read_key(key) for key in keys.sequence()]
            for author, keys in required(parts, "authors", place).items()
        }
        return cls(authors, parts["since"].integer() if "since" in parts else 0)

    def check(self, opened: Opened, offset: int) -> None:
        """Raise ControlError unless the message at *offset* is signed by a key of its author."""
        if offset < self._since:
            return
        author = opened.message.author
        who = f"the author that it names, {author[:80]!r}"
        if not opened.signature:
            raise ControlError(f"not signed, and a key ring is set: {who}, has to sign it")
        keys = self._authors.get(author)
        if keys is None:
            raise ControlError(f"{who}, has no key in the key ring")
        if not any(_verifies(key, opened) for key in keys):
            raise ControlError(f"forged: its signature is by no key of {who}")


def _verifies(key: Ed25519PublicKey, opened: Opened) -> bool:
    try:
        key.verify(opened.signature, CONTEXT + opened.signed)
    except InvalidSignature:
        return False
    return True


def _read_key(place: Place) -> Ed25519PublicKey:
    try:
        key = load_der_public_key(b64decode(place.text(), validate=True))
    except (BinasciiError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise place.error(f"not a public key as openssl pkey -pubout prints it: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise place.error("not an Ed25519 key: make one with openssl genpkey -algorithm ed25519")
    return key
