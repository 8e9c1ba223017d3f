"""Label words: checked, and tried without running the model again.

What the MLM head reads at the slots does not depend on the label words, only on how many masks
there are. So these states are computed once and stored; scoring other words is a small matrix
product.

- `states`       the states at the slots of some prompts
- `state_cache`  states on disk, each prompt's once for a model
- `candidate_scores`  words that are no label words, or not yet
- `behind`       words that causal models read behind the text
- `read_tasks`   rows whose patterns hold what other tasks predict
- `trial`        one model and some rows, ready to score any label words
- `loaded`       the model and the suite that the `words` commands name
- `try_words`    what `words try` does
- `results`      how words score and what they change, and the JSON that `words try` prints
- `watch`        wait for files to be saved
- `check`        what `words check` finds
- `tables`       both as tables for the terminal
- `suggest/`     what `words suggest` does: other words, from the model and the training rows
"""
