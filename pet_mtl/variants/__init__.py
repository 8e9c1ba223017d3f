"""Rows without labels out of a task's training rows, for a teacher to label.

A student learns from what its teacher says of rows, so more rows like the task's own teach it more
(after Jiao et al. 2020, "TinyBERT", whose augmentation replaces words by what BERT puts there).

- `make`         the whole procedure: the training rows of tasks to a file each
- `vary`         texts of which some pieces are what a masked language model puts there
- `stand_ins`    which pieces may be replaced, and by which
- `recombine`    texts that stand beside the same text, as rows of two texts
"""
