"""Parameter sweeps: factorial designs of hyperparameters and seeds, with statistics.

Workers on one machine are processes that are reached through pipes: nothing listens on a port, so
other users of the machine cannot reach them. Workers on several machines need a Dask scheduler.

**Whoever can connect to a scheduler at a ``tcp://`` address, or to one of its workers, can run code
as the user who started it**, since Dask sends pickled functions: any user of a login node, and any
machine that the firewall lets through. Use such an address only where all who can reach it may do
that. With certificates (``tls://``, https://distributed.dask.org/en/stable/tls.html) both sides
check each other; `sweep` takes them as `security`, ``apical sweep`` from Dask's configuration.

On a cluster with SLURM, dask-jobqueue starts scheduler and workers; folders must be on a disk that
all machines share, and programs are compiled once if ``APICAL_CACHE_DIR`` is there too::

    from dask_jobqueue import SLURMCluster  # pip install dask-jobqueue
    from distributed import Security

    if __name__ == "__main__":
        tls = Security.temporary()  # a certificate for this run; pip install cryptography
        about = dict(cores=1, processes=1, memory="4GB", walltime="04:00:00")
        cluster = SLURMCluster(
            **about, protocol="tls://", security=tls, shared_temp_directory=Path.home()
        )
        cluster.scale(jobs=20)
        design = read_design(Path("experiment.toml"))
        address = cluster.scheduler_address
        results = sweep(design, "runs/experiment", scheduler=address, security=tls)
        report(results, design.factors, design.baseline).write(Path("runs/experiment"))

A job that ends before its run is like a worker that died: the run resumes from its checkpoint.

Imports `runs` and below. To add a statistic, write a function in `statistics.py`, and give
it a column in `statistics.summary` or `statistics.comparisons`, and in `tables.py`.
"""

from apical.sweeps.design import Design as Design
from apical.sweeps.design import read_design as read_design
from apical.sweeps.parallel import in_parallel as in_parallel
from apical.sweeps.repeating import repeated as repeated
from apical.sweeps.running import sweep as sweep
from apical.sweeps.tables import Report as Report
from apical.sweeps.tables import report as report
