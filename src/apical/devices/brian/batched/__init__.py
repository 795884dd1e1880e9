"""Many trials at once in lockstep, from the statements that Brian2 makes of a description.

Brian2 makes the objects of a network, integrates its equations, and reads every text; what it would
write as code is caught as statements (`capture`), compiled into functions of arrays with a row for
each trial (`program`), and carried out step by step (`simulator`), by one of several array
libraries (`libraries`). On NumPy those that C++ rounds alike (`typed`, `kernels`) are one compiled
program (`fused`). It imports what devices import, and `apical.devices.brian`. A library is
added as a subclass of `libraries.BatchLibrary`.
"""
