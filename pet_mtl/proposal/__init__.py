"""From a data file to a task: `pet-mtl init` proposes columns, a pattern, label words and settings.

- `propose`     the whole: look, propose, try, write
- `raw_table`, `raw_objects`, `held_cells`  any table as text: separator, header, JSON keys;
  `damaged_rows`: those that are not UTF-8
- `label_names` a task of labels alone, for a model as it is
- `header`      whether its first rows name the columns
- `columns`     which column is the label, which are texts
- `label_sets`  cells that hold several labels
- `scales`      labels that are levels, scores of pairs, leaves of a tree
- `task_kind`   the kind that these make, with its reasons
- `two_texts`   a pair, or a title and its text
- `wording`     language, prefix, pattern, names of fields
- `label_words` a word for each label, out of its name or its rows; `presets`: usual ones
- `settings`, `slots`  settings that fit the rows, and how label words are read
- `pattern_file` the commented YAML; `outcome`: what was found, and written
"""
