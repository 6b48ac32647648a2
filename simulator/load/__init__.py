"""A scenario as real traffic: `acd load` plays its callers and agents as SIP and RTP telephones against an engine."""
