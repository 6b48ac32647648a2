"""Where the telephones of a configuration are played, and what cannot be played."""

from dataclasses import replace
from pathlib import Path

import pytest

from acd.config import Hotline
from simulator.load.places import REGISTERED, Account, places, target_of, trunk_listener
from simulator.phones.engine import Unplayable
from tests.load import bank


@pytest.fixture
def hotline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hotline:
    monkeypatch.setenv("DESK", "secret")
    return bank.hotline(tmp_path)


def test_trunks_call_from_their_source_contacts_are_where_they_say_and_others_register(hotline: Hotline) -> None:
    found = places(hotline, ["carrier", "carrier"], None)
    [(_, caller_port)] = hotline.trunks["carrier"].sources
    trunk, contact = trunk_listener("carrier"), next(name for name in found.listeners if name.startswith("contact"))
    assert found.host == "127.0.0.1"
    assert found.listeners == {trunk: caller_port, contact: int(contact.split()[1]), REGISTERED: 0}
    assert found.devices == {(contact, f"a{n}"): f"a{n}" for n in (1, 2, 3)} | {(REGISTERED, "desk"): "desk"}
    agents = hotline.listen["agents"].sip[0]
    assert found.accounts == {"desk": Account((agents.host, agents.port), "secret")}
    trunks = hotline.listen["trunks"].sip[0]
    assert found.targets == {"carrier": (trunks.host, trunks.port)}


def test_a_target_takes_the_calls_in_place_of_the_listener(hotline: Hotline) -> None:
    assert places(hotline, ["carrier"], target_of("sip:192.0.2.1")).targets == {"carrier": ("192.0.2.1", 5060)}
    assert target_of("sip:[2001:db8::1]:5070") == ("2001:db8::1", 5070)
    with pytest.raises(Unplayable, match=r"write it as sip:127\.0\.0\.1:5060"):
        target_of("127.0.0.1:5060")


def test_what_cannot_be_played_is_said(hotline: Hotline, monkeypatch: pytest.MonkeyPatch) -> None:
    trunk = hotline.trunks["carrier"]
    network = replace(hotline, trunks={"carrier": replace(trunk, sources=(("10.0.0.0/8", 0),))})
    with pytest.raises(Unplayable, match="name a single address"):
        places(network, ["carrier"], None)
    hotline.settings.devices["a2"].nailed_up_s = 600
    with pytest.raises(Unplayable, match="device a2: a line that stays up between calls is not played"):
        places(hotline, ["carrier"], None)
    hotline.settings.devices["a2"].nailed_up_s = 0
    elsewhere = replace(hotline, trunks={"carrier": replace(trunk, sources=(("127.0.0.9", 0),))})
    with pytest.raises(Unplayable, match=r"device a1 is at 127\.0\.0\.1, others are at 127\.0\.0\.9"):
        places(elsewhere, ["carrier"], None)
    monkeypatch.delenv("DESK")
    with pytest.raises(Unplayable, match="device desk: the environment variable DESK is not set"):
        places(hotline, ["carrier"], None)
