"""A certificate authority that is made for one measurement and forgotten after it."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import botocore
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

_VALID: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files in PEM.

    Attributes:
        bundle: The SDK's own CA certificates and this authority's, for ``AWS_CA_BUNDLE``: a client
            that reads it has as much to read as on AWS.
        server: Certificate and key of a server at 127.0.0.1.
    """

    bundle: Path
    server: Path

    @classmethod
    def make(cls, directory: Path) -> Certificates:
        """Make an authority and a server's certificate in ``directory``."""
        authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        authority = _name("benchmark CA")
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        root = (
            _builder(authority, authority, authority_key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()),
                critical=False,
            )
        )
        leaf = _builder(_name("127.0.0.1"), authority, server_key.public_key()).add_extension(
            x509.SubjectAlternativeName([address]), critical=False
        )
        made = cls(directory / "bundle.pem", directory / "server.pem")
        own = Path(botocore.__file__).with_name("cacert.pem").read_bytes()
        made.bundle.write_bytes(own + b"\n" + _signed(root, authority_key))
        key = server_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        made.server.write_bytes(_signed(leaf, authority_key) + key)
        return made


def server_context(server: Path) -> ssl.SSLContext:
    """Return what a server presents the certificate in the file ``server`` with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server)
    return context


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _VALID)
        .not_valid_after(now + _VALID)
    )


def _signed(builder: x509.CertificateBuilder, key: CertificateIssuerPrivateKeyTypes) -> bytes:
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
