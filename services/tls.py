"""TLS between the services: certificates from files, as the environment names them.

Unix sockets stay plain: the file system says who may use them.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import grpc

from services.settings import SettingsError


@dataclass(frozen=True)
class TlsSettings:
    """Variables ROUTOR_TLS_*, all of them PEM files; none of them set means plain connections.

    `cert_file` (with its chain) and `key_file` are shown by a service to whoever calls it;
    `ca_file` is the authority that callers trust, and no other. The edge needs `ca_file` alone.
    A half setting is a SettingsError, and so are files that cannot be used.
    """

    PREFIX: ClassVar[str] = "ROUTOR_TLS_"

    cert_file: Path | None = None
    key_file: Path | None = None
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        """Refuse half a pair, and one who would call the others in plain."""
        if self.cert_file or self.key_file:
            self._need("cert_file", "key_file", "ca_file")

    def trusted(self) -> bytes | None:
        """Return the authority for gRPC channels; None for plain ones."""
        return _read(self._variable("ca_file"), self.ca_file) if self._context() else None

    def client(self) -> ssl.SSLContext | None:
        """Return how links call a service; None for in plain."""
        return self._context()

    def server(self) -> ssl.SSLContext | None:
        """Return how links are answered; None for in plain."""
        if not self.ca_file:
            return None
        # Who trusts an authority would be refused by services that show nothing.
        self._need("cert_file", "key_file")
        for name in ("cert_file", "key_file"):
            _read(self._variable(name), getattr(self, name))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            # With a password given, nobody is asked for one at the terminal.
            context.load_cert_chain(str(self.cert_file), self.key_file, password="-")  # noqa: S106
        except ssl.SSLError as failure:
            text = "no certificate and its key, without a password"
            names = f"{self._variable('cert_file')}, {self._variable('key_file')}"
            raise SettingsError(f"{names}: {text}: {failure}") from None
        return context

    def credentials(self) -> grpc.ServerCredentials | None:
        """Return how gRPC calls are answered; None for in plain."""
        if self.server() is None:
            return None
        key = _read(self._variable("key_file"), self.key_file)
        return grpc.ssl_server_credentials(
            [(key, _read(self._variable("cert_file"), self.cert_file))]
        )

    def _context(self) -> ssl.SSLContext | None:
        if not self.ca_file:
            return None
        _read(self._variable("ca_file"), self.ca_file)
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except ssl.SSLError as failure:
            fault = f"{self.ca_file} holds no certificates: {failure}"
            raise SettingsError(f"{self._variable('ca_file')}: {fault}") from None

    def _need(self, *names: str) -> None:
        missing = [self._variable(name) for name in names if not getattr(self, name)]
        if missing:
            told = "not set, but others of ROUTOR_TLS_* are"
            raise SettingsError("\n".join(f"{name}: {told}" for name in missing))

    def _variable(self, field: str) -> str:
        return f"{self.PREFIX}{field.upper()}"


PLAIN = TlsSettings()


def _read(variable: str, path: Path | None) -> bytes:
    try:
        return Path(path or "").read_bytes()
    except OSError as failure:
        raise SettingsError(f"{variable}: cannot read {str(path)!r}: {failure.strerror}") from None
