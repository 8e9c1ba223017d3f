"""From rows to token ids: patterns become prompts, label words become pieces, prompts become
batches.

- `tokenizer`    one way to turn text into pieces, whatever the tokenizer family; special tokens in
text stay text
- `label_words`  the pieces of a verbalizer's label words, grouped by length
- `form`         a pattern compiled for a tokenizer: constant parts become ids once
- `behind`, `word_tree`  patterns and label words of causal models
- `slot_numbers`, `slot_cost`  how many masks words are read with, and what that costs
- `shorten`      how long texts are cut
- `columns`      columns of texts as pieces in ragged arrays
- `encode`       every row tokenised once into a compact store of prompts (without their masks)
- `unreadable`   warnings of texts that the model cannot read
- `plain_form`   the form of a row without cloze: its fields, for a classifier
- `batch`        prompts cut into batches by a token budget over length buckets
- `chinese_words` where Chinese words begin: jieba's dictionary
- `sampling`     which prompts each step takes: a pure function of seed and step
- `said`         words that other tasks say, put into prompts
- `shown`        one row's prompt, token by token
- `collate`      one batch as tensors, masks put in
- `draws`        random numbers that depend on nothing but seed, epoch, row and position
- `corrupt`      what stands in the place of pieces that are to be predicted
"""
