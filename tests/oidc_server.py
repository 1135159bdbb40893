"""A small OpenID Connect server on loopback, which lies where a test tells it to."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
KEY_ID = "key-1"


class OidcServer:
    """Signs `subject` in at once. `claims` are put over the true ones; None drops one."""

    client_id = "qualifications"
    secret = "secret"

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.subject = "subject-of-ann"
        self.claims: dict[str, Any] = {}
        self.discovered: dict[str, Any] = {}
        self.status = 200  # of all answers
        self.signing: tuple[Any, str] = (KEY, "RS256")
        self.headers = {"kid": KEY_ID}
        self.asked: dict[str, dict[str, str]] = {}

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
        } | self.discovered

    def jwks(self) -> dict[str, Any]:
        key = jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
        return {"keys": [key | {"kid": KEY_ID, "use": "sig", "alg": "RS256"}]}

    def authorize(self, url: str) -> str:
        """Sign in there; returns where the browser is sent back to."""
        query = {name: each[0] for name, each in parse_qs(urlsplit(url).query).items()}
        assert query["client_id"] == self.client_id
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        self.asked[code] = query
        back = urlencode({"code": code, "state": query["state"]})
        return f"{query['redirect_uri']}?{back}"

    def token(self, fields: dict[str, str], basic: str) -> dict[str, Any] | None:
        """Give the code's token, once, to who knows the secret and the verifier."""
        pair = base64.b64encode(f"{self.client_id}:{self.secret}".encode()).decode()
        query = self.asked.pop(fields["code"], None)
        digest = hashlib.sha256(fields["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if query is None or basic != f"Basic {pair}":
            return None
        if challenge != query["code_challenge"]:
            return None
        if fields["redirect_uri"] != query["redirect_uri"]:
            return None
        return {"id_token": self.id_token(query["nonce"]), "token_type": "Bearer"}

    def id_token(self, nonce: str) -> str:
        at = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": self.client_id,
            "sub": self.subject,
            "iat": at,
            "exp": at + 300,
            "nonce": nonce,
        } | self.claims
        words = {name: each for name, each in claims.items() if each is not None}
        key, algorithm = self.signing
        return jwt.encode(words, key, algorithm, headers=self.headers)


@contextmanager
def oidc_server() -> Iterator[OidcServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if path == "/.well-known/openid-configuration":
                self._answer(server.discovery())
            elif path == "/authorize":  # as a browser asks
                self.send_response(302)
                self.send_header("Location", server.authorize(self.path))
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif path == "/jwks":
                self._answer(server.jwks())
            else:
                self._answer(None)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            fields = {name: each[0] for name, each in parse_qs(body).items()}
            self._answer(server.token(fields, self.headers["Authorization"] or ""))

        def _answer(self, words: dict[str, Any] | None) -> None:
            body = json.dumps(words or {"error": "invalid"}).encode()
            self.send_response(server.status if words else 400)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = OidcServer(f"http://127.0.0.1:{listening.server_port}")
    thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()
