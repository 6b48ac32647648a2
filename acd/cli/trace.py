"""`acd trace`: the SIP messages of a call as a ladder, or as a capture for Wireshark."""

import struct
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Annotated, Any

import typer

from acd.cli.options import NO, UNUSABLE, Config, Control, Json, ask, fail
from acd.cli.output import print_json, shown

WIDTH = 32
ENGINE = "engine"
RAW_IP = 101  # LINKTYPE_RAW
UDP = 17


def register(app: typer.Typer) -> None:
    app.command()(trace)


def trace(
    call: Annotated[
        str, typer.Argument(metavar="CALL", help="The call, or the Call-ID of one of its legs.", show_default=False)
    ],
    messages: Annotated[bool, typer.Option("--messages", help="Each message in full.")] = False,
    pcap: Annotated[
        Path | None, typer.Option("--pcap", help="Write a capture here instead; each message as one UDP datagram.")
    ] = None,
    control: Control = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """The SIP messages of one of the last calls. Credentials, keys and digits are masked.

    Example: acd trace 3-17 --pcap call.pcap
    """
    found = ask(control, config, "trace", call=call)["messages"]
    if not found:
        fail(NO, f"nothing is kept of call {call}: only the last calls are")
    if pcap is not None:
        try:
            pcap.write_bytes(capture(found))
        except OSError as error:
            fail(UNUSABLE, f"{pcap}: {error.strerror}")
    elif as_json:
        print_json([{**message, "at": _time(message["at"])} for message in found])
    else:
        for line in ladder(found, messages=messages):
            print(line)


def ladder(found: list[dict[str, Any]], *, messages: bool = False) -> list[str]:
    """Lines for a terminal: one column for each far end, the engine's behind the first."""
    ends = list(dict.fromkeys(message["to"] if message["sent"] else message["from"] for message in found))
    columns = [ends[0], ENGINE, *ends[1:]]
    lines = [" " * 14 + "".join(f"{name:<{WIDTH}}" for name in columns).rstrip()]
    for message in found:
        far = columns.index(message["to"] if message["sent"] else message["from"])
        here = columns.index(ENGINE)
        left, right = min(far, here), max(far, here)
        rightwards = (here < far) == message["sent"]
        arrow = _arrow(_word(message["text"]), (right - left) * WIDTH - 1, rightwards=rightwards)
        row = "".join(f"{'|':<{WIDTH}}" for _ in range(left)) + "|" + arrow
        row += "".join(f"{'|':<{WIDTH}}" for _ in range(right, len(columns)))
        lines.append(f"{_time(message['at'])[11:23]}  {row.rstrip()}")
        if messages:
            lines += [f"    {shown(line)}" if line else "" for line in message["text"].split("\r\n")]
    return lines


def _time(at: float) -> str:
    """To the millisecond: 2026-03-02T08:00:00.123+08:00."""
    return datetime.fromtimestamp(at).astimezone().isoformat(timespec="milliseconds")


def _word(text: str) -> str:
    """INVITE, or 200 OK (INVITE)."""
    first, _, rest = text.partition("\r\n")
    if not first.startswith("SIP/2.0 "):
        return shown(first.partition(" ")[0])[:20]
    method = next((line for line in rest.split("\r\n") if line.lower().startswith("cseq")), "").rpartition(" ")[2]
    return shown(f"{first[8:]} ({method})")


def _arrow(word: str, width: int, *, rightwards: bool) -> str:
    body = f" {word[: width - 4]} ".center(width - 1, "-")
    return f"{body}>" if rightwards else f"<{body}"


def capture(found: list[dict[str, Any]]) -> bytes:
    """A pcap file of raw IP packets."""
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, RAW_IP)]
    for message in found:
        packet = _packet(message["from"], message["to"], message["text"].encode("latin-1")[:65_000])
        seconds, fraction = divmod(message["at"], 1)
        parts += [struct.pack("<IIII", int(seconds), int(fraction * 1e6), len(packet), len(packet)), packet]
    return b"".join(parts)


def _packet(source: str, target: str, data: bytes) -> bytes:
    (source_host, source_port), (target_host, target_port) = _split(source), _split(target)
    length = 8 + len(data)
    udp = struct.pack(">HHHH", source_port, target_port, length, 0) + data
    ends = source_host.packed + target_host.packed
    if source_host.version == 6:
        return struct.pack(">IHBB", 6 << 28, length, UDP, 64) + ends + udp
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + length, 0, 0, 64, UDP, 0) + ends
    total = sum(struct.unpack(">10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    checksum = ~(total + (total >> 16)) & 0xFFFF
    return head[:10] + struct.pack(">H", checksum) + head[12:] + udp


def _split(end: str) -> tuple[IPv4Address | IPv6Address, int]:
    host, _, port = end.rpartition(":")
    return ip_address(host.strip("[]")), int(port)
