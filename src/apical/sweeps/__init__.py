"""Parameter sweeps: factorial designs of hyperparameters and seeds on Dask, with statistics.

On a cluster with SLURM, dask-jobqueue starts scheduler and workers; folders must be on a disk that
all machines share, and programs are compiled once if ``APICAL_CACHE_DIR`` is there too::

    from dask_jobqueue import SLURMCluster  # pip install dask-jobqueue

    if __name__ == "__main__":
        cluster = SLURMCluster(cores=1, processes=1, memory="4GB", walltime="04:00:00")
        cluster.scale(jobs=20)
        design = read_design(Path("experiment.toml"))
        results = sweep(design, "runs/experiment", scheduler=cluster.scheduler_address)
        report(results, design.factors, design.baseline).write(Path("runs/experiment"))

A job that ends before its run is like a worker that died: the run resumes from its checkpoint.

Imports `runs` and below. To add a statistic, write a function in `statistics.py`, and give
it a column in `statistics.summary` or `statistics.comparisons`, and in `tables.py`.
"""

from apical.sweeps.design import Design as Design
from apical.sweeps.design import read_design as read_design
from apical.sweeps.repeating import repeated as repeated
from apical.sweeps.running import sweep as sweep
from apical.sweeps.tables import Report as Report
from apical.sweeps.tables import report as report
