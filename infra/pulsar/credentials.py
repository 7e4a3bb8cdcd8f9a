"""Keys, certificates and tokens of a cluster, made anew."""

import base64
import datetime as dt
import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from infra.pulsar.roles import ROLES

RSA_BITS: Final = 2_048
CERTIFICATE_DAYS_DEFAULT: Final = 397
CA_DAYS: Final = 3_650
CLOCK_SKEW: Final = dt.timedelta(minutes=5)
_SERVER_AUTH: Final = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])


@dataclass(frozen=True, kw_only=True)
class Tls:
    """A server's certificate with its key, and the authority that clients trust; all PEM."""

    ca: str
    certificate: str
    key: str


@dataclass(frozen=True, kw_only=True)
class TokenKeys:
    """What signs tokens and what checks them."""

    private_pem: str
    public_der: bytes

    def token(self, role: str, *, expires: dt.datetime | None = None) -> str:
        """Return a signed token of a role (RFC 7519, RS256), valid for ever or until `expires`."""
        claims: dict[str, Any] = {"sub": role}
        if expires is not None:
            claims["exp"] = int(expires.timestamp())
        signed = ".".join(_part(each) for each in ({"alg": "RS256", "typ": "JWT"}, claims))
        signature = _rsa(self.private_pem).sign(
            signed.encode(), padding.PKCS1v15(), hashes.SHA256()
        )
        return f"{signed}.{_base64(signature)}"

    def tokens(self, roles: Sequence[str] = ROLES) -> Mapping[str, str]:
        """Return a token of each role."""
        return {role: self.token(role) for role in roles}


def make_token_keys() -> TokenKeys:
    """Return a fresh pair."""
    return _pair(rsa.generate_private_key(public_exponent=65_537, key_size=RSA_BITS))


def token_keys_of(private_pem: str) -> TokenKeys:
    """Return the pair of a private key. Raises TypeError or ValueError for what is none."""
    return _pair(_rsa(private_pem))


def _rsa(private_pem: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(private_pem.encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("tokens are signed by an RSA key")
    return key


def _pair(key: rsa.RSAPrivateKey) -> TokenKeys:
    return TokenKeys(
        private_pem=_pem(key),
        public_der=key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
    )


def make_tls(
    hosts: Sequence[str], *, now: dt.datetime, days: int = CERTIFICATE_DAYS_DEFAULT
) -> Tls:
    """Return a certificate for host names and addresses, by an authority whose key is forgotten.

    Nobody can sign a second certificate that the clients would trust: a new one comes with a new
    authority, and both are trusted while clients change over.
    """
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = _name("Sluice Pulsar authority")
    ca = (
        _builder(issuer, issuer, now, CA_DAYS)
        .public_key(ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    certificate = (
        _builder(_name("pulsar"), issuer, now, days)
        .public_key(key.public_key())
        .add_extension(x509.SubjectAlternativeName([_general(host) for host in hosts]), False)
        .add_extension(_SERVER_AUTH, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    return Tls(
        ca=ca.public_bytes(serialization.Encoding.PEM).decode(),
        certificate=certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key=_pem(key),
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, now: dt.datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + dt.timedelta(days=days))
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _part(value: Mapping[str, Any]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
