"""One kit for every page of the project.

`markup` escapes by construction, `documents` makes a whole page under one content security policy, `style` and the
folder `templates` hold what pages look like; `table_markup`, `charts` and `histograms` show numbers, `pictures` and
`strips` show hearts. Nobody else writes a tag.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from preprocess.pages.charts import Bar as Bar
    from preprocess.pages.charts import DataSeries as DataSeries
    from preprocess.pages.charts import bar_chart as bar_chart
    from preprocess.pages.charts import line_chart as line_chart
    from preprocess.pages.charts import scatter_chart as scatter_chart
    from preprocess.pages.charts import share_chart as share_chart
    from preprocess.pages.documents import Program as Program
    from preprocess.pages.documents import document as document
    from preprocess.pages.documents import write_page as write_page
    from preprocess.pages.histograms import histogram as histogram
    from preprocess.pages.markup import Markup as Markup
    from preprocess.pages.markup import data_url as data_url
    from preprocess.pages.markup import element as element
    from preprocess.pages.markup import join as join
    from preprocess.pages.pictures import contact_sheet as contact_sheet
    from preprocess.pages.pictures import cycle_frames as cycle_frames
    from preprocess.pages.pictures import grey as grey
    from preprocess.pages.pictures import tile as tile
    from preprocess.pages.pictures import webp as webp
    from preprocess.pages.strips import Strip as Strip
    from preprocess.pages.strips import beating_hearts as beating_hearts
    from preprocess.pages.strips import cine_strip as cine_strip
    from preprocess.pages.style import style_sheet as style_sheet
    from preprocess.pages.svg import chart_figure as chart_figure
    from preprocess.pages.svg import drawing as drawing
    from preprocess.pages.svg import words as words
    from preprocess.pages.table_markup import bar_table as bar_table
    from preprocess.pages.table_markup import share as share
    from preprocess.pages.table_markup import short_number as short_number
    from preprocess.pages.table_markup import table as table
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        charts="Bar DataSeries bar_chart line_chart scatter_chart share_chart",
        documents="Program document write_page",
        histograms="histogram",
        markup="Markup data_url element join",
        pictures="contact_sheet cycle_frames grey tile webp",
        strips="Strip beating_hearts cine_strip",
        style="style_sheet",
        svg="chart_figure drawing words",
        table_markup="bar_table share short_number table",
    )
