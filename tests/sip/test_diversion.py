"""How a call came here."""

import pytest

from sip.diversion import Diverted, diverted
from sip.message import Request
from sip.parsing import parse
from tests.sip.world import Wire


def invite(lines: str) -> Request:
    message = parse(Wire().request("INVITE", lines=lines))
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ("", None),
        ("Diversion: <sip:4711@pbx>;reason=user-busy\r\n", Diverted("4711", "user-busy")),
        (
            'Diversion: "Branch" <tel:+862155550000>;reason="no-answer";counter=1\r\n',
            Diverted("+862155550000", "no-answer"),
        ),
        ("Diversion: <sip:2@pbx>;reason=away, <sip:1@pbx>;reason=user-busy\r\n", Diverted("2", "away")),
        ("Diversion: <sip:2@pbx>\r\nDiversion: <sip:1@pbx>\r\n", Diverted("2", "unknown")),
        ("Diversion: <sip:2@pbx>;reason=whatever\r\n", Diverted("2", "unknown")),
        ("Diversion: <sip:2@pbx>;reason=user-busy;privacy=full\r\n", Diverted("", "user-busy")),
        ("Diversion: <sip:2@pbx>;privacy=off\r\n", Diverted("2", "unknown")),
        ("Diversion: rubbish <<>>\r\n", None),
        ("Diversion: rubbish <<>>\r\nDiversion: <sip:1@pbx>\r\n", Diverted("1", "unknown")),
        (
            "History-Info: <sip:4711@pbx>;index=1, <sip:95588@bank;cause=486>;index=1.1;mp=1\r\n",
            Diverted("4711", "user-busy"),
        ),
        (
            "History-Info: <sip:4711@pbx?Reason=SIP%3Bcause%3D408>;index=1,<sip:95588@bank>;index=1.1;mp=1\r\n",
            Diverted("4711", "no-answer"),
        ),
        ("History-Info: <sip:1@a>;index=1, <sip:2@b;cause=302>;index=1.1\r\n", Diverted("1", "unconditional")),
        (
            "History-Info: <sip:1@a>;index=1,<sip:2@b>;index=1.1;mp=1\r\n"
            "History-Info: <sip:3@c>;index=1.2;mp=1.1,<sip:3@d>;index=1.3;rc=1.2\r\n",
            Diverted("2", "unknown"),
        ),
        (
            "History-Info: <sip:4711@pbx?Privacy=history>;index=1, <sip:95588@bank;cause=486>;index=1.1;mp=1\r\n",
            Diverted("", "user-busy"),
        ),
        ("History-Info: <sip:95588@a>;index=1, <sip:95588@b>;index=1.1;rc=1\r\n", None),  # routed, not diverted
        ("History-Info: <sip:95588@a>;index=1\r\n", None),
        ("History-Info: <sip:1@a>;index=1, <sip:2@b>;index=1.1;mp=7\r\n", Diverted("1", "unknown")),
        ("History-Info: \r\nHistory-Info: ;;;\r\n", None),
    ],
)
def test_the_last_diversion_is_found(lines: str, found: Diverted | None) -> None:
    assert diverted(invite(lines)) == found


@pytest.mark.parametrize("name", ["Diversion", "History-Info"])
@pytest.mark.parametrize("value", ['"' * 7_000, "," * 7_000, "<" * 7_000, " " * 7_000 + "x", "<sip:1@a>," * 700])
def test_however_long_it_is_it_is_read_or_left_out(name: str, value: str) -> None:
    found = diverted(invite(f"{name}: {value}\r\n"))
    assert found == (Diverted("1", "unknown") if value.startswith("<sip") and name == "Diversion" else None)
