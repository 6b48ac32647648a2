"""DNS for `sip.locate`, by dnspython in the running loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sip.locate import Asked, Family, Naptr, Option, Query, Record, Srv, Transport, locate

LASTS_S: Final = (5.0, 3600.0)  # what is found holds no shorter and no longer, whatever its TTL
NOTHING_S: Final = 60.0  # what is not there may be there by then


class LookupFailed(Exception):
    """No name server has given an answer; that says nothing of the name."""


class Resolver:
    """Asks `servers` (address and port), or those of the system. Raises `LookupFailed` if there are none."""

    def __init__(self, servers: Sequence[tuple[str, int]] = (), *, patience_s: float = 5.0) -> None:
        # Here, for most hotlines have trunks by address and never need it.
        import dns.asyncresolver
        import dns.nameserver

        try:
            self._ask = dns.asyncresolver.Resolver(configure=not servers)
        except dns.resolver.NoResolverConfiguration as error:
            raise LookupFailed(str(error)) from None
        if servers:
            self._ask.nameservers = [dns.nameserver.Do53Nameserver(*server) for server in servers]
        self._ask.lifetime = patience_s

    async def locate(
        self, asked: Asked, transports: Sequence[Transport], families: Mapping[Transport, Sequence[Family]]
    ) -> tuple[list[Option], float]:
        """The options, and the seconds they hold. Raises `LookupFailed`."""
        steps, holds_s = locate(asked, transports, families), LASTS_S[1]
        try:
            query = next(steps)
            while True:
                records, ttl_s = await self._records(query)
                holds_s = min(holds_s, ttl_s)
                query = steps.send(records)
        except StopIteration as done:
            return done.value, max(LASTS_S[0], holds_s)

    async def _records(self, query: Query) -> tuple[list[Record], float]:
        import dns.exception
        import dns.resolver

        try:
            answer = await self._ask.resolve(query.name, query.kind, raise_on_no_answer=False, search=False)
        except dns.resolver.NXDOMAIN:
            return [], NOTHING_S
        except (dns.exception.DNSException, OSError) as error:
            raise LookupFailed(f"{query.kind} of {query.name}: {error}") from None
        records = [_record(query.kind, data) for data in answer] if answer.rrset is not None else []
        return records, float(answer.chaining_result.minimum_ttl) if records else NOTHING_S


def _record(kind: str, data: Any) -> Record:
    if kind == "SRV":
        return Srv(data.priority, data.weight, data.port, data.target.to_text(omit_final_dot=True).strip("."))
    if kind == "NAPTR":
        flags, service = data.flags.decode("ascii", "replace"), data.service.decode("ascii", "replace")
        replacement = data.replacement.to_text(omit_final_dot=True).strip(".")
        return Naptr(data.order, data.preference, flags, service, replacement)
    return str(data.address)
