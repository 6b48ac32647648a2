"""Names of things. All are short strings that read well in a log line.

=========  ===============  =====================================================================================
name       example          who gives it
=========  ===============  =====================================================================================
CallId     ``3-17``         the shell for a call that arrives (boot number, serial); the core for one that it makes
LegId      ``3-17.2``       the call, a dot, a serial within the call: leg 0 is the caller's own
OpId       ``3-17.p4``      the core: one media or look-up operation of that call
=========  ===============  =====================================================================================

The boot number makes a name unique over restarts; the leg's name holds its first call's, so that every log line of a
leg can be found by the call without a table.
"""

from typing import TypeAlias

CallId: TypeAlias = str
LegId: TypeAlias = str
OpId: TypeAlias = str
AgentId: TypeAlias = str
DeviceId: TypeAlias = str
QueueId: TypeAlias = str
TrunkId: TypeAlias = str
SkillId: TypeAlias = str
RequestId: TypeAlias = str
SecretHandle: TypeAlias = str
"""Names a value that stays in the shell's memory (a PIN, a card number): ``secret:3-17.p4``."""


def call_of(name: LegId | OpId) -> CallId:
    """The call in whose life this leg or operation was named."""
    return name.partition(".")[0]
