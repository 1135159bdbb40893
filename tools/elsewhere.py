"""What is elsewhere in real life: a network, who gives certificates, mail, an inbox.

For a trial of the installation on machines started for it. Each machine has a network of
its own: a cable to here, and a way to the registries of packages. At the cable's end
here answer the names of others: the authority that Caddy and certbot ask (which looks
whether who asks holds the name), and a mail server that takes mail by TLS and password
alone and whose inbox is read. Standard library, and programs of Debian.
"""

from __future__ import annotations

import base64
import re
import secrets
import shutil
import socketserver
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPSConnection
from http.cookies import SimpleCookie
from pathlib import Path
from socket import create_connection
from threading import Thread
from urllib.parse import urlencode, urlsplit

AUTHORITY, MAIL = "acme-v02.api.letsencrypt.org", "mail.example.com"
NAME_SERVER = "10.0.2.3"  # slirp4netns answers there, in each network that it serves
TOOLS = {
    "caddy": "caddy",
    "ip": "iproute2",
    "openssl": "openssl",
    "slirp4netns": "slirp4netns",
}
WHO = ("user", "password")  # at the mail server: those of docs/operations.md


def run(*command: str | Path) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout


# --- Networks --------------------------------------------------------------------


@dataclass(frozen=True)
class Net:
    """The network of one machine: a cable to all, and a way to the registries."""

    name: str
    address: str

    @property
    def path(self) -> Path:
        return Path("/run/netns") / self.name

    @contextmanager
    def laid(self, street: str) -> Iterator[None]:
        near, far = f"{self.name}a", f"{self.name}b"
        run("ip", "netns", "add", self.name)
        try:
            run(
                *("ip", "link", "add", near, "type", "veth"),
                *("peer", "name", far, "netns", self.name),
            )
            run("ip", "link", "set", near, "master", street, "up")
            inside = ("ip", "-n", self.name)
            run(*inside, "address", "add", f"{self.address}/24", "dev", far)
            for each in ("lo", far):
                run(*inside, "link", "set", each, "up")
            outside = subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig", "KILL", "slirp4netns", "--configure"),
                    *("--mtu=1400", "--disable-host-loopback", "--netns-type=path"),
                    *(str(self.path), "tap0"),
                ],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                yield
            finally:
                outside.kill()
                outside.wait()
        finally:
            run("ip", "netns", "del", self.name)  # and the cable with it


@contextmanager
def street(names: Sequence[str]) -> Iterator[tuple[str, dict[str, Net]]]:
    """Lay a network for each machine of these names; yield our address in them, too."""
    bridge = f"q{secrets.token_hex(3)}"
    first = f"198.18.{secrets.randbelow(2**8)}"  # of those for such trials (RFC 2544)
    nets = {
        name: Net(f"{bridge}-{at}", f"{first}.{at}")
        for at, name in enumerate(names, start=2)
    }
    run("ip", "link", "add", bridge, "type", "bridge")
    try:
        run("ip", "address", "add", f"{first}.1/24", "dev", bridge)
        run("ip", "link", "set", bridge, "up")
        with ExitStack() as stack:
            for net in nets.values():
                stack.enter_context(net.laid(bridge))
            yield f"{first}.1", nets
    finally:
        run("ip", "link", "del", bridge)


# --- Who gives certificates ------------------------------------------------------


def make_authority(folder: Path) -> None:
    """Make a root for this trial, and with it the mail server's certificate."""
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    common = ("openssl", "req", "-x509", *key, "-days", "30")
    words = ("-subj", "/CN=The authority of a trial")
    run(*common, *words, "-keyout", folder / "root.key", "-out", folder / "root.pem")
    run(
        *(*common, "-subj", f"/CN={MAIL}", "-addext", f"subjectAltName=DNS:{MAIL}"),
        *("-addext", "basicConstraints=critical,CA:FALSE"),
        *("-CA", folder / "root.pem", "-CAkey", folder / "root.key"),
        *("-keyout", folder / "mail.key", "-out", folder / "mail.pem"),
    )


@contextmanager
def authority(folder: Path, address: str, hosts: str) -> Iterator[None]:
    """Give certificates at the address, to who answers at the name; Caddy does it."""
    (folder / "hosts").write_text(hosts)
    (folder / "Caddyfile").write_text(
        f"""\
{{
	admin off
	skip_install_trust
	auto_https disable_redirects
	pki {{
		ca local {{
			root {{
				cert {folder}/root.pem
				key {folder}/root.key
			}}
		}}
	}}
}}
https://{AUTHORITY} {{
	bind {address}
	tls internal
	rewrite /directory /acme/local/directory
	acme_server
}}
"""
    )
    # It looks names up in a list of its own: this machine's is left alone.
    begin = 'mount --bind "$1/hosts" /etc/hosts && exec caddy run --adapter caddyfile'
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *("unshare", "--mount", "--propagation=private"),
                *("setpriv", "--pdeathsig", "KILL"),
                *("sh", "-c", f'{begin} --config "$1/Caddyfile"', "sh", str(folder)),
            ],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(folder)},
            stdout=log,
            stderr=log,
        )
    try:
        yield
    finally:
        process.kill()
        process.wait()


