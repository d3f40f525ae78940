"""Quality control of a store: measures per clip, outliers with reasons, and a page to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from preprocess.qc.collect import read_measures as read_measures
    from preprocess.qc.page import render as render
    from preprocess.qc.page_content import Report as Report
    from preprocess.qc.quality import Quality as Quality
    from preprocess.qc.quality import check_quality as check_quality
    from preprocess.qc.rules import find_outliers as find_outliers
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        collect="read_measures",
        page="render",
        page_content="Report",
        quality="Quality check_quality",
        rules="find_outliers",
    )
