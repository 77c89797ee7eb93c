"""A temporary certificate authority for one run of measurements or tests."""

from __future__ import annotations

import ipaddress
import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import botocore
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_VALID: Final = timedelta(days=1)


class Authority:
    """A certificate authority.

    Args:
        directory: Directory for its files.

    Attributes:
        bundle: PEM file with its certificate, for ``AWS_CA_BUNDLE``.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("An authority of one run")
        root = (
            self._builder(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False
            )
        )
        self.bundle = directory / "authority.pem"
        self.bundle.write_bytes(self._signed(root))

    def certificate(self, name: str) -> Path:
        """Create a server's certificate and key, and return their file.

        Args:
            name: Host name or IP address of the server.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        named: x509.GeneralName = x509.DNSName(name)
        with suppress(ValueError):
            named = x509.IPAddress(ipaddress.ip_address(name))
        leaf = self._builder(_name("server"), key).add_extension(
            x509.SubjectAlternativeName([named]), critical=False
        )
        file = self._directory / f"{name}.pem"
        file.write_bytes(
            self._signed(leaf)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return file

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _VALID)
            .not_valid_after(now + _VALID)
        )

    def _signed(self, builder: x509.CertificateBuilder) -> bytes:
        signed = builder.sign(self._key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM)


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files of certificates.

    Attributes:
        bundle: The SDK's CA certificates and one more, for ``AWS_CA_BUNDLE``. With all of them,
            reading the bundle takes as long as on AWS.
        server: Certificate and key of a server at 127.0.0.1.
    """

    bundle: Path
    server: Path

    @classmethod
    def make(cls, directory: Path) -> Certificates:
        """Create an authority and a server's certificate in ``directory``."""
        authority = Authority(directory)
        own = Path(botocore.__file__).with_name("cacert.pem").read_bytes()
        bundle = directory / "bundle.pem"
        bundle.write_bytes(own + b"\n" + authority.bundle.read_bytes())
        return cls(bundle, authority.certificate("127.0.0.1"))


def server_context(certificate: Path) -> ssl.SSLContext:
    """Return a TLS context for a server with the certificate in ``certificate``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
