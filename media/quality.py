"""An estimate of how a stream sounds: the E-model of ITU-T G.107 with its default values, simplified. Pure.

Only loss and delay are known to us, so R = 93.2 − Id − Ie,eff. Ie,eff is G.107's formula for random loss (BurstR = 1)
with the G.113 Appendix I values of G.711 with concealment; Id is the approximation of R. G. Cole and J. H. Rosenbluth,
"Voice over IP performance monitoring" (2001). G.722 is judged as G.711: what it adds in band is outside this scale.
"""

from __future__ import annotations

from typing import Final

R0: Final = 93.2
IE: Final = 0.0  # equipment impairment of the codec
BPL: Final = 25.1  # how robust against loss, per cent
KNEE_MS: Final = 177.3  # of delay: beyond it talking together becomes hard


def rating(loss: float, delay_s: float) -> float:
    """The transmission rating R. `loss` is 0 to 1, `delay_s` from mouth to ear."""
    percent, delay_ms = 100 * loss, 1000 * delay_s
    impairment = IE + (95 - IE) * percent / (percent + BPL)
    return R0 - (0.024 * delay_ms + 0.11 * max(0.0, delay_ms - KNEE_MS)) - impairment


def mos(loss: float, delay_s: float) -> float:
    """The mean opinion score to expect, 1 (bad) to 4.5 (G.107 Annex B)."""
    r = min(100.0, max(0.0, rating(loss, delay_s)))
    return max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6)


def delay_s(jitter_s: float, round_trip_s: float | None) -> float:
    """From mouth to ear: half the way there and back, a frame, and a jitter buffer of twice the jitter."""
    return (round_trip_s or 0.0) / 2 + 0.02 + 2 * jitter_s
