"""A page on which label words and patterns are edited and their effect is seen at once.

What `pet-mtl studio` runs: an HTTP interface over the functions of `words/`, so that the page and
`words try` give the same scores, and one static page without anything from other sites.

- `schema`      the JSON of requests
- `edit`        words and patterns of the page as a task
- `jobs`        work that takes long: its progress, and how it is stopped
- `session`     one task of the suite: its rows, its file, what was scored so far
- `effect`      what an edit changes, as JSON
- `luck`        how likely chance alone gains so much
- `row_list`    rows by pages and filters
- `preview`     a row as the model sees it
- `inspect_row` one text: probabilities, words, slots, pieces that matter
- `yaml_edit`   values of a YAML file changed, all else kept
- `save`        words and patterns back into their file
- `page`        the files of the page
- `app`         the HTTP interface
"""
