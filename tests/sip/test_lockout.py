"""Somebody guesses passwords: he is slowed down and told of, the others are not."""

from __future__ import annotations

import re

import pytest

from sip.auth import answer
from sip.endpoint import Account, Hop, Listener, LockedOut
from sip.lockout import AT_ALL, AT_ONE_NAME, LOCK_S, MEMORY, WITHIN_S, Lockout
from sip.message import Response
from tests.sip.world import Wire

URI = "sip:192.0.2.1"
ACCOUNTS = {name: Account(name, "right") for name in ("desk-1", "desk-2")}


class Registrar(Wire):
    """Phones anywhere ask it."""

    def __init__(self) -> None:
        super().__init__(listeners=(Listener("l", self.ours, 5060, algorithms=("MD5",)),), accounts=ACCOUNTS)

    def register(self, user: str, password: str, source: str, *, nonce: str = "") -> int:
        """The status of the last answer."""
        asked = self._ask(user, source, "")
        if asked.status != 401:
            return asked.status
        challenge = asked.get("WWW-Authenticate") or ""
        if nonce:
            challenge = re.sub('nonce="[^"]*"', f'nonce="{nonce}"', challenge)
        value = answer([challenge], user, password, "REGISTER", URI, cnonce="c")
        told = self._ask(user, source, f"Authorization: {value}\r\n")
        self.last = told
        return told.status

    def _ask(self, user: str, source: str, lines: str) -> Response:
        aor = f"<sip:{user}@192.0.2.1>"
        call_id = f"reg-{self._branch}"
        data = self.request("REGISTER", to=aor, from_=f"{aor};tag=1", lines=lines, uri=URI, call_id=call_id)
        self.endpoint.receive(data, Hop("l", source, 5060), self.now)
        self.happened()
        (told,) = self.sent()
        assert isinstance(told, Response)
        return told

    def locks(self) -> list[LockedOut]:
        return [event for event in self.events if isinstance(event, LockedOut)]


@pytest.mark.parametrize("user", ["desk-1", "nobody"])
def test_who_guesses_one_password_is_locked_out_for_a_while(user: str) -> None:
    wire = Registrar()
    assert [wire.register(user, "guess", "192.0.2.66") for _ in range(AT_ONE_NAME)] == [401] * AT_ONE_NAME
    assert wire.locks() == [LockedOut("192.0.2.66", user, LOCK_S[0])]
    assert wire.register(user, "right", "192.0.2.66") == 503
    assert wire.last.get("Retry-After") == "61"
    assert wire.register("desk-1", "right", "192.0.2.7") == 200, "the real one, where he sits"
    wire.pass_time(LOCK_S[0])
    assert wire.register(user, "guess", "192.0.2.66") == 401


def test_who_tries_many_names_is_locked_out_of_all() -> None:
    wire = Registrar()
    for n in range(AT_ALL):
        assert wire.register(f"user-{n}", "guess", "192.0.2.66") == 401
    assert wire.locks() == [LockedOut("192.0.2.66", "", LOCK_S[0])]
    assert wire.register("desk-1", "right", "192.0.2.66") == 503
    assert wire.register("desk-1", "right", "192.0.2.7") == 200


def test_one_wrong_phone_does_not_lock_its_office_out() -> None:
    wire = Registrar()
    assert wire.register("desk-1", "right", "192.0.2.7") == 200
    for _ in range(3 * AT_ALL):
        assert wire.register("desk-2", "old password", "192.0.2.7") in (401, 503)
    assert {(lock.source, lock.user) for lock in wire.locks()} == {("192.0.2.7", "desk-2")}
    assert wire.register("desk-1", "right", "192.0.2.7") == 200


def test_a_forged_source_locks_nobody_out() -> None:
    wire = Registrar()
    for _ in range(2 * AT_ALL):
        assert wire.register("desk-1", "guess", "192.0.2.7", nonce="f" * 52) == 401
        assert "stale=true" in (wire.last.get("WWW-Authenticate") or "").lower()
    assert wire.register("desk-1", "right", "192.0.2.7", nonce="f" * 52) == 401, "no nonce of his own tells him more"
    assert wire.locks() == []
    assert wire.register("desk-1", "right", "192.0.2.7") == 200


def test_each_lock_is_longer_and_a_slip_is_forgotten() -> None:
    lockout, now, locks = Lockout(), 0.0, []
    for _ in range(9 * AT_ONE_NAME):
        lock = lockout.wrong("192.0.2.66", "desk-1", now)
        if lock is not None:
            locks.append(lock[1])
            now += lock[1]
    assert locks == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert all(lockout.wrong("192.0.2.7", "desk-1", n * WITHIN_S / 4) is None for n in range(50)), (
        "a phone that retries"
    )


def test_its_memory_is_bounded() -> None:
    lockout = Lockout()
    for n in range(MEMORY):
        lockout.wrong(f"source-{n}", "desk-1", 0.0)
        lockout.right(f"source-{n}", "desk-2", 0.0)
    assert len(lockout._guesses) <= MEMORY
    assert len(lockout._proven) <= MEMORY
