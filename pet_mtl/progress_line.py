"""The line of a progress bar, in as many columns as there are."""

from pet_mtl.text import one_line

LONGEST_BAR, SHORTEST_BAR = 24, 8  # columns
LONGEST_TITLE = 28


def progress_line(
    width: int, title: str, done: int, total: int, seconds: float | None, note: str = ""
) -> str:
    """Return a line that is shorter than `width` columns: what there is no room for goes, the note
    first, then the bar, then the end of the title.

    Args:
        seconds: until the end; None where that is not known yet.

    >>> progress_line(80, "training", 3, 12, 61, "412 rows/s")
    'training ━━━━━━────────────────── 3/12 0:01:01 412 rows/s'
    >>> progress_line(30, "training", 3, 12, 61, "412 rows/s")
    'training ━━────── 3/12 0:01:01'
    """
    minutes, rest = divmod(round(seconds or 0), 60)
    left = "-:--:--" if seconds is None else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
    counts = f"{done}/{total} {left}"
    title = _short(one_line(title), min(LONGEST_TITLE, max(1, width - len(counts) - 1)))
    fixed, note = len(title) + len(counts) + 1, one_line(note)
    noted = f" {note}" if note and width - fixed - len(note) - 2 - SHORTEST_BAR >= 0 else ""
    room = min(LONGEST_BAR, width - fixed - len(noted) - 1)
    if room < SHORTEST_BAR:
        return f"{title} {counts}{noted}"[:width]
    filled = room * min(done, total) // total if total else room
    return f"{title} {'━' * filled}{'─' * (room - filled)} {counts}{noted}"


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"