# --- Mail ------------------------------------------------------------------------


class MailServer(socketserver.ThreadingTCPServer):
    """Takes mail by STARTTLS and password alone; keeps it."""

    daemon_threads = allow_reuse_address = True

    def __init__(self, address: str, folder: Path) -> None:
        super().__init__((address, 587), MailSession)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "mail.pem", folder / "mail.key")
        self.taken: list[str] = []
        Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request: object, client_address: object) -> None:
        """Who hangs up in the middle is no fault of ours."""


class MailSession(socketserver.BaseRequestHandler):
    server: MailServer

    def handle(self) -> None:
        is_known = self.begin(hidden=False)
        self.say("220 here")
        while line := self.file.readline().decode():
            word, _blank, said = line.strip().partition(" ")
            word = word.upper()
            if word in ("EHLO", "HELO"):
                more = "AUTH PLAIN" if self.is_hidden else "STARTTLS"
                self.say(f"250-{MAIL}\r\n250 {more}")
            elif word == "STARTTLS":
                self.say("220 go on")
                self.begin(hidden=True)
            elif word == "AUTH" and self.is_hidden:
                words = base64.b64decode(said.partition(" ")[2]).decode()
                is_known = tuple(words.split("\0")[1:]) == WHO
                self.say("235 welcome" if is_known else "535 no")
            elif word == "QUIT":
                self.say("221 bye")
                return
            elif word == "NOOP" or is_known:
                self.take() if word == "DATA" else self.say("250 ok")
            else:
                self.say("530 who are you?")

    def begin(self, *, hidden: bool) -> bool:
        """Speak from now on, in the open or hidden; nobody is known by it."""
        self.is_hidden = hidden
        if hidden:
            self.request = self.server.context.wrap_socket(
                self.request, server_side=True
            )
        self.file = self.request.makefile("rb")
        return False

    def say(self, line: str) -> None:
        self.request.sendall(f"{line}\r\n".encode())

    def take(self) -> None:
        self.say("354 go on")
        lines = list(iter(self.file.readline, b".\r\n"))
        self.server.taken.append(b"".join(lines).decode())
        self.say("250 taken")


# --- All of it -------------------------------------------------------------------


class Elsewhere:
    """The networks of some machines, by the names they have, and who else answers."""

    def __init__(self, folder: Path, here: str, nets: dict[str, Net]) -> None:
        self.folder, self.nets = folder, nets
        self.hosts = "127.0.0.1 localhost\n" + f"{here} {AUTHORITY} {MAIL}\n"
        self.hosts += "".join(f"{net.address} {name}\n" for name, net in nets.items())
        self.mail = MailServer(here, folder)

    @property
    def root(self) -> str:
        return (self.folder / "root.pem").read_text()

    def press_button_of_mail(self, name: str) -> None:
        """Open the link of the newest mail, and press the page's one button."""
        for _try in range(600):
            found = re.findall(r"https://\S+", "\n".join(self.mail.taken[-1:]))
            if found:
                break
            time.sleep(0.1)
        else:
            raise RuntimeError("No mail with a link came.")
        path = urlsplit(found[0].replace("=\r\n", "")).path
        context = ssl.create_default_context(cadata=self.root)
        plain = create_connection((self.nets[name].address, 443), 30)
        asked = HTTPSConnection(name)
        asked.sock = context.wrap_socket(plain, server_hostname=name)
        asked.request("GET", path)
        answer = asked.getresponse()
        token = re.search(
            r'name="csrfmiddlewaretoken" value="(\w+)"', answer.read().decode()
        )
        cookies = SimpleCookie("; ".join(answer.headers.get_all("Set-Cookie", [])))
        kept = "; ".join(
            f"{each.key}={each.value}"
            for each in cookies.values()
            if each.key.startswith("__Host-")
        )
        form = urlencode({"csrfmiddlewaretoken": token[1] if token else ""})
        headers = {"Cookie": kept, "Referer": f"https://{name}{path}"}
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        asked.request("POST", path, form, headers)
        if (status := asked.getresponse().status) != 302:
            raise RuntimeError(f"The mail's link answered {status}.")
        asked.close()


def missing_tools() -> Sequence[str]:
    return [package for name, package in TOOLS.items() if not shutil.which(name)]


@contextmanager
def elsewhere(names: Sequence[str]) -> Iterator[Elsewhere]:
    """Lay the networks of these machines, and let the others answer."""
    with ExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory(prefix="elsewhere-"))
        make_authority(Path(place))
        here, nets = stack.enter_context(street(names))
        found = Elsewhere(Path(place), here, nets)
        stack.callback(found.mail.server_close)
        stack.callback(found.mail.shutdown)
        stack.enter_context(authority(found.folder, here, found.hosts))
        yield found
