"""A SLURM of one node in a folder: its own munge, controller and node daemon, started by hand and stopped after."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

BINARIES = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel", "sinfo")
PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))

CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={root}/munge.socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd.pid
SlurmctldLogFile={root}/slurmctld.log
SlurmdLogFile={root}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2,bf_interval=5
MpiDefault=none
ReturnToService=2
KillWait=15
MinJobAge=600
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str:
    """The reason why no SLURM can run here; empty if it can."""
    missing = [name for name in BINARIES if shutil.which(name, path=PATH) is None]
    if missing:
        return f"no {', '.join(missing)} on this machine (Debian: apt-get install slurm-wlm munge)"
    return "" if os.geteuid() == 0 else "only root can start the daemons of SLURM"


@dataclass
class Cluster:
    """A running SLURM.

    Attributes:
        root: where its files lie.
        daemons: its processes.
    """

    root: Path
    daemons: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """What the commands of SLURM need; nothing of a SLURM around the tests."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "SBATCH_"))}
        return {**kept, "PATH": PATH, "SLURM_CONF": str(self.root / "slurm.conf")}

    def start(self) -> None:
        """Start the daemons and wait for the node."""
        for name in ("state", "spool"):
            (self.root / name).mkdir()
        (self.root / "slurm.conf").write_text(
            CONF.format(root=self.root, host=socket.gethostname(), ports=_free_ports(2), cpus=os.cpu_count())
        )
        key = self.root / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        files = [f"--{name}={self.root / f'munge.{name}'}" for name in ("socket", "pid-file", "log-file", "seed-file")]
        self._daemon("munged", "--foreground", "--force", "--num-threads=2", f"--key-file={key}", *files)
        wait_for((self.root / "munge.socket").exists, 20, "munged to open its socket", self.logs)
        self._daemon("slurmctld", "-D", "-c")
        self._daemon("slurmd", "-D")
        wait_for(lambda: "idle" in self.run("sinfo", "-h", "-o", "%t"), 60, "the node to be idle", self.logs)

    def _daemon(self, *command: str) -> None:
        with (self.root / f"{command[0]}.out").open("wb") as out:
            self.daemons.append(
                subprocess.Popen(command, env=self.environment, stdout=out, stderr=out, start_new_session=True)
            )

    def stop(self) -> None:
        """End all jobs, then the daemons, the last first."""
        subprocess.run(["scancel", "--user=root"], env=self.environment, capture_output=True, check=False)
        deadline = time.monotonic() + 40
        while self.run("squeue", "-h", check=False).strip() and time.monotonic() < deadline:
            time.sleep(0.5)
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(15)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def logs(self) -> str:
        """The ends of the daemons' logs, for failure messages."""
        return "\n".join(f"--- {p.name}\n{p.read_text(errors='replace')[-1500:]}" for p in self.root.glob("*.log"))

    def run(self, *command: str, check: bool = True, cwd: Path | None = None) -> str:
        """A command of SLURM; its standard output."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, cwd=cwd, timeout=60
        )
        assert not check or done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def submit(self, script: Path, *arguments: str, options: tuple[str, ...] = (), cwd: Path | None = None) -> str:
        """`sbatch`; the job's number."""
        answer = self.run("sbatch", "--parsable", *options, str(script), *arguments, cwd=cwd)
        return answer.strip().split(";")[0]

    def show(self, job: str) -> dict[str, str]:
        """The fields of `scontrol show job`."""
        answer = self.run("scontrol", "show", "job", "--oneliner", job)
        return dict(re.findall(r"(\w+)=(\S*)", answer))

    def wait_for_state(self, job: str, *states: str, seconds: float, log: Callable[[], str]) -> dict[str, str]:
        """Wait until a job is in one of some states; the job's fields."""
        wait_for(
            lambda: self.show(job)["JobState"] in states,
            seconds,
            f"job {job} to be {' or '.join(states)}",
            lambda: f"it is {self.show(job)['JobState']}\n{log()}\n{self.logs()}",
        )
        return self.show(job)

    def hurry(self, job: str) -> None:
        """Shorten the two minutes that SLURM puts before a requeued job.

        Not to nothing: a node takes a job that starts within a second of its last end for one that is being killed.
        """
        time.sleep(3)
        self.run("scontrol", "update", f"JobId={job}", "StartTime=now", check=False)


def wait_for(condition: Callable[[], bool], seconds: float, what: str, detail: Callable[[], str]) -> None:
    """Poll until a condition holds.

    Raises:
        AssertionError: it never did; with the detail.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain for {what}\n{detail()}")
        time.sleep(0.2)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
