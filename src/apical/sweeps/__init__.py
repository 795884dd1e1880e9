"""Sweeps: factors times seeds, on one machine or many, and what to say about the results."""

from apical.sweeps.design import Design as Design
from apical.sweeps.design import read_design as read_design
from apical.sweeps.running import sweep as sweep
from apical.sweeps.tables import Report as Report
from apical.sweeps.tables import report as report
