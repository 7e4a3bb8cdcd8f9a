"""Keys, certificates and tokens that the cluster is given."""

import base64
import datetime as dt
import json

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from infra.pulsar.credentials import TokenKeys, make_tls, make_token_keys
from infra.pulsar.roles import ROLES

NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def keys() -> TokenKeys:
    return make_token_keys()


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def check(keys: TokenKeys, token: str) -> dict[str, object]:
    """The claims, if the public half finds the signature right."""
    signed, _, signature = token.rpartition(".")
    public = serialization.load_der_public_key(keys.public_der)
    assert isinstance(public, rsa.RSAPublicKey)
    public.verify(decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return dict(json.loads(decoded(signed.split(".")[1])))


def test_a_token_names_its_role_and_is_signed(keys: TokenKeys) -> None:
    assert {role: check(keys, token)["sub"] for role, token in keys.tokens().items()} == {
        role: role for role in ROLES
    }


def test_a_token_may_end(keys: TokenKeys) -> None:
    assert check(keys, keys.token("worker", expires=NOW))["exp"] == int(NOW.timestamp())


def test_a_token_of_another_key_is_not_believed(keys: TokenKeys) -> None:
    with pytest.raises(InvalidSignature):
        check(keys, make_token_keys().token("admin"))


def test_a_certificate_names_hosts_and_addresses_and_is_signed_by_its_authority() -> None:
    tls = make_tls(["*.eu-central-1.compute.internal", "10.42.0.9"], now=NOW, days=30)
    certificate = x509.load_pem_x509_certificate(tls.certificate.encode())
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(tls.ca.encode()))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["*.eu-central-1.compute.internal"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["10.42.0.9"]
    assert certificate.not_valid_after_utc == NOW + dt.timedelta(days=30)


def test_the_key_is_in_the_form_that_java_reads() -> None:
    assert make_tls(["a"], now=NOW).key.startswith("-----BEGIN PRIVATE KEY-----")
