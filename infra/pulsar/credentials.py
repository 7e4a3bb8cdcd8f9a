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
AUTHORITY_DAYS: Final = 3_650
CLOCK_SKEW: Final = dt.timedelta(minutes=5)
_SERVER_AUTH: Final = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])


@dataclass(frozen=True, kw_only=True)
class Tls:
    """A server's certificate with its key, and the authority that clients trust; all PEM."""

    ca: str
    certificate: str
    key: str


@dataclass(frozen=True, kw_only=True)
class Authority:
    """Who signs servers' certificates: what clients trust, and the key to it; both PEM.

    A certificate names its authority by the authority's key (RFC 5280, 4.2.1.1): of several that
    are trusted together, its own is found.
    """

    certificate: str
    key: str

    @property
    def ends(self) -> dt.datetime:
        """When what it has signed is no longer trusted."""
        return self._certificate.not_valid_after_utc

    def sign(
        self, hosts: Sequence[str], *, now: dt.datetime, days: int = CERTIFICATE_DAYS_DEFAULT
    ) -> Tls:
        """Return a fresh key and its certificate for host names and addresses."""
        own = self._certificate
        authority_key = serialization.load_pem_private_key(self.key.encode(), password=None)
        assert isinstance(authority_key, ec.EllipticCurvePrivateKey)
        by = own.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(_name("pulsar"), own.subject, now, days, key)
            .add_extension(x509.SubjectAlternativeName([_general(host) for host in hosts]), False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(by), critical=False
            )
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(_SERVER_AUTH, critical=False)
            .sign(authority_key, hashes.SHA256())
        )
        return Tls(ca=self.certificate, certificate=_text(certificate), key=_pem(key))

    @property
    def _certificate(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.certificate.encode())


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


def make_authority(*, now: dt.datetime) -> Authority:
    """Return a fresh authority, which is trusted by whoever has its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"Sluice Pulsar authority of {now:%Y-%m-%d}")
    certificate = (
        _builder(name, name, now, AUTHORITY_DAYS, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate=_text(certificate), key=_pem(key))


def make_tls(
    hosts: Sequence[str], *, now: dt.datetime, days: int = CERTIFICATE_DAYS_DEFAULT
) -> Tls:
    """Return a certificate for host names and addresses, by an authority of its own."""
    return make_authority(now=now).sign(hosts, now=now, days=days)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    now: dt.datetime,
    days: int,
    key: ec.EllipticCurvePrivateKey,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + dt.timedelta(days=days))
        .public_key(key.public_key())
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _text(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


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
