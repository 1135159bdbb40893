"""OpenID Connect, as one who relies on a provider: the exchange, and what must hold.

allauth's client takes a provider's word without its signature and sends no nonce, and
it makes accounts by address. So we ask ourselves: code flow, PKCE, state, nonce, and a
signed token of this issuer, for us, now. Nothing here reads or writes a record.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import socket
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from time import monotonic
from typing import Any
from urllib.parse import SplitResult, quote_plus, urlencode, urlsplit

import jwt
from django.conf import settings
from django.utils.crypto import constant_time_compare
from urllib3 import (
    BaseHTTPResponse,
    HTTPConnectionPool,
    HTTPSConnectionPool,
    Timeout,
)
from urllib3.exceptions import HTTPError

from lms.open_net import is_public

ALGORITHMS = ["RS256", "ES256"]  # never "none", nor one by a shared secret
WELL_KNOWN = "/.well-known/openid-configuration"
MOST_BYTES = 2**18
MOST_SECONDS = 8  # for one answer
LEEWAY = 60  # seconds that two clocks may differ
_CLAIMS = ["iss", "aud", "exp", "iat", "sub", "nonce"]


class Away(Exception):
    """The provider does not answer, or not as one does."""


class Untrue(Exception):
    """What was brought does not hold: by one word."""


@dataclass(frozen=True)
class Server:
    """What a provider says of itself."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    takes_basic: bool


def is_good_address(url: str) -> bool:
    """Whether we would ask there: https, or a server on this very machine in trials."""
    try:
        parts = urlsplit(url)
        _port = parts.port
    except ValueError:
        return False
    if not parts.hostname or "@" in parts.netloc or not url.isascii():
        return False
    if any(letter.isspace() or ord(letter) < 32 for letter in url):
        return False
    return parts.scheme == "https" or _is_trial(parts)


def _is_trial(parts: SplitResult) -> bool:
    if not settings.OIDC_ON_LOOPBACK or parts.scheme != "http":
        return False
    return parts.hostname in ("127.0.0.1", "::1", "localhost")


def discover(issuer: str) -> Server:
    """Ask what the provider says of itself; it must call itself by this very name."""
    words = _json(issuer.rstrip("/") + WELL_KNOWN)
    if words.get("issuer") != issuer:
        raise Untrue("issuer")
    authorization, token, keys = (
        str(words.get(name) or "")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
    )
    if not all(map(is_good_address, (authorization, token, keys))):
        raise Away
    ways = words.get("token_endpoint_auth_methods_supported")
    takes_basic = not isinstance(ways, list) or "client_secret_basic" in ways
    return Server(issuer, authorization, token, keys, takes_basic)


@dataclass(frozen=True)
class Secrets:
    """What binds an answer to who asked: known to us, and to their session."""

    state: str
    nonce: str
    verifier: str


def new_secrets() -> Secrets:
    return Secrets(*(secrets.token_urlsafe(32) for _each in range(3)))


def asking_url(server: Server, client_id: str, back: str, words: Secrets) -> str:
    """Where somebody is sent to sign in, and then back from."""
    digest = hashlib.sha256(words.verifier.encode()).digest()
    query = urlencode(
        {
            "response_type": "code",
            "scope": "openid",  # no address, no name: we ask for neither
            "client_id": client_id,
            "redirect_uri": back,
            "state": words.state,
            "nonce": words.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
    )
    joined = "&" if "?" in server.authorization_endpoint else "?"
    return f"{server.authorization_endpoint}{joined}{query}"


def redeem(
    server: Server, client_id: str, secret: str, back: str, code: str, verifier: str
) -> str:
    """Give the code for a token of who signed in, as it came."""
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": back,
        "code_verifier": verifier,
    }
    headers = {}
    if server.takes_basic:
        pair = f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    else:
        fields |= {"client_id": client_id, "client_secret": secret}
    token = _json(server.token_endpoint, fields, headers).get("id_token")
    if not isinstance(token, str):
        raise Untrue("no token")
    return token


def checked(server: Server, token: str, client_id: str, nonce: str) -> str:
    """Whom the token means, if the provider signed it, for us, now, for this asking."""
    try:
        key_id = jwt.get_unverified_header(token).get("kid")
        keys = jwt.PyJWKSet.from_dict(_json(server.jwks_uri)).keys
        fitting = [
            key
            for key in keys
            if key.public_key_use in (None, "sig")
            and (key_id is None or key.key_id == key_id)
        ]
        if len(fitting) != 1:
            raise Untrue("key")
        words = jwt.decode(
            token,
            fitting[0],
            algorithms=ALGORITHMS,
            audience=client_id,
            issuer=server.issuer,
            leeway=LEEWAY,
            options={"require": _CLAIMS},
        )
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise Untrue(type(error).__name__) from None
    is_shared = isinstance(words["aud"], list) and len(words["aud"]) > 1
    if (is_shared or "azp" in words) and words.get("azp") != client_id:
        raise Untrue("azp")
    if not constant_time_compare(str(words["nonce"]), nonce):
        raise Untrue("nonce")
    subject = words["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or "\0" in subject:
        raise Untrue("subject")
    return subject


# --- Asking ----------------------------------------------------------------------


def _json(
    url: str,
    fields: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Ask one address for an object; no redirect is followed."""
    if not is_good_address(url):
        raise Away
    try:
        response = _open(urlsplit(url), fields, headers or {})
        try:
            body = _read(response)
        finally:
            response.close()
        words = json.loads(body)
    except (HTTPError, OSError, ValueError, RecursionError):
        raise Away from None
    if not isinstance(words, dict):
        raise Away
    return words


def _open(
    parts: SplitResult, fields: dict[str, str] | None, headers: dict[str, str]
) -> BaseHTTPResponse:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = headers | {
        "Host": parts.netloc,
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    body = None
    if fields is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = urlencode(fields)
    return _pool(parts).urlopen(
        "GET" if fields is None else "POST",
        target,
        body=body,
        headers=headers,
        redirect=False,
        retries=False,
        preload_content=False,
        decode_content=False,
    )


def _pool(parts: SplitResult) -> HTTPConnectionPool:
    """Connect to an address that was checked: one of the open net."""
    host = parts.hostname or ""
    timeout = Timeout(connect=3, read=5)
    if _is_trial(parts):
        return HTTPConnectionPool(host, parts.port or 80, timeout=timeout)
    port = parts.port or 443
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = sorted({str(each[4][0]) for each in found}, key=lambda one: ":" in one)
    if not addresses or not all(map(is_public, addresses)):
        raise Away
    is_number = host in addresses and bool(ip_address(host))
    return HTTPSConnectionPool(
        addresses[0],
        port,
        server_hostname=None if is_number else host,
        assert_hostname=host,
        ssl_context=ssl.create_default_context(),
        timeout=timeout,
        retries=False,
    )


def _read(response: BaseHTTPResponse) -> bytes:
    if response.status != 200:
        raise Away
    until = monotonic() + MOST_SECONDS
    body = bytearray()
    while piece := response.read(2**14, decode_content=False):
        body += piece
        if len(body) > MOST_BYTES or monotonic() > until:
            raise Away
    return bytes(body)
