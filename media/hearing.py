"""Who hears what inside a worker: every leg's wish, and the feed or relay that grants it at the moment."""

from __future__ import annotations

from collections.abc import Callable

from media.audio import AudioError, Library
from media.codecs import translation
from media.feeds import Feeds, Play
from media.leg import EVENTS, SILENCE, Leg
from media.plane import Source
from media.stream import Relay, routes


class Hearing:
    """`legs` by name. `trouble(leg, what)` is told what cannot be heard, `start_ticking()` that the tick is needed."""

    __slots__ = ("_feeds", "_hearers", "_start_ticking", "_trouble", "legs", "library")

    def __init__(self, feeds: Feeds, trouble: Callable[[str, str], None], start_ticking: Callable[[], None]) -> None:
        self.legs: dict[str, Leg] = {}
        self.library = Library(())
        self._hearers: dict[str, dict[Leg, None]] = {}  # who wishes to hear the leg of that name
        self._feeds = feeds
        self._trouble = trouble
        self._start_ticking = start_ticking

    def forget(self, leg: Leg) -> None:
        """The leg is gone."""
        del self.legs[leg.name]
        self._wish(leg, SILENCE)
        self._unfeed(leg)
        for hearer in self._hearers.pop(leg.name, ()):
            if hearer.relay is not None and hearer.relay[0] is leg:
                hearer.relay = None  # nothing comes from it any more: it need not be told
            self.feed(hearer)

    def changed(self, leg: Leg) -> None:
        """What the leg sends or takes has changed."""
        self.feed(leg)
        self.feed_hearers(leg)

    def feed_hearers(self, leg: Leg) -> None:
        for hearer in self._hearers.get(leg.name, ()):
            self.feed(hearer)

    def wish(self, leg: Leg, source: Source) -> None:
        """From now on the leg is to hear this."""
        if source != leg.wish:
            self._wish(leg, source)
            self.feed(leg)

    def _wish(self, leg: Leg, source: Source) -> None:
        for name in leg.hears_from():
            hearers = self._hearers.get(name)
            if hearers is not None:
                hearers.pop(leg, None)
                if not hearers:
                    del self._hearers[name]
        leg.wish = source
        for name in leg.hears_from():
            self._hearers.setdefault(name, {})[leg] = None

    def _unfeed(self, leg: Leg) -> None:
        if leg.feed is not None:
            leg.feed.pop(leg, None)
            leg.feed = None
        if leg.relay is not None:
            source, relay = leg.relay
            source.relay_by(*(other for other in source.relays if other is not relay))
            leg.relay = None
        if self._feeds.mixer is not None and leg in self._feeds.mixer.legs:
            self._feeds.mixer.leave(leg)

    def feed(self, leg: Leg) -> None:
        """Connect the leg to what it is to hear now: digits come first, then a play, then what was wished."""
        self._unfeed(leg)
        leg.stream.switched = True
        if leg.sending is not None:
            feed = self._feeds.plays if isinstance(leg.sending, Play) else self._feeds.spellings
        elif leg.play is not None:
            feed = self._feeds.plays
        elif not leg.may_send():
            return
        else:
            wished = self._wished(leg)
            if wished is None:
                return
            feed = wished
        feed[leg] = None
        leg.feed = feed
        self._start_ticking()

    def _wished(self, leg: Leg) -> dict[Leg, None] | None:
        """The tick's feed of what the leg wishes to hear, if it is one."""
        assert leg.peer is not None
        wish = leg.wish
        if wish.kind in ("music", "mix") and not leg.may_speak():
            self._trouble(leg.name, f"no {wish.kind} in codec {leg.peer.codec}")
        elif wish.kind == "music":
            try:
                return self._feeds.music(wish.name, self.library.track(wish.name), leg.peer.codec)
            except AudioError as problem:
                self._trouble(leg.name, str(problem))
        elif wish.kind == "leg":
            for name, _ in wish.legs[:1]:
                if name in self.legs:
                    self._join(leg, self.legs[name])
        elif wish.kind == "mix":
            heard = tuple((self.legs[name], gain) for name, gain in wish.legs if name in self.legs)
            self._feeds.mixing().join(leg, heard)
            self._start_ticking()
        return None

    def _join(self, leg: Leg, source: Leg) -> None:
        assert leg.peer is not None
        takes = {leg.peer.codec: leg.peer.payload}
        if leg.peer.events is not None and source.digits_relayed:
            takes[EVENTS] = leg.peer.events
        relay = Relay(leg.stream, routes(source.accepts, takes, translation, EVENTS), leg.send, leg.way())
        source.relay_by(*source.relays, relay)
        leg.relay = (source, relay)
