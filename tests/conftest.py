"""What holds for every test."""

import signal

from hypothesis import HealthCheck, settings

# How long an example takes is the machine's business, and never fails a test.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("house")

# A shell has those it starts in the background ignore Ctrl-C, and they whom they start; tests send it to programs.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
