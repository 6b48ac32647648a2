"""Telephones that are real SIP and RTP endpoints: callers and agents for the demo, the load driver and tests."""
