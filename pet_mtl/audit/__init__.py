"""Look at the data before training on it, and mend it: `pet-mtl data check` and `pet-mtl data
clean`.

Each check is a file; it takes the rows and gives figures and findings.

- `check`          all checks of a suite, and the verdict
- `table`          the result for people
- `finding`        one thing that was found: level, place, hint
- `parts`          the rows of a suite as they stand in the files, bad ones noted
- `broken_lines`   rows that cannot be read, and lines that were one row before a stray newline cut
it
- `repeats`        rows with one text, and those whose labels contradict each other
- `classes`        rows of each label
- `lengths`        characters, tokens, and what is lost where a row is cut
- `characters`     control and replacement characters, HTML remains, mojibake, and how they are
mended
- `unreadable`     texts that the model cannot read
- `label_errors`   labels that trained models contradict; `judges`: these models
- `soft_labels`    files of soft labels: what they speak of and contradict
- `overlap`        texts that stand in several parts or tasks
- `corpus_overlap` texts that stand in pre-training text
- `vocabulary`     frequent words that tasks and corpora share
- `stop_words`     the words that `vocabulary` leaves out
- `whole_rows`     the rows of a file with all their columns, and what was changed
- `records`        reads them from any format, broken ones mended
- `decoding`       their text, whatever the bytes are
- `json_rows`, `parquet_rows`  JSON values and Parquet on their way through `records`, unharmed
- `dropped`        leaks, contradictory labels and repeats, dropped
- `clean`          the mended copy
"""
