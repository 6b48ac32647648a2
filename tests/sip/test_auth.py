"""Digest: the RFCs' own vectors, then what an attacker tries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sip.auth import Authenticator, Authorization, Challenge, Verdict, answer, ha1, response
from sip.grammar import SipError

KEY = bytes(range(32))
BOTH = ("SHA-256", "MD5")


@dataclass
class Known:
    password: str | None = None
    ha1: Mapping[str, str] = field(default_factory=dict)


ACCOUNTS = {
    "desk-17": Known("s3cret"),
    "desk-18": Known(ha1={"MD5": ha1("MD5", "desk-18", "bank", "other")}),
    "nobody": Known(),
}


def server(**settings_: int) -> Authenticator:
    return Authenticator("bank", KEY, **settings_)


def credentials(
    challenges: list[str], user: str = "desk-17", password: str = "s3cret", uri: str = "sip:bank", nc: int = 1
) -> str:
    value = answer(challenges, user, password, "REGISTER", uri, cnonce="0a4f", nc=nc)
    assert value is not None
    return value


def judge(
    auth: Authenticator,
    *values: str,
    now: float = 10.0,
    source: str = "10.0.0.5",
    uri: str = "sip:bank",
    method: str = "REGISTER",
    algorithms: tuple[str, ...] = BOTH,
) -> str:
    return auth.check(values, method, uri, source, now, algorithms, ACCOUNTS.get).outcome


def challenge(auth: Authenticator, algorithms: tuple[str, ...] = BOTH, now: float = 10.0) -> list[str]:
    return auth.challenges(algorithms, "10.0.0.5", now)


def without_qop(challenges: list[str]) -> list[str]:
    """As a client of RFC 2069 reads it: MD5, and no qop."""
    return [str(replace(Challenge.parse(value), qop=())) for value in challenges if "MD5" in value]


# ------------------------------------------------------------------------------------------------------- vectors


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_rfc_7616_section_3_9_1(algorithm: str, expected: str) -> None:
    claim = Authorization(
        "Mufasa", "http-auth@example.org", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "/dir/index.html", "",
        algorithm, "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", 1,
    )  # fmt: skip
    secret = ha1(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life")
    assert response(secret, claim, "GET") == expected


def test_rfc_2617_section_3_5_and_its_form_without_qop() -> None:
    claim = Authorization(
        "Mufasa",
        "testrealm@host.com",
        "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        "/dir/index.html",
        "",
        "MD5",
        "0a4f113b",
        1,
    )
    secret = ha1("MD5", "Mufasa", "testrealm@host.com", "Circle Of Life")
    assert secret == "939e7578ed9e3c518a452acee763bce9"
    assert response(secret, claim, "GET") == "6629fae49393a05397450978507c4ef1"
    assert response(secret, replace(claim, nc=0), "GET") == "670fd8c2df070c60b045671b8b24ff02"


# -------------------------------------------------------------------------------------------------------- values


def test_a_challenge_is_written_and_read() -> None:
    value = 'Digest realm="a \\"b\\"", nonce="n", algorithm=SHA-256, qop="auth,auth-int", opaque="o", stale=true'
    read = Challenge.parse(value)
    assert read == Challenge('a "b"', "n", "SHA-256", ("auth", "auth-int"), "o", stale=True)
    assert str(read) == value
    assert Challenge.parse("digest nonce=n,realm=r") == Challenge("r", "n", "MD5", ())


@pytest.mark.parametrize(
    "value",
    ["", "Digest", "Basic realm=x", "NoOneKnowsThisScheme opaque-data=here", "Digest realm=x", "Digest nonce=x",
     "Digest realm=x, nonce=", 'Digest realm="x, nonce=y', "Digest realm=x, realm=y, nonce=z",
     "Digest realm=x,, nonce=y",
     "Digest realm=x nonce=y", "Digest " + ", ".join([f"p{i}=1" for i in range(5000)])],
)  # fmt: skip
def test_what_is_no_challenge(value: str) -> None:
    with pytest.raises(SipError):
        Challenge.parse(value)


GOOD = 'Digest username="u", realm="r", nonce="n", uri="sip:x", response="00ff"'


def test_an_authorization_is_written_and_read() -> None:
    full = f'{GOOD}, algorithm=MD5, cnonce="c", qop=auth, nc=0000000a, opaque="o"'
    read = Authorization.parse(full)
    assert read == Authorization("u", "r", "n", "sip:x", "00ff", "MD5", "c", 10, "o")
    assert str(read) == full
    assert Authorization.parse(GOOD).nc == 0


@pytest.mark.parametrize(
    "value",
    [GOOD.replace('username="u", ', ""), GOOD.replace(', response="00ff"', ""), GOOD.replace("00ff", "xyz"),
     GOOD.replace("00ff", ""), GOOD + ", qop=auth", GOOD + ', qop=auth, nc=1, cnonce="c"',
     GOOD + ', qop=auth, nc=00000000, cnonce="c"', GOOD + ", qop=auth, nc=00000001",
     GOOD + ', qop=auth-int, nc=00000001, cnonce="c"', GOOD + ', qop=auth, nc=0000000g, cnonce="c"',
     GOOD + ', qop=auth, nc=+0000001, cnonce="c"', GOOD + ',username="v"', GOOD[:-1]],
)  # fmt: skip
def test_what_is_no_authorization(value: str) -> None:
    with pytest.raises(SipError):
        Authorization.parse(value)


# -------------------------------------------------------------------------------------------------------- server


def test_the_right_password_passes_by_either_algorithm() -> None:
    auth = server()
    for algorithm in BOTH:
        assert judge(auth, credentials(challenge(auth, (algorithm,)))) == "ok"


def test_a_stored_ha1_serves_for_its_algorithm_only() -> None:
    auth = server()
    assert judge(auth, credentials(challenge(auth, ("MD5",)), "desk-18", "other")) == "ok"
    assert judge(auth, credentials(challenge(auth, ("SHA-256",)), "desk-18", "other")) == "wrong"


def test_the_user_is_told() -> None:
    auth = server()
    verdict = auth.check([credentials(challenge(auth))], "REGISTER", "sip:bank", "10.0.0.5", 10, BOTH, ACCOUNTS.get)
    assert verdict == Verdict("ok", "desk-17")


def test_wrong_and_unknown_are_the_same() -> None:
    auth = server()
    assert judge(auth, credentials(challenge(auth), password="guess")) == "wrong"
    assert judge(auth, credentials(challenge(auth), user="stranger")) == "wrong"
    assert judge(auth, credentials(challenge(auth), user="stranger", password="")) == "wrong"
    assert judge(auth, credentials(challenge(auth), user="nobody", password="")) == "wrong"


def test_credentials_that_cannot_be_read_are_none() -> None:
    auth = server()
    good = credentials(challenge(auth))
    assert judge(auth) == "missing"
    assert judge(auth, "NoOneKnowsThisScheme opaque-data=here") == "missing"
    assert judge(auth, good.replace('realm="bank"', 'realm="other"')) == "missing"
    assert judge(auth, good, good) == "missing"
    assert judge(auth, good.replace("SHA-256", "none")) == "missing"
    assert judge(auth, good, algorithms=("MD5",)) == "missing"
    assert judge(auth, good.replace(good[good.index("cnonce") : good.index("nc=")], "")) == "missing"
    assert judge(auth, good, "Basic abc") == "ok"


def test_a_digest_is_good_for_its_method_and_uri_only() -> None:
    auth = server()
    assert judge(auth, credentials(challenge(auth)), method="INVITE") == "wrong"
    assert judge(auth, credentials(challenge(auth)), uri="sip:900123@bank") == "wrong"
    assert judge(auth, credentials(challenge(auth)), uri="sip:BANK") == "ok"
    assert judge(auth, credentials(challenge(auth), uri="not a uri")) == "wrong"


def test_an_old_phone_names_its_server_whatever_it_asks_for() -> None:
    """pyVoIP sends uri="sip:server;transport=UDP" with a REGISTER and with an INVITE for a number."""
    auth = server()
    for requested in ("sip:bank", "sip:95588@bank"):
        old = credentials(without_qop(challenge(auth)), uri="sip:bank;transport=UDP")
        assert judge(auth, old, uri=requested) == "ok"
    assert judge(auth, credentials(without_qop(challenge(auth))), uri="sip:elsewhere") == "wrong"
    assert judge(auth, credentials(without_qop(challenge(auth)), uri="sip:1@bank"), uri="sip:2@bank") == "wrong"
    assert judge(auth, credentials(challenge(auth), uri="sip:bank;transport=UDP")) == "ok"
    assert judge(auth, credentials(challenge(auth)), uri="sip:95588@bank") == "wrong"


def test_the_count_must_rise() -> None:
    auth = server()
    asked = challenge(auth)
    assert judge(auth, credentials(asked, nc=1)) == "ok"
    assert judge(auth, credentials(asked, nc=1)) == "stale"
    assert judge(auth, credentials(asked, nc=5)) == "ok"
    assert judge(auth, credentials(asked, nc=4)) == "stale"
    assert judge(auth, credentials(asked, nc=6)) == "ok"


def test_a_wrong_password_does_not_spend_the_nonce() -> None:
    auth = server()
    asked = challenge(auth)
    assert judge(auth, credentials(asked, password="guess", nc=900)) == "wrong"
    assert judge(auth, credentials(asked)) == "ok"


def test_without_qop_a_nonce_serves_once_and_only_with_md5() -> None:
    auth = server()
    asked = challenge(auth)
    old = credentials(without_qop(asked))
    assert "qop" not in old
    assert judge(auth, old, algorithms=("SHA-256",)) == "missing"
    assert judge(auth, old) == "ok"
    assert judge(auth, old) == "stale"
    assert judge(auth, credentials(asked, nc=7)) == "stale"


def test_a_nonce_expires_and_belongs_to_one_address() -> None:
    auth = server(lifetime_s=60)
    asked = challenge(auth, now=10.0)
    assert judge(auth, credentials(asked), now=70.0) == "ok"
    assert judge(auth, credentials(asked, nc=2), now=70.1) == "stale"
    assert judge(auth, credentials(asked, nc=3), now=9.0) == "stale"
    assert judge(auth, credentials(asked, nc=4), source="10.0.0.6") == "stale"
    assert judge(auth, credentials(asked, password="guess"), now=99.0) == "stale", "a guess learns nothing by it"


def test_nobody_can_make_a_nonce() -> None:
    auth = server()
    nonce = Challenge.parse(challenge(auth)[0]).nonce
    for forged in ("", "x", nonce[:-1], nonce + "0", "0" + nonce[1:-1] + "0", "é" * 52, "f" * 52, nonce[:51] + "Z"):
        made = [str(Challenge("bank", forged or "-", "MD5"))]
        assert judge(auth, credentials(made)) == "stale"  # the password was right, so he may try again
    other = Authenticator("bank", bytes(32))
    assert judge(auth, credentials(challenge(other))) == "stale"


def test_memory_is_bounded_and_what_is_forgotten_cannot_be_replayed() -> None:
    auth = server(max_nonces=3)
    used = []
    for step in range(10):
        asked = challenge(auth, now=10.0 + step)
        used.append(credentials(asked))
        assert judge(auth, used[-1], now=10.0 + step) == "ok"
    assert len(auth._used) == 3
    assert [judge(auth, value, now=20.0) for value in used] == ["stale"] * 10


# -------------------------------------------------------------------------------------------------------- client


def test_the_first_algorithm_we_know_is_answered() -> None:
    asked = challenge(server())
    unknown = str(Challenge("bank", "n", "SHA-512-256"))
    assert "algorithm=SHA-256" in credentials([unknown, *asked])
    assert "algorithm=MD5" in credentials(list(reversed(asked)))
    assert answer([unknown, "Basic realm=x", "x"], "u", "p", "INVITE", "sip:x", cnonce="c") is None
    integrity = str(Challenge("bank", "n", "MD5", ("auth-int",)))
    assert answer([integrity], "u", "p", "INVITE", "sip:x", cnonce="c") is None


def test_a_foreign_realm_gets_nothing() -> None:
    foreign = str(Challenge("evil", "n"))
    assert answer([foreign], "u", "p", "INVITE", "sip:x", cnonce="c", realm="bank") is None
    value = answer([foreign, *challenge(server())], "u", "p", "INVITE", "sip:x", cnonce="c", realm="bank")
    assert value is not None
    assert Authorization.parse(value).realm == "bank"


def test_an_opaque_goes_back() -> None:
    value = answer([str(Challenge("r", "n", opaque='o"p'))], "u", "p", "INVITE", "sip:x", cnonce="c")
    assert value is not None
    assert Authorization.parse(value).opaque == 'o"p'


TEXT = st.text(alphabet='Digest ausrnmeclophqk=",\\0fé\udc80\t', max_size=80)


@settings(max_examples=300, deadline=None)
@given(TEXT | TEXT.map(lambda rest: f"Digest {rest}") | TEXT.map(lambda rest: GOOD + rest), st.integers(0, 200))
def test_any_text_is_judged(text: str, cut: int) -> None:
    auth = server()
    assert judge(auth, text) in ("missing", "wrong")
    good = credentials(challenge(auth))
    assert judge(auth, good[:cut] + text + good[cut:]) in ("missing", "wrong", "stale", "ok")
    assert answer([text], "u", "p", "INVITE", "sip:x", cnonce="c") is None or "nonce" in text
