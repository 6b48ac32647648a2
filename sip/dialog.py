"""Dialogs (RFC 3261 §12): the identifiers, counters and route that requests within a call need."""

from __future__ import annotations

from collections.abc import Mapping

from sip.building import Outline, route_lines
from sip.headers import NameAddr, tag_of
from sip.message import Request, Response, SipError
from sip.session_id import SessionIds
from sip.settings import Hop


class Dialog:
    """Seen from us: `local` and `remote` are whole From/To values with their tags, `routes` whole Route values."""

    __slots__ = (
        "call_id", "hop", "ids", "local", "local_cseq", "local_tag", "remote", "remote_cseq", "remote_tag", "routes",
        "target",
    )  # fmt: skip

    def __init__(
        self, call_id: str, local: str, local_tag: str, remote: str, remote_tag: str, target: str,
        routes: tuple[str, ...], local_cseq: int, remote_cseq: int, hop: Hop,
    ) -> None:  # fmt: skip
        self.call_id = call_id
        self.local = local
        self.local_tag = local_tag
        self.remote = remote
        self.remote_tag = remote_tag
        self.target = target
        self.routes = routes
        self.local_cseq = local_cseq
        self.remote_cseq = remote_cseq  # -1: none yet
        self.hop = hop
        self.ids: SessionIds | None = None

    @classmethod
    def of_request(cls, request: Request, to: str, local_tag: str, cseq: int, hop: Hop) -> Dialog:
        """As the callee (§12.1.1). `to` carries our tag. Raises `SipError` (400) without a usable Contact."""
        remote = request.first.get("from", "")
        return cls(
            request.first.get("call-id", ""), to, local_tag, remote, tag_of(remote) or "", contact_of(request),
            _routes(request), 0, cseq, hop,
        )  # fmt: skip

    @classmethod
    def of_response(cls, outline: Outline, local_tag: str, response: Response, hop: Hop) -> Dialog:
        """As the caller (§12.1.2). Raises `SipError`."""
        remote = response.first.get("to", "")
        try:
            target = contact_of(response)
        except SipError:
            target = outline.uri  # a peer without Contact in its 2xx: what we called is the best we know
        try:
            routes = tuple(reversed(_routes(response)))
        except SipError:
            routes = ()  # it has answered: without its route the BYE may still get there
        return cls(
            outline.call_id, outline.from_, local_tag, remote, tag_of(remote) or "", target,
            routes, outline.cseq, -1, hop,
        )  # fmt: skip

    def request(self, via: str, branch: str, cseq: int) -> Outline:
        """The lines of a request within the dialog (§12.2.1.1), also past a strict router."""
        uri, routes = self.target, self.routes
        if routes and ";lr" not in routes[0].lower():
            uri, routes = _bare(routes[0]), (*routes[1:], f"<{uri}>")
        lines = route_lines(routes)
        if self.ids is not None:
            lines += self.ids.line
        return Outline(uri, via, branch, lines, self.local, self.remote, self.call_id, cseq)

    def refresh(self, message: Request | Response) -> None:
        """A target refresh: the Contact of a re-INVITE, an UPDATE or their 2xx (§12.2.1.2)."""
        value = message.first.get("contact")
        if value:
            try:
                self.target = _bare(value)
            except SipError:
                return

    def save(self) -> dict[str, object]:
        return {
            "call_id": self.call_id, "local": self.local, "local_tag": self.local_tag, "remote": self.remote,
            "remote_tag": self.remote_tag, "target": self.target, "routes": list(self.routes),
            "local_cseq": self.local_cseq, "remote_cseq": self.remote_cseq,
            "hop": self.hop.to_values(),
        }  # fmt: skip

    @classmethod
    def restore(cls, saved: Mapping[str, object]) -> Dialog:
        """Raises `ValueError` for something that `save` did not give."""
        try:
            texts = {name: str(saved[name]) for name in ("call_id", "local", "local_tag", "remote", "remote_tag")}
            routes, hop = saved["routes"], saved["hop"]
            local_cseq, remote_cseq = saved["local_cseq"], saved["remote_cseq"]
            target = str(saved["target"])
        except KeyError as missing:
            raise ValueError(f"a saved dialog without {missing}") from None
        if not (isinstance(routes, list | tuple) and isinstance(hop, list | tuple)):
            raise ValueError("a saved dialog with a broken route or hop")
        if not (isinstance(local_cseq, int) and isinstance(remote_cseq, int)):
            raise ValueError("a saved dialog with a broken CSeq")
        return cls(
            **texts, target=target, routes=tuple(map(str, routes)), local_cseq=local_cseq, remote_cseq=remote_cseq,
            hop=Hop(*hop),
        )  # fmt: skip


def _routes(message: Request | Response) -> tuple[str, ...]:
    """The Record-Route, readable in every part. Raises `SipError`."""
    if "record-route" not in message.first:
        return ()
    routes = tuple(message.all("Record-Route"))
    for route in routes:
        NameAddr.parse(route)
    return routes


def contact_of(message: Request | Response) -> str:
    """The URI of its Contact. Raises `SipError` (400)."""
    value = message.first.get("contact")
    if not value:
        raise SipError(400, "Missing Contact")
    return _bare(value)


def _bare(value: str) -> str:
    """The URI of a name-addr or addr-spec as written. Raises `SipError`."""
    if value[:1] == "<":  # the common case, without reading the URI
        end = value.find(">")
        if end > 0:
            return value[1:end]
    return str(NameAddr.parse(value).uri)
