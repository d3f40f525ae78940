# shellcheck shell=bash
# Start `cmr-clip fit` on every task of this job. Read by the job scripts.

# The first start and every later one are the same command: --ckpt_path last begins anew where there is nothing to go
# on from. Tasks, nodes and devices follow from what SLURM granted.
launch_fit() {
    local nodes=${SLURM_JOB_NUM_NODES:-1}
    local tasks=$((SLURM_NTASKS / nodes))
    local trainer=(--trainer.num_nodes "$nodes" --trainer.devices "$tasks")
    if [[ -z ${SLURM_GPUS_ON_NODE:-}${SLURM_JOB_GPUS:-} ]]; then
        trainer+=(--trainer.accelerator cpu)
        export OMP_NUM_THREADS=${OMP_NUM_THREADS:-${SLURM_CPUS_PER_TASK:-1}}
    fi
    echo "$(date -u +%FT%TZ) job ${SLURM_JOB_ID}, start $((${SLURM_RESTART_COUNT:-0} + 1)): $nodes × $tasks tasks on $SLURM_JOB_NODELIST"

    # The signals are for the tasks. This shell and srun must outlive them, or SLURM would end the job at once.
    trap '' USR1 TERM
    # A rank that dies takes the others along instead of leaving them in wait for it.
    srun --nodes="$nodes" --ntasks-per-node="$tasks" --kill-on-bad-exit=1 \
        "${CMR_CLIP_PYTHON:?set it in the site settings}" -m cmr_clip fit --ckpt_path last "$@" "${trainer[@]}"
}
