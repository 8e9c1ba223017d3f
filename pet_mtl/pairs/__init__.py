"""Sentence pairs out of plain text, for pre-training on inference without a label.

A premise is a sentence of the text, and its hypothesis is made by rules: something that follows
from it, something that contradicts it, something that it leaves open (after Varshney et al. 2022,
"Unsupervised Natural Language Inference Using PHL Triplet Generation"; Chinese rules of our own).

- `make`         the whole procedure: a corpus to a file of pairs
- `places`       which sentences of a corpus become premises
- `words`        a sentence as words with their parts of speech
- `lexicon`      the word lists that the rules use
- `entailment`   what follows: a clause, said more shortly or in other words
- `contradiction` what cannot be: negations, opposites, other numbers and names
- `neutral`      what may be: the next sentence, added details, the longer text
"""
