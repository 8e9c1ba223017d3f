"""From files to rows: `suite_data` loads all tasks of a suite, `readers` one source; `rows` is what
comes out.

- `sources`, `files`, `joined_streams`, `encoding`  files by name and glob, unpacked, as UTF-8
- `delimited`, `delimited_rows`, `jsonl`, `json_values`, `parquet`, `parquet_steps`, `hub`  formats
- `table`       what the readers of all formats share; `tolerant`: what they read beyond `train`'s
- `column_names`, `cell_text`, `label_text`, `set_cells`  headers and cells
- `targets`     label cells to what a row is to have; `soft_labels`: how likely each label is
- `memory`      rows that a program has; `streams`: rows of files of any size, block by block
- `split`, `duplicates`, `keys`, `digest`  rows by their texts
- `arrow`       Arrow with a small footprint
"""
