from __future__ import annotations

import pytest

from preprocess.labels.lvef import read_lvef


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ("LVEF 34 %", 34),
        ("ejection fraction of 34%", 34),
        ("EF is calculated at 34 percent", 34),
        ("LVEF: 34-38%", 36),
        ("The left ventricular ejection fraction was 0.34.", 34),
        ("RVEF 45 %", None),
        ("right ventricular ejection fraction is 45%", None),
        ("The right ventricle is dilated. Its ejection fraction is 45%.", None),
        ("LVEF 34% (previously 45%)", 34),
        ("Previously, LVEF was 45%.", None),
        ("Prior LVEF 45%.", None),
        ("LVEF on the prior exam was 45%.", None),
        ("LVEF was 45% on the prior study.", None),
        ("Compared to the prior exam, LVEF has decreased to 34%.", 34),
        ("Compared to the prior exam LVEF has decreased from 45% to 34%.", 34),
        ("Prior myocardial infarction with LVEF 34%.", 34),
        ("Goal LVEF > 50%.", None),
        ("ICD if LVEF <35%", None),
        ("LVEF <20%", None),
        ("LVEF increased by 10%.", None),
        ("Normal LVEF is 57-77%.", None),
        ("Normal LVEF of 62%.", 62),
        ("Normal LVEF, 62%.", 62),
        ("LVEF 34% (normal 57-77%)", 34),
        ("LVEF (normal range 57-77%): 34%", 34),
        ("LVEF is 55.", 55),
        ("LVEF = 34,5 %", 34.5),
        ("LVEF: 34 %   RVEF: 45 %", 34),
        ("RVEF: 45 %   LVEF: 34 %", 34),
        ("LV: EDV 180 mL, ESV 119 mL, EF 34%. RV: EDV 170 mL, ESV 94 mL, EF 45%.", 34),
        ("LVEF and RVEF are 55% and 48%.", 55),
        ("RVEF and LVEF are 48% and 55%.", None),
        ("LVEF is preserved and the scar burden is 15%.", None),
        ("LVEF is normal with a stroke volume of 80 mL.", None),
        ("LVEF 340 %", None),
        ("INDICATION: Cardiomyopathy, EF 20% by echo.\nFINDINGS: LVEF 34%.", 34),
        ("FINDINGS: LVEF 34%.\nIMPRESSION: LVEF of 36%.", 34),
        ("IMPRESSION: LVEF of 36%.\nFINDINGS: LVEF 34%.", 34),
        ("FINDINGS: LVEF 34%.\nIMPRESSION: LVEF of 54%.", None),
        ("LV EF (%)   34", 34),
        ("LVEF by 3D volumetry is 34%", 34),
        ("Left atrial ejection fraction 50%.", None),
        ("LAEF 50%", None),
        ("Severely reduced left ventricular systolic function with an ejection\nfraction of 20%.", 20),
        ("LVEF 34 ± 3 %", 34),
        ("LVEF approximately 55-60%", 57.5),
        ("EF of the RV is 45%", None),
        ("Ejection fraction: LV 55%, RV 48%", 55),
        ("LVEF is severely reduced, calculated to be 20%.", 20),
        ("RIGHT VENTRICLE:\nEDV 170 mL\nEF 45 %", None),
        ("Heart failure with reduced ejection fraction.", None),
        ("LVEF 34% on echo.", None),
        ("Echo showed LVEF 45%.", None),
        ("The left and right ventricles are normal in size. EF 60%.", 60),
        ("left ventricular ejection fraction (LVEF) was 61 %", 61),
        ("LVEF in 2019 was 45%", None),
        ("LVEF 45% previously, now 34%", None),
        ("Left ventricular (LV) ejection fraction is 34%", 34),
        ("LV ejection fraction is at 34%", 34),
        ("The LVEF measures 28%, RVEF 40%", 28),
        ("LV systolic function is severely reduced (LVEF 21%)", 21),
        ("LVEF of 56% with ESV 60 mL", 56),
        ("EF=61", 61),
        ("LVEF 60%, LGE 12%.", 60),
        ("LVEF 12 mL", None),
        ("LV-EF: 47%", 47),
        ("LVEF 1.5 T", None),
        ("Ejection fraction is preserved at 62 %.", 62),
        ("an LVEF of 0.6", 60),
        ("LVEF is 34% versus 40% on the prior study.", 34),
        ("LVEF 34%, unchanged from prior study.", 34),
        ("LVEF 34% compared to 40% previously", 34),
        ("LVEF 34% of normal", None),
        ("LVEF 50 to 55%", 52.5),
        ("The ejection fraction of the left ventricle is 34%.", 34),
        ("Ejection fraction of the right ventricle: 34%", None),
        ("LVEF  (Simpson): 44%", 44),
        ("LVEF 34%/RVEF 40%", 34),
        ("LVEF - 55%", 55),
    ],
)
def test_lvef_as_stated(report: str, expected: float | None) -> None:
    assert read_lvef(report).percent == expected


def test_contradictory_statements_give_nothing_and_say_why() -> None:
    reading = read_lvef("FINDINGS: LVEF 34%.\nIMPRESSION: LVEF 44%.")
    assert reading.percent is None
    assert "differ" in reading.reason


def test_a_report_without_other_headings_goes_on_after_its_indication() -> None:
    assert read_lvef("Man of 50. Indication: EF 20% outside. Normal size. LVEF 61 %.").percent == 61


def test_a_report_without_lvef_says_so() -> None:
    assert read_lvef("FINDINGS: No scar.").reason == "LVEF not stated"
