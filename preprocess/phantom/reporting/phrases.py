"""The wordings of the reports: many templates for each finding, filled with numbers from the truth."""

from __future__ import annotations

from typing import TypeAlias

__all__ = [
    "ASYMMETRIC",
    "ATRIA_NORMAL",
    "CLOSING",
    "COMPARISON",
    "CONCENTRIC",
    "EFFUSION",
    "EF_NUMBER",
    "EF_WORDS",
    "ENHANCEMENT",
    "ENHANCEMENT_NONE",
    "GREETING",
    "IMPRESSION",
    "INDICATION",
    "LA_DILATED",
    "LV_DILATED",
    "LV_NORMAL",
    "LV_SMALL",
    "MASS",
    "MOTION_GLOBAL",
    "MOTION_NORMAL",
    "MOTION_REGIONAL",
    "NO_EFFUSION",
    "RA_DILATED",
    "RV_DILATED",
    "RV_NORMAL",
    "RV_WALL",
    "SEPTUM_FLAT",
    "TECHNIQUE",
    "THIN",
    "VALVES",
    "WALL_NORMAL",
    "Templates",
]

Templates: TypeAlias = tuple[str, ...]

GREETING: Templates = (
    "Cardiac magnetic resonance imaging of a {age}-year-old {person}.",
    "{age}-year-old {person} referred for cardiac MRI.",
    "{Person} of {age} years, heart rate {hr} per minute during the examination.",
    "CMR study in a {age}-year-old {person} with a body surface area of {bsa} m².",
)
INDICATION: Templates = (
    "Clinical question: assessment of ventricular size and function.",
    "The examination was requested for exertional dyspnoea.",
    "Referred because of an abnormal echocardiogram.",
    "Indication: atypical chest discomfort and palpitations.",
    "The patient reports reduced exercise tolerance.",
)
TECHNIQUE: Templates = (
    "Cine steady-state free precession images were acquired in long-axis and short-axis planes.",
    "Multiplanar bSSFP cine imaging was performed with ECG gating and breath holds.",
    "Gadolinium contrast was given intravenously without adverse reaction.",
    "Image quality is good with minor breathing artefact.",
    "Scout, cine and late enhancement sequences were obtained.",
    "The examination was tolerated well and was of diagnostic quality.",
    "Post-processing was done on a dedicated workstation.",
)
LV_NORMAL: Templates = (
    "The left ventricle is normal in size with an end-diastolic volume of {lvedv} mL ({lvedvi} mL/m²).",
    "Normal left ventricular volumes: EDV {lvedv} mL, ESV {lvesv} mL.",
    "LV cavity size is within normal limits (LVEDV {lvedv} mL, LVESV {lvesv} mL).",
    "No left ventricular dilation, indexed end-diastolic volume {lvedvi} mL/m².",
)
LV_SMALL: Templates = (
    "The left ventricular cavity is small with an end-diastolic volume of {lvedv} mL.",
    "Small LV cavity: EDV {lvedv} mL, ESV {lvesv} mL.",
    "Left ventricular volumes are at the lower limit of normal (EDV {lvedv} mL, {lvedvi} mL/m²).",
)
LV_DILATED: Templates = (
    "The left ventricle is {grade} dilated with an end-diastolic volume of {lvedv} mL ({lvedvi} mL/m²).",
    "{Grade} dilated left ventricle: EDV {lvedv} mL, ESV {lvesv} mL.",
    "There is {noun} LV enlargement, indexed end-diastolic volume {lvedvi} mL/m².",
    "LV cavity {grade} enlarged (LVEDV {lvedv} mL, LVESV {lvesv} mL).",
)
EF_NUMBER: Templates = (
    "{Function} left ventricular systolic function, LVEF {lvef} %.",
    "The left ventricular ejection fraction of {lvef}% indicates {function} systolic function.",
    "EF is calculated at {lvef} percent.",
    "LV systolic function is {function} with an ejection fraction of {lvef}%.",
    "Left ventricular ejection fraction measures {lvef} %, which is {function}.",
    "LVEF = {lvef}% by short-axis planimetry ({function}).",
    "Quantitative analysis gives an LVEF of {lvef} percent.",
    "Global LV function is {function}; the ejection fraction is {lvef}%.",
)
EF_WORDS: Templates = ("Left ventricular systolic function is {function}.", "Visually {function} LV function.")
WALL_NORMAL: Templates = (
    "Wall thickness is normal, maximum {wall} mm.",
    "No left ventricular hypertrophy.",
    "The myocardium is of normal thickness ({wall} mm) without hypertrophy.",
    "Left ventricular wall thickness is within normal limits.",
)
THIN: Templates = (
    "The walls of the left ventricle are thin, measuring {wall} mm at most.",
    "Thin-walled left ventricle without hypertrophy.",
    "Wall thickness is not increased ({wall} mm).",
)
ASYMMETRIC: Templates = (
    "Asymmetric septal hypertrophy with a maximum wall thickness of {wall} mm.",
    "The basal and mid septum is markedly thickened to {wall} mm.",
    "There is asymmetric hypertrophy of the interventricular septum, measuring up to {wall} mm.",
    "Septal wall thickness is increased to {wall} mm whereas the lateral wall is spared.",
)
CONCENTRIC: Templates = (
    "Concentric left ventricular hypertrophy with wall thickness up to {wall} mm.",
    "The left ventricular walls are concentrically thickened, maximum {wall} mm.",
    "Symmetric increase of LV wall thickness to {wall} mm.",
    "There is diffuse concentric thickening of the myocardium ({wall} mm).",
)
MASS: Templates = (
    "Left ventricular mass is {mass} g ({massi} g/m²).",
    "LV mass {mass} g.",
    "Myocardial mass was measured at {mass} g, {massi} g/m² indexed.",
)
MOTION_NORMAL: Templates = (
    "No regional wall motion abnormality.",
    "All segments contract normally.",
    "There are no regional wall motion abnormalities of the left ventricle.",
    "Wall motion is normal in all segments.",
)
MOTION_GLOBAL: Templates = (
    "Global hypokinesis of the left ventricle.",
    "There is diffuse hypokinesia without a regional pattern.",
    "All segments are hypokinetic.",
    "Contraction is globally reduced with little longitudinal motion of the mitral plane.",
)
MOTION_REGIONAL: Templates = (
    "Akinesis and thinning of the {segments} in the {artery} territory.",
    "The {segments} are akinetic and thinned.",
    "Regional wall motion abnormality: {segments} without systolic thickening.",
    "There is akinesia of the {segments}, consistent with {artery} disease.",
)
RV_NORMAL: Templates = (
    "The right ventricle is normal in size, RVEF {rvef} %.",
    "Normal right ventricular size (RVEDV {rvedv} mL) with an RV ejection fraction of {rvef}%.",
    "No right ventricular dilation; right ventricular function is {rvfunction} (RVEF {rvef}%).",
    "Right ventricular volume is normal and its function {rvfunction}.",
)
RV_DILATED: Templates = (
    "The right ventricle is {grade} dilated with an end-diastolic volume of {rvedv} mL, RVEF {rvef} %.",
    "{Grade} dilated right ventricle (RVEDV {rvedv} mL) with {rvfunction} function, RVEF {rvef}%.",
    "There is {noun} RV enlargement with {rvfunction} right ventricular systolic function (RVEF {rvef}%).",
    "RV {grade} enlarged, RV ejection fraction {rvef} percent.",
)
RV_WALL: Templates = (
    "The right ventricular free wall is hypertrophied to {rvwall} mm.",
    "Right ventricular hypertrophy with a free wall of {rvwall} mm.",
    "Thickened free wall of the right ventricle ({rvwall} mm).",
)
SEPTUM_FLAT: Templates = (
    "Flattening of the interventricular septum in systole with a D-shaped left ventricle.",
    "The septum is flattened in systole, indicating right ventricular pressure overload.",
    "D-shaped left ventricle in the short axis because of systolic septal flattening.",
)
LA_DILATED: Templates = (
    "The left atrium is {grade} dilated ({la} mL).",
    "{Noun} left atrial enlargement with a maximum volume of {la} mL.",
    "Left atrial volume is increased to {la} mL ({lai} mL/m²).",
)
RA_DILATED: Templates = (
    "The right atrium is dilated as well ({ra} mL).",
    "Right atrial enlargement, {ra} mL.",
    "The right atrium is enlarged.",
)
ATRIA_NORMAL: Templates = (
    "Both atria are normal in size.",
    "No atrial dilation.",
    "The atria are not enlarged, left atrial volume {la} mL.",
    "Left and right atrium are of normal size.",
)
EFFUSION: Templates = (
    "There is a {size} pericardial effusion measuring up to {effusion} mm.",
    "{Size} circumferential pericardial effusion ({effusion} mm).",
    "Pericardial fluid of up to {effusion} mm surrounds the heart, a {size} effusion.",
)
NO_EFFUSION: Templates = (
    "No pericardial effusion.",
    "The pericardium is normal without effusion.",
    "There is no pericardial effusion or thickening.",
    "No evidence of pericardial fluid.",
)
ENHANCEMENT: dict[str, Templates] = {
    "amyloid": (
        "Diffuse subendocardial to transmural late gadolinium enhancement with abnormal nulling.",
        "Global late enhancement of both ventricles, difficult to null.",
    ),
    "hypertrophic": (
        "Patchy mid-wall late enhancement in the septum and at the insertion points.",
        "Focal late gadolinium enhancement in the hypertrophied segments.",
    ),
    "ischaemic": (
        "Transmural late gadolinium enhancement of the {segments}.",
        "Subendocardial to transmural scar in the {artery} territory.",
    ),
    "dilated": (
        "Linear mid-wall late enhancement of the septum.",
        "No ischaemic pattern of late gadolinium enhancement.",
    ),
    "pulmonary_hypertension": ("Late enhancement at the right ventricular insertion points.",),
}
ENHANCEMENT_NONE: Templates = (
    "No late gadolinium enhancement.",
    "There is no late enhancement to suggest scar or fibrosis.",
    "No focal fibrosis on late gadolinium images.",
)
VALVES: Templates = (
    "The aortic valve opens well.",
    "No relevant valve disease is seen on the cine images.",
    "The thoracic aorta is of normal calibre.",
    "No intracardiac thrombus.",
    "Extracardiac findings are unremarkable.",
    "No pleural effusion.",
    "The mitral and tricuspid valves close without visible jets.",
)
COMPARISON: Templates = (
    "Compared with the previous examination there is little change.",
    "Findings are similar to the prior study.",
    "In comparison with the earlier scan, ventricular function is essentially unchanged.",
)
IMPRESSION: dict[str, Templates] = {
    "normal": (
        "Normal cardiac MRI.",
        "Normal size and function of both ventricles.",
        "No evidence of structural heart disease.",
    ),
    "dilated": (
        "Dilated cardiomyopathy with {function} LV function.",
        "Findings consistent with non-ischaemic dilated cardiomyopathy.",
        "Enlarged, poorly contracting left ventricle in keeping with DCM.",
    ),
    "hypertrophic": (
        "Hypertrophic cardiomyopathy with asymmetric septal involvement.",
        "Findings of HCM, septal phenotype.",
        "Asymmetric hypertrophic cardiomyopathy with hyperdynamic function.",
    ),
    "amyloid": (
        "Findings highly suggestive of cardiac amyloidosis.",
        "Infiltrative cardiomyopathy, most likely amyloid.",
        "Thick walls, large atria and reduced long-axis function suggest cardiac amyloidosis.",
    ),
    "lv_hypertrophy": (
        "Concentric LV hypertrophy, most likely hypertensive heart disease.",
        "Left ventricular hypertrophy in keeping with arterial hypertension.",
        "Hypertensive heart disease with concentric remodelling.",
    ),
    "ischaemic": (
        "Ischaemic cardiomyopathy with a scar in the {artery} territory.",
        "Chronic myocardial infarction of the {artery} territory with {function} LVEF.",
        "Findings of previous infarction in the {artery} territory.",
    ),
    "rv_dilation": (
        "Right ventricular dilation with {rvfunction} RV function.",
        "Enlarged right ventricle, consider volume overload or shunt.",
        "Volume-overloaded right ventricle.",
    ),
    "pulmonary_hypertension": (
        "Right ventricular pressure overload consistent with pulmonary hypertension.",
        "Findings of pulmonary hypertension with RV hypertrophy and septal flattening.",
        "Pulmonary hypertension with right heart strain.",
    ),
    "la_dilation": (
        "Left atrial dilation without other structural abnormality.",
        "Markedly enlarged left atrium.",
        "Isolated left atrial enlargement, consider atrial fibrillation or diastolic dysfunction.",
    ),
    "pericardial_effusion": (
        "{Size} pericardial effusion.",
        "Pericardial effusion without signs of tamponade.",
        "Circumferential pericardial effusion of {effusion} mm.",
    ),
}
CLOSING: Templates = (
    "Clinical correlation is recommended.",
    "Follow-up as clinically indicated.",
    "Biventricular volumes were measured on the short-axis stack.",
)
