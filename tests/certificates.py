"""An authority of our own, and what it signs for services on this machine."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.tls import TlsSettings


def signed(folder, name="authority", *, host="127.0.0.1", days=1):
    """Make an authority and a certificate for a host; return the settings that name them.

    With negative `days` the certificate has expired.
    """
    ours, theirs = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _certificate(name, ours, name, ours)
    service = _certificate("routor", theirs, name, ours, host, days)
    key = theirs.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    texts = {"cert": _pem(service), "key": key, "ca": _pem(authority)}
    for part, text in texts.items():
        (folder / f"{name}-{part}.pem").write_bytes(text)
    return TlsSettings(*(folder / f"{name}-{part}.pem" for part in texts))


def environ(tls):
    """Return the settings as variables."""
    return {
        "ROUTOR_TLS_CERT_FILE": str(tls.cert_file),
        "ROUTOR_TLS_KEY_FILE": str(tls.key_file),
        "ROUTOR_TLS_CA_FILE": str(tls.ca_file),
    }


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def _certificate(name, key, issuer, issuer_key, host="127.0.0.1", days=1):
    now, own = datetime.now(UTC), key is issuer_key
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=9))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=own, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    if own:
        return made.add_extension(_SIGNS, critical=True).sign(issuer_key, hashes.SHA256())
    names = [x509.DNSName(host)]
    if host == "127.0.0.1":
        names = [x509.IPAddress(ip_address(host)), x509.DNSName("localhost")]
    return made.add_extension(x509.SubjectAlternativeName(names), critical=False).sign(
        issuer_key, hashes.SHA256()
    )


_SIGNS = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=True,
    crl_sign=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)
