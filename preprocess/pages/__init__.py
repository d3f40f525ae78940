"""One kit for every page of the project.

`markup` escapes by construction, `document` makes a whole page under one content security policy, `style` and the
folder `templates` hold what pages look like; `table_markup`, `charts` and `histogram` show numbers, `pictures` and
`strips` show hearts. Nobody else writes a tag.
"""
