"""A certificate that nobody has signed, for trying TLS out on one machine."""

import ipaddress
import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from softphone.errors import ConfigError

__all__ = ["self_signed"]

LASTS = timedelta(days=365)
# One that is about to end is made anew at the next start.
LEFT = timedelta(days=7)


def self_signed(path: Path, names: Iterable[str]) -> Path:
    """Give a file with a certificate for these names and its key, made if there is none, or an old one.

    Raises
    ------
    ConfigError
        It cannot be written.
    """
    wanted = sorted(set(filter(None, names)))
    if not _is_good(path, wanted):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
                os.fchmod(file.fileno(), 0o600)  # of a file that was there the mode stays
                file.write(_made(wanted))
        except OSError as error:
            raise ConfigError(f"cannot write {path}: {error.strerror}") from error
    return path


def _is_good(path: Path, names: list[str]) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    return certificate.not_valid_after_utc - datetime.now(UTC) > LEFT and set(map(_name, names)) <= set(named)


def _made(names: list[str]) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + LASTS)
        .add_extension(x509.SubjectAlternativeName(map(_name, names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    unlocked = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, unlocked)
    return certificate.public_bytes(serialization.Encoding.PEM) + pem


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
