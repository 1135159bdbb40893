"""A relay as browsers use it (TURN, RFC 8656), to see what it grants and what not."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import socket
import struct
import time
from ipaddress import ip_address

MAGIC = 0x2112A442
ALLOCATE, CREATE_PERMISSION = 0x0003, 0x0008
USERNAME, INTEGRITY, ERROR, PEER = 0x0006, 0x0008, 0x0009, 0x0012
REALM, NONCE, FAMILY, TRANSPORT = 0x0014, 0x0015, 0x0017, 0x0019
UDP, IPV4, IPV6 = 17, 1, 2
GRANTED = 0
LONGEST_SECONDS = 30  # for one answer: a datagram may be lost, the relay be starting


class Client:
    """Somebody with credentials, and then an allocation."""

    def __init__(self, server: tuple[str, int], name: str, password: str) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(1)
        self.socket.connect(server)
        self.name, self.password = name, password
        self.realm = self.nonce = b""

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def allocate(self, family: int = IPV4) -> int:
        """Ask for an address of one's own there; the error's number, or GRANTED."""
        wanted = (TRANSPORT, bytes([UDP, 0, 0, 0])), (FAMILY, bytes([family, 0, 0, 0]))
        error, said = self._ask(ALLOCATE, *wanted)
        if error == 401 and not self.nonce:  # as for every first question
            self.realm, self.nonce = said[REALM], said[NONCE]
            error, _ = self._ask(ALLOCATE, *wanted)
        return error

    def permit(self, peer: str) -> int:
        """Ask to reach an address; the error's number, or GRANTED."""
        error, _ = self._ask(CREATE_PERMISSION, (PEER, self._hidden(peer)))
        return error

    def _hidden(self, peer: str) -> bytes:
        address = ip_address(peer)
        mask = struct.pack("!I", MAGIC) + (bytes(12) if address.version == 4 else b"")
        if address.version == 6:
            mask += self.transaction
        mixed = bytes(a ^ b for a, b in zip(address.packed, mask, strict=False))
        family = IPV4 if address.version == 4 else IPV6
        return struct.pack("!BBH", 0, family, 9 ^ MAGIC >> 16) + mixed

    def _ask(
        self, method: int, *attributes: tuple[int, bytes]
    ) -> tuple[int, dict[int, bytes]]:
        if self.nonce:
            who = (USERNAME, self.name.encode()), (REALM, self.realm)
            attributes = (*attributes, *who, (NONCE, self.nonce))
        body = b"".join(_written(*attribute) for attribute in attributes)
        transaction = self.transaction
        self.transaction = secrets.token_bytes(12)
        if self.nonce:
            words = f"{self.name}:{self.realm.decode()}:{self.password}"
            key = hashlib.md5(words.encode()).digest()
            signed = _head(method, len(body) + 24, transaction) + body
            proof = hmac.new(key, signed, hashlib.sha1).digest()
            body += _written(INTEGRITY, proof)
        message = _head(method, len(body), transaction) + body
        end = time.monotonic() + LONGEST_SECONDS
        while time.monotonic() < end:
            try:
                self.socket.send(message)
                answer = self.socket.recv(2048)
            except TimeoutError:
                continue
            except ConnectionRefusedError:  # it does not listen yet
                time.sleep(0.02)
                continue
            if answer[8:20] == transaction:
                return _read(answer)
        raise TimeoutError("The relay does not answer.")

    transaction = secrets.token_bytes(12)


def _head(method: int, length: int, transaction: bytes) -> bytes:
    return struct.pack("!HHI", method, length, MAGIC) + transaction


def _written(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def _read(answer: bytes) -> tuple[int, dict[int, bytes]]:
    """The number of the error, GRANTED for none, and all that is said."""
    said, at = {}, 20
    while at < len(answer):
        kind, length = struct.unpack_from("!HH", answer, at)
        said[kind] = answer[at + 4 : at + 4 + length]
        at += 4 + length + -length % 4
    error = said.get(ERROR)
    return (error[2] * 100 + error[3] if error else GRANTED), said
