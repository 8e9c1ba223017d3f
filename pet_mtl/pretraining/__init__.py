"""Pre-training: a masked language model from text, or taken further on text.

- `run`           the whole procedure: corpus, cache, rows, model, steps, result
- `settings`      what `-s key=value` and the `train:` section of a recipe may say
- `recipe`        the `--from-scratch` file: shape, vocabulary, settings
- `corpus`        documents out of txt, json lines, parquet, compressed or not
- `task_text`     documents out of a suite's training rows
- `vocabulary`    a word-piece vocabulary counted from a corpus
- `other_vocabulary` another vocabulary for a model that is there
- `cache`         the tokenised corpus on disk, memory-mapped
- `rows`          documents cut and packed into rows; rows into batches
- `pattern_rows`  rows that are a suite's prompts with their gold label words written in
- `schedule`      which rows each step sees
- `masking`       which pieces are masked, one strategy a file
- `importance`    which pieces a classifier needs, found with a cloze checkpoint
- `marker`        a small token classifier that learns these marks and marks other text
- `mlm_model`     the loss, with the decoder at the masked positions only
- `steps`         the optimizer steps and the held-out figures
"""
