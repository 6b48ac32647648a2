"""Digest authentication, both sides (RFC 7616, RFC 3261 §22, RFC 8760): MD5 and SHA-256, qop=auth.

The server keeps nothing for a challenge: a nonce carries its own time and a MAC. What it keeps, within bounds, is how
far each nonce has been used by somebody who knew the password.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from sip.grammar import SipError, quote, unquote
from sip.uri import Uri

HEADERS = {401: ("WWW-Authenticate", "Authorization"), 407: ("Proxy-Authenticate", "Proxy-Authorization")}
"""Status of the challenge → the header that challenges, the header that answers."""

ALGORITHMS = ("SHA-256", "MD5")
MAX_PARAMS = 32
_ONCE_ONLY = 2**32  # beyond every nc: the nonce is spent

_PARAM = re.compile(
    r"[ \t]*+([A-Za-z0-9\-.!%*_+`'~]++)[ \t]*+=[ \t]*+(\"[^\"\\]*+(?:\\.[^\"\\]*+)*\"|[^\s\",]++)[ \t]*+(,|$)",
    re.DOTALL,
)
_HEX = re.compile(r"[0-9a-fA-F]++").fullmatch


class Secret(Protocol):
    """What proves an account: the password, or HA1 by algorithm."""

    @property
    def password(self) -> str | None: ...
    @property
    def ha1(self) -> Mapping[str, str]: ...


def _digest_params(value: str) -> dict[str, str]:
    """The parameters of a Digest challenge or answer, quotes taken off. Raises `SipError` (400) for another scheme,
    for bad syntax and for a parameter given twice."""
    scheme, _, rest = value.partition(" ")
    if scheme.lower() != "digest":
        raise SipError(400, "Unknown authentication scheme")
    params: dict[str, str] = {}
    position = 0
    while True:
        match = _PARAM.match(rest, position)
        if match is None or match[1].lower() in params or len(params) >= MAX_PARAMS:
            raise SipError(400, "Bad digest parameters")
        params[match[1].lower()] = unquote(match[2])
        position = match.end()
        if match[3] == "":
            return params


@dataclass(slots=True, frozen=True)
class Challenge:
    """One WWW-Authenticate or Proxy-Authenticate."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    qop: tuple[str, ...] = ("auth",)  # empty: RFC 2069
    opaque: str = ""
    stale: bool = False

    @classmethod
    def parse(cls, value: str) -> Challenge:
        """Raises `SipError` (400)."""
        params = _digest_params(value)
        if "realm" not in params or not params.get("nonce"):
            raise SipError(400, "Bad challenge")
        return cls(
            params["realm"],
            params["nonce"],
            params.get("algorithm", "MD5").upper(),
            tuple([word.strip().lower() for word in params.get("qop", "").split(",") if word.strip()]),
            params.get("opaque", ""),
            params.get("stale", "").lower() == "true",
        )

    def __str__(self) -> str:
        text = f"Digest realm={quote(self.realm)}, nonce={quote(self.nonce)}, algorithm={self.algorithm}"
        if self.qop:
            text += f", qop={quote(','.join(self.qop))}"
        if self.opaque:
            text += f", opaque={quote(self.opaque)}"
        return f"{text}, stale=true" if self.stale else text


