"""Wrong configurations, each with the exact spot (marked «), what is said to be wrong, and what would be right."""

from pathlib import Path

import pytest

from acd.config.load import ConfigError, check, load
from acd.config.problem import Problem
from tests.config.texts import HOTLINE, broken, lay_out

WRONG: dict[str, tuple[str, str, str, str]] = {
    # ------------------------------------------------------------------------------------------------ YAML itself
    "a tab in the indentation": (
        "  carrier:\n    sources",
        "  carrier:\n«\tsources",
        "a tab in the indentation",
        "indent with spaces",
    ),
    "a bracket left open": (
        "skills: [loans, cards]\nteams:",
        "skills: [loans, cards\nteams«:",
        "expected ',' or ']', but got ':'",
        "close the bracket, or put a comma between",
    ),
    "a key without a colon": (
        "prompts: prompts\n",
        "prompts\n«",
        "could not find expected ':'",
        "write `key: value`, with a space behind the colon",
    ),
    "no space behind a colon": (
        "needs: {loans: 3}",
        "«needs:{loans: 3}",
        "unknown key 'needs:{loans'",
        "write a space behind the colon",
    ),
    "a colon in a plain text": (
        'sip: "udp:127.0.0.1:5062"',
        "sip: udp«: 127.0.0.1",
        "mapping values are not allowed here",
        "put a text that holds ': ' in quotes, or mend the indentation",
    ),
    "indentation that fits nothing": (
        "\n    digest: [MD5]",
        "\n   «digest: [MD5]",
        "expected <block end>, but found '<block mapping start>'",
        "this line's indentation fits nothing above it",
    ),
    "the same key twice": (
        "  cards:\n    needs",
        "  «loans:\n    needs",
        "key 'loans' twice",
        "it stands on line 24 already: merge the two, or rename one",
    ),
    "a tag": (
        "{password: {file: secrets.env, key: DESK}}",
        "{password: «!secret DESK}",
        "the tag !secret means nothing here",
        "leave it out; secrets are {env: NAME}",
    ),
    "a merge key": (
        'a1: {contact: "sip:a1@127.0.0.1:7070"}',
        'a1: {«<<: {nat: true}, contact: "sip:a1@127.0.0.1:7070"}',
        "merge keys are not part of YAML 1.2",
        "use an alias for the whole value",
    ),
    # ------------------------------------------------------------------------------------------------------ types
    "`no` is a text": (
        "trusted: true",
        "trusted: «no",
        "'no' is not true or false",
        "in YAML 1.2 yes, no, on and off are texts: write true or false",
    ),
    "a number in quotes": (
        "needs: {loans: 3}",
        'needs: {loans: «"3"}',
        "'3' is not a whole number",
        "write it without quotes",
    ),
    "a time with a unit": (
        "max_wait_s: 60",
        "max_wait_s: «5m",
        "'5m' is not a number",
        "write seconds as a plain number",
    ),
    "a number where a text belongs": (
        'a1: {contact: "sip:a1@127.0.0.1:7070"}',
        "a1: {contact: «03012345}",
        "03012345 is not a text",
        'write it in quotes: "03012345"',
    ),
    "a list where a mapping belongs": (
        "agents:\n    sip",
        "«agents: [5]\n  office:\n    sip",
        "a list is not a mapping",
        "write key: value pairs",
    ),
    "a value left out": (
        "trusted: true",
        "«trusted:\n    nat: true",
        "nothing stands here, true or false is expected",
        "leave the key out for its default, or give a value",
    ),
    "a level out of range": ("skills: {loans: 7}", "skills: {loans: «12}", "12 is out of range", "at most 10"),
    "a word that is none of the choices": (
        "wrap_up: {timed_s: 3}",
        "strategy: «longest_idel",
        "'longest_idel' is not one of fewest_calls, in_order, least_occupied, least_skilled, longest_idle,"
        " most_skilled, random, ring_all, ring_progressively, round_robin",
        "did you mean 'longest_idle'?",
    ),
    "an unknown codec": (
        "trusted: true",
        "codecs: [PCMA, «G729]",
        "'G729' is not one of G722, PCMA, PCMU",
        "did you mean 'G722'?",
    ),
    # ----------------------------------------------------------------------------------------------- unknown keys
    "an unknown key": ("max_wait_s: 60", "«max_wait: 60", "unknown key 'max_wait'", "did you mean 'max_wait_s'?"),
    "an unknown section": ("queues:", "«queue:", "unknown key 'queue'", "did you mean 'queues'?"),
    "an unknown key in a short mapping": (
        "{name: test, timezone",
        "{name: test, «time_zone",
        "unknown key 'time_zone'",
        "did you mean 'timezone'?",
    ),
    "a key that is missing": (
        '"95588": {flow: main}',
        '«"95588": {answer: at_once}',
        "'flow' is missing",
        "add flow: …",
    ),
    # ------------------------------------------------------------------------------------------------- references
    "a skill nobody declared": (
        "needs: {loans: 3}",
        "needs: {«loan: 3}",
        "skill 'loan' does not exist",
        "did you mean 'loans'?",
    ),
    "a device that is not there": (
        "{device: a1,",
        "{device: «a9,",
        "device 'a9' does not exist",
        "declare it under devices:",
    ),
    "a team that is not there": (
        "teams: [day]}",
        "teams: [day, «evening]}",
        "team 'evening' does not exist",
        "declare it under teams:",
    ),
    "a flow that is not there": (
        "{flow: main}",
        "{flow: «mian}",
        "flow 'mian' does not exist",
        "did you mean 'main'?",
    ),
    "music that is not there": (
        "max_wait_s: 60",
        "music: «jazz",
        "music 'jazz' does not exist",
        "declare it under music:",
    ),
    "a network that is not there": (
        "trusted: true",
        "network: «trunk",
        "network 'trunk' does not exist",
        "did you mean 'trunks'?",
    ),
    "a prompt that is not there": (
        "max_wait_s: 60",
        "announce: {every_s: 30, prompts: [«welcom]}",
        "prompt 'welcom' does not exist",
        "did you mean 'welcome'?",
    ),
    "an announcement without its prompt": (
        "max_wait_s: 60",
        "announce: {every_s: 30, «position: true}",
        "prompt 'queue_position', which this needs, does not exist",
        "put queue_position.wav into a directory of prompts:",
    ),
    "a time zone that is none": (
        "timezone: Asia/Shanghai",
        "timezone: «Asia/Shanghia",
        "time zone 'Asia/Shanghia' does not exist",
        "did you mean 'Asia/Shanghai'?",
    ),
    # -------------------------------------------------------------------------------------------------- addresses
    "an address without a transport": (
        'trunks: {sip: "udp:127.0.0.1:5060"}',
        'trunks: {sip: «"127.0.0.1:5060"}',
        "'127.0.0.1:5060' names no transport",
        'write "udp:10.0.0.1:5060"',
    ),
    "an address peers cannot use": (
        'trunks: {sip: "udp:127.0.0.1:5060"}',
        'trunks: {sip: «"udp:0.0.0.0:5060"}',
        "peers cannot send to 0.0.0.0",
        "add advertise: the address they reach you at",
    ),
    "two networks at one address": (
        'sip: "udp:127.0.0.1:5062"',
        'sip: «"udp:127.0.0.1:5060"',
        "'trunks' listens there already",
        "give each network an address or port of its own",
    ),
    "a host name as a source": (
        'sources: ["127.0.0.1:7060"]',
        'sources: ["127.0.0.1:7060", «sip.example.com]',
        "'sip.example.com' is not an IP address",
        "write the address; names are not looked up",
    ),
    "a port that is none": (
        'sources: ["127.0.0.1:7060"]',
        'sources: [«"127.0.0.1:70600"]',
        "'127.0.0.1:70600' has no valid port",
        "a port is 1 to 65535",
    ),
    "tls without a certificate": (
        'trunks: {sip: "udp:127.0.0.1:5060"}',
        'trunks: {sip: «"tls:127.0.0.1:5061"}',
        "tls needs a certificate",
        "add tls: {certificate: …, key: …}",
    ),
    "a certificate that is not there": (
        'trunks: {sip: "udp:127.0.0.1:5060"}',
        'trunks: {sip: "tls:127.0.0.1:5061", tls: {certificate: «gone.pem}}',
        "certificate and key cannot be used: No such file or directory",
        "give a certificate and its key, unencrypted, as PEM",
    ),
    "a contact by a transport nobody listens on": (
        '"sip:a1@127.0.0.1:7070"',
        '«"sip:a1@127.0.0.1:7070;transport=tcp"',
        "network 'agents' does not listen on tcp",
        'add "tcp:…" to sip: of that network',
    ),
    "TLS on all hops": (
        '"sip:a1@127.0.0.1:7070"',
        '«"sips:a1@127.0.0.1:7070"',
        "sips: asks for TLS all the way to whoever is called, which a hotline cannot promise",
        "write sip: and ;transport=tls for TLS to this place",
    ),
    "a transport that is not served": (
        'trunks: {sip: "udp:127.0.0.1:5060"}',
        'trunks: {sip: «"ws:127.0.0.1:5060"}',
        "ws is not served yet",
        "listen on udp, tcp, tls",
    ),
    "a registration with nobody": (
        "    trusted: true",
        "    trusted: true\n    «registration: {user: a, password: {file: secrets.env, key: DESK}}",
        "register where?",
        "add dial_out: {to: …}",
    ),
    "a trunk that dials nowhere": (
        "    trusted: true",
        '    trusted: true\n    «dial_out: {caller: "1"}',
        "where calls go is said once",
        'give to: "sip:carrier.example", or targets: [{to: …}, …]',
    ),
    "a target that is no URI": (
        "    trusted: true",
        '    trusted: true\n    dial_out: {targets: [{to: "sip:a.example"}, {to: «"sip:a b"}]}',
        "'sip:a b' is not a SIP URI",
        'write "sip:user@10.0.0.7:5060"',
    ),
    "a target by a transport nobody listens on": (
        "    trusted: true",
        '    trusted: true\n    dial_out: {targets: [{to: «"sip:a.example;transport=tcp"}]}',
        "network 'trunks' does not listen on tcp",
        'add "tcp:…" to sip: of that network',
    ),
    "a certificate that is never asked for": (
        "    trusted: true",
        '    trusted: true\n    dial_out: {to: "sip:192.0.2.1", «certificate: a.example}',
        "no target is called over TLS",
        "write ;transport=tls behind the URI, or take it away",
    ),
    "a path of what does not register": (
        'a1: {contact: "sip:a1@127.0.0.1:7070"}',
        'a1: {contact: "sip:a1@127.0.0.1:7070", «path: true}',
        "this device does not register",
        "take it away: only what registers has a path",
    ),
    "a rule for nonsense": (
        "attributes:",
        "dialling: {allow: [{numbers: [«'0('], through: carrier}]}\nattributes:",
        "'0(' is no pattern: missing ), unterminated subpattern at position 1",
        r"a regular expression for the whole number, such as '0[2-9]\d{8,10}'",
    ),
    "a rule through a trunk that does not dial": (
        "attributes:",
        "dialling: {allow: [{numbers: '0', through: «carrier}]}\nattributes:",
        "trunk 'carrier' does not dial out",
        "give trunk carrier a dial_out: {to: …}",
    ),
    "a rule for a team that is none": (
        "attributes:",
        "dialling: {allow: [{numbers: '0', through: carrier, teams: [«dya]}]}\nattributes:",
        "team 'dya' does not exist",
        "did you mean 'day'?",
    ),
    "a name server by name": (
        "attributes:",
        'dns: {servers: [«"ns.example"]}\nattributes:',
        "'ns.example' is not an IP address",
        "write the address; names are not looked up",
    ),
    "a number rewritten by nonsense": (
        "    trusted: true",
        '    trusted: true\n    rewrite: {called: [«{match: "(", to: "1"}]}',
        "'(' to '1' cannot be done: missing ), unterminated subpattern at position 0",
        "such as {match: '\\+86(.*)', to: '0\\1'}",
    ),
    "a network with host bits": (
        'sources: ["127.0.0.1:7060"]',
        'sources: [«"192.0.2.7/24"]',
        "'192.0.2.7/24' is not a network",
        "no bit may be set behind the prefix",
    ),
    "a trunk no call can use": (
        'carrier:\n    sources: ["127.0.0.1:7060"]\n    trusted: true',
        "«carrier: {trusted: true}",
        "no call can come or go through this trunk",
        "give it sources: (where its calls come from) or dial_out:",
    ),
    "a header that is none": (
        "attributes: {age: X-Age}",
        "attributes: {age: «X Age}",
        "'X Age' cannot be used here",
        "the name of a SIP header, such as X-Caller-Age",
    ),
    "a timed wrap-up of no time": (
        "wrap_up: {timed_s: 3}",
        "wrap_up: «timed",
        "a timed wrap-up takes how long?",
        "write wrap_up: {timed_s: 10}",
    ),
    "workers that are no number": (
        "attributes:",
        "media: {workers: «many}\nattributes:",
        "'many' is not a number of workers",
        "1 to 256, or auto",
    ),
    "a source of two trunks": (
        "    trusted: true",
        '    trusted: true\n  other: {sources: [«"127.0.0.1:7060"]}',
        "trunk 'carrier' has this source",
        "a source belongs to one trunk; a port may tell two apart",
    ),
    "a contact that is no URI": (
        '"sip:a1@127.0.0.1:7070"',
        '«"a1@127.0.0.1"',
        "'a1@127.0.0.1' is not a SIP URI",
        'write "sip:user@10.0.0.7:5060"',
    ),
    "ports the wrong way round": (
        "attributes:",
        'media: {ports: «"40000-30000"}\nattributes:',
        "'40000-30000' is not a range of ports",
        "from 1024 up to 65535, the first below the last",
    ),
    # ----------------------------------------------------------------------------------------- devices and secrets
    "a password in the file": (
        "{password: {file: secrets.env, key: DESK}}",
        "{password: «sesame}",
        "a secret must not stand in the configuration",
        "keep it outside: {env: NAME}, {file: path} or {file: path, key: NAME}",
    ),
    "an HA1 in the file": (
        "{password: {file: secrets.env, key: DESK}}",
        "{ha1: {MD5: «8b6c2f12cd6a8f7f8b6c2f12cd6a8f7f}}",
        "a secret must not stand in the configuration",
        "keep it outside: {env: NAME}, {file: path} or {file: path, key: NAME}",
    ),
    "an HA1 that is a password": (
        "{password: {file: secrets.env, key: DESK}}",
        "{ha1: {«MD5: {file: secrets.env, key: DESK}}}",
        "what is kept there is no HA1",
        "the hash of user:realm:password by MD5, 32 hexadecimal digits",
    ),
    "an HA1 of another algorithm than is asked for": (
        "{password: {file: secrets.env, key: DESK}}",
        "{«ha1: {SHA-256: {file: secrets.env, key: HA1}}}",
        "network 'agents' challenges by MD5, of which there is no HA1",
        "add MD5: {…}, or leave it out of digest there",
    ),
    "an HA1 by an algorithm that nobody knows": (
        "{password: {file: secrets.env, key: DESK}}",
        "{ha1: {«SHA1: {file: secrets.env, key: DESK}}}",
        "'SHA1' is not one of MD5, SHA-256",
        "",
    ),
    "a secret in two places": (
        "{password: {file: secrets.env, key: DESK}}",
        "{«password: {file: secrets.env, env: DESK}}",
        "a secret is in one place",
        "give either env: NAME or file: path",
    ),
    "a database of another make": (
        "prompts: prompts\n",
        "prompts: prompts\nrecords: «mysql://acd@db/hotline\n",
        "this is no database's URL",
        "write postgresql://user@host:5432/name, or an SQLite file's path",
    ),
    "a database's port that is none": (
        "prompts: prompts\n",
        "prompts: prompts\nrecords: {url: «postgresql://acd@db:70000/hotline}\n",
        "this is no database's URL",
        "write postgresql://user@host:5432/name, or an SQLite file's path",
    ),
    "a password in a database's URL": (
        "prompts: prompts\n",
        "prompts: prompts\nrecords: «postgresql://acd:sesame@db/hotline\n",
        "a secret must not stand in the configuration",
        "keep it outside: records: {url: postgresql://user@host/name, password: {env: NAME}}",
    ),
    "a password among a database's parameters": (
        "prompts: prompts\n",
        "prompts: prompts\nrecords: {url: «postgresql://db/hotline?user=acd&password=sesame}\n",
        "a secret must not stand in the configuration",
        "keep it outside: records: {url: postgresql://user@host/name, password: {env: NAME}}",
    ),
    "records in two places": (
        "prompts: prompts\n",
        "prompts: prompts\n«records: {file: a.sqlite, url: postgresql://db/hotline}\n",
        "records are kept in one place",
        "give either file: (SQLite) or url: postgresql://…",
    ),
    "a database's password without a place": (
        "prompts: prompts\n",
        "prompts: prompts\nrecords: {url: postgresql://db/hotline, password: «sesame}\n",
        "a secret must not stand in the configuration",
        "keep it outside: {env: NAME}, {file: path} or {file: path, key: NAME}",
    ),
    "a device nobody can reach": (
        'a1: {contact: "sip:a1@127.0.0.1:7070"}',
        "«a1: {nat: true}",
        "nobody knows how to reach this device",
        "give it a password (it registers), a contact, or a number through a trunk",
    ),
    "a device reached in two ways": (
        'a1: {contact: "sip:a1@127.0.0.1:7070"}',
        'a1: {contact: "sip:a1@127.0.0.1:7070", «number: "138", through: carrier}',
        "it has a contact already",
        "a device is reached in one way",
    ),
    "a number through a trunk that does not dial": (
        'a1: {contact: "sip:a1@127.0.0.1:7070"}',
        'a1: {number: "13800000000", through: «carrier}',
        "trunk 'carrier' does not dial out",
        "give trunk carrier a dial_out: {to: …}",
    ),
    "a key to confirm that nobody names": (
        'a1: {contact: "sip:a1@127.0.0.1:7070"}',
        'a1: {contact: "sip:a1@127.0.0.1:7070", «confirm: key}',
        "prompt 'whisper' does not exist",
        "put whisper.wav into a directory of prompts:, which says what key to press",
    ),
    "a line kept up that nobody confirms on": (
        'a1: {contact: "sip:a1@127.0.0.1:7070"}',
        'a1: {contact: "sip:a1@127.0.0.1:7070", «nailed_up_s: 3600}',
        "it says nothing without confirm:",
        "add confirm: key: a caller who comes without ringing has to be taken",
    ),
    "a ring that asks for a higher level": (
        "max_wait_s: 60",
        "rings: [«{after_s: 10, needs: {cards: 4}}]",
        "this ring narrows: it asks for all that was asked before it, and more",
        "ask for less",
    ),
    "a ring that asks for a team as well": (
        "max_wait_s: 60",
        "rings: [«{after_s: 10, teams: [day]}]",
        "this ring narrows: it asks for all that was asked before it, and more",
        "ask for less",
    ),
    "a ring that takes back what one before it gave": (
        "max_wait_s: 60",
        "sites: [beijing]\n    rings: [{after_s: 10, needs: {}, sites: []}, «{after_s: 20, needs: {cards: 1}}]",
        "this ring narrows: it asks for all that was asked before it, and more",
        "ask for less",
    ),
    "rings out of order": (
        "max_wait_s: 60",
        "rings: [{after_s: 20, teams: day}, {after_s: «10, needs: {}}]",
        "not later than the ring before it",
        "order rings by after_s",
    ),
    "a name with a blank": (
        "  cards:\n    needs: {cards: 3}",
        "  «all cards:\n    needs: {cards: 3}",
        "'all cards' cannot be used here",
        "letters, digits and . _ + - only, at most 64",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_configuration_is_told_by_place_fault_and_remedy(name: str, tmp_path: Path) -> None:
    old, new, what, fix = WRONG[name]
    text, line, column = broken(HOTLINE, old, new)
    path = lay_out(tmp_path, text)
    with pytest.raises(ConfigError) as raised:
        load(path)
    wanted = Problem("hotline.yaml", line, column, what, fix)
    found = [_without_directory(problem, tmp_path) for problem in raised.value.problems]
    assert wanted in found, "\n".join(map(str, found))
    assert found[0] == wanted or len(found) > 1


def _without_directory(problem: Problem, directory: Path) -> Problem:
    return Problem(Path(problem.file).name, problem.line, problem.column, problem.what, problem.fix, problem.severity)


def test_there_are_more_than_twenty() -> None:
    assert len(WRONG) > 20


def test_the_hotline_they_break_is_whole(tmp_path: Path) -> None:
    assert check(lay_out(tmp_path)) == []


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    text = HOTLINE.replace("{flow: main}", "{flow: mian}").replace("{device: a1,", "{device: a9,")
    text = text.replace("needs: {cards: 3}", "needs: {card: 3}")
    lines = [problem.line for problem in check(lay_out(tmp_path, text))]
    assert lines == [16, 22, 28]


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    assert "cannot be read" in check(tmp_path / "none.yaml")[0].what
    (tmp_path / "bad.yaml").write_bytes(b"version: 1\nname: \xff\n")
    assert [(p.line, p.column, p.what) for p in check(tmp_path / "bad.yaml")] == [(2, 7, "not UTF-8")]
    (tmp_path / "empty.yaml").write_text("")
    assert [p.fix for p in check(tmp_path / "empty.yaml")] == ["begin with version: 1"]
    (tmp_path / "nul.yaml").write_text("version: 1\nname: a\x07b\n")
    assert [(p.line, p.column, p.what) for p in check(tmp_path / "nul.yaml")] == [
        (2, 8, "character U+0007 is not allowed in YAML")
    ]


def test_a_small_file_cannot_grow_without_bound(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (tmp_path / "bomb.yaml").write_text("\n".join(lines) + "\n")
    assert [p.what for p in check(tmp_path / "bomb.yaml")] == ["nested too deep, or too much of it"]
    (tmp_path / "deep.yaml").write_text("[" * 5000)
    assert [p.what for p in check(tmp_path / "deep.yaml")] == ["nested too deep, or too much of it"]
    (tmp_path / "self.yaml").write_text("a: &a [*a]\n")
    assert [p.what for p in check(tmp_path / "self.yaml")] == ["nested too deep, or too much of it"]
