"""A mail server and a receiver of webhooks for tests, on loopback: real sockets, real TLS, and all that arrives is kept."""

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

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session
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


class MailServer(Controller):
    """The server of aiosmtpd, which keeps the letters that it takes, and is the handler of its own events.

    security: starttls, tls or none. logins: user to password; none: everybody may send. refuses: recipient to the answer.
    """

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
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if pem:
            context.load_cert_chain(pem)
        super().__init__(
            self,
            HOST,
            0,
            server_hostname="localhost",
            ready_timeout=60,
            ssl_context=context if security == "tls" else None,
            tls_context=context if security == "starttls" else None,
            require_starttls=security == "starttls",
            auth_require_tls=security != "tls",  # it knows of STARTTLS only
            authenticator=self.login,
        )

    def _trigger_server(self) -> None:
        """The port is known as soon as it listens; aiosmtpd would connect to port 0 to see whether it does."""
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()

    def login(self, _server: Any, _session: Session, _envelope: Envelope, _mechanism: str, given: LoginPassword) -> AuthResult:
        """A refusal repeats what it was sent by PLAIN and by LOGIN, as no server should and a log of one may."""
        name, password = given.login.decode(), given.password.decode()
        if self.logins.get(name) == password:
            return AuthResult(success=True, auth_data=given)
        sent = " ".join(base64.b64encode(text.encode()).decode() for text in (f"\0{name}\0{password}", password))
        return AuthResult(success=False, handled=False, message=f"535 5.7.8 bad login {sent} for {name} {password}")

    async def handle_RCPT(self, _server: Any, session: Session, envelope: Envelope, address: str, _options: Any) -> str:  # noqa: N802
        """What is answered to a recipient."""
        if self.logins and not session.authenticated:
            return "530 5.7.0 login first"
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """What is answered to a letter."""
        if self.rejects_content:
            return self.rejects_content
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        encrypted = server.transport.get_extra_info("ssl_object") is not None
        user = session.auth_data.login.decode() if session.authenticated else ""
        self.letters.append(Letter(envelope.rcpt_tos, message, encrypted, user))
        return "250 taken"


class Hook:
    """A receiver of webhooks, which answers with `status` and `body`, in which {path} is the request's, and keeps
    what was posted where it is good."""

    def __init__(self) -> None:
        self.posted: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.status, self.body = 200, "ok"
        self.headers: dict[str, str] = {}
        self.silent = False
        self.over = threading.Event()

    def start(self) -> None:
        """Listens, on a port of its own."""
        hook = self

        class _Request(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):  # a client that ends the conversation, or that does not trust the certificate
                    hook.talk(self.request)

        class _Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

        self.server = _Server((HOST, 0), _Request)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        """Listens no more, and keeps nobody waiting."""
        self.over.set()
        self.server.shutdown()
        self.server.server_close()

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
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()
