"""Masking strategies: which pieces of a row are to be predicted, drawn anew every epoch.

Each strategy answers one question, vectorised over a batch: given the pieces that may be masked,
which are? What then stands in their place, a mask, another piece or the piece itself, is
`corrupt`'s.

- `random_pieces`  pieces, one by one (BERT, Devlin et al. 2019)
- `whole_word`     all pieces of a word together (BERT-wwm, Cui et al. 2021)
- `selective`      pieces that a classifier needs (Train No Evil, Gu et al. 2020)
- `take`           units at random up to a share, which these have in common
- `pattern_aware`  gold label words of a suite's prompts, and pieces of their texts
"""
