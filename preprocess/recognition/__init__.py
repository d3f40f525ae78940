"""From a series to a view: names, a site's own rules, and the planes of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from preprocess.recognition.name_table import JudgedName as JudgedName
    from preprocess.recognition.name_table import JudgedNames as JudgedNames
    from preprocess.recognition.name_table import judge_names as judge_names
    from preprocess.recognition.names import Decision as Decision
    from preprocess.recognition.recognise import described as described
    from preprocess.recognition.site_rules import SiteRule as SiteRule
    from preprocess.recognition.site_rules import SiteRules as SiteRules
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        name_table="JudgedName JudgedNames judge_names",
        names="Decision",
        recognise="described",
        site_rules="SiteRule SiteRules",
    )
