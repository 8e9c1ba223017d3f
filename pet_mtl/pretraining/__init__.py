"""Pre-training: a masked language model from text, or taken further on text.

- `run`           the whole procedure: corpus, cache, rows, model, steps, result
- `request`       what is asked for, as it is stored; `materials`: the model and the rows of it
- `folders`       what a run writes; `average`: the mean of several models
- `settings`      what `-s key=value` and the `train:` section of a recipe may say
- `recipe`        the `--from-scratch` file: shape, vocabulary, settings; `room`: has it memory
- `from_layers`   a shallower model out of another's layers
- `teacher`, `teacher_settings`, `teacher_checks`, `teaching`  a larger model to learn from
- `corpus`        documents out of txt, json lines, parquet, compressed or not
- `task_text`     documents out of a suite's training rows
- `vocabulary`    a word-piece vocabulary counted from a corpus; `word_vocabulary`: of words
- `other_vocabulary` another vocabulary for a model that is there
- `pieces`        texts to pieces, and where words begin
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
