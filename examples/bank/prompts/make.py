#!/usr/bin/env python3
"""Makes the example's prompts and its music on hold: 8 kHz, 16 bits, mono. Needs espeak-ng and sox.

Run it only to change them: the files are committed. `make.py NAME …` makes only these.
"""

import math
import subprocess
import sys
import wave
from pathlib import Path

HERE = Path(__file__).resolve().parent
RATE = 8000
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

ENGLISH = {
    "welcome": "Welcome to the bank.",
    "welcome-senior": "Good day. A colleague is with you at once.",
    "main-menu": "For loans, press 1. Cards, 2. If you lost a card, 3. For anything else, 0.",
    "wrong-key": "We do not know that key.",
    "please-hold": "Please hold.",
    "queue_position": "Your place in line is",
    "expected_wait": "Your wait in minutes is about",
    "minutes": "minutes.",
    "sorry": "We are sorry, nobody is free. Please call again.",
    "survey": "How did we do? Press 1 to 5, 5 is best.",
    "thanks": "Thank you. Goodbye.",
    "whisper": "A call for you. Press 1.",
} | {f"digit-{number}": word for number, word in enumerate(DIGITS)}
MANDARIN = {"main-menu": "普通话请按九"}  # said behind the English

# A slow turn through four chords, low and soft: two notes a beat.
CHORDS = ((262, 330, 392, 523), (220, 262, 330, 440), (175, 220, 262, 349), (196, 247, 294, 392))
BEAT_S = 0.25


def speak(name: str) -> None:
    """One prompt, silence cut off at both ends."""
    parts = [("en-gb", ENGLISH[name])] + ([("cmn", MANDARIN[name])] if name in MANDARIN else [])
    pieces = []
    for index, (voice, text) in enumerate(parts):
        piece = HERE / f".{name}-{index}.wav"
        subprocess.run(["espeak-ng", "-v", voice, "-s", "175", "-w", str(piece), text], check=True)
        pieces.append(str(piece))
    trim = ["silence", "1", "0.01", "0.5%", "reverse"]
    target = str(HERE / f"{name}.wav")
    shape = ["-r", str(RATE), "-b", "16", "-c", "1", target]
    subprocess.run(["sox", "-D", *pieces, *shape, "gain", "-n", "-6", *trim, *trim, "pad", "0", "0.1"], check=True)
    for piece in pieces:
        Path(piece).unlink()


def music() -> None:
    """Broken chords that end where they began, so that the loop has no seam."""
    notes = [frequency for chord in CHORDS for frequency in (*chord, chord[2])]
    total = int(len(notes) * BEAT_S * RATE)
    samples = [0.0] * total
    for index, frequency in enumerate(notes):
        start = int(index * BEAT_S * RATE)
        for at in range(int(3 * BEAT_S * RATE)):
            t = at / RATE
            loudness = 0.16 * min(1.0, t / 0.01) * math.exp(-3.5 * t)
            tone = math.sin(2 * math.pi * frequency * t) + 0.3 * math.sin(4 * math.pi * frequency * t)
            samples[(start + at) % total] += loudness * tone
    data = b"".join(int(max(-1.0, min(1.0, sample)) * 32767).to_bytes(2, "little", signed=True) for sample in samples)
    with wave.open(str(HERE.parent / "music" / "hold.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(data)


if __name__ == "__main__":
    for wanted in sys.argv[1:] or [*ENGLISH, "music"]:
        if wanted == "music":
            music()
        else:
            speak(wanted)
