"""What pattern and verbalizer files say, checked, with errors that name file and line.

- `suite`       a pattern file as a `Suite`: its tasks and settings
- `yaml_file`, `yaml_nodes`, `text_file`  plain data and texts of files, with their lines
- `validation`  pydantic's findings in our words; `overrides`: `-s key=value`
- `task_section`, `task`, `task_values`, `data_spec`  one task: from its section to a `TaskSpec`
- `kind`        kinds of task as plain facts; `levels`: labels that are paths down a tree
- `pattern`, `row_texts`, `chain`  patterns, what they read of a row, and of other tasks
- `verbalizer`, `verbalizer_section`, `verbalizer_kind`, `label_lines`  label words
- `openprompt_template`, `openprompt_verbalizer`  the same as OpenPrompt writes them
- `settings`, `losses`, `method`, `long_text`  what `train:`, `sampling:` and `method:` may say
- `auto`        settings that are left to the backbone
- `idle`        settings that do nothing beside others
"""
