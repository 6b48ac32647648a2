"""A softphone for an agent or a caller, in a terminal or by a script: our own SIP and RTP. `acd softphone`."""
