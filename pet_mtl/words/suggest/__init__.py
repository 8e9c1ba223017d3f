"""Label words suggested by the model and the training rows.

The training rows are divided by text: words are found and ranked on the fitting part, and every
gain that is shown is measured on the held-out part. Dev and test rows are never read.

- `candidates`  words that could be label words: pieces of the vocabulary, words of the rows
- `judge`       label words judged on either part: macro-F1, calibrated as `score` would
- `set_judge`   the same for sets of labels, with their thresholds
- `petal`       ranked by the likelihood ratio between the label's rows and the others
- `automatic`   ranked by LM-BFF's search, one label at a time
- `neighbours`  ranked by nearness to the label's words in the embedding space
- `search`      all of these, for one task
- `rank`        the methods' best words, each with its gain as one more word or in place of the
others
- `propose`     one change after the other, as long as the fitting rows gain
- `write`       a verbalizer file changed, comments and order kept
- `run`         what `words suggest` does, with the JSON that it prints
- `table`       the same as tables for the terminal
"""
