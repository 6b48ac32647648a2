"""TLS for SIP: which certificate we show, whom we believe (RFC 3261 §26.3, RFC 5922)."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True, frozen=True)
class Tls:
    """The files of one listener, all PEM. Without `ca` the system's authorities are believed."""

    certificate: Path | None = None  # ours, with the chain that leads to it
    key: Path | None = None  # its key; may stand in the certificate's file
    ca: Path | None = None
    verify_client: bool = False  # who connects to us must show a certificate of `ca`


@dataclass(slots=True, frozen=True)
class Contexts:
    """For the connections that begin from now on."""

    server: ssl.SSLContext | None  # None: no certificate, nobody can connect to us
    client: ssl.SSLContext


def contexts(tls: Tls) -> Contexts:
    """Read the files. Raises `OSError` (`ssl.SSLError` is one) naming what cannot be used."""
    client = _new(ssl.PROTOCOL_TLS_CLIENT)  # checks certificate and name
    if tls.ca is not None:
        _believe(client, tls.ca)
    else:
        client.load_default_certs()
    if tls.certificate is None:
        return Contexts(None, client)
    _show(client, tls.certificate, tls.key)
    server = _new(ssl.PROTOCOL_TLS_SERVER)
    _show(server, tls.certificate, tls.key)
    if tls.verify_client:
        if tls.ca is not None:
            _believe(server, tls.ca)
        else:
            server.load_default_certs(ssl.Purpose.CLIENT_AUTH)
        server.verify_mode = ssl.CERT_REQUIRED
    return Contexts(server, client)


def _new(kind: int) -> ssl.SSLContext:
    context = ssl.SSLContext(kind)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    return context


def _show(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except OSError as error:
        raise OSError(f"certificate {certificate} with key {key or certificate}: {_why(error)}") from None


def _believe(context: ssl.SSLContext, ca: Path) -> None:
    try:
        context.load_verify_locations(ca)
    except OSError as error:
        raise OSError(f"certificates of authorities {ca}: {_why(error)}") from None


def _no_password() -> bytes:
    """OpenSSL would ask at the terminal for the password of an encrypted key."""
    return b""


def _why(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or "not usable"
    return error.strerror or str(error)
