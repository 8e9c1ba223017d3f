"""The learned ways from a form's slots to label scores, one file each; `manual` is
`word_scores.label_scores`.

- `reader`        what all of them are given
- `weighted`      a learned weight for each label word
- `soft`          a learned vector for each label
- `prototypical`  a learned prototype for each label, in a small space
- `label_rows`    the label words' rows of the MLM decoder, which the last two start from
"""
