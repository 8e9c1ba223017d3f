"""When a run ends before its last step because its dev scores say so."""

from pet_mtl.storage.state import Progress

FAR = 0.05  # below the best score
FEWEST = 5  # evaluations
SHARE = 0.25  # of the planned evaluations


def note_score(progress: Progress, score: float) -> bool:
    """Take in the score of an evaluation; return whether it is the best so far."""
    if progress.best_score is None or score > progress.best_score:
        progress.best_score, progress.best_step = score, progress.step
        progress.stale = progress.sunk = 0
        return True
    progress.stale += 1
    progress.sunk = progress.sunk + 1 if score <= progress.best_score - FAR else 0
    return False


def stops(setting: int | str | None, progress: Progress, planned: int) -> str | None:
    """Return why a run stops after the evaluation just taken in, None where it goes on.

    Args:
        setting: `train.early_stop`: so many evaluations without a better score; `auto`: when a
            quarter of the planned evaluations, five at least, lay far below the best in a row;
            None: never.
        planned: evaluations of the whole run.
    """
    if setting is None:
        return None
    if setting == "auto":
        if progress.sunk < max(FEWEST, SHARE * planned):
            return None
        return f"{progress.sunk} evaluations in a row {FAR:g} or more below the best dev score"
    if progress.stale < int(setting):
        return None
    return f"{progress.stale} evaluations without a better dev score"
