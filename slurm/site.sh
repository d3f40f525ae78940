# shellcheck shell=bash
# Settings of this cluster, read by the job scripts. Edit it, or point CMR_CLIP_SITE to a copy of your own.
# Source it in the shell that submits, too: sbatch reads the variables SBATCH_… and they beat the lines #SBATCH.

# --- where jobs run (none: the cluster's defaults) ---
# export SBATCH_PARTITION=gpu
# export SBATCH_ACCOUNT=my_project
# export SBATCH_QOS=normal
# export SBATCH_CONSTRAINT=a100
# export SBATCH_TIMELIMIT=24:00:00

# --- software ---
# module load cuda
# The interpreter that has cmr-clip installed: that of .venv beside this folder, else that of the shell that submits.
own=${SLURM_SUBMIT_DIR:-$PWD}/.venv/bin/python
if [[ ! -x $own ]]; then own=$(command -v python3 || true); fi
export CMR_CLIP_PYTHON=${CMR_CLIP_PYTHON:-$own}

# --- nodes without internet: every model comes from a local folder ---
export HF_HUB_OFFLINE=${HF_HUB_OFFLINE:-1}

# --- network between nodes: set the interface if the ranks do not find each other ---
# export NCCL_SOCKET_IFNAME=ib0
# export GLOO_SOCKET_IFNAME=ib0
# export NCCL_DEBUG=WARN

# --- fast local disk for temporary files ---
# export TMPDIR=${SLURM_TMPDIR:-/tmp}
