"""The signals that ask a process to end."""

import signal

HANGUP = getattr(signal, "SIGHUP", None)  # the terminal was closed; Windows has none
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, *(() if HANGUP is None else (HANGUP,)))


def heard() -> list[int]:
    """Return those that are not for others: after `nohup` the terminal's end is none of ours."""
    return [n for n in STOP_SIGNALS if n != HANGUP or signal.getsignal(n) != signal.SIG_IGN]