@dataclass(slots=True, frozen=True)
class Authorization:
    """One Authorization or Proxy-Authorization."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str  # hexadecimal, in lower case
    algorithm: str = "MD5"
    cnonce: str = ""
    nc: int = 0  # 0: without qop
    opaque: str = ""

    @classmethod
    def parse(cls, value: str) -> Authorization:
        """Raises `SipError` (400)."""
        params = _digest_params(value)
        try:
            username, realm, nonce = params["username"], params["realm"], params["nonce"]
            uri, response = params["uri"], params["response"].lower()
        except KeyError as error:
            raise SipError(400, f"Digest without {error.args[0]}") from None
        qop, cnonce, nc = params.get("qop"), params.get("cnonce", ""), params.get("nc", "")
        counted = bool(len(nc) == 8 and _HEX(nc) and int(nc, 16) and cnonce)
        if not _HEX(response) or (qop is not None and (qop.lower() != "auth" or not counted)):
            raise SipError(400, "Bad digest parameters")
        return cls(
            username,
            realm,
            nonce,
            uri,
            response,
            params.get("algorithm", "MD5").upper(),
            cnonce,
            int(nc, 16) if qop is not None else 0,
            params.get("opaque", ""),
        )

    def __str__(self) -> str:
        text = (
            f"Digest username={quote(self.username)}, realm={quote(self.realm)}, nonce={quote(self.nonce)}, "
            f'uri={quote(self.uri)}, response="{self.response}", algorithm={self.algorithm}'
        )
        if self.nc:
            text += f", cnonce={quote(self.cnonce)}, qop=auth, nc={self.nc:08x}"
        return f"{text}, opaque={quote(self.opaque)}" if self.opaque else text


# -------------------------------------------------------------------------------------------------------- digests


def _hash(algorithm: str, text: str) -> str:
    data = text.encode("utf-8", "surrogateescape")
    if algorithm == "SHA-256":
        return hashlib.sha256(data).hexdigest()
    return hashlib.md5(data, usedforsecurity=False).hexdigest()  # old phones know nothing else


def ha1(algorithm: str, user: str, realm: str, password: str) -> str:
    """What may be stored in place of a password."""
    return _hash(algorithm, f"{user}:{realm}:{password}")


def response(secret: str, claim: Authorization, method: str) -> str:
    """The digest that `claim` ought to hold, given its HA1 (RFC 7616 §3.4.1; RFC 2069 without qop)."""
    ha2 = _hash(claim.algorithm, f"{method}:{claim.uri}")
    middle = f"{claim.nonce}:{claim.nc:08x}:{claim.cnonce}:auth" if claim.nc else claim.nonce
    return _hash(claim.algorithm, f"{secret}:{middle}:{ha2}")


def answer(
    challenges: Sequence[str],
    user: str,
    password: str,
    method: str,
    uri: str,
    *,
    cnonce: str,
    realm: str | None = None,
    nc: int = 1,
) -> str | None:
    """The Authorization for the first challenge we can and may answer (RFC 8760 §2.4: the challenger's order counts);
    None if there is none. With `realm`, no other realm gets an answer: a digest of ours is a present to whoever asks
    for it."""
    for value in challenges:
        try:
            challenge = Challenge.parse(value)
        except SipError:
            continue
        usable = challenge.algorithm in ALGORITHMS and (not challenge.qop or "auth" in challenge.qop)
        if not usable or realm not in (None, challenge.realm):
            continue
        claim = Authorization(
            user,
            challenge.realm,
            challenge.nonce,
            uri,
            "",
            challenge.algorithm,
            cnonce if challenge.qop else "",
            nc if challenge.qop else 0,
            challenge.opaque,
        )
        secret = ha1(claim.algorithm, user, claim.realm, password)
        return str(replace(claim, response=response(secret, claim, method)))
    return None


# --------------------------------------------------------------------------------------------------------- server


@dataclass(slots=True, frozen=True)
class Verdict:
    """`ok`: `user` has proved himself. `missing`: no credentials for us that can be read. `stale`: the nonce is
    expired, spent or not ours: challenge again with stale=true (RFC 7616 §3.3), be the rest right or wrong, which is
    nobody's to learn by nonces of his own. `wrong`: the nonce was good, user or password is not."""

    outcome: Literal["ok", "missing", "stale", "wrong"]
    user: str = ""


class Authenticator:
    """The server's side. `key` (32 random octets) signs the nonces: who lacks it cannot make one.

    A nonce lives `lifetime_s` seconds and serves the address it was given to; with qop its nc must rise at each use,
    without qop (MD5 only, for phones of RFC 2069) it serves once. `max_nonces` bounds the memory; when it is full the
    oldest is forgotten and every nonce of its age or older is stale from then on, so that nothing can be replayed.
    """

    def __init__(self, realm: str, key: bytes, *, lifetime_s: float = 300.0, max_nonces: int = 20_000) -> None:
        self.realm = realm
        self.lifetime_s = lifetime_s
        self._key = key
        self._max_nonces = max_nonces
        self._used: OrderedDict[str, int] = OrderedDict()  # nonce → its highest nc, oldest use first
        self._oldest_ms = 0
        self._serial = 0

    def challenges(self, algorithms: Sequence[str], source: str, now: float, *, stale: bool = False) -> list[str]:
        """One WWW-Authenticate value per algorithm, in that order, sharing one nonce. `source` is the address asking,
        `now` in seconds."""
        nonce = self._nonce(source, now)
        return [str(Challenge(self.realm, nonce, algorithm, stale=stale)) for algorithm in algorithms]

    def check(
        self,
        values: Sequence[str],
        method: str,
        uri: str,
        source: str,
        now: float,
        algorithms: Sequence[str],
        find: Callable[[str], Secret | None],
    ) -> Verdict:
        """Judge the Authorization values of a request. The work is the same whether or not `find` knows the user."""
        claim = self._claim(values, algorithms)
        if claim is None:
            return Verdict("missing")
        account = find(claim.username)
        computed = ha1(claim.algorithm, claim.username, self.realm, (account and account.password) or "")
        stored = account.ha1.get(claim.algorithm) if account else None
        right = hmac.compare_digest(response(stored or computed, claim, method), claim.response)
        may = account is not None and (stored is not None or account.password is not None)
        fresh = self._fresh(claim.nonce, source, now)
        if fresh and not (right and may and _same_resource(claim, uri)):
            return Verdict("wrong", claim.username)
        if not (fresh and self._use(claim)):
            return Verdict("stale", claim.username)
        return Verdict("ok", claim.username)

    def _claim(self, values: Sequence[str], algorithms: Sequence[str]) -> Authorization | None:
        """The one claim for our realm, by an algorithm that was offered; two of them are none."""
        claims = []
        for value in values:
            try:
                claim = Authorization.parse(value)
            except SipError:
                continue
            if claim.realm == self.realm:
                claims.append(claim)
        if len(claims) != 1:
            return None
        claim = claims[0]
        usable = claim.algorithm in algorithms and claim.algorithm in ALGORITHMS
        return claim if usable and (claim.nc or claim.algorithm == "MD5") else None

    # A nonce is: milliseconds in 12 digits, serial in 8, MAC of both and the source in 32, all hexadecimal.

    def _nonce(self, source: str, now: float) -> str:
        self._serial = (self._serial + 1) & 0xFFFFFFFF
        stamp = f"{int(now * 1000) & 0xFFFFFFFFFFFF:012x}{self._serial:08x}"
        return stamp + self._mac(stamp, source)

    def _mac(self, stamp: str, source: str) -> str:
        data = f"{stamp} {source}".encode("utf-8", "surrogateescape")
        return hmac.digest(self._key, data, "sha256").hex()[:32]

    def _fresh(self, nonce: str, source: str, now: float) -> bool:
        stamp = nonce[:20]
        if not (len(nonce) == 52 and nonce.isascii() and hmac.compare_digest(self._mac(stamp, source), nonce[20:])):
            return False
        issued_ms = int(stamp[:12], 16)
        return issued_ms >= self._oldest_ms and 0 <= int(now * 1000) - issued_ms <= self.lifetime_s * 1000

    def _use(self, claim: Authorization) -> bool:
        """Count this use of the nonce. False if it was used that far before."""
        count = claim.nc or _ONCE_ONLY
        if count <= self._used.get(claim.nonce, 0):
            return False
        self._used[claim.nonce] = count
        self._used.move_to_end(claim.nonce)
        if len(self._used) > self._max_nonces:
            forgotten, _ = self._used.popitem(last=False)
            self._oldest_ms = max(self._oldest_ms, int(forgotten[:12], 16) + 1)
        return True


def _same_resource(claim: Authorization, requested: str) -> bool:
    """A digest is good for the Request-URI it was made for (RFC 7616 §3.4.6). Parameters may differ, and phones of RFC
    2069 name their server whatever they ask for (pyVoIP): their nonce serves once and one address only."""
    if claim.uri == requested:
        return True
    try:
        one, other = Uri.parse(claim.uri), Uri.parse(requested)
    except SipError:
        return False
    if claim.nc == 0 and one.user is None:
        return one.host.lower() == other.host.lower()
    return one.aor == other.aor and one.port == other.port
