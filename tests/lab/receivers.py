"""A mail server and a receiver of webhooks for tests, on loopback: real sockets, real TLS, and all that arrives is kept.

They speak the parts of SMTP (RFC 5321, STARTTLS, AUTH) and HTTP that a client needs, and nothing else; they are no servers for mail.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import email
import email.policy
import http.server
import ipaddress
import json
import socketserver
import ssl
import threading
from collections.abc import Iterator, Mapping
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HOST = "127.0.0.1"


class Letter(NamedTuple):
    """A mail as it arrived."""

    to: list[str]
    message: EmailMessage
    encrypted: bool
    user: str


def certificate(directory: Path, days: int = 2) -> Path:
    """A new certificate for 127.0.0.1 that is its own authority, with its key in the same file. days: until it expires; may be negative."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receiver of a test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = [x509.IPAddress(ipaddress.ip_address(HOST)), x509.DNSName("localhost")]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=30))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = directory / "certificate.pem"
    path.write_bytes(made.public_bytes(pem) + private)
    return path


class MailServer:
    """security: starttls, tls or none. logins: user to password; none: everybody may send. refuses: recipient to the answer."""

    def __init__(
        self,
        pem: Path | None = None,
        security: str = "none",
        logins: Mapping[str, str] | None = None,
        refuses: Mapping[str, str] | None = None,
    ) -> None:
        self.letters: list[Letter] = []
        self.security, self.logins, self.refuses = security, dict(logins or {}), dict(refuses or {})
        self.rejects_content = ""
        self.silent = False
        self.rude = False  # it accepts, and closes the connection instead of saying good-bye
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if pem:
            self.context.load_cert_chain(pem)
        self.port = 0
        self.over = threading.Event()

    def talk(self, connection: Any) -> None:
        """One conversation."""
        if self.silent:
            self.over.wait(60)
            return
        encrypted = self.security == "tls"
        talk = _Talk(self, self.context.wrap_socket(connection, server_side=True) if encrypted else connection, encrypted)
        talk.say("220 a mail server of a test")
        while not talk.ended and (line := talk.lines.readline().decode().strip()):
            verb, _space, rest = line.partition(" ")
            getattr(talk, verb.lower(), talk.other)(rest)


class _Talk:
    """A conversation with a client: a method for each of its commands."""

    def __init__(self, server: MailServer, connection: Any, encrypted: bool) -> None:
        self.server, self.ended = server, False
        self.user, self.to = "", list[str]()
        self._over(connection, encrypted)

    def _over(self, connection: Any, encrypted: bool) -> None:
        self.connection, self.lines, self.encrypted = connection, connection.makefile("rb"), encrypted

    def say(self, text: str) -> None:
        self.connection.sendall(text.encode() + b"\r\n")

    def ehlo(self, _rest: str) -> None:
        self.say(f"250-here\r\n250 {'STARTTLS' if self.server.security == 'starttls' and not self.encrypted else 'AUTH PLAIN'}")

    def starttls(self, _rest: str) -> None:
        self.say("220 go on")
        self._over(self.server.context.wrap_socket(self.connection, server_side=True), True)

    def auth(self, rest: str) -> None:
        """A refusal repeats what it was sent, as no server should and a log of one may."""
        _nothing, name, password = base64.b64decode(rest.split()[1]).decode().split("\0")
        self.user = name if self.server.logins.get(name) == password else ""
        self.say("235 welcome" if self.user else f"535 5.7.8 bad login {rest} for {name} {password}")

    def mail(self, _rest: str) -> None:
        self.to = []
        self.say("250 ok" if self.user or not self.server.logins else "530 5.7.0 login first")

    def rcpt(self, rest: str) -> None:
        recipient = rest.partition("<")[2].partition(">")[0]
        self.to += [] if recipient in self.server.refuses else [recipient]
        self.say(self.server.refuses.get(recipient, "250 ok"))

    def data(self, _rest: str) -> None:
        self.say("354 go on")
        data = b""
        while (part := self.lines.readline()) not in (b".\r\n", b""):
            data += part.removeprefix(b".") if part.startswith(b"..") else part
        if self.server.rejects_content:
            self.say(self.server.rejects_content)
            return
        message = email.message_from_bytes(data, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.server.letters.append(Letter(self.to, message, self.encrypted, self.user))
        self.say("250 taken")
        self.ended = self.server.rude

    def quit(self, _rest: str) -> None:
        self.say("221 bye")
        self.ended = True

    def other(self, _rest: str) -> None:
        self.say("250 ok")


class Hook:
    """A receiver of webhooks, which answers with `status` and `body`, in which {path} is the request's, and keeps
    what was posted where it is good."""

    def __init__(self) -> None:
        self.posted: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.status, self.body = 200, "ok"
        self.headers: dict[str, str] = {}
        self.silent = False
        self.port = 0
        self.over = threading.Event()

    def talk(self, connection: Any) -> None:
        """One conversation."""
        hook = self

        class _Request(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                posted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hook.paths.append(self.path)
                if hook.silent:
                    hook.over.wait(60)
                    return
                if hook.status == 200:
                    hook.posted.append(posted)
                self.send_response(hook.status)
                for name, value in hook.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(hook.body.replace("{path}", self.path).encode())

            def log_message(self, *_words: object) -> None:
                """Nothing is logged."""

        _Request(connection, (HOST, 0), None)  # type: ignore[arg-type]


@contextlib.contextmanager
def listening(receiver: Any) -> Iterator[Any]:
    """The receiver listens, on a port of its own."""

    class _Request(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):  # a client that ends the conversation, or that does not trust the certificate
                receiver.talk(self.request)

    class _Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with _Server((HOST, 0), _Request) as server:
        receiver.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield receiver
        finally:
            receiver.over.set()
            server.shutdown()
