"""All checks of a run, one after the other; a failed one does not keep the next from running."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from cmr_clip.preflight.configuration import read_plan
from cmr_clip.preflight.data_checks import check_data
from cmr_clip.preflight.findings import Findings
from cmr_clip.preflight.memory import check_memory
from cmr_clip.preflight.trial import run_trial
from cmr_clip.preflight.weight_checks import check_folder, check_model, check_resume
from preprocess.system.quiet import quiet

__all__ = ["check_run"]

_HINTING = ("pytorch_lightning", "lightning_fabric", "cmr_clip")  # what they say belongs to the run itself


def check_run(arguments: Sequence[str], gpu_memory_gb: float | None = None) -> Findings:
    """Check what `cmr-clip fit` would do with these arguments.

    Args:
        arguments: of `fit`.
        gpu_memory_gb: memory of the GPU that the job will run on, in 10⁹ bytes.
    """
    findings = Findings()
    plan = None
    with findings.attempt("configuration"):
        plan = read_plan(arguments)
        task = plan.config["model"]["class_path"].rsplit(".", 1)[-1]
        machines = f"{plan.trainer['num_nodes']} × {plan.trainer['devices']} devices"
        studies = f"{plan.data['batch_size']} studies on each"
        findings.ok("configuration", f"every field is known; {task}, {machines}, {studies}")
    if plan is None:
        findings.note("everything else", "is checked once the configuration can be read")
        return findings
    with quiet(_HINTING, logging.ERROR):
        check_folder(plan, findings)
        check_data(plan, findings)
        model = check_model(plan, findings)
        check_resume(plan, model, findings)
        if model is None or findings.failures:
            findings.note("training step", "is tried once the checks above are passed")
        else:
            with findings.attempt("training step"):
                trial = run_trial(plan, model)
                findings.ok("training step", f"2 studies on the CPU: loss {trial.loss:.3f}, {trial.seconds:.1f} s")
                check_memory(plan, trial, gpu_memory_gb, findings)
    return findings
