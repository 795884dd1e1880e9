"""Measures of recorded activity: spike statistics, tuning, representation, learning, cost."""
